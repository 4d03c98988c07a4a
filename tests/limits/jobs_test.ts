// Limits of time and of rows that day jobs and the archiver go by, at their edges, and of what a data folder may have.

import assert from "node:assert/strict";
import { due, type Scene } from "../../jobs/due.ts";
import { Lease } from "../../jobs/lease.ts";
import { Zone } from "../../jobs/local_day.ts";
import type { EventBatch } from "../../src/event/batch.ts";
import { Guardian } from "../../src/guardian.ts";
import { Gather } from "../../src/lake/gather.ts";
import { limits } from "../../src/limits.ts";
import { TailCache } from "../../src/log/tail_cache.ts";
import { silent } from "../../src/log_line.ts";
import type { Run } from "../../src/store/runs.ts";
import { TestClock } from "../support/clock.ts";

const EDGES = [-1, 0, 1];
const DATE = "2026-01-01", NOW = Date.UTC(2026, 0, 5, 12);

/** Why the job that others of its day depend on is due, where all runs of the day are alike; undefined when it is not. */
function reasonAt(now: number, given: Partial<Run>): string | undefined {
  const settings = { timezone: "UTC", runAt: "03:00", currency: "EUR" };
  const run = { date: DATE, started: NOW, ended: NOW, retryAt: null, inputs: null, leftOut: [], reads: {}, flagged: 0, settings, ...given };
  const runs = { dates: () => [DATE], get: (_date: string, job: string) => ({ ...run, job }), of: () => [] };
  const hours = new Map([[`${DATE}T09`, 5]]);
  const scene = { now, settings, zone: new Zone("UTC"), runs, hours, flagged: new Map() } as unknown as Scene;
  return due(scene)?.jobs.find(({ job }) => job === "daily_metrics")?.reason;
}

Deno.test("a day whose events changed is counted again when jobStaleMs have passed since, and one that failed when jobRetryMs have", () => {
  for (const by of EDGES) {
    const reason = reasonAt(NOW + limits.jobStaleMs + by, { state: "succeeded" });
    assert.equal(reason, by < 0 ? undefined : "stale", `${by}`);
    const waiting = reasonAt(NOW + limits.jobRetryMs + by, { state: "waiting", retryAt: NOW + limits.jobRetryMs });
    assert.equal(waiting, by < 0 ? undefined : "retry", `jobRetryMs ${by}`);
  }
});

Deno.test("others take the lease of day jobs when its holder was silent for jobLeaseMs", async () => {
  for (const by of EDGES) {
    using kv = await Deno.openKv(":memory:");
    const clock = new TestClock();
    assert.equal(await new Lease(kv, clock, "dead").take(), "taken");
    clock.pass(limits.jobLeaseMs + by);
    assert.equal(await new Lease(kv, clock, "other").take(), by < 0 ? null : "taken", `${by}`);
  }
});

/** A batch of clicks of item 1, at the time of their row. */
function clicks(count: number, time: (row: number) => number): EventBatch {
  const eventTime = Float64Array.from({ length: count }, (_, row) => time(row));
  return {
    count,
    firstOffset: 0,
    partition: 0,
    control: "events",
    kind: new Uint8Array(count),
    eventTime,
    words: [],
  } as unknown as EventBatch;
}

Deno.test("a flush is full when it has partRowsMax rows, and takes no more of a batch", () => {
  for (const by of EDGES) {
    const gather = new Gather(), next = gather.add(clicks(limits.partRowsMax + by, () => NOW), 0);
    assert.deepEqual([next, gather.rows, gather.full], [limits.partRowsMax + Math.min(by, 0), next, by >= 0], `${by}`);
  }
});

Deno.test("a flush ends at the last row that fits when its hours are one beyond partsPerFlushMax", () => {
  for (const by of EDGES) {
    const gather = new Gather(), next = gather.add(clicks(limits.partsPerFlushMax + by, (row) => NOW + row * 3_600_000), 0);
    assert.deepEqual([next, gather.sorted().length], [limits.partsPerFlushMax + Math.min(by, 0), next], `${by}`);
    assert.equal(gather.full, by > 0);
  }
});

Deno.test("the oldest batch leaves the log's memory when others are one byte beyond what logCacheBytesMax is to the log", () => {
  const size = (count: number) => {
    const cache = new TailCache(1, Infinity);
    cache.add({ ...clicks(count, () => NOW), words: [] });
    return cache.bytes;
  };
  const most = 2 * size(100);
  for (const by of EDGES) {
    const cache = new TailCache(1, most - by);
    for (const firstOffset of [0, 100]) cache.add({ ...clicks(100, () => NOW), firstOffset });
    assert.equal(cache.bytes, by > 0 ? most / 2 : most, `${by}`);
  }
});

Deno.test("a data folder is refused when it has one partition beyond partitionsMax", async () => {
  for (const by of EDGES) {
    const data = await Deno.makeTempDir({ prefix: "guardian-limits-" });
    try {
      await (await Guardian.open({ data, clock: new TestClock(NOW), logLine: silent, partitions: 1 })).stop(false);
      const format = JSON.parse(await Deno.readTextFile(`${data}/format.json`));
      await Deno.writeTextFile(`${data}/format.json`, JSON.stringify({ ...format, partitions: limits.partitionsMax + by }));
      const opened = Guardian.open({ data, clock: new TestClock(NOW), logLine: silent, partitions: 1 }).then(async (guardian) => {
        const { partitions } = guardian.log;
        await guardian.stop(false);
        return partitions;
      });
      if (by > 0) await assert.rejects(opened, { code: "folder_unusable" });
      else assert.equal(await opened, limits.partitionsMax + by);
    } finally {
      await Deno.remove(data, { recursive: true });
    }
  }
});
