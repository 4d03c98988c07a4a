// What a client sends, on every page, in a real browser: it is shown as the text that it is, and nothing of it runs, loads or asks.
// Beside what the shop has in it, texts stand where only answers can put them: in what went wrong with a job, and in a problem.

import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { endpoints } from "../../routes/mod.ts";
import { DASHBOARD_PATH, dashboardPages } from "../../src/dashboard/pages.ts";
import { retold } from "../browser/answers.ts";
import { labTests } from "../browser/lab.ts";
import { drawn, pagePaths, saidBy, settled, tableOf } from "../browser/reading.ts";
import { tell } from "../support/proof.ts";
import { botClicks, categoryOf, formulas, markup } from "./output_texts.ts";

const yesterday = Math.floor(Date.now() / 86_400_000) * 86_400_000 - 12 * 3_600_000;
const DATE = new Date(yesterday).toISOString().slice(0, "2014-04-07".length);

/** Each text as a bot, as an item that sells, and as a category; and lately, so that the live page and the blocklist have them. */
const events = [
  ...markup.flatMap((text, i) => botClicks(text, yesterday + i * 60_000, categoryOf(text))),
  ...markup.map((text, i) => ({
    ...{ kind: "purchase", session_id: `buyer-${i}`, timestamp: yesterday + 1000 * i, item_id: text },
    ...{ price: 10 + i, quantity: 1, page: text, ...categoryOf(text) },
  })),
  ...formulas.map((page, i) => ({ session_id: `s${i}`, timestamp: yesterday + 3_600_000, item_id: i, page })),
  ...markup.map((text) => ({ session_id: 1, timestamp: text, item_id: text })),
];

const test = labTests({
  visitorsPerDay: 0,
  setup: async ({ send, guardian, service }) => {
    await send(events);
    await guardian.archiver.flush();
    await service.days.backfill();
  },
});

/** Watches a page for whatever a text could do but be read. */
function watched(page: Page, url: string): string[] {
  const did: string[] = [];
  page.on("dialog", (dialog) => {
    did.push(`dialog ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(url) && !/^(data|blob):/.test(request.url())) did.push(`request ${request.url()}`);
  });
  page.on("framenavigated", (frame) => {
    if (!frame.url().startsWith(url)) did.push(`frame ${frame.url()}`);
  });
  page.on("popup", (popup) => did.push(`popup ${popup.url()}`));
  return did;
}

const PLANTED =
  "main img, main script, main iframe, main object, main embed, main form[action], main base, main video, main audio, main template, " +
  "main [onerror], main [onload], main [onclick], main [onfocus], main [onmouseover], main a[href^='javascript:'], math, base, " +
  "meta[http-equiv=refresh]";

async function nothingRan(page: Page, did: readonly string[], where: string): Promise<void> {
  assert.equal(await page.evaluate("globalThis.ran ?? parent.ran"), undefined, where);
  assert.equal(await page.locator(PLANTED).count(), 0, where);
  assert.deepEqual(did, [], where);
}

/** Everyday a few addresses with a text in them are opened, and all of them with GUARDIAN_TEST_OUTPUT=all. What is on pages is always all. */
const addressed = Deno.env.get("GUARDIAN_TEST_OUTPUT") === "all" ? markup : markup.filter((_, i) => i % 10 === 0);

test("every page shows hostile texts as they are and runs nothing when a shop is full of them", async ({ open, visit, url }) => {
  const page = await open(pagePaths[0]), did = watched(page, url);
  let looks = 0;
  for (const path of pagePaths) {
    await visit(page, path);
    await settled(page);
    for (const button of await page.getByRole("button", { name: /as a table$/ }).all()) await button.click();
    await nothingRan(page, did, path);
    looks++;
  }
  await visit(page, "/dashboard/anomalies?status=all");
  await settled(page);
  await drawn(page);
  const [, ...rows] = await tableOf(page.locator("table.anomalies"));
  assert.deepEqual(rows.map((row) => row[1]).sort(), [...markup].sort(), "each session is told by its very name");
  await visit(page, "/dashboard/items");
  await settled(page);
  const said = await saidBy(page);
  const items = await (await fetch(`${url}/items/popular/${DATE}?limit=50`)).json() as { item_id: string | number }[];
  const shown = items.filter(({ item_id }) => said.includes(String(item_id)));
  assert.ok(shown.length >= 10, `${shown.length} items are shown under their names`);
  for (const text of addressed) {
    await page.goto(`${url}/dashboard/anomalies?session=${encodeURIComponent(text)}`);
    await page.locator("h1").waitFor();
    looks++;
  }
  await settled(page);
  await nothingRan(page, did, "an address with a text in it");
  tell("hostile texts on pages", { texts: markup.length, sessions_shown: rows.length, looks, ran: 0 });
});

test("a page shows hostile texts as they are when they are what a job or a request failed of", async ({ open, url }) => {
  const reason = markup.join(" "), page = await open("/dashboard", { errors: /status of 422/ }), did = watched(page, url);
  await retold<Record<string, unknown>[]>(page, "/jobs/runs", (runs) => runs.map((run) => ({ ...run, state: "failed", error: reason })));
  await page.route(({ pathname }) => pathname === "/metrics/daily", (route) => {
    const problem = { type: "about:blank", title: reason, status: 400, detail: reason, code: "invalid_parameter", instance: reason };
    return route.fulfill({ status: 422, contentType: "application/problem+json", body: JSON.stringify(problem) });
  });
  for (const path of ["/dashboard/jobs", "/dashboard/daily"]) {
    await page.goto(url + path).catch(() => {});
    await settled(page);
    await nothingRan(page, did, path);
    const said = await saidBy(page);
    assert.ok(said.includes(markup[0]), `${path} tells the reason: ${said.slice(0, 500)}`);
  }
});

/** Pages beside the dashboard's: the API's description. */
const otherPages = ["/docs", "/redoc"];

Deno.test("every page that the table of routes has is looked at with hostile texts on it", () => {
  const withPages = endpoints.filter(({ answers }) => Object.values(answers).flat().some(({ mediaType }) => mediaType === "text/html"));
  const looked = withPages.map(({ path }) => path).sort();
  assert.deepEqual(looked, [DASHBOARD_PATH, `${DASHBOARD_PATH}/{page}`, ...otherPages].sort());
  assert.deepEqual(pagePaths, [DASHBOARD_PATH, ...dashboardPages.map((name) => `${DASHBOARD_PATH}/${name}`)]);
});

test("pages of the API's description and raw answers run nothing when a browser opens them", async ({ browser, url }) => {
  const page = await browser.newPage(), did = watched(page, url);
  try {
    for (const path of [...otherPages, "/"]) {
      await page.goto(`${url}${path}#${encodeURIComponent(markup[0])}`);
      await nothingRan(page, did, path);
    }
    for (const [i, text] of addressed.entries()) {
      const part = encodeURIComponent(text),
        paths = [`/${part}`, `/anomalies?${part}=${part}`, `/anomalies/${part}`, `/items/popular/${part}`];
      await page.goto(url + paths[i % paths.length]);
      assert.equal(await page.evaluate("globalThis.ran"), undefined, text);
      assert.match(await page.evaluate("document.contentType"), /json/, text);
    }
    for (const path of ["/dead_letters", "/anomalies", `/items/popular/${DATE}`, "/jobs/runs"]) {
      await page.goto(url + path);
      assert.match(await page.evaluate("document.contentType"), /json/, path);
      assert.equal(await page.evaluate("globalThis.ran"), undefined, path);
    }
    assert.deepEqual(did, []);
  } finally {
    await page.close();
  }
});
