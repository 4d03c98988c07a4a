// The words of one body, told apart by their bytes: to make a string of bytes, and to look that up, is the dearest step of reading a line,
// and sessions and items come again within a body. What always holds: a word gets one code in the columns, be it met here or by the parser.
// The table is as large as the body asks for, and begins anew with the next one.

import type { ColumnBuilder } from "./batch.ts";
import { viewOf } from "./line_fields.ts";
import { asciiText } from "./text_of_bytes.ts";

/** Numbers of a slot: hash, code, and where the word lies in the body. A slot whose word ends at 0 is empty. */
const STRIDE = 4, CODE = 1, FROM = 2, TO = 3;
/** Slots that a body has at first: one for so many bytes, within bounds. */
const BYTES_A_SLOT = 32, SLOTS_MIN = 64, SLOTS_AT_FIRST_MAX = 1 << 16;

export class BodyWords {
  #into: ColumnBuilder | null = null;
  #bytes: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(new ArrayBuffer(0));
  #table = new Uint32Array(STRIDE * SLOTS_MIN);
  /** Number of numbers of the slots in use, less one. */
  #mask = STRIDE * SLOTS_MIN - 1;
  #count = 0;
  /** Words in the columns that were added here; where there are others, the columns know them. */
  #known = 0;
  /** Codes of words of one letter, 0 where not known. */
  readonly #letters = new Uint32Array(128);

  /** The code in `into` of bytes [from, to), which are ASCII and no canonical integer. */
  code(into: ColumnBuilder, bytes: Uint8Array, from: number, to: number): number {
    if (into !== this.#into || bytes !== this.#bytes) this.#begin(into, bytes);
    if (to - from === 1) return this.#letters[bytes[from]] ||= this.#added(into, bytes, from, to);
    if (this.#count === 0) this.#size();
    const view = this.#view, table = this.#table, mask = this.#mask;
    let hash = to - from, at = from;
    for (; at + 4 <= to; at += 4) {
      hash = Math.imul(hash ^ view.getInt32(at), 0x9e3779b1);
      hash ^= hash >>> 15;
    }
    for (; at < to; at++) hash = Math.imul(hash ^ view.getUint8(at), 0x01000193);
    hash = (hash ^ (hash >>> 13)) >>> 0;
    let slot = (hash * STRIDE) & mask;
    for (; table[slot + TO] !== 0; slot = (slot + STRIDE) & mask) {
      if (table[slot] === hash && this.#same(table[slot + FROM], table[slot + TO], from, to)) return table[slot + CODE];
    }
    const code = this.#added(into, bytes, from, to);
    table[slot] = hash;
    table[slot + CODE] = code;
    table[slot + FROM] = from;
    table[slot + TO] = to;
    if (2 * STRIDE * ++this.#count > mask) this.#grow();
    return code;
  }

  /** The code of a word that is not expected again, so that to look for it would be in vain; it gets one more code if it does come. */
  newCode(into: ColumnBuilder, bytes: Uint8Array, from: number, to: number): number {
    if (into !== this.#into || bytes !== this.#bytes) this.#begin(into, bytes);
    if (into.words.length === this.#known) this.#known++;
    return into.newWordCode(asciiText(bytes, from, to), to - from);
  }

  #added(into: ColumnBuilder, bytes: Uint8Array, from: number, to: number): number {
    return into.words.length === this.#known ? this.newCode(into, bytes, from, to) : into.wordCode(asciiText(bytes, from, to));
  }

  #begin(into: ColumnBuilder, bytes: Uint8Array): void {
    this.#into = into;
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
    this.#count = this.#known = 0;
    this.#letters.fill(0);
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
      if (old[from + TO] === 0) continue;
      let slot = (old[from] * STRIDE) & mask;
      while (table[slot + TO] !== 0) slot = (slot + STRIDE) & mask;
      for (let i = 0; i < STRIDE; i++) table[slot + i] = old[from + i];
    }
    this.#table = table;
    this.#mask = mask;
  }

  #same(from: number, to: number, otherFrom: number, otherTo: number): boolean {
    if (to - from !== otherTo - otherFrom) return false;
    const view = this.#view;
    for (; from + 4 <= to; from += 4, otherFrom += 4) if (view.getInt32(from) !== view.getInt32(otherFrom)) return false;
    for (; from < to; from++, otherFrom++) if (view.getUint8(from) !== view.getUint8(otherFrom)) return false;
    return true;
  }
}
