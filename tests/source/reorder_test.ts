// Rows with any columns, moved through the reorder buffer, against the same rows sorted.

import assert from "node:assert/strict";
import { ReorderBuffer } from "../../src/source/reorder.ts";
import { seededRandom } from "../event/random.ts";
import { randomColumns } from "../event/random_columns.ts";
import { type Row, rowsOf } from "../event/rows.ts";

const SPREAD_MS = 1000;

Deno.test("ReorderBuffer gives out rows of any columns by time and row as sorting does, lent and not", () => {
  for (let round = 0; round < 64; round++) {
    const random = seededRandom(`reorder ${round}`), lent = round % 2 === 0;
    const buffer = new ReorderBuffer(false, 1 + Math.floor(random() * 50), lent), given: Row[] = [], put: Row[] = [];
    // What a buffer that is not lent gave out is looked at in the end: nothing may have changed it.
    const kept: (() => Row[])[] = [];
    for (let step = 0, time = 0; step < 6; step++) {
      const added = buffer.count, from = randomColumns(random, 1 + Math.floor(random() * 80), 30, Math.floor(random() * 16));
      for (let row = 0; row < from.count; row++) from.eventTime[row] = (time += 40) - Math.floor(random() * SPREAD_MS);
      const memo = new Uint32Array(from.words.length);
      for (let row = 0; row < from.count; row++) buffer.rows.copyRow(from, row, memo);
      put.push(...rowsOf(from));
      for (const piece of buffer.release(added, step < 5 ? SPREAD_MS : -Infinity)) {
        if (lent) given.push(...rowsOf(piece));
        else kept.push(() => rowsOf(piece));
      }
    }
    for (const rows of kept) given.push(...rows());
    assert.deepEqual(given, put.sort((a, b) => Number(a.time) - Number(b.time)), `round ${round}`);
  }
});
