// The durable, ordered, partitioned log: the interface that sources append to and readers follow. Every implementation passes
// tests/log/conformance. Readers cannot tell implementations apart.

import type { EventBatch, PendingBatch } from "../event/batch.ts";

/** An answer of the log to one append: per batch, in the order given, its first offset. */
export interface Appended {
  readonly firstOffsets: readonly number[];
  /** Wall clock given to all of them, ms since the epoch. */
  readonly arrival: number;
}

/** A batch and its encoded bytes, which the log seals with offset and arrival. */
export interface EncodedBatch {
  readonly batch: PendingBatch;
  readonly bytes: Uint8Array;
}

export interface EventLog {
  readonly partitions: number;

  /**
   * Appends batches in order, all of them or none, and resolves once they would survive a kill -9. Encoded they must fit
   * limits.commitBytesMax. `note` is kept with them (limits.kvValueBytesMax at the most) and given back by `notes`.
   * Throws `storage_failing`: whether it landed is then told by `resync`, which must come before the next append.
   */
  append(batches: readonly EncodedBatch[], note?: Uint8Array): Promise<Appended>;

  /** After a failed append: finds the true end, and returns the batches that landed without having been acknowledged. */
  resync(): Promise<readonly EventBatch[]>;

  /** The offset that the next event of a partition will get. */
  end(partition: number): number;

  /** The oldest offset still held. */
  start(partition: number): number;

  /** Batches in order, the first one holding offset `from` (it may begin before it); empty when `from` is the end. */
  read(partition: number, from: number): Promise<readonly EventBatch[]>;

  /** Resolves when any partition has grown since the call, or when the signal aborts; now and then for nothing. */
  grown(signal: AbortSignal): Promise<void>;

  /** Drops what lies before `upTo` (an offset at a batch's edge or within), except what the retention setting keeps. */
  trim(partition: number, upTo: number): Promise<void>;

  close(): void;
}

/** Where a reader of the log stands, for the lag that `/health` shows and intake waits on. */
export interface Progress {
  /** The next offset of this partition that the reader has not finished with. */
  position(partition: number): number;
}
