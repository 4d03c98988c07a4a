// The last 30 minutes of the live stream, as event time goes: how many of what in each 10 seconds, and the figures of its sessions and items.
// What always holds: figures depend on the events in the window and on which sessions are flagged, not on the order in which either came.
// When the tables are full the oldest 10 seconds leave them early, so figures stay exact over a shorter window.
// It must not know the log, the store or a clock: time comes with batches.

import { EngineWords } from "../engine/words.ts";
import { mix, textHash } from "../engine/sketch.ts";
import type { EventBatch } from "../event/batch.ts";
import { ABSENT, FIRST_WORD, idOut, integerCode } from "../event/code.ts";
import { CLICK, kindNames, PURCHASE } from "../event/kind.ts";
import { formatTimestamp } from "../event/timestamp.ts";
import { limits } from "../limits.ts";
import { NONE } from "./code_table.ts";
import type { Bucket, TrafficName } from "./figures.ts";
import { BUCKET_MS, WindowTables } from "./tables.ts";

export const WINDOW_MS = 30 * 60_000;
const BUCKETS = WINDOW_MS / BUCKET_MS;
const KINDS = kindNames.length;
/** Seconds of arrival that are kept to tell how much comes in, and those of them that count. */
const SECONDS = 16, RATE_SECONDS = 10;
const noWords = new Uint32Array(0);

export class LiveWindow {
  readonly tables: WindowTables;
  /** Newest event time, ms; -Infinity before the first. */
  newest = -Infinity;
  readonly #words = new EngineWords(limits.liveWordsMax);
  /** Events by bucket, kind and traffic; the newest cell of each bucket. A bucket's place is its number modulo BUCKETS. */
  readonly #counts = { all: new Float64Array(BUCKETS * KINDS), humans: new Float64Array(BUCKETS * KINDS) };
  readonly #chains = new Int32Array(BUCKETS).fill(NONE);
  #last = -Infinity;
  /** First bucket that is in the tables. */
  #first = -Infinity;
  /** Last bucket of which events found no room at all. */
  #leftOut = -Infinity;
  /** Codes of flagged sessions, in the window or not. */
  readonly #flagged = new Set<number>();
  readonly #arrived = { second: new Float64Array(SECONDS), events: new Float64Array(SECONDS) };

  constructor(cellsMax: number = limits.liveCellsMax) {
    this.tables = new WindowTables(cellsMax);
  }

  /** Start of the window of sessions and items, ms; -Infinity before the first event. */
  get start(): number {
    return this.#first * BUCKET_MS;
  }

  /** Whether the window is shorter than it should be, or lacks events. */
  get capped(): boolean {
    return this.#last !== -Infinity && (this.#first > this.#last - BUCKETS + 1 || this.#leftOut >= this.#first);
  }

  /** Counts the events of a batch from row `from` on; those before the window are passed over. */
  add(batch: EventBatch, from = 0): void {
    const { count, kind, eventTime, session, item, words } = batch;
    this.#arrive(batch.arrival, count - from);
    const latest = batch.arrival + limits.liveAheadMs, { tables } = this, { all, humans } = this.#counts;
    const memo = words.length > 0 ? new Uint32Array(words.length) : noWords;
    for (let row = from; row < count; row++) {
      const time = Math.min(eventTime[row], latest), bucket = Math.floor(time / BUCKET_MS);
      if (bucket > this.#last) this.#advance(bucket);
      else if (bucket <= this.#last - BUCKETS) continue;
      if (time > this.newest) this.newest = time;
      const isIn = this.#hasRoomIn(bucket);
      let who = session[row], what = item[row];
      if (who >= FIRST_WORD) who = this.#words.engineCode(batch, who, memo);
      who |= 0;
      const place = bucket % BUCKETS, known = tables.sessions.find(who), which = kind[row];
      const flagged = known === NONE ? this.#flagged.size > 0 && this.#flagged.has(who) : tables.isFlagged(known);
      all[place * KINDS + which]++;
      if (!flagged) humans[place * KINDS + which]++;
      if (!isIn) continue;
      const slot = known === NONE ? tables.addSession(who, this.#hash(who), flagged) : known;
      if (which !== CLICK && which !== PURCHASE) what = NONE;
      else if (what >= FIRST_WORD && what !== ABSENT) what = this.#words.engineCode(batch, what, memo);
      const itemSlot = (what | 0) === NONE ? NONE : tables.itemSlot(what | 0);
      this.#chains[place] = tables.count(slot, itemSlot, which, bucket, time, this.#chains[place]);
    }
    if (this.#words.crowded) this.#sweepWords();
  }

  /** Counts a session as a bot from now on, or as a person again, in what is in the window too. */
  setFlagged(session: string, flagged: boolean): void {
    const integer = integerCode(session), code = integer >= 0 ? integer : this.#words.code(session) | 0;
    if (flagged) this.#flagged.add(code);
    else this.#flagged.delete(code);
    const slot = this.tables.sessions.find(code);
    if (slot === NONE || this.tables.isFlagged(slot) === flagged) return;
    const { humans } = this.#counts;
    this.tables.setFlag(slot, flagged, ({ bucket, kind, count }) => humans[(bucket % BUCKETS) * KINDS + kind] += flagged ? -count : count);
  }

  /** The id of a session or an item by its code, as JSON shows it. */
  readonly idOf = (code: number): number | string => idOut(this.#words.text(code >>> 0)!);

  /** Events in the window, by kind. */
  kinds(traffic: TrafficName): number[] {
    const sums = new Array<number>(KINDS).fill(0), counts = this.#counts[traffic];
    if (this.#last === -Infinity) return sums;
    for (let bucket = this.#first; bucket <= this.#last; bucket++) {
      for (let kind = 0; kind < KINDS; kind++) sums[kind] += counts[(bucket % BUCKETS) * KINDS + kind];
    }
    return sums;
  }

  /** Events of the newest `buckets` buckets, oldest first; empty before the first event. */
  rates(traffic: TrafficName, buckets: number = BUCKETS): Bucket[] {
    if (this.#last === -Infinity) return [];
    const counts = this.#counts[traffic];
    return Array.from({ length: buckets }, (_, i) => {
      const bucket = this.#last - buckets + 1 + i;
      const by = counts.subarray((bucket % BUCKETS) * KINDS, (bucket % BUCKETS + 1) * KINDS);
      const events = by.reduce((sum, count) => sum + count, 0), clicks = by[CLICK], purchases = by[PURCHASE];
      return { at: formatTimestamp(bucket * BUCKET_MS), clicks, purchases, other: events - clicks - purchases };
    });
  }

  /** Events that arrived in a second, over the 10 whole seconds before the one of `now` (wall clock, ms). */
  eventsPerSecond(now: number): number {
    const second = Math.floor(now / 1000);
    let events = 0;
    this.#arrived.second.forEach((at, i) => events += at >= second - RATE_SECONDS && at < second ? this.#arrived.events[i] : 0);
    return events / RATE_SECONDS;
  }

  #arrive(arrival: number, events: number): void {
    const second = Math.floor(arrival / 1000), at = second % SECONDS, arrived = this.#arrived;
    if (second > arrived.second[at]) {
      arrived.second[at] = second;
      arrived.events[at] = 0;
    }
    if (second === arrived.second[at]) arrived.events[at] += events;
  }

  /** Moves the window on, so that `bucket` is its last one. */
  #advance(bucket: number): void {
    const from = Math.max(this.#last + 1, bucket - BUCKETS + 1);
    for (let next = from; next <= bucket; next++) {
      const place = next % BUCKETS;
      this.#drop(place);
      this.#counts.all.fill(0, place * KINDS, (place + 1) * KINDS);
      this.#counts.humans.fill(0, place * KINDS, (place + 1) * KINDS);
    }
    this.#last = bucket;
    this.#first = Math.max(this.#first, bucket - BUCKETS + 1);
  }

  /** Whether an event of a bucket gets into the tables; the oldest bucket goes when they are full. */
  #hasRoomIn(bucket: number): boolean {
    while (!this.tables.hasRoom && this.#first < this.#last) this.#drop(this.#first++ % BUCKETS);
    if (bucket < this.#first) return false;
    if (this.tables.hasRoom) return true;
    this.#leftOut = bucket;
    return false;
  }

  #drop(place: number): void {
    this.tables.release(this.#chains[place]);
    this.#chains[place] = NONE;
  }

  #hash(code: number): number {
    return code >= 0 ? mix(code) : textHash(this.#words.text(code >>> 0)!);
  }

  #sweepWords(): void {
    this.#words.sweep((visit) => {
      for (const { codes } of [this.tables.sessions, this.tables.items]) codes.forEach((code) => visit(code >>> 0));
      this.#flagged.forEach((code) => visit(code >>> 0));
    });
  }
}
