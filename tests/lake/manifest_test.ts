// The manifest: pages within what a KV value holds, changes one after the other, and one state for each reader.

import assert from "node:assert";
import { serialize } from "node:v8";
import { changeManifest, entriesOf, type Part, readManifest, readRoot } from "../../src/lake/mod.ts";
import { limits } from "../../src/limits.ts";
import { labTest } from "./lab.ts";

/** What Deno KV holds in one value. A value read back takes a little more than the one that was measured and stored. */
const KV_VALUE_BYTES = 65_536;

let made = 0;
function part(dt: string, hour: number, rows = 10): Part {
  const sequence = ++made;
  const file = `raw_clicks/dt=${dt}/hour=${String(hour).padStart(2, "0")}/${String(sequence).padStart(10, "0")}.parquet`;
  const offsets = [[0, sequence, sequence + rows, rows]] as const;
  return {
    table: "raw_clicks",
    dt,
    hour,
    file,
    rows,
    bytes: 7,
    sha256: "0".repeat(64),
    minTime: 1,
    maxTime: 2,
    offsets,
    sequence,
    created: 3,
  };
}

const days = (count: number, first = Date.UTC(2001, 0, 1)) =>
  Array.from({ length: count }, (_, i) => new Date(first + i * 86_400_000).toISOString().slice(0, 10));

labTest("manifest splits a day over several values when it has many parts", async (lab) => {
  const add = Array.from({ length: 1000 }, (_, i) => part("2014-04-07", i % 24));
  for (let from = 0; from < add.length; from += 250) await changeManifest(lab.kv, { add: add.slice(from, from + 250), covered: [] });
  const [day] = (await readManifest(lab.kv)).days;
  assert.ok(day.pages.length > 3 && day.pages.length < 10, `${day.pages.length} pages`);
  assert.deepEqual(new Set(day.parts.map(({ file }) => file)), new Set(add.map(({ file }) => file)));
  for await (const { key, value } of lab.kv.list({ prefix: [] })) {
    assert.ok(serialize(value).byteLength <= KV_VALUE_BYTES, `${key.join("/")} is within a value`);
  }
});

labTest("manifest takes parts of many years in one change", async (lab) => {
  const add = days(limits.partsPerFlushMax, Date.UTC(2001, 0, 1)).map((dt) => part(dt, 3));
  await changeManifest(lab.kv, { add, covered: [] });
  const { root, days: listed } = await readManifest(lab.kv);
  assert.equal(listed.length, limits.partsPerFlushMax);
  assert.deepEqual([root.files, root.rows, root.bytes], [add.length, 10 * add.length, 7 * add.length]);
  let keys = 0;
  for await (const _ of lab.kv.list({ prefix: [] })) keys++;
  assert.equal(keys, 1 + Object.keys(root.months).length + listed.length, "nothing else is stored");
});

labTest("manifest raises content versions by appends alone", async (lab) => {
  const [first, second] = [part("2014-04-07", 3), part("2014-04-07", 3)];
  await changeManifest(lab.kv, { add: [first, part("2014-04-07", 4)], covered: [] });
  await changeManifest(lab.kv, { add: [second], covered: [] });
  await changeManifest(lab.kv, { add: [part("2014-04-07", 3, 20)], remove: new Set([first.file, second.file]) });
  const [{ versions, files, rows }] = (await readManifest(lab.kv)).days;
  assert.deepEqual({ versions, files, rows }, { versions: { 3: 2, 4: 1 }, files: 2, rows: 30 });
});

labTest("manifest refuses a change when it removes what is not listed", async (lab) => {
  await changeManifest(lab.kv, { add: [part("2014-04-07", 3)], covered: [] });
  const before = await readManifest(lab.kv);
  await assert.rejects(changeManifest(lab.kv, { remove: new Set([part("2014-04-07", 3).file]) }), /were listed/);
  assert.deepEqual(await readManifest(lab.kv), before);
});

labTest("manifest refuses a change when its offsets do not follow", async (lab) => {
  await changeManifest(lab.kv, { covered: [{ partition: 1, from: 0, to: 5, rowless: 5 }] });
  for (const from of [4, 6]) {
    await assert.rejects(changeManifest(lab.kv, { covered: [{ partition: 1, from, to: 9, rowless: 0 }] }), /without a gap/);
  }
  const { covered, rowless } = await readRoot(lab.kv);
  assert.deepEqual({ covered, rowless }, { covered: [0, 5], rowless: [0, 5] });
});

labTest("manifest keeps every change when several are made at once", async (lab) => {
  const add = days(10).map((dt) => part(dt, 1));
  await Promise.all(add.map((one) => changeManifest(lab.kv, { add: [one], covered: [] })));
  const { root, days: listed } = await readManifest(lab.kv);
  assert.deepEqual(listed.flatMap(({ parts }) => parts), add);
  assert.equal(root.version, 10);
});

labTest("manifest is read as one state while it changes", async (lab) => {
  let writing = true;
  const writer = (async () => {
    for (let i = 0; i < 60; i++) await changeManifest(lab.kv, { add: days(3).map((dt) => part(dt, 1)), covered: [] });
    writing = false;
  })();
  while (writing) {
    const { root, days } = await readManifest(lab.kv);
    assert.equal(days.reduce((sum, { parts }) => sum + parts.length, 0), root.files);
  }
  await writer;
  assert.equal((await entriesOf(lab.kv, "2001-01-02")).length, 60);
});

for (
  const [files, refused] of [[limits.partsPerDayMax - 1, false], [limits.partsPerDayMax, false], [limits.partsPerDayMax + 1, true]] as const
) {
  labTest(`manifest ${refused ? "refuses" : "takes"} ${files} parts of one day`, async (lab) => {
    const add = Array.from({ length: files }, (_, i) => part("2014-04-07", i % 24));
    const done = changeManifest(lab.kv, { add, covered: [] });
    if (refused) await assert.rejects(done, /compaction must come first/);
    else assert.equal((await done).files, files);
  });
}
