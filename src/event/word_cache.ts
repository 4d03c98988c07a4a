// Texts of spans of bytes. Decoding bytes into a string is the dearest step of reading a row, and words repeat: a direct-mapped
// table of the latest ones answers most of them by comparing bytes with characters. Nothing here grows.

import { Buffer } from "node:buffer";
import type { ColumnBuilder } from "./batch.ts";

const SLOTS = 16_384;
/** Longer words are decoded each time. */
const REMEMBERED_BYTES_MAX = 48;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Remembers the latest words of a file, and their codes in the builder that they went into last. */
export class WordCache {
  readonly #words: string[] = new Array(SLOTS).fill("");
  /** Codes of the words, and the number of the builder that each was given by. */
  readonly #codes = new Uint32Array(SLOTS);
  readonly #given = new Uint32Array(SLOTS);
  #into: ColumnBuilder | null = null;
  #number = 0;

  /** The code of bytes [from, to), which are ASCII and no canonical integer, in `into`. */
  code(into: ColumnBuilder, bytes: Uint8Array, from: number, to: number): number {
    if (to - from > REMEMBERED_BYTES_MAX) return into.wordCode(asciiText(bytes, from, to));
    if (this.#into !== into) {
      this.#into = into;
      // Numbers come again after 2^32 builders; what is left of the first ones is forgotten then.
      this.#number = (this.#number + 1) >>> 0;
      if (this.#number === 0) this.#given.fill(this.#number++);
    }
    let hash = 0;
    for (let at = from; at < to; at++) hash = Math.imul(hash ^ bytes[at], 0x01000193);
    const slot = (hash ^ (hash >>> 15)) & (SLOTS - 1);
    if (!sameText(this.#words[slot], bytes, from, to)) {
      this.#words[slot] = asciiText(bytes, from, to);
      this.#given[slot] = 0;
    }
    if (this.#given[slot] !== this.#number) {
      this.#given[slot] = this.#number;
      this.#codes[slot] = into.wordCode(this.#words[slot]);
    }
    return this.#codes[slot];
  }
}

function sameText(word: string, bytes: Uint8Array, from: number, to: number): boolean {
  if (word.length !== to - from) return false;
  for (let i = 0; i < word.length; i++) {
    if (word.charCodeAt(i) !== bytes[from + i]) return false;
  }
  return true;
}

// The bytes read last, as what is quickest at making strings of them. Callers go through one buffer.
let lastBytes: Uint8Array = new Uint8Array(0);
let lastBuffer: Buffer = Buffer.from(lastBytes.buffer);

/** The text of bytes [from, to), which are ASCII. Keeps hold of the `bytes` seen last. */
export function asciiText(bytes: Uint8Array, from: number, to: number): string {
  if (bytes !== lastBytes) {
    lastBuffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    lastBytes = bytes;
  }
  return lastBuffer.toString("latin1", from, to);
}

/** The text of bytes [from, to), or null where they are not UTF-8. */
export function utf8Text(bytes: Uint8Array, from: number, to: number): string | null {
  try {
    return decoder.decode(bytes.subarray(from, to));
  } catch {
    return null;
  }
}
