// What stands on a page, read as a person would: tiles, tables, notices. It knows nothing of what should stand there.

import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import type { Locator, Page } from "playwright-core";

export const pagePaths = ["", "/anomalies", "/daily", "/funnel", "/items", "/live", "/jobs"].map((name) => `/dashboard${name}`);

/** How long a page is waited for before a test fails, ms: far beyond what anything takes. */
const PATIENCE_MS = 20_000;

/** Waits until an expression holds in the page. It is looked at whenever the page changes, also where a test has stopped the page's clock. */
export async function until(page: Page, expression: string, what = expression): Promise<void> {
  const holds = page.evaluate(`new Promise((resolve) => {
    const look = () => (${expression}) && (watch.disconnect(), resolve());
    const watch = new MutationObserver(look);
    watch.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
    look();
  })`);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise((_, reject) => {
    timer = setTimeout(async () => reject(new Error(`Waited in vain for ${what}; the page says:\n${await saidBy(page)}`)), PATIENCE_MS);
  });
  await Promise.race([holds, late]).finally(() => clearTimeout(timer));
}

/** Waits until what is read of the page is what is expected: it is read again whenever the page has changed. */
export async function becomes<T>(page: Page, read: () => Promise<T>, expected: T, what?: string): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (true) {
    const seen = await read().catch((failure) => failure);
    if (isDeepStrictEqual(seen, expected)) return;
    if (performance.now() > end) return assert.deepEqual(seen, expected, what);
    await nextChange(page);
  }
}

/** How long a change is waited for before the page is read again, ms: one may have come between reading and waiting. */
const LOOK_AGAIN_MS = 250;

async function nextChange(page: Page): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const later = new Promise<void>((resolve) => timer = setTimeout(resolve, LOOK_AGAIN_MS));
  const changed = page.evaluate(`new Promise((resolve) => {
    const watch = new MutationObserver(() => (watch.disconnect(), resolve()));
    watch.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
  })`).catch(() => {}); // the page that was waited in has gone
  await Promise.race([changed, later]).finally(() => clearTimeout(timer));
}

/** Waits until nothing on the page is loading. */
export async function settled(page: Page): Promise<void> {
  await page.locator("main h1").waitFor();
  const isStill = () => until(page, `document.querySelector("main .loading, main [aria-busy=true]") === null`, "the page to settle");
  await isStill();
  // What has just been drawn for the first time asks for its figures behind the next frame, and says only then that it loads.
  await page.evaluate(`new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve, 20))))`);
  await isStill();
}

/** Waits until the page has stood still for some frames: long lists are drawn a few rows a frame. */
export async function drawn(page: Page): Promise<void> {
  await page.evaluate(`new Promise((resolve) => {
    let still = 0;
    const watch = new MutationObserver(() => still = 0);
    watch.observe(document.querySelector("main"), { subtree: true, childList: true });
    const frame = () => ++still > 5 ? (watch.disconnect(), resolve()) : requestAnimationFrame(frame);
    frame();
  })`);
}

/** All that a page says. */
export async function saidBy(page: Page): Promise<string> {
  return await page.locator("main").innerText();
}

/** How many pixels of the page lie beyond the right edge of the window. */
export async function tooWide(page: Page): Promise<number> {
  return await page.evaluate("document.documentElement.scrollWidth - innerWidth");
}

/** The names and values of the tiles below an element, in order. */
export async function tilesOf(within: Page | Locator): Promise<Record<string, string>> {
  const pairs = await within.locator(".tile").evaluateAll((tiles) =>
    (tiles as unknown as Element[]).map((tile) => [
      tile.querySelector("dt .term")!.childNodes[0].textContent!.trim(),
      tile.querySelector("dd.figure")!.textContent!.trim(),
    ])
  );
  return Object.fromEntries(pairs);
}

/** Texts of a table, row by row, with its heads first. */
export async function tableOf(table: Locator): Promise<string[][]> {
  return await table.evaluate((element) =>
    [...(element as unknown as { rows: Row[] }).rows].map((row) =>
      [...row.cells].map((cell) =>
        (cell.querySelector("button.sort") ?? cell.querySelector(".term")?.firstChild ?? cell).textContent!.trim()
      )
    )
  );
}

// The little of the browser's document that is read here: tests are checked without its types.
interface Element {
  readonly textContent: string | null;
  readonly firstChild: Element | null;
  readonly childNodes: readonly Element[];
  querySelector(selector: string): Element | null;
}
interface Row {
  readonly cells: readonly Element[];
}

/** A number as pages show it. */
export function shown(value: number, digits = 0): string {
  return new Intl.NumberFormat("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
}
