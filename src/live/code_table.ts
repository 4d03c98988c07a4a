// Slots of codes: each code that is added gets a small number of its own, by which typed arrays beside it are indexed; a slot that is given
// back is used again. One flat table of pairs, open addressing, removal by shifting back. It must not know what the codes stand for.
// Codes are those of events as signed 32-bit integers, which the machine handles without boxes; ABSENT is NONE then.

/** No slot, no cell, no code. */
export const NONE = -1;

const PAIRS_AT_FIRST = 256;

export class CodeTable {
  /** Codes by slot; NONE where a slot is free. */
  codes = new Int32Array(PAIRS_AT_FIRST / 2).fill(NONE);
  /** Slots ever given out: the ones in use lie below. */
  slots = 0;
  /** Slots in use. */
  count = 0;
  /** Code and slot, side by side; a slot of NONE is an empty place. */
  #pairs = new Int32Array(2 * PAIRS_AT_FIRST).fill(NONE);
  #shift = 32 - Math.log2(PAIRS_AT_FIRST);
  readonly #free: number[] = [];

  /** Slots that there are arrays for; it grows by `add` alone. */
  get capacity(): number {
    return this.codes.length;
  }

  /** The slot of a code, or NONE. */
  find(code: number): number {
    const pairs = this.#pairs, mask = pairs.length - 1;
    for (let at = (Math.imul(code, 0x9e3779b1) >>> this.#shift) * 2;; at = (at + 2) & mask) {
      const slot = pairs[at + 1];
      if (slot === NONE || pairs[at] === code) return slot;
    }
  }

  /** A slot for a code that has none. */
  add(code: number): number {
    if (this.count * 2 >= this.#pairs.length / 2) this.#grow();
    const slot = this.#free.pop() ?? this.slots++;
    this.codes[slot] = code;
    this.count++;
    this.#put(code, slot);
    return slot;
  }

  /** Gives a slot in use back. */
  remove(slot: number): void {
    const pairs = this.#pairs, mask = pairs.length - 1, code = this.codes[slot];
    this.codes[slot] = NONE;
    this.#free.push(slot);
    this.count--;
    let hole = this.#home(code);
    while (pairs[hole + 1] !== slot) hole = (hole + 2) & mask;
    for (let at = (hole + 2) & mask; pairs[at + 1] !== NONE; at = (at + 2) & mask) {
      // Only a pair whose home lies at the hole or before it may move there.
      if (((at - this.#home(pairs[at])) & mask) < ((at - hole) & mask)) continue;
      pairs[hole] = pairs[at];
      pairs[hole + 1] = pairs[at + 1];
      hole = at;
    }
    pairs[hole + 1] = NONE;
  }

  #home(code: number): number {
    return (Math.imul(code, 0x9e3779b1) >>> this.#shift) * 2;
  }

  #put(code: number, slot: number): void {
    const pairs = this.#pairs, mask = pairs.length - 1;
    let at = this.#home(code);
    while (pairs[at + 1] !== NONE) at = (at + 2) & mask;
    pairs[at] = code;
    pairs[at + 1] = slot;
  }

  #grow(): void {
    this.#pairs = new Int32Array(2 * this.#pairs.length).fill(NONE);
    this.#shift--;
    const codes = new Int32Array(this.#pairs.length / 4).fill(NONE);
    codes.set(this.codes);
    this.codes = codes;
    for (let slot = 0; slot < this.slots; slot++) if (codes[slot] !== NONE) this.#put(codes[slot], slot);
  }
}
