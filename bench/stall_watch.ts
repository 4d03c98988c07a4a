// Notes how long an event loop keeps others waiting: a timer that is set again and again, and how late each one fires. To be run in the
// process that is watched; it costs about 3% of a core, so it runs only while somebody asks.

import { quantile } from "./measure.ts";

/** Between two looks, ms; a stall is seen as up to this much shorter than it was. */
const TICK_MS = 2;
/** The longest stalls are told one by one. */
const LONGEST = 40;

/** How late timers were, ms. longest: [end, length] of stalls in ms, the ends by the clock of `performance.now()` from the process's start. */
export interface Stalls {
  readonly ticks: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly stallsOver10: number;
  readonly stallsOver15: number;
  readonly longest: readonly (readonly [endMs: number, ms: number])[];
}

export class StallWatch {
  #stalls: [endMs: number, ms: number][] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Begins anew. */
  start(): void {
    clearTimeout(this.#timer);
    this.#stalls = [];
    this.#tick();
  }

  /** Ends, and tells what was seen since the start. */
  stop(): Stalls {
    clearTimeout(this.#timer);
    return stallsOf(this.#stalls);
  }

  #tick(): void {
    const due = performance.now() + TICK_MS;
    this.#timer = setTimeout(() => {
      const now = performance.now();
      this.#stalls.push([now, Math.max(0, now - due)]);
      this.#tick();
    }, TICK_MS);
  }
}

/** What is said of stalls: [end, length] in ms. */
export function stallsOf(stalls: readonly (readonly [endMs: number, ms: number])[]): Stalls {
  const lengths = Float64Array.from(stalls, ([, ms]) => ms).sort();
  return {
    ticks: stalls.length,
    p50Ms: quantile(lengths, 0.5),
    p99Ms: quantile(lengths, 0.99),
    maxMs: quantile(lengths, 1),
    stallsOver10: lengths.filter((ms) => ms > 10).length,
    stallsOver15: lengths.filter((ms) => ms > 15).length,
    longest: stalls.toSorted(([, a], [, b]) => b - a).slice(0, LONGEST),
  };
}
