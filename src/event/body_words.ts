// The words of columns under way, told apart by their bytes: to make a string of bytes, and to look that up, is the dearest step of reading
// a line, and sessions and items come again. What always holds: a word gets one code in the columns, be it met here or by the parser.
// The table lasts as long as bodies go into the same columns, and is no larger than their words ask for; with the next ones it begins anew.

import type { ColumnBuilder } from "./batch.ts";
import { viewOf } from "./line_fields.ts";
import { asciiText } from "./text_of_bytes.ts";

/** Numbers of a slot: hash, code, length of the word, and where its bytes lie in `#kept`. A slot whose length is 0 is empty. */
const STRIDE = 4, CODE = 1, LENGTH = 2, PLACE = 3;
/** Slots that columns have at first: one for so many bytes of the body, within bounds. */
const BYTES_A_SLOT = 32, SLOTS_MIN = 64, SLOTS_AT_FIRST_MAX = 1 << 16;
/** Slots that are looked at for one word. Words that need more were chosen to meet: the columns' own table, which nobody can do that to, has them. */
const LOOKS_MAX = 32;
/** Room for bytes of words, by four: at first, and what is kept for the next columns. */
const KEPT_AT_FIRST = 1 << 12, KEPT_LEFT_MAX = 1 << 19;

export class BodyWords {
  #into: ColumnBuilder | null = null;
  #bytes: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(new ArrayBuffer(0));
  #table = new Uint32Array(STRIDE * SLOTS_MIN);
  /** Number of numbers of the slots in use, less one. */
  #mask = STRIDE * SLOTS_MIN - 1;
  #count = 0;
  /** Bytes of the words in the table, by four, the last ones of each by themselves. */
  #kept = new Int32Array(KEPT_AT_FIRST);
  #end = 0;
  /** Words in the columns that were added here; where there are others, the columns know them. */
  #known = 0;
  /** Codes of words of one letter, 0 where not known. */
  readonly #letters = new Uint32Array(128);

  /** The code in `into` of bytes [from, to), which are ASCII and no canonical integer. */
  code(into: ColumnBuilder, bytes: Uint8Array, from: number, to: number): number {
    if (into !== this.#into || bytes !== this.#bytes) this.#begin(into, bytes);
    if (to - from === 1) return this.#letters[bytes[from]] ||= this.#added(into, bytes, from, to);
    if (this.#count === 0) this.#size();
    const view = this.#view, table = this.#table, mask = this.#mask, length = to - from;
    let hash = length, at = from;
    for (; at + 4 <= to; at += 4) {
      hash = Math.imul(hash ^ view.getInt32(at), 0x9e3779b1);
      hash ^= hash >>> 15;
    }
    if (at < to) hash = Math.imul(hash ^ lastBytes(view, at, to), 0x9e3779b1);
    hash = (hash ^ (hash >>> 13)) >>> 0;
    let slot = (hash * STRIDE) & mask;
    for (let looks = 0; table[slot + LENGTH] !== 0; slot = (slot + STRIDE) & mask) {
      if (++looks > LOOKS_MAX) return into.wordCode(asciiText(bytes, from, to));
      if (table[slot] === hash && table[slot + LENGTH] === length && this.#same(table[slot + PLACE], from, to)) return table[slot + CODE];
    }
    const code = this.#added(into, bytes, from, to);
    table[slot] = hash;
    table[slot + CODE] = code;
    table[slot + LENGTH] = length;
    table[slot + PLACE] = this.#keep(from, to);
    if (2 * STRIDE * ++this.#count > mask) this.#grow();
    return code;
  }

  /** The code of an event id, which is not looked for. */
  eventIdCode(into: ColumnBuilder, bytes: Uint8Array, from: number, to: number): number {
    if (bytes !== this.#bytes) this.#begin(into, bytes);
    return into.eventIdCodeOf(this.#view, from, to);
  }

  #added(into: ColumnBuilder, bytes: Uint8Array, from: number, to: number): number {
    const text = asciiText(bytes, from, to);
    if (into.words.length !== this.#known) return into.wordCode(text);
    this.#known++;
    return into.newWordCode(text, to - from);
  }

  #begin(into: ColumnBuilder, bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
    if (into === this.#into) return;
    this.#into = into;
    this.#count = this.#end = this.#known = 0;
    this.#letters.fill(0);
    if (this.#kept.length > KEPT_LEFT_MAX) this.#kept = new Int32Array(KEPT_AT_FIRST);
  }

  /** Makes room for the words of the body at hand, of which none is known yet. */
  #size(): void {
    let slots = SLOTS_MIN;
    while (slots < SLOTS_AT_FIRST_MAX && slots * BYTES_A_SLOT < this.#bytes.length) slots *= 2;
    const length = STRIDE * slots;
    if (this.#table.length < length || this.#table.length > STRIDE * SLOTS_AT_FIRST_MAX) this.#table = new Uint32Array(length);
    else this.#table.fill(0, 0, length);
    this.#mask = length - 1;
  }

  #grow(): void {
    const old = this.#table, length = this.#mask + 1, table = new Uint32Array(2 * length), mask = 2 * length - 1;
    for (let from = 0; from < length; from += STRIDE) {
      if (old[from + LENGTH] === 0) continue;
      let slot = (old[from] * STRIDE) & mask;
      while (table[slot + LENGTH] !== 0) slot = (slot + STRIDE) & mask;
      for (let i = 0; i < STRIDE; i++) table[slot + i] = old[from + i];
    }
    this.#table = table;
    this.#mask = mask;
  }

  /** Keeps the bytes [from, to) and returns their place. */
  #keep(from: number, to: number): number {
    const view = this.#view, start = this.#end, end = start + ((to - from + 3) >> 2);
    if (end > this.#kept.length) {
      const larger = new Int32Array(2 * end);
      larger.set(this.#kept);
      this.#kept = larger;
    }
    const kept = this.#kept;
    let at = from, place = start;
    for (; at + 4 <= to; at += 4) kept[place++] = view.getInt32(at);
    if (at < to) kept[place] = lastBytes(view, at, to);
    this.#end = end;
    return start;
  }

  /** Whether bytes [from, to) are those of a word as long at `place`. */
  #same(place: number, from: number, to: number): boolean {
    const view = this.#view, kept = this.#kept;
    for (; from + 4 <= to; from += 4) if (view.getInt32(from) !== kept[place++]) return false;
    return from === to || lastBytes(view, from, to) === kept[place];
  }
}

/** Up to three bytes as one number. */
function lastBytes(view: DataView, from: number, to: number): number {
  let bytes = 0;
  for (; from < to; from++) bytes = (bytes << 8) | view.getUint8(from);
  return bytes;
}
