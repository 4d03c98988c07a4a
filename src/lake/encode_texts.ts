// Texts as Parquet: a dictionary of the distinct ones and the place in it for each row. Codes of integers become digits here, once each.
// What always holds: the values of a column chunk are those of the runs, in order. A column that says the same in every row, or nothing,
// costs a handful of bytes.

import type { EventBatch } from "../event/batch.ts";
import { ABSENT } from "../event/code.ts";
import type { Run } from "./gather.ts";
import {
  dictionaryBytes,
  type EncodedColumn,
  page,
  present,
  putHeader,
  putLevels,
  putRun,
  reservePresent,
  RLE_DICTIONARY,
} from "./page.ts";

/** Codes of a batch: those from `base` on (ABSENT apart) are words, those below are integers. */
export interface Coded {
  readonly codes: Uint32Array | Uint8Array;
  readonly words: readonly string[];
  readonly base: number;
}

/** The texts that a batch has in a column: one for all rows, or one per row, or none. */
export type TextsOf = (batch: EventBatch) => Coded | string | undefined;
const utf8 = new TextEncoder();
/** Per row that has a value, its place in the dictionary. */
let rowIndexes = new Uint32Array(0);
/** Slots of integers seen, two words each: the integer, and its place in the dictionary plus one. Twice as many as integers at least. */
let slots = new Uint32Array(0), spare = new Uint32Array(0);
/** Slots at first, so few that a column of few integers stays in the processor's cache; four times as many when they fill. */
const SLOTS_AT_FIRST = 1024;

/** The distinct texts of a column chunk, numbered as they come. */
class Dictionary {
  count = 0;
  /** Slots less one; -1 before the first integer. */
  #mask = -1;
  #integers = 0;
  #words = new Map<string, number>();

  constructor() {
    dictionaryBytes.length = 0;
  }

  word(text: string): number {
    let index = this.#words.get(text);
    if (index === undefined) {
      index = this.count++;
      this.#words.set(text, index);
      putText(text);
    }
    return index;
  }

  integer(value: number): number {
    if (2 * this.#integers > this.#mask) this.#grow();
    const mask = this.#mask;
    let slot = (Math.imul(value, 0x9e3779b1) >>> 7) & mask;
    for (;; slot = (slot + 1) & mask) {
      const place = slots[2 * slot + 1];
      if (place === 0) break;
      if (slots[2 * slot] === value) return place - 1;
    }
    slots[2 * slot] = value;
    slots[2 * slot + 1] = ++this.count;
    this.#integers++;
    putDigits(value);
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
      let slot = (Math.imul(old[from], 0x9e3779b1) >>> 7) & mask;
      while (slots[2 * slot + 1] !== 0) slot = (slot + 1) & mask;
      slots[2 * slot] = old[from];
      slots[2 * slot + 1] = old[from + 1];
    }
    this.#mask = mask;
  }
}

/** Adds a text to the dictionary page: its length in bytes, then the bytes. */
function putText(text: string): void {
  const bytes = dictionaryBytes.room(4 + 3 * text.length);
  const at = dictionaryBytes.length;
  const { written } = utf8.encodeInto(text, bytes.subarray(at + 4));
  putLength(bytes, at, written);
}

function putDigits(value: number): void {
  const bytes = dictionaryBytes.room(16);
  const at = dictionaryBytes.length;
  let digits = 1;
  for (let bound = 10; bound <= value; bound *= 10) digits++;
  for (let place = at + 3 + digits; place > at + 3; place--) {
    const rest = (value / 10) | 0;
    bytes[place] = 48 + value - 10 * rest;
    value = rest;
  }
  putLength(bytes, at, digits);
}

function putLength(bytes: Uint8Array, at: number, length: number): void {
  bytes[at] = length;
  bytes[at + 1] = length >>> 8;
  bytes[at + 2] = length >>> 16;
  bytes[at + 3] = length >>> 24;
  dictionaryBytes.length = at + 4 + length;
}

/** Encodes texts. The bytes are valid until the next column is encoded. */
export function encodeTexts(runs: readonly Run[], rows: number, textsOf: TextsOf): EncodedColumn {
  reservePresent(rows);
  if (rowIndexes.length < rows) rowIndexes = new Uint32Array(rows + 256);
  const dictionary = new Dictionary();
  let row = 0, values = 0;
  let batchAt: EventBatch | null = null;
  let seen = new Uint32Array(0);
  for (const { batch, from, to } of runs) {
    const texts = textsOf(batch);
    if (texts === undefined) {
      present.fill(0, row, row + to - from);
    } else if (typeof texts === "string") {
      rowIndexes.fill(dictionary.word(texts), values, values += to - from);
      present.fill(1, row, row + to - from);
    } else {
      if (batch !== batchAt && texts.words.length > 0) seen = new Uint32Array(texts.words.length);
      batchAt = batch;
      values = indexCodes(dictionary, texts, seen, from, to, row, values);
    }
    row += to - from;
  }
  page.length = 0;
  putLevels(rows, values);
  const width = dictionary.count < 2 ? 1 : 32 - Math.clz32(dictionary.count - 1);
  page.put([width]);
  if (dictionary.count === 1) putRun(values, [0]);
  else if (values > 0) putPackedIndexes(values, width);
  return {
    dictionary: { bytes: dictionaryBytes.done(), count: dictionary.count },
    data: page.done(),
    encoding: RLE_DICTIONARY,
    nulls: rows - values,
    least: null,
    most: null,
  };
}

/** Finds the places of codes in the dictionary. `seen`: by word of the batch, its place plus one. Returns how many values there are then. */
function indexCodes(
  dictionary: Dictionary,
  { codes, words, base }: Coded,
  seen: Uint32Array,
  from: number,
  to: number,
  row: number,
  values: number,
): number {
  let last = -1, index = 0;
  for (let at = from; at < to; at++, row++) {
    const code = codes[at];
    if (code === ABSENT) {
      present[row] = 0;
      continue;
    }
    if (code !== last) {
      last = code;
      if (code < base) index = dictionary.integer(code);
      else index = (seen[code - base] ||= dictionary.word(words[code - base]) + 1) - 1;
    }
    present[row] = 1;
    rowIndexes[values++] = index;
  }
  return values;
}

function putPackedIndexes(count: number, width: number): void {
  const groups = Math.ceil(count / 8);
  putHeader(2 * groups + 1);
  rowIndexes.fill(0, count, 8 * groups);
  const bytes = page.room(groups * width + 8);
  let at = page.length, held = 0, bits = 0;
  for (let i = 0; i < 8 * groups; i++) {
    held |= rowIndexes[i] << bits;
    bits += width;
    while (bits >= 8) {
      bytes[at++] = held;
      held >>>= 8;
      bits -= 8;
    }
  }
  page.length = at;
}
