// The distinct texts of a column chunk, numbered as they come. Integers are looked up by their distance to the least where they lie close,
// else by a hash; words by their text, until it shows that most come once: then they are only numbered.
// What always holds: integers, and words as long as they are looked up, get one place each. Its tables are shared: one is in use at a time.

import { codeHash } from "../event/code_hash.ts";
import { FIRST_WORD } from "../event/code.ts";

/** Integers may lie this many times as far apart as there are rows to be looked up by their distance. */
const SPREAD_PER_ROW = 4, SPREAD_LEAST = 1024;
/** Slots of a hash at first, so few that a column of few integers stays in the processor's cache; four times as many when they fill. */
const SLOTS_AT_FIRST = 1024;
/** Words after which it is judged whether they come again. */
const WORDS_TELLING = 4096;

/** Places plus one, by distance. */
let byDistance = new Uint32Array(0);
/** Slots of integers seen, two words each: the integer, and its place plus one. Twice as many as integers at least. */
let slots = new Uint32Array(0), spare = new Uint32Array(0);
let codes = new Uint32Array(0);

export class Distinct {
  count = 0;
  /** By place: an integer, or FIRST_WORD plus its place among `words`. */
  readonly codes: Uint32Array;
  readonly words: string[] = [];
  readonly #least: number;
  readonly #near: boolean;
  /** Slots less one; -1 before the first integer. */
  #mask = -1;
  #integers = 0;
  #places: Map<string, number> | null = new Map();
  #asked = 0;

  /** rows: how many values there are at the most. least, most: bounds of the integers. */
  constructor(rows: number, least: number, most: number) {
    if (codes.length < rows) codes = new Uint32Array(rows + 256);
    this.codes = codes;
    this.#least = least;
    const spread = most - least + 1;
    this.#near = spread > 0 && spread <= Math.max(SPREAD_LEAST, SPREAD_PER_ROW * rows);
    if (!this.#near) return;
    if (byDistance.length < spread) byDistance = new Uint32Array(spread);
    else byDistance.fill(0, 0, spread);
  }

  integer(value: number): number {
    if (!this.#near) return this.#hashed(value);
    const distance = value - this.#least, place = byDistance[distance];
    if (place !== 0) return place - 1;
    this.codes[this.count] = value;
    byDistance[distance] = ++this.count;
    return this.count - 1;
  }

  word(text: string): number {
    const places = this.#places;
    if (places === null) return this.#add(text);
    this.#asked++;
    let place = places.get(text);
    if (place === undefined) {
      places.set(text, place = this.#add(text));
      if (places.size === WORDS_TELLING && 4 * WORDS_TELLING > 3 * this.#asked) this.#places = null;
    }
    return place;
  }

  #add(text: string): number {
    this.codes[this.count] = FIRST_WORD + this.words.push(text) - 1;
    return this.count++;
  }

  #hashed(value: number): number {
    if (2 * this.#integers > this.#mask) this.#grow();
    const mask = this.#mask;
    let slot = (codeHash(value) >>> 7) & mask;
    for (;; slot = (slot + 1) & mask) {
      const place = slots[2 * slot + 1];
      if (place === 0) break;
      if (slots[2 * slot] === value) return place - 1;
    }
    this.codes[this.count] = value;
    slots[2 * slot] = value;
    slots[2 * slot + 1] = ++this.count;
    this.#integers++;
    return this.count - 1;
  }

  /** Makes room for more integers; the slots that they were in are kept for the next time. */
  #grow(): void {
    const before = 2 * (this.#mask + 1), length = Math.max(2 * SLOTS_AT_FIRST, 4 * before), mask = length / 2 - 1, old = slots;
    slots = spare;
    spare = old;
    if (slots.length < length) slots = new Uint32Array(length);
    else slots.fill(0, 0, length);
    for (let from = 0; from < before; from += 2) {
      if (old[from + 1] === 0) continue;
      let slot = (codeHash(old[from]) >>> 7) & mask;
      while (slots[2 * slot + 1] !== 0) slot = (slot + 1) & mask;
      slots[2 * slot] = old[from];
      slots[2 * slot + 1] = old[from + 1];
    }
    this.#mask = mask;
  }
}
