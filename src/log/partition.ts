// Which partition a session belongs to: the 32-bit murmur2 of its UTF-8 bytes, as Kafka's Java client has it, modulo the partitions.
// So a session is in the same partition whether it came through this log or through a topic that somebody else fills.

import { FIRST_WORD } from "../event/code.ts";

const encoder = new TextEncoder();
const scratch = new Uint8Array(1024);
const CACHE = 1 << 14;

/** murmur2 with Kafka's seed over `length` bytes from `from`. */
export function murmur2(bytes: Uint8Array, length: number, from = 0): number {
  const m = 0x5bd1e995;
  let hash = 0x9747b28c ^ length;
  let at = from;
  const end = from + length;
  for (; at + 4 <= end; at += 4) {
    let k = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
    k = Math.imul(k, m);
    hash = Math.imul(hash, m) ^ Math.imul(k ^ (k >>> 24), m);
  }
  const left = end - at;
  if (left === 3) hash ^= bytes[at + 2] << 16;
  if (left >= 2) hash ^= bytes[at + 1] << 8;
  if (left >= 1) hash = Math.imul(hash ^ bytes[at], m);
  hash = Math.imul(hash ^ (hash >>> 13), m);
  return (hash ^ (hash >>> 15)) | 0;
}

/** The partition of a text. */
export function partitionOfText(text: string, partitions: number): number {
  const { written } = encoder.encodeInto(text, scratch);
  return (murmur2(scratch, written) & 0x7fffffff) % partitions;
}

const ZERO = 0x30;
/** Digits of the largest code of an integer. */
const DIGITS_MAX = 10;
const digits = new Uint8Array(DIGITS_MAX);

/** The partition of the text that spells an integer from 0 to 2^31 - 1. */
export function partitionOfInteger(value: number, partitions: number): number {
  let at = DIGITS_MAX, left = value;
  do {
    const tenth = (left / 10) | 0;
    digits[--at] = ZERO + left - 10 * tenth;
    left = tenth;
  } while (left > 0);
  return (murmur2(digits, DIGITS_MAX - at, at) & 0x7fffffff) % partitions;
}

/** Finds partitions of session codes; integers that were seen lately cost a look into a table. */
export class Partitioner {
  readonly #codes = new Uint32Array(CACHE).fill(0xffff_ffff);
  readonly #found = new Uint8Array(CACHE);

  constructor(private readonly partitions: number) {}

  of(words: readonly string[], code: number): number {
    if (code >= FIRST_WORD) return partitionOfText(words[code - FIRST_WORD], this.partitions);
    const at = Math.imul(code, 0x9e3779b1) >>> 18;
    if (this.#codes[at] !== code) {
      this.#codes[at] = code;
      this.#found[at] = partitionOfInteger(code, this.partitions);
    }
    return this.#found[at];
  }
}
