// What was met of stored data that is damaged: told once as an error, and kept for whoever asks how the product is.
// What always holds: nothing in it is ever served as good; it grows no further than its limit; a part that is whole again is taken out.

import { limits } from "./limits.ts";
import type { LogLine } from "./log_line.ts";

/** A piece of stored data that is damaged. */
export interface Damaged {
  /** What a person calls it: a file of the lake, offsets of the log, a key of the store. */
  readonly what: string;
  readonly reason: string;
}

export class Damage {
  readonly #met = new Map<string, string>();
  /** Pieces beyond those, by name alone. */
  readonly #more = new Set<string>();

  constructor(private readonly logLine: LogLine) {}

  /** Notes a damaged piece. One that is known is not told again. */
  tell(what: string, reason: string): void {
    if (this.#met.has(what) || this.#more.has(what) || this.count >= limits.damageCountedMax) return;
    this.logLine("error", "stored_data_damaged", { what, reason });
    if (this.#met.size < limits.damageToldMax) this.#met.set(what, reason);
    else this.#more.add(what);
  }

  /** Takes out a piece that was mended, or is no longer kept. */
  mended(what: string): void {
    this.#met.delete(what);
    this.#more.delete(what);
  }

  /** What was met, oldest first. */
  get list(): Damaged[] {
    return [...this.#met].map(([what, reason]) => ({ what, reason }));
  }

  /** How many pieces were met and are not mended, those beyond the list too. */
  get count(): number {
    return this.#met.size + this.#more.size;
  }
}
