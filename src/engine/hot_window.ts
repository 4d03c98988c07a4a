// A window of one session that has come near a rule's limit: exact figures and the last clicks, which are the evidence.

import type { WindowRule } from "../detect/rules.ts";
import { limits } from "../limits.ts";

/** quiet: the condition does not hold yet; provisional: it holds; over: it can no longer hold. */
export type WindowState = "quiet" | "provisional" | "over";

export class HotWindow {
  state: WindowState = "quiet";
  clicks = 0;
  /** Event time of the click that tipped it, ms. */
  tippedAt = 0;
  /** Ring of the last clicks. */
  readonly #times = new Float64Array(limits.evidenceMax);
  readonly #items = new Uint32Array(limits.evidenceMax);
  readonly #offsets = new Float64Array(limits.evidenceMax);
  #ring = 0;
  readonly #distinct = new Set<number>();

  constructor(readonly rule: WindowRule, readonly session: number, readonly start: number) {}

  get end(): number {
    return this.start + this.rule.sizeMs;
  }

  /** Takes over clicks that were counted before the window was followed. */
  takeOver(clicks: number, items: Iterable<number>): void {
    this.clicks += clicks;
    for (const item of items) this.#addItem(item);
  }

  add(time: number, item: number, offset: number): void {
    this.clicks++;
    this.#addItem(item);
    const at = this.#ring++ % limits.evidenceMax;
    this.#times[at] = time;
    this.#items[at] = item;
    this.#offsets[at] = offset;
  }

  get uniqueItems(): number {
    return Math.min(this.#distinct.size, limits.uniqueItemsMax);
  }

  get uniqueItemsCapped(): boolean {
    return this.#distinct.size > limits.uniqueItemsMax;
  }

  /** The last clicks, oldest first. */
  evidence(): { time: number; item: number; offset: number }[] {
    const count = Math.min(this.#ring, limits.evidenceMax);
    return Array.from({ length: count }, (_, i) => {
      const at = (this.#ring - count + i) % limits.evidenceMax;
      return { time: this.#times[at], item: this.#items[at], offset: this.#offsets[at] };
    });
  }

  /** Calls back with every code that the window holds. */
  codes(each: (code: number) => void): void {
    each(this.session);
    this.#distinct.forEach(each);
    for (const { item } of this.evidence()) each(item);
  }

  #addItem(item: number): void {
    if (this.#distinct.size <= limits.uniqueItemsMax) this.#distinct.add(item);
  }
}
