// What a hostile client can send, as people see it: names of markup, of 128 bytes without a break, of quotes, of letters that go from right to
// left, of formulas. What always holds: it is text and nothing more, on the page and in the files saved from it, and it breaks no layout.

import assert from "node:assert/strict";
import { parse } from "csv-parse/sync";
import type { Page } from "playwright-core";
import { labTests } from "./lab.ts";
import { saidBy, settled, tableOf, tooWide } from "./reading.ts";
import { savedBy } from "./saving.ts";

const MARKUP = `<img src=x onerror="globalThis.ran=1"><script>globalThis.ran=1</script>`;
const LONG = "x".repeat(128);
const sessions = [MARKUP, LONG, "=1+1", "@SUM(A1)", `a"b'c,d`, "שלום-עולם", "🛒🤖", "{{constructor}}", "a/b?c#d&e=f"];
const items = [`"blue" 'shoes', <b>bold</b>`, MARKUP, LONG, "=HYPERLINK(0)", "נעליים", "{a|b}"];
const categories = ["👟 נעליים", "<i>c</i>", "+1", "y".repeat(128)];

const yesterday = Math.floor(Date.now() / 86_400_000) * 86_400_000 - 12 * 3_600_000;

/** A bot of each name, yesterday, and a purchase of each item; then people some minutes later. */
const events: object[] = [
  ...sessions.flatMap((session_id, s) =>
    Array.from({ length: 80 }, (_, i) => ({
      session_id,
      timestamp: yesterday + i * 20,
      item_id: items[(s + i) % items.length],
      category: categories[i % categories.length],
    }))
  ),
  ...items.map((item_id, i) => ({
    type: "purchase",
    session_id: `buyer-${i}`,
    timestamp: yesterday + 1000 * i,
    item_id,
    category: categories[i % categories.length],
    price: 10 + i,
    quantity: 1,
  })),
  ...Array.from({ length: 20 }, (_, i) => ({ session_id: `visitor-${i}`, timestamp: yesterday + 600_000, item_id: "plain" })),
];

const test = labTests({
  visitorsPerDay: 0,
  setup: async ({ send, guardian, service }) => {
    await send(events);
    await guardian.archiver.flush();
    await service.days.backfill();
  },
});

const paths = ["", "/anomalies?status=all", "/daily", "/funnel", "/items", "/live", "/jobs"].map((path) => `/dashboard${path}`);

async function nothingRan(page: Page): Promise<void> {
  assert.equal(await page.evaluate("globalThis.ran"), undefined);
  assert.equal(await page.locator("main img, main script").count(), 0);
}

test("hostile names are shown as they are and run nothing, and no page grows wider than the phone", async ({ open, visit }) => {
  for (const width of [320, 1280]) {
    const page = await open(paths[0], { width });
    for (const path of paths) {
      await visit(page, path);
      await settled(page);
      for (const button of await page.getByRole("button", { name: /as a table$/ }).all()) await button.click();
      assert.ok(await tooWide(page) <= 0, `${path} at ${width} px is ${await tooWide(page)} px too wide`);
      assert.doesNotMatch(await saidBy(page), /\[object|undefined|NaN/, path);
      await nothingRan(page);
    }
  }
});

test("every hostile session is in the list under its very name, opens, and is found by its link", async ({ open, visit, url }) => {
  const page = await open("/dashboard/anomalies"), other = await open("/dashboard", { width: 320 });
  await settled(page);
  const [, ...rows] = await tableOf(page.locator("table.anomalies"));
  assert.deepEqual(new Set(rows.map((row) => row[1])), new Set(sessions));
  for (const session of sessions) {
    const row = page.locator("table.anomalies tbody tr").filter({ has: page.getByText(session, { exact: true }) }).first();
    await row.locator("button.opener").click();
    const opened = page.locator("tr.opened");
    await opened.getByRole("heading", { level: 3 }).filter({ hasText: session }).first().waitFor();
    await opened.getByRole("figure", { name: "What the session clicked" }).waitFor();
    const link = page.url();
    await row.locator("button.opener").click();
    await visit(other, link.slice(url.length));
    await other.locator(".opened-part h3").filter({ hasText: session }).first().waitFor();
    await settled(other);
    assert.ok(await tooWide(other) <= 0, `opened ${session.slice(0, 20)} is ${await tooWide(other)} px too wide`);
    await nothingRan(other);
  }
  await page.locator("table.anomalies").getByText(MARKUP, { exact: true }).first().click();
  await page.waitForURL(/session=/);
  await settled(page);
  assert.equal(new URL(page.url()).searchParams.get("session"), MARKUP);
  const [, ...filtered] = await tableOf(page.locator("table.anomalies"));
  assert.deepEqual(new Set(filtered.map((row) => row[1])), new Set([MARKUP]));
});

test("files saved from a page have hostile names in one cell each, and none that a spreadsheet would run", async ({ open }) => {
  for (
    const [path, what, column, names] of [["anomalies", "Anomalies shown", "session_id", sessions], [
      "items",
      /^Items of/,
      "item_id",
      items,
    ]] as const
  ) {
    const page = await open(`/dashboard/${path}`);
    await settled(page);
    const csv = await savedBy(page, page.getByRole("button", { name: what }).filter({ hasText: "CSV" }));
    const cells = (parse(csv.text, { columns: true }) as Record<string, string>[]).map((row) => row[column]);
    for (const name of names) {
      const isFormula = /^[=+\-@]/.test(name);
      assert.ok(cells.includes(isFormula ? `'${name}` : name), `${name} in ${path}`);
    }
    for (const cell of cells) assert.doesNotMatch(cell, /^[=+\-@\t]/);
    const json = await savedBy(page, page.getByRole("button", { name: what }).filter({ hasText: "JSON" }));
    const told = new Set((JSON.parse(json.text) as Record<string, unknown>[]).map((row) => row[column]));
    for (const name of names) assert.ok(told.has(name), `${name} in ${path}`);
    await page.context().close();
  }
});
