// Limits of the log and of what comes into it, at their edges: batches, what is kept behind the readers, open replays, sources.

import assert from "node:assert/strict";
import { ColumnBuilder, LIVE } from "../../src/event/batch.ts";
import { ABSENT } from "../../src/event/code.ts";
import { limits } from "../../src/limits.ts";
import { defaultRetention, KvLog } from "../../src/log/kv_log.ts";
import { LocalSink, type ReplayTarget } from "../../src/source/local_sink.ts";
import { batchOf } from "../log/conformance.ts";
import { TestClock } from "../support/clock.ts";
import { Product } from "../time/product.ts";

const EDGES = [-1, 0, 1];
const T0 = Date.UTC(2026, 0, 1);

Deno.test("a batch leaves the log when it is one ms older than logKeepHours and no reader needs it", async () => {
  assert.equal(defaultRetention.keepMs, limits.logKeepHours * 3_600_000);
  for (const by of EDGES) {
    const clock = new TestClock(), log = await KvLog.open(await Deno.openKv(":memory:"), 1, clock);
    await log.append([batchOf(0, ["a"])]);
    clock.pass(defaultRetention.keepMs + by);
    await log.append([batchOf(0, ["b"])]);
    await log.trim(0, 2);
    assert.equal(log.start(0), by > 0 ? 1 : 0, `${by}`);
    log.close();
  }
});

Deno.test("a batch leaves the log when those from it on are one byte beyond what is kept, and no reader needs it", async () => {
  assert.equal(defaultRetention.keepBytes, limits.logKeepBytes);
  const { length } = batchOf(0, ["a"]).bytes;
  for (const partitions of [1, 2]) {
    for (const by of EDGES) {
      const keepBytes = partitions * (2 * length - by), retention = { keepMs: 1e12, keepBytes };
      const log = await KvLog.open(await Deno.openKv(":memory:"), partitions, new TestClock(), retention);
      for (let i = 0; i < 5; i++) await log.append([batchOf(0, ["a"])]);
      await log.trim(0, 5);
      assert.equal(log.end(0) - log.start(0), by > 0 ? 1 : 2, `${by}, of ${partitions} partitions`);
      log.close();
    }
  }
});

Deno.test("a batch has batchEventsMax events and batchBytesMax bytes at the most, and holds as many", async () => {
  await Product.with(T0, async ({ guardian: { intake, log } }) => {
    const sizes: number[][] = [], append = log.append.bind(log);
    log.append = (batches, note) => {
      sizes.push(
        batches.map(({ batch, bytes }) => (assert.ok(bytes.length <= limits.batchBytesMax, `${bytes.length} bytes`), batch.count)),
      );
      largest = Math.max(largest, ...batches.map(({ bytes }) => bytes.length));
      return append(batches, note);
    };
    let largest = 0, rounds = 0;
    // How many rows fit is foreseen by the rows before: after some it is as many as there may be.
    for (const by of [...Array(4).fill(0), ...EDGES]) {
      const columns = new ColumnBuilder();
      for (let i = 0; i < limits.batchEventsMax + by; i++) columns.push(0, T0, 7, 1, ABSENT);
      sizes.length = 0;
      await intake.submit({ columns, lane: LIVE });
      if (++rounds > 4) {
        assert.deepEqual(sizes.flat().sort((a, b) => b - a), by > 0 ? [limits.batchEventsMax, by] : [limits.batchEventsMax + by]);
      }
    }
    // Rows of all widths, so that whatever is foreseen of the next ones is wrong.
    for (let i = 0; i < 8; i++) {
      const columns = new ColumnBuilder();
      for (let row = 0; row < 1500; row++) {
        const at = columns.push(0, T0 + row, 7, columns.code(`${row}`), ABSENT),
          chars = (row * 37 + i * 101) % (limits.contextBytesMax / 3 - 1);
        if (row % 100 > 5 * i) {
          columns.withVisitor().page[at] = columns.code(`${row} `.padEnd(chars, String.fromCharCode(0x8863 + row % 26)));
        }
      }
      assert.equal((await intake.submit({ columns, lane: LIVE })).accepted, 1500);
    }
    assert.ok(largest > 0.8 * limits.batchBytesMax, `${largest} bytes`);
  });
});

/** What becomes of a replay of a new or a known file, where so many lanes are open and so many sources are known. */
async function replay(lanes: number, sources: number, known: boolean): Promise<string | null> {
  const intake = {
    behind: 0,
    sources,
    loadSource: () => Promise.resolve(known),
    submit: () => Promise.resolve({ accepted: 0, duplicates: 0 }),
  };
  const target = { intake, engine: { lanes, hasLane: () => known } } as unknown as ReplayTarget;
  return await new LocalSink(target).submit("a", 0, new ColumnBuilder(1)).then(() => null, ({ code }) => code);
}

Deno.test("a replay is refused when its lane is one beyond lanesMax, or its source one beyond sourcesMax, unless it is known", async () => {
  for (const by of EDGES) {
    const refused = by > 0 ? "overloaded" : null;
    assert.equal(await replay(limits.lanesMax - 1 + by, 0, false), refused, `lanesMax ${by}`);
    assert.equal(await replay(0, limits.sourcesMax - 1 + by, false), refused, `sourcesMax ${by}`);
    assert.equal(await replay(limits.lanesMax + by, limits.sourcesMax + by, true), null, `known ${by}`);
  }
});
