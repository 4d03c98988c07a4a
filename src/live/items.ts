// How often each item was clicked and bought in the window, by all and by people. What always holds: an item is there as long as it has a
// click or a purchase. It must not know sessions, buckets, nor what an item's code stands for.

import { PURCHASE } from "../event/kind.ts";
import type { InPieces } from "../pieces.ts";
import { type Rows, RowTable } from "./row_table.ts";

// An item, behind its code: clicks and purchases of all, then of people. SEEN: the look in which it was seen last.
const CLICKS = 1, PURCHASES = 2, OF_PEOPLE = 2, SEEN = 5;

/** One item, by all or by people alone. */
export interface ItemFigures {
  readonly code: number;
  readonly clicks: number;
  readonly purchases: number;
}

export class Items {
  readonly #table = new RowTable(0, (rows, at) => rows[at + CLICKS] + rows[at + PURCHASES] > 0);
  #look = 0;

  /** Adds so many events of a kind, or takes them away where `count` is negative; of people too, or of people alone. */
  count(item: number, kind: number, count: number, ofPeople: boolean): void {
    const at = this.#table.place(item) + (kind === PURCHASE ? PURCHASES : CLICKS), rows = this.#table.rows;
    rows[at] += count;
    if (ofPeople) rows[at + OF_PEOPLE] += count;
  }

  /** Adds so many events of a kind, which are counted already, to those of people, or takes them away. */
  countOfPeople(item: number, kind: number, count: number): void {
    const at = this.#table.place(item) + OF_PEOPLE + (kind === PURCHASE ? PURCHASES : CLICKS);
    this.#table.rows[at] += count;
  }

  /** Begins to look which of some items are different ones. */
  beginLook(): void {
    this.#look++;
  }

  /** Whether an item is seen for the first time since `beginLook`. */
  isNew(item: number): boolean {
    const at = this.#table.place(item) + SEEN, isNew = this.#table.rows[at] !== this.#look;
    this.#table.rows[at] = this.#look;
    return isNew;
  }

  /** Calls back with each item. */
  forEach(ofPeople: boolean, visit: (item: ItemFigures) => void): InPieces<void> {
    const of = ofPeople ? OF_PEOPLE : 0;
    return this.#table.forEach((rows, at) =>
      visit({ code: rows[at], clicks: rows[at + of + CLICKS], purchases: rows[at + of + PURCHASES] })
    );
  }

  /** As `RowTable` has it. */
  fetch(codes: Rows, count: number): number {
    return this.#table.fetch(codes, count);
  }

  /** Calls back with the codes of all items, after those without a click or purchase are forgotten. */
  *forEachCode(visit: (code: number) => void): InPieces<void> {
    yield* this.#table.purge();
    yield* this.#table.forEach((rows, at) => visit(rows[at]));
  }
}
