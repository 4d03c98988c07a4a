// Which partition a session belongs to: the 32-bit murmur2 of its UTF-8 bytes, as Kafka's Java client has it, modulo the partitions.
// So a session is in the same partition whether it came through this log or through a topic that somebody else fills.

import { assert } from "../assert.ts";
import { FIRST_WORD } from "../event/code.ts";

const encoder = new TextEncoder();
const scratch = new Uint8Array(1024);
/** Characters of a text that is tried as ASCII first: for the short ones the encoder is dear. */
const SHORT_CHARS = 64;
/** Bits of a hash of an integer that say where it is remembered; the others lie there, above the partition, so that both tell it exactly. */
const CACHE_BITS = 16, TAG_BITS = 32 - CACHE_BITS, PARTITION_BITS = 32 - TAG_BITS;

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
  const { length } = text;
  let at = 0;
  if (length <= SHORT_CHARS) { for (let char; at < length && (char = text.charCodeAt(at)) < 0x80; at++) scratch[at] = char; }
  const bytes = at === length ? length : encoder.encodeInto(text, scratch).written;
  return (murmur2(scratch, bytes) & 0x7fffffff) % partitions;
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

/** Rows by partition, in order: those of partition `p` are `rows[starts[p]]` to `rows[starts[p + 1]]`, exclusive. */
export interface SplitRows {
  readonly rows: Uint32Array;
  readonly starts: Uint32Array;
}

/** Finds partitions of session codes; what was seen lately costs a look into a table. */
export class Partitioner {
  /** By hash: the rest of the hash, and the partition plus one; 0 where nothing is. */
  readonly #found = new Uint32Array(1 << CACHE_BITS);
  /** Partitions plus one of the words that were last asked for, 0 where not found yet. */
  #wordsOf: readonly string[] = [];
  #ofWords = new Uint8Array(0);
  #rows = new Uint32Array(0);
  #places = new Uint8Array(0);
  readonly #starts: Uint32Array;
  readonly #next: Uint32Array;

  constructor(private readonly partitions: number) {
    assert(partitions < 1 << 8, "the number of a partition has 8 bits");
    this.#starts = new Uint32Array(partitions + 1);
    this.#next = new Uint32Array(partitions);
  }

  of(words: readonly string[], code: number): number {
    return code >= FIRST_WORD ? partitionOfText(words[code - FIRST_WORD], this.partitions) : this.#ofInteger(code);
  }

  /** Splits rows `from` to `to` (exclusive) by the partition of their session. Valid until the next call. */
  split(words: readonly string[], session: Uint32Array, from: number, to: number): SplitRows {
    const count = to - from;
    if (this.#rows.length < count) {
      this.#rows = new Uint32Array(count);
      this.#places = new Uint8Array(count);
    }
    const rows = this.#rows, places = this.#places, starts = this.#starts.fill(0), next = this.#next;
    if (words.length > 0) this.#know(words);
    for (let i = 0; i < count; i++) {
      // Signed, words are below 0: so no code is looked at as a double.
      const code = session[from + i] | 0;
      const partition = places[i] = code >= 0 ? this.#ofInteger(code) : this.#ofWord(code & 0x7fff_ffff);
      starts[partition + 1]++;
    }
    for (let p = 0; p < this.partitions; p++) {
      next[p] = starts[p];
      starts[p + 1] += starts[p];
    }
    for (let i = 0; i < count; i++) rows[next[places[i]]++] = from + i;
    return { rows, starts };
  }

  #ofInteger(code: number): number {
    // Multiplied by an odd number, different codes stay different.
    const hash = Math.imul(code, 0x9e3779b1), at = hash >>> TAG_BITS, tag = hash << PARTITION_BITS >>> 0;
    const found = this.#found[at];
    if (found !== 0 && found - (found & 0xff) === tag) return (found & 0xff) - 1;
    const partition = partitionOfInteger(code, this.partitions);
    this.#found[at] = tag + partition + 1;
    return partition;
  }

  #know(words: readonly string[]): void {
    const same = words === this.#wordsOf;
    if (same && words.length <= this.#ofWords.length) return;
    const known = new Uint8Array(same ? 2 * words.length : words.length);
    if (same) known.set(this.#ofWords);
    this.#ofWords = known;
    this.#wordsOf = words;
  }

  #ofWord(word: number): number {
    return (this.#ofWords[word] ||= partitionOfText(this.#wordsOf[word], this.partitions) + 1) - 1;
  }
}
