// Tries again what storage refused, for effects have to be stored in order, so nothing goes on before. Gives up only when the process stops.
// It knows nothing of what is tried; anything but failing storage is thrown at once.

import { GuardianError, reasonOf } from "../errors.ts";
import type { LogLine } from "../log_line.ts";

const RETRY_MS = [100, 500, 2_000, 5_000];

export class Retries {
  /** Why the last try failed, until one succeeds. */
  failing: string | null = null;

  constructor(private readonly logLine: LogLine) {}

  /** What `work` gives. Throws its failure once the signal has aborted, and whatever is no `storage_failing`. */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    for (let tries = 0;; tries++) {
      try {
        const result = await work();
        this.failing = null;
        return result;
      } catch (failure) {
        if (!(failure instanceof GuardianError) || failure.code !== "storage_failing") throw failure;
        this.failing = reasonOf(failure);
        this.logLine("error", "engine_storage_failing", { reason: this.failing, tries });
        if (signal?.aborted) throw failure;
        await wait(RETRY_MS[Math.min(tries, RETRY_MS.length - 1)], signal);
      }
    }
  }
}

/** Waits; comes back at once when the process is to stop, which must not take as long as a failing disk is given. */
function wait(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done);
  });
}
