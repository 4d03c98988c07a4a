// Rows copied column by column against the same rows copied one by one.

import assert from "node:assert/strict";
import { ColumnBuilder, pendingBatch } from "../../src/event/batch.ts";
import { ABSENT } from "../../src/event/code.ts";
import { decode, encode, seal } from "../../src/event/codec.ts";
import { seededRandom } from "./random.ts";
import { rowsOf } from "./rows.ts";

function randomPlain(random: () => number, count: number, ids: boolean): ColumnBuilder {
  const columns = new ColumnBuilder(count), words = random() < 0.5;
  const text = (most: number) => {
    const value = Math.floor(random() * most);
    return words && random() < 0.5 ? columns.code(`word ${value}`) : random() < 0.05 ? ABSENT : value;
  };
  for (let i = 0; i < count; i++) {
    const row = columns.push(Math.floor(random() * 3), 1_400_000_000_000 + i, text(50), text(9), text(5));
    if (ids && random() < 0.8) {
      columns.withIdentity().eventId[row] = random() < 0.3 ? columns.code(`id ${i}`) : random() < 0.1 ? i : columns.eventIdCode(`ïd ${i}`);
    }
  }
  if (ids) columns.withIdentity();
  return columns;
}

Deno.test("ColumnBuilder copies rows column by column as it does one by one, of sources and of none, with event ids and without", () => {
  const random = seededRandom("columns");
  for (let round = 0; round < 200; round++) {
    const fast = new ColumnBuilder(1 + Math.floor(random() * 40)), plain = new ColumnBuilder();
    const sources = round % 2 ? ["feed"] : ["feed", "other", "7", undefined];
    for (let step = 0; step < 4; step++) {
      const count = 1 + Math.floor(random() * 60), from = randomPlain(random, count, random() < 0.3);
      const rows = Uint32Array.from({ length: count }, (_, row) => row).filter(() => random() < 0.7);
      const source = sources[Math.floor(random() * sources.length)], firstRow = Math.floor(random() * 1000);
      const memo = new Uint32Array(from.words.length);
      // Some rows go in one by one on both sides, between those that do not.
      const alone = random() < 0.2 ? rows.length : 0;
      const target = (into: ColumnBuilder, row: number, words: Uint32Array) => {
        const at = into.copyRow(from, row, words);
        if (source === undefined) return;
        into.withIdentity().source[at] = into.code(source);
        into.withIdentity().row[at] = firstRow + row;
      };
      for (const row of rows) target(plain, row, memo);
      if (alone > 0) {
        const words = new Uint32Array(from.words.length);
        for (const row of rows) target(fast, row, words);
        continue;
      }
      const guesses = Uint32Array.from({ length: from.words.length }, () => Math.floor(random() * 5));
      const middle = Math.floor(random() * rows.length);
      fast.copyPlainRows(from, rows, 0, middle, guesses, source, firstRow);
      fast.copyPlainRows(from, rows, middle, rows.length, guesses, source, firstRow);
    }
    assert.deepEqual(rowsOf(fast), rowsOf(plain), `round ${round}`);
    if (fast.count === 0) continue;
    const bytes = encode(pendingBatch(fast, "live", 0));
    assert.ok(bytes.length <= fast.bytesMost, `round ${round}: ${bytes.length} bytes, ${fast.bytesMost} told`);
    seal(bytes, 0, 0);
    assert.deepEqual(rowsOf(decode(bytes)), rowsOf(plain), `round ${round}, encoded`);
  }
});

Deno.test("ColumnBuilder leaves columns that others share alone when a row is taken back or another one added", () => {
  const from = new ColumnBuilder(), rows = Uint32Array.of(0, 1);
  for (const session of [5, 6]) from.push(0, 1, session, 1, 1);
  const none = new Uint32Array(0), first = new ColumnBuilder(8), second = new ColumnBuilder(8);
  first.copyPlainRows(from, rows, 0, 2, none, "feed");
  second.copyPlainRows(from, rows, 0, 2, none, "feed");
  first.pop();
  first.push(0, 2, 9, 9, 9);
  first.withIdentity().eventId[1] = 77;
  assert.deepEqual(rowsOf(second).map(({ source, row, eventId }) => [source, row, eventId]), [["feed", 0, undefined], [
    "feed",
    1,
    undefined,
  ]]);
  assert.deepEqual(rowsOf(first).map(({ source, row, eventId }) => [source, row, eventId]), [["feed", 0, undefined], [
    undefined,
    undefined,
    "77",
  ]]);
});
