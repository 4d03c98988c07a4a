// Everything by keyboard alone, as for somebody who has no mouse. What always holds: the focus is never lost, whatever was done.

import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { withSample } from "./answers.ts";
import { labTests } from "./lab.ts";
import { becomes, settled, tableOf, until } from "./reading.ts";

const test = labTests({ visitorsPerDay: 600, days: 3 });

/** What has the focus, by its name or its text. */
async function focus(page: Page): Promise<string> {
  return await page.evaluate(`(() => {
    const at = document.activeElement;
    const labelled = at.getAttribute("aria-labelledby");
    const name = at.getAttribute("aria-label") ?? at.labels?.[0]?.textContent ?? at.textContent;
    return at === document.body ? "lost" : labelled === null ? name.trim() : document.getElementById(labelled).textContent.trim();
  })()`);
}

/** Goes on by the Tab key until something has the focus. */
async function tabTo(page: Page, name: string | RegExp, key = "Tab"): Promise<void> {
  const passed: string[] = [];
  for (let steps = 0; steps < 200; steps++) {
    await page.keyboard.press(key);
    const at = await focus(page);
    if (typeof name === "string" ? at === name : name.test(at)) return;
    passed.push(at);
  }
  assert.fail(`no way to ${name} by ${key}; on the way: ${passed.join(" | ")}`);
}

async function press(page: Page, key: string): Promise<void> {
  await page.keyboard.press(key);
  assert.notEqual(await focus(page), "lost", `after ${key}`);
}

test("the first Tab leads to a link that skips what is above the figures", async ({ open }) => {
  const page = await open("/dashboard/daily");
  await settled(page);
  await tabTo(page, "Skip to the figures");
  assert.ok((await page.locator(".skip").boundingBox())!.y >= 0, "the link is seen");
  await press(page, "Enter");
  assert.equal(await page.evaluate("document.activeElement.id"), "main");
});

test("every page is reached by keyboard, and its heading has the focus then", async ({ open }) => {
  const page = await open("/dashboard");
  await settled(page);
  for (const title of ["Anomalies", "Daily", "Funnel", "Items", "Live shop", "Jobs", "Overview"]) {
    await page.evaluate("document.activeElement.blur(), document.querySelector('.brand').focus()");
    await tabTo(page, title);
    await page.keyboard.press("Enter");
    await until(page, `document.activeElement.tagName === "H1" && document.activeElement.textContent === ${JSON.stringify(title)}`);
    await settled(page);
    assert.equal(await focus(page), title, "the heading keeps the focus while the page loads");
  }
});

test("the switches are turned by the arrow keys, and keep the focus", async ({ open }) => {
  const page = await open("/dashboard/items");
  await settled(page);
  await tabTo(page, "All traffic");
  await press(page, "ArrowRight");
  await until(page, `location.search === "?traffic=humans"`);
  await settled(page);
  assert.equal(await focus(page), "Humans");
  await press(page, "ArrowLeft");
  await until(page, `location.search === ""`);
  await tabTo(page, /Colours/);
  await press(page, "End");
  await until(page, `document.documentElement.dataset.theme === "dark"`);
});

test("a table is sorted by its heads, up, down and back, and says so", async ({ open }) => {
  const page = await open("/dashboard/items");
  await settled(page);
  const region = page.getByRole("region", { name: /^Items of/ }), table = region.locator("table");
  const clicks = async () => (await tableOf(table)).slice(1).map((row) => Number(row[2].replaceAll(",", "")));
  const given = await clicks(), sorted = given.toSorted((a, b) => b - a);
  assert.notDeepEqual(given, sorted);
  await region.focus();
  await tabTo(page, /^Clicks/);
  const head = region.getByRole("columnheader", { name: /^Clicks/ });
  for (const [order, rows] of [["descending", sorted], ["ascending", sorted.toReversed()], [null, given]] as const) {
    await press(page, "Enter");
    await becomes(page, clicks, [...rows]);
    assert.equal(await head.getAttribute("aria-sort"), order);
  }
});

test("a row of an anomaly opens and closes by keyboard, and the button keeps the focus", async ({ open }) => {
  const page = await open("/dashboard/anomalies");
  await settled(page);
  await page.getByRole("heading", { name: "List of anomalies" }).focus();
  await tabTo(page, /^▶/);
  const row = await focus(page);
  await press(page, "Enter");
  await page.locator("tr.opened h3").first().waitFor();
  assert.equal(await focus(page), row.replace("▶", "▼"));
  assert.equal(await page.evaluate(`document.activeElement.getAttribute("aria-expanded")`), "true");
  assert.match(page.url(), /open=/);
  await tabTo(page, "Not a bot");
  await press(page, "Enter");
  // While it is being sent, a second press is not taken.
  await page.locator(".verdict-choice button[aria-pressed=true]:not([aria-disabled=true])").waitFor();
  assert.equal(await focus(page), "Not a bot");
  await press(page, "Enter");
  await until(page, `document.querySelector(".verdict-choice button[aria-pressed=true]") === null`);
  await tabTo(page, row.replace("▶", "▼"), "Shift+Tab");
  await press(page, "Space");
  await until(page, `document.querySelector("tr.opened") === null`);
  assert.equal(await focus(page), row);
});

test("the arrow keys move through a chart, and each point is told", async ({ open }) => {
  for (const [path, title] of [["/dashboard", "Events every 10 seconds"], ["/dashboard/items", "Top 10 items by revenue"]]) {
    const page = await open(path);
    await settled(page);
    const figure = page.getByRole("figure", { name: title }), told = figure.locator("[aria-live=polite]");
    await figure.locator("canvas").first().waitFor();
    await figure.getByRole("group", { name: new RegExp(`^${title}`) }).focus();
    const words: string[] = [];
    for (const key of ["Home", "ArrowRight", "ArrowRight", "ArrowLeft", "End"]) {
      await press(page, key);
      await until(
        page,
        `${JSON.stringify(words.at(-1) ?? "")} !== document.activeElement.parentElement.querySelector("[aria-live]").textContent`,
      );
      words.push((await told.textContent())!);
    }
    assert.equal(words[1], words[3], "there and back");
    assert.equal(new Set(words).size, 4);
    for (const one of words) assert.match(one, path === "/dashboard" ? /^From: .+, Clicks: [\d,]+, / : /^Item: .+Revenue: €/);
    await press(page, "Escape");
    await becomes(page, () => told.textContent(), "");
    await page.context().close();
  }
});

test("what a figure means shows when its sign has the focus, and goes with Escape", async ({ open }) => {
  const page = await open("/dashboard");
  await settled(page);
  await tabTo(page, "Active sessions: what it means");
  const tip = page.getByRole("tooltip").filter({ visible: true });
  await tip.waitFor();
  const id = await page.evaluate(`document.activeElement.getAttribute("aria-describedby")`);
  assert.equal(await tip.getAttribute("id"), id);
  assert.ok((await tip.innerText()).length > 20);
  await press(page, "Escape");
  await tip.waitFor({ state: "hidden" });
  assert.equal(await focus(page), "Active sessions: what it means");
});

test("files are saved by keyboard, and the button keeps the focus", async ({ open }) => {
  const page = await open("/dashboard/items");
  await settled(page);
  await page.getByRole("region", { name: /^Items of/ }).focus();
  for (const [name, ending] of [[/^Items of .* as CSV$/, ".csv"], [/^Items of .* as JSON$/, ".json"]] as const) {
    await tabTo(page, name);
    const saved = page.waitForEvent("download");
    await press(page, "Enter");
    assert.ok((await saved).suggestedFilename().endsWith(ending));
  }
});

test("the sample is cleared by keyboard: asked first, taken back, then done", async ({ open }) => {
  let shown = true, cleared = 0;
  const page = await open("/dashboard", {
    prepare: async (page) => {
      await withSample(page, () => shown);
      await page.route("**/sample/clear", async (route) => {
        cleared++;
        shown = false;
        await route.fulfill({ json: { cleared: true } });
      });
    },
  });
  await settled(page);
  await tabTo(page, "Clear the sample");
  await press(page, "Enter");
  await page.getByRole("group", { name: "Delete the sample?" }).waitFor();
  assert.notEqual(await focus(page), "lost", "the question has the focus");
  await tabTo(page, "Keep");
  await press(page, "Enter");
  await until(page, `document.querySelector(".confirm") === null`);
  assert.notEqual(await focus(page), "lost", "back on the button");
  assert.equal(cleared, 0);
  await page.getByRole("button", { name: "Clear the sample" }).focus();
  await press(page, "Enter");
  await page.getByRole("group", { name: "Delete the sample?" }).waitFor();
  await page.getByRole("button", { name: "Delete" }).focus();
  await press(page, "Enter");
  await until(page, `document.querySelector(".banner") === null`);
  assert.equal(cleared, 1);
  assert.notEqual(await focus(page), "lost", "the banner has gone, the focus has not");
});
