// Cuts a request body into pieces that hold one event each, whatever its form: one object, an array, or a line each.
// What always holds: every byte that is not blank lies in exactly one piece (brackets and commas of an array apart), and what is wrong
// with one piece does not move the borders of the next. Nothing is decoded here. It stops when its spell is used up and goes on when it is
// asked to, wherever it is: no body can hold the event loop, be it blanks alone or one string.

import { limits } from "../limits.ts";
import { elementEnd, isBlank, LongScan, NEWLINE, objectEnd } from "./json_text.ts";

export type BodyForm = "object" | "array" | "ndjson";

/** Takes the piece `[from, to)`. `line`: 1-based line, or place in the array. `whole`: false where the body broke off within the piece. */
export type PieceSink = (from: number, to: number, line: number, whole: boolean) => void;

/** Who may take lines whole, where it can tell by itself where they end. */
export interface QuickLines {
  /** Lines that the last `take` took. */
  lines: number;
  /** Takes the line that starts at `at`, and any that follow. Returns where the next one starts, or -1 where it took none. */
  take(at: number): number;
}

/** Work that may be done in one go, in steps as long as it takes to look at a byte. Whoever does work takes it away. */
export interface Spell {
  left: number;
}

/** A part of the cutting: stops when the spell is used up, and returns what it found. */
type Cutting<Found> = Generator<void, Found>;

const OPEN_LIST = 91, CLOSE_LIST = 93, OPEN_OBJECT = 123;
/** Bytes that are looked at in one go; nearly all pieces are shorter. */
const NEAR_BYTES = 64 * 1024;
/** Bytes of a line in which its end is looked for here: to ask for it costs as much as these. */
const SHORT_LINE_BYTES = 64;

/**
 * Hands the pieces of `bytes` to `take` in order and returns the form of the body. `truncated`: the body went on, but was not received;
 * then the last piece is not `whole`, and it is empty where the break lies between two pieces. `quick` is asked first for each line.
 */
export function* cutBody(bytes: Uint8Array, truncated: boolean, take: PieceSink, quick: QuickLines, spell: Spell): Cutting<BodyForm> {
  const start = yield* pastBlank(bytes, markBytes(bytes), bytes.length, spell);
  const end = yield* beforeBlank(bytes, start, bytes.length, spell);
  if (bytes[start] === OPEN_LIST) {
    yield* cutArray(bytes, start + 1, end, take, spell);
    return "array";
  }
  const close = start < end && bytes[start] === OPEN_OBJECT ? yield* closeOf(bytes, start, end, spell) : 0;
  if (yield* isOneObject(bytes, start, end, close, spell)) {
    const broken = truncated && close < 0;
    take(start, end, 1, !broken);
    if (truncated && !broken) take(end, end, 2, false);
    return "object";
  }
  yield* cutLines(bytes, truncated, take, quick, spell);
  return "ndjson";
}

/** Whether the body is one object, be it over several lines. `close`: where its first object ends, -1 never, 0 where it starts with none. */
function* isOneObject(bytes: Uint8Array, start: number, end: number, close: number, spell: Spell): Cutting<boolean> {
  if (close === 0 || (close > 0 && close < end)) return false;
  // Lines with an object each can look like one object when the first of them is broken.
  if (!(yield* hasObjectLine(bytes, start, end, spell))) return true;
  return close > 0 && end - start <= limits.lineBytesMax && isJson(bytes.subarray(start, end));
}

/** Whether a line after the first one opens an object without indent, or holds a whole one. */
function* hasObjectLine(bytes: Uint8Array, from: number, end: number, spell: Spell): Cutting<boolean> {
  for (let newline = lineEndFrom(bytes, from, end); newline < end; newline = lineEndFrom(bytes, from, end)) {
    spell.left -= newline - from + SHORT_LINE_BYTES;
    if (spell.left <= 0) yield;
    from = yield* pastBlank(bytes, newline, end, spell);
    if (bytes[from] !== OPEN_OBJECT || from >= end) continue;
    if (bytes[from - 1] === NEWLINE) return true;
    const lineEnd = lineEndFrom(bytes, from, end);
    const close = yield* closeOf(bytes, from, lineEnd, spell);
    if (close > 0 && close === (yield* beforeBlank(bytes, from, lineEnd, spell))) return true;
  }
  return false;
}

function isJson(bytes: Uint8Array): boolean {
  try {
    JSON.parse(new TextDecoder().decode(bytes));
    return true;
  } catch {
    return false;
  }
}

function* cutArray(bytes: Uint8Array, from: number, end: number, take: PieceSink, spell: Spell): Cutting<void> {
  let at = yield* pastBlank(bytes, from, end, spell), place = 1;
  if (bytes[at] === CLOSE_LIST && at < end) at++;
  else {
    for (;; place++) {
      const near = Math.min(end, at + NEAR_BYTES);
      let to = elementEnd(bytes, at, near);
      spell.left -= to - at;
      if (to === near && near < end) to = yield* endOf(new LongScan("element", bytes, at, end), spell);
      if (to >= end) return yield* takeBroken(bytes, at, end, place, take, spell);
      take(at, isBlank(bytes[to - 1]) ? yield* beforeBlank(bytes, at, to, spell) : to, place, true);
      if (spell.left <= 0) yield;
      at = isBlank(bytes[to + 1]) ? yield* pastBlank(bytes, to + 1, end, spell) : to + 1;
      if (bytes[to] === CLOSE_LIST) break;
    }
    place++;
  }
  // Something behind the closing bracket.
  if (at < end) take(at, end, place, true);
}

/** The rest of an array that never closes: its last element may be whole all the same. */
function* takeBroken(bytes: Uint8Array, at: number, end: number, place: number, take: PieceSink, spell: Spell): Cutting<void> {
  if (at >= end && place === 1) return;
  const whole = bytes[at] === OPEN_OBJECT && (yield* closeOf(bytes, at, end, spell)) === end;
  take(at, end, place, whole);
  if (whole) take(end, end, place + 1, false);
}

function* cutLines(bytes: Uint8Array, truncated: boolean, take: PieceSink, quick: QuickLines, spell: Spell): Cutting<void> {
  const start = markBytes(bytes), end = bytes.length;
  let at = start, line = 1, pieces = 0;
  while (at < end) {
    if (spell.left <= 0) yield;
    let from = at;
    if (isBlank(bytes[at])) {
      const until = Math.min(end, at + NEAR_BYTES);
      for (; from < until && isBlank(bytes[from]); from++) if (bytes[from] === NEWLINE) line++;
      spell.left -= from - at;
      at = from;
      if (from === until) continue;
    }
    // Behind blanks the line does not start here, and only its end says where the next one does.
    const next = from === start || bytes[from - 1] === NEWLINE ? quick.take(from) : -1;
    if (next > 0) {
      pieces += quick.lines;
      line += quick.lines;
      spell.left -= next - at;
      at = next;
      continue;
    }
    const lineEnd = lineEndFrom(bytes, from, end);
    const to = isBlank(bytes[lineEnd - 1]) ? yield* beforeBlank(bytes, from, lineEnd, spell) : lineEnd;
    spell.left -= to - from;
    at = lineEnd + 1;
    pieces++;
    const broken = truncated && lineEnd === end && !(bytes[from] === OPEN_OBJECT && (yield* closeOf(bytes, from, to, spell)) === to);
    take(from, to, line++, !broken);
    if (broken) return;
  }
  if (truncated && pieces > 0) take(end, end, line, false);
}

/** Where the line that goes on at `from` ends: the place of its line end, or `end`. */
function lineEndFrom(bytes: Uint8Array, from: number, end: number): number {
  const near = Math.min(end, from + SHORT_LINE_BYTES);
  for (; from < near; from++) if (bytes[from] === NEWLINE) return from;
  if (from === end) return end;
  const newline = bytes.indexOf(NEWLINE, from);
  return newline < 0 || newline > end ? end : newline;
}

/** As `objectEnd`. */
function* closeOf(bytes: Uint8Array, from: number, to: number, spell: Spell): Cutting<number> {
  const near = Math.min(to, from + NEAR_BYTES), close = objectEnd(bytes, from, near);
  spell.left -= (close < 0 ? near : close) - from;
  return close >= 0 || near === to ? close : yield* endOf(new LongScan("object", bytes, from, to), spell);
}

function* endOf(scan: LongScan, spell: Spell): Cutting<number> {
  for (;;) {
    scan.go(NEAR_BYTES);
    if (scan.end !== null) return scan.end;
    spell.left -= NEAR_BYTES;
    if (spell.left <= 0) yield;
  }
}

/** The first place from `at` on that is not blank, or `end`. */
function* pastBlank(bytes: Uint8Array, at: number, end: number, spell: Spell): Cutting<number> {
  for (;;) {
    const from = at, near = Math.min(end, at + NEAR_BYTES);
    while (at < near && isBlank(bytes[at])) at++;
    spell.left -= at - from;
    if (at < near || at >= end) return at;
    if (spell.left <= 0) yield;
  }
}

/** The place behind the last byte before `end` that is not blank, or `from`. */
function* beforeBlank(bytes: Uint8Array, from: number, end: number, spell: Spell): Cutting<number> {
  for (;;) {
    const to = end, near = Math.max(from, end - NEAR_BYTES);
    while (end > near && isBlank(bytes[end - 1])) end--;
    spell.left -= to - end;
    if (end > near || end <= from) return end;
    if (spell.left <= 0) yield;
  }
}

/** Bytes of the byte order mark at the start, if there is one. */
function markBytes(bytes: Uint8Array): number {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
}
