// Columns of numbers in their binary form: each way of writing one at its edges, and batches as the first version wrote them.

import assert from "node:assert/strict";
import { CLICK } from "../../src/event/kind.ts";
import { decode, encode } from "../../src/event/codec.ts";
import { ColumnBuilder, pendingBatch } from "../../src/event/batch.ts";
import {
  COLUMN_SLACK_BYTES,
  type ColumnIn,
  type ColumnOut,
  putBytes,
  putF64,
  putU32,
  takeF64,
  takeU32,
} from "../../src/event/column_codec.ts";
import { seededRandom } from "./random.ts";
import { rowsOf } from "./rows.ts";

function room(rows: number): ColumnOut {
  const bytes = new Uint8Array(9 * rows + COLUMN_SLACK_BYTES);
  return { bytes, view: new DataView(bytes.buffer) };
}

function from({ bytes, view }: ColumnOut, at: number): ColumnIn {
  return { bytes, view, at };
}

function checkU32(column: Uint32Array, what: string): void {
  for (const tabled of [false, true]) {
    const out = room(column.length), end = putU32(out, 3, column, column.length, tabled), source = from(out, 3);
    assert.deepEqual(takeU32(source, column.length), column, what);
    assert.equal(source.at, end, `${what}: read to its end`);
  }
}

function checkF64(column: Float64Array, what: string): void {
  const out = room(column.length), end = putF64(out, 3, column, column.length), source = from(out, 3);
  assert.deepEqual(takeF64(source, column.length), column, what);
  assert.equal(source.at, end, `${what}: read to its end`);
}

const EDGES = [1, 254, 255, 256, 65_534, 65_535, 65_536, 16_777_214, 16_777_215, 16_777_216, 2 ** 32 - 2, 2 ** 32 - 1, 2 ** 32];

Deno.test("a column of codes comes back as it was whatever its spread and its bounds", () => {
  const random = seededRandom("codes");
  for (const spread of EDGES) {
    for (const base of [0, 1_000_000, 0x8000_0000, 0xffff_ffff - spread]) {
      if (base < 0 || base + spread > 0xffff_ffff) continue;
      for (const count of [1, 2, 9, 700]) {
        const column = Uint32Array.from({ length: count }, () => base + Math.floor(random() * (spread + 1)));
        column[0] = base;
        column[count - 1] = base + spread;
        checkU32(column, `${count} from ${base}, ${spread} wide`);
      }
    }
  }
});

Deno.test("a column of kinds comes back as it was when all are alike and when they are not", () => {
  for (const column of [new Uint8Array(50).fill(7), Uint8Array.from({ length: 50 }, (_, row) => row % 5), Uint8Array.of(255)]) {
    const out = room(50), end = putBytes(out, 0, column, column.length), source = from(out, 0);
    assert.deepEqual(takeU32(source, column.length), new Uint32Array(column));
    assert.equal(source.at, end);
  }
});

Deno.test("a column of numbers comes back to the bit whatever its spread, its steps and its order", () => {
  const random = seededRandom("numbers");
  for (const spread of EDGES) {
    for (const base of [0, -5, 1_400_000_000_000, -(2 ** 40), 2 ** 60]) {
      for (const count of [1, 2, 300]) {
        const column = Float64Array.from({ length: count }, () => base + Math.floor(random() * (spread + 1)));
        checkF64(column, `${count} from ${base}, ${spread} wide`);
        checkF64(column.slice().sort(), `${count} from ${base}, ${spread} wide, rising`);
        checkF64(column.slice().sort().reverse(), `${count} from ${base}, ${spread} wide, falling`);
      }
    }
  }
  for (const odd of [NaN, -0, 0.5, Infinity, -Infinity, 1e300, Number.MAX_VALUE]) {
    for (const at of [0, 3, 9]) {
      for (const column of [new Float64Array(10), Float64Array.from({ length: 10 }, (_, row) => row * 300)]) {
        column[at] = odd;
        checkF64(column, `${odd} at ${at}`);
      }
    }
  }
});

Deno.test("a row of a replay takes a dozen bytes in the log", () => {
  const columns = new ColumnBuilder(4096);
  for (let i = 0; i < 4096; i++) {
    columns.push(CLICK, 1_400_000_000_000 + 100 * i, 1_000_000 + ((i * 7919) % 100_000), 5 * (i % 4000), i % 12);
  }
  const rows = Uint32Array.from({ length: 4096 }, (_, row) => row), into = new ColumnBuilder(4096);
  into.copyPlainRows(columns, rows, 0, 4096, new Uint32Array(0), "feed");
  assert.ok(encode(pendingBatch(into, "replay-feed", 0)).length < 12 * 4096);
});

/** Sealed by the first version: 12 rows of partition 2 at offset 77, with words, a source, event ids and a purchase. */
const FIRST_VERSION =
  "AQAFCH/b9KQMAAAACAAAAAAAAAAAQFNAAABqI2hfdEICAAAALQAAAAAAAAAAALBAcmVwbGF5LXgJAAQABAABAAkABAAJAAUAdmlzaXRvciAwZmVlZGlkLTBT" +
  "dmlzaXRvciA0aWQtNXZpc2l0b3IgOGlkLTEwAQIAAAAAAQAAAAIAAAAAAQIAAQIAAQIAAQIDAAAAC2hfdEIAAAAA6AMAANAHAAC4CwAAoA8AAIgTAABwFwAA" +
  "WBsAAEAfAAAoIwAAECcAAPgqAAACAAAAgEFCDwBCQg8AQ0IPAAQAAIBFQg8ARkIPAEdCDwAGAACASUIPAEpCDwBLQg8AAgAAAAAHAAAADgAAABUAAAAcAAAA" +
  "IwAAACoAAAAxAAAAOAAAAD8AAABGAAAATQAAAAEBAwAAAAMAAIAAAQABAAEAAQABAAECAAAAAAAA+H8AAAAAiIT+QAAAAAAAAPh/AAAAAAAA+H8AAAAAAAD4" +
  "fwAAAAAAAPh/AAAAAAAA+H8AAAAAAAD4fwAAAAAAAPh/AAAAAAAA+H8AAAAAAAD4fwAAAAAAAPh/AgAAAAAAAPh/AAAAAAAAAEAAAAAAAAD4fwAAAAAAAPh/" +
  "AAAAAAAA+H8AAAAAAAD4fwAAAAAAAPh/AAAAAAAA+H8AAAAAAAD4fwAAAAAAAPh/AAAAAAAA+H8AAAAAAAD4fwD/////AP////8AAQAAgAMAAAAAAAAAAAAA" +
  "AAADAAAABgAAAAkAAAAMAAAADwAAABIAAAAVAAAAGAAAABsAAAAeAAAAIQAAAAICAACA/////////////////////wUAAID/////////////////////BwAA" +
  "gP////8=";

Deno.test("decode reads a batch that the first version wrote", () => {
  const batch = decode(Uint8Array.from(atob(FIRST_VERSION), (char) => char.charCodeAt(0)));
  const { control, lane, partition, firstOffset, arrival } = batch;
  assert.deepEqual([control, lane, partition, firstOffset, arrival], ["events", "replay-x", 2, 77, 1_400_000_100_000]);
  const kinds = ["click", "page_view", "add_to_cart"];
  assert.deepEqual(
    rowsOf(batch),
    Array.from({ length: 12 }, (_, i) => ({
      kind: kinds[i % 3],
      time: 1_400_000_000_000 + 1000 * i,
      session: i % 4 === 0 ? `visitor ${i}` : String(1_000_000 + i),
      item: String(7 * i),
      category: i % 2 ? "S" : "3",
      source: "feed",
      ...i % 5 === 0 ? { eventId: `id-${i}` } : {},
      ...i === 1 ? { price: 125_000.5, quantity: 2 } : {},
      row: 3 * i,
    })),
  );
});
