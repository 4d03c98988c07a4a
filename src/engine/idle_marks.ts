// Moves time on when the live lane has gone quiet: a time mark in the log, so that readers still take time from the log alone.
// Marks say the last event time plus what has passed on the monotonic clock, and stop when no window of the lane is open.

import type { Clock } from "../clock.ts";
import { limits } from "../limits.ts";

/** What the marks depend on: the engine's live lane, the log's end, and who appends. */
export interface IdleSources {
  readonly partitions: number;
  live(partition: number): { newest: number; open: boolean };
  caughtUp(partition: number): boolean;
  /** Monotonic time of the last append to the live lane. */
  lastLive(partition: number): number;
  mark(partition: number, time: number): Promise<void>;
}

export class IdleMarks {
  /** Monotonic time at which `newest` of a partition was last seen to change. */
  readonly #since: { newest: number; at: number }[] = [];

  constructor(private readonly sources: IdleSources, private readonly clock: Clock, private readonly idleMs: number = limits.idleMs) {
    for (let p = 0; p < sources.partitions; p++) this.#since.push({ newest: -Infinity, at: clock.monotonic() });
  }

  /** To be called about every second. Resolves when the marks that were due are in the log. */
  async tick(): Promise<void> {
    for (let p = 0; p < this.sources.partitions; p++) {
      const { newest, open } = this.sources.live(p);
      const now = this.clock.monotonic();
      const since = this.#since[p];
      if (newest !== since.newest) this.#since[p] = { newest, at: now };
      if (!open || !Number.isFinite(newest) || !this.sources.caughtUp(p)) continue;
      const quietSince = Math.max(this.#since[p].at, this.sources.lastLive(p));
      if (now - quietSince >= this.idleMs) await this.sources.mark(p, Math.floor(newest + (now - quietSince)));
    }
  }
}
