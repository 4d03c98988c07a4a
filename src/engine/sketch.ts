// How many different sessions there were, to within a percent, in 16 KiB: HyperLogLog (Flajolet et al., 2007) with 2^14 registers and
// linear counting for small numbers. Merging and re-adding change nothing, so a re-read of the log does no harm.

const BITS = 14;
const REGISTERS = 1 << BITS;

export class Sketch {
  constructor(readonly registers: Uint8Array = new Uint8Array(REGISTERS)) {}

  /** Adds the hash of a session: 32 well-mixed bits. */
  add(hash: number): void {
    const at = hash >>> (32 - BITS);
    const rank = Math.clz32((hash << BITS) | (1 << (BITS - 1))) + 1;
    if (this.registers[at] < rank) this.registers[at] = rank;
  }

  /** The number of different sessions added, about. */
  get count(): number {
    let sum = 0, empty = 0;
    for (const rank of this.registers) {
      sum += 2 ** -rank;
      if (rank === 0) empty++;
    }
    const estimate = (0.7213 / (1 + 1.079 / REGISTERS)) * REGISTERS * REGISTERS / sum;
    return Math.round(estimate <= 2.5 * REGISTERS && empty > 0 ? REGISTERS * Math.log(REGISTERS / empty) : estimate);
  }
}

/** Mixes an integer's bits (the finaliser of MurmurHash3). */
export function mix(value: number): number {
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}

/** A hash of a text's UTF-16 units (FNV-1a, mixed). */
export function textHash(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return mix(hash);
}
