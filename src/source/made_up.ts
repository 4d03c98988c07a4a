// Made-up anomalies among the rows of a replayed file: bursts and slow bots of which is known exactly what the rules must find, so that
// detection can be checked against a ledger.
// What always holds: they follow from the file and the interval alone; each fills one window of its rule and reaches the limit of no other;
// their sessions have names that no shop gives; the file's own rows keep their order.

import { createHash } from "node:crypto";
import { botLike, highFrequency, type WindowRule } from "../detect/rules.ts";
import { GuardianError } from "../errors.ts";
import { ColumnBuilder, type EventColumns } from "../event/batch.ts";
import { ABSENT } from "../event/code.ts";
import { CLICK, PURCHASE } from "../event/kind.ts";
import { formatTimestamp } from "../event/timestamp.ts";
import { countUntil } from "./order.ts";
import type { OrderedChunk } from "./ordered.ts";
import type { Prescan } from "./prescan.ts";
import { sliced } from "./slice.ts";

/** Longest time between two made-up anomalies, s: a leap year. */
const INTERVAL_S_MAX = 366 * 86_400;

/** Rows of the file between two made-up ones from which on they are handed over by themselves, uncopied. */
const FAR_ROWS = 256;

/** The file that anomalies are put into, and every how many seconds of event time. */
export interface MadeUp {
  readonly file: Prescan;
  readonly intervalS: number;
}

/** One made-up anomaly. start: of its window, ms. */
interface Anomaly {
  readonly session: string;
  readonly rule: WindowRule;
  readonly start: number;
  readonly clicks: number;
  readonly items: number;
}

/** What a rule must find: one line of the ledger, with the names and forms that an anomaly has in the API. */
export interface LedgerEntry {
  readonly session_id: string;
  readonly anomaly_type: string;
  readonly window_start: string;
  readonly window_end: string;
  readonly click_count: number;
  readonly unique_items: number;
}

/**
 * The file with a made-up anomaly among its rows every `intervalS` seconds of event time, as far as its window lies within the file's times.
 * A file of purchases stays as it is. Throws `usage` for an interval that is not a whole number of seconds from 1 to a year.
 */
export function withAnomalies(file: Prescan, intervalS: number): Prescan {
  if (!Number.isInteger(intervalS) || intervalS < 1 || intervalS > INTERVAL_S_MAX) {
    throw new GuardianError("usage", `Cannot make up an anomaly every ${intervalS} s: give a whole number from 1 to ${INTERVAL_S_MAX}`);
  }
  if (file.rows === 0 || file.layout?.kind === PURCHASE) return file;
  const madeUp = { file, intervalS };
  let rows = file.rows;
  for (const { clicks } of anomaliesOf(madeUp)) rows += clicks;
  return { ...file, rows, madeUp };
}

/** What must be found among the rows of a file whose times are shifted by `shiftMs`, in order of event time. */
export function* ledger({ madeUp }: Prescan, shiftMs: number): Generator<LedgerEntry> {
  if (madeUp === undefined) return;
  for (const { session, rule, start, clicks, items } of anomaliesOf(madeUp)) {
    yield {
      session_id: session,
      anomaly_type: rule.type,
      window_start: formatTimestamp(start + shiftMs),
      window_end: formatTimestamp(start + rule.sizeMs + shiftMs),
      click_count: clicks,
      unique_items: items,
    };
  }
}

/** Puts the made-up rows of a file among its chunks. A made-up row comes behind all of the file's rows of its time. */
export function* withMadeUpRows(chunks: Iterable<OrderedChunk>, madeUp: MadeUp): Generator<OrderedChunk> {
  const rows = new MadeUpRows(madeUp);
  let firstRow = 0;
  for (const { columns, rejects, linesRead } of chunks) {
    let told = false;
    for (const piece of mixed(columns, rows)) {
      yield { firstRow, columns: piece, rejects: told ? [] : rejects, linesRead: linesRead + rows.taken };
      firstRow += piece.count;
      told = true;
    }
  }
}

/** The rows of one chunk and the made-up ones that come before its last time. Yields at least once. */
function* mixed(columns: EventColumns, rows: MadeUpRows): Generator<EventColumns> {
  const { count, eventTime } = columns;
  if (count === 0) return yield columns;
  const last = eventTime[count - 1];
  const rowsUntil = (time: number) => countUntil(eventTime, count, null, time);
  for (let from = 0; from < count;) {
    const first = rows.time < last ? rowsUntil(rows.time) : count;
    if (first === count || first - from >= FAR_ROWS) {
      yield sliced(columns, from, first);
      from = first;
      if (first === count) return;
    }
    const into = new ColumnBuilder(2 * FAR_ROWS), memo = new Uint32Array(columns.words.length);
    while (rows.time < last && rowsUntil(rows.time) - from < FAR_ROWS) {
      for (const until = rowsUntil(rows.time); from < until; from++) into.copyRow(columns, from, memo);
      rows.take(into);
    }
    yield into;
  }
}

interface MadeUpRow {
  readonly time: number;
  readonly session: string;
  readonly item: string;
}

/** Made-up rows by time. Holds those of the anomalies that overlap, and no more. */
class MadeUpRows {
  /** Rows taken up to now. */
  taken = 0;
  readonly #anomalies: Generator<Anomaly>;
  /** The anomaly that comes after those whose rows are in `#rows`. */
  #next: Anomaly | null;
  #rows: MadeUpRow[] = [];
  #at = 0;

  constructor(madeUp: MadeUp) {
    this.#anomalies = anomaliesOf(madeUp);
    this.#next = this.#anomalies.next().value ?? null;
    this.#refill();
  }

  /** Time of the next row, Infinity when there is none. */
  get time(): number {
    return this.#at < this.#rows.length ? this.#rows[this.#at].time : Infinity;
  }

  take(into: ColumnBuilder): void {
    const { time, session, item } = this.#rows[this.#at++];
    into.push(CLICK, time, into.code(session), into.code(item), ABSENT);
    this.taken++;
    this.#refill();
  }

  /** Brings in every anomaly that may have a row before the next one. An earlier anomaly can start later, by less than a slide. */
  #refill(): void {
    while (this.#next !== null && this.#next.start - botLike.slideMs <= this.time) {
      const rows = [...this.#rows.slice(this.#at), ...rowsOf(this.#next)];
      // A stable sort: rows of one time go by their anomaly.
      this.#rows = rows.sort((a, b) => a.time - b.time);
      this.#at = 0;
      this.#next = this.#anomalies.next().value ?? null;
    }
  }
}

function* rowsOf({ session, rule, start, clicks, items }: Anomaly): Generator<MadeUpRow> {
  // Evenly over the window, so that its neighbours have half of it at the most.
  for (let click = 0; click < clicks; click++) {
    yield { time: start + Math.floor((click + 0.5) * rule.sizeMs / clicks), session, item: `made-up-${1 + click % items}` };
  }
}

/** The anomalies of a file, in the order of their numbers. */
function* anomaliesOf({ file, intervalS }: MadeUp): Generator<Anomaly> {
  const seed = createHash("sha256").update(`${file.sha256}\n${intervalS}`).digest("hex"), name = seed.slice(0, 8);
  for (let number = 1; file.firstTime + number * intervalS * 1000 <= file.lastTime; number++) {
    const due = file.firstTime + number * intervalS * 1000, draw = createHash("sha256").update(`${seed}\n${number}`).digest();
    const rule = draw[0] % 2 === 0 ? highFrequency : botLike;
    const start = Math.ceil(due / rule.slideMs) * rule.slideMs;
    if (start + rule.sizeMs > file.lastTime) continue;
    const clicks = rule.clicksMin + 1 + draw[1] % (rule === highFrequency ? 69 : 50);
    const items = rule === highFrequency ? botLike.itemsMax + 1 + draw[2] % 40 : 1 + draw[2] % botLike.itemsMax;
    yield { session: `made-up-${name}-${number}`, rule, start, clicks, items };
  }
}
