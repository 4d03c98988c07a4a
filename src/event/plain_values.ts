// What the values of a flat line mean where they are plain: ids, texts and kinds as bytes, checked and made codes of.
// What always holds: a code is the one that the parser would have given to the same text. It knows no line and no layout.

import { limits } from "../limits.ts";
import type { ColumnBuilder } from "./batch.ts";
import { BodyWords } from "./body_words.ts";
import { kindNames } from "./kind.ts";
import { asciiText } from "./text_of_bytes.ts";

const ZERO = 0x30, NINE = 0x39;

/** Digits of a number that is certainly below 2^31. */
export const SMALL_DIGITS = 9;

const kinds = kindNames.map((name) => new TextEncoder().encode(name));
/** Words of the columns at hand. */
const words = new BodyWords();

/** The kind that the bytes [from, to) name, or -1. */
export function kindAt(bytes: Uint8Array, from: number, to: number): number {
  for (let kind = 0; kind < kinds.length; kind++) {
    const name = kinds[kind];
    if (name.length !== to - from) continue;
    let i = 0;
    while (i < name.length && name[i] === bytes[from + i]) i++;
    if (i === name.length) return kind;
  }
  return -1;
}

/** Whether a text of printable ASCII is an id as it stands. Many digits in quotes may be the same id as a number; the parser knows. */
export function idIsPlain(bytes: Uint8Array, from: number, to: number): boolean {
  return to - from <= limits.idBytesMax && !(to - from > SMALL_DIGITS && bytes[from] >= ZERO && bytes[from] <= NINE);
}

/** The code in `into` of a text of printable ASCII. isEventId: it is the text of an event id. */
export function textCode(into: ColumnBuilder, bytes: Uint8Array, from: number, to: number, isEventId: boolean): number {
  const first = bytes[from];
  if (first >= ZERO && first <= NINE && (first !== ZERO || to === from + 1)) {
    const value = integerAt(bytes, from, to);
    if (!isNaN(value)) return to - from <= SMALL_DIGITS ? value : into.code(asciiText(bytes, from, to));
  }
  return isEventId ? words.eventIdCode(into, bytes, from, to) : words.code(into, bytes, from, to);
}

/** The number that the bytes spell, exact up to 15 digits; NaN where one is no digit. */
function integerAt(bytes: Uint8Array, from: number, to: number): number {
  let value = 0;
  for (let at = from; at < to; at++) {
    const digit = bytes[at] - ZERO;
    if (digit < 0 || digit > 9) return NaN;
    value = value * 10 + digit;
  }
  return value;
}
