// What each session did in each 10 s bucket with each item: one cell for as many events as are alike, linked by bucket and by session, so
// that a bucket can leave the window and a session the count of people, both exactly. Cells and rows take 32 bytes, a cache line at the most.
// What always holds: an event costs its session's row, its item's row and the next free cell, and no look at other cells; a session is
// there as long as its newest bucket is, so that nothing of it is touched when a bucket leaves; the figures of items are sums of cells, once
// those of buckets that have left are freed, which is done bit by bit.
// It must not know the time of day, nor how many events there are of what.

import { mix } from "../engine/sketch.ts";
import { CLICK, PURCHASE } from "../event/kind.ts";
import type { InPieces } from "../pieces.ts";
import { Items } from "./items.ts";
import { NONE, ROW, type Rows, RowTable } from "./row_table.ts";

/** ms of event time in a bucket, and buckets in the window. */
export const BUCKET_MS = 10_000;
export const BUCKETS = 180;

const ROW_BITS = 3;
/** Cells of a bucket that has left which are freed when an event needs one, so that no event waits for all of them. */
const FREED_AT_ONCE = 64;

// A cell. WHAT: the kind, whether its session is flagged, and ms of its first event from the start of the bucket. ALSO: another cell of
// the session in the bucket, or NONE. BEFORE: the newest cell of the session's bucket before, and EARLIER: that bucket; both right in the
// session's newest cell of each bucket alone, and of no use when that bucket has left. NEXT: of the bucket, or of the free list.
const ITEM = 0, WHAT = 1, COUNT = 2, ALSO = 3, BEFORE = 4, EARLIER = 5, NEXT = 6;
const KIND_BITS = 7, FLAGGED = 8, SINCE_SHIFT = 4;
// A session, behind its code. STATE: kind of its newest cell, and whether it is flagged. BOUGHT: newest bucket with a purchase, or NONE.
// FIRST and LAST: ms modulo 2^32, of which differences are right up to 24 days; FIRST may be of a cell that has gone. HEAD: the newest cell
// of its newest bucket, with that bucket and item.
const STATE = 1, BOUGHT = 2, FIRST = 3, LAST = 4, HEAD = 5, HEAD_BUCKET = 6, HEAD_ITEM = 7;

/** One session. Times in ms. */
export interface SessionFigures {
  readonly flagged: boolean;
  readonly hasBought: boolean;
  readonly durationMs: number;
  /** From its last event to the newest one. */
  readonly quietMs: number;
}

export class WindowTables {
  /** Codes of flagged sessions, in the window or not. */
  readonly flagged = new Set<number>();
  readonly #items = new Items();
  /** First bucket that is in the tables. */
  first = 0;
  readonly #sessions = new RowTable(NONE, (rows, at) => rows[at + HEAD_BUCKET] >= this.first);
  /** As many as there may be: the system gives memory as they are used, and they never have to be copied. */
  readonly #cells: Rows;
  /** The newest cell of each bucket. A bucket's place is its number modulo BUCKETS. */
  readonly #chains = new Int32Array(BUCKETS).fill(NONE);
  /** The newest cell, that is not freed, of each bucket that has left. */
  readonly #leaving: number[] = [];
  #free = NONE;
  #used = 0;
  /** Kept so that nobody takes a look without consequence for one without use. */
  #fetched = 0;

  constructor(private readonly cellsMax: number) {
    this.#cells = new Int32Array(ROW * cellsMax);
  }

  /** Whether there is a free cell. */
  get hasRoom(): boolean {
    return this.#free !== NONE || this.#used < this.cellsMax || this.#leaving.length > 0;
  }

  /** Whether cells of buckets that have left are not freed. */
  get isLeaving(): boolean {
    return this.#leaving.length > 0;
  }

  /** The items; cells that have left are freed before. */
  get items(): Items {
    while (this.isLeaving) this.free(Infinity);
    return this.#items;
  }

  /** To be called with the codes of the first `count` events that are about to be counted; changes nothing but what that costs. */
  fetch(sessions: Rows, items: Rows, count: number): void {
    this.#fetched = this.#sessions.fetch(sessions, count) ^ this.#items.fetch(items, count);
  }

  /**
   * Counts one event in a bucket that is in the tables, for which there must be room. item: NONE where the kind has none that counts. Returns
   * whether the session is flagged.
   */
  count(session: number, item: number, kind: number, bucket: number, time: number): boolean {
    const at = this.#sessions.place(session), rows = this.#sessions.rows, ms = time | 0;
    const headBucket = rows[at + HEAD_BUCKET], head = rows[at + HEAD];
    if (headBucket < this.first) this.#begin(rows, at, ms);
    else if ((ms - rows[at + LAST] | 0) > 0) rows[at + LAST] = ms;
    else if ((ms - rows[at + FIRST] | 0) < 0) rows[at + FIRST] = ms;
    if (kind === PURCHASE && bucket > rows[at + BOUGHT]) rows[at + BOUGHT] = bucket;
    const state = rows[at + STATE], flag = state & FLAGGED;
    if (item !== NONE) this.#items.count(item, kind, 1, flag === 0);
    const within = time - bucket * BUCKET_MS;
    if (headBucket > bucket) {
      this.#countLate(head, item, kind | flag, bucket, within);
    } else if (headBucket === bucket && rows[at + HEAD_ITEM] === item && state === (kind | flag)) {
      this.#countAgain(head, within);
    } else {
      const made = this.#make(item, kind | flag, bucket, within);
      if (headBucket === bucket) this.#join(made, head);
      else this.#follow(made, head, headBucket);
      rows[at + STATE] = kind | flag;
      rows[at + HEAD] = made;
      rows[at + HEAD_BUCKET] = bucket;
      rows[at + HEAD_ITEM] = item;
    }
    return flag !== 0;
  }

  /** Drops the cells of a bucket that is about to leave; `first` has to pass it before the next event is counted, or a session flagged. */
  release(bucket: number): void {
    const place = bucket % BUCKETS;
    if (this.#chains[place] !== NONE) this.#leaving.push(this.#chains[place]);
    this.#chains[place] = NONE;
  }

  /** Frees up to `most` cells of a bucket that has left, and takes what they counted from their items. */
  free(most: number): void {
    const cells = this.#cells;
    let cell = this.#leaving.pop() ?? NONE;
    for (let left = most; cell !== NONE && left > 0; left--) {
      const at = cell << ROW_BITS, item = cells[at + ITEM], what = cells[at + WHAT], next = cells[at + NEXT];
      if (item !== NONE) this.#items.count(item, what & KIND_BITS, -cells[at + COUNT], (what & FLAGGED) === 0);
      cells[at + NEXT] = this.#free;
      this.#free = cell;
      cell = next;
    }
    if (cell !== NONE) this.#leaving.push(cell);
  }

  /** Counts a session as flagged from now on, or no longer, in what is there too; calls back with the events that this is about. */
  setFlagged(session: number, flagged: boolean, each: (bucket: number, kind: number, count: number) => void): void {
    if (flagged) this.flagged.add(session);
    else this.flagged.delete(session);
    const at = this.#alive(session), rows = this.#sessions.rows, flag = flagged ? FLAGGED : 0;
    if (at === NONE || (rows[at + STATE] & FLAGGED) === flag) return;
    rows[at + STATE] ^= FLAGGED;
    this.#eachCell(rows, at, (cell, bucket) => {
      const cells = this.#cells, item = cells[cell + ITEM], kind = cells[cell + WHAT] & KIND_BITS, count = cells[cell + COUNT];
      cells[cell + WHAT] ^= FLAGGED;
      if (item !== NONE) this.#items.countOfPeople(item, kind, flagged ? -count : count);
      each(bucket, kind, count);
    });
  }

  /** The sessions whose mixed codes are smallest, in that order: which those are changes little from one second to the next. */
  *sample(most: number, ofPeople: boolean): InPieces<number[]> {
    const byRank = (a: { rank: number }, b: { rank: number }) => a.rank - b.rank, { first } = this;
    let found: { code: number; rank: number }[] = [], below = Infinity;
    for (const rows of this.#sessions.segments) {
      for (let at = 0; at < rows.length; at += ROW) {
        const code = rows[at], rank = mix(code);
        if (rank >= below || code === NONE || rows[at + HEAD_BUCKET] < first || (ofPeople && (rows[at + STATE] & FLAGGED) !== 0)) continue;
        found.push({ code, rank });
        if (found.length < 4 * most) continue;
        // No one beyond these can be among the first ones any more.
        found = found.sort(byRank).slice(0, most);
        below = found[most - 1].rank;
      }
      yield;
    }
    return found.sort(byRank).slice(0, most).map(({ code }) => code);
  }

  /** Calls back with the figures of each session. newest: the newest event time, ms. */
  forEachFigures(newest: number, visit: (figures: SessionFigures) => void): InPieces<void> {
    return this.#sessions.forEach((rows, at) => visit(this.#figures(rows, at, newest)));
  }

  /** The figures of a session that is in the window. newest: the newest event time, ms. */
  figuresOf(session: number, newest: number): SessionFigures {
    const at = this.#sessions.place(session);
    return this.#figures(this.#sessions.rows, at, newest);
  }

  /** How often a session clicked, and how many different items it clicked or bought. */
  contentOf(session: number): { clicks: number; items: number } {
    const at = this.#alive(session), content = { clicks: 0, items: 0 };
    if (at === NONE) return content;
    this.#items.beginLook();
    this.#eachCell(this.#sessions.rows, at, (cell) => {
      const cells = this.#cells, item = cells[cell + ITEM];
      if ((cells[cell + WHAT] & KIND_BITS) === CLICK) content.clicks += cells[cell + COUNT];
      if (item !== NONE && this.#items.isNew(item)) content.items++;
    });
    return content;
  }

  /** Calls back with the codes of all sessions and items, after those that nothing names any more are forgotten. */
  *forEachCode(visit: (code: number) => void): InPieces<void> {
    yield* this.#sessions.purge();
    yield* this.#sessions.forEach((rows, at) => visit(rows[at]));
    yield* this.#items.forEachCode(visit);
  }

  #figures(rows: Rows, at: number, newest: number): SessionFigures {
    if ((rows[at + FIRST] - this.first * BUCKET_MS | 0) < 0) rows[at + FIRST] = this.#firstOf(rows, at);
    return {
      flagged: (rows[at + STATE] & FLAGGED) !== 0,
      hasBought: rows[at + BOUGHT] >= this.first,
      durationMs: rows[at + LAST] - rows[at + FIRST] | 0,
      quietMs: (newest | 0) - rows[at + LAST] | 0,
    };
  }

  /** Where the row of a session begins, or NONE where it is not in the window. */
  #alive(session: number): number {
    const at = this.#sessions.find(session);
    return at === NONE || this.#sessions.rows[at + HEAD_BUCKET] < this.first ? NONE : at;
  }

  /** The first event of a session that was not there, or is there no longer. */
  #begin(rows: Rows, at: number, ms: number): void {
    rows[at + STATE] = this.flagged.size > 0 && this.flagged.has(rows[at]) ? FLAGGED : 0;
    rows[at + BOUGHT] = NONE;
    rows[at + FIRST] = rows[at + LAST] = ms;
  }

  /** Calls back with where each cell of a session begins, and its bucket. */
  #eachCell(rows: Rows, at: number, visit: (cell: number, bucket: number) => void): void {
    const cells = this.#cells;
    let head = rows[at + HEAD];
    for (let bucket = rows[at + HEAD_BUCKET]; bucket >= this.first;) {
      for (let cell = head; cell !== NONE; cell = cells[(cell << ROW_BITS) + ALSO]) visit(cell << ROW_BITS, bucket);
      bucket = cells[(head << ROW_BITS) + EARLIER];
      head = cells[(head << ROW_BITS) + BEFORE];
    }
  }

  /** The time of a session's first event that a cell holds, ms modulo 2^32. */
  #firstOf(rows: Rows, at: number): number {
    let earliest = Infinity;
    this.#eachCell(rows, at, (cell, bucket) => {
      earliest = Math.min(earliest, bucket * BUCKET_MS + (this.#cells[cell + WHAT] >>> SINCE_SHIFT));
    });
    return earliest | 0;
  }

  /** Counts an event of a bucket before the session's newest one. A session has a cell that leads on in each bucket, so the way is short. */
  #countLate(head: number, item: number, what: number, bucket: number, within: number): void {
    let later = head << ROW_BITS;
    while (this.#cells[later + EARLIER] > bucket) later = this.#cells[later + BEFORE] << ROW_BITS;
    const before = this.#cells[later + BEFORE], earlier = this.#cells[later + EARLIER], at = before << ROW_BITS;
    if (earlier === bucket && this.#cells[at + ITEM] === item && (this.#cells[at + WHAT] & (KIND_BITS | FLAGGED)) === what) {
      return this.#countAgain(before, within);
    }
    const made = this.#make(item, what, bucket, within);
    if (earlier === bucket) this.#join(made, before);
    else this.#follow(made, before, earlier);
    this.#cells[later + BEFORE] = made;
    this.#cells[later + EARLIER] = bucket;
  }

  /** One more event like those of a cell. */
  #countAgain(cell: number, within: number): void {
    const cells = this.#cells, at = cell << ROW_BITS, what = cells[at + WHAT];
    cells[at + COUNT]++;
    if (within < what >>> SINCE_SHIFT) cells[at + WHAT] = what & (KIND_BITS | FLAGGED) | within << SINCE_SHIFT;
  }

  /** A cell of one event. */
  #make(item: number, what: number, bucket: number, within: number): number {
    const place = bucket % BUCKETS, made = this.#take(), cells = this.#cells, at = made << ROW_BITS;
    cells[at + ITEM] = item;
    cells[at + WHAT] = what | within << SINCE_SHIFT;
    cells[at + COUNT] = 1;
    cells[at + NEXT] = this.#chains[place];
    this.#chains[place] = made;
    return made;
  }

  /** Puts a cell before another one of the same session and bucket. */
  #join(made: number, other: number): void {
    const cells = this.#cells, at = made << ROW_BITS, from = other << ROW_BITS;
    cells[at + ALSO] = other;
    cells[at + BEFORE] = cells[from + BEFORE];
    cells[at + EARLIER] = cells[from + EARLIER];
  }

  /** Makes a cell the session's first one in its bucket. */
  #follow(made: number, before: number, earlier: number): void {
    const cells = this.#cells, at = made << ROW_BITS;
    cells[at + ALSO] = NONE;
    cells[at + BEFORE] = before;
    cells[at + EARLIER] = earlier;
  }

  #take(): number {
    if (this.#free === NONE) this.free(FREED_AT_ONCE);
    if (this.#free === NONE) return this.#used++;
    const cell = this.#free;
    this.#free = this.#cells[(cell << ROW_BITS) + NEXT];
    return cell;
  }
}
