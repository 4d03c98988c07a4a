// Clicks, first and last time of millions of sessions whose ids are integers: rows are first laid into parts by their id, and then each part
// is counted in a table that stays in the processor's cache; one table for all would wait for memory at every row. Pure.
// What always holds: the same rows in whatever order give the same counts. It knows neither DuckDB nor what a day is.

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
const SLOT_BITS_LEAST = 6;

export class SessionCounts {
  rows = 0;
  readonly #pages: Uint32Array[][] = Array.from({ length: PARTS }, () => [new Uint32Array(PAGE)]);
  /** The page of each part that is written to, and where. */
  readonly #open: Uint32Array[] = this.#pages.map(([page]) => page);
  readonly #at = new Int32Array(PARTS);

  /** Takes rows: a session from 0 on, and a value (see timeAndClick). Returns false, having taken some or none, where an id is below 0. */
  add(sessions: Int32Array, values: Int32Array): boolean {
    const open = this.#open, at = this.#at;
    for (let i = 0; i < sessions.length; i++) {
      const session = sessions[i];
      if (session < 0) return false;
      const part = hash(session) >>> (32 - PART_BITS);
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
    let count = 0, table = new Uint32Array(0);
    for (let part = 0; part < PARTS; part++) {
      const rows = ((this.#pages[part].length - 1) * PAGE + this.#at[part]) / 2;
      const bits = Math.max(SLOT_BITS_LEAST, 32 - Math.clz32(rows + (rows >>> 2)));
      const length = SLOT << bits;
      if (table.length < length) table = new Uint32Array(length);
      else table.fill(0, 0, length);
      this.#countPart(part, table, bits);
      for (let slot = 0; slot < length; slot += SLOT) {
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

  #countPart(part: number, table: Uint32Array, bits: number): void {
    const pages = this.#pages[part], last = (SLOT << bits) - 1;
    for (let n = 0; n < pages.length; n++) {
      const page = pages[n], end = n === pages.length - 1 ? this.#at[part] : PAGE;
      for (let place = 0; place < end; place += 2) {
        const key = page[place] + 1, value = page[place + 1], ms = value >>> 1;
        // The bits above have chosen the part already.
        let slot = SLOT * ((hash(page[place]) << PART_BITS) >>> (32 - bits));
        while (table[slot] !== 0 && table[slot] !== key) slot = (slot + SLOT) & last;
        if (table[slot] === 0) {
          table[slot] = key;
          table[slot + 2] = ms;
          table[slot + 3] = ms;
        } else {
          if (ms < table[slot + 2]) table[slot + 2] = ms;
          if (ms > table[slot + 3]) table[slot + 3] = ms;
        }
        table[slot + 1] += value & 1;
      }
    }
    this.#pages[part] = [];
  }
}

/** Spreads ids that follow upon each other; its upper bits are the best ones. */
function hash(session: number): number {
  return Math.imul(session, 0x9e3779b1);
}
