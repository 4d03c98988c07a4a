// Whole numbers as Parquet: one value for all rows, differences in packed bits where they lie close, else the plain numbers.
// What always holds: every number is exact, also where its unit takes it past 2^53; the values are those of the runs, in order.
// Source: apache/parquet-format, Encodings.md.

import type { EventBatch } from "../event/batch.ts";
import { DELTA_SPREAD_MAX, putDeltas } from "./deltas.ts";
import type { Run } from "./gather.ts";
import type { InPieces } from "../pieces.ts";
import {
  type Bytes,
  DELTA_BINARY_PACKED,
  dictionaryBytes,
  type EncodedColumn,
  page,
  PIECE_ROWS,
  PLAIN,
  present,
  putLevels,
  putRun,
  reservePresent,
  RLE_DICTIONARY,
} from "./page.ts";

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

/** Encodes whole numbers. The bytes are valid until the next column is encoded. */
export function* encodeNumbers(
  runs: readonly Run[],
  rows: number,
  numbersOf: NumbersOf,
  shape: NumberShape,
): InPieces<EncodedColumn> {
  if (!shape.counting && runs.every(({ batch }) => typeof numbersOf(batch) === "number")) {
    return yield* encodeStretches(runs, rows, numbersOf, shape);
  }
  reservePresent(rows);
  if (rowValues.length < rows) rowValues = new Float64Array(rows + 256);
  const { scale, absent, counting } = shape;
  let row = 0, values = 0, pieceEnd = PIECE_ROWS;
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
    if (row < pieceEnd) continue;
    pieceEnd = row + PIECE_ROWS;
    yield;
  }
  page.length = 0;
  yield* putLevels(rows, values);
  const ends = values === 0 ? { least: null, most: null } : { least: scaled(least, scale), most: scaled(most, scale) };
  const nulls = rows - values;
  if (values > 0 && least === most) {
    dictionaryBytes.length = 0;
    yield* putPlain(dictionaryBytes, 1, shape);
    page.put([1]);
    putRun(values, [0]);
    return { dictionary: { bytes: dictionaryBytes.done(), count: 1 }, data: page.done(), encoding: RLE_DICTIONARY, nulls, ...ends };
  }
  const delta = shape.bytes === 8 && values > 0 && (most - least) * scale < DELTA_SPREAD_MAX;
  if (delta) yield* putDeltas(rowValues, values, scale);
  else yield* putPlain(page, values, shape);
  return { dictionary: null, data: page.done(), encoding: delta ? DELTA_BINARY_PACKED : PLAIN, nulls, ...ends };
}

/** Encodes numbers that are one for all rows of each run: a dictionary, and how often each comes at a time. */
function* encodeStretches(
  runs: readonly Run[],
  rows: number,
  numbersOf: NumbersOf,
  shape: NumberShape,
): InPieces<EncodedColumn> {
  const places = new Map<number, number>();
  let least = Infinity, most = -Infinity;
  for (const { batch } of runs) {
    const value = numbersOf(batch) as number;
    if (value < least) least = value;
    if (value > most) most = value;
    if (!places.has(value)) places.set(value, places.size);
  }
  const distinct = [...places.keys()], width = Math.max(1, 32 - Math.clz32(distinct.length - 1));
  if (rowValues.length < distinct.length) rowValues = new Float64Array(distinct.length + 256);
  rowValues.set(distinct);
  dictionaryBytes.length = page.length = 0;
  yield* putPlain(dictionaryBytes, distinct.length, shape);
  yield* putLevels(rows, rows);
  page.put([width]);
  let place = 0, stretch = 0;
  const put = () => stretch > 0 && putRun(stretch, [place & 255, (place >> 8) & 255, place >> 16].slice(0, Math.ceil(width / 8)));
  for (const { batch, from, to } of runs) {
    const next = places.get(numbersOf(batch) as number)!;
    if (next !== place) {
      put();
      place = next;
      stretch = 0;
    }
    stretch += to - from;
  }
  put();
  return {
    dictionary: { bytes: dictionaryBytes.done(), count: distinct.length },
    data: page.done(),
    encoding: RLE_DICTIONARY,
    nulls: 0,
    least: scaled(least, shape.scale),
    most: scaled(most, shape.scale),
  };
}

function scaled(value: number, scale: number): bigint {
  return BigInt(value) * BigInt(scale);
}

function* putPlain(to: Bytes, count: number, { scale, bytes: size }: NumberShape): InPieces<void> {
  to.room(size * count);
  const { view } = to;
  for (let i = 0; i < count;) {
    for (const stop = Math.min(count, i + PIECE_ROWS); i < stop; i++, to.length += size) {
      const value = rowValues[i];
      if (size === 4) view.setInt32(to.length, value * scale, true);
      else view.setBigInt64(to.length, scaled(value, scale), true);
    }
    yield;
  }
}
