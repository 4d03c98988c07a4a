// One column of numbers in the binary form of a batch: a byte for the mode, then what the mode says. The narrowest mode that holds the
// column is taken, for what the log stores is paid for by the byte. What always holds: a column is read back as it was, to the last bit;
// modes are only ever added, as batches of every version so far have to be read.

import { assert } from "../assert.ts";

// A u32 column: one value, a table of up to 256 values with a byte a row, the values, or 1 to 3 bytes a row above a base.
// A f64 column: one value, u32 above a base, the values, 1 to 3 bytes a row above a base, or 1 or 2 bytes a row above the row before.
const CONSTANT = 0, TABLE = 1, PLAIN = 2, ABOVE_BASE = 3, NARROW = 4, RISING = 5;

const BYTE = 256, TWO_BYTES = 65_536, THREE_BYTES = 16_777_216, FOUR_BYTES = 4_294_967_296;

/** Where columns are written: bytes and a view of the same memory, with room for 9 bytes a row and `COLUMN_SLACK_BYTES`. */
export interface ColumnOut {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/** Bytes beyond those of its rows that a column may touch while it is written: a table that is tried before it is known to be small. */
export const COLUMN_SLACK_BYTES = 1100;

/** Where columns are read. */
export interface ColumnIn extends ColumnOut {
  at: number;
}

/** Writes a column of bytes as one that `takeU32` reads, and returns its end. */
export function putBytes({ bytes, view }: ColumnOut, at: number, column: Uint8Array, count: number): number {
  const first = column[0];
  let same = 1;
  while (same < count && column[same] === first) same++;
  bytes[at] = same === count ? CONSTANT : NARROW;
  if (same === count) return putBase(view, at + 1, first);
  bytes[at + 1] = 1;
  at = putBase(view, at + 2, 0);
  bytes.set(column.subarray(0, count), at);
  return at + count;
}

/** Writes a column of at least one row and returns its end. tabled: whether few values are likely enough to look for them. */
export function putU32(out: ColumnOut, at: number, column: Uint32Array, count: number, tabled: boolean): number {
  const { bytes, view } = out;
  let least = column[0], most = least;
  for (let row = 1; row < count; row++) {
    const value = column[row];
    if (value < least) least = value;
    else if (value > most) most = value;
  }
  const spread = most - least;
  if (spread === 0) {
    bytes[at] = CONSTANT;
    return putBase(view, at + 1, least);
  }
  if (tabled && spread >= BYTE && count > 8) {
    const end = putTable(out, at, column, count);
    if (end > 0) return end;
  }
  if (spread >= THREE_BYTES) {
    bytes[at] = PLAIN;
    bytes.set(new Uint8Array(column.buffer, column.byteOffset, 4 * count), at + 1);
    return at + 1 + 4 * count;
  }
  bytes[at] = NARROW;
  const width = bytes[at + 1] = widthOf(spread);
  at = putBase(view, at + 2, least);
  // Four bytes are written for each row, of which the next row covers what is not needed.
  for (let row = 0; row < count; row++, at += width) view.setUint32(at, column[row] - least, true);
  return at;
}

/** Writes a column of at least one row and returns its end. */
export function putF64({ bytes, view }: ColumnOut, at: number, column: Float64Array, count: number): number {
  let least = column[0], most = least, stepLeast = Infinity, stepMost = -Infinity, before = least, whole = true;
  for (let row = 0; row < count; row++) {
    const value = column[row], step = value - before;
    if (Math.floor(value) !== value) whole = false;
    if (step < stepLeast) stepLeast = step;
    if (step > stepMost) stepMost = step;
    if (value < least) least = value;
    if (value > most) most = value;
    before = value;
  }
  // Written so that NaN is plain; -0 would come back as 0.
  if (!(whole && most - least < FOUR_BYTES) || (least <= 0 && most >= 0 && hasNegativeZero(column, count))) {
    bytes[at] = PLAIN;
    bytes.set(new Uint8Array(column.buffer, column.byteOffset, 8 * count), at + 1);
    return at + 1 + 8 * count;
  }
  const spread = most - least;
  if (spread === 0) {
    bytes[at] = CONSTANT;
    view.setFloat64(at + 1, least, true);
    return at + 9;
  }
  if (stepLeast >= 0 && stepMost < TWO_BYTES && stepMost < spread) {
    bytes[at] = RISING;
    const width = bytes[at + 1] = widthOf(stepMost);
    view.setFloat64(at + 2, column[0], true);
    at += 10;
    for (let row = 1; row < count; row++, at += width) view.setUint16(at, column[row] - column[row - 1], true);
    return at;
  }
  const width = widthOf(spread);
  bytes[at++] = width < 4 ? NARROW : ABOVE_BASE;
  if (width < 4) bytes[at++] = width;
  view.setFloat64(at, least, true);
  at += 8;
  for (let row = 0; row < count; row++, at += width) view.setUint32(at, column[row] - least, true);
  return at;
}

/** Reads a column that `putU32` or `putBytes` wrote. */
export function takeU32(from: ColumnIn, count: number): Uint32Array {
  const mode = from.bytes[from.at++];
  if (mode === CONSTANT) {
    from.at += 4;
    return new Uint32Array(count).fill(from.view.getUint32(from.at - 4, true));
  }
  if (mode === TABLE) return takeTable(from, count);
  if (mode === NARROW) {
    const width = takeWidth(from), base = from.view.getUint32(from.at, true);
    from.at += 4;
    const column = new Uint32Array(count);
    takeNarrow(from, column, width, base);
    return column;
  }
  assert(mode === PLAIN, "a u32 column has a known mode");
  const column = new Uint32Array(copied(from.bytes, from.at, 4 * count));
  from.at += 4 * count;
  return column;
}

/** Reads a column that `putF64` wrote. */
export function takeF64(from: ColumnIn, count: number): Float64Array {
  const mode = from.bytes[from.at++];
  if (mode === PLAIN) {
    const column = new Float64Array(copied(from.bytes, from.at, 8 * count));
    from.at += 8 * count;
    return column;
  }
  const width = mode === NARROW || mode === RISING ? takeWidth(from) : 4;
  const base = from.view.getFloat64(from.at, true);
  from.at += 8;
  const column = new Float64Array(count);
  if (mode === CONSTANT) return column.fill(base);
  if (mode === RISING) {
    // The first row is the base itself, and has no step.
    takeNarrow(from, column.subarray(1), width, 0);
    column[0] = base;
    for (let row = 1; row < count; row++) column[row] += column[row - 1];
    return column;
  }
  assert(mode === ABOVE_BASE || mode === NARROW, "a f64 column has a known mode");
  takeNarrow(from, column, width, base);
  return column;
}

function putBase(view: DataView, at: number, base: number): number {
  view.setUint32(at, base, true);
  return at + 4;
}

function widthOf(spread: number): 1 | 2 | 3 | 4 {
  return spread < BYTE ? 1 : spread < TWO_BYTES ? 2 : spread < THREE_BYTES ? 3 : 4;
}

function hasNegativeZero(column: Float64Array, count: number): boolean {
  for (let row = 0; row < count; row++) if (Object.is(column[row], -0)) return true;
  return false;
}

function takeWidth(from: ColumnIn): number {
  const width = from.bytes[from.at++];
  assert(width >= 1 && width <= 3, "a narrow column has 1 to 3 bytes a row");
  return width;
}

function takeNarrow(from: ColumnIn, column: Uint32Array | Float64Array, width: number, base: number): void {
  const { bytes } = from, { length } = column;
  assert(from.at + length * width <= bytes.length, "a column lies within its batch");
  let at = from.at;
  for (let row = 0; row < length; row++) {
    let value = bytes[at++];
    if (width > 1) value |= bytes[at++] << 8;
    if (width > 2) value |= bytes[at++] << 16;
    if (width > 3) value += bytes[at++] * THREE_BYTES;
    column[row] = base + value;
  }
  from.at = at;
}

const SLOTS = 1024;
const slotValue = new Uint32Array(SLOTS), slotPlace = new Uint16Array(SLOTS), tableValues = new Uint32Array(256);

/** Writes a table column, or returns 0 when there are more than 256 values, or so many that plain ones are smaller. */
function putTable({ bytes, view }: ColumnOut, at: number, column: Uint32Array, count: number): number {
  slotPlace.fill(0);
  const rowsAt = at + 2 + 4 * 256;
  const sizeMax = Math.min(256, (3 * count) >> 2);
  let size = 0;
  for (let row = 0; row < count; row++) {
    const value = column[row];
    let slot = Math.imul(value, 0x9e3779b1) >>> 22;
    while (slotPlace[slot] !== 0 && slotValue[slot] !== value) slot = (slot + 1) & (SLOTS - 1);
    if (slotPlace[slot] === 0) {
      if (size === sizeMax) return 0;
      slotValue[slot] = value;
      tableValues[size++] = value;
      slotPlace[slot] = size;
    }
    bytes[rowsAt + row] = slotPlace[slot] - 1;
  }
  bytes[at] = TABLE;
  bytes[at + 1] = size - 1;
  for (let i = 0; i < size; i++) view.setUint32(at + 2 + 4 * i, tableValues[i], true);
  const end = at + 2 + 4 * size;
  bytes.copyWithin(end, rowsAt, rowsAt + count);
  return end + count;
}

function takeTable(from: ColumnIn, count: number): Uint32Array {
  const { bytes } = from;
  const size = bytes[from.at] + 1;
  const values = new Uint32Array(copied(bytes, from.at + 1, 4 * size));
  const rows = from.at + 1 + 4 * size;
  const column = new Uint32Array(count);
  for (let row = 0; row < count; row++) column[row] = values[bytes[rows + row]];
  from.at = rows + count;
  return column;
}

function copied(bytes: Uint8Array, at: number, length: number): ArrayBuffer {
  assert(at + length <= bytes.length, "a column lies within its batch");
  return bytes.buffer.slice(bytes.byteOffset + at, bytes.byteOffset + at + length) as ArrayBuffer;
}
