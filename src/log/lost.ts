// What the log says of batches that it stored and cannot read any more: offsets that are lost, told and passed over, so that readers go on.
// What always holds: a damaged batch is never taken for another one, and no offset behind it is lost with it. Damage is decided by
// checksums and by the place that a batch says it has; storage that fails to answer is no damage.

import type { EventBatch } from "../event/batch.ts";
import { decode } from "../event/codec.ts";
import { GuardianError, reasonOf } from "../errors.ts";

/** Offsets `from` to `to` (exclusive) of a partition that the log can no longer read, and the number of the first value of them. */
export interface LostOffsets {
  readonly partition: number;
  readonly from: number;
  readonly to: number;
  readonly seq: number;
  readonly reason: string;
}

export type OnLost = (lost: LostOffsets) => void;

/** Lost offsets as people call them. */
export function lostOffsets({ partition, from, to }: Pick<LostOffsets, "partition" | "from" | "to">): string {
  return `offsets ${from} to ${to - 1} of partition ${partition} of the log`;
}

const NONE = new Uint32Array(0);

/** Stands in the place of lost offsets: no event and no mark. */
export function lostBatch({ partition, from, to }: Omit<LostOffsets, "seq" | "reason">): EventBatch {
  const columns = { kind: new Uint8Array(0), eventTime: new Float64Array(0), session: NONE, item: NONE, category: NONE };
  const groups = { purchase: null, visitor: null, identity: null, properties: null };
  return { control: "lost", lane: "", partition, firstOffset: from, arrival: 0, count: to - from, words: [], ...columns, ...groups };
}

/** Puts the values of consecutive sequence numbers together as batches without a gap; what cannot be read becomes lost batches. */
export class Mender {
  readonly batches: EventBatch[] = [];
  readonly lost: LostOffsets[] = [];
  #damaged: { seq: number; reason: string } | null = null;

  /** `next`: the offset that was asked for. */
  constructor(private readonly partition: number, private next: number) {}

  /** Whether the last value was damaged, so that it is not known yet where what is lost ends. */
  get open(): boolean {
    return this.#damaged !== null;
  }

  /** Takes the value of the next sequence number, or null where it is not there. Throws `newer_format`. */
  take(seq: number, value: Uint8Array | null): void {
    const batch = this.#read(seq, value);
    if (batch === null) return;
    this.end(batch.firstOffset, seq);
    this.batches.push(batch);
    this.next = batch.firstOffset + batch.count;
  }

  /** Notes what is lost before `offset`, where the next readable batch begins or the log ends. */
  end(offset: number, seq: number): void {
    if (offset > this.next) {
      const { partition, next: from } = this, damaged = this.#damaged ?? { seq, reason: "offsets before it are not there" };
      this.lost.push({ partition, from, to: offset, ...damaged });
      this.batches.push(lostBatch({ partition, from, to: offset }));
      this.next = offset;
    }
    this.#damaged = null;
  }

  #read(seq: number, value: Uint8Array | null): EventBatch | null {
    let reason = "it is not there";
    try {
      const batch = value === null ? null : decode(value);
      if (batch !== null && this.#fits(batch)) return batch;
      if (batch !== null) reason = "it is a batch of another place";
    } catch (failure) {
      if (failure instanceof GuardianError && failure.code === "newer_format") throw failure;
      reason = reasonOf(failure);
    }
    this.#damaged ??= { seq, reason };
    return null;
  }

  /** The first batch may begin before the offset asked for; no other may begin before the end of the one before it. */
  #fits({ partition, firstOffset, count }: EventBatch): boolean {
    return partition === this.partition && firstOffset + count > this.next && (this.batches.length === 0 || firstOffset >= this.next);
  }
}
