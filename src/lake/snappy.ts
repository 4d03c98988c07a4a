// Snappy's raw block format, compressing only: greedy matches of four bytes or more, found through a hash table, within blocks of 64 KiB.
// What always holds: any Snappy decoder gives the same bytes back. Source: google/snappy, format_description.txt.

import type { InPieces } from "../pieces.ts";

const BLOCK_BYTES = 65_536;
const HASH_BITS = 14;
const COPY_BYTES_MAX = 64;
/** Share of a first block that must be saved, or all that follows is taken for noise and only copied. */
const WORTH_SHARE = 1 / 16;
/** Bytes at the end of a block that are never looked up: four are read at once. */
const MARGIN = 15;

const table = new Uint16Array(1 << HASH_BITS);

/** Bytes that `compress` may need for `bytes` of input. */
export function compressedBytesMax(bytes: number): number {
  return 32 + bytes + Math.ceil(bytes / 6);
}

/** Compresses `input` into `out` from `at` on, one input at a time; returns where it ends. `out` must have room for `compressedBytesMax`. */
export function* compress(input: Uint8Array, out: Uint8Array, at: number): InPieces<number> {
  at = putVarint(out, at, input.length);
  for (let from = 0; from < input.length; from += BLOCK_BYTES) {
    const start = at;
    at = compressBlock(input, from, Math.min(input.length, from + BLOCK_BYTES), out, at);
    if (from === 0 && input.length > BLOCK_BYTES && at - start > BLOCK_BYTES * (1 - WORTH_SHARE)) {
      return putLiteral(input, BLOCK_BYTES, input.length, out, at);
    }
    yield;
  }
  return at;
}

function compressBlock(input: Uint8Array, start: number, end: number, out: Uint8Array, at: number): number {
  const view = new DataView(input.buffer, input.byteOffset, input.length);
  let literal = start;
  if (end - start > MARGIN) {
    table.fill(0);
    const limit = end - MARGIN;
    let position = start + 1;
    let misses = 32;
    while (position < limit) {
      const four = view.getInt32(position, true);
      const hash = Math.imul(four, 0x1e35a7bd) >>> (32 - HASH_BITS);
      const candidate = start + table[hash];
      table[hash] = position - start;
      if (candidate >= position || view.getInt32(candidate, true) !== four) {
        // The longer nothing matches, the larger the steps: noise is passed quickly.
        position += misses++ >>> 5;
        continue;
      }
      misses = 32;
      at = putLiteral(input, literal, position, out, at);
      let length = 4;
      while (position + length < end && input[position + length] === input[candidate + length]) length++;
      at = putCopy(position - candidate, length, out, at);
      position += length;
      literal = position;
    }
  }
  return putLiteral(input, literal, end, out, at);
}

function putLiteral(input: Uint8Array, from: number, to: number, out: Uint8Array, at: number): number {
  const length = to - from;
  if (length === 0) return at;
  const less = length - 1;
  if (less < 60) {
    out[at++] = less << 2;
  } else if (less < 256) {
    out[at++] = 60 << 2;
    out[at++] = less;
  } else {
    const bytes = less < 65_536 ? 2 : 4;
    out[at++] = (59 + bytes) << 2;
    for (let i = 0; i < bytes; i++) out[at++] = less >>> (8 * i);
  }
  if (length < 16) { for (let i = from; i < to; i++) out[at++] = input[i]; }
  else {
    out.set(input.subarray(from, to), at);
    at += length;
  }
  return at;
}

/** A copy reaches back less than 64 KiB; each of its pieces has at most 64 bytes. */
function putCopy(offset: number, length: number, out: Uint8Array, at: number): number {
  while (length > 0) {
    const piece = Math.min(length, COPY_BYTES_MAX);
    out[at++] = ((piece - 1) << 2) | 2;
    out[at++] = offset & 255;
    out[at++] = offset >>> 8;
    length -= piece;
  }
  return at;
}

function putVarint(out: Uint8Array, at: number, value: number): number {
  for (; value >= 128; value = Math.floor(value / 128)) out[at++] = (value & 127) | 128;
  out[at++] = value;
  return at;
}
