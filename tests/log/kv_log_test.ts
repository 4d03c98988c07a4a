import assert from "node:assert/strict";
import { join } from "node:path";
import { KvLog } from "../../src/log/kv_log.ts";
import { limits } from "../../src/limits.ts";
import { failingKv, type Faults } from "../support/failing_kv.ts";
import { TestClock } from "../support/clock.ts";
import { batchOf, conformance, type LogFixture } from "./conformance.ts";

const keepNothing = { keepMs: -1, keepBytes: 0 };

async function fixture(): Promise<LogFixture> {
  const folder = await Deno.makeTempDir();
  return {
    open: async () => await KvLog.open(await Deno.openKv(join(folder, "log.kv")), 3, new TestClock(), keepNothing),
    close: () => Deno.remove(folder, { recursive: true }),
  };
}

conformance("kv_log", fixture);

for (const fail of ["before", "after"] as const) {
  Deno.test(`kv_log tells by resync whether an append landed when its commit fails ${fail} it landed`, async () => {
    const when: Faults = { fail: "no" };
    const log = await KvLog.open(failingKv(await Deno.openKv(":memory:"), when), 2, new TestClock());
    await log.append([batchOf(0, ["a"])]);
    when.fail = fail;
    await assert.rejects(log.append([batchOf(0, ["b", "c"]), batchOf(1, ["d"])]), /disk is full|answer was lost/);
    when.fail = "no";
    const landed = await log.resync();
    assert.deepEqual(
      landed.map((batch) => [batch.partition, batch.firstOffset, batch.count]),
      fail === "before" ? [] : [[0, 1, 2], [1, 0, 1]],
    );
    const { firstOffsets } = await log.append([batchOf(0, ["e"])]);
    assert.deepEqual(firstOffsets, [fail === "before" ? 1 : 3]);
    const batches = await log.read(0, 0);
    assert.deepEqual(batches.map(({ count }) => count), fail === "before" ? [1, 1] : [1, 2, 1]);
    log.close();
  });
}

Deno.test("kv_log keeps a day and so many bytes behind its readers, whichever is less", async () => {
  const clock = new TestClock();
  const kv = await Deno.openKv(":memory:");
  const log = await KvLog.open(kv, 1, clock, { keepMs: 3_600_000, keepBytes: 2000 });
  const bytes = batchOf(0, ["a"]).bytes.length;
  for (let i = 0; i < 100; i++) {
    await log.append([batchOf(0, ["a"])]);
    clock.pass(60_000);
  }
  await log.trim(0, 100);
  const kept = log.end(0) - log.start(0);
  assert.equal(kept, Math.floor(2000 / bytes), "by bytes");
  clock.pass(3_600_000 - 60_000 * 5);
  await log.trim(0, 100);
  assert.equal(log.end(0) - log.start(0), 5, "by age");
  await log.append([batchOf(0, ["b"])]);
  clock.pass(7_200_000);
  await log.trim(0, 100);
  assert.equal(log.end(0) - log.start(0), 1, "what a reader needs stays however old it is");
  log.close();
});

Deno.test("kv_log reads on from memory where it can, and from the file where the cache has let go", async () => {
  const folder = await Deno.makeTempDir();
  const log = await KvLog.open(await Deno.openKv(join(folder, "log.kv")), 1, new TestClock());
  const wide = Array.from({ length: limits.batchEventsMax }, (_, i) => String(i));
  const rounds = Math.ceil((limits.logCacheBytesMax * 1.5) / (limits.batchEventsMax * 21));
  for (let i = 0; i < rounds; i++) await log.append([batchOf(0, wide)]);
  let at = 0, batches = 0;
  while (at < log.end(0)) {
    for (const batch of await log.read(0, at)) {
      assert.equal(batch.firstOffset, at);
      at += batch.count;
      batches++;
    }
  }
  assert.equal(batches, rounds);
  log.close();
  await Deno.remove(folder, { recursive: true });
});

Deno.test("kv_log leaves no hole when a resync fails half-way", async () => {
  const faults: Faults = { fail: "no" };
  const kv = await Deno.openKv(":memory:");
  let gets = Infinity;
  const flaky = new Proxy(failingKv(kv, faults), {
    get(target, name) {
      const member = Reflect.get(target, name) as unknown;
      if (name !== "get") return member;
      return (...args: unknown[]) => {
        if (--gets < 0) return Promise.reject(new Error("disk is gone"));
        return (member as (...args: unknown[]) => unknown)(...args);
      };
    },
  });
  const log = await KvLog.open(flaky, 2, new TestClock());
  await log.append([batchOf(0, ["a"]), batchOf(1, ["b"])]);
  faults.fail = "after";
  await assert.rejects(log.append([batchOf(0, ["c"]), batchOf(1, ["d"])]));
  faults.fail = "no";
  for (let lucky = 0; lucky < 4; lucky++) {
    gets = lucky;
    await assert.rejects(log.resync(), { code: "storage_failing" });
  }
  gets = Infinity;
  assert.deepEqual((await log.resync()).map(({ partition }) => partition), [0, 1]);
  await log.append([batchOf(0, ["e"])]);
  assert.deepEqual((await log.read(0, 0)).map(({ firstOffset }) => firstOffset), [0, 1, 2]);
  log.close();
});
