// The page's clock in a test's hand: minutes pass when the test says so. What always holds: limits of time that the page sets for its calls
// follow this clock too, which the browser's own do not.

import type { Page } from "playwright-core";

/** Puts the clock into a page that is not loaded yet. It goes on by itself until it is moved. */
export async function withClock(page: Page): Promise<void> {
  await page.clock.install();
  await page.addInitScript(`AbortSignal.timeout = (ms) => {
    const limit = new AbortController();
    setTimeout(() => limit.abort(new DOMException("The operation timed out.", "TimeoutError")), ms);
    return limit.signal;
  }`);
}

/** Lets time pass in the page at once: what became due meanwhile happens, each timer once. */
export async function pass(page: Page, seconds: number): Promise<void> {
  await page.clock.fastForward(seconds * 1000);
}
