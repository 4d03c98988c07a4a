// The last 30 minutes of the live stream, as event time goes: how many of what in each 10 seconds, and the figures of its sessions and items.
// What always holds: figures depend on the events in the window and on which sessions are flagged, not on the order in which either came.
// When the tables are full the oldest 10 seconds leave them early, so figures stay exact over a shorter window. Of a batch that is passed
// over, the rates of all traffic know, and nothing else: what lacks it can be told by `gap`.
// It must not know the log, the store or a clock: time comes with batches.

import { EngineWords } from "../engine/words.ts";
import type { EventBatch } from "../event/batch.ts";
import { ABSENT, FIRST_WORD, idOut, integerCode } from "../event/code.ts";
import { CLICK, kindNames, PURCHASE } from "../event/kind.ts";
import { formatTimestamp } from "../event/timestamp.ts";
import { limits } from "../limits.ts";
import { atOnce, type InPieces } from "../pieces.ts";
import type { Bucket, Gap, TrafficName } from "./figures.ts";
import { NONE } from "./row_table.ts";
import { BUCKET_MS, BUCKETS, WindowTables } from "./tables.ts";

const KINDS = kindNames.length;
/** Seconds of arrival that are kept to tell how much comes in, and those of them that count. */
const SECONDS = 16, RATE_SECONDS = 10;
/** Events that are looked at together. */
const BLOCK = 64;
const noWords = new Uint32Array(0);

export class LiveWindow {
  readonly tables: WindowTables;
  /** Newest event time, ms; -Infinity before the first. */
  newest = -Infinity;
  readonly #words = new EngineWords(limits.liveWordsMax);
  /** Events by bucket, kind and traffic. A bucket's place is its number modulo BUCKETS. */
  readonly #counts = { all: new Float64Array(BUCKETS * KINDS), humans: new Float64Array(BUCKETS * KINDS) };
  /** Events by bucket that were passed over, and those that were not even read, whose time is not known: about then. */
  readonly #missing = { passedOver: new Float64Array(BUCKETS), unread: new Float64Array(BUCKETS) };
  /** Events not read since the last batch came. */
  #unread = 0;
  #last = -Infinity;
  /** Last bucket of which events found no room at all. */
  #leftOut = -Infinity;
  /** Codes of the events that are looked at together. */
  readonly #codes = { session: new Int32Array(BLOCK), item: new Int32Array(BLOCK) };
  readonly #arrived = { second: new Float64Array(SECONDS), events: new Float64Array(SECONDS) };

  constructor(cellsMax: number = limits.liveCellsMax) {
    this.tables = new WindowTables(cellsMax);
  }

  /** Start of the window of sessions and items, ms; -Infinity before the first event. */
  get start(): number {
    return this.#last === -Infinity ? -Infinity : this.tables.first * BUCKET_MS;
  }

  /** Whether the window is shorter than it should be, or lacks events for which there was no room. */
  get capped(): boolean {
    return this.#last !== -Infinity && (this.tables.first > this.#last - BUCKETS + 1 || this.#leftOut >= this.tables.first);
  }

  /** Counts the events of a batch from row `from` on; those before the window are passed over. */
  add(batch: EventBatch, from = 0): void {
    const memo = batch.words.length > 0 ? new Uint32Array(batch.words.length) : noWords;
    this.#arrive(batch.arrival, batch.count - from);
    for (let row = from; row < batch.count; row += BLOCK) {
      const to = Math.min(batch.count, row + BLOCK);
      this.#translate(batch, row, to, memo);
      this.tables.fetch(this.#codes.session, this.#codes.item, to - row);
      this.#addBlock(batch, row, to);
    }
    this.#placeUnread();
    if (this.#words.full) atOnce(this.tidy());
  }

  /** Notes when the events of a batch were and of what kind, from row `from` on, without a look at sessions and items. */
  passOver(batch: EventBatch, from = 0): void {
    const { count, kind, eventTime } = batch, { all } = this.#counts, { passedOver } = this.#missing;
    const latest = batch.arrival + limits.liveAheadMs;
    let newest = this.newest;
    this.#arrive(batch.arrival, count - from);
    for (let row = from; row < count; row++) {
      const time = Math.min(eventTime[row], latest), bucket = bucketOf(time);
      if (bucket > this.#last) this.#advance(bucket);
      else if (bucket <= this.#last - BUCKETS) continue;
      if (time > newest) newest = time;
      const place = bucket % BUCKETS;
      all[place * KINDS + kind[row]]++;
      passedOver[place]++;
    }
    this.newest = newest;
    this.#placeUnread();
  }

  /** Notes that so many events are not even read. */
  leaveUnread(events: number): void {
    this.#unread += events;
  }

  /** Counts a session as a bot from now on, or as a person again, in what is in the window too. */
  setFlagged(session: string, flagged: boolean): void {
    const integer = integerCode(session), code = integer >= 0 ? integer : this.#words.code(session) | 0, { humans } = this.#counts;
    this.tables.setFlagged(code, flagged, (bucket, kind, count) => humans[(bucket % BUCKETS) * KINDS + kind] += flagged ? -count : count);
  }

  /** What the figures of the last 30 minutes lack, or null. */
  get gap(): Gap | null {
    const { passedOver, unread } = this.#missing, last = this.#last;
    let events = this.#unread, unreadEvents = this.#unread, newest = this.#unread > 0 ? 0 : NONE;
    for (let ago = 0; ago < BUCKETS && last !== -Infinity; ago++) {
      const place = (last - ago) % BUCKETS, here = passedOver[place] + unread[place];
      if (here > 0 && newest === NONE) newest = ago;
      events += here;
      unreadEvents += unread[place];
    }
    if (events === 0) return null;
    const until = last === -Infinity ? null : formatTimestamp((last - newest + BUCKETS) * BUCKET_MS);
    return { events, unread_events: unreadEvents, until };
  }

  /** The id of a session or an item by its code, as JSON shows it. */
  readonly idOf = (code: number): number | string => idOut(this.#words.text(code >>> 0)!);

  /** Events in the window, by kind. */
  kinds(traffic: TrafficName): number[] {
    const sums = new Array<number>(KINDS).fill(0), counts = this.#counts[traffic];
    if (this.#last === -Infinity) return sums;
    for (let bucket = this.tables.first; bucket <= this.#last; bucket++) {
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

  /** Puts the codes of a batch's rows, as they are in the tables, into `#codes`. */
  #translate(batch: EventBatch, from: number, to: number, memo: Uint32Array): void {
    const { kind, session, item } = batch, codes = this.#codes;
    if (batch.words.length > 0) {
      this.#words.learn(batch, session, from, to, memo);
      this.#words.learn(batch, item, from, to, memo);
    }
    for (let row = from; row < to; row++) {
      const who = session[row], what = kind[row] === CLICK || kind[row] === PURCHASE ? item[row] : ABSENT;
      codes.session[row - from] = who < FIRST_WORD ? who : this.#words.engineCode(batch, who, memo);
      codes.item[row - from] = what < FIRST_WORD || what === ABSENT ? what : this.#words.engineCode(batch, what, memo);
    }
  }

  /** Counts rows whose codes are in `#codes`. */
  #addBlock({ kind, eventTime, arrival }: EventBatch, from: number, to: number): void {
    const { tables } = this, { all, humans } = this.#counts, { session, item } = this.#codes, latest = arrival + limits.liveAheadMs;
    let newest = this.newest;
    for (let row = from; row < to; row++) {
      const time = Math.min(eventTime[row], latest), bucket = bucketOf(time);
      if (bucket > this.#last) this.#advance(bucket);
      else if (bucket <= this.#last - BUCKETS) continue;
      if (time > newest) newest = time;
      const who = session[row - from], which = kind[row], place = (bucket % BUCKETS) * KINDS;
      all[place + which]++;
      const isBot = this.#hasRoomIn(bucket) ? tables.count(who, item[row - from], which, bucket, time) : tables.flagged.has(who);
      if (!isBot) humans[place + which]++;
    }
    this.newest = newest;
  }

  /** Moves the window on, so that `bucket` is its last one. */
  #advance(bucket: number): void {
    const { tables } = this, from = Math.max(this.#last + 1, bucket - BUCKETS + 1);
    for (let next = from; next <= bucket; next++) {
      const place = next % BUCKETS;
      tables.release(next);
      this.#counts.all.fill(0, place * KINDS, (place + 1) * KINDS);
      this.#counts.humans.fill(0, place * KINDS, (place + 1) * KINDS);
      this.#missing.passedOver[place] = this.#missing.unread[place] = 0;
    }
    this.#last = bucket;
    tables.first = Math.max(tables.first, bucket - BUCKETS + 1);
  }

  /** Whether an event of a bucket gets into the tables; the oldest bucket goes when they are full. */
  #hasRoomIn(bucket: number): boolean {
    const { tables } = this;
    while (!tables.hasRoom && tables.first < this.#last) tables.release(tables.first++);
    if (bucket < tables.first) return false;
    if (tables.hasRoom) return true;
    this.#leftOut = bucket;
    return false;
  }

  #placeUnread(): void {
    if (this.#unread === 0 || this.#last === -Infinity) return;
    this.#missing.unread[this.#last % BUCKETS] += this.#unread;
    this.#unread = 0;
  }

  /** Whether it is time to `tidy`; where nobody does, `add` does it at once before long. */
  get crowded(): boolean {
    return this.#words.crowded;
  }

  /** Forgets texts that nothing in the window needs. Nothing may be counted or flagged meanwhile. */
  tidy(): InPieces<void> {
    return this.#words.sweep(this.#codesInUse.bind(this));
  }

  *#codesInUse(visit: (code: number) => void): InPieces<void> {
    yield* this.tables.forEachCode((code) => visit(code >>> 0));
    this.tables.flagged.forEach((code) => visit(code >>> 0));
  }
}

/** The bucket of an event time, ms: a whole number of 32 bits up to the year 2650, and no event is far ahead of the clock. */
function bucketOf(time: number): number {
  return Math.floor(time / BUCKET_MS) | 0;
}
