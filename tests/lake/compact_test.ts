// Compaction: fewer files, the same rows, the same content versions; and nothing lost when it crashes.

import assert from "node:assert";
import {
  allParts,
  compactLake,
  type DayParts,
  deleteRetired,
  entriesOf,
  type Part,
  readManifest,
  tables,
  verifyLake,
} from "../../src/lake/mod.ts";
import { type CompactionStep, planCompaction } from "../../src/lake/compact.ts";
import { limits } from "../../src/limits.ts";
import { filesInTree } from "../../src/lake/tree.ts";
import { anyBatch, clicks, type Lab, labTest, randomFrom, seedOfRun } from "./lab.ts";

async function flushes(lab: Lab, count: number, grow: () => void): Promise<void> {
  const archiver = lab.archiver();
  await archiver.recover();
  for (let i = 0; i < count; i++) {
    grow();
    await archiver.flush();
  }
}

async function assertRows(lab: Lab): Promise<void> {
  for (const table of tables) assert.deepEqual(await lab.rows(table), lab.expected(table));
  assert.deepEqual((await verifyLake(lab)).findings, []);
}

labTest("compaction keeps rows, order, offsets and content versions", async (lab) => {
  const random = randomFrom(seedOfRun());
  await flushes(lab, 3, () => {
    for (let i = 0; i < 4; i++) lab.log.append(anyBatch(random, i % 2));
  });
  const before = await readManifest(lab.kv);
  const done = await compactLake({ ...lab, logLine: lab.logLine, force: true });
  const after = await readManifest(lab.kv);
  assert.equal(done.failed, 0);
  assert.equal(after.root.files, before.root.files - done.replaced + done.made);
  assert.equal(new Set(allParts(after).map(({ table, dt, hour }) => `${table} ${dt} ${hour}`)).size, after.root.files, "one file an hour");
  assert.deepEqual(after.days.map(({ versions }) => versions), before.days.map(({ versions }) => versions));
  assert.deepEqual([after.root.rows, after.root.covered], [before.root.rows, before.root.covered]);
  await assertRows(lab);
});

for (
  const [files, ageMs, replaced] of [
    [limits.partsPerHourMax, limits.compactAfterMs, 0],
    [limits.partsPerHourMax + 1, limits.compactAfterMs - 1, 0],
    [limits.partsPerHourMax + 1, limits.compactAfterMs, limits.partsPerHourMax + 1],
  ]
) {
  labTest(`compaction replaces ${replaced} files when ${files} have rested for ${ageMs} ms`, async (lab) => {
    await flushes(lab, files, () => lab.log.append(clicks(5)));
    lab.clock.time += ageMs;
    assert.equal((await compactLake({ ...lab, logLine: lab.logLine })).replaced, replaced);
    await assertRows(lab);
  });
}

function dayOf(rows: readonly number[], files = rows.length): DayParts {
  const parts = rows.map((rows, i): Part => ({
    table: "raw_clicks",
    dt: "2014-04-07",
    hour: 3,
    file: `${i}`,
    rows,
    bytes: 1,
    sha256: "",
    minTime: 0,
    maxTime: 0,
    offsets: [],
    sequence: i,
    created: 0,
  }));
  return { dt: "2014-04-07", pages: [], versions: {}, rows: 0, files, bytes: 0, parts };
}

for (const [rows, groups] of [[limits.compactedRowsMax - 1, 1], [limits.compactedRowsMax, 1], [limits.compactedRowsMax + 1, 0]]) {
  Deno.test(`compaction plans ${groups} groups when two files have ${rows} rows together`, () => {
    assert.equal(planCompaction(dayOf([rows - 5, 5]), 0, true).length, groups);
  });
}

Deno.test("compaction joins neighbours alone when an hour has more rows than one file may", () => {
  const half = limits.compactedRowsMax / 2;
  const planned = planCompaction(dayOf([half, half, 1, half, half, limits.compactedRowsMax]), 0, true);
  assert.deepEqual(planned.map((parts) => parts.map(({ sequence }) => sequence)), [[0, 1], [2, 3]]);
});

for (const [files, groups] of [[limits.partsPerDayMax / 2, 0], [limits.partsPerDayMax / 2 + 1, 1]]) {
  Deno.test(`compaction plans ${groups} groups of a busy hour when its day has ${files} files`, () => {
    assert.equal(planCompaction(dayOf(new Array(9).fill(1), files), 0, false).length, groups);
  });
}

labTest("compaction deletes the replaced files an hour later", async (lab) => {
  await flushes(lab, 3, () => lab.log.append(clicks(5)));
  const options = { ...lab, logLine: lab.logLine, force: true };
  await compactLake(options);
  await lab.archiver().recover();
  lab.clock.time += limits.retiredKeepMs - 1;
  assert.equal(await deleteRetired(options), 0);
  assert.equal((await filesInTree(lab.lakeFolder)).length, 4);
  lab.clock.time += 1;
  assert.equal(await deleteRetired(options), 3);
  assert.equal((await filesInTree(lab.lakeFolder)).length, 1);
  await assertRows(lab);
});

labTest("compaction goes on when rows come for an hour that it has compacted", async (lab) => {
  for (let i = 0; i < 3; i++) {
    await flushes(lab, 2, () => lab.log.append(clicks(5, i % 2)));
    await compactLake({ ...lab, logLine: lab.logLine, force: true });
  }
  assert.equal((await entriesOf(lab.kv, "2014-04-07")).length, 1);
  await assertRows(lab);
});

labTest("compaction leaves an hour alone when one of its files is damaged", async (lab) => {
  await flushes(lab, 3, () => lab.log.append(clicks(50)));
  const [{ file }] = await entriesOf(lab.kv, "2014-04-07");
  const bytes = Deno.readFileSync(`${lab.lakeFolder}/${file}`);
  bytes[20] ^= 1;
  Deno.writeFileSync(`${lab.lakeFolder}/${file}`, bytes);
  assert.deepEqual(await compactLake({ ...lab, logLine: lab.logLine, force: true }), { replaced: 0, made: 0, failed: 1 });
  assert.equal((await entriesOf(lab.kv, "2014-04-07")).length, 3);
  assert.equal((await verifyLake(lab)).findings.length, 1);
});

const steps: CompactionStep[] = ["intent", "file", "manifest", "tables"];
for (const step of steps) {
  labTest(`compaction loses nothing when it crashes before ${step}`, async (lab) => {
    await flushes(lab, 3, () => lab.log.append(clicks(50)));
    const options = { ...lab, logLine: lab.logLine, force: true };
    await compactLake({
      ...options,
      beforeStep(at) {
        if (at === step) throw new Error("crash");
      },
    }).catch(() => {});
    await lab.archiver().recover();
    await assertRows(lab);
    await compactLake(options);
    await assertRows(lab);
    assert.equal((await entriesOf(lab.kv, "2014-04-07")).length, 1);
  });
}
