// The course of a run as one number: every call of storage with its time and its fate, and every commit with its keys and the bytes in it, in
// the order in which they came. What always holds: two runs that went the same way have the same, and two that did not, hardly ever.
// It must not know what any of it means.

import type { Mutation } from "./memory_kv.ts";

const PRIME = 0x01000193;

export class Course {
  /** Two hashes of 32 bits (FNV-1a, from different beginnings). */
  #first = 0x811c9dc5 | 0;
  #second = 0x6b43a9b5 | 0;

  /** What happened next. */
  note(text: string): void {
    for (let at = 0; at < text.length; at++) this.#take(text.charCodeAt(at));
    this.#take(0);
  }

  /** What landed next. */
  commit(name: string, mutations: readonly Mutation[]): void {
    this.note(name);
    for (const { key, set, value } of mutations) {
      this.note(`${key.join(" ")} ${set}`);
      if (value instanceof Uint8Array) { for (const byte of value) this.#take(byte); }
    }
  }

  get hash(): string {
    return [this.#first, this.#second].map((half) => (half >>> 0).toString(16).padStart(8, "0")).join("");
  }

  #take(code: number): void {
    this.#first = Math.imul(this.#first ^ code, PRIME);
    this.#second = Math.imul(this.#second ^ code, PRIME);
  }
}
