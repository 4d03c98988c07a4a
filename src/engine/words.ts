// The texts that the engine of one partition knows: ids that are not small integers get a code of its own, the same over all batches.
// Bounded: texts that no open window holds are dropped when there are too many.

import { ABSENT, FIRST_WORD, textOf } from "../event/code.ts";
import type { EventColumns } from "../event/batch.ts";
import { limits } from "../limits.ts";

const ABSENT_SIGNED = ABSENT | 0;

export class EngineWords {
  readonly #codes = new Map<string, number>();
  readonly #texts: string[] = [];
  #free: number[] = [];
  #sweepAt: number;

  constructor(private readonly wordsMax: number = limits.engineWordsMax) {
    this.#sweepAt = wordsMax;
  }

  /** The engine's code for a code of a batch. `memo`: as long as the batch's words, 0 at first. */
  engineCode(batch: EventColumns, code: number, memo: Uint32Array): number {
    if (code < FIRST_WORD || code === ABSENT) return code;
    const at = code - FIRST_WORD;
    return memo[at] ||= this.code(batch.words[at]);
  }

  /** The code of a text that is not a small integer. */
  code(text: string): number {
    const known = this.#codes.get(text);
    if (known !== undefined) return known;
    const at = this.#free.pop() ?? this.#texts.length;
    this.#texts[at] = text;
    this.#codes.set(text, FIRST_WORD + at);
    return FIRST_WORD + at;
  }

  text(code: number): string | null {
    return textOf(this.#texts, code);
  }

  /** True when it is time to call `sweep`. */
  get crowded(): boolean {
    return this.#codes.size > this.#sweepAt;
  }

  /** Drops every text whose code `live` does not visit. */
  sweep(live: (visit: (code: number) => void) => void): void {
    const used = new Uint8Array(this.#texts.length);
    live((code) => {
      // Codes are signed integers where windows hold them.
      if ((code |= 0) < 0 && code !== ABSENT_SIGNED) used[(code >>> 0) - FIRST_WORD] = 1;
    });
    this.#free = [];
    for (const [text, code] of this.#codes) if (used[code - FIRST_WORD] === 0) this.#codes.delete(text);
    for (let at = 0; at < used.length; at++) {
      if (used[at] === 1) continue;
      this.#texts[at] = "";
      this.#free.push(at);
    }
    this.#sweepAt = Math.max(this.wordsMax, 2 * this.#codes.size);
  }
}
