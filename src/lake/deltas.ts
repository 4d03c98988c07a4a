// Delta encoding: whole numbers as differences to the one before, in blocks with a least difference and a width for each 32 of them.
// What always holds: numbers are exact as long as they, in their unit, spread over less than DELTA_SPREAD_MAX; 32 bits of packing are
// written at a time, so what follows a pack is overwritten, and room for it must be there.
// Source: apache/parquet-format, Encodings.md, delta encoding.

import type { InPieces } from "../pieces.ts";
import { page, PIECE_ROWS } from "./page.ts";
import { putVarint } from "./thrift.ts";

/** Largest spread (in the column's unit) that delta encoding takes: what is packed stays exact in a double. */
export const DELTA_SPREAD_MAX = 2 ** 43;

const BLOCK_VALUES = 128, MINIBLOCKS = 4, MINIBLOCK_VALUES = 32;
/** Widest value that is packed by 32-bit operations. */
const NARROW_BITS = 24;
const deltas = new Float64Array(BLOCK_VALUES);

/** Adds `count` values, each multiplied with `scale`, to the page. */
export function* putDeltas(values: Float64Array | Uint32Array, count: number, scale: number): InPieces<void> {
  const header: number[] = [];
  for (const value of [BLOCK_VALUES, MINIBLOCKS, count]) putVarint(header, value);
  putZigzag64(header, BigInt(count === 0 ? 0 : values[0]) * BigInt(scale));
  page.put(header);
  for (let from = 1; from < count;) {
    for (const stop = Math.min(count, from + PIECE_ROWS); from < stop; from += BLOCK_VALUES) {
      putBlock(values, from, Math.min(BLOCK_VALUES, count - from), scale);
    }
    yield;
  }
}

function putBlock(values: Float64Array | Uint32Array, from: number, count: number, scale: number): void {
  let least = Infinity, most = -Infinity, before = values[from - 1];
  for (let i = 0; i < count; i++) {
    const value = values[from + i], delta = value - before;
    before = value;
    deltas[i] = delta;
    if (delta < least) least = delta;
    if (delta > most) most = delta;
  }
  const bytes = page.room(32 + 8 * BLOCK_VALUES);
  let at = page.length;
  const base = least * scale;
  for (let rest = base < 0 ? -2 * base - 1 : 2 * base;; rest = Math.floor(rest / 128)) {
    if (rest < 128) {
      bytes[at++] = rest;
      break;
    }
    bytes[at++] = (rest % 128) | 128;
  }
  const widths = at;
  at += MINIBLOCKS;
  bytes.fill(0, widths, at);
  for (let mini = 0; least < most && mini < MINIBLOCKS; mini++) {
    const first = mini * MINIBLOCK_VALUES, end = Math.min(count, first + MINIBLOCK_VALUES);
    let widest = 0;
    for (let i = first; i < end; i++) {
      const above = deltas[i] = (deltas[i] - least) * scale;
      if (above > widest) widest = above;
    }
    const width = bytes[widths + mini] = bitsOf(widest);
    if (width > 0) at = putMiniblock(bytes, at, first, end, width);
  }
  page.length = at;
}

function putMiniblock(bytes: Uint8Array, at: number, first: number, end: number, width: number): number {
  deltas.fill(0, end, first + MINIBLOCK_VALUES);
  if (width <= NARROW_BITS) {
    const { view } = page;
    for (let i = first, held = 0, bits = 0; i < first + MINIBLOCK_VALUES; i++) {
      held |= deltas[i] << bits;
      bits += width;
      view.setUint32(at, held, true);
      at += bits >> 3;
      held >>>= bits & 24;
      bits &= 7;
    }
    return at;
  }
  let held = 0, bits = 0;
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
