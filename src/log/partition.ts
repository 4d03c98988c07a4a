// Which partition a session belongs to: the 32-bit murmur2 of its UTF-8 bytes, as Kafka's Java client has it, modulo the partitions.
// So a session is in the same partition whether it came through this log or through a topic that somebody else fills.

import { FIRST_WORD } from "../event/code.ts";

const encoder = new TextEncoder();
const scratch = new Uint8Array(1024);
const CACHE = 1 << 14;

/** murmur2 with Kafka's seed over the first `length` bytes. */
export function murmur2(bytes: Uint8Array, length: number): number {
  const m = 0x5bd1e995;
  let hash = 0x9747b28c ^ length;
  let at = 0;
  for (; at + 4 <= length; at += 4) {
    let k = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
    k = Math.imul(k, m);
    hash = Math.imul(hash, m) ^ Math.imul(k ^ (k >>> 24), m);
  }
  const left = length - at;
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
      this.#found[at] = partitionOfText(String(code), this.partitions);
    }
    return this.#found[at];
  }
}
