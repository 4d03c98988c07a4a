// Streams of the oracle as batches of the log.

import { ColumnBuilder, type EventBatch, markBatch, pendingBatch } from "../../src/event/batch.ts";
import { ABSENT } from "../../src/event/code.ts";
import type { StreamEntry } from "./oracle.ts";

/** Cuts a stream into batches of at most `size` events; lane, arrival and marks end a batch. */
export function batches(stream: readonly StreamEntry[], size: number): EventBatch[] {
  const out: EventBatch[] = [];
  let columns = new ColumnBuilder(), lane = "", arrival = 0, firstOffset = 0;
  const cut = (offset: number) => {
    if (columns.count > 0) out.push({ ...pendingBatch(columns, lane, 0), firstOffset, arrival });
    columns = new ColumnBuilder();
    firstOffset = offset;
  };
  stream.forEach((entry, offset) => {
    if ("mark" in entry) {
      cut(offset);
      out.push({ ...markBatch(entry.mark, entry.lane, 0, entry.time), firstOffset: offset, arrival: 0 });
      firstOffset = offset + 1;
      return;
    }
    if (columns.count >= size || entry.lane !== lane || entry.arrival !== arrival) cut(offset);
    if (columns.count === 0) ({ lane, arrival } = entry);
    columns.push(entry.kind, entry.time, columns.code(entry.session), columns.code(entry.item), ABSENT);
  });
  cut(stream.length);
  return out;
}
