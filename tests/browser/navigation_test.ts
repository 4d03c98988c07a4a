// Ways through the dashboard: links, the browser's back button, addresses that lead nowhere; and the banner that says that what is shown is a
// sample.

import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { withSample } from "./answers.ts";
import { labTests } from "./lab.ts";
import { becomes, pagePaths, settled, tableOf, tooWide, until } from "./reading.ts";

const test = labTests({ visitorsPerDay: 300, days: 2 });

const titles = ["Overview", "Anomalies", "Daily", "Funnel", "Items", "Live shop", "Jobs"];
const link = (page: Page, title: string) => page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: title, exact: true });

/** Title of the window, heading, the page that the navigation says one is on, and what has the focus. */
async function standing(page: Page): Promise<unknown[]> {
  return [
    await page.title(),
    await page.locator("h1").textContent(),
    await page.locator("nav [aria-current=page]").allTextContents(),
    await page.evaluate("document.activeElement.tagName"),
  ];
}

test("each page has its title, its one heading and its place in the navigation, and back and forward go through them", async ({ open, url }) => {
  const page = await open("/dashboard");
  const at = (title: string, focus = "H1") => [`${title} · Clickstream Guardian`, title, [title], focus];
  await becomes(page, () => standing(page), at("Overview", "BODY"));
  for (const [i, title] of titles.entries()) {
    await link(page, title).click();
    if (i > 0) await becomes(page, () => standing(page), at(title));
    assert.equal(page.url(), url + pagePaths[i]);
    assert.equal(await page.locator("h1").count(), 1);
  }
  await page.goBack();
  await becomes(page, () => standing(page), at("Live shop"));
  await page.goBack();
  await becomes(page, () => standing(page), at("Items"));
  await page.goForward();
  await becomes(page, () => standing(page), at("Live shop"));
});

test("headings of a page go down in order, from the one of the page", async ({ open, visit }) => {
  const page = await open(pagePaths[0]);
  for (const path of pagePaths) {
    await visit(page, path);
    await settled(page);
    const levels: number[] = await page.evaluate(`[...document.querySelectorAll("h1, h2, h3, h4")].map((one) => Number(one.tagName[1]))`);
    assert.equal(levels[0], 1, path);
    for (const [i, level] of levels.entries()) assert.ok(i === 0 || (level > 1 && level <= levels[i - 1] + 1), `${path}: ${levels}`);
  }
});

test("a click with a key for a new tab is the browser's", async ({ open, url }) => {
  const page = await open("/dashboard");
  const tab = page.context().waitForEvent("page");
  await link(page, "Items").click({ modifiers: ["ControlOrMeta"] });
  assert.equal((await tab).url(), `${url}/dashboard/items`);
  assert.equal(page.url(), `${url}/dashboard`);
});

/** Goes to an address as a link of the dashboard itself would. */
async function goTo(page: Page, path: string): Promise<void> {
  await page.evaluate(`history.pushState(null, "", ${JSON.stringify(path)}), dispatchEvent(new PopStateEvent("popstate"))`);
}

test("an address of the dashboard that leads nowhere says so, and where to go", async ({ open }) => {
  const page = await open("/dashboard/daily");
  await goTo(page, "/dashboard/nowhere");
  await page.getByText("There is no such page.").waitFor();
  await becomes(page, () => standing(page), ["Not found · Clickstream Guardian", "Not found", [], "H1"]);
  await page.getByRole("link", { name: "Go to the overview" }).click();
  await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
});

test("a choice is in the address, back undoes it, and its link shows the same to somebody else", async ({ open, url }) => {
  const page = await open("/dashboard/items");
  await settled(page);
  const table = (page: Page) => page.getByRole("region", { name: /^Items of/ }).locator("table");
  const byRevenue = await tableOf(table(page));
  await page.getByText("By clicks", { exact: true }).click();
  await until(page, `location.search === "?by=clicks"`);
  await page.getByRole("region", { name: /by clicks$/ }).waitFor();
  const byClicks = await tableOf(table(page));
  assert.notDeepEqual(byClicks, byRevenue);
  const other = await open(page.url().slice(url.length));
  await becomes(other, () => tableOf(table(other)), byClicks);
  await page.goBack();
  await becomes(page, () => tableOf(table(page)), byRevenue);
});

test("colours that a person has chosen stay when the page is loaded again, whatever the system says", async ({ open }) => {
  const page = await open("/dashboard");
  const theme = () => page.evaluate<string>("document.documentElement.dataset.theme");
  assert.equal(await theme(), "light");
  await page.getByLabel("Colours").selectOption("dark");
  await until(page, `document.documentElement.dataset.theme === "dark"`);
  await page.reload();
  await page.locator("h1").waitFor();
  assert.equal(await theme(), "dark");
  await page.getByLabel("Colours").selectOption("system");
  await until(page, `document.documentElement.dataset.theme === "light"`);
  await page.emulateMedia({ colorScheme: "dark" });
  await until(page, `document.documentElement.dataset.theme === "dark"`);
});

test("a sample is called a sample, with how to send real events, and goes when it is cleared", async ({ open, get }) => {
  const { send } = await get<{ send: { curl: string; replay: string } }>("/sample");
  let shown = true, fails = true;
  const page = await open("/dashboard", {
    width: 320,
    errors: /status of 500/,
    prepare: async (page) => {
      await withSample(page, () => shown);
      await page.route("**/sample/clear", async (route) => {
        if (fails) return await route.fulfill({ status: 500, json: { detail: "Cannot delete the sample: the disk is read-only" } });
        shown = false;
        await route.fulfill({ json: { cleared: true } });
      });
    },
  });
  const banner = page.getByRole("complementary", { name: "Sample data" });
  await banner.getByText("This is a sample shop.").waitFor();
  await banner.getByText("Send your own events").click();
  assert.deepEqual(await banner.locator("code").allTextContents(), [send.curl, send.replay]);
  assert.ok(await tooWide(page) <= 0);
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await banner.getByRole("button", { name: "Copy" }).first().click();
  await banner.getByRole("button", { name: "Copied" }).waitFor();
  assert.equal(await page.evaluate("navigator.clipboard.readText()"), send.curl);

  const clear = async () => {
    await banner.getByRole("button", { name: "Clear the sample" }).click();
    await banner.getByRole("button", { name: "Delete" }).click();
  };
  await clear();
  await banner.getByText("Cannot delete the sample: the disk is read-only").waitFor();
  fails = false;
  await clear();
  await banner.waitFor({ state: "detached" });
});

test("without a sample there is no banner", async ({ open }) => {
  const page = await open("/dashboard");
  await settled(page);
  assert.equal(await page.getByText("sample shop").count(), 0);
});
