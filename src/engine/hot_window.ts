// A window of one session that has come near a rule's limit: exact figures and the last clicks, which are the evidence.
// What always holds: codes are signed integers here; a window that is over can hold no more, and is told of no further click.

import type { WindowRule } from "../detect/rules.ts";
import { limits } from "../limits.ts";
import type { ItemSet } from "./item_set.ts";

/** quiet: the condition does not hold yet; provisional: it holds; over: it can no longer hold. */
export type WindowState = "quiet" | "provisional" | "over";

/** Numbers that a click of the evidence takes: time, item, offset. */
const CLICK_NUMBERS = 3;
const EVIDENCE_NUMBERS = CLICK_NUMBERS * limits.evidenceMax;

export class HotWindow {
  state: WindowState = "quiet";
  clicks = 0;
  /** Nobody adds to it any more, and it has nothing to tell. */
  isDropped = false;
  /** Event time of the click that tipped it, ms. */
  tippedAt = 0;
  readonly end: number;
  /** Ring of the last clicks, and where the next one goes. */
  readonly #last: number[] = [];
  #next = 0;

  /** items: its different items, for the owner to keep up to date. */
  constructor(readonly rule: WindowRule, readonly session: number, readonly start: number, readonly items: ItemSet) {
    this.end = start + rule.sizeMs;
  }

  /** Adds a click, but for its item. */
  add(time: number, item: number, offset: number): void {
    this.clicks++;
    const last = this.#last, at = this.#next;
    if (last.length < EVIDENCE_NUMBERS) last.push(time, item, offset);
    else {
      last[at] = time;
      last[at + 1] = item;
      last[at + 2] = offset;
    }
    this.#next = at + CLICK_NUMBERS === EVIDENCE_NUMBERS ? 0 : at + CLICK_NUMBERS;
  }

  get uniqueItems(): number {
    return Math.min(this.items.size, limits.uniqueItemsMax);
  }

  get uniqueItemsCapped(): boolean {
    return this.items.size > limits.uniqueItemsMax;
  }

  /** The last clicks, oldest first. */
  evidence(): { time: number; item: number; offset: number }[] {
    const last = this.#last, count = last.length / CLICK_NUMBERS, oldest = last.length < EVIDENCE_NUMBERS ? 0 : this.#next;
    return Array.from({ length: count }, (_, i) => {
      const at = (oldest + i * CLICK_NUMBERS) % EVIDENCE_NUMBERS;
      return { time: last[at], item: last[at + 1], offset: last[at + 2] };
    });
  }

  /** Calls back with every code that the window holds. */
  codes(each: (code: number) => void): void {
    each(this.session);
    this.items.forEach(each);
    for (let at = 1; at < this.#last.length; at += CLICK_NUMBERS) each(this.#last[at]);
  }
}
