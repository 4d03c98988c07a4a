// Where texts stand in a list, found by their hashes: a table with open addressing, for a Map is dear where most texts are fresh strings.
// What always holds: a text is found at the place that it was added with. It grows with the list, and holds none of its texts itself.

import { wordHash } from "./word_hash.ts";

const SLOTS_AT_FIRST = 32;

export class WordSlots {
  /** Two numbers a slot: the hash of a text, and its place plus one; 0 where there is none. */
  #slots = new Uint32Array(2 * SLOTS_AT_FIRST);
  #count = 0;

  /** texts: the list, which may hold others. */
  constructor(private readonly texts: readonly string[]) {}

  /** The place of a text, or -1. */
  find(text: string): number {
    const slots = this.#slots, mask = slots.length - 1, hash = wordHash(text);
    let slot = (hash << 1) & mask;
    for (let place; (place = slots[slot + 1]) !== 0; slot = (slot + 2) & mask) {
      if (slots[slot] === hash && this.texts[place - 1] === text) return place - 1;
    }
    return -1;
  }

  /** Adds the text at `place`, which must not be here. */
  add(place: number): void {
    if (4 * ++this.#count > this.#slots.length) this.#grow();
    this.#put(this.#slots, wordHash(this.texts[place]), place + 1);
  }

  #put(slots: Uint32Array, hash: number, place: number): void {
    const mask = slots.length - 1;
    let slot = (hash << 1) & mask;
    while (slots[slot + 1] !== 0) slot = (slot + 2) & mask;
    slots[slot] = hash;
    slots[slot + 1] = place;
  }

  #grow(): void {
    const old = this.#slots, slots = new Uint32Array(2 * old.length);
    for (let from = 0; from < old.length; from += 2) if (old[from + 1] !== 0) this.#put(slots, old[from], old[from + 1]);
    this.#slots = slots;
  }
}
