// One damaged value, and what comes after it: no number is given twice, nothing that is whole is forgotten, and whoever writes goes on.

import assert from "node:assert/strict";
import { Damage } from "../../src/damage.ts";
import { highFrequency } from "../../src/detect/rules.ts";
import type { AnomalyEffect } from "../../src/engine/effects.ts";
import type { Reject } from "../../src/event/reject.ts";
import { limits } from "../../src/limits.ts";
import { assertTogether } from "../../src/together.ts";
import { verifyLake } from "../../src/lake/verify.ts";
import { KvLog } from "../../src/log/kv_log.ts";
import { AnomalyStore } from "../../src/store/anomalies.ts";
import { commit } from "../../src/store/commit.ts";
import { ResultStore } from "../../src/store/results.ts";
import { DeadLetterStore } from "../../src/store/dead_letters.ts";
import { rawKv, sealedKv } from "../../src/store/sealed.ts";
import { clicks, labTest } from "../lake/lab.ts";
import { TestClock } from "../support/clock.ts";

const T0 = Date.UTC(2026, 0, 1);

async function harm(kv: Deno.Kv, key: Deno.KvKey): Promise<void> {
  const raw = rawKv(kv), { value } = await raw.get<Uint8Array>(key), harmed = value!.slice();
  harmed[harmed.length >> 1] ^= 1;
  await raw.set(key, harmed);
}

const note = (n: number) => new Uint8Array(33).fill(n);

Deno.test("a log whose last note is damaged writes the next one behind it, and drops it in its turn", async () => {
  using kv = sealedKv(await Deno.openKv(":memory:"));
  const before = await KvLog.open(kv, 1, new TestClock());
  for (let n = 10; n < 13; n++) await before.append([], note(n));
  await harm(kv, ["note", 2]);
  const log = await KvLog.open(kv, 1, new TestClock());
  await log.append([], note(13));
  const kept = await Array.fromAsync(log.notes(), ({ seq, note }) => [seq, note[0]]);
  assert.deepEqual(kept, [[0, 10], [1, 11], [3, 13]]);
  await log.dropNotes(3);
  assert.deepEqual(await Array.fromAsync(rawKv(kv).list({ prefix: ["note"] }), ({ key }) => key[1]), [3]);
});

Deno.test("DeadLetterStore writes none over another, and counts all of them, when the first or the last one is damaged", async () => {
  const reject = (line: number): Reject => ({
    line,
    code: "not_json",
    field: null,
    message: "no",
    raw: new Uint8Array([65]),
    rawBytes: 1,
  });
  for (const damaged of [0, 2]) {
    using kv = sealedKv(await Deno.openKv(":memory:"));
    await (await DeadLetterStore.open(kv, new TestClock())).add("a", null, 0, [reject(0), reject(1), reject(2)]);
    await harm(kv, ["dead", damaged]);
    const store = await DeadLetterStore.open(kv, new TestClock());
    await store.add("b", null, 0, [reject(3)]);
    const { items } = await store.list(10);
    assert.deepEqual([store.kept, items.map(({ seq, line }) => [seq, line])], [
      4,
      [3, 2, 1, 0].filter((n) => n !== damaged).map((n) => [n, n]),
    ]);
  }
});

function effect(n: number, status: AnomalyEffect["status"], offset: number): AnomalyEffect {
  const windowStart = T0 + n * 600_000;
  const click = { clicks: 60, uniqueItems: 3, uniqueItemsCapped: false, tippedAt: windowStart + 5, evidence: [] };
  return { offset, ordinal: 0, status, rule: highFrequency, lane: "live", partition: 0, session: `s${n}`, windowStart, ...click };
}

Deno.test("AnomalyStore confirms an anomaly whose record and hour are damaged, and lists the others by detection", async () => {
  using kv = sealedKv(await Deno.openKv(":memory:"));
  const before = await AnomalyStore.open(kv, new TestClock());
  await before.apply([0, 1, 2, 3].map((n) => effect(n, "provisional", n)));
  await before.apply([effect(1, "confirmed", 4), effect(2, "confirmed", 5)]);
  const [[, , damaged]] = await Array.fromAsync(rawKv(kv).list({ prefix: ["anomaly"] }), ({ key }) => key);
  await harm(kv, ["anomaly", T0, damaged]);
  await harm(kv, ["anomaly_hour", T0]);
  const store = await AnomalyStore.open(kv, new TestClock());
  const listed = async () =>
    (await store.list({ limit: 10, statuses: ["provisional", "confirmed"], order: "detected" })).items.map(({ session_id }) => session_id);
  assert.deepEqual((await listed()).sort(), ["s1", "s2", "s3"]);
  await store.apply([effect(0, "confirmed", 6)]);
  assert.deepEqual((await listed()).sort(), ["s0", "s1", "s2", "s3"]);
  assert.deepEqual([store.total, await store.timeline(1, T0)], [3, [{ hour: T0, count: 3 }]]);
});

labTest("an archiver whose intents are damaged archives each row once, and sets what it had begun aside", async (lab) => {
  const kv = sealedKv(lab.kv);
  lab.log.append(clicks(50));
  const dies = lab.archiver({ kv, beforeStep: (step) => step === "manifest" ? Promise.reject(new Error("killed")) : undefined });
  await dies.recover();
  await assert.rejects(dies.flush(), /killed/);
  await kv.set(["compaction_intent"], { number: 1, file: "raw_clicks/none", from: [], table: "raw_clicks" });
  await harm(kv, ["intent"]);
  await harm(kv, ["compaction_intent"]);
  const archiver = lab.archiver({ kv });
  await archiver.recover();
  await archiver.flush();
  const { findings, rows } = await verifyLake({ kv, duck: lab.duck });
  assert.deepEqual([findings, rows], [[], 50]);
  assert.ok(archiver.recovery.unlistedFiles > 0, "files of the flush before lay there");
});

Deno.test("ResultStore names a day whose result is damaged, and lists the others", async () => {
  using kv = sealedKv(await Deno.openKv(":memory:"));
  const store = new ResultStore(kv), dates = ["2014-04-07", "2014-04-08", "2014-04-09"];
  const meta = { run: 1, finished: T0, leftOut: [], flagged: 0 };
  for (const date of dates) await commit(kv, await store.replacing("daily_metrics", date, "all", meta, [{ clicks: 1 }]));
  await harm(kv, ["result", "daily_metrics", "all", dates[2], 0]);
  assert.deepEqual(await Array.fromAsync(store.dates("daily_metrics")), dates);
  assert.deepEqual((await store.list("daily_metrics", "all", { limit: 10 })).map(({ date }) => date), dates.slice(0, 2));
  await assert.rejects(store.get("daily_metrics", dates[2], "all"), { code: "corrupt" });
  const page = await store.list("daily_metrics", "all", { limit: 2, newestFirst: true });
  assert.deepEqual(page.map(({ date }) => date), [dates[1], dates[0]], "a full page, so that a list does not end at it");
});

Deno.test("a damaged piece is counted and logged once, however often it is met, up to damageCountedMax", () => {
  for (const by of [-1, 0, 1]) {
    let lines = 0;
    const damage = new Damage(() => lines++), all = limits.damageCountedMax + by, most = Math.min(all, limits.damageCountedMax);
    for (let i = 0; i < 2 * all; i++) damage.tell(`file ${i % all}`, "bad");
    assert.deepEqual([damage.count, lines], [most, most]);
    damage.mended(`file ${limits.damageToldMax}`);
    assert.equal(damage.count, most - 1);
  }
});

labTest("a folder whose first flush was given up opens again, and one whose store was emptied does not", async (lab) => {
  lab.log.append(clicks(50));
  const dies = lab.archiver({ beforeStep: (step) => step === "manifest" ? Promise.reject(new Error("killed")) : undefined });
  await dies.recover();
  await assert.rejects(dies.flush(), /killed/);
  await lab.kv.delete(["intent"]);
  await assertTogether(lab.log, lab.kv, lab.lakeFolder);
  await lab.kv.delete(["manifest"]);
  await assert.rejects(assertTogether(lab.log, lab.kv, lab.lakeFolder), /"state.kv" lists no file of the lake/);
});
