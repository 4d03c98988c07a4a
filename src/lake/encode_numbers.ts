// Whole numbers as Parquet: one value for all rows, differences in packed bits where they lie close, else the plain numbers.
// What always holds: every number is exact, also where its unit takes it past 2^53; the values are those of the runs, in order.
// Source: apache/parquet-format, Encodings.md, delta encoding.

import type { EventBatch } from "../event/batch.ts";
import type { Run } from "./gather.ts";
import {
  type Bytes,
  DELTA_BINARY_PACKED,
  dictionaryBytes,
  type EncodedColumn,
  page,
  PLAIN,
  present,
  putLevels,
  putRun,
  reservePresent,
  RLE_DICTIONARY,
} from "./page.ts";
import { putVarint } from "./thrift.ts";

/** The numbers that a batch has in a column: one for all rows, one per row, or none. */
export type NumbersOf = (batch: EventBatch) => Float64Array | number | undefined;

export interface NumberShape {
  /** What a batch's number is multiplied with to have the column's unit. */
  readonly scale: number;
  /** Bytes of a value: INT32 or INT64. */
  readonly bytes: 4 | 8;
  /** The number that stands for none, besides NaN. */
  readonly absent: number;
  /** Whether a batch's one number is that of its first row, and each row has one more. */
  readonly counting: boolean;
}

/** The numbers of the rows that have one. */
let rowValues = new Float64Array(0);

/** Largest spread (in the column's unit) that delta encoding takes: what is packed stays exact in a double. */
const DELTA_SPREAD_MAX = 2 ** 43;

/** Encodes whole numbers. The bytes are valid until the next column is encoded. */
export function encodeNumbers(runs: readonly Run[], rows: number, numbersOf: NumbersOf, shape: NumberShape): EncodedColumn {
  reservePresent(rows);
  if (rowValues.length < rows) rowValues = new Float64Array(rows + 256);
  const { scale, absent, counting } = shape;
  let row = 0, values = 0;
  let least = Infinity, most = -Infinity;
  for (const { batch, from, to } of runs) {
    const numbers = numbersOf(batch);
    const count = to - from;
    if (numbers === undefined) {
      present.fill(0, row, row += count);
    } else if (typeof numbers === "number") {
      present.fill(1, row, row += count);
      const first = counting ? numbers + from : numbers;
      const last = counting ? first + count - 1 : first;
      if (first < least) least = first;
      if (last > most) most = last;
      if (counting) { for (let value = first; value <= last; value++) rowValues[values++] = value; }
      else rowValues.fill(first, values, values += count);
    } else {
      for (let at = from; at < to; at++) {
        const value = numbers[at];
        if (value === absent || value !== value) {
          present[row++] = 0;
          continue;
        }
        present[row++] = 1;
        rowValues[values++] = value;
        if (value < least) least = value;
        if (value > most) most = value;
      }
    }
  }
  page.length = 0;
  putLevels(rows, values);
  const ends = values === 0 ? { least: null, most: null } : { least: scaled(least, scale), most: scaled(most, scale) };
  const nulls = rows - values;
  if (values > 0 && least === most) {
    dictionaryBytes.length = 0;
    putPlain(dictionaryBytes, 1, shape);
    page.put([1]);
    putRun(values, [0]);
    return { dictionary: { bytes: dictionaryBytes.done(), count: 1 }, data: page.done(), encoding: RLE_DICTIONARY, nulls, ...ends };
  }
  const delta = shape.bytes === 8 && values > 0 && (most - least) * scale < DELTA_SPREAD_MAX;
  if (delta) putDeltas(values, scale);
  else putPlain(page, values, shape);
  return { dictionary: null, data: page.done(), encoding: delta ? DELTA_BINARY_PACKED : PLAIN, nulls, ...ends };
}

function scaled(value: number, scale: number): bigint {
  return BigInt(value) * BigInt(scale);
}

function putPlain(to: Bytes, count: number, { scale, bytes: size }: NumberShape): void {
  const bytes = to.room(size * count);
  const view = new DataView(bytes.buffer);
  for (let i = 0, at = to.length; i < count; i++, at += size) {
    const value = rowValues[i];
    if (size === 4) view.setInt32(at, value * scale, true);
    else view.setBigInt64(at, scaled(value, scale), true);
  }
  to.length += size * count;
}

const BLOCK_VALUES = 128, MINIBLOCKS = 4, MINIBLOCK_VALUES = 32;
/** Widest value that is packed by 32-bit operations. */
const NARROW_BITS = 24;
const deltas = new Float64Array(BLOCK_VALUES);

/** Differences to the value before, in blocks with a least difference and a width for each 32. */
function putDeltas(count: number, scale: number): void {
  const header: number[] = [];
  for (const value of [BLOCK_VALUES, MINIBLOCKS, count]) putVarint(header, value);
  putZigzag64(header, scaled(rowValues[0], scale));
  page.put(header);
  for (let from = 1; from < count; from += BLOCK_VALUES) putBlock(from, Math.min(BLOCK_VALUES, count - from), scale);
}

function putBlock(from: number, count: number, scale: number): void {
  let least = Infinity;
  for (let i = 0; i < count; i++) {
    const delta = (rowValues[from + i] - rowValues[from + i - 1]) * scale;
    deltas[i] = delta;
    if (delta < least) least = delta;
  }
  const bytes = page.room(32 + 8 * BLOCK_VALUES);
  let at = page.length;
  for (let rest = least < 0 ? -2 * least - 1 : 2 * least;; rest = Math.floor(rest / 128)) {
    if (rest < 128) {
      bytes[at++] = rest;
      break;
    }
    bytes[at++] = (rest % 128) | 128;
  }
  const widths = at;
  at += MINIBLOCKS;
  for (let mini = 0; mini < MINIBLOCKS; mini++) {
    const first = mini * MINIBLOCK_VALUES, end = Math.min(count, first + MINIBLOCK_VALUES);
    let most = 0;
    for (let i = first; i < end; i++) {
      deltas[i] -= least;
      if (deltas[i] > most) most = deltas[i];
    }
    const width = bitsOf(most);
    bytes[widths + mini] = width;
    if (width > 0) at = putMiniblock(bytes, at, first, end, width);
  }
  page.length = at;
}

function putMiniblock(bytes: Uint8Array, at: number, first: number, end: number, width: number): number {
  deltas.fill(0, end, first + MINIBLOCK_VALUES);
  let held = 0, bits = 0;
  if (width <= NARROW_BITS) {
    for (let i = first; i < first + MINIBLOCK_VALUES; i++) {
      held |= deltas[i] << bits;
      bits += width;
      while (bits >= 8) {
        bytes[at++] = held;
        held >>>= 8;
        bits -= 8;
      }
    }
    return at;
  }
  for (let i = first; i < first + MINIBLOCK_VALUES; i++) {
    held += deltas[i] * 2 ** bits;
    bits += width;
    while (bits >= 8) {
      const byte = held % 256;
      bytes[at++] = byte;
      held = (held - byte) / 256;
      bits -= 8;
    }
  }
  return at;
}

function bitsOf(value: number): number {
  const high = Math.floor(value / 2 ** 32);
  return high > 0 ? 64 - Math.clz32(high) : 32 - Math.clz32(value);
}

function putZigzag64(bytes: number[], value: bigint): void {
  for (let rest = value < 0n ? -2n * value - 1n : 2n * value;; rest >>= 7n) {
    if (rest < 128n) return void bytes.push(Number(rest));
    bytes.push(Number(rest & 127n) | 128);
  }
}
