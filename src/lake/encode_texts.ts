// Texts as Parquet: a dictionary of the distinct ones and the place in it for each row, or, where most are distinct, all of them behind one
// another. Codes of integers become digits here. What always holds: the values of a column chunk are those of the runs, in order. A column
// that says the same in every row, or nothing, costs a handful of bytes, and next to no time.

import type { EventBatch } from "../event/batch.ts";
import { ABSENT, FIRST_WORD } from "../event/code.ts";
import { putDeltas } from "./deltas.ts";
import { Distinct } from "./distinct.ts";
import type { Run } from "./gather.ts";
import type { InPieces } from "../pieces.ts";
import {
  type Bytes,
  DELTA_LENGTH_BYTE_ARRAY,
  dictionaryBytes,
  type EncodedColumn,
  page,
  PIECE_ROWS,
  present,
  putHeader,
  putLevels,
  putRun,
  reservePresent,
  RLE_DICTIONARY,
} from "./page.ts";
import { putText, textBytesMost } from "./text_bytes.ts";

/** Text codes of a batch; or places in `words`, a byte each. */
export interface Coded {
  readonly codes: Uint32Array | Uint8Array;
  readonly words: readonly string[];
}

/** The texts that a batch has in a column: one for all rows, or one per row, or none. */
export type TextsOf = (batch: EventBatch) => Coded | string | undefined;

/** Per row that has a value, its place among the distinct ones. */
let rowPlaces = new Uint32Array(0);
/** Bytes of each value, where they are told apart from the values. */
let lengths = new Uint32Array(0);
/** Codes of a column of bytes, as words. */
let wide = new Uint32Array(0);
/** Values below which a dictionary is written whatever they are: there is nothing to be gained. */
const FEW_VALUES = 256;

/** Encodes texts. The bytes are valid until the next column is encoded. */
export function* encodeTexts(runs: readonly Run[], rows: number, textsOf: TextsOf): InPieces<EncodedColumn> {
  reservePresent(rows);
  if (rowPlaces.length < rows) rowPlaces = new Uint32Array(rows + 256);
  const distinct = yield* distinctFor(runs, rows, textsOf);
  let row = 0, values = 0, pieceEnd = PIECE_ROWS;
  let batchAt: EventBatch | null = null;
  let seen = new Uint32Array(0);
  for (const { batch, from, to } of runs) {
    const texts = textsOf(batch);
    if (texts === undefined) {
      present.fill(0, row, row + to - from);
    } else if (typeof texts === "string") {
      rowPlaces.fill(distinct.word(texts), values, values += to - from);
      present.fill(1, row, row + to - from);
    } else {
      if (batch !== batchAt && texts.words.length > 0) seen = new Uint32Array(texts.words.length);
      batchAt = batch;
      values = placeCodes(distinct, texts, seen, from, to, row, values);
    }
    row += to - from;
    if (row < pieceEnd) continue;
    pieceEnd = row + PIECE_ROWS;
    yield;
  }
  page.length = dictionaryBytes.length = 0;
  yield* putLevels(rows, values);
  const listed = values >= FEW_VALUES && 2 * distinct.count > values;
  if (listed) yield* putListed(distinct, values);
  else yield* putPlaces(distinct, values);
  return {
    dictionary: listed ? null : { bytes: dictionaryBytes.done(), count: distinct.count },
    data: page.done(),
    encoding: listed ? DELTA_LENGTH_BYTE_ARRAY : RLE_DICTIONARY,
    nulls: rows - values,
    least: null,
    most: null,
  };
}

/** Room for the distinct texts of a column, by the bounds of its integers. */
function* distinctFor(runs: readonly Run[], rows: number, textsOf: TextsOf): InPieces<Distinct> {
  let least = FIRST_WORD, most = -1, seen = 0;
  for (const { batch, from, to } of runs) {
    const texts = textsOf(batch);
    if (texts === undefined || typeof texts === "string" || texts.codes instanceof Uint8Array) continue;
    const { codes } = texts;
    for (let at = from; at < to; at++) {
      // Signed, words and none are below 0: so no code is looked at as a double.
      const code = codes[at] | 0;
      if (code < 0) continue;
      if (code < least) least = code;
      if (code > most) most = code;
    }
    if ((seen += to - from) < PIECE_ROWS) continue;
    seen = 0;
    yield;
  }
  return new Distinct(rows, least, most);
}

/** Finds the places of codes. `seen`: by word of the batch, its place plus one. Returns how many values there are then. */
function placeCodes(
  distinct: Distinct,
  { codes: given, words }: Coded,
  seen: Uint32Array,
  from: number,
  to: number,
  row: number,
  values: number,
): number {
  const codes = given instanceof Uint8Array ? widened(given) : given;
  // A column that says the same throughout is common.
  const first = codes[from];
  let at = from + 1;
  while (at < to && codes[at] === first) at++;
  const stretch = at - from;
  present.fill(first === ABSENT ? 0 : 1, row, row += stretch);
  if (first !== ABSENT) rowPlaces.fill(placeOf(distinct, first | 0, words, seen), values, values += stretch);
  for (; at < to; at++, row++) {
    const code = codes[at] | 0;
    if (code === -1) {
      present[row] = 0;
      continue;
    }
    present[row] = 1;
    rowPlaces[values++] = code >= 0 ? distinct.integer(code) : placeOf(distinct, code, words, seen);
  }
  return values;
}

function placeOf(distinct: Distinct, code: number, words: readonly string[], seen: Uint32Array): number {
  if (code >= 0) return distinct.integer(code);
  const word = code & 0x7fff_ffff;
  return (seen[word] ||= distinct.word(words[word]) + 1) - 1;
}

function widened(codes: Uint8Array): Uint32Array {
  if (wide.length < codes.length) wide = new Uint32Array(codes.length + 256);
  for (let at = 0; at < codes.length; at++) wide[at] = FIRST_WORD + codes[at];
  return wide;
}

/** A dictionary page, and the places in it. */
function* putPlaces(distinct: Distinct, values: number): InPieces<void> {
  const { count } = distinct;
  for (let from = 0; from < count; from += PIECE_ROWS) {
    putEntries(distinct, from, Math.min(count, from + PIECE_ROWS));
    yield;
  }
  const width = count < 2 ? 1 : 32 - Math.clz32(count - 1);
  page.put([width]);
  if (count === 1) putRun(values, [0]);
  else if (values > 0) yield* putPackedPlaces(values, width);
}

/** Entries of the dictionary, each behind its length. */
function putEntries(distinct: Distinct, from: number, to: number): void {
  for (let place = from; place < to; place++) {
    const start = dictionaryBytes.length;
    dictionaryBytes.length = start + 4;
    putEntry(dictionaryBytes, distinct, place);
    dictionaryBytes.view.setUint32(start, dictionaryBytes.length - start - 4, true);
  }
}

/** The lengths of all values, then all values. */
function* putListed(distinct: Distinct, values: number): InPieces<void> {
  if (lengths.length < values) lengths = new Uint32Array(values + 256);
  // The values are put aside first, for their lengths come before them.
  for (let from = 0; from < values; from += PIECE_ROWS) {
    putValues(distinct, from, Math.min(values, from + PIECE_ROWS));
    yield;
  }
  yield* putDeltas(lengths, values, 1);
  page.room(dictionaryBytes.length).set(dictionaryBytes.done(), page.length);
  page.length += dictionaryBytes.length;
}

function putValues(distinct: Distinct, from: number, to: number): void {
  for (let i = from; i < to; i++) {
    const start = dictionaryBytes.length;
    putEntry(dictionaryBytes, distinct, rowPlaces[i]);
    lengths[i] = dictionaryBytes.length - start;
  }
}

function putEntry(to: Bytes, distinct: Distinct, place: number): void {
  const code = distinct.codes[place], text = code < FIRST_WORD ? null : distinct.words[code - FIRST_WORD];
  const bytes = to.room(8 + textBytesMost(text));
  to.length = putText(bytes, to.view, to.length, code, text);
}

/** Packs places of up to 24 bits. */
function* putPackedPlaces(count: number, width: number): InPieces<void> {
  const groups = Math.ceil(count / 8);
  putHeader(2 * groups + 1);
  rowPlaces.fill(0, count, 8 * groups);
  page.room(groups * width + 8);
  for (let from = 0; from < 8 * groups; from += 8 * PIECE_ROWS) {
    packPlaces(from, Math.min(8 * groups, from + 8 * PIECE_ROWS), width);
    yield;
  }
}

/** Packs 32 bits at a time; eight places end with a byte. */
function packPlaces(from: number, to: number, width: number): void {
  const { view } = page;
  let at = page.length;
  for (let i = from, held = 0, bits = 0; i < to; i++) {
    held |= rowPlaces[i] << bits;
    bits += width;
    view.setUint32(at, held, true);
    at += bits >> 3;
    held >>>= bits & 24;
    bits &= 7;
  }
  page.length = at;
}
