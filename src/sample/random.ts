// Numbers at random that are the same wherever they are asked for: every slot, session and item draws from a generator of its own, seeded by
// what it is. What always holds: nothing here looks at a clock, and no draw depends on what was drawn for something else.

/** Spreads the bits of an integer: inputs that differ in one bit give outputs that look unrelated. */
export function scrambled(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x21f0aaad);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}

/** One integer of 32 bits out of several. */
export function seedOf(...parts: readonly number[]): number {
  let seed = 0x9e3779b9;
  for (const part of parts) {
    // A number beyond 32 bits, such as a slot far in the future, counts with all of its bits.
    seed = scrambled(seed ^ (part >>> 0));
    seed = scrambled((seed + Math.floor(part / 0x1_0000_0000)) ^ 0x85ebca6b);
  }
  return seed;
}

/** A stream of numbers. Can be set to another seed, so that one object serves many sessions. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  reseed(seed: number): void {
    this.#state = seed | 0;
  }

  /** An integer from 0 to 2^32 - 1. */
  bits(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0;
    return scrambled(this.#state);
  }

  /** From 0 up to, not including, 1. */
  share(): number {
    return this.bits() / 0x1_0000_0000;
  }

  /** An integer from 0 to `count` - 1. */
  below(count: number): number {
    return Math.floor(this.share() * count);
  }

  /** An integer from `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  /** A count of independent arrivals of which `mean` are expected: Knuth's product for few, the normal curve's approximation for many. */
  arrivals(mean: number): number {
    if (mean > KNUTH_MEAN_MAX) {
      // The sum of twelve shares has a mean of 6 and a variance of 1.
      let sum = 0;
      for (let i = 0; i < 12; i++) sum += this.share();
      return Math.max(0, Math.round(mean + (sum - 6) * Math.sqrt(mean)));
    }
    const until = Math.exp(-mean);
    let count = 0;
    for (let product = this.share(); product > until; product *= this.share()) count++;
    return count;
  }
}

const KNUTH_MEAN_MAX = 32;
