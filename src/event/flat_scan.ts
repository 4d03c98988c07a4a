// A shortcut for what most lines are: one flat JSON object with the usual fields in plain spelling. It reads such a line straight from the
// bytes. Whatever is not of that kind, or not right in any way, it leaves to the parser, which decides and finds the words.
// What always holds: a line that it takes becomes the very row that the parser would have made of it.

import { limits } from "../limits.ts";
import type { ColumnBuilder } from "./batch.ts";
import { ABSENT, FIRST_WORD } from "./code.ts";
import { kindNames, PURCHASE } from "./kind.ts";
import type { RecordOptions } from "./record.ts";
import { parseTimestampBytes } from "./timestamp.ts";
import { WordCache } from "./word_cache.ts";

const QUOTE = 0x22, COLON = 0x3a, COMMA = 0x2c, OPEN = 0x7b, CLOSE = 0x7d, SPACE = 0x20, BACKSLASH = 0x5c, ZERO = 0x30, NINE = 0x39;

const names = ["session_id", "timestamp", "item_id", "category", "kind", "event_id"];
const SESSION = 0, TIMESTAMP = 1, ITEM = 2, CATEGORY = 3, KIND = 4, EVENT_ID = 5;
const encoded = names.map((name) => new TextEncoder().encode(name));
const kinds = kindNames.map((name) => new TextEncoder().encode(name));
/** Digits of a number that is certainly below 2^31, and of ms since the epoch. */
const SMALL_DIGITS = 9, TIME_DIGITS = 13;

/** Words of the latest bodies: they repeat from one to the next. */
const latestWords = new WordCache();

export class FlatScan {
  readonly #into: ColumnBuilder;
  readonly #latest: number;
  /** Where the value of each field lies, its quotes apart; text: whether it had any. End 0: not given. */
  readonly #from = new Int32Array(names.length);
  readonly #to = new Int32Array(names.length);
  readonly #text = new Uint8Array(names.length);

  constructor(into: ColumnBuilder, { now, futureMs }: RecordOptions) {
    this.#into = into;
    this.#latest = Math.min(futureMs === null ? Infinity : now + futureMs, limits.eventTimeMax);
  }

  /** Adds the event that the bytes [from, to) are; false when that is for the parser to do, and nothing has been added. */
  take(bytes: Uint8Array, from: number, to: number): boolean {
    if (!this.#fields(bytes, from, to)) return false;
    const time = this.#time(bytes);
    if (!(time >= limits.eventTimeMin && time <= this.#latest)) return false;
    const kind = this.#to[KIND] === 0 ? 0 : this.#kind(bytes);
    if (kind < 0 || kind === PURCHASE) return false;
    // Everything is checked before anything is added: words that nobody uses would stay.
    if (!this.#idIsPlain(bytes, SESSION) || this.#to[SESSION] === 0) return false;
    if (this.#to[ITEM] === 0 ? kind === 0 || kindNames[kind] === "add_to_cart" : !this.#idIsPlain(bytes, ITEM)) return false;
    if (!this.#textIsPlain(CATEGORY) || !this.#textIsPlain(EVENT_ID)) return false;
    const into = this.#into;
    const row = into.push(kind, time, this.#code(bytes, SESSION), this.#code(bytes, ITEM), this.#code(bytes, CATEGORY));
    if (this.#to[EVENT_ID] !== 0) into.withIdentity().eventId[row] = this.#code(bytes, EVENT_ID);
    return true;
  }

  /** Finds the fields of an object that spans the bytes; false for anything out of the ordinary. */
  #fields(bytes: Uint8Array, from: number, to: number): boolean {
    this.#to.fill(0);
    if (to - from > limits.lineBytesMax || bytes[from] !== OPEN || bytes[to - 1] !== CLOSE) return false;
    let at = from + 1;
    const end = to - 1;
    for (;;) {
      while (at < end && bytes[at] === SPACE) at++;
      if (at >= end || bytes[at] !== QUOTE) return false;
      const name = nameAt(bytes, at + 1);
      if (name < 0 || this.#to[name] !== 0) return false;
      at += encoded[name].length + 2;
      while (bytes[at] === SPACE) at++;
      if (bytes[at++] !== COLON) return false;
      while (bytes[at] === SPACE) at++;
      if (bytes[at] === QUOTE) {
        const start = ++at;
        for (let byte = bytes[at]; byte !== QUOTE; byte = bytes[++at]) {
          if (byte < SPACE || byte > 0x7e || byte === BACKSLASH || at >= end) return false;
        }
        if (at === start) return false;
        this.#set(name, start, at++, 1);
      } else {
        const start = at;
        while (bytes[at] >= ZERO && bytes[at] <= NINE) at++;
        if (at === start || (bytes[start] === ZERO && at > start + 1)) return false;
        this.#set(name, start, at, 0);
      }
      while (at < end && bytes[at] === SPACE) at++;
      if (at === end) return true;
      if (bytes[at++] !== COMMA) return false;
    }
  }

  #set(name: number, from: number, to: number, text: number): void {
    this.#from[name] = from;
    this.#to[name] = to;
    this.#text[name] = text;
  }

  /** Event time in ms, or NaN. */
  #time(bytes: Uint8Array): number {
    const from = this.#from[TIMESTAMP], to = this.#to[TIMESTAMP];
    if (to === 0) return NaN;
    if (this.#text[TIMESTAMP] === 1) return parseTimestampBytes(bytes, from, to - from);
    return to - from > TIME_DIGITS ? NaN : digits(bytes, from, to);
  }

  #kind(bytes: Uint8Array): number {
    const from = this.#from[KIND], length = this.#to[KIND] - from;
    if (this.#text[KIND] === 0) return -1;
    return kinds.findIndex((kind) => kind.length === length && kind.every((byte, i) => bytes[from + i] === byte));
  }

  /** An id in quotes of no more than its bytes, or a number that is surely small. */
  #idIsPlain(bytes: Uint8Array, name: number): boolean {
    const length = this.#to[name] - this.#from[name];
    if (this.#text[name] === 0) return length <= SMALL_DIGITS;
    // Digits in quotes may be the same id as a number; the parser knows.
    return length <= limits.idBytesMax && !(bytes[this.#from[name]] >= ZERO && bytes[this.#from[name]] <= NINE && length > SMALL_DIGITS);
  }

  #textIsPlain(name: number): boolean {
    return this.#to[name] === 0 || (this.#text[name] === 1 && this.#to[name] - this.#from[name] <= limits.shortTextBytesMax);
  }

  #code(bytes: Uint8Array, name: number): number {
    const from = this.#from[name], to = this.#to[name];
    if (to === 0) return ABSENT;
    const first = bytes[from];
    if (first >= ZERO && first <= NINE && (first !== ZERO || to === from + 1)) {
      const value = to - from <= SMALL_DIGITS ? digits(bytes, from, to) : NaN;
      if (value < FIRST_WORD) return value;
      if (to - from > SMALL_DIGITS) return this.#into.code(String.fromCharCode(...bytes.subarray(from, to)));
    }
    return latestWords.code(this.#into, bytes, from, to);
  }
}

/** The field whose name stands at `at`, with its closing quote; -1 when there is none. */
function nameAt(bytes: Uint8Array, at: number): number {
  for (let name = 0; name < names.length; name++) {
    const spelt = encoded[name];
    if (bytes[at] !== spelt[0] || bytes[at + spelt.length] !== QUOTE) continue;
    let i = 1;
    while (i < spelt.length && bytes[at + i] === spelt[i]) i++;
    if (i === spelt.length) return name;
  }
  return -1;
}

/** The number that the bytes spell, or NaN where one is no digit. */
function digits(bytes: Uint8Array, from: number, to: number): number {
  let value = 0;
  for (let at = from; at < to; at++) {
    const digit = bytes[at] - ZERO;
    if (digit < 0 || digit > 9) return NaN;
    value = value * 10 + digit;
  }
  return value;
}
