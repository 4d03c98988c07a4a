// The archiver: when it flushes, what is left after a crash at each step, and that each row is in the lake exactly once.

import assert from "node:assert";
import { markBatch } from "../../src/event/batch.ts";
import type { FlushStep } from "../../src/lake/archiver.ts";
import { allParts, readManifest, readRoot, tables, verifyLake } from "../../src/lake/mod.ts";
import { filesInTree } from "../../src/lake/tree.ts";
import { stateKeys } from "../../src/store/keys.ts";
import { anyBatch, clicks, type Lab, labTest, randomFrom, seedOfRun, START } from "./lab.ts";

/** The lake holds what the log was given, once, and its tree and KV hold nothing else. */
async function assertWhole(lab: Lab): Promise<void> {
  for (const table of tables) assert.deepEqual(await lab.rows(table), lab.expected(table));
  const manifest = await readManifest(lab.kv);
  assert.deepEqual(await filesInTree(lab.lakeFolder), allParts(manifest).map(({ file }) => file).sort());
  assert.deepEqual((await verifyLake(lab)).findings, []);
  assert.equal((await lab.kv.get(stateKeys.intent())).value, null);
  assert.deepEqual([...Deno.readDirSync(`${lab.lakeFolder}/.tmp`)], []);
  const pages = [];
  for await (const { key } of lab.kv.list({ prefix: [] })) pages.push(key[2]);
  const named = [...Object.values(manifest.root.months), ...manifest.days.flatMap(({ pages }) => pages)];
  assert.deepEqual(pages.filter((page) => page !== undefined).sort(), named.sort());
}

labTest("archiver waits when neither rows nor time are enough", async (lab) => {
  const archiver = lab.archiver({ intervalMs: 60_000 });
  await archiver.recover();
  lab.log.append(clicks(100));
  await archiver.step();
  lab.clock.time += 59_999;
  await archiver.step();
  assert.equal(archiver.position(0), 0);
  assert.equal(archiver.state.gathered, 100);
  assert.deepEqual(await filesInTree(lab.lakeFolder), []);
});

labTest("archiver flushes when the first row has waited for the interval", async (lab) => {
  const archiver = lab.archiver({ intervalMs: 60_000 });
  await archiver.recover();
  lab.log.append(clicks(100));
  await archiver.step();
  lab.clock.time += 30_000;
  lab.log.append(clicks(50, 1));
  await archiver.step();
  lab.clock.time += 30_000;
  await archiver.step();
  assert.deepEqual([archiver.position(0), archiver.position(1)], [100, 50]);
  assert.equal(archiver.state.rows, 150);
  await assertWhole(lab);
});

for (const [rows, flushed] of [[99, 0], [100, 100], [101, 100]]) {
  labTest(`archiver flushes ${flushed} rows when ${rows} of at most 100 are gathered`, async (lab) => {
    const archiver = lab.archiver({ gather: { rows: 100 } });
    await archiver.recover();
    lab.log.append(clicks(rows));
    await archiver.step();
    assert.equal(archiver.position(0), flushed);
  });
}

labTest("archiver flushes everything on demand, marks included", async (lab) => {
  const archiver = lab.archiver({ gather: { rows: 64 } });
  await archiver.recover();
  lab.log.append(clicks(100), markBatch("time_mark", "live", 0, START), clicks(3, 1), markBatch("end_mark", "live", 1, START));
  await archiver.flush();
  assert.deepEqual([archiver.position(0), archiver.position(1)], [101, 4]);
  assert.deepEqual((await readRoot(lab.kv)).rowless, [1, 1]);
  await assertWhole(lab);
});

labTest("archiver ends a flush when its hours reach the limit of files", async (lab) => {
  const archiver = lab.archiver({ gather: { groups: 3 } });
  await archiver.recover();
  for (let hour = 0; hour < 8; hour++) lab.log.append(clicks(5, 0, START + hour * 3_600_000));
  await archiver.step();
  assert.equal(archiver.position(0), 15);
  await archiver.flush();
  assert.equal(archiver.state.files, 8);
  await assertWhole(lab);
});

labTest("archiver ends a flush when the gathered bytes reach their limit", async (lab) => {
  const archiver = lab.archiver({ gather: { bytes: 6000 } });
  await archiver.recover();
  for (let i = 0; i < 10; i++) lab.log.append(clicks(100));
  await archiver.step();
  assert.equal(archiver.position(0), 300);
  await archiver.flush();
  await assertWhole(lab);
});

labTest("archiver follows the log until it is stopped", async (lab) => {
  const archiver = lab.archiver({ gather: { rows: 10 } });
  await archiver.recover();
  const stop = new AbortController();
  const running = archiver.run(stop.signal);
  for (let i = 0; i < 5; i++) {
    lab.log.append(clicks(10));
    while (archiver.position(0) < 10 * (i + 1)) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  stop.abort();
  await running;
  await assertWhole(lab);
});

const steps: FlushStep[] = ["intent", "part", "manifest", "tables"];
for (const step of steps) {
  for (const nth of step === "part" ? [1, 2, 4] : [1]) {
    labTest(`archiver has each row once when it crashes before ${step} ${nth} of the second flush`, async (lab) => {
      const random = randomFrom(seedOfRun());
      const grow = () => {
        for (let i = 0; i < 6; i++) lab.log.append(anyBatch(random, i % 2));
      };
      let left = Infinity;
      const crashing = lab.archiver({
        beforeStep(at) {
          if (at === step && --left <= 0) throw new Error("crash");
        },
      });
      await crashing.recover();
      grow();
      await crashing.flush();
      grow();
      left = nth;
      await assert.rejects(crashing.flush(), /crash/);
      const next = lab.archiver();
      grow();
      await next.recover();
      await next.flush();
      await assertWhole(lab);
    });
  }
}

labTest("archiver overwrites a half written file when it finishes an intent", async (lab) => {
  lab.log.append(clicks(500));
  const crashing = lab.archiver({
    beforeStep(step) {
      if (step === "manifest") throw new Error("crash");
    },
  });
  await assert.rejects(crashing.flush(), /crash/);
  const [file] = await filesInTree(lab.lakeFolder);
  Deno.writeTextFileSync(`${lab.lakeFolder}/${file}`, "half");
  Deno.writeTextFileSync(`${lab.lakeFolder}/.tmp/left.parquet`, "half");
  await lab.archiver().recover();
  await assertWhole(lab);
  assert.deepEqual(await filesInTree(lab.lakeFolder), [file]);
});

labTest("archiver keeps its place and tries again when a flush fails", async (lab) => {
  let full = true;
  const lines: string[] = [];
  lab.logLine = (level, event) => lines.push(`${level} ${event}`);
  const archiver = lab.archiver({
    gather: { rows: 100 },
    beforeStep(step) {
      if (full && step === "part") throw new Error("No space left on device");
    },
  });
  await archiver.recover();
  lab.log.append(clicks(250));
  await archiver.step();
  assert.equal(archiver.state.failing, "No space left on device");
  const reads = lab.log.reads;
  await archiver.step();
  assert.equal(lab.log.reads, reads, "it waits before it tries again");
  lab.clock.time += 1000;
  await archiver.step();
  lab.clock.time += 1999;
  full = false;
  await archiver.step();
  assert.equal(archiver.position(0), 0);
  lab.clock.time += 1;
  await archiver.step();
  assert.equal(archiver.state.failing, null);
  assert.equal(archiver.state.lastError, "No space left on device");
  await archiver.flush();
  await assertWhole(lab);
  assert.deepEqual(lines, ["warn archive_failing", "warn archive_failing", "info archive_works_again"]);
});

labTest("archiver moves files that are not listed to .orphans when it starts", async (lab) => {
  lab.log.append(clicks(10));
  await lab.archiver().flush();
  const stray = "raw_clicks/dt=2014-04-07/hour=22/stray.parquet";
  for (const text of ["first", "second"]) {
    Deno.writeTextFileSync(`${lab.lakeFolder}/${stray}`, text);
    await lab.archiver().recover();
  }
  assert.equal(Deno.readTextFileSync(`${lab.lakeFolder}/.orphans/${stray}`), "first");
  assert.equal(Deno.readTextFileSync(`${lab.lakeFolder}/.orphans/${stray}.1`), "second");
  await assertWhole(lab);
});

labTest("archiver passes offsets that the log has lost and says so", async (lab) => {
  const lines: unknown[] = [];
  lab.logLine = (level, event, fields) => lines.push([level, event, fields]);
  lab.log.append(clicks(10));
  lab.log.append(clicks(10));
  lab.log.trim(0, 10);
  const archiver = lab.archiver();
  await archiver.recover();
  await archiver.flush();
  assert.equal(archiver.position(0), 20);
  assert.deepEqual(lines, [["error", "offsets_lost", { partition: 0, from: 0, to: 10 }]]);
  await assertWhole(lab);
});

labTest("archiver drops an intent when the log no longer has its offsets", async (lab) => {
  lab.log.append(clicks(10));
  const crashing = lab.archiver({
    beforeStep(step) {
      if (step === "manifest") throw new Error("crash");
    },
  });
  await assert.rejects(crashing.flush(), /crash/);
  lab.log.append(clicks(10));
  lab.log.trim(0, 10);
  const archiver = lab.archiver();
  await archiver.recover();
  await archiver.flush();
  assert.equal((await filesInTree(`${lab.lakeFolder}/.orphans`)).length, 1, "what was written is kept aside");
  await assertWhole(lab);
});
