// `verify --repair`: a damaged part is rebuilt from the log with the same rows, a damaged list of files from the files; what cannot be
// rebuilt is named and stays as it is; a repair that is cut off changes nothing.

import assert from "node:assert/strict";
import { compactLake, readManifest, verifyLake } from "../../src/lake/mod.ts";
import { repairLake } from "../../src/lake/repair.ts";
import { stateKeys } from "../../src/store/keys.ts";
import { sealedKv } from "../../src/store/sealed.ts";
import { silent } from "../../src/log_line.ts";
import { FakeLog } from "../lake/fake_log.ts";
import { anyBatch, type Lab, labTest, randomFrom, seedOfRun } from "../lake/lab.ts";
import { tell } from "../support/proof.ts";
import { flips, truncations } from "./shop_folder.ts";

/** A lake of several flushes over both tables and some hours, compacted in part. */
async function fill(lab: Lab, random: () => number, { compacted = false } = {}): Promise<void> {
  for (let flush = 0; flush < 6; flush++) {
    for (let i = 0; i < 6; i++) lab.log.append(anyBatch(random, Math.floor(random() * 2), 3));
    await lab.archiver().flush();
    if (compacted && flush === 3) await compactLake({ ...lab, force: true });
  }
}

async function files(lab: Lab): Promise<string[]> {
  return (await readManifest(lab.kv)).days.flatMap(({ parts }) => parts.map(({ file }) => file));
}

async function rows(lab: Lab) {
  return { clicks: await lab.rows("raw_clicks"), purchases: await lab.rows("raw_purchases") };
}

async function repair(lab: Lab, more: Partial<Parameters<typeof repairLake>[0]> = {}) {
  const options = { kv: lab.kv, duck: lab.duck, log: lab.log, clock: lab.clock, logLine: silent, ...more };
  return await repairLake(options, await verifyLake(options));
}

const exists = (path: string) => Deno.stat(path).then(() => true, () => false);

for (const compacted of [false, true]) {
  labTest(`repair rebuilds every damaged part from the log, ${compacted ? "compacted ones too" : "as it was flushed"}`, async (lab) => {
    const random = randomFrom(seedOfRun());
    await fill(lab, random, { compacted });
    const before = await rows(lab), { root } = await readManifest(lab.kv), listed = await files(lab);
    const versions = (await readManifest(lab.kv)).days.map(({ versions }) => versions);
    const harms = [...truncations(Math.ceil(listed.length / 2)), ...flips(Math.ceil(listed.length / 2), random)];
    for (const [i, file] of listed.entries()) {
      const path = `${lab.lakeFolder}/${file}`, whole = Deno.readFileSync(path);
      if (i === 1) Deno.removeSync(path);
      else Deno.writeFileSync(path, harms[i](whole.length).apply(whole));
    }
    const { repaired, findings } = await repair(lab);
    assert.deepEqual([repaired.length, findings], [listed.length, []]);
    assert.deepEqual(await rows(lab), before, "the same rows");
    const after = await readManifest(lab.kv);
    assert.deepEqual((await verifyLake(lab)).findings, []);
    assert.deepEqual([after.root.rows, after.root.files, after.root.covered], [root.rows, root.files, root.covered]);
    assert.deepEqual(after.days.map(({ versions }) => versions), versions, "no day is stale by it");
    for (const [i, file] of listed.entries()) {
      assert.equal(await exists(`${lab.lakeFolder}/${file}`), false, `${file} has left the tree`);
      assert.equal(await exists(`${lab.lakeFolder}/.orphans/${file}`), i !== 1, `${file} is kept aside`);
    }
    await compactLake({ ...lab, force: true });
    assert.deepEqual(await rows(lab), before, "compaction takes rebuilt files like any other");
    tell("files damaged: repair", {
      parts_rebuilt_from_the_log: repaired.length,
      rows_equal: before.clicks.length + before.purchases.length,
    });
  });
}

labTest("repair names a part whose rows the log no longer has, rebuilds the others, and leaves that one listed", async (lab) => {
  await fill(lab, randomFrom(seedOfRun()));
  const { parts } = (await readManifest(lab.kv)).days.at(-1)!;
  for (const { file } of parts) Deno.truncateSync(`${lab.lakeFolder}/${file}`, 50);
  const first = parts.toSorted((a, b) => a.sequence - b.sequence)[0];
  for (const [partition, , to] of first.offsets) lab.log.trim(partition, to);
  const { repaired, findings } = await repair(lab);
  assert.ok(repaired.length > 0, "some are still in the log");
  assert.equal(repaired.length + findings.length, parts.length);
  const left = findings.find(({ file }) => file === first.file)!;
  assert.match(left.problem, /has 50 bytes.+It was not rebuilt: The log no longer has all of its rows/);
  assert.match(left.mend, /backup/);
  assert.ok((await files(lab)).includes(first.file), "it stays listed, so that it is missed");
  assert.ok(await exists(`${lab.lakeFolder}/${first.file}`), "and where it was");
});

labTest("repair changes nothing when it is cut off before the swap, and none of what it wrote stays", async (lab) => {
  await fill(lab, randomFrom(seedOfRun()));
  const [file] = await files(lab);
  Deno.truncateSync(`${lab.lakeFolder}/${file}`, 50);
  const before = (await readManifest(lab.kv)).days;
  const { repaired, findings } = await repair(lab, {
    beforeSwap: () => {
      throw new Error("the process ends");
    },
  });
  assert.deepEqual([repaired, findings.map(({ file }) => file)], [[], [file]]);
  assert.deepEqual((await readManifest(lab.kv)).days, before);
  assert.deepEqual((await verifyLake(lab)).findings.map(({ file }) => file), [file]);
});

labTest("repair refuses a log whose rows are not those that are listed", async (lab) => {
  await fill(lab, randomFrom(seedOfRun()));
  const [part] = (await readManifest(lab.kv)).days[0].parts;
  Deno.truncateSync(`${lab.lakeFolder}/${part.file}`, 50);
  const other = new FakeLog(2), random = randomFrom(1);
  while (part.offsets.some(([partition, , to]) => other.end(partition) < to)) for (const p of [0, 1]) other.append(anyBatch(random, p, 3));
  const { repaired, findings } = await repair(lab, { log: other });
  assert.deepEqual(repaired, []);
  assert.match(findings[0].problem, /The log has \d+ rows of it in partition \d, and \d+ are listed/);
});

labTest("repair moves aside a file that nothing lists", async (lab) => {
  await fill(lab, randomFrom(seedOfRun()));
  const [file] = await files(lab), stray = `${file.replace(/\d+\.parquet$/, "")}9999999999.parquet`;
  Deno.copyFileSync(`${lab.lakeFolder}/${file}`, `${lab.lakeFolder}/${stray}`);
  const { repaired, findings } = await repair(lab);
  assert.deepEqual([repaired, findings], [[{ file: stray, what: `Moved to .orphans/${stray}` }], []]);
  assert.ok(await exists(`${lab.lakeFolder}/.orphans/${stray}`));
});

for (const compacted of [false, true]) {
  labTest(`repair makes a damaged list of files anew from the files${compacted ? ", compacted ones too" : ""}`, async (lab) => {
    const sealed = sealedKv(lab.kv),
      over = { ...lab, kv: sealed, duck: lab.duck, log: lab.log, lakeFolder: lab.lakeFolder } as unknown as Lab;
    Object.setPrototypeOf(over, Object.getPrototypeOf(lab));
    await fill(over, randomFrom(seedOfRun()), { compacted });
    const before = await rows(over), { root, days: [day] } = await readManifest(sealed);
    const key = stateKeys.manifestPage(day.dt, day.pages[0]), { value } = await lab.kv.get<Uint8Array>(key);
    const harmed = value!.slice();
    harmed[harmed.length >> 1] ^= 16;
    await lab.kv.set(key, harmed);
    await assert.rejects(readManifest(sealed), { code: "corrupt", message: /manifest_page/ });
    const { repaired, findings } = await repair(over);
    assert.deepEqual([repaired.length, findings], [1, []]);
    assert.deepEqual(await rows(over), before);
    const after = await readManifest(sealed);
    assert.deepEqual([after.root.rows, after.root.files, after.root.bytes], [root.rows, root.files, root.bytes]);
    assert.deepEqual((await verifyLake(over)).findings, []);
    await compactLake({ ...over, force: true });
    assert.deepEqual(await rows(over), before);
  });
}
