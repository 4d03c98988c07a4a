// Clicks, first and last time of millions of sessions whose ids are integers: rows are first laid into parts by their id, and then each part
// is counted in a table that stays in the processor's cache; one table for all would wait for memory at every row. Pure.
// What always holds: the same rows in whatever order give the same counts. It knows neither DuckDB nor what a day is.

import { codeHash } from "../../src/event/code_hash.ts";

/** Columns of counted sessions, `count` rows of each. Valid until the next ones are asked for. */
export interface CountedSessions {
  readonly count: number;
  readonly session: Int32Array;
  readonly clicks: Int32Array;
  /** Whole milliseconds of the day. */
  readonly firstMs: Int32Array;
  readonly lastMs: Int32Array;
}

/** A row's value: its time (ms of the day, below 2^30), and whether it is a click. */
export function timeAndClick(ms: number, isClick: boolean): number {
  return 2 * ms + (isClick ? 1 : 0);
}

const PART_BITS = 8, PARTS = 1 << PART_BITS;
/** Numbers on a page of a part: a row has two. */
const PAGE = 16_384;
/** Numbers in a slot of the table: session plus one (0: free), clicks, first and last time. */
const SLOT = 4;
/** Slots of the table at first, as a power of two; they double when four fifths are taken. */
const SLOT_BITS_AT_FIRST = 13;

export class SessionCounts {
  rows = 0;
  readonly #pages: Uint32Array[][] = Array.from({ length: PARTS }, () => [new Uint32Array(PAGE)]);
  /** The page of each part that is written to, and where. */
  readonly #open: Uint32Array[] = this.#pages.map(([page]) => page);
  readonly #at = new Int32Array(PARTS);
  /** The sessions of the part that is being counted; how far hashes are shifted for it; sessions that it may hold. */
  #table: Uint32Array;
  #shift: number;
  #room: number;

  /** slotBits: slots that the table begins with, as a power of two. */
  constructor(slotBits = SLOT_BITS_AT_FIRST) {
    this.#table = new Uint32Array(SLOT << slotBits);
    this.#shift = 32 - slotBits;
    this.#room = Math.floor(0.8 * (1 << slotBits));
  }

  /** Takes rows: a session from 0 on, and a value (see timeAndClick). Returns false, having taken some or none, where an id is below 0. */
  add(sessions: Int32Array, values: Int32Array): boolean {
    const open = this.#open, at = this.#at;
    for (let i = 0; i < sessions.length; i++) {
      const session = sessions[i];
      if (session < 0) return false;
      const part = codeHash(session) >>> (32 - PART_BITS);
      let place = at[part];
      if (place === PAGE) {
        open[part] = new Uint32Array(PAGE);
        this.#pages[part].push(open[part]);
        place = 0;
      }
      open[part][place] = session;
      open[part][place + 1] = values[i];
      at[part] = place + 2;
    }
    this.rows += sessions.length;
    return true;
  }

  /** The sessions counted, each once, `most` at a time, giving up the rows on the way. */
  *counted(most: number): Generator<CountedSessions> {
    const column = () => new Int32Array(most);
    const session = column(), clicks = column(), firstMs = column(), lastMs = column();
    let count = 0;
    for (let part = 0; part < PARTS; part++) {
      this.#countPart(part);
      const table = this.#table;
      for (let slot = 0; slot < table.length; slot += SLOT) {
        if (table[slot] === 0) continue;
        session[count] = table[slot] - 1;
        clicks[count] = table[slot + 1];
        firstMs[count] = table[slot + 2];
        lastMs[count] = table[slot + 3];
        if (++count < most) continue;
        yield { count, session, clicks, firstMs, lastMs };
        count = 0;
      }
    }
    if (count > 0) yield { count, session, clicks, firstMs, lastMs };
  }

  #countPart(part: number): void {
    const pages = this.#pages[part];
    this.#table.fill(0);
    let table = this.#table, shift = this.#shift, last = table.length - 1, room = this.#room;
    for (let n = 0; n < pages.length; n++) {
      const page = pages[n], end = n === pages.length - 1 ? this.#at[part] : PAGE;
      for (let place = 0; place < end; place += 2) {
        const key = page[place] + 1, value = page[place + 1], ms = value >>> 1;
        let slot = SLOT * slotOf(page[place], shift);
        while (table[slot] !== 0 && table[slot] !== key) slot = (slot + SLOT) & last;
        table[slot + 1] += value & 1;
        if (table[slot] !== 0) {
          if (ms < table[slot + 2]) table[slot + 2] = ms;
          if (ms > table[slot + 3]) table[slot + 3] = ms;
          continue;
        }
        table[slot] = key;
        table[slot + 2] = ms;
        table[slot + 3] = ms;
        if (--room > 0) continue;
        const taken = this.#room;
        this.#grow();
        ({ length: last } = table = this.#table);
        last--;
        shift = this.#shift;
        room = this.#room - taken;
      }
    }
    this.#pages[part] = [];
  }

  /** Twice the slots, with what they hold. */
  #grow(): void {
    const before = this.#table, table = new Uint32Array(2 * before.length), last = table.length - 1;
    this.#table = table;
    this.#shift--;
    this.#room *= 2;
    for (let from = 0; from < before.length; from += SLOT) {
      if (before[from] === 0) continue;
      let slot = SLOT * slotOf(before[from] - 1, this.#shift);
      while (table[slot] !== 0) slot = (slot + SLOT) & last;
      for (let i = 0; i < SLOT; i++) table[slot + i] = before[from + i];
    }
  }
}

/** Where a session's slot is looked for, in a table with 32 - shift bits; the bits above have chosen the part already. */
function slotOf(session: number, shift: number): number {
  return (codeHash(session) << PART_BITS) >>> shift;
}
