// The texts that the engine of one partition knows: ids that are not small integers get a code of its own, the same over all batches.
// A table of hashes with open addressing, as a Map would hash each fresh text anew and wait for memory several times: hashes of many words
// are looked up together, so that the waits overlap, and a text is compared only where its hash is there.
// What always holds: one text has one code for as long as it is known. Bounded: texts that no open window holds are dropped when there are
// too many. It must not know what a code is used for.

import { ABSENT, FIRST_WORD, textOf } from "../event/code.ts";
import type { EventColumns } from "../event/batch.ts";
import { wordHash } from "../event/word_hash.ts";
import { limits } from "../limits.ts";
import { atOnce, type InPieces } from "../pieces.ts";

const ABSENT_SIGNED = ABSENT | 0;
const SLOTS_AT_FIRST = 1024;
/** In a memo, a word that is about to be looked up: no code of a word. */
const GATHERED = 1;
/** Words that are looked up together. */
const TOGETHER = 256;
/** Words, as a share of those at which it is time to sweep, with which it is late for that. */
const FULL = 1.25;
/** Words at which it is time to sweep again, as a share of those that were left. */
const SWEEP_GROWTH = 1.5;
/** Words or slots looked at in a piece of a sweep. */
const PIECE = 16_384;

export class EngineWords {
  readonly #texts: string[] = [];
  #free: number[] = [];
  #count = 0;
  #sweepAt: number;
  /** Two numbers a slot: the hash of a text, and its place in `#texts` plus one; 0 where there is none. */
  #slots = new Uint32Array(2 * SLOTS_AT_FIRST);
  /** Words of a batch that are looked up together, and their hashes. */
  readonly #words = new Uint32Array(TOGETHER);
  readonly #hashes = new Uint32Array(TOGETHER);
  /** Of no use but that it is kept, so that what is read ahead is read. */
  #seen = 0;

  constructor(private readonly wordsMax: number = limits.engineWordsMax) {
    this.#sweepAt = wordsMax;
  }

  /** The engine's code for a code of a batch. `memo`: as long as the batch's words, 0 at first. */
  engineCode(batch: EventColumns, code: number, memo: Uint32Array): number {
    if (code < FIRST_WORD || code === ABSENT) return code;
    const at = code - FIRST_WORD;
    return memo[at] ||= this.code(batch.words[at]);
  }

  /** Puts the codes of all words in rows `from` to `to` (exclusive) of a column into `memo`, as `engineCode` does one by one. */
  learn({ words }: EventColumns, column: Uint32Array, from: number, to: number, memo: Uint32Array): void {
    let count = 0;
    for (let row = from; row < to; row++) {
      // Signed, words are below 0 and none is -1: so no code is looked at as a double.
      const code = column[row] | 0;
      if (code >= -1) continue;
      const at = code & 0x7fff_ffff;
      if (memo[at] !== 0) continue;
      // Marked, so that it is not gathered twice.
      memo[at] = GATHERED;
      this.#words[count++] = at;
      if (count < TOGETHER) continue;
      this.#learnTogether(words, count, memo);
      count = 0;
    }
    if (count > 0) this.#learnTogether(words, count, memo);
  }

  #learnTogether(words: readonly string[], count: number, memo: Uint32Array): void {
    const slots = this.#slots, hashes = this.#hashes, texts = this.#texts, mask = slots.length - 1;
    let seen = 0;
    for (let i = 0; i < count; i++) seen ^= words[this.#words[i]].charCodeAt(0);
    for (let i = 0; i < count; i++) hashes[i] = wordHash(words[this.#words[i]]);
    for (let i = 0; i < count; i++) seen ^= slots[(hashes[i] << 1) & mask];
    for (let i = 0; i < count; i++) {
      const place = slots[((hashes[i] << 1) & mask) + 1];
      if (place !== 0) seen ^= texts[place - 1].charCodeAt(0);
    }
    this.#seen = seen;
    for (let i = 0; i < count; i++) memo[this.#words[i]] = this.#find(words[this.#words[i]], hashes[i]);
  }

  /** The code of a text that is not a small integer. */
  code(text: string): number {
    return this.#find(text, wordHash(text));
  }

  text(code: number): string | null {
    return textOf(this.#texts, code);
  }

  /** True when it is time to sweep. */
  get crowded(): boolean {
    return this.#count > this.#sweepAt;
  }

  /** True when a sweep can wait no longer. */
  get full(): boolean {
    return this.#count > FULL * this.#sweepAt;
  }

  /** Drops every text whose code `live` does not visit. No text may be looked up meanwhile. */
  *sweep(live: (visit: (code: number) => void) => InPieces<void>): InPieces<void> {
    const used = new Uint8Array(this.#texts.length);
    yield* live((code) => {
      // Codes are signed integers where windows hold them.
      if ((code |= 0) < 0 && code !== ABSENT_SIGNED) used[(code >>> 0) - FIRST_WORD] = 1;
    });
    this.#free = [];
    for (let at = 0; at < used.length; at++) {
      if (at % PIECE === 0) yield;
      if (used[at] === 1) continue;
      this.#texts[at] = "";
      this.#free.push(at);
    }
    this.#count = used.length - this.#free.length;
    // As long as before where that is not far too long: it would grow again, and all of it be laid out anew each time.
    let length = this.#slots.length;
    while (length > 2 * SLOTS_AT_FIRST && length > 16 * this.#count) length /= 2;
    yield* this.#layOut(length, (place) => used[place - 1] === 1);
    this.#sweepAt = Math.max(this.wordsMax, Math.floor(SWEEP_GROWTH * this.#count));
  }

  #find(text: string, hash: number): number {
    const slots = this.#slots, mask = slots.length - 1;
    let slot = (hash << 1) & mask;
    for (let place; (place = slots[slot + 1]) !== 0; slot = (slot + 2) & mask) {
      if (slots[slot] === hash && this.#texts[place - 1] === text) return FIRST_WORD + place - 1;
    }
    const at = this.#free.pop() ?? this.#texts.length;
    this.#texts[at] = text;
    slots[slot] = hash;
    slots[slot + 1] = at + 1;
    if (4 * ++this.#count > slots.length) atOnce(this.#layOut(2 * slots.length, () => true));
    return FIRST_WORD + at;
  }

  /** Lays the slots out anew, with those that `stays` is true of. */
  *#layOut(length: number, stays: (place: number) => boolean): InPieces<void> {
    const old = this.#slots, slots = this.#slots = new Uint32Array(length), mask = length - 1;
    for (let from = 0; from < old.length; from += 2) {
      if (from % (2 * PIECE) === 0) yield;
      const place = old[from + 1];
      if (place === 0 || !stays(place)) continue;
      let slot = (old[from] << 1) & mask;
      while (slots[slot + 1] !== 0) slot = (slot + 2) & mask;
      slots[slot] = old[from];
      slots[slot + 1] = place;
    }
  }
}
