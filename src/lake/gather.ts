// What a flush holds: stretches of batches sorted by table and UTC hour, and the offsets that they cover. Pure: values in, values out.
// What always holds: the offsets of a partition are covered without a gap; a group's rows, once `sorted`, follow partition and offset.
// A gather is full by rows, bytes or groups, and then ends in the middle of a batch if it has to.

import { assert } from "../assert.ts";
import type { EventBatch } from "../event/batch.ts";
import { PURCHASE } from "../event/kind.ts";
import { limits } from "../limits.ts";
import { HOUR_MS, type Table } from "./schema.ts";

/** Rows `from` to `to` (exclusive) of a batch. */
export interface Run {
  readonly batch: EventBatch;
  readonly from: number;
  readonly to: number;
}

/** The rows of one table and UTC hour (its start in ms since the epoch). */
export interface Group {
  readonly table: Table;
  readonly hourMs: number;
  readonly runs: Run[];
  rows: number;
}

/** Offsets `from` to `to` (exclusive) of a partition, and how many of them are no rows (marks). */
export interface OffsetRange {
  readonly partition: number;
  readonly from: number;
  to: number;
  rowless: number;
}

export interface GatherLimits {
  readonly rows: number;
  readonly bytes: number;
  readonly groups: number;
}

const defaults: GatherLimits = { rows: limits.partRowsMax, bytes: limits.gatheredBytesMax, groups: limits.partsPerFlushMax };

export class Gather {
  rows = 0;
  bytes = 0;
  full = false;
  readonly ranges = new Map<number, OffsetRange>();
  #groups = new Map<number, Group>();

  constructor(private readonly max: GatherLimits = defaults) {}

  get empty(): boolean {
    return this.ranges.size === 0;
  }

  /** Takes a batch from offset `from` up to `upTo` at the most, or as much of it as fits. Returns the next offset to give. */
  add(batch: EventBatch, from: number, upTo = Infinity): number {
    const first = from - batch.firstOffset;
    const end = Math.min(batch.count, upTo - batch.firstOffset);
    assert(first >= 0 && first < end, "a gathered batch holds the offset asked for");
    const range = this.#range(batch.partition, from);
    let row = first;
    if (batch.control === "events") {
      while (row < end && !this.full) row = this.#addRun(batch, row, end);
    } else {
      range.rowless += end - first;
      row = end;
    }
    range.to = batch.firstOffset + row;
    if (row > first) this.bytes += Math.ceil(decodedBytes(batch) * (row - first) / batch.count);
    if (this.bytes >= this.max.bytes) this.full = true;
    return range.to;
  }

  /** The groups, clicks before purchases and earlier hours first; rows in the order of partition and offset. */
  sorted(): Group[] {
    const groups = [...this.#groups.values()].sort((a, b) => a.table < b.table ? -1 : a.table > b.table ? 1 : a.hourMs - b.hourMs);
    for (const { runs } of groups) runs.sort((a, b) => a.batch.partition - b.batch.partition || offsetOf(a) - offsetOf(b));
    return groups;
  }

  /** Adds rows of one table and hour from `row` on; returns the next row. Marks the gather as full instead when they do not fit. */
  #addRun(batch: EventBatch, row: number, end: number): number {
    const purchase = batch.kind[row] === PURCHASE;
    const hour = Math.floor(batch.eventTime[row] / HOUR_MS);
    const key = 2 * hour + (purchase ? 1 : 0);
    let group = this.#groups.get(key);
    if (group === undefined) {
      if (this.#groups.size === this.max.groups) {
        this.full = true;
        return row;
      }
      group = { table: purchase ? "raw_purchases" : "raw_clicks", hourMs: hour * HOUR_MS, runs: [], rows: 0 };
      this.#groups.set(key, group);
    }
    const stop = Math.min(end, row + this.max.rows - this.rows);
    const start = hour * HOUR_MS, next = start + HOUR_MS;
    let to = row + 1;
    while (to < stop && (batch.kind[to] === PURCHASE) === purchase && batch.eventTime[to] >= start && batch.eventTime[to] < next) to++;
    group.runs.push({ batch, from: row, to });
    group.rows += to - row;
    this.rows += to - row;
    if (this.rows >= this.max.rows) this.full = true;
    return to;
  }

  #range(partition: number, from: number): OffsetRange {
    let range = this.ranges.get(partition);
    if (range === undefined) {
      range = { partition, from, to: from, rowless: 0 };
      this.ranges.set(partition, range);
    }
    assert(range.to === from, "offsets are gathered without a gap");
    return range;
  }
}

function offsetOf(run: Run): number {
  return run.batch.firstOffset + run.from;
}

/** About what a decoded batch takes in memory. */
export function decodedBytes(batch: EventBatch): number {
  const row = 21 + (batch.purchase ? 24 : 0) + (batch.visitor ? 24 : 0) + (batch.identity ? 16 : 0) + (batch.properties ? 4 : 0);
  let words = batch.eventIds ? 4 * batch.eventIds.count + batch.eventIds.end : 0;
  for (const word of batch.words) words += 24 + 2 * word.length;
  return 512 + batch.count * row + words;
}
