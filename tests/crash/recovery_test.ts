// A start says what it found: how the last owner of the folder ended, what that had left unfinished, and what was read again.

import assert from "node:assert/strict";
import { openDays } from "../../jobs/mod.ts";
import { Lease } from "../../jobs/lease.ts";
import { systemClock } from "../../src/clock.ts";
import { ColumnBuilder, LIVE } from "../../src/event/batch.ts";
import { parseBody } from "../../src/event/parse.ts";
import { Folder, paths } from "../../src/folder.ts";
import { Guardian } from "../../src/guardian.ts";
import { Archiver, Duck } from "../../src/lake/mod.ts";
import type { CompactionIntent } from "../../src/lake/intent.ts";
import { type LogLine, silent } from "../../src/log_line.ts";
import { KvLog } from "../../src/log/kv_log.ts";
import { Spill } from "../../src/source/spill.ts";
import { stateKeys } from "../../src/store/keys.ts";
import { type Run, RunStore } from "../../src/store/runs.ts";
import { sealedKv } from "../../src/store/sealed.ts";
import { serve, type Server } from "../support/process.ts";
import { clicks, closing, ndjson, withLab } from "../web/lab.ts";

const PARTITIONS = 2;

function folderTest(name: string, work: (data: string) => Promise<void>): void {
  Deno.test(name, async () => {
    const data = await Deno.makeTempDir({ prefix: "guardian-recovery-" });
    try {
      await work(data);
    } finally {
      await Deno.remove(data, { recursive: true });
    }
  });
}

function open(data: string, logLine: LogLine = silent): Promise<Guardian> {
  return Guardian.open({ data, clock: systemClock, logLine, partitions: PARTITIONS });
}

folderTest("folder tells how its last owner ended when it is taken", async (data) => {
  const taken = async (): Promise<string> => {
    const folder = await Folder.take(data, 1);
    folder.release();
    return folder.lastEnd;
  };
  const first = await Folder.take(data, 1);
  assert.equal(first.lastEnd, "new");
  await first.tell("http://127.0.0.1:1");
  const left = await Deno.readTextFile(paths.lock(data));
  await first.giveBack();
  assert.equal(await taken(), "stopped");
  assert.equal(await taken(), "stopped", "who only looked leaves the word of the owner before");
  await Deno.writeTextFile(paths.lock(data), left);
  assert.equal(await taken(), "crashed", "the owner's last word was where it listens");
  assert.equal(await taken(), "crashed", "and it stays so until somebody has owned the folder");
  await Deno.writeTextFile(paths.lock(data), left.slice(0, 20));
  assert.equal(await taken(), "crashed", "cut off while it wrote");
  await Deno.writeTextFile(paths.lock(data), '{"pid":1,"address":null,"since":"2026-01-01T00:00:00.000Z"}\n');
  assert.equal(await taken(), "unknown", "of a program that did not tell");
  await Deno.remove(paths.lock(data));
  assert.equal(await taken(), "unknown", "put there by hand");
});

/** Leaves what a process leaves that dies between the files of a flush and the manifest. */
async function dieInFlush(data: string): Promise<void> {
  const logFile = sealedKv(await Deno.openKv(paths.log(data))), kv = sealedKv(await Deno.openKv(paths.state(data)));
  const duck = await Duck.open({ lakeFolder: paths.lake(data), name: "test" });
  const log = await KvLog.open(logFile, PARTITIONS, systemClock);
  const beforeStep = (step: string) => {
    if (step === "manifest") throw new Error("killed");
  };
  await assert.rejects(new Archiver({ log, kv, duck, clock: systemClock, logLine: silent, beforeStep }).flush(), /killed/);
  duck.close();
  kv.close();
  logFile.close();
}

const runUnderWay: Omit<Run, "number"> = {
  job: "daily_metrics",
  date: "2014-04-07",
  state: "running",
  trigger: "schedule",
  tries: 1,
  started: Date.UTC(2014, 3, 8, 3),
  ended: null,
  retryAt: null,
  rows: null,
  error: null,
  reads: {},
  inputs: null,
  flagged: 0,
  settings: { timezone: "UTC", currency: "EUR" },
  leftOut: [],
  holder: "dead",
};

/** Leaves a run under way, and the lease that it was begun with. */
async function dieInRun(kv: Deno.Kv, run: Omit<Run, "number"> = runUnderWay): Promise<Lease> {
  const lease = new Lease(kv, systemClock, "dead");
  assert.ok(await lease.take());
  assert.ok(await lease.fenced((fence) => new RunStore(kv).begin(run, fence!)));
  return lease;
}

folderTest("start tells what a crash left unfinished, and nothing when the stop before it was in order", async (data) => {
  const guardian = await open(data);
  assert.equal(guardian.recovery.last_end, "new");
  guardian.start();
  await send(guardian, clicks("a", 30));
  // Without finishing: what is in the log is not in the lake.
  await guardian.stop(false);
  await dieInFlush(data);
  const kv = sealedKv(await Deno.openKv(paths.state(data)));
  const root = (await kv.get<{ nextPage: number }>(stateKeys.identityRoot())).value!;
  await kv.set(stateKeys.identityPage(root.nextPage), new Uint8Array(8));
  const compaction: CompactionIntent = {
    number: 99,
    table: "raw_clicks",
    from: [],
    file: "raw_clicks/dt=2014-04-07/hour=10/0000000099.parquet",
  };
  await kv.set(stateKeys.compactionIntent(), compaction);
  await dieInRun(kv);
  kv.close();
  await Deno.writeTextFile(`${paths.lake(data)}/raw_clicks/nobodys.parquet`, "x");
  await Deno.writeTextFile(`${paths.lake(data)}/.tmp/half.parquet`, "x");

  const lines: Record<string, unknown>[] = [];
  const next = await open(data, (_level, event, fields) => lines.push({ event, ...fields }));
  const { lake, identity, runs_interrupted } = next.recovery;
  assert.deepEqual({ lake, torn: identity.checkpoint_torn, runs_interrupted }, {
    lake: {
      flush_finished: { files: 1, rows: 30 },
      compaction_dropped: true,
      unfinished_files_removed: 1,
      unlisted_files_moved: 1,
      offsets_lost: 0,
    },
    torn: true,
    runs_interrupted: 1,
  });
  const told = lines.find(({ event }) => event === "recovered")!;
  assert.deepEqual(
    [told.flush_finished_rows, told.compaction_dropped, told.unlisted_files_moved, told.checkpoint_torn, told.runs_interrupted],
    [30, true, 1, true, 1],
  );
  next.start();
  await openDays(next, { timezone: "UTC", runAt: "03:00", currency: "" }, { holder: "dead" }).tick();
  await next.stop();

  const last = await open(data);
  assert.equal(last.recovery.last_end, "stopped");
  assert.deepEqual([last.recovery.lake, last.recovery.runs_interrupted, last.recovery.catch_up.events], [
    { flush_finished: null, compaction_dropped: false, unfinished_files_removed: 0, unlisted_files_moved: 0, offsets_lost: 0 },
    0,
    0,
  ]);
  await last.stop();
});

folderTest("start tells the events behind the bookmark and the effects that were stored already", async (data) => {
  const guardian = await open(data);
  guardian.start();
  await send(guardian, [...clicks("fast", 60), ...closing()]);
  await guardian.caughtUp();
  const before = await Array.fromAsync(guardian.anomalies.all(["provisional", "confirmed", "retracted"]));
  const sent = 60 + closing().length, partitions = guardian.recovery.partitions.length;
  await guardian.stop();
  // As a crash leaves it that comes after the effects and before the first bookmark.
  const kv = sealedKv(await Deno.openKv(paths.state(data)));
  for (let p = 0; p < PARTITIONS; p++) await kv.delete(stateKeys.engine(p));
  kv.close();

  const lines: Record<string, unknown>[] = [];
  const next = await open(data, (_level, event, fields) => lines.push({ event, ...fields }));
  assert.deepEqual(next.recovery.catch_up, { events: sent, effects_passed_over: 0, seconds: null });
  assert.deepEqual(next.recovery.partitions.map(({ read_from, bookmark }) => [read_from, bookmark]), new Array(partitions).fill([0, 0]));
  next.start();
  await next.caughtUp();
  while (next.recovery.catch_up.seconds === null) await new Promise((resolve) => setTimeout(resolve, 1));
  // The anomaly became provisional, then confirmed.
  assert.equal(next.recovery.catch_up.effects_passed_over, 2);
  assert.deepEqual(await Array.fromAsync(next.anomalies.all(["provisional", "confirmed", "retracted"])), before);
  const told = lines.find(({ event }) => event === "caught_up")!;
  assert.deepEqual([told.events, told.effects_passed_over], [sent, 2]);
  await next.stop();
});

Deno.test("a job at work is told as running, and one whose process ended in it as interrupted", async () => {
  await withLab(async ({ fetch, guardian, service, post }) => {
    await post([...clicks("a", 3), ...closing(Date.UTC(2014, 3, 8, 12))]);
    await guardian.archiver.flush();
    const asked = async (path: string) => await (await fetch(path)).json();
    const statesOf = async () => (await asked("/jobs/runs?job=daily_metrics&date=2014-04-07")).map((run: Run) => [run.state, run.tries]);
    const lease = await dieInRun(guardian.state);
    assert.deepEqual(await statesOf(), [["running", 1]]);
    const { due } = await asked("/jobs");
    assert.notEqual(due?.date, "2014-04-07", `what runs is not due: ${JSON.stringify(due)}`);
    await lease.release();
    await service.days.tick();
    assert.deepEqual(await statesOf(), [["succeeded", 2], ["interrupted", 1]]);
    assert.equal((await asked("/jobs")).due, null);
  });
});

folderTest("server that was killed says so in its log and its health, and knows its Idempotency-Keys", async (data) => {
  let server: Server = await serve(data);
  const health = async () => (await (await fetch(`${server.url}/health`)).json()).recovery;
  const post = (body: string) =>
    fetch(`${server.url}/events`, { method: "POST", body, headers: { "idempotency-key": "one", "content-type": "application/x-ndjson" } });
  try {
    assert.equal((await health()).last_end, "new");
    assert.equal((await post(ndjson(clicks("a", 5)))).status, 202);
    await server.end("SIGKILL");
    server = await serve(data);
    const told = await health();
    assert.deepEqual([told.last_end, told.events_read_again + told.catch_up.events], ["crashed", 5]);
    const logged = server.logged().split("\n").find((text) => text.includes('"recovered"'));
    assert.match(logged ?? server.logged(), /"last_end":"crashed".*"events_to_catch_up":/);
    const again = await (await post(ndjson(clicks("a", 5)))).json();
    assert.deepEqual([again.accepted, again.duplicates], [0, 5]);
    assert.equal((await post(ndjson(clicks("a", 6)))).status, 422, "its key has another body");
    assert.equal(await server.end("SIGTERM"), 0);
    server = await serve(data);
    assert.equal((await health()).last_end, "stopped");
  } finally {
    await server.end("SIGKILL");
  }
});

folderTest("spill is no file that a killed process would leave behind", async (folder) => {
  const spill = new Spill(folder), columns = new ColumnBuilder(1);
  parseBody(new TextEncoder().encode(ndjson(clicks("a", 3))), columns, () => {}, { now: Date.now(), futureMs: null });
  spill.write(columns);
  spill.endRun();
  if (Deno.build.os !== "windows") assert.deepEqual(await Array.fromAsync(Deno.readDir(folder)), []);
  assert.equal(spill.read(spill.runs[0].from).batch.count, 3);
  spill.close();
  assert.deepEqual(await Array.fromAsync(Deno.readDir(folder)), []);
});

/** Appends live events as the API does. */
async function send(guardian: Guardian, events: readonly object[]): Promise<void> {
  const columns = new ColumnBuilder(events.length);
  parseBody(new TextEncoder().encode(ndjson(events)), columns, () => assert.fail("all are events"), { now: Date.now(), futureMs: null });
  await guardian.intake.submit({ columns, lane: LIVE });
}
