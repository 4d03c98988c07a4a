// Different items, counted exactly up to a number beyond which only "more than that" is told. Small sets are a short list; larger ones a
// table of their own, which costs a fraction of a `Set`.
// What always holds: `size` is the number of different items added, or one more than the most that are counted.

/** Items that are looked through one by one. */
const LISTED_MAX = 8;
const SLOTS_AT_FIRST = 32;
/** No code of an item: the word list that had it would be as long as an array can be. */
const EMPTY = -2;

export class ItemSet {
  size = 0;
  readonly #listed: number[] = [];
  #slots: Int32Array | null = null;

  /** most: how many are counted exactly. */
  constructor(readonly most: number) {}

  /** Adds an item, unless there are too many already. item: a code as a signed integer. */
  add(item: number): void {
    if (this.size > this.most) return;
    if (this.#slots !== null) return this.#insert(this.#slots, item);
    const listed = this.#listed;
    for (let i = 0; i < listed.length; i++) if (listed[i] === item) return;
    listed.push(item);
    if (++this.size > LISTED_MAX) this.#spread(SLOTS_AT_FIRST);
  }

  forEach(each: (item: number) => void): void {
    if (this.#slots === null) return this.#listed.forEach((item) => each(item));
    for (const item of this.#slots) if (item !== EMPTY) each(item);
  }

  #insert(slots: Int32Array, item: number): void {
    const mask = slots.length - 1;
    let at = (Math.imul(item, 0x9e3779b1) >>> 16) & mask;
    for (let found = slots[at]; found !== EMPTY; found = slots[at]) {
      if (found === item) return;
      at = (at + 1) & mask;
    }
    slots[at] = item;
    if (2 * ++this.size > slots.length) this.#spread(2 * slots.length);
  }

  #spread(length: number): void {
    const items: number[] = [];
    this.forEach((item) => items.push(item));
    const slots = new Int32Array(length).fill(EMPTY);
    this.#slots = slots;
    this.size = 0;
    for (const item of items) this.#insert(slots, item);
  }
}
