// Cuts a request body into pieces that hold one event each, whatever its form: one object, an array, or a line each.
// What always holds: every byte that is not blank lies in exactly one piece (brackets and commas of an array apart), and what is wrong
// with one piece does not move the borders of the next. Nothing is decoded here.

import { limits } from "../limits.ts";
import { elementEnd, isBlank, NEWLINE, objectEnd } from "./json_text.ts";

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

const NOT_QUICK: QuickLines = { lines: 0, take: () => -1 };

const OPEN_LIST = 91, CLOSE_LIST = 93, OPEN_OBJECT = 123;

/**
 * Hands the pieces of `bytes` to `take` in order and returns the form of the body. `truncated`: the body went on, but was not received;
 * then the last piece is not `whole`, and it is empty where the break lies between two pieces. `quick` is asked first for each line.
 */
export function cutBody(bytes: Uint8Array, truncated: boolean, take: PieceSink, quick: QuickLines = NOT_QUICK): BodyForm {
  const start = skipBlank(bytes, markBytes(bytes), bytes.length);
  const end = trimBlank(bytes, start, bytes.length);
  if (bytes[start] === OPEN_LIST) {
    cutArray(bytes, start + 1, end, take);
    return "array";
  }
  const close = start < end && bytes[start] === OPEN_OBJECT ? objectEnd(bytes, start, end) : 0;
  if (isOneObject(bytes, start, end, close)) {
    const broken = truncated && close < 0;
    take(start, end, 1, !broken);
    if (truncated && !broken) take(end, end, 2, false);
    return "object";
  }
  cutLines(bytes, truncated, take, quick);
  return "ndjson";
}

/** Whether the body is one object, be it over several lines. `close`: where its first object ends, -1 never, 0 where it starts with none. */
function isOneObject(bytes: Uint8Array, start: number, end: number, close: number): boolean {
  if (close === 0 || (close > 0 && close < end)) return false;
  // Lines with an object each can look like one object when the first of them is broken.
  if (!hasObjectLine(bytes, start, end)) return true;
  return close > 0 && end - start <= limits.lineBytesMax && isJson(bytes.subarray(start, end));
}

/** Whether a line after the first one opens an object without indent, or holds a whole one. */
function hasObjectLine(bytes: Uint8Array, from: number, end: number): boolean {
  for (let at = bytes.indexOf(NEWLINE, from) + 1; at > 0 && at < end; at = bytes.indexOf(NEWLINE, at) + 1) {
    if (bytes[at] === OPEN_OBJECT) return true;
    const newline = bytes.indexOf(NEWLINE, at);
    const lineEnd = newline < 0 ? end : newline;
    const open = skipBlank(bytes, at, lineEnd);
    if (bytes[open] === OPEN_OBJECT && objectEnd(bytes, open, lineEnd) === trimBlank(bytes, open, lineEnd)) return true;
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

function cutArray(bytes: Uint8Array, from: number, end: number, take: PieceSink): void {
  let at = skipBlank(bytes, from, end), place = 1;
  if (bytes[at] === CLOSE_LIST && at < end) at++;
  else {
    for (;; place++) {
      const to = elementEnd(bytes, at);
      if (to >= end) return takeBroken(bytes, at, end, place, take);
      take(at, trimBlank(bytes, at, to), place, true);
      at = skipBlank(bytes, to + 1, end);
      if (bytes[to] === CLOSE_LIST) break;
    }
    place++;
  }
  // Something behind the closing bracket.
  if (at < end) take(at, end, place, true);
}

/** The rest of an array that never closes: its last element may be whole all the same. */
function takeBroken(bytes: Uint8Array, at: number, end: number, place: number, take: PieceSink): void {
  if (at >= end && place === 1) return;
  const whole = bytes[at] === OPEN_OBJECT && objectEnd(bytes, at, end) === end;
  take(at, end, place, whole);
  if (whole) take(end, end, place + 1, false);
}

function cutLines(bytes: Uint8Array, truncated: boolean, take: PieceSink, quick: QuickLines): void {
  let at = markBytes(bytes), line = 1, pieces = 0;
  for (; at < bytes.length; line++) {
    const next = quick.take(at);
    if (next > 0) {
      pieces += quick.lines;
      line += quick.lines - 1;
      at = next;
      continue;
    }
    const newline = bytes.indexOf(NEWLINE, at);
    const lineEnd = newline < 0 ? bytes.length : newline;
    const from = skipBlank(bytes, at, lineEnd), to = trimBlank(bytes, from, lineEnd);
    at = lineEnd + 1;
    if (from === to) continue;
    pieces++;
    const broken = truncated && newline < 0 && !(bytes[from] === OPEN_OBJECT && objectEnd(bytes, from, to) === to);
    take(from, to, line, !broken);
    if (broken) return;
  }
  if (truncated && pieces > 0) take(bytes.length, bytes.length, line, false);
}

function skipBlank(bytes: Uint8Array, at: number, end: number): number {
  while (at < end && isBlank(bytes[at])) at++;
  return at;
}

function trimBlank(bytes: Uint8Array, from: number, end: number): number {
  while (end > from && isBlank(bytes[end - 1])) end--;
  return end;
}

/** Bytes of the byte order mark at the start, if there is one. */
function markBytes(bytes: Uint8Array): number {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
}
