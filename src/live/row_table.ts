// Rows of 32 bytes, found by the code that is their first place: one cache line to find a row and to change it. Open addressing in segments,
// each of which is made anew by itself when it is full: rows that nobody needs any more go then, so nothing has to be removed one by one,
// and no event waits for the whole table. What always holds: a code has one row at the most; a row stays where it is until the next `place`.
// It must not know what the codes stand for. They are those of events as signed 32-bit integers, which the machine handles without boxes.

import { codeHash } from "../event/code_hash.ts";
import type { InPieces } from "../pieces.ts";

/** No cell, no code, no row: ABSENT as a signed integer. */
export const NONE = -1;

/** Places of a row, and the one with its code. */
export const ROW = 8, CODE = 0;

const SEGMENT_BITS = 6, SEGMENTS = 1 << SEGMENT_BITS;
const ROWS_AT_FIRST = 16;
/** The share of a segment's rows beyond which it is made anew: not the same of all, or all would be at about the same time. */
const LOAD_MAX = Float64Array.from({ length: SEGMENTS }, (_, segment) => (8 + 2 * segment / SEGMENTS) / 16);

export type Rows = Int32Array<ArrayBuffer>;

export class RowTable {
  /** The rows among which the last `place` or `find` lies. */
  rows: Rows;
  readonly #segments: Rows[] = [];
  /** Rows in use, alive or not, and how far a hash is shifted to be a place, by segment. */
  readonly #used = new Int32Array(SEGMENTS);
  readonly #shift = new Int32Array(SEGMENTS).fill(32 - Math.log2(ROWS_AT_FIRST));

  /** blank: what the places of a new row hold. isAlive: whether a row is still needed. */
  constructor(private readonly blank: number, private readonly isAlive: (rows: Rows, at: number) => boolean) {
    for (let i = 0; i < SEGMENTS; i++) this.#segments.push(new Int32Array(ROW * ROWS_AT_FIRST).fill(NONE));
    this.rows = this.#segments[0];
  }

  /** Where the row of a code begins in `rows`; a blank one where it had none. */
  place(code: number): number {
    const hash = codeHash(code), segment = hash >>> (32 - SEGMENT_BITS), rows = this.#segments[segment];
    let at = ((hash << SEGMENT_BITS) >>> this.#shift[segment]) * ROW;
    for (let found = rows[at]; found !== code; found = rows[at]) {
      if (found === NONE) return this.#add(code, segment, at);
      at = (at + ROW) & (rows.length - 1);
    }
    this.rows = rows;
    return at;
  }

  /** Where the row of a code begins in `rows`, or NONE. */
  find(code: number): number {
    const hash = codeHash(code), segment = hash >>> (32 - SEGMENT_BITS), rows = this.#segments[segment];
    this.rows = rows;
    for (let at = ((hash << SEGMENT_BITS) >>> this.#shift[segment]) * ROW;; at = (at + ROW) & (rows.length - 1)) {
      const found = rows[at];
      if (found === code) return at;
      if (found === NONE) return NONE;
    }
  }

  /**
   * Looks at where the rows of the first `count` codes begin, for nothing but that they are in the processor's cache soon after: many
   * such looks are under way at a time, where as many `place` would wait one for the other.
   */
  fetch(codes: Rows, count: number): number {
    const segments = this.#segments, shifts = this.#shift;
    let seen = 0;
    for (let i = 0; i < count; i++) {
      const hash = codeHash(codes[i]), segment = hash >>> (32 - SEGMENT_BITS);
      seen ^= segments[segment][((hash << SEGMENT_BITS) >>> shifts[segment]) * ROW];
    }
    return seen;
  }

  /** All rows, for a loop that cannot afford a call for each: those with a code of NONE are free, and not all others are alive. */
  get segments(): readonly Rows[] {
    return this.#segments;
  }

  /** Calls back with each row that is alive. Nothing may be placed meanwhile. */
  *forEach(visit: (rows: Rows, at: number) => void): InPieces<void> {
    for (const rows of this.#segments) {
      for (let at = 0; at < rows.length; at += ROW) if (rows[at] !== NONE && this.isAlive(rows, at)) visit(rows, at);
      yield;
    }
  }

  /** Drops all rows that are not alive. Nothing may be placed meanwhile. */
  *purge(): InPieces<void> {
    for (let segment = 0; segment < SEGMENTS; segment++) {
      this.#renew(segment);
      yield;
    }
  }

  #add(code: number, segment: number, free: number): number {
    if ((this.#used[segment] + 1) * ROW > this.#segments[segment].length * LOAD_MAX[segment]) {
      this.#renew(segment);
      return this.place(code);
    }
    const rows = this.rows = this.#segments[segment];
    this.#used[segment]++;
    rows[free] = code;
    for (let i = 1; i < ROW; i++) rows[free + i] = this.blank;
    return free;
  }

  /** Makes a segment anew of the rows that are alive, with room for as many again. */
  #renew(segment: number): void {
    const old = this.#segments[segment];
    let alive = 0;
    for (let at = 0; at < old.length; at += ROW) if (old[at] !== NONE && this.isAlive(old, at)) alive++;
    const bits = Math.max(Math.log2(ROWS_AT_FIRST), Math.ceil(Math.log2(2 * alive + 1)));
    const rows = new Int32Array(ROW << bits).fill(NONE), mask = rows.length - 1, shift = 32 - bits;
    for (let from = 0; from < old.length; from += ROW) {
      if (old[from] === NONE || !this.isAlive(old, from)) continue;
      let at = ((codeHash(old[from]) << SEGMENT_BITS) >>> shift) * ROW;
      while (rows[at] !== NONE) at = (at + ROW) & mask;
      for (let i = 0; i < ROW; i++) rows[at + i] = old[from + i];
    }
    this.#segments[segment] = rows;
    this.#used[segment] = alive;
    this.#shift[segment] = shift;
  }
}
