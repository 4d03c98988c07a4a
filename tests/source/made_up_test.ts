// Made-up anomalies in a replay: what the ledger says is what the rules find, no more and no less.

import assert from "node:assert/strict";
import { join } from "node:path";
import { systemClock } from "../../src/clock.ts";
import { Inputs } from "../../src/cli/inputs.ts";
import { ledgerPath, writeLedger } from "../../src/cli/ledger.ts";
import { scanFile } from "../../src/cli/scan.ts";
import type { Anomaly } from "../../src/detect/anomaly.ts";
import { Guardian } from "../../src/guardian.ts";
import { silent } from "../../src/log_line.ts";
import { laneOfSource } from "../../src/source/intake.ts";
import { LocalSink } from "../../src/source/local_sink.ts";
import { ledger, type LedgerEntry, withAnomalies } from "../../src/source/made_up.ts";
import { orderedRows, type OrderOptions } from "../../src/source/ordered.ts";
import { type Prescan, prescan, sourceId } from "../../src/source/prescan.ts";
import { replay } from "../../src/source/replay.ts";
import { Random, type Row, rowsOf, TestFolder } from "./files.ts";

const T = Date.UTC(2014, 3, 7, 10), DAY = 86_400_000;

/** Clicks of people over `spanMs`, `displacedMs` out of order at the most. */
function people(folder: TestFolder, count: number, spanMs: number, displacedMs = 0): string {
  const random = new Random(), lines: string[] = [];
  for (let at = 0; at < count; at++) {
    const time = T + Math.floor(at * spanMs / count) - random.below(displacedMs + 1);
    lines.push(`${random.below(count / 4)},${new Date(time).toISOString()},${random.below(1000)},${random.pick(["S", "0"])}\n`);
  }
  return folder.file(lines.join(""));
}

function found(anomalies: readonly Anomaly[]): LedgerEntry[] {
  return anomalies.map(({ session_id, anomaly_type, window_start, window_end, click_count, unique_items }) => {
    return { session_id: String(session_id), anomaly_type, window_start, window_end, click_count, unique_items };
  });
}

const byText = (entries: Iterable<LedgerEntry>) => [...entries].map((entry) => JSON.stringify(entry)).sort();

function allRows(file: Prescan, order: OrderOptions = {}): Row[] {
  const rows: Row[] = [];
  let linesRead = 0;
  for (const chunk of orderedRows(file, order)) {
    assert.equal(chunk.firstRow, rows.length);
    assert.ok(chunk.linesRead >= linesRead);
    ({ linesRead } = chunk);
    rows.push(...rowsOf(chunk.columns));
  }
  assert.equal(rows.length, file.rows);
  assert.equal(linesRead, file.rows + file.rejected);
  return rows;
}

Deno.test("made-up anomalies are found as the ledger has them, and nothing else is", () => {
  using folder = new TestFolder();
  for (const [spanMs, intervalS] of [[2 * 3_600_000, 60], [DAY, 1000], [600_000, 1], [600_000, 7]]) {
    const file = withAnomalies(prescan(people(folder, 4000, spanMs)), intervalS), entries = [...ledger(file, 0)];
    const { anomalies } = scanFile(file, 0, () => {});
    assert.deepEqual(byText(found(anomalies)), byText(entries));
    assert.ok(entries.length > spanMs / 1000 / intervalS - 100 / intervalS - 3, `${entries.length} in ${spanMs} ms`);
    assert.equal(new Set(entries.map(({ session_id }) => session_id)).size, entries.length);
    for (const type of ["HIGH_FREQUENCY", "BOT_LIKE"]) assert.ok(entries.some(({ anomaly_type }) => anomaly_type === type));
    for (const { window_start, window_end } of entries) {
      assert.ok(Date.parse(window_start) >= file.firstTime && Date.parse(window_end) <= file.lastTime);
    }
  }
});

Deno.test("made-up rows leave the file's own rows as they are, in whatever chunks", () => {
  using folder = new TestFolder();
  for (const displacedMs of [0, 8000, 200_000]) {
    const plain = prescan(people(folder, 5000, 3_600_000, displacedMs)), file = withAnomalies(plain, 120);
    const rows = allRows(file);
    assert.deepEqual(rows.filter(({ session }) => !session!.startsWith("made-up-")), allRows(plain));
    for (let at = 1; at < rows.length; at++) assert.ok(rows[at].time >= rows[at - 1].time);
    for (const order of [{ chunkRowsMax: 7 }, { sortRowsMax: 300 }, { reorderMs: 1_000_000 }]) assert.deepEqual(allRows(file, order), rows);
  }
});

Deno.test("a made-up row comes behind all rows of its time, wherever a chunk ends", () => {
  using folder = new TestFolder();
  const line = (time: number) => `1,${new Date(time).toISOString()},5,0\n`;
  // Each second has forty rows of one time.
  const path = folder.file(Array.from({ length: 8000 }, (_, at) => line(T + Math.floor(at / 40) * 1000)).join(""));
  const file = withAnomalies(prescan(path), 50), rows = allRows(file, { chunkRowsMax: 1000 });
  for (let at = 1; at < rows.length; at++) {
    if (rows[at].time === rows[at - 1].time) assert.ok(rows[at].session !== "1" || rows[at - 1].session === "1");
  }
  assert.deepEqual(allRows(file, { chunkRowsMax: 3 }), rows);
});

Deno.test("made-up anomalies make another source of a file, one for each interval", () => {
  using folder = new TestFolder();
  const file = prescan(people(folder, 100, 3_600_000));
  const ids = [file, withAnomalies(file, 60), withAnomalies(file, 61)].map((one) => sourceId(one, 0));
  assert.equal(new Set(ids).size, 3);
  assert.equal(sourceId(withAnomalies(file, 60), 0), ids[1]);
  assert.notEqual(sourceId(withAnomalies(file, 60), DAY), ids[1]);
});

Deno.test("no anomaly is made up where there is no room, in purchases, or for an interval that makes no sense", () => {
  using folder = new TestFolder();
  const buys = prescan(folder.file(`1,2014-04-07T10:00:00.000Z,5,10,1\n1,2014-04-08T10:00:00.000Z,5,10,1\n`));
  assert.equal(withAnomalies(buys, 60), buys);
  const empty = prescan(folder.file(""));
  assert.equal(withAnomalies(empty, 60), empty);
  const short = withAnomalies(prescan(people(folder, 50, 9000)), 1);
  assert.deepEqual([[...ledger(short, 0)], short.rows], [[], 50]);
  for (const intervalS of [1, 366 * 86_400]) withAnomalies(short, intervalS);
  for (const intervalS of [0, -1, 0.5, NaN, 366 * 86_400 + 1]) assert.throws(() => withAnomalies(buys, intervalS), { code: "usage" });
});

async function withGuardian<T>(data: string, work: (guardian: Guardian) => Promise<T>): Promise<T> {
  const guardian = await Guardian.open({ data, clock: systemClock, logLine: silent, partitions: 3 });
  try {
    guardian.start();
    return await work(guardian);
  } finally {
    await guardian.stop();
  }
}

Deno.test("a replay with made-up anomalies that is cut short goes on without doubles, and finds the ledger's windows", async () => {
  using folder = new TestFolder();
  const file = withAnomalies(prescan(people(folder, 6000, 3_600_000, 5000)), 90), data = join(folder.path, "data"), shiftMs = 3 * DAY;
  const run = (maxEvents?: number) =>
    withGuardian(data, (guardian) => {
      const options = {
        files: [file],
        sink: new LocalSink(guardian),
        clock: systemClock,
        sleep: () => Promise.resolve(),
        shiftMs,
        maxEvents,
      };
      return replay(options);
    });
  const confirmed = () =>
    withGuardian(data, async (guardian) => {
      await guardian.caughtUp();
      const anomalies: Anomaly[] = [];
      for await (const anomaly of guardian.anomalies.all(["confirmed"])) anomalies.push(anomaly);
      assert.equal(guardian.engine.counters.late, 0);
      const counts = await guardian.anomalies.countsOf(new Set([laneOfSource(sourceId(file, shiftMs))]));
      assert.equal(Object.values(counts).reduce((sum, count) => sum + count), anomalies.length);
      return anomalies;
    });
  assert.equal((await run(2500)).accepted, 2500);
  const rest = await run();
  assert.deepEqual([rest.accepted, rest.duplicates, rest.finished], [file.rows - 2500, 2500, true]);
  const anomalies = await confirmed();
  assert.deepEqual(byText(found(anomalies)), byText(ledger(file, shiftMs)));
  assert.ok(anomalies.length > 30);
  const again = await run();
  assert.deepEqual([again.accepted, again.duplicates], [0, file.rows]);
  assert.deepEqual(await confirmed(), anomalies);
});

Deno.test("the ledger is a file beside the data folder that is the same in a second run", async () => {
  using folder = new TestFolder();
  const paths = [people(folder, 500, 3_600_000), folder.file("1,2014-04-07T10:00:00.000Z,5,10,1\n")];
  const path = ledgerPath(join(folder.path, "data/"));
  assert.equal(path, join(folder.path, "data.ledger.ndjson"));
  for (let run = 0; run < 2; run++) {
    using inputs = await Inputs.open(paths, { anomalyInterval: "100" });
    const entries = inputs.files.flatMap((file) => [...ledger(file, DAY)]);
    assert.equal(writeLedger(path, inputs.files, DAY), entries.length);
    assert.deepEqual(Deno.readTextFileSync(path).trimEnd().split("\n").map((line) => JSON.parse(line)), entries);
    assert.ok(entries.length > 25);
  }
  using plain = await Inputs.open(paths);
  assert.equal(writeLedger(path, plain.files, 0), 0);
  assert.equal(Deno.readTextFileSync(path), "");
  assert.throws(() => writeLedger(folder.path, [], 0), {
    code: "usage",
    message: /^Cannot write the ledger .*; name another with --ledger$/,
  });
  await assert.rejects(Inputs.open(paths, { anomalyInterval: "often" }), { code: "usage", message: /"often".*--anomaly-interval/ });
  await assert.rejects(Inputs.open(paths, { anomalyInterval: "0" }), { code: "usage" });
});
