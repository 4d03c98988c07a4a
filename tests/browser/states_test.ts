// What pages say when there is nothing yet, when the API fails, is silent or breaks off, and when a day is not what it seems.
// What always holds: a page that had figures keeps them, says what is wrong, and is well again by itself.

import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { Api, PROBLEM, retold } from "./answers.ts";
import { pass, withClock } from "./clock.ts";
import { labTests } from "./lab.ts";
import { becomes, drawn, pagePaths, saidBy, settled, tilesOf, tooWide, until } from "./reading.ts";

const FAILED_LOADS = /Failed to load resource/;
const dayBefore = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 10);

const emptyTest = labTests({ visitorsPerDay: 0 });

/** What each page says of an empty folder, and what it says to do. */
const emptyWords: Record<string, RegExp[]> = {
  "/dashboard": [/No event yet/, /Paste into a shell/, /No day is counted yet/, /None so far/],
  "/dashboard/anomalies": [/None so far/, /No anomaly/],
  "/dashboard/daily": [/No day is counted yet/, /Jobs says when/],
  "/dashboard/funnel": [/No day is counted yet/, /Jobs says when/],
  "/dashboard/items": [/No day is counted yet/, /Jobs says when/],
  "/dashboard/live": [/No event yet/, /as soon as it comes in/, /Nothing was clicked/],
  "/dashboard/jobs": [/Nothing has run yet/, /No events/, /Nothing is due now/],
};

emptyTest("every page of an empty folder says that there is nothing yet, and what to do", async ({ open, visit }) => {
  const page = await open(pagePaths[0], { errors: FAILED_LOADS });
  for (const path of pagePaths) {
    await visit(page, path);
    await settled(page);
    const text = await saidBy(page);
    assert.doesNotMatch(text, /undefined|NaN|\[object|Invalid Date|Infinity|Cannot show|could not be/, path);
    for (const words of emptyWords[path]) assert.match(text.replaceAll(/\s+/g, " "), words, path);
    for (const tile of await page.locator(".tile").all()) {
      const words = (await tile.innerText()).split("\n").filter((line) => line.trim() !== "?").slice(1);
      assert.notDeepEqual(words, ["–"], `${path}: a tile of a dash and no words`);
    }
    assert.ok(await tooWide(page) <= 0, path);
  }
});

/** Every window is closed before days are counted, so that no day becomes stale by itself. */
const test = labTests({
  visitorsPerDay: 600,
  days: 2,
  counted: false,
  setup: async ({ send, guardian, service }) => {
    const timestamp = Date.now() + 10 * 60_000;
    await send(Array.from({ length: 20 }, (_, i) => ({ session_id: `last-${i}`, timestamp, item_id: i })));
    await guardian.archiver.flush();
    await service.days.backfill();
  },
});

/** The figures that do not move by themselves. */
async function steady(page: Page): Promise<Record<string, string>> {
  const { "Events coming in": _, Behind: __, ...tiles } = await tilesOf(page);
  return { ...tiles, rows: String(await page.locator("main tbody tr").count()) };
}

const noLoading = (page: Page) =>
  until(page, `document.querySelector("main .loading, main [aria-busy=true]") === null`, "the end of loading");
const errors = (page: Page) => page.locator("main .notice.error");

async function saysError(page: Page, words: RegExp): Promise<void> {
  await errors(page).filter({ hasText: words }).first().waitFor();
}

async function isWell(page: Page): Promise<void> {
  await until(page, `document.querySelector("main .notice.error, main .loading") === null`, "a page without errors");
}

for (const path of pagePaths) {
  test(`${path} is usable while the API is silent, keeps what it had while it fails, and is well again by itself`, async ({ open }) => {
    let api: Api;
    const page = await open(path, {
      errors: FAILED_LOADS,
      prepare: async (page) => {
        await withClock(page);
        api = await Api.of(page, "silent");
      },
    });
    await page.locator("main .loading").first().waitFor();
    assert.match(await saidBy(page), /Loading/);
    await page.getByRole("radio", { name: "Humans" }).check({ force: true });
    await page.getByRole("radio", { name: "All traffic" }).check({ force: true });
    await pass(page, 16);
    await saysError(page, /longer than 15 seconds/);
    await noLoading(page);

    api!.weather = "well";
    await pass(page, 31);
    await isWell(page);
    await api!.answered();
    await drawn(page);
    const before = await steady(page);
    assert.ok(Object.keys(before).length > 2 || Number(before.rows) > 2, "figures to keep");

    const refresh = page.getByRole("button", { name: "Refresh" });
    for (const [weather, words] of [["failing", PROBLEM], ["breaking off", "cannot be read"]] as const) {
      api!.weather = weather;
      await refresh.click();
      await saysError(page, new RegExp(words));
      assert.match(await errors(page).first().innerText(), /could not be refreshed|What you see is from/, weather);
      await becomes(page, () => steady(page), before, weather);
    }
    api!.weather = "silent";
    await refresh.click();
    await pass(page, 16);
    await saysError(page, /longer than 15 seconds/);
    await becomes(page, () => steady(page), before, "silent");

    api!.weather = "well";
    await pass(page, 31);
    await isWell(page);
    await becomes(page, () => steady(page), before, "well again");
  });
}

test("an answer is shown that comes when a page has been drawn and no frame has passed since", async ({ open }) => {
  let answer: () => void, answered: () => void;
  const held = new Promise<void>((resolve) => answer = resolve), done = new Promise<void>((resolve) => answered = resolve);
  const page = await open("/dashboard/jobs", {
    prepare: async (page) => {
      await withClock(page);
      await page.clock.pauseAt(Date.now() + 1_000);
      await page.route(({ pathname }) => pathname === "/jobs", async (route) => {
        await held;
        await route.continue();
      });
      page.on("requestfinished", (request) => new URL(request.url()).pathname === "/jobs" && answered());
    },
  });
  await page.clock.runFor(50); // the frame asks, and fetches the page
  await page.getByText("Loading jobs…").waitFor();
  answer!();
  await done;
  await page.clock.runFor(50);
  await page.getByRole("heading", { name: "Next run" }).waitFor();
});

const stateWords = {
  stale: [/Stale/i, /counted again within the hour/],
  running: [/Being counted/i, /new ones follow/],
  partial: [/Partial/i, /Jobs says which/],
  incomplete: [/Incomplete/i, /damaged files/i],
};

for (const path of ["/dashboard", "/dashboard/daily", "/dashboard/funnel", "/dashboard/items"]) {
  test(`${path} says how a day stands that is not simply finished`, async ({ open }) => {
    let state = "finished";
    const page = await open(path, {
      prepare: async (page) => {
        await retold<object[]>(page, "/metrics/daily", (days) => days.map((day) => ({ ...day, state })));
        for (const rows of ["/metrics/funnel", "/items/popular"]) {
          await retold(page, rows, (data, headers) => {
            headers["day-state"] = state;
            return data;
          });
        }
      },
    });
    await settled(page);
    assert.equal(await page.locator("main .notice").count(), 0);
    for (const [name, words] of Object.entries(stateWords)) {
      state = name;
      await page.getByRole("button", { name: "Refresh" }).click();
      for (const expected of words) await page.locator("main .notice").filter({ hasText: expected }).first().waitFor();
    }
  });
}

test("a day without figures says why, when it has no events and when it is not over", async ({ open }) => {
  const reasons = [["2020-01-01", /No events.*Nothing was recorded on this day/s], [
    dayBefore(-1),
    /Not over yet.*once it has ended/s,
  ]] as const;
  for (const path of ["/dashboard/funnel", "/dashboard/items"]) {
    for (const [date, words] of reasons) {
      const page = await open(`${path}?day=${date}`, { errors: FAILED_LOADS });
      await page.locator("main .notice").filter({ hasText: words }).first().waitFor();
      await page.context().close();
    }
  }
});

test("a day becomes stale on its page when a person says that a session in it is no bot", async ({ open, get, url }) => {
  const days = await get<{ metric_date: string; state: string }[]>("/metrics/daily?limit=5");
  assert.deepEqual(new Set(days.map(({ state }) => state)), new Set(["finished"]));
  const { metric_date } = days[0], until = new Date(Date.parse(metric_date) + 86_400_000).toISOString();
  const [{ session_id }] = await get<{ session_id: number }[]>(`/anomalies?since=${metric_date}T00:00:00Z&until=${until}&limit=1`);
  const page = await open("/dashboard?traffic=humans");
  await settled(page);
  assert.equal(await page.locator("main .notice", { hasText: /: stale/ }).count(), 0);
  const answer = await fetch(`${url}/sessions/${session_id}/feedback`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ verdict: "human" }),
  });
  assert.ok((await answer.json()).days.includes(metric_date));
  await page.getByRole("button", { name: "Refresh" }).click();
  await page.locator("main .notice", { hasText: /: stale/ }).waitFor();
});

const uncountedTest = labTests({ visitorsPerDay: 300, days: 2, counted: false });

uncountedTest("a day that has events and is not counted says so, and who can count it", async ({ open }) => {
  for (const path of ["/dashboard/funnel", "/dashboard/items"]) {
    const page = await open(`${path}?day=${dayBefore(1)}`, { errors: FAILED_LOADS });
    await page.locator("main .notice").filter({ hasText: /Not counted yet.*Jobs can run them now/s }).first().waitFor();
    await page.context().close();
  }
});
