// A code is how a text stands in a column: one u32. Canonical integers below 2^31 (no sign, no leading zero) are their own code;
// any other text is FIRST_WORD plus its place in the word list of its batch; ABSENT is no text at all. An event id, which is expected once,
// may be FIRST_ID plus its place among the batch's event ids instead (id_texts.ts).
// What always holds: two codes of one batch are equal exactly when their texts are; event ids alone, which nobody compares by code, may have
// several for the same text.

export const FIRST_WORD = 0x8000_0000;
export const FIRST_ID = 0xc000_0000;
/** FIRST_ID as signed, below which the codes of words are and above which, up to -2, those of event ids; and what their places are masked by. */
export const FIRST_ID_SIGNED = FIRST_ID | 0, ID_PLACES = 0x3fff_ffff;
export const ABSENT = 0xffff_ffff;

/** The code of `text` if it is a canonical integer below 2^31, else -1. */
export function integerCode(text: string): number {
  const length = text.length;
  if (length === 0 || length > 10) return -1;
  let value = 0;
  for (let i = 0; i < length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  if (value >= FIRST_WORD || (length > 1 && text.charCodeAt(0) === 48)) return -1;
  return value;
}

/** The text of a code, or null for ABSENT. */
export function textOf(words: readonly string[], code: number): string | null {
  if (code === ABSENT) return null;
  return code < FIRST_WORD ? String(code) : words[code - FIRST_WORD];
}

const CANONICAL = /^(0|[1-9][0-9]{0,15})$/;

/** An id as JSON shows it: canonical integers below 2^53 as numbers, all else as strings. */
export function idOut(text: string): number | string {
  if (!CANONICAL.test(text)) return text;
  const value = Number(text);
  return value <= Number.MAX_SAFE_INTEGER ? value : text;
}

/** Orders ids: canonical integers first, by number, then strings by their UTF-8 bytes. */
export function compareIds(a: string, b: string): number {
  const left = idOut(a), right = idOut(b);
  if (typeof left === "number") return typeof right === "number" ? left - right : -1;
  if (typeof right === "number") return 1;
  return compareUtf8(a, b);
}

/** Compares by UTF-8 bytes, which is the order of code points (UTF-16 order differs above the basic plane). */
export function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i), y = b.charCodeAt(i);
    if (x === y) continue;
    const xHigh = x >= 0xd800 && x <= 0xdfff, yHigh = y >= 0xd800 && y <= 0xdfff;
    return xHigh === yHigh ? x - y : xHigh ? 1 : -1;
  }
  return a.length - b.length;
}
