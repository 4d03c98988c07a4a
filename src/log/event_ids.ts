// The event ids of the last day: a table of 64-bit hashes of (session, event id), each with the period it arrived in. A period is an hour, or
// less where many ids come: what is forgotten, for age or for number, is the oldest period.
// 8 bits of a hash choose a segment, 24 and 32 lie in the entry beside the hour. At 8 million ids the chance that any new id is taken for
// one of them is below one in two million million; the hashes are seeded per folder, so nobody outside can make them meet.

import type { IdTexts } from "../event/id_texts.ts";
import { limits } from "../limits.ts";

const SEGMENTS = 256;
const ENTRIES_AT_FIRST = 64;
/** Numbers of periods are kept modulo 255, plus one: 0 is an empty entry. */
const PERIODS = 255;
/** Periods after which no entry of a forgotten one may be left, long before its number comes again. */
const SWEEP_PERIODS = 100;
/** A period has no more than this share of all ids, so that no more is forgotten at once when they are too many. */
const PERIOD_SHARE = 1 / 8;
const HOUR_MS = 3_600_000;

/** 64 bits of a hash, as two halves. */
export interface Hash64 {
  high: number;
  low: number;
}

// What a session has made of the two lanes of a hash.
let laneA = 0, laneB = 0;

/**
 * Hashes session and event id into `into`: two lanes of multiply and rotate over their UTF-16 units (after MurmurHash3). session: its text,
 * or the integer from 0 to 2^31 - 1 that it spells.
 */
export function hashEventId(seed: number, session: string | number, eventId: string, into: Hash64): void {
  begin(seed, session);
  let a = laneA, b = laneB;
  for (let i = 0; i < eventId.length; i++) {
    const unit = eventId.charCodeAt(i), mixed = a ^ unit;
    a = Math.imul((mixed << 13) | (mixed >>> 19), 0x5bd1e995);
    b = (Math.imul(b ^ unit, 0x27d4eb2d) + 0x165667b1) | 0;
    b ^= b >>> 15;
  }
  end(a, b, into);
}

/** As `hashEventId`, of the event id at `place` of `texts`: it gives the same hash as its text. */
export function hashEventIdAt(seed: number, session: string | number, texts: IdTexts, place: number, into: Hash64): void {
  begin(seed, session);
  const { bytes } = texts, to = texts.ends[place];
  let a = laneA, b = laneB, all = 0;
  for (let at = texts.startOf(place); at < to; at++) {
    const unit = bytes[at], mixed = a ^ unit;
    all |= unit;
    a = Math.imul((mixed << 13) | (mixed >>> 19), 0x5bd1e995);
    b = (Math.imul(b ^ unit, 0x27d4eb2d) + 0x165667b1) | 0;
    b ^= b >>> 15;
  }
  // Only of ASCII are the bytes the units.
  if (all > 0x7f) hashEventId(seed, session, texts.text(place), into);
  else end(a, b, into);
}

const ZERO = 0x30;
/** Digits of an integer below 2^31, the last one first. */
const digits = new Uint8Array(10);

/** Begins both lanes with a session. */
function begin(seed: number, session: string | number): void {
  let a = seed ^ 0x9e3779b9, b = Math.imul(seed, 0x85ebca6b);
  if (typeof session === "number") {
    let length = 0, left = session;
    do {
      const tenth = (left / 10) | 0;
      digits[length++] = ZERO + left - 10 * tenth;
      left = tenth;
    } while (left > 0);
    b ^= length;
    while (length > 0) {
      const unit = digits[--length], mixed = a ^ unit;
      a = Math.imul((mixed << 13) | (mixed >>> 19), 0x5bd1e995);
      b = (Math.imul(b ^ unit, 0x27d4eb2d) + 0x165667b1) | 0;
    }
  } else {
    b ^= session.length;
    for (let i = 0; i < session.length; i++) {
      const unit = session.charCodeAt(i), mixed = a ^ unit;
      a = Math.imul((mixed << 13) | (mixed >>> 19), 0x5bd1e995);
      b = (Math.imul(b ^ unit, 0x27d4eb2d) + 0x165667b1) | 0;
    }
  }
  laneA = a ^ 0x10001;
  laneB = Math.imul(b ^ 0x10001, 0xc2b2ae35);
}

function end(a: number, b: number, into: Hash64): void {
  a = Math.imul(a ^ (b >>> 16), 0x85ebca6b);
  b = Math.imul(b ^ (a >>> 13), 0xc2b2ae35);
  into.high = (a ^ (a >>> 15) ^ b) >>> 0;
  into.low = (b ^ (b >>> 16)) >>> 0;
}

class Segment {
  /** Pairs: 24 bits of hash and the period, 32 bits of hash. */
  entries = new Uint32Array(2 * ENTRIES_AT_FIRST);
  /** Entries that are not empty; some are forgotten or were taken back. */
  used = 0;
}

export class EventIds {
  readonly #segments: Segment[] = Array.from({ length: SEGMENTS }, () => new Segment());
  #count = 0;
  #oldestHour: number;
  #newestHour: number;
  /** Hours and numbers of ids of the periods, oldest first, and the number of the first. */
  readonly #periods: { hour: number; ids: number }[];
  #first = 0;
  #sweptAt = 0;
  /** Of no use but that it is kept, so that what is read ahead is read. */
  #seen = 0;

  /** `hour`: the present one; `oldestHour`: the oldest that is added to begin with. */
  constructor(
    hour: number,
    oldestHour = hour,
    private readonly most: number = limits.eventIdsMax,
    private readonly keepHours: number = limits.eventIdsKeepHours,
  ) {
    this.#newestHour = hour;
    this.#oldestHour = oldestHour;
    this.#periods = [{ hour: oldestHour, ids: 0 }];
  }

  get count(): number {
    return this.#count;
  }

  /** Hours of arrival that are covered, the current one included. */
  get spanHours(): number {
    return this.#newestHour - this.#oldestHour + 1;
  }

  /** The oldest hour (of the epoch) whose ids are remembered; perhaps not all of them, where they were too many. */
  get oldestHour(): number {
    return this.#oldestHour;
  }

  /** The hour by which an id that arrives at `ms` is remembered: never before that of another that came earlier. */
  hourFor(ms: number): number {
    return Math.max(Math.floor(ms / HOUR_MS), this.#periods[this.#periods.length - 1].hour);
  }

  /**
   * Reads the places of `count` hashes that are about to be added. The table lies outside the processor's cache: looked at together, its
   * places are waited for all at once, where they would be one after the other.
   */
  foresee(high: Uint32Array, low: Uint32Array, count: number): void {
    let seen = 0;
    for (let i = 0; i < count; i++) {
      const { entries } = this.#segments[high[i] >>> 24];
      seen ^= entries[(low[i] & ((entries.length - 1) >>> 1)) * 2];
    }
    this.#seen = seen;
  }

  /** Adds a hash that arrived in `hour` (since the epoch). Returns false when it is known already. */
  add({ high, low }: Hash64, hour: number): boolean {
    return this.addHalves(high, low, hour);
  }

  /** As `add`, of a hash whose halves are not together. */
  addHalves(high: number, low: number, hour: number): boolean {
    const last = this.#periods[this.#periods.length - 1];
    if (hour > last.hour || last.ids >= this.most * PERIOD_SHARE) this.#begin(Math.max(hour, last.hour));
    const segment = this.#segments[high >>> 24];
    if ((segment.used + 1) * 3 > segment.entries.length) this.#grow(segment);
    const { entries } = segment, mask = entries.length - 1;
    const tag = high << 8;
    let at = (low & (mask >>> 1)) * 2;
    while (entries[at] !== 0 || entries[at + 1] !== 0) {
      if (((entries[at] ^ tag) >>> 8) === 0 && entries[at + 1] === low && this.#live(entries[at] & 255)) return false;
      at = (at + 2) & mask;
    }
    entries[at] = tag | stamp(this.#current);
    entries[at + 1] = low;
    segment.used++;
    this.#periods[this.#periods.length - 1].ids++;
    if (++this.#count > this.most) this.#dropOldest();
    return true;
  }

  /** Takes a hash back that was added by something that did not come about. */
  remove({ high, low }: Hash64): void {
    const segment = this.#segments[high >>> 24];
    const { entries } = segment, mask = entries.length - 1;
    for (let at = (low & (mask >>> 1)) * 2; entries[at] !== 0 || entries[at + 1] !== 0; at = (at + 2) & mask) {
      if (((entries[at] ^ (high << 8)) >>> 8) !== 0 || entries[at + 1] !== low || !this.#live(entries[at] & 255)) continue;
      this.#periods[this.#periods.length - 1 - this.#age(entries[at] & 255)].ids--;
      // Others may lie behind it, so the place stays taken, with a period that has passed.
      entries[at] = (high << 8) | stamp(this.#first - 1);
      this.#count--;
      return;
    }
  }

  /** The number of the period that ids are added to. */
  get #current(): number {
    return this.#first + this.#periods.length - 1;
  }

  /** Periods since the one of an entry. */
  #age(stamped: number): number {
    return (stamp(this.#current) - stamped + PERIODS) % PERIODS;
  }

  #live(stamped: number): boolean {
    return this.#age(stamped) < this.#periods.length;
  }

  #begin(hour: number): void {
    this.#periods.push({ hour, ids: 0 });
    if (hour > this.#newestHour) this.#newestHour = hour;
    this.#oldestHour = Math.max(this.#oldestHour, this.#newestHour - this.keepHours);
    while (this.#periods[0].hour < this.#oldestHour) this.#forget();
    if (this.#current - this.#sweptAt < SWEEP_PERIODS) return;
    for (const segment of this.#segments) this.#rebuild(segment, segment.entries.length);
    this.#sweptAt = this.#current;
  }

  /** There are too many: the oldest go. */
  #dropOldest(): void {
    if (this.#periods.length === 1) return;
    this.#forget();
    // The rest of its hour stays: most of what is remembered may be of that hour, and only just have come.
    this.#oldestHour = Math.max(this.#oldestHour, this.#periods[0].hour);
  }

  /** Forgets the first period; its entries are left out when their segment is laid out anew. */
  #forget(): void {
    const { ids } = this.#periods.shift()!;
    this.#first++;
    this.#count -= ids;
  }

  #grow(segment: Segment): void {
    // What is forgotten may be room enough.
    this.#rebuild(segment, segment.entries.length);
    if ((segment.used + 1) * 4 > segment.entries.length) this.#rebuild(segment, segment.entries.length * 2);
  }

  /** Lays a segment out anew, without what has expired. */
  #rebuild(segment: Segment, length: number): void {
    const old = segment.entries, entries = new Uint32Array(length), mask = length - 1;
    segment.used = 0;
    for (let from = 0; from < old.length; from += 2) {
      if ((old[from] === 0 && old[from + 1] === 0) || !this.#live(old[from] & 255)) continue;
      let at = (old[from + 1] & (mask >>> 1)) * 2;
      while (entries[at] !== 0 || entries[at + 1] !== 0) at = (at + 2) & mask;
      entries[at] = old[from];
      entries[at + 1] = old[from + 1];
      segment.used++;
    }
    segment.entries = entries;
  }
}

function stamp(period: number): number {
  return ((period + PERIODS) % PERIODS) + 1;
}
