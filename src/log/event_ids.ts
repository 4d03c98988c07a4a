// The event ids of the last day: a table of 64-bit hashes of (session, event id), each with the hour it arrived in.
// 8 bits of a hash choose a segment, 24 and 32 lie in the entry beside the hour. At 8 million ids the chance that any new id is taken for
// one of them is below one in two million million; the hashes are seeded per folder, so nobody outside can make them meet.

import { limits } from "../limits.ts";

const SEGMENTS = 256;
const ENTRIES_AT_FIRST = 64;
/** Hours are kept modulo 255, plus one: 0 is an empty entry. */
const HOURS = 255;

/** 64 bits of a hash, as two halves. */
export interface Hash64 {
  high: number;
  low: number;
}

/** Hashes session and event id into `into`: two lanes of multiply and rotate over their UTF-16 units (after MurmurHash3). */
export function hashEventId(seed: number, session: string, eventId: string, into: Hash64): void {
  let a = seed ^ 0x9e3779b9, b = Math.imul(seed, 0x85ebca6b) ^ session.length;
  for (let i = 0; i < session.length; i++) {
    const unit = session.charCodeAt(i), mixed = a ^ unit;
    a = Math.imul((mixed << 13) | (mixed >>> 19), 0x5bd1e995);
    b = (Math.imul(b ^ unit, 0x27d4eb2d) + 0x165667b1) | 0;
  }
  hashBehindSession(a, b, eventId, into);
}

const ZERO = 0x30;
/** Digits of an integer below 2^31, the last one first. */
const digits = new Uint8Array(10);

/** As `hashEventId`, of a session that is an integer from 0 to 2^31 - 1. */
export function hashEventIdOfInteger(seed: number, session: number, eventId: string, into: Hash64): void {
  let length = 0;
  do {
    const tenth = (session / 10) | 0;
    digits[length++] = ZERO + session - 10 * tenth;
    session = tenth;
  } while (session > 0);
  let a = seed ^ 0x9e3779b9, b = Math.imul(seed, 0x85ebca6b) ^ length;
  while (length > 0) {
    const unit = digits[--length], mixed = a ^ unit;
    a = Math.imul((mixed << 13) | (mixed >>> 19), 0x5bd1e995);
    b = (Math.imul(b ^ unit, 0x27d4eb2d) + 0x165667b1) | 0;
  }
  hashBehindSession(a, b, eventId, into);
}

/** Goes on from what a session has made of both lanes. */
function hashBehindSession(a: number, b: number, eventId: string, into: Hash64): void {
  a ^= 0x10001;
  b = Math.imul(b ^ 0x10001, 0xc2b2ae35);
  for (let i = 0; i < eventId.length; i++) {
    const unit = eventId.charCodeAt(i), mixed = a ^ unit;
    a = Math.imul((mixed << 13) | (mixed >>> 19), 0x5bd1e995);
    b = (Math.imul(b ^ unit, 0x27d4eb2d) + 0x165667b1) | 0;
    b ^= b >>> 15;
  }
  a = Math.imul(a ^ (b >>> 16), 0x85ebca6b);
  b = Math.imul(b ^ (a >>> 13), 0xc2b2ae35);
  into.high = (a ^ (a >>> 15) ^ b) >>> 0;
  into.low = (b ^ (b >>> 16)) >>> 0;
}

class Segment {
  /** Pairs: 24 bits of hash and the hour, 32 bits of hash. */
  entries = new Uint32Array(2 * ENTRIES_AT_FIRST);
  /** Entries that are not empty, and those of them that were taken back. */
  used = 0;
  dead = 0;
}

export class EventIds {
  readonly #segments: Segment[] = Array.from({ length: SEGMENTS }, () => new Segment());
  #count = 0;
  #oldestHour: number;
  #newestHour: number;
  /** Of no use but that it is kept, so that what is read ahead is read. */
  #seen = 0;

  /** `hour`: the present one; `oldestHour`: the oldest that may be added. */
  constructor(
    hour: number,
    oldestHour = hour,
    private readonly most: number = limits.eventIdsMax,
    private readonly keepHours: number = limits.eventIdsKeepHours,
  ) {
    this.#newestHour = hour;
    this.#oldestHour = oldestHour;
  }

  get count(): number {
    return this.#count;
  }

  /** Hours of arrival that are covered, the current one included. */
  get spanHours(): number {
    return this.#newestHour - this.#oldestHour + 1;
  }

  /** The oldest hour (of the epoch) whose ids are remembered. */
  get oldestHour(): number {
    return this.#oldestHour;
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
    if (hour > this.#newestHour) this.#advance(hour);
    const segment = this.#segments[high >>> 24];
    if ((segment.used + 1) * 3 > segment.entries.length) this.#grow(segment);
    const { entries } = segment, mask = entries.length - 1;
    const tag = high << 8;
    let at = (low & (mask >>> 1)) * 2;
    while (entries[at] !== 0 || entries[at + 1] !== 0) {
      if (((entries[at] ^ tag) >>> 8) === 0 && entries[at + 1] === low && this.#live(entries[at] & 255)) return false;
      at = (at + 2) & mask;
    }
    entries[at] = tag | stamp(hour);
    entries[at + 1] = low;
    segment.used++;
    if (++this.#count > this.most && this.#oldestHour < this.#newestHour) this.#dropOldestHour();
    return true;
  }

  /** Takes a hash back that was added by something that did not come about. */
  remove({ high, low }: Hash64): void {
    const segment = this.#segments[high >>> 24];
    const { entries } = segment, mask = entries.length - 1;
    for (let at = (low & (mask >>> 1)) * 2; entries[at] !== 0 || entries[at + 1] !== 0; at = (at + 2) & mask) {
      if (((entries[at] ^ (high << 8)) >>> 8) !== 0 || entries[at + 1] !== low || !this.#live(entries[at] & 255)) continue;
      // Others may lie behind it, so the place stays taken, with an hour that has passed.
      entries[at] = (high << 8) | stamp(this.#oldestHour - 1);
      segment.dead++;
      this.#count--;
      return;
    }
  }

  #live(stamped: number): boolean {
    const age = (stamp(this.#newestHour) - stamped + HOURS) % HOURS;
    return this.#newestHour - age >= this.#oldestHour;
  }

  #advance(hour: number): void {
    this.#newestHour = hour;
    const oldest = hour - this.keepHours;
    if (oldest > this.#oldestHour) {
      this.#oldestHour = oldest;
      this.#sweep();
    }
  }

  #dropOldestHour(): void {
    this.#oldestHour++;
    this.#sweep();
  }

  #sweep(): void {
    for (const segment of this.#segments) this.#rebuild(segment, segment.entries.length);
  }

  #grow(segment: Segment): void {
    // What has expired was left out at once, when it did.
    if (segment.dead > 0) this.#rebuild(segment, segment.entries.length);
    if ((segment.used + 1) * 4 > segment.entries.length) this.#rebuild(segment, segment.entries.length * 2);
  }

  /** Lays a segment out anew, without what has expired. */
  #rebuild(segment: Segment, length: number): void {
    const old = segment.entries, entries = new Uint32Array(length), mask = length - 1;
    this.#count -= segment.used - segment.dead;
    segment.used = segment.dead = 0;
    for (let from = 0; from < old.length; from += 2) {
      if ((old[from] === 0 && old[from + 1] === 0) || !this.#live(old[from] & 255)) continue;
      let at = (old[from + 1] & (mask >>> 1)) * 2;
      while (entries[at] !== 0 || entries[at + 1] !== 0) at = (at + 2) & mask;
      entries[at] = old[from];
      entries[at + 1] = old[from + 1];
      segment.used++;
    }
    segment.entries = entries;
    this.#count += segment.used;
  }
}

function stamp(hour: number): number {
  return ((hour + HOURS) % HOURS) + 1;
}
