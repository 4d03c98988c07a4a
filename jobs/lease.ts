// The lease of the day jobs: of all processes on one store, one runs them. A holder that dies leaves it behind, and it runs out.
// What always holds: whoever writes with the fence of a lease still had it at that moment, by the store's own word and not by a clock's.

import type { Clock } from "../src/clock.ts";
import { limits } from "../src/limits.ts";
import { commit } from "../src/store/commit.ts";
import { stateKeys } from "../src/store/keys.ts";
import type { Fence } from "../src/store/runs.ts";

interface Stored {
  readonly holder: string;
  /** Wall clock, ms since the epoch. */
  readonly until: number;
}

export class Lease {
  #versionstamp: string | null = null;
  #turn: Promise<unknown> = Promise.resolve();

  /** `holder`: a name that no other process has. */
  constructor(private readonly kv: Deno.Kv, private readonly clock: Clock, readonly holder: string) {}

  /** Takes the lease. `kept`: nobody else has had it since this holder last did. Null: another one has it now. */
  take(): Promise<"taken" | "kept" | null> {
    return this.#inTurn(async () => {
      const { value, versionstamp } = await this.kv.get<Stored>(stateKeys.jobLease());
      this.#versionstamp = null;
      if (value !== null && value.holder !== this.holder && this.#lives(value)) return null;
      const mine: Stored = { holder: this.holder, until: this.clock.now() + limits.jobLeaseMs };
      await commit(this.kv, { checks: [{ key: stateKeys.jobLease(), versionstamp }], sets: [{ key: stateKeys.jobLease(), value: mine }] });
      // Read again in any case: the version is needed, and a refused commit may have landed before it was sent twice.
      const now = await this.kv.get<Stored>(stateKeys.jobLease());
      if (now.value?.holder !== this.holder) return null;
      this.#versionstamp = now.versionstamp;
      return value?.holder === this.holder ? "kept" : "taken";
    });
  }

  /** Gives work the check that a write has to carry; null when the lease is lost. The lease does not change until the work is done. */
  fenced<T>(work: (fence: Fence | null) => Promise<T>): Promise<T> {
    return this.#inTurn(() => work(this.#versionstamp === null ? null : { key: stateKeys.jobLease(), versionstamp: this.#versionstamp }));
  }

  /** Gives the lease free, if it is still held. Its name stays, so that the next one can tell whether it was ever away. */
  release(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#versionstamp === null) return;
      const checks = [{ key: stateKeys.jobLease(), versionstamp: this.#versionstamp }];
      this.#versionstamp = null;
      const free: Stored = { holder: this.holder, until: 0 };
      await commit(this.kv, { checks, sets: [{ key: stateKeys.jobLease(), value: free }] });
    });
  }

  /** A lease that ends later than any can was written before the clock was set back; it is not waited for. */
  #lives({ until }: Stored): boolean {
    const left = until - this.clock.now();
    return left > 0 && left <= 2 * limits.jobLeaseMs;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }
}
