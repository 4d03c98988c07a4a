// Codes of a file's texts, found by their bytes: to make a string of bytes, and to look that up, is the dearest step of reading a row, and
// ids and categories come again and again. What always holds: a text's code is the one that its columns give it; what is kept is bounded,
// and to forget it costs time and nothing else.

import type { ColumnBuilder } from "../event/batch.ts";

/** Texts known at a time, and their bytes. Beyond: all are forgotten, and learnt anew as they come. */
const WORDS_MAX = 131_072, BYTES_MAX = 8 * 1024 * 1024;
const SLOTS_AT_FIRST = 4096, WORDS_AT_FIRST = 16_384;

/** Texts as they come from a parser: bytes [from, to) of the buffer that it reads, ASCII and no canonical integer below 2^31. */
export interface Texts {
  /** The code in `into`. */
  code(into: ColumnBuilder, from: number, to: number): number;
  /** Sees to it that `column[row]`, a column of `into`, gets the code by the next `settle`. */
  put(into: ColumnBuilder, column: Uint32Array, row: number, from: number, to: number): void;
  /** Gives all codes that were put off. The texts must still be there. */
  settle(into: ColumnBuilder): void;
}

/**
 * Texts put off at a time. A large table lies outside the processor's cache: looked up together, texts wait for memory all at once, where
 * they would wait one after the other.
 */
const PUT_OFF_MAX = 128;

/** Slots that are looked at for one text. Texts that need more were chosen to meet: the columns' own table, which nobody can do that to, has them. */
const LOOKS_MAX = 32;

/** Before the bytes of a kept text: how many they are, and its code. */
const HEAD_WORDS = 2;

/** The texts in a buffer of lines, which must have a few bytes behind its last line. */
export class WordTable implements Texts {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #into: ColumnBuilder | null = null;
  /** Two words a slot: the hash of a text, and the place behind its head in `#kept`; 0 where there is none. */
  #slots = new Uint32Array(2 * SLOTS_AT_FIRST);
  #count = 0;
  /** Texts one after the other: head, then the bytes by four, the last ones with zeros. */
  #kept = new Int32Array(WORDS_AT_FIRST);
  #end = 0;
  /** Codes of texts of one letter, 0 where not known. */
  readonly #letters = new Uint32Array(128);
  /** Texts put off: where they lie, their hashes, and where their codes go. */
  #putOff = 0;
  readonly #from = new Int32Array(PUT_OFF_MAX);
  readonly #to = new Int32Array(PUT_OFF_MAX);
  readonly #hash = new Uint32Array(PUT_OFF_MAX);
  readonly #row = new Int32Array(PUT_OFF_MAX);
  readonly #column: Uint32Array[] = [];
  /** Of no use but that it is kept, so that what is read ahead is read. */
  #seen = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  code(into: ColumnBuilder, from: number, to: number): number {
    if (this.#into !== into) this.#forget(into);
    if (to - from === 1) return this.#letters[this.#bytes[from]] ||= into.wordCode(String.fromCharCode(this.#bytes[from]));
    return this.#find(into, from, to, this.#hashOf(from, to));
  }

  put(into: ColumnBuilder, column: Uint32Array, row: number, from: number, to: number): void {
    if (this.#putOff === PUT_OFF_MAX) this.settle(into);
    const place = this.#putOff++;
    this.#from[place] = from;
    this.#to[place] = to;
    this.#hash[place] = this.#hashOf(from, to);
    this.#row[place] = row;
    this.#column[place] = column;
  }

  settle(into: ColumnBuilder): void {
    const count = this.#putOff;
    if (count === 0) return;
    if (this.#into !== into) this.#forget(into);
    const slots = this.#slots, kept = this.#kept, hashes = this.#hash, mask = slots.length - 2;
    let seen = 0;
    for (let place = 0; place < count; place++) seen ^= slots[(hashes[place] << 1) & mask];
    // The last word of most texts: with the first ones it makes all the lines of memory that comparing them will need.
    for (let place = 0; place < count; place++) {
      const at = slots[((hashes[place] << 1) & mask) + 1];
      seen ^= kept[at] ^ kept[at + ((this.#to[place] - this.#from[place] - 1) >> 2)];
    }
    this.#seen = seen;
    for (let place = 0; place < count; place++) {
      this.#column[place][this.#row[place]] = this.#find(into, this.#from[place], this.#to[place], hashes[place]);
    }
    this.#putOff = 0;
  }

  #hashOf(from: number, to: number): number {
    const view = this.#view;
    let hash = to - from, at = from;
    for (; at + 4 <= to; at += 4) {
      hash = Math.imul(hash ^ view.getInt32(at, true), 0x9e3779b1);
      hash ^= hash >>> 15;
    }
    if (at < to) hash = Math.imul(hash ^ (view.getInt32(at, true) & rest(to - at)), 0x9e3779b1);
    return (hash ^ (hash >>> 13)) >>> 0;
  }

  #find(into: ColumnBuilder, from: number, to: number, hash: number): number {
    const slots = this.#slots, mask = slots.length - 2;
    let slot = (hash << 1) & mask;
    for (let place = slots[slot + 1], looks = 0; place !== 0; place = slots[slot + 1]) {
      if (++looks > LOOKS_MAX) return into.wordCode(this.#text(from, to));
      if (slots[slot] === hash && this.#same(place, from, to)) return this.#kept[place - 1] >>> 0;
      slot = (slot + 2) & mask;
    }
    return this.#learn(into, from, to, hash, slot);
  }

  /** Whether the text at `place` is that of bytes [from, to). */
  #same(place: number, from: number, to: number): boolean {
    const view = this.#view, kept = this.#kept;
    if (kept[place - HEAD_WORDS] !== to - from) return false;
    let at = from;
    for (; at + 4 <= to; at += 4) if (view.getInt32(at, true) !== kept[place++]) return false;
    return at === to || (view.getInt32(at, true) & rest(to - at)) === kept[place];
  }

  #text(from: number, to: number): string {
    return String.fromCharCode.apply(null, this.#bytes.subarray(from, to) as unknown as number[]);
  }

  #learn(into: ColumnBuilder, from: number, to: number, hash: number, slot: number): number {
    const code = into.wordCode(this.#text(from, to));
    let place = this.#end + HEAD_WORDS;
    const end = place + Math.ceil((to - from) / 4);
    if (this.#count === WORDS_MAX || 4 * end > BYTES_MAX) {
      this.#forget(into);
      return code;
    }
    if (end > this.#kept.length) {
      const larger = new Int32Array(2 * end);
      larger.set(this.#kept);
      this.#kept = larger;
    }
    this.#kept[place - HEAD_WORDS] = to - from;
    this.#kept[place - 1] = code;
    this.#slots[slot] = hash;
    this.#slots[slot + 1] = place;
    for (let at = from; at < to; at += 4) this.#kept[place++] = this.#view.getInt32(at, true) & rest(to - at);
    this.#end = end;
    if (4 * ++this.#count > this.#slots.length) this.#grow();
    return code;
  }

  #grow(): void {
    const old = this.#slots, slots = new Uint32Array(2 * old.length), mask = slots.length - 2;
    for (let from = 0; from < old.length; from += 2) {
      if (old[from + 1] === 0) continue;
      let slot = (old[from] << 1) & mask;
      while (slots[slot + 1] !== 0) slot = (slot + 2) & mask;
      slots[slot] = old[from];
      slots[slot + 1] = old[from + 1];
    }
    this.#slots = slots;
  }

  #forget(into: ColumnBuilder): void {
    this.#into = into;
    this.#count = this.#end = 0;
    this.#slots.fill(0);
    this.#letters.fill(0);
  }
}

/** A mask for what is left of a text in four bytes in little endian. */
function rest(bytes: number): number {
  return bytes >= 4 ? -1 : (1 << (8 * bytes)) - 1;
}
