// The dice of one seed. What always holds: the same seed and the same questions give the same answers. It must not know what they are for.

export class Dice {
  constructor(private state: number) {}

  /** From 0 to 1, exclusive (mulberry32). */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  /** A whole number from 0 to `n`, exclusive. */
  below(n: number): number {
    return Math.floor(this.next() * n);
  }

  chance(share: number): boolean {
    return share > 0 && this.next() < share;
  }

  pick<T>(all: readonly T[]): T {
    return all[this.below(all.length)];
  }

  uuid(): `${string}-${string}-${string}-${string}-${string}` {
    const hex = (digits: number) => Array.from({ length: digits }, () => this.below(16).toString(16)).join("");
    return `${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${hex(12)}`;
  }

  /** Dice of their own, so that more questions to them leave these as they are. */
  fork(): Dice {
    return new Dice(this.below(2 ** 32));
  }
}
