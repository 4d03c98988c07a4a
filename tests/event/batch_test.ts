// Columns and their binary form: what goes in comes out, whatever groups a batch has, and no damage passes unseen.

import assert from "node:assert/strict";
import { ColumnBuilder, type EventBatch, markBatch, type PendingBatch, pendingBatch } from "../../src/event/batch.ts";
import { compareIds, compareUtf8, FIRST_WORD, idOut, integerCode, textOf } from "../../src/event/code.ts";
import { CODEC_VERSION, decode, encode, seal } from "../../src/event/codec.ts";
import { CLICK, PURCHASE } from "../../src/event/kind.ts";
import { GuardianError } from "../../src/errors.ts";
import { limits } from "../../src/limits.ts";
import { seededRandom } from "./random.ts";
import { randomColumns, TIME } from "./random_columns.ts";
import { rowsOf } from "./rows.ts";

function sealed(batch: PendingBatch, firstOffset = 7, arrival = TIME): Uint8Array<ArrayBuffer> {
  const bytes = encode(batch);
  seal(bytes, firstOffset, arrival);
  return bytes;
}

function isCorrupt(error: unknown): boolean {
  assert.ok(error instanceof GuardianError, String(error));
  assert.equal(error.code, "corrupt");
  return true;
}

/** Words and event ids together: words that only event ids are come back as event ids. */
function headOf({ control, lane, partition, words, eventIds, count }: PendingBatch | EventBatch) {
  const ids = Array.from({ length: eventIds?.count ?? 0 }, (_, place) => eventIds!.text(place));
  return { control, lane, partition, texts: [...words, ...ids], count };
}

Deno.test("decode gives back what was encoded, for random batches with all groups", () => {
  const random = seededRandom("batches");
  for (let round = 0; round < 160; round++) {
    const count = [0, 1, 2, 8, 9, 10, 255, 256, 257, 1 + Math.floor(random() * 1500)][round % 10];
    const variety = [1, 3, 200, 257, 100_000][Math.floor(random() * 5)];
    const batch = pendingBatch(randomColumns(random, count, variety, round % 16), "läne", round % 64);
    const bytes = sealed(batch, 2 ** 40 + round, TIME + round);
    const back = decode(bytes);
    assert.deepEqual(headOf(back), headOf(batch));
    assert.deepEqual(rowsOf(back), rowsOf(batch));
    assert.equal(back.firstOffset, 2 ** 40 + round);
    assert.equal(back.arrival, TIME + round);
    for (const group of ["purchase", "visitor", "identity", "properties"] as const) {
      assert.equal(back[group] === null, batch[group] === null);
    }
  }
});

Deno.test("encode has room for batches whose every column is all different", () => {
  for (const count of [100, 256, 1000, 2500, 2800, 2900, 3000, 3200, limits.batchEventsMax]) {
    const columns = new ColumnBuilder(count);
    let next = 0;
    for (let i = 0; i < count; i++) {
      const row = columns.push(i % 5, i * 1e9, next++, next++, next++);
      const purchase = columns.withPurchase(), visitor = columns.withVisitor(), identity = columns.withIdentity();
      purchase.price[row] = i + 0.5;
      purchase.quantity[row] = i * 1e10;
      purchase.orderId[row] = next++;
      purchase.currency[row] = next++;
      for (const name of ["userId", "ip", "userAgent", "referrer", "platform", "page"] as const) visitor[name][row] = next++;
      identity.source[row] = next++;
      identity.row[row] = i * 1e10;
      identity.eventId[row] = next++;
      columns.withProperties()[row] = next++;
    }
    const batch = pendingBatch(columns, "live", 0);
    assert.deepEqual(rowsOf(decode(sealed(batch))), rowsOf(batch), `${count} rows`);
  }
});

Deno.test("encode keeps its bytes when it is called again", () => {
  const first = sealed(pendingBatch(randomColumns(() => 0.3, 50, 5, 15), "live", 1));
  const copy = first.slice();
  sealed(pendingBatch(randomColumns(() => 0.6, 500, 500, 15), "other", 2));
  assert.deepEqual(first, copy);
});

Deno.test("decode throws corrupt when any one byte is damaged", () => {
  const random = seededRandom("damage");
  const bytes = sealed(pendingBatch(randomColumns(random, 40, 30, 15), "live", 3));
  for (let at = 0; at < bytes.length; at++) {
    const damaged = bytes.slice();
    damaged[at] ^= 1 << Math.floor(random() * 8);
    if (at === 0 && damaged[0] > CODEC_VERSION) continue;
    assert.throws(() => decode(damaged), isCorrupt, `byte ${at}`);
  }
});

Deno.test("decode throws corrupt when bytes are missing or too many", () => {
  const bytes = sealed(pendingBatch(randomColumns(() => 0.4, 40, 30, 15), "live", 3));
  for (let length = 0; length < bytes.length; length++) assert.throws(() => decode(bytes.slice(0, length)), isCorrupt, `${length} bytes`);
  assert.throws(() => decode(Uint8Array.from([...bytes, 0])), isCorrupt);
});

Deno.test("decode throws corrupt when the batch was never sealed", () => {
  assert.throws(() => decode(encode(markBatch("time_mark", "live", 0, TIME))), isCorrupt);
});

Deno.test("decode throws newer_format when the version is one to come", () => {
  const bytes = sealed(markBatch("end_mark", "live", 0, TIME));
  bytes[0] = CODEC_VERSION + 1;
  assert.throws(() => decode(bytes), isCorrupt, "a version that was not sealed is damage");
  seal(bytes, 7, TIME);
  assert.throws(() => decode(bytes), (error) => error instanceof GuardianError && error.code === "newer_format");
});

Deno.test("decode reads from the middle of a larger buffer", () => {
  const batch = pendingBatch(randomColumns(() => 0.4, 40, 30, 15), "live", 3);
  const bytes = sealed(batch), larger = new Uint8Array(bytes.length + 11);
  larger.set(bytes, 5);
  assert.deepEqual(rowsOf(decode(larger.subarray(5, 5 + bytes.length))), rowsOf(batch));
});

Deno.test("a mark comes back as a mark with its time", () => {
  for (const control of ["time_mark", "end_mark"] as const) {
    const back = decode(sealed(markBatch(control, "source-1", 63, TIME)));
    assert.deepEqual([back.control, back.lane, back.partition, back.count, back.eventTime[0]], [control, "source-1", 63, 1, TIME]);
  }
});

Deno.test("encode refuses a lane of 256 bytes and a word of 64 KiB", () => {
  const columns = new ColumnBuilder();
  columns.push(CLICK, TIME, columns.code("x".repeat(65_535)), 1, 2);
  assert.equal(decode(sealed(pendingBatch(columns, "l".repeat(255), 0))).words[0].length, 65_535);
  assert.throws(() => encode(pendingBatch(columns, "l".repeat(256), 0)), /fewer than 256/);
  columns.push(CLICK, TIME, columns.code("y".repeat(65_536)), 1, 2);
  assert.throws(() => encode(pendingBatch(columns, "live", 0)), /fewer than 65,536/);
});

Deno.test("ColumnBuilder gives one text one code", () => {
  const columns = new ColumnBuilder();
  assert.equal(columns.code("7"), 7);
  assert.equal(columns.code("07"), FIRST_WORD);
  assert.equal(columns.code("a"), FIRST_WORD + 1);
  assert.equal(columns.code("07"), FIRST_WORD);
  assert.equal(columns.wordCode("a"), FIRST_WORD + 1);
  assert.deepEqual(columns.words, ["07", "a"]);
});

Deno.test("ColumnBuilder keeps its rows and their absent fields when it grows, from any capacity", () => {
  for (const capacity of [0, 1, 3, 64]) {
    const columns = new ColumnBuilder(capacity);
    columns.withPurchase();
    columns.withVisitor();
    columns.withIdentity();
    columns.withProperties();
    for (let i = 0; i < 500; i++) columns.push(CLICK, TIME + i, i, i, i);
    columns.withPurchase().price[499] = 5;
    const rows = rowsOf(columns);
    assert.equal(rows.length, 500);
    assert.deepEqual(rows[498], { kind: "click", time: TIME + 498, session: "498", item: "498", category: "498" });
    assert.deepEqual(rows[499], { kind: "click", time: TIME + 499, session: "499", item: "499", category: "499", price: 5 });
  }
});

Deno.test("ColumnBuilder leaves nothing of a row that was taken back", () => {
  const columns = new ColumnBuilder(2);
  const row = columns.push(PURCHASE, TIME, 1, 2, 3);
  columns.withPurchase().price[row] = 5;
  columns.withPurchase().orderId[row] = 5;
  columns.withVisitor().page[row] = 5;
  columns.withIdentity().row[row] = 5;
  columns.withIdentity().eventId[row] = 5;
  columns.withProperties()[row] = 5;
  columns.pop();
  assert.equal(columns.count, 0);
  columns.push(CLICK, TIME, 4, 5, 6);
  assert.deepEqual(rowsOf(columns), [{ kind: "click", time: TIME, session: "4", item: "5", category: "6" }]);
});

Deno.test("ColumnBuilder copies rows of other columns with their words", () => {
  const random = seededRandom("copies");
  for (let round = 0; round < 32; round++) {
    const from = randomColumns(random, 200, 50, round % 16), memo = new Uint32Array(from.words.length);
    const to = new ColumnBuilder();
    to.code("a word of its own");
    const rows = [...rowsOf(from).keys()].filter(() => random() < 0.5);
    for (const row of rows) to.copyRow(from, row, memo);
    assert.deepEqual(rowsOf(to), rows.map((row) => rowsOf(from)[row]));
    // Event ids alone may have a second code for a text.
    const ids = new Set(to.identity?.eventId.subarray(0, to.count));
    const shared = to.words.filter((_, word) => !ids.has(FIRST_WORD + word));
    assert.equal(new Set(shared).size, shared.length);
  }
});

const codes: [string, number][] = [
  ["0", 0],
  ["7", 7],
  ["2147483646", 2 ** 31 - 2],
  ["2147483647", 2 ** 31 - 1],
  ["2147483648", -1],
  ["9999999999", -1],
  ["00", -1],
  ["07", -1],
  ["-1", -1],
  ["1.0", -1],
  ["1e3", -1],
  [" 1", -1],
  ["", -1],
  ["٣", -1],
];
for (const [text, code] of codes) {
  Deno.test(`integerCode of ${JSON.stringify(text)} is ${code}`, () => {
    assert.equal(integerCode(text), code);
    if (code >= 0) assert.equal(textOf([], code), text);
  });
}

Deno.test("idOut shows canonical integers below 2^53 as numbers and all else as strings", () => {
  const ids = ["0", "12", "9007199254740991", "9007199254740992", "012", "-1", "x", "1152921504606846976"];
  assert.deepEqual(ids.map(idOut), [0, 12, 9007199254740991, "9007199254740992", "012", "-1", "x", "1152921504606846976"]);
});

Deno.test("compareIds sorts integers by number, then strings by their UTF-8 bytes", () => {
  const random = seededRandom("ids");
  const sorted = ["0", "2", "10", "9007199254740991", "01", "9007199254740992", "A", "a", "é", "\uffff", "😀"];
  for (let round = 0; round < 50; round++) {
    assert.deepEqual([...sorted].sort(() => random() - 0.5).sort(compareIds), sorted);
  }
  assert.deepEqual([...sorted].sort(compareUtf8).map((id) => id), [...sorted].sort((a, b) => compareBytes(a, b)));
});

function compareBytes(a: string, b: string): number {
  const [x, y] = [a, b].map((text) => [...new TextEncoder().encode(text)].map((byte) => byte.toString(16).padStart(2, "0")).join(""));
  return x < y ? -1 : x > y ? 1 : 0;
}

Deno.test("an encoded batch never has more bytes than its columns say they take at the most", () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = seededRandom(`most ${seed}`);
    const columns = randomColumns(random, 1 + Math.floor(random() * 800), [2, 300, 100_000][seed % 3], seed % 16);
    columns.eventTime[0] = TIME * 20; // times too far apart for 32 bits
    const { length } = encode(pendingBatch(columns, "live", 0));
    assert.ok(length <= columns.bytesMost, `seed ${seed}: ${length} bytes, ${columns.bytesMost} told`);
  }
});
