// A shortcut for what most lines are: one flat JSON object with the usual fields in plain spelling. It reads such a line straight from the
// bytes. Whatever is not of that kind, or not right in any way, it leaves to the parser, which decides and finds the words.
// What always holds: a line that it takes becomes the very row that the parser would have made of it.

import { limits } from "../limits.ts";
import type { ColumnBuilder } from "./batch.ts";
import { ABSENT } from "./code.ts";
import { kindNames, PURCHASE } from "./kind.ts";
import {
  CATEGORY,
  encoded,
  ends,
  EVENT_ID,
  ITEM,
  KIND,
  Layout,
  names,
  numberEnd,
  numbers,
  SESSION,
  setField,
  starts,
  textEnd,
  textual,
  TIMESTAMP,
} from "./line_fields.ts";
import { LineRun } from "./line_run.ts";
import type { RecordOptions } from "./record.ts";
import { idIsPlain, kindAt, SMALL_DIGITS, textCode } from "./plain_values.ts";
import { parseTimestampBytes } from "./timestamp.ts";

const QUOTE = 0x22, COLON = 0x3a, COMMA = 0x2c, OPEN = 0x7b, CLOSE = 0x7d, SPACE = 0x20;
const NEWLINE = 0x0a, RETURN = 0x0d;

/** Digits of ms since the epoch. */
const TIME_DIGITS = 13;

/** What a line that is scanned byte by byte looked like. Lines of one sender look alike, so that most are compared with it alone. */
const latest = new Layout();

/** Scans one body at a time, for there is one line at hand. */
export class FlatScan {
  /** Lines that the last `takeLines` took, if it took any. */
  lines = 0;
  readonly #into: ColumnBuilder;
  readonly #latest: number;
  readonly #withEventIds: boolean;
  readonly #run: LineRun;

  constructor(into: ColumnBuilder, { now, futureMs, withoutEventIds = false }: RecordOptions) {
    this.#into = into;
    this.#latest = Math.min(futureMs === null ? Infinity : now + futureMs, limits.eventTimeMax);
    this.#withEventIds = !withoutEventIds;
    this.#run = new LineRun(into, this.#latest, this.#withEventIds);
  }

  /** Adds the event that the bytes [from, to) are; false when that is for the parser to do, and nothing has been added. */
  take(bytes: Uint8Array, from: number, to: number): boolean {
    return to - from <= limits.lineBytesMax && this.#object(bytes, from, to) === to && this.#add(bytes);
  }

  /** Adds the events on the line that starts at `at` and on those like it. Returns where the next one starts, or -1 as `take` returns false. */
  takeLines(bytes: Uint8Array, at: number, rowsMax = Infinity): number {
    const next = this.#run.take(latest, bytes, at, rowsMax);
    this.lines = this.#run.lines;
    if (this.lines > 0) return next;
    this.lines = 1;
    return this.#line(bytes, at);
  }

  #line(bytes: Uint8Array, at: number): number {
    let end = this.#object(bytes, at, Math.min(bytes.length, at + limits.lineBytesMax + 1));
    if (end < 0) return -1;
    if (end < bytes.length) {
      if (bytes[end] === RETURN) end++;
      if (bytes[end++] !== NEWLINE) return -1;
    }
    return this.#add(bytes) ? end : -1;
  }

  /** Finds the fields of the object that starts at `from` and returns the place behind it, or -1 for anything out of the ordinary. */
  #object(bytes: Uint8Array, from: number, most: number): number {
    let end = latest.find(bytes, from, most);
    if (end < 0) end = this.#fields(bytes, from, most);
    return end - from > limits.lineBytesMax ? -1 : end;
  }

  /** Adds the event whose fields were found. Everything is checked before anything is added: words that nobody uses would stay. */
  #add(bytes: Uint8Array): boolean {
    const time = this.#time(bytes);
    if (!(time >= limits.eventTimeMin && time <= this.#latest)) return false;
    const kind = ends[KIND] === 0 ? 0 : this.#kind(bytes);
    if (kind < 0 || kind === PURCHASE) return false;
    if (ends[SESSION] === 0 || !this.#idIsPlain(bytes, SESSION)) return false;
    if (ends[ITEM] === 0 ? kind === 0 || kindNames[kind] === "add_to_cart" : !this.#idIsPlain(bytes, ITEM)) return false;
    if (!this.#textIsPlain(CATEGORY) || !this.#textIsPlain(EVENT_ID)) return false;
    const into = this.#into;
    const row = into.push(kind, time, this.#code(bytes, SESSION), this.#code(bytes, ITEM), this.#code(bytes, CATEGORY));
    if (ends[EVENT_ID] !== 0 && this.#withEventIds) into.withIdentity().eventId[row] = this.#code(bytes, EVENT_ID);
    return true;
  }

  /** As `#object`, byte by byte; keeps what the line looks like. */
  #fields(bytes: Uint8Array, from: number, most: number): number {
    if (bytes[from] !== OPEN) return -1;
    ends.fill(0);
    latest.begin();
    // Where the value before ended.
    let at = from + 1, last = from;
    for (;;) {
      while (at < most && bytes[at] === SPACE) at++;
      if (at >= most || bytes[at] !== QUOTE) return -1;
      const name = nameAt(bytes, at + 1);
      if (name < 0 || ends[name] !== 0) return -1;
      at += encoded[name].length + 2;
      while (at < most && bytes[at] === SPACE) at++;
      if (bytes[at++] !== COLON) return -1;
      while (at < most && bytes[at] === SPACE) at++;
      const text = bytes[at] === QUOTE ? 1 : 0, start = at + text;
      at = text === 1 ? textEnd(bytes, start, most) : numberEnd(bytes, start, most);
      if (at < 0) return -1;
      setField(name, start, at, text);
      latest.add(bytes, last, start, name, text);
      last = at;
      at += text;
      while (at < most && bytes[at] === SPACE) at++;
      if (at >= most) return -1;
      const mark = bytes[at++];
      if (mark === CLOSE) {
        latest.end(bytes, last, at);
        return at;
      }
      if (mark !== COMMA) return -1;
    }
  }

  /** Event time in ms, or NaN. */
  #time(bytes: Uint8Array): number {
    const from = starts[TIMESTAMP], to = ends[TIMESTAMP];
    if (to === 0) return NaN;
    if (textual[TIMESTAMP] === 1) return parseTimestampBytes(bytes, from, to - from);
    return to - from > TIME_DIGITS ? NaN : numbers[TIMESTAMP];
  }

  #kind(bytes: Uint8Array): number {
    return textual[KIND] === 0 ? -1 : kindAt(bytes, starts[KIND], ends[KIND]);
  }

  /** An id in quotes of no more than its bytes, or a number that is surely small. */
  #idIsPlain(bytes: Uint8Array, name: number): boolean {
    return textual[name] === 0 ? ends[name] - starts[name] <= SMALL_DIGITS : idIsPlain(bytes, starts[name], ends[name]);
  }

  /** Not given, a text of no more than its bytes, or a number that is surely small. */
  #textIsPlain(name: number): boolean {
    const length = ends[name] - starts[name];
    return ends[name] === 0 || length <= (textual[name] === 1 ? limits.shortTextBytesMax : SMALL_DIGITS);
  }

  #code(bytes: Uint8Array, name: number): number {
    if (ends[name] === 0) return ABSENT;
    // Small, or it would not be plain.
    return textual[name] === 0 ? numbers[name] : textCode(this.#into, bytes, starts[name], ends[name], name === EVENT_ID);
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
