// What every log has to do, run over each implementation. `open` gives a log over the same storage as the time before: a restart.

import assert from "node:assert/strict";
import { ColumnBuilder, columnText, type EventBatch, markBatch, pendingBatch } from "../../src/event/batch.ts";
import { ABSENT } from "../../src/event/code.ts";
import { encode } from "../../src/event/codec.ts";
import type { EncodedBatch, EventLog } from "../../src/log/log.ts";

export interface LogFixture {
  open(): Promise<EventLog>;
  close(): Promise<void>;
}

export function batchOf(partition: number, sessions: readonly string[], lane = "live"): EncodedBatch {
  const columns = new ColumnBuilder();
  sessions.forEach((session, i) => columns.push(0, 1_400_000_000_000 + i, columns.code(session), columns.code("item"), ABSENT));
  const batch = pendingBatch(columns, lane, partition);
  return { batch, bytes: encode(batch) };
}

function sessionsOf(batches: readonly EventBatch[]): (string | null)[] {
  return batches.flatMap((batch) => Array.from({ length: batch.count }, (_, row) => columnText(batch, batch.session, row)));
}

async function readAll(log: EventLog, partition: number, from: number): Promise<EventBatch[]> {
  const all: EventBatch[] = [];
  for (let at = from; at < log.end(partition);) {
    const batches = await log.read(partition, at);
    all.push(...batches);
    const last = all[all.length - 1];
    at = last.firstOffset + last.count;
  }
  return all;
}

/** Registers the suite for the implementation `name`. */
export function conformance(name: string, fixture: () => Promise<LogFixture>): void {
  const test = (what: string, body: (fixture: LogFixture) => Promise<void>) =>
    Deno.test(`${name} ${what}`, async () => {
      const made = await fixture();
      try {
        await body(made);
      } finally {
        await made.close();
      }
    });

  test("numbers events without gaps, partition by partition", async ({ open }) => {
    const log = await open();
    const first = await log.append([batchOf(0, ["a", "b"]), batchOf(1, ["c"]), batchOf(0, ["d"])]);
    assert.deepEqual(first.firstOffsets, [0, 0, 2]);
    const second = await log.append([batchOf(1, ["e", "f"]), batchOf(0, ["g"])]);
    assert.deepEqual(second.firstOffsets, [1, 3]);
    assert.deepEqual([log.end(0), log.end(1), log.end(2)], [4, 3, 0]);
    log.close();
  });

  test("gives back what was appended, before and after a restart", async ({ open }) => {
    let log = await open();
    await log.append([batchOf(0, ["a", "Ünï", "4294967296"]), batchOf(2, ["7"])]);
    const mark = markBatch("time_mark", "live", 0, 123_456);
    await log.append([{ batch: mark, bytes: encode(mark) }]);
    await log.append([batchOf(0, ["x"], "replay-1")]);
    for (let restart = 0; restart < 2; restart++) {
      const all = await readAll(log, 0, 0);
      assert.deepEqual(all.map((batch) => [batch.control, batch.lane, batch.firstOffset, batch.count]), [
        ["events", "live", 0, 3],
        ["time_mark", "live", 3, 1],
        ["events", "replay-1", 4, 1],
      ]);
      assert.deepEqual(sessionsOf(all.filter(({ control }) => control === "events")), ["a", "Ünï", "4294967296", "x"]);
      assert.equal(all[1].eventTime[0], 123_456);
      assert.deepEqual(sessionsOf(await readAll(log, 2, 0)), ["7"]);
      log.close();
      log = await open();
    }
    log.close();
  });

  test("reads from any offset, also within a batch", async ({ open }) => {
    let log = await open();
    const names = Array.from({ length: 100 }, (_, i) => `s${i}`);
    for (let from = 0; from < 100; from += 10) await log.append([batchOf(0, names.slice(from, from + 10))]);
    for (let restart = 0; restart < 2; restart++) {
      for (const from of [0, 1, 9, 10, 55, 99, 3]) {
        const batches = await log.read(0, from);
        assert.ok(batches[0].firstOffset <= from && batches[0].firstOffset + batches[0].count > from, `offset ${from}`);
        const all = sessionsOf(await readAll(log, 0, from));
        assert.deepEqual(all.slice(from % 10), names.slice(from), `offset ${from}`);
      }
      assert.deepEqual(await log.read(0, 100), []);
      log.close();
      log = await open();
    }
    log.close();
  });

  test("wakes those who wait when it grows, and when they give up", async ({ open }) => {
    const log = await open();
    const waiting = log.grown(new AbortController().signal);
    await log.append([batchOf(0, ["a"])]);
    await waiting;
    const stop = new AbortController();
    const given = log.grown(stop.signal);
    stop.abort();
    await given;
    log.close();
  });

  test("keeps what is not trimmed, and its numbers, over a restart", async ({ open }) => {
    let log = await open();
    for (let i = 0; i < 20; i++) await log.append([batchOf(0, [`a${i}`, `b${i}`])]);
    await log.trim(0, 21);
    assert.equal(log.start(0), 20);
    log.close();
    log = await open();
    assert.equal(log.start(0), 20);
    assert.equal(log.end(0), 40);
    assert.deepEqual(sessionsOf(await readAll(log, 0, 20)).slice(0, 2), ["a10", "b10"]);
    await log.append([batchOf(0, ["new"])]);
    assert.deepEqual(sessionsOf(await readAll(log, 0, 40)), ["new"]);
    log.close();
  });
}
