// Values of the store and batches of the log, cut short and with flipped bits, one damage at a time: named by `verify` and where they are
// read, never given out, and what lies beside them goes on.

import assert from "node:assert/strict";
import { Duck, readManifest, verifyLake } from "../../src/lake/mod.ts";
import { EngineRunner } from "../../src/engine/runner.ts";
import { Archiver } from "../../src/lake/archiver.ts";
import { systemClock } from "../../src/clock.ts";
import type { EventBatch } from "../../src/event/batch.ts";
import { KvLog } from "../../src/log/kv_log.ts";
import type { LostOffsets } from "../../src/log/lost.ts";
import { silent } from "../../src/log_line.ts";
import { AnomalyStore } from "../../src/store/anomalies.ts";
import { LateEventStore } from "../../src/store/late_events.ts";
import { keyText, rawKv } from "../../src/store/sealed.ts";
import { tell } from "../support/proof.ts";
import { answersOf, DAY_QUESTIONS, doseOf, flips, makeShop, openShop, randomFrom, servedAsGood, truncations } from "./shop_folder.ts";

const SEED = 20_140_408;
const SLOW_EVERY = 16;

Deno.test("a damaged value of the store, the manifest above all, is named, and never served as good", async () => {
  const random = randomFrom(SEED), data = await makeShop();
  const shop = await openShop(data, false);
  const { state: kv, duck, log, logFile } = shop.guardian, raw = rawKv(kv);
  const cuts = truncations(doseOf(40)), bits = flips(doseOf(80), random);
  let refused = 0, unchanged = 0;
  try {
    const good = await answersOf(shop, DAY_QUESTIONS);
    const manifest: Deno.KvKey[] = [], others: Deno.KvKey[] = [];
    for await (const { key, value } of raw.list({ prefix: [] })) {
      assert.ok(value instanceof Uint8Array, `${keyText(key)} has a checksum around it`);
      (String(key[0]).startsWith("manifest") ? manifest : others).push(key);
    }
    assert.ok(manifest.length >= 4 && others.length > 30, "a root, a month, two days, and all else");
    for (const [i, make] of [...cuts, ...bits].entries()) {
      const keys = i % 3 === 2 ? others : manifest, key = keys[Math.floor(i / 3) % keys.length];
      const { value } = await raw.get<Uint8Array<ArrayBuffer>>(key), harm = make(value!.length), told = `${keyText(key)}: ${harm.what}`;
      await raw.set(key, harm.apply(value!));
      try {
        const { findings } = await verifyLake({ kv, duck, log, logFile });
        assert.ok(findings.some(({ problem }) => problem.includes(`under ${keyText(key)}:`)), told);
        const answers = await answersOf(shop, DAY_QUESTIONS);
        assert.deepEqual(servedAsGood(shop, answers, good, new RegExp(keyText(key).replace(/[.*+?()|[\]\\]/g, "\\$&"))), [], told);
        const differ = [...answers].filter(([question, { body }]) => body !== good.get(question)!.body).length;
        if (differ > 0) {
          assert.ok(shop.guardian.health().damage.pieces.some(({ what }) => what === keyText(key)), told);
          refused += differ;
        }
        unchanged += answers.size - differ;
      } finally {
        await raw.set(key, value);
      }
    }
    assert.deepEqual(await answersOf(shop, DAY_QUESTIONS), good, "as before once the values are back");
  } finally {
    await shop.close();
    await Deno.remove(data, { recursive: true });
  }
  tell("files damaged: values of the store, manifest and others", {
    truncated: cuts.length,
    bits_flipped: bits.length,
    named_by_verify: cuts.length + bits.length,
    answers_refused_by_name: refused,
    answers_unchanged: unchanged,
    served_as_good: 0,
  });
});

Deno.test("a day whose list of files is damaged leaves the other days, and the archiver, as they are", async () => {
  const data = await makeShop(), shop = await openShop(data, false);
  const { state: kv, archiver, log } = shop.guardian;
  try {
    const before = await readManifest(kv), [first, second] = before.days;
    await harm(kv, ["manifest_page", first.dt, first.pages[0]]);
    const unreadable: string[] = [];
    const after = await readManifest(kv, undefined, (dt) => unreadable.push(dt));
    assert.deepEqual([unreadable, after.days], [[first.dt], [second]]);
    const events = [first, second].map(({ dt }) => ({ session_id: 7, timestamp: `${dt}T08:30:00Z`, item_id: 1 }));
    await shop.fetch("/events", { method: "POST", body: events.map((event) => JSON.stringify(event)).join("\n") });
    await archiver.flush();
    assert.ok(Array.from({ length: log.partitions }, (_, p) => archiver.position(p) === log.end(p)).every(Boolean), "it went on");
    const { days, root } = await readManifest(kv, undefined, () => {});
    assert.deepEqual([days.map(({ rows }) => rows), root.rows], [
      [second.rows + 1],
      before.root.rows + events.length + rowsInLogAlone(before.root, log),
    ]);
  } finally {
    await shop.close();
    await Deno.remove(data, { recursive: true });
  }
});

function rowsInLogAlone({ covered }: { covered: readonly number[] }, log: KvLog): number {
  return covered.reduce((sum, end, p) => sum + log.end(p) - end, 0) - 2;
}

async function harm(kv: Deno.Kv, key: Deno.KvKey): Promise<void> {
  const raw = rawKv(kv), { value } = await raw.get<Uint8Array>(key), harmed = value!.slice();
  harmed[harmed.length >> 1] ^= 1;
  await raw.set(key, harmed);
}

Deno.test("a damaged batch of the log is named with its offsets, and every other batch is read", async () => {
  const random = randomFrom(SEED + 1), data = await makeShop();
  const shop = await openShop(data, false);
  const { state, duck, logFile } = shop.guardian, raw = rawKv(logFile);
  const cuts = truncations(doseOf(40)), bits = flips(doseOf(80), random);
  try {
    const good = await batchesOf(await KvLog.open(logFile, 2, systemClock));
    const keys: Deno.KvKey[] = [];
    for await (const { key } of raw.list({ prefix: ["log"] })) keys.push(key);
    assert.ok(keys.length >= 10, "several batches in both partitions");
    for (const [i, make] of [...cuts, ...bits].entries()) {
      const key = keys[i % keys.length], { value } = await raw.get<Uint8Array<ArrayBuffer>>(key);
      const harm = make(value!.length), told = `${keyText(key)}: ${harm.what}`;
      await raw.set(key, harm.apply(value!));
      try {
        const lost: LostOffsets[] = [];
        const log = await KvLog.open(logFile, 2, systemClock, undefined, (range) => lost.push(range));
        const read = await batchesOf(log), { control, partition, firstOffset, count } = good[i % keys.length];
        assert.equal(control, "events");
        assert.deepEqual(
          lost.map(({ partition, from, to }) => [partition, from, to]),
          [[partition, firstOffset, firstOffset + count]],
          told,
        );
        assert.equal(lost[0].seq, key[2], told);
        assert.deepEqual(read.filter(({ control }) => control !== "lost"), good.filter((_, at) => at !== i % keys.length), told);
        const { findings } = await verifyLake({ kv: state, duck, log, logFile });
        const range = `offsets ${firstOffset} to ${firstOffset + count - 1} of partition ${partition}`;
        assert.ok(findings.some(({ problem }) => problem.includes(range)), told);
        if (i % SLOW_EVERY === 0) await assertReadersGoOn(log, count, told);
      } finally {
        await raw.set(key, value);
      }
    }
  } finally {
    await shop.close();
    await Deno.remove(data, { recursive: true });
  }
  tell("files damaged: batches of the log", {
    truncated: cuts.length,
    bits_flipped: bits.length,
    named: cuts.length + bits.length,
    served_as_good: 0,
  });
});

async function batchesOf(log: KvLog): Promise<EventBatch[]> {
  const batches: EventBatch[] = [];
  for (let p = 0; p < log.partitions; p++) {
    for (let at = log.start(p); at < log.end(p);) {
      const read = await log.read(p, at);
      batches.push(...read);
      at = read[read.length - 1].firstOffset + read[read.length - 1].count;
    }
  }
  return batches;
}

/** Engine and archiver over a log from its start: both get to its end, and lack the lost offsets alone. */
async function assertReadersGoOn(log: KvLog, lost: number, told: string): Promise<void> {
  using kv = await Deno.openKv(":memory:");
  const folder = await Deno.makeTempDir({ prefix: "guardian-damage-" });

  const duck = await Duck.open({ lakeFolder: `${folder}/lake`, name: "test" });
  try {
    const anomalies = await AnomalyStore.open(kv, systemClock), late = await LateEventStore.open(kv);
    const engine = await EngineRunner.open(log, kv, anomalies, late, systemClock, silent);
    while (await engine.catchUp());
    await engine.bookmark();
    const archiver = new Archiver({ log, kv, duck, clock: systemClock, logLine: silent });
    await archiver.recover();
    await archiver.flush();
    const ends = Array.from({ length: log.partitions }, (_, p) => log.end(p));
    assert.deepEqual([ends.map((_, p) => engine.position(p)), ends.map((_, p) => archiver.position(p))], [ends, ends], told);
    const { root } = await readManifest(kv);
    assert.equal(root.rows, ends.reduce((sum, end) => sum + end, 0) - lost, told);
    assert.equal(root.rowless.reduce((sum, count) => sum + count, 0), lost, told);
    const { kinds } = engine.counters;
    assert.equal(kinds.reduce((sum, count) => sum + count, 0), root.rows, told);
  } finally {
    duck.close();
    await Deno.remove(folder, { recursive: true });
  }
}
