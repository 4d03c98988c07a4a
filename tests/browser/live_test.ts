// What happens in the shop as it comes onto the page: anomalies that arise, are confirmed, and figures that move, without a reload; and the
// feed that is cut and comes back, with nothing missed and nothing twice.

import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { pass, withClock } from "./clock.ts";
import { type BrowserLab, labTests } from "./lab.ts";
import { becomes, settled, shown, tableOf, tilesOf, until } from "./reading.ts";

const FAILED_LOADS = /Failed to load resource|net::ERR/;
const MINUTE = 60_000;

const test = labTests({ visitorsPerDay: 0 });

/**
 * Where the windows of the next bots begin: so far behind everything that was sent before that nothing is late, and nothing of it is in the
 * last half hour any more.
 */
let now = Math.floor(Date.now() / MINUTE) * MINUTE - 1_200 * MINUTE;

function nextTime(): number {
  return now += 45 * MINUTE;
}

/** 60 clicks within a second by each of some sessions. */
function bots(sessions: readonly string[], at: number): object[] {
  return sessions.flatMap((session) =>
    Array.from({ length: 60 }, (_, i) => ({ session_id: session, timestamp: at + i * 15, item_id: `item-${i % 20}` }))
  );
}

/** Clicks of many people ten minutes later, which end every window before. */
function closing(at: number): object[] {
  return Array.from({ length: 20 }, (_, i) => ({ session_id: `visitor-${i}`, timestamp: at + 10 * MINUTE, item_id: `item-${i}` }));
}

/** Session and status of each row of the list. */
async function rowsOf(page: Page, prefix: string): Promise<string[][]> {
  const [, ...rows] = await tableOf(page.locator("table.anomalies"));
  return rows.map((row) => [row[1], row[4]]).filter(([session]) => session.startsWith(prefix)).toSorted();
}

async function isLive(page: Page): Promise<void> {
  await page.locator(".dot.live").waitFor();
}

/** A shop in which something has happened already. */
async function beginning({ send }: BrowserLab): Promise<void> {
  const at = nextTime();
  await send(bots(["first-bot"], at));
  await send(closing(at));
}

test("an anomaly shows up without a reload where it arises, and is confirmed there when its window has ended", async (lab) => {
  await beginning(lab);
  const overview = await lab.open("/dashboard"), list = await lab.open("/dashboard/anomalies"), shop = await lab.open("/dashboard/live");
  for (const page of [overview, list, shop]) {
    await settled(page);
    await isLive(page);
    await page.evaluate("globalThis.neverLeft = true");
  }
  const at = nextTime();
  await lab.send(bots(["sudden-bot"], at));
  const newest = overview.locator(".reasons li").first();
  await newest.filter({ hasText: "sudden-bot" }).waitFor();
  await newest.filter({ hasText: "provisional" }).waitFor();
  await becomes(list, () => rowsOf(list, "sudden"), [["sudden-bot", "provisional"]]);

  await lab.send(closing(at));
  await becomes(list, () => rowsOf(list, "sudden"), [["sudden-bot", "confirmed"]]);
  await until(overview, `!document.querySelector(".reasons li").textContent.includes("provisional")`);
  const clicks = 80;
  await becomes(overview, async () => (await lab.get<{ clicks: number }>("/live/figures")).clicks, clicks);
  for (const page of [overview, shop]) {
    const read = async () => (await tilesOf(page.locator('.tiles[aria-label="The last 30 minutes"]'))).Clicks;
    await becomes(page, read, shown(clicks));
  }
  for (const page of [overview, list, shop]) assert.equal(await page.evaluate("globalThis.neverLeft"), true);
});

test("figures of the live shop move with each click, by the feed alone", async (lab) => {
  await beginning(lab);
  const page = await lab.open("/dashboard/live");
  await settled(page);
  await isLive(page);
  await page.route("**/live/figures*", (route) => route.fulfill({ status: 500, json: { detail: "not asked for" } }));
  const at = nextTime();
  for (let clicks = 1; clicks <= 3; clicks++) {
    await lab.send([{ session_id: "one-visitor", timestamp: at + clicks, item_id: "shoes" }]);
    const read = async () => {
      const { Clicks, "Active sessions": sessions } = await tilesOf(page.locator('.tiles[aria-label="The last 30 minutes"]'));
      return [Clicks, sessions];
    };
    await becomes(page, read, [shown(clicks), "1"]);
  }
});

test("a feed that was cut comes back where it was: what arose meanwhile is there, each once, and nothing else has to be asked", async (lab) => {
  await beginning(lab);
  const page = await lab.open("/dashboard/anomalies", { prepare: withClock, errors: FAILED_LOADS });
  await settled(page);
  await isLive(page);
  const seen = nextTime();
  await lab.send(bots(["cut-0"], seen));
  await becomes(page, () => rowsOf(page, "cut"), [["cut-0", "provisional"]]);

  // Neither feed nor API: as when a cable is pulled.
  await page.route(
    ({ pathname }) => pathname !== "/live" && !pathname.startsWith("/dashboard"),
    (route) => route.abort("connectionrefused"),
  );
  lab.feed.cut();
  await page.getByText("Live feed away").waitFor();
  await lab.send(closing(seen));
  const names = ["cut-1", "cut-2", "cut-3", "cut-4", "cut-5"];
  for (const name of names) {
    const at = nextTime();
    await lab.send(bots([name], at));
    await lab.send(closing(at));
  }
  assert.deepEqual(await rowsOf(page, "cut"), [["cut-0", "provisional"]]);

  const number = lab.guardian.anomalies.feed;
  lab.feed.mend();
  const again = page.waitForRequest((request) => new URL(request.url()).pathname === "/live");
  await pass(page, 31);
  const named = Number(new URL((await again).url()).searchParams.get("last_event_id"));
  assert.ok(named > 0 && named < number, `the browser names ${named} of ${number}`);
  await isLive(page);
  const { hello } = lab.feed.connections[lab.feed.connections.length - 1];
  assert.deepEqual([hello?.resumed, hello?.missed, hello?.feed], [true, number - named, number]);
  const all = ["cut-0", ...names].map((name) => [name, "confirmed"]);
  await becomes(page, () => rowsOf(page, "cut"), all);

  await page.unrouteAll();
  await page.getByRole("button", { name: "Refresh" }).click();
  await until(page, `document.querySelector("main .notice.error") === null`);
  assert.deepEqual(await rowsOf(page, "cut"), all);
});

test("while the feed is away the page says so, and asks by itself every 5 seconds", async (lab) => {
  await beginning(lab);
  const page = await lab.open("/dashboard/anomalies", { prepare: withClock, errors: FAILED_LOADS });
  await settled(page);
  await isLive(page);
  lab.feed.cut();
  await page.getByText("Live feed away; asking every 5 seconds").waitFor();
  const at = nextTime();
  await lab.send(bots(["asked-for"], at));
  assert.deepEqual(await rowsOf(page, "asked"), []);
  await pass(page, 5);
  await becomes(page, () => rowsOf(page, "asked"), [["asked-for", "provisional"]]);
  await lab.send(closing(at));
  await pass(page, 5);
  await becomes(page, () => rowsOf(page, "asked"), [["asked-for", "confirmed"]]);
  assert.equal(await page.getByText("Live feed away").count(), 1);
});

test("a feed from which nothing came for a minute is given up and opened again", async (lab) => {
  await beginning(lab);
  const page = await lab.open("/dashboard", { prepare: withClock, errors: FAILED_LOADS });
  await settled(page);
  await isLive(page);
  const before = lab.feed.connections.length;
  const again = page.waitForRequest((request) => new URL(request.url()).pathname === "/live");
  await pass(page, 61);
  await pass(page, 31);
  assert.match((await again).url(), /last_event_id=\d+/);
  await isLive(page);
  assert.equal(lab.feed.connections.length, before + 1);
});

test("new rows wait behind a button while a person is among the rows, and none of them is missed", async (lab) => {
  await beginning(lab);
  const page = await lab.open("/dashboard/anomalies");
  await settled(page);
  await isLive(page);
  const opener = page.locator("button.opener").first();
  await opener.focus();
  const at = nextTime(), before = await rowsOf(page, "");
  await lab.send(bots(["waits-1", "waits-2"], at));
  const show = page.getByRole("button", { name: "2 new" });
  await show.waitFor();
  assert.deepEqual(await rowsOf(page, ""), before);
  await show.click();
  await becomes(page, () => rowsOf(page, "waits"), [["waits-1", "provisional"], ["waits-2", "provisional"]]);
  assert.notEqual(await page.evaluate("document.activeElement.tagName"), "BODY");
});
