// Event ids as Parquet: nearly all of them differ, so there is no dictionary, and those that are bytes already are copied as they are.
// What always holds: the values of a column chunk are those of the runs, in order.

import type { EventBatch } from "../event/batch.ts";
import { FIRST_ID_SIGNED, ID_PLACES } from "../event/code.ts";
import type { Run } from "./gather.ts";
import { putDeltas } from "./deltas.ts";
import type { InPieces } from "../pieces.ts";
import {
  DELTA_LENGTH_BYTE_ARRAY,
  dictionaryBytes as values,
  type EncodedColumn,
  page,
  present,
  putLevels,
  reservePresent,
} from "./page.ts";
import { putText, textBytesMost } from "./text_bytes.ts";

/** Bytes of each value. */
let lengths = new Uint32Array(0);

/** Whether event ids of these runs are bytes. */
export function hasIdTexts(runs: readonly Run[]): boolean {
  return runs.some(({ batch }) => (batch.eventIds?.count ?? 0) > 0);
}

/** Encodes event ids. The bytes are valid until the next column is encoded. */
export function* encodeIds(runs: readonly Run[], rows: number): InPieces<EncodedColumn> {
  reservePresent(rows);
  if (lengths.length < rows) lengths = new Uint32Array(rows + 256);
  // The values are put aside first, for their lengths come before them.
  values.length = page.length = 0;
  let row = 0, count = 0;
  for (const { batch, from, to } of runs) {
    count = putIds(batch, from, to, row, count);
    row += to - from;
    yield;
  }
  yield* putLevels(rows, count);
  yield* putDeltas(lengths, count, 1);
  page.room(values.length).set(values.done(), page.length);
  page.length += values.length;
  return { dictionary: null, data: page.done(), encoding: DELTA_LENGTH_BYTE_ARRAY, nulls: rows - count, least: null, most: null };
}

/** Puts the values of rows `from` to `to` (exclusive) of a batch, which are `row` and on of the chunk. Returns how many values there are then. */
function putIds(batch: EventBatch, from: number, to: number, row: number, count: number): number {
  const { identity, eventIds, words } = batch;
  if (identity === null) {
    present.fill(0, row, row + to - from);
    return count;
  }
  const { eventId } = identity;
  for (let at = from; at < to;) {
    // Signed, event ids are between words and none, which is -1: so no code is looked at as a double.
    const code = eventId[at] | 0;
    present[row] = code === -1 ? 0 : 1;
    if (code >= FIRST_ID_SIGNED && code < -1) {
      // They mostly stand in the order of their rows.
      let stop = at + 1;
      while (stop < to && (eventId[stop] | 0) === code + stop - at && code + stop - at < -1) stop++;
      const first = code & ID_PLACES, { bytes, ends } = eventIds!, start = eventIds!.startOf(first);
      for (let place = first, before = start; place < first + stop - at; place++) {
        lengths[count++] = ends[place] - before;
        before = ends[place];
      }
      present.fill(1, row, row += stop - at);
      values.put(bytes.subarray(start, ends[first + stop - at - 1]));
      at = stop;
      continue;
    }
    if (code !== -1) lengths[count++] = putOther(code, code >= 0 ? null : words[code & ID_PLACES]);
    at++;
    row++;
  }
  return count;
}

/** Puts an integer, or a text, and returns its bytes. */
function putOther(integer: number, text: string | null): number {
  const bytes = values.room(8 + textBytesMost(text)), start = values.length;
  values.length = putText(bytes, values.view, start, integer, text);
  return values.length - start;
}
