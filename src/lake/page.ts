// The pages of a Parquet column chunk while they are made: growing bytes, definition levels and runs.
// What always holds: the buffers are shared by all columns, so one column is encoded at a time, and its bytes are taken before the next one.
// Encoding yields wherever others may have the event loop for a while; whether they get it is decided by who calls.
// Source: apache/parquet-format, Encodings.md.

import type { InPieces } from "../pieces.ts";
import { putVarint } from "./thrift.ts";

export const PLAIN = 0, RLE = 3, DELTA_BINARY_PACKED = 5, DELTA_LENGTH_BYTE_ARRAY = 6, RLE_DICTIONARY = 8;

/** Rows or values of a piece: even where code runs for the first time, and a hundred times slower, they take few milliseconds. */
export const PIECE_ROWS = 1024;

/** The pages of one column chunk, not compressed. `least` and `most` in the column's own unit, null without values. */
export interface EncodedColumn {
  readonly dictionary: { readonly bytes: Uint8Array; readonly count: number } | null;
  readonly data: Uint8Array;
  readonly encoding: number;
  readonly nulls: number;
  readonly least: bigint | null;
  readonly most: bigint | null;
}

/** Bytes in a growing buffer, kept from one column to the next. */
export class Bytes {
  bytes = new Uint8Array(1 << 16);
  view = new DataView(this.bytes.buffer);
  length = 0;

  /** Makes sure that `more` bytes fit. */
  room(more: number): Uint8Array {
    if (this.length + more > this.bytes.length) {
      const larger = new Uint8Array(2 * (this.length + more));
      larger.set(this.bytes.subarray(0, this.length));
      this.bytes = larger;
      this.view = new DataView(larger.buffer);
    }
    return this.bytes;
  }

  put(values: ArrayLike<number>): void {
    this.room(values.length).set(values, this.length);
    this.length += values.length;
  }

  /** The bytes so far; valid until the next use. */
  done(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }
}

/** The dictionary page and the data page of the column at hand. */
export const dictionaryBytes = new Bytes(), page = new Bytes();
/** 1 for each row that has a value. */
export let present = new Uint8Array(0);

/** Makes room for the definition levels of a column. */
export function reservePresent(rows: number): void {
  if (present.length < rows) present = new Uint8Array(rows + 256);
}

/** Definition levels: 1 where a row has a value. */
export function* putLevels(rows: number, values: number): InPieces<void> {
  const start = page.length;
  page.put([0, 0, 0, 0]);
  if (values === rows || values === 0) {
    putRun(rows, [values === 0 ? 0 : 1]);
  } else {
    const groups = Math.ceil(rows / 8);
    putHeader(2 * groups + 1);
    page.room(groups);
    present.fill(0, rows, 8 * groups);
    for (let row = 0; row < rows; row += 8 * PIECE_ROWS) {
      putPackedLevels(row, Math.min(rows, row + 8 * PIECE_ROWS));
      yield;
    }
  }
  page.view.setUint32(start, page.length - start - 4, true);
}

/** A bit for each row, eight in a byte. */
function putPackedLevels(from: number, to: number): void {
  const { bytes } = page;
  for (let row = from; row < to; row += 8) {
    let byte = 0;
    for (let bit = 0; bit < 8; bit++) byte |= present[row + bit] << bit;
    bytes[page.length++] = byte;
  }
}

/** Begins a run of the hybrid. */
export function putHeader(value: number): void {
  const bytes: number[] = [];
  putVarint(bytes, value);
  page.put(bytes);
}

/** A run of one value in the hybrid of runs and packed bits. */
export function putRun(count: number, value: readonly number[]): void {
  putHeader(2 * count);
  page.put(value);
}
