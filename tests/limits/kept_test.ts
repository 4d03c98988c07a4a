// Limits of what is kept, at their edges: dead letters and their sources, late events, verdicts, damage that was met, files that were found
// whole, pages of results, and what one commit may hold. Where a limit is large the store is given a small one of the same kind; cases.ts
// names these, and limits_test.ts holds that the product's own is what stands where none is given.

import assert from "node:assert/strict";
import { highFrequency } from "../../src/detect/rules.ts";
import type { AnomalyEffect, LateEffect } from "../../src/engine/effects.ts";
import type { Reject } from "../../src/event/reject.ts";
import { Damage } from "../../src/damage.ts";
import type { Part } from "../../src/lake/part.ts";
import { WholeFiles } from "../../src/lake/whole.ts";
import { limits } from "../../src/limits.ts";
import { AnomalyStore } from "../../src/store/anomalies.ts";
import { commit } from "../../src/store/commit.ts";
import { DeadLetterStore } from "../../src/store/dead_letters.ts";
import { FeedbackStore } from "../../src/store/feedback.ts";
import { LateEventStore } from "../../src/store/late_events.ts";
import { ResultStore } from "../../src/store/results.ts";
import { TestClock } from "../support/clock.ts";

const EDGES = [-1, 0, 1];
const T0 = Date.UTC(2026, 0, 1), DAY_MS = 86_400_000;
const reject: Reject = { line: 1, code: "not_json", field: null, message: "no", raw: new Uint8Array([65]), rawBytes: 1 };

async function count(kv: Deno.Kv, prefix: Deno.KvKey): Promise<number> {
  return (await Array.fromAsync(kv.list({ prefix }))).length;
}

Deno.test("a dead letter is dropped when it is one ms older than deadLettersKeepDays", async () => {
  for (const by of EDGES) {
    using kv = await Deno.openKv(":memory:");
    const clock = new TestClock(), store = await DeadLetterStore.open(kv, clock);
    await store.add("http", null, 0, [reject]);
    clock.pass(limits.deadLettersKeepDays * DAY_MS + by);
    await store.sweep();
    assert.equal(store.kept, by > 0 ? 0 : 1, `${by}`);
  }
});

Deno.test("a source of dead letters is forgotten when it is one beyond deadLetterSourcesMax: the oldest first", async () => {
  for (const by of EDGES) {
    using kv = await Deno.openKv(":memory:");
    const clock = new TestClock(), store = await DeadLetterStore.open(kv, clock, 10);
    for (let i = 0; i < 10 + by; i++) {
      clock.pass(1);
      await store.add("http", `key-${i}`, 0, [reject]);
    }
    await store.sweep();
    assert.equal(await count(kv, ["dead_of"]), 10 + Math.min(by, 0));
    // What is known is not kept twice; what was forgotten is.
    const before = store.kept;
    await store.add("http", "key-0", 0, [reject]);
    assert.equal(store.kept - before, Math.max(0, by));
  }
});

Deno.test("late events go, a page of the oldest at a time, when others are one beyond lateEventsMax, and never more than that", async () => {
  for (const by of EDGES) {
    using kv = await Deno.openKv(":memory:");
    const most = 640, store = await LateEventStore.open(kv, most);
    const late = (offset: number) => ({ partition: 0, offset, arrival: T0 + offset }) as LateEffect;
    await store.add(0, Array.from({ length: most }, (_, i) => late(i)));
    for (let more = 0; more < 64 + by; more++) await store.add(0, [late(most + more)]);
    // The first page of 64 goes with the 64th after it, when what is left is as many as may be kept.
    assert.equal(store.kept, by < 0 ? most + 63 : most + by, `${by}`);
    assert.ok(store.kept < most + 64);
    const { items } = await store.list(1);
    assert.equal(items[0].offset, most + 63 + by, "the newest stays");
  }
});

Deno.test("a verdict is refused when it is one beyond feedbackMax, and none is forgotten for it", async () => {
  using kv = await Deno.openKv(":memory:");
  const store = await FeedbackStore.open(kv, new TestClock(T0), 10);
  for (let i = 0; i < 10; i++) await store.set(`s${i}`, "bot", []);
  await assert.rejects(store.set("one more", "bot", []), { code: "overloaded" });
  assert.deepEqual([store.count, store.verdictOf("s0"), store.verdictOf("one more")], [10, "bot", null]);
  await store.set("s0", "human", []);
  await store.set("s0", null, []);
  await store.set("one more", "bot", []);
  assert.equal(store.count, 10);
});

Deno.test("an anomaly goes when it is one beyond anomaliesMax: the one with the oldest window", async () => {
  const effect = (n: number): AnomalyEffect => ({
    offset: n,
    ordinal: 0,
    status: "provisional",
    rule: highFrequency,
    lane: "live",
    partition: 0,
    session: `s${n}`,
    windowStart: T0 + n * 600_000,
    clicks: 60,
    uniqueItems: 3,
    uniqueItemsCapped: false,
    tippedAt: T0,
    evidence: [],
  });
  for (const by of EDGES) {
    using kv = await Deno.openKv(":memory:");
    const store = await AnomalyStore.open(kv, new TestClock(), 10);
    await store.apply(Array.from({ length: 10 + by }, (_, n) => effect(n)));
    await store.sweep();
    assert.equal(store.kept, 10 + Math.min(by, 0));
    const { items } = await store.list({ limit: 20, statuses: ["provisional"], order: "window" });
    assert.equal(items[items.length - 1].session_id, by > 0 ? "s1" : "s0");
  }
});

Deno.test("damaged pieces are named up to damageToldMax, and counted and logged beyond", () => {
  for (const by of EDGES) {
    let lines = 0;
    const damage = new Damage(() => lines++), all = limits.damageToldMax + by;
    for (let i = 0; i < all; i++) damage.tell(`file ${i}`, "bad");
    assert.deepEqual([damage.list.length, damage.count, lines], [Math.min(all, limits.damageToldMax), all, all]);
  }
});

/** A lake of small files, and how often one of them was read. */
async function withFiles(
  files: number,
  work: (wrong: (file: number) => Promise<string | null>, reads: () => number, clock: TestClock) => Promise<void>,
) {
  const folder = await Deno.makeTempDir({ prefix: "guardian-limits-" });
  try {
    const sha256 = new Uint8Array(await crypto.subtle.digest("SHA-256", new Uint8Array(1))).toHex();
    for (let i = 0; i < files; i++) await Deno.writeFile(`${folder}/${i}`, new Uint8Array(1));
    const clock = new TestClock();
    let reads = 0;
    const whole = new WholeFiles(clock, () => reads++, () => Date.now() + 10_000, files - 1);
    await work((file) => whole.wrongWith(folder, { file: String(file), bytes: 1, sha256 } as Part), () => reads, clock);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a file that was found whole is read again when wholeBelievedMs have passed", async () => {
  for (const by of EDGES) {
    await withFiles(2, async (wrong, reads, clock) => {
      assert.equal(await wrong(0), null);
      clock.pass(limits.wholeBelievedMs + by);
      assert.equal(await wrong(0), null);
      assert.equal(reads(), by < 0 ? 1 : 2, `${by}`);
    });
  }
});

Deno.test("a file that was found whole is read again when others are one beyond wholeFilesMax", async () => {
  for (const by of EDGES) {
    await withFiles(11, async (wrong, reads) => {
      for (let file = 0; file < 10 + by; file++) await wrong(file);
      await wrong(0);
      assert.equal(reads(), 10 + by + (by > 0 ? 1 : 0), `${by}`);
    });
  }
});

Deno.test("a result is refused when it takes one page beyond resultPagesMax, of values within kvValueBytesMax", async () => {
  using kv = await Deno.openKv(":memory:");
  const store = new ResultStore(kv), meta = { run: 1, finished: T0, leftOut: [], flagged: 0 };
  // Rows so large that a page holds one.
  const row = { text: "x".repeat(limits.kvValueBytesMax / 2) };
  for (const by of EDGES) {
    const pages = limits.resultPagesMax + by, replacing = store.replacing("t", "2026-01-01", "all", meta, Array(pages).fill(row));
    if (by > 0) await assert.rejects(replacing, { code: "internal" });
    else {
      assert.ok(await commit(kv, await replacing));
      assert.equal((await store.get("t", "2026-01-01", "all"))?.rows.length, pages);
    }
  }
  // Bytes of rows that fill one page to the last byte: what rows of a page take is what `serialize` of each says.
  const { serialize } = await import("node:v8");
  const room = limits.kvValueBytesMax - 4096 - serialize({ text: "x".repeat(limits.kvValueBytesMax - 5000) }).byteLength;
  for (const by of EDGES) {
    const filler = { a: "x".repeat(room - serialize({ a: "x".repeat(200) }).byteLength + 200 + by) };
    const { sets } = await store.replacing("t", "2026-01-02", "all", meta, [{ text: "x".repeat(limits.kvValueBytesMax - 5000) }, filler]);
    assert.equal(sets.length, by > 0 ? 2 : 1, `${by}`);
    assert.ok(await commit(kv, { sets }), "KV takes such values");
  }
});

Deno.test("a commit is refused before KV sees it when it is one beyond commitMutationsMax, commitChecksMax or commitKeyBytesMax", async () => {
  using kv = await Deno.openKv(":memory:");
  for (const by of EDGES) {
    const sets = (n: number) => Array.from({ length: n }, (_, i) => ({ key: ["k", i], value: by }));
    const mutations = limits.commitMutationsMax + by, checks = limits.commitChecksMax + by;
    const cases = [
      () => commit(kv, { sets: sets(mutations) }),
      () => commit(kv, { sets: sets(500), deletes: sets(mutations - 500).map(({ key }) => [...key, "d"]) }),
      () => commit(kv, { checks: Array.from({ length: checks }, (_, i) => ({ key: ["none", i], versionstamp: null })), sets: sets(1) }),
      () => {
        // Keys of two parts, 3 bytes a character and 2 a part; the last one ends at the edge.
        const key = (i: number) => [String(i).padStart(1000, "k")],
          bytes = 3 * 1000 + 2,
          whole = Math.floor(limits.commitKeyBytesMax / bytes) - 1;
        const left = limits.commitKeyBytesMax - whole * bytes + by, ends = (left - 2) % 3 === 0 ? [left] : split(left);
        const keys = [...Array.from({ length: whole }, (_, i) => key(i)), ends.map((part) => "e".repeat((part - 2) / 3))];
        return commit(kv, { sets: keys.map((key) => ({ key, value: 1 })) });
      },
    ];
    for (const [i, work] of cases.entries()) {
      if (by > 0) await assert.rejects(work(), /a commit has at most/, `case ${i}`);
      else assert.ok(await work(), `case ${i} ${by}`);
    }
  }
});

/** Bytes of a key as those of parts of texts, each 2 more than a multiple of 3. */
function split(bytes: number): number[] {
  for (let parts = 2; parts <= 3; parts++) {
    const rest = bytes - 2 * parts;
    if (rest % 3 === 0) return [...Array(parts - 1).fill(5), bytes - 5 * (parts - 1)];
  }
  throw new Error("three parts reach every number");
}
