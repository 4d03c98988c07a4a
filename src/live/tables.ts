// What each session did in each 10 s bucket with each item: one cell for as many events as are alike, linked by session and by bucket, so
// that a bucket can leave the window and a session the count of people, both exactly. Rows of 32 bytes in flat arrays, one cache line each,
// that grow up to a limit. What always holds: a session or an item has a slot as long as a cell names it, and no longer; the figures of
// items are sums of cells. It must not know which buckets are in the window, nor the time of day.

import { PURCHASE } from "../event/kind.ts";
import { CodeTable, NONE } from "./code_table.ts";

/** ms of event time in a bucket. */
export const BUCKET_MS = 10_000;

/** Places of a row: all three tables have rows of the same length. */
const ROW = 8, ROW_BITS = 3;

// A cell. WHEN: bucket times 8 plus kind; SINCE: ms of its first event from the start of the bucket;
// BEFORE and AFTER: the session's cells that were made before and after it, or NONE, so that any of them leaves at the same cost, in
// whatever order events come; NEXT: of the bucket, or of the free list.
const WHO = 0, ITEM = 1, WHEN = 2, COUNT = 3, SINCE = 4, BEFORE = 5, NEXT = 6, AFTER = 7;
// A session. Times are ms modulo 2^32, of which differences are right up to 24 days. FIRST may be of a cell that has gone. HEAD: the cell
// that was made last, with its WHEN and ITEM. HASH: 32 mixed bits, the lowest of which says whether it is flagged.
const CELLS = 0, BOUGHT = 1, FIRST = 2, LAST = 3, HEAD = 4, HASH = 5, HEAD_WHEN = 6, HEAD_ITEM = 7;
// An item: its cells, then clicks and purchases of all, then of people.
const ITEM_CELLS = 0, FIGURES = 1;

const CELLS_AT_FIRST = 1024;

/** What one session did with one item in one bucket. kind: of the event; item: slot or NONE. */
export interface Cell {
  readonly item: number;
  readonly kind: number;
  readonly bucket: number;
  readonly count: number;
}

/** One session. Times in ms. */
export interface SessionFigures {
  readonly flagged: boolean;
  readonly hasBought: boolean;
  readonly durationMs: number;
  /** From its last event to the newest one. */
  readonly quietMs: number;
}

export class WindowTables {
  readonly sessions = new CodeTable();
  readonly items = new CodeTable();
  #cells = new Int32Array(ROW * CELLS_AT_FIRST);
  #session = new Int32Array(ROW * this.sessions.capacity);
  #item = new Int32Array(ROW * this.items.capacity);
  #free = NONE;
  #used = 0;

  constructor(private readonly cellsMax: number) {}

  /** Whether there is a free cell, after growing if that is allowed. */
  get hasRoom(): boolean {
    if (this.#free !== NONE) return true;
    if (this.#used === this.cellsMax) return false;
    if (ROW * this.#used === this.#cells.length) this.#cells = larger(this.#cells, 2 * this.#cells.length);
    return true;
  }

  /** Whether a session that has a slot is flagged. */
  isFlagged(session: number): boolean {
    return (this.#session[(session << ROW_BITS) + HASH] & 1) === 1;
  }

  /** 31 mixed bits of a session's id. */
  hashOf(session: number): number {
    return this.#session[(session << ROW_BITS) + HASH] >>> 1;
  }

  /** The slot of a session that has none yet. hash: 32 mixed bits of its id. */
  addSession(code: number, hash: number, flagged: boolean): number {
    const slot = this.sessions.add(code), at = slot << ROW_BITS;
    if (at >= this.#session.length) this.#session = larger(this.#session, ROW * this.sessions.capacity);
    this.#session.fill(0, at, at + ROW);
    this.#session[at + HEAD] = NONE;
    this.#session[at + HEAD_ITEM] = NONE;
    this.#session[at + HASH] = (hash & ~1) | (flagged ? 1 : 0);
    return slot;
  }

  /** The slot of an item. A cell has to name it next. */
  itemSlot(code: number): number {
    const known = this.items.find(code);
    if (known !== NONE) return known;
    const slot = this.items.add(code), at = slot << ROW_BITS;
    if (at >= this.#item.length) this.#item = larger(this.#item, ROW * this.items.capacity);
    this.#item.fill(0, at, at + ROW);
    return slot;
  }

  /**
   * Counts one event of a session in a bucket, for which there must be room. `chain`: the newest cell of the bucket, or NONE. Returns the
   * one that it is from now on.
   */
  count(session: number, item: number, kind: number, bucket: number, time: number, chain: number): number {
    const rows = this.#session, who = session << ROW_BITS, ms = time | 0, within = time - bucket * BUCKET_MS, when = bucket * 8 + kind | 0;
    if (rows[who + CELLS] === 0) rows[who + FIRST] = rows[who + LAST] = ms;
    else if ((ms - rows[who + LAST] | 0) > 0) rows[who + LAST] = ms;
    else if ((ms - rows[who + FIRST] | 0) < 0) rows[who + FIRST] = ms;
    if (kind === PURCHASE) rows[who + BOUGHT]++;
    if (item !== NONE) this.#countItem(item, kind, 1, (rows[who + HASH] & 1) === 0);
    if (rows[who + HEAD_WHEN] === when && rows[who + HEAD_ITEM] === item) {
      this.#countAgain(rows[who + HEAD], within);
      return chain;
    }
    const made = this.#take(), cells = this.#cells, at = made << ROW_BITS, before = rows[who + HEAD];
    cells[at + WHO] = session;
    cells[at + ITEM] = item;
    cells[at + WHEN] = when;
    cells[at + COUNT] = 1;
    cells[at + SINCE] = within;
    cells[at + NEXT] = chain;
    cells[at + BEFORE] = before;
    cells[at + AFTER] = NONE;
    if (before !== NONE) cells[(before << ROW_BITS) + AFTER] = made;
    rows[who + HEAD] = made;
    rows[who + HEAD_WHEN] = when;
    rows[who + HEAD_ITEM] = item;
    rows[who + CELLS]++;
    if (item !== NONE) this.#item[(item << ROW_BITS) + ITEM_CELLS]++;
    return made;
  }

  /** Drops the cells of the oldest bucket, and the sessions and items that have no other. `chain`: its newest cell, or NONE. */
  release(chain: number): void {
    const rows = this.#session, cells = this.#cells, items = this.#item;
    for (let cell = chain; cell !== NONE;) {
      const at = cell << ROW_BITS, session = cells[at + WHO], who = session << ROW_BITS, item = cells[at + ITEM];
      const kind = cells[at + WHEN] & 7, count = cells[at + COUNT], next = cells[at + NEXT];
      if (kind === PURCHASE) rows[who + BOUGHT] -= count;
      if (item !== NONE) {
        this.#countItem(item, kind, -count, (rows[who + HASH] & 1) === 0);
        if (--items[(item << ROW_BITS) + ITEM_CELLS] === 0) this.items.remove(item);
      }
      if (--rows[who + CELLS] === 0) this.sessions.remove(session);
      else this.#unlink(at, who);
      cells[at + NEXT] = this.#free;
      this.#free = cell;
      cell = next;
    }
  }

  /** Takes a session out of the items' figures of people, or back in; calls back with its cells. */
  setFlag(session: number, flagged: boolean, each: (cell: Cell) => void): void {
    const who = session << ROW_BITS;
    this.#session[who + HASH] = (this.#session[who + HASH] & ~1) | (flagged ? 1 : 0);
    for (const cell of this.cellsOf(session)) {
      const { item, kind, count } = cell;
      if (item !== NONE) this.#item[(item << ROW_BITS) + FIGURES + (kind === PURCHASE ? 3 : 2)] += flagged ? -count : count;
      each(cell);
    }
  }

  /** What a session did, in no order. */
  *cellsOf(session: number): Generator<Cell> {
    const rows = this.#session, cells = this.#cells, who = session << ROW_BITS;
    for (let cell = rows[who + HEAD]; cell !== NONE; cell = cells[(cell << ROW_BITS) + BEFORE]) {
      const at = cell << ROW_BITS, when = cells[at + WHEN];
      yield { item: cells[at + ITEM], kind: when & 7, bucket: when >>> 3, count: cells[at + COUNT] };
    }
  }

  /** A session that has a slot. from: the start of the window; newest: the newest event time; both ms. */
  sessionFigures(session: number, from: number, newest: number): SessionFigures {
    const rows = this.#session, who = session << ROW_BITS;
    if ((rows[who + FIRST] - (from | 0) | 0) < 0) rows[who + FIRST] = this.#firstOf(who);
    return {
      flagged: (rows[who + HASH] & 1) === 1,
      hasBought: rows[who + BOUGHT] > 0,
      durationMs: rows[who + LAST] - rows[who + FIRST] | 0,
      quietMs: (newest | 0) - rows[who + LAST] | 0,
    };
  }

  /** An item's clicks and purchases, by all or by people alone. */
  itemFigures(item: number, ofPeople: boolean): { clicks: number; purchases: number } {
    const at = (item << ROW_BITS) + FIGURES + (ofPeople ? 2 : 0);
    return { clicks: this.#item[at], purchases: this.#item[at + 1] };
  }

  /** The time of a session's first event that a cell holds, ms modulo 2^32. */
  #firstOf(who: number): number {
    const rows = this.#session, cells = this.#cells;
    let earliest = Infinity;
    for (let cell = rows[who + HEAD]; cell !== NONE; cell = cells[(cell << ROW_BITS) + BEFORE]) {
      const at = cell << ROW_BITS;
      earliest = Math.min(earliest, (cells[at + WHEN] >>> 3) * BUCKET_MS + cells[at + SINCE]);
    }
    return earliest | 0;
  }

  /** One more event like those of a cell. */
  #countAgain(cell: number, within: number): void {
    const cells = this.#cells, at = cell << ROW_BITS, first = cells[at + SINCE];
    cells[at + COUNT]++;
    if (within < first) cells[at + SINCE] = within;
  }

  /** Takes a cell out of its session's chain, in which there are others. */
  #unlink(at: number, who: number): void {
    const cells = this.#cells, rows = this.#session, before = cells[at + BEFORE], after = cells[at + AFTER];
    if (before !== NONE) cells[(before << ROW_BITS) + AFTER] = after;
    if (after !== NONE) {
      cells[(after << ROW_BITS) + BEFORE] = before;
      return;
    }
    rows[who + HEAD] = before;
    rows[who + HEAD_WHEN] = cells[(before << ROW_BITS) + WHEN];
    rows[who + HEAD_ITEM] = cells[(before << ROW_BITS) + ITEM];
  }

  #countItem(item: number, kind: number, count: number, ofPeople: boolean): void {
    const at = (item << ROW_BITS) + FIGURES + (kind === PURCHASE ? 1 : 0);
    this.#item[at] += count;
    if (ofPeople) this.#item[at + 2] += count;
  }

  #take(): number {
    if (this.#free === NONE) return this.#used++;
    const cell = this.#free;
    this.#free = this.#cells[(cell << ROW_BITS) + NEXT];
    return cell;
  }
}

function larger(rows: Int32Array<ArrayBuffer>, length: number): Int32Array<ArrayBuffer> {
  const made = new Int32Array(length);
  made.set(rows);
  return made;
}
