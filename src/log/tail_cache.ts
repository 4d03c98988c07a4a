// The newest batches of each partition, decoded, for readers that keep up. Bounded in bytes over all partitions; the oldest go first.

import type { EventBatch } from "../event/batch.ts";

/** Bytes that a batch takes in memory, roughly: its columns and its words. */
export function batchBytes(batch: EventBatch): number {
  const columns = 21 + (batch.purchase ? 24 : 0) + (batch.visitor ? 24 : 0) + (batch.identity ? 16 : 0) + (batch.properties ? 4 : 0);
  return 512 + batch.kind.length * columns + batch.words.length * 64 + (batch.eventIds ? 4 * batch.eventIds.count + batch.eventIds.end : 0);
}

export class TailCache {
  readonly #batches: EventBatch[][];
  readonly #order: number[] = [];
  #bytes = 0;

  constructor(partitions: number, private readonly bytesMax: number) {
    this.#batches = Array.from({ length: partitions }, () => []);
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Adds the next batch of its partition. */
  add(batch: EventBatch): void {
    this.#batches[batch.partition].push(batch);
    this.#order.push(batch.partition);
    this.#bytes += batchBytes(batch);
    let dropped = 0;
    while (this.#bytes > this.bytesMax && dropped < this.#order.length - 1) {
      this.#bytes -= batchBytes(this.#batches[this.#order[dropped++]].shift()!);
    }
    if (dropped > 0) this.#order.splice(0, dropped);
  }

  /** Up to `most` batches from the one that holds `offset`; null when the cache does not reach back that far. */
  from(partition: number, offset: number, most: number): readonly EventBatch[] | null {
    const batches = this.#batches[partition];
    if (batches.length === 0 || batches[0].firstOffset > offset) return null;
    let low = 0, high = batches.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (batches[middle].firstOffset <= offset) low = middle;
      else high = middle - 1;
    }
    return batches.slice(low, low + most);
  }
}
