// A log over arrays: what a reader needs of one, with batches kept as they were given.

import type { EventBatch, PendingBatch } from "../../src/event/batch.ts";
import type { FollowedLog } from "../../src/lake/archiver.ts";

export class FakeLog implements FollowedLog {
  now = Date.UTC(2024, 0, 2, 3, 4, 5);
  /** Batches that one read gives at the most. */
  batchesPerRead = 3;
  reads = 0;
  #batches: EventBatch[][];
  #starts: number[];
  #waiting: (() => void)[] = [];

  constructor(readonly partitions: number) {
    this.#batches = Array.from({ length: partitions }, () => []);
    this.#starts = new Array(partitions).fill(0);
  }

  append(...batches: readonly PendingBatch[]): void {
    for (const batch of batches) {
      this.#batches[batch.partition].push({ ...batch, firstOffset: this.end(batch.partition), arrival: this.now });
    }
    this.now++;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  end(partition: number): number {
    const last = this.#batches[partition].at(-1);
    return last === undefined ? this.#starts[partition] : last.firstOffset + last.count;
  }

  start(partition: number): number {
    return this.#starts[partition];
  }

  read(partition: number, from: number): Promise<readonly EventBatch[]> {
    this.reads++;
    const batches = this.#batches[partition].filter((batch) => batch.firstOffset + batch.count > from);
    return Promise.resolve(batches.slice(0, this.batchesPerRead));
  }

  grown(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  trim(partition: number, upTo: number): void {
    this.#batches[partition] = this.#batches[partition].filter((batch) => batch.firstOffset + batch.count > upTo);
    this.#starts[partition] = this.#batches[partition][0]?.firstOffset ?? upTo;
  }

  /** All batches of all partitions in order. */
  all(): EventBatch[] {
    return this.#batches.flat();
  }
}
