// The dashboard in a real browser over loopback: how long until figures show, what is sent for them, how long going to another page takes,
// what keeps the browser busy while a person goes through thousands of anomalies, and whether memory grows under live updates. Server and
// browser share the machine. Asserts that what it measures was there; no figure is held to a limit.

import assert from "node:assert/strict";
import type { BrowserContext, CDPSession, Page } from "playwright-core";
import { CLICK } from "../src/event/kind.ts";
import { ColumnBuilder, LIVE } from "../src/event/batch.ts";
import { type BrowserLab, openLab } from "../tests/browser/lab.ts";
import { drawn } from "../tests/browser/reading.ts";

const ROUNDS = 5;
/** New anomalies a second; each is told again when it is confirmed. */
const LIVE_PER_S = 50;
/** Clicks of a bot: as many as the rule for fast ones takes. */
const BOT_CLICKS = 50;
/** Most pages of anomalies that are gone through. */
const PAGES_MAX = 210;

/** One line of the table: what, and the figure with its unit. */
type Line = readonly [what: string, figure: string];

/**
 * In every page: when the figures were there, ms since the navigation began, and tasks that held the browser up.
 * Figures are there when there is at least one, and nothing is loading any more; the time is that of the frame after.
 */
const WATCH = `
  globalThis.isReady = () => document.querySelector("main .tile, main tbody tr") !== null && document.querySelector("main .loading") === null;
  globalThis.painted = (holds) => new Promise((resolve) => {
    const look = () => {
      if (!holds()) return;
      watch.disconnect();
      requestAnimationFrame(() => setTimeout(() => resolve(performance.now())));
    };
    const watch = new MutationObserver(look);
    watch.observe(document, { subtree: true, childList: true, characterData: true });
    look();
  });
  globalThis.shownAt = painted(isReady);
  globalThis.longTasks = [];
  new PerformanceObserver((list) => longTasks.push(...list.getEntries().map(({ duration }) => duration))).observe({ type: "longtask", buffered: true });
`;

/** Measures; anomalies: to be gone through; minutes: of live updates, for memory. Returns a table. */
export async function benchDashboard(anomalies: number, minutes: number): Promise<string> {
  const lab = await openLab({ visitorsPerDay: 5_000, days: 8, flags: ["--enable-precise-memory-info"] });
  try {
    const lines = [...await firstViews(lab), ...await switches(lab), ...await paging(lab, anomalies), ...await memory(lab, minutes)];
    return ["| what | measured |", "| --- | --- |", ...lines.map(([what, figure]) => `| ${what} | ${figure} |`)].join("\n");
  } finally {
    await lab.close();
  }
}

async function opened(lab: BrowserLab, path: string): Promise<{ context: BrowserContext; page: Page; wire: CDPSession }> {
  const context = await lab.browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: "reduce" });
  await context.addInitScript(WATCH);
  const page = await context.newPage(), wire = await context.newCDPSession(page);
  await wire.send("Network.enable");
  await wire.send("Performance.enable");
  if (path !== "") await page.goto(lab.url + path);
  return { context, page, wire };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

const ms = (value: number) => `${Math.round(value)} ms`;
const kb = (bytes: number) => `${Math.round(bytes / 1000)} kB`;

async function firstViews(lab: BrowserLab): Promise<Line[]> {
  const times: number[] = [], untilShown: number[] = [], inAll: number[] = [];
  for (let round = -1; round < ROUNDS; round++) {
    const { context, page, wire } = await opened(lab, "");
    let sent = 0;
    wire.on("Network.loadingFinished", ({ encodedDataLength }) => sent += encodedDataLength);
    await page.goto(`${lab.url}/dashboard`, { waitUntil: "commit" });
    const at = await page.evaluate<number>("shownAt"), sentThen = sent;
    await page.waitForLoadState("load");
    await page.evaluate("new Promise((resolve) => requestIdleCallback(() => requestIdleCallback(resolve)))");
    // The round before the first warms the server.
    if (round >= 0) {
      times.push(at);
      untilShown.push(sentThen);
      inAll.push(sent);
    }
    await context.close();
  }
  return [
    [
      `first view: navigation to figures shown, median of ${ROUNDS}, nothing kept from before`,
      `${ms(median(times))} (${times.map(Math.round).join(", ")})`,
    ],
    ["sent for it, until the figures are shown", kb(median(untilShown))],
    ["sent for it, with what is fetched ahead", kb(median(inAll))],
  ];
}

async function switches(lab: BrowserLab): Promise<Line[]> {
  const { context, page } = await opened(lab, "/dashboard");
  await page.evaluate("shownAt");
  await page.evaluate("new Promise((resolve) => requestIdleCallback(resolve))");
  const titles = ["Anomalies", "Daily", "Funnel", "Items", "Live shop", "Jobs", "Overview"];
  const first = new Map<string, number>(), later = new Map<string, number[]>(titles.map((title) => [title, []]));
  for (let round = 0; round <= ROUNDS; round++) {
    for (const title of titles) {
      const took = await page.evaluate<number>(`(async () => {
        const link = [...document.querySelectorAll("nav a")].find((one) => one.textContent === ${JSON.stringify(title)});
        const start = performance.now();
        link.click();
        return await painted(() => document.querySelector("h1").textContent === ${JSON.stringify(title)} && isReady()) - start;
      })()`);
      if (round === 0) first.set(title, took);
      else later.get(title)!.push(took);
    }
  }
  await context.close();
  return titles.map((title) => [
    `to ${title}: click to heading and figures painted, first time; median of ${ROUNDS} later ones`,
    `${ms(first.get(title)!)}; ${ms(median(later.get(title)!))}`,
  ]);
}

/** Bots that click one after another, each in a window of its own, up to an hour before the shop's first event. */
async function manyAnomalies({ guardian, get }: BrowserLab, count: number): Promise<void> {
  const window = 10_000, start = Math.floor(Date.now() / window) * window;
  const { total_anomalies: before } = await get<{ total_anomalies: number }>("/stats");
  for (let first = 0, missing = Math.max(0, count - before) + 1; first < missing; first += 80) {
    const columns = new ColumnBuilder(80 * BOT_CLICKS);
    for (let bot = first; bot < Math.min(first + 80, missing); bot++) {
      const session = columns.code(`bot-${bot}`);
      for (let i = 0; i < BOT_CLICKS; i++) {
        columns.push(CLICK, start + bot * 500 + i * 9, session, columns.code(`item-${i % 12}`), columns.code("S"));
      }
    }
    await guardian.intake.submit({ columns, lane: LIVE });
  }
  await guardian.caughtUp();
}

async function paging(lab: BrowserLab, anomalies: number): Promise<Line[]> {
  await manyAnomalies(lab, anomalies);
  const { context, page } = await opened(lab, "/dashboard/anomalies");
  await page.evaluate("shownAt");
  const loading = await page.evaluate<number[]>("longTasks.splice(0)");
  const older = page.getByRole("button", { name: "Older" }).first();
  const times: number[] = [];
  let rows = 0;
  for (let pages = 0; pages < PAGES_MAX; pages++) {
    for (let steps = 0; steps < 6; steps++) {
      await page.mouse.wheel(0, 900);
      await page.evaluate("new Promise(requestAnimationFrame)");
    }
    await drawn(page); // a few rows a frame
    rows += await page.locator("table.anomalies tbody tr").count();
    if (await older.getAttribute("aria-disabled") !== "false") break;
    times.push(
      await page.evaluate<number>(`(async () => {
      const table = () => document.querySelector("table.anomalies");
      const firstRow = () => table()?.querySelector("tbody tr")?.textContent, before = firstRow(), start = performance.now();
      [...document.querySelectorAll(".pager button")].find((one) => one.textContent === "Older").click();
      const isNext = () => firstRow() !== undefined && firstRow() !== before && document.querySelector("[aria-busy=true]") === null;
      return await painted(isNext) - start;
    })()`),
    );
  }
  const tasks = await page.evaluate<number[]>("longTasks");
  await context.close();
  assert.ok(rows >= anomalies, `${rows} rows were gone through`);
  return [
    ["longest task while the anomalies are opened", longest(loading)],
    [`longest task while ${rows} anomalies are gone through, page by page, scrolled`, longest(tasks)],
    ["from one page of 50 to the next, median", ms(median(times))],
  ];
}

function longest(tasks: readonly number[]): string {
  return tasks.length === 0 ? "none above 50 ms" : `${ms(Math.max(...tasks))}; ${tasks.length} above 50 ms`;
}

async function memory(lab: BrowserLab, minutes: number): Promise<Line[]> {
  const { context, page, wire } = await opened(lab, "/dashboard/anomalies");
  await page.evaluate("shownAt");
  await page.locator(".dot.live").waitFor();
  const heap = async () => {
    for (let i = 0; i < 2; i++) await wire.send("HeapProfiler.collectGarbage");
    const { metrics } = await wire.send("Performance.getMetrics");
    return metrics.find(({ name }) => name === "JSHeapUsedSize")!.value / 1e6;
  };
  const seconds = Math.round(minutes * 60), heaps: number[] = [], marks = [0, 0.25, 0.5, 0.75, 1].map((part) => Math.round(seconds * part));
  const feed = () => lab.guardian.anomalies.feed, before = feed(), start = performance.now();
  // Windows lie behind those of `manyAnomalies`, so that none is late.
  const time = Math.floor(Date.now() / 10_000) * 10_000 + 8 * 3_600_000;
  for (let second = 0; second <= seconds; second++) {
    if (marks.includes(second)) heaps.push(await heap());
    const columns = new ColumnBuilder(LIVE_PER_S * BOT_CLICKS);
    for (let bot = 0; bot < LIVE_PER_S; bot++) {
      const session = columns.code(`live-${second}-${bot}`);
      for (let i = 0; i < BOT_CLICKS; i++) {
        columns.push(CLICK, time + second * 1000 + i * 15, session, columns.code(`item-${i % 12}`), columns.code("S"));
      }
    }
    await lab.guardian.intake.submit({ columns, lane: LIVE });
    const left = start + (second + 1) * 1000 - performance.now();
    if (left > 0) await new Promise((resolve) => setTimeout(resolve, left));
  }
  const rate = (feed() - before) / ((performance.now() - start) / 1000);
  const tasks = await page.evaluate<number[]>("longTasks");
  await context.close();
  assert.equal(heaps.length, new Set(marks).size);
  return [
    [
      `JS heap at the start, a quarter, half, three quarters and the end of ${seconds} s`,
      heaps.map((size) => `${size.toFixed(1)} MB`).join(", "),
    ],
    ["updates of anomalies a second meanwhile", rate.toFixed(0)],
    ["longest task meanwhile", longest(tasks)],
  ];
}
