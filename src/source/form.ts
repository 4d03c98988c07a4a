// What kind of file an input is, by its first bytes and never by its name.

import { GuardianError } from "../errors.ts";

/** The kinds of files that are read. */
export type InputForm = "csv" | "ndjson" | "parquet";

const OPEN_OBJECT = 123, CLOSE_OBJECT = 125, OPEN_LIST = 91, QUOTE = 34, SPACE = 32;

/** Tells the form of a file whose first bytes are `bytes`. Throws `input_unreadable` for kinds of files that are known and not read. */
export function formOf(path: string, bytes: Uint8Array): InputForm {
  if (startsWith(bytes, "PAR1")) return "parquet";
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) throw unread(path, "it is packed with gzip; unpack it first");
  if (startsWith(bytes, "PK\x03\x04")) throw unread(path, "it is a zip archive; unpack it first");
  const first = afterBlanks(bytes, bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0);
  const second = afterBlanks(bytes, first + 1);
  if (bytes[first] === OPEN_LIST && bytes[second] === OPEN_OBJECT) {
    throw unread(path, "it is a JSON array; write one object a line (NDJSON), as jq -c '.[]' does");
  }
  // An id in braces can begin a line of CSV; an object goes on with a name or ends.
  const isObject = bytes[first] === OPEN_OBJECT && (second >= bytes.length || bytes[second] === QUOTE || bytes[second] === CLOSE_OBJECT);
  return isObject ? "ndjson" : "csv";
}

function unread(path: string, why: string): GuardianError {
  return new GuardianError("input_unreadable", `Cannot read "${path}": ${why}`);
}

function afterBlanks(bytes: Uint8Array, at: number): number {
  while (at < bytes.length && bytes[at] <= SPACE) at++;
  return at;
}

function startsWith(bytes: Uint8Array, text: string): boolean {
  for (let at = 0; at < text.length; at++) if (bytes[at] !== text.charCodeAt(at)) return false;
  return bytes.length >= text.length;
}
