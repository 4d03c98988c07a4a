// The stores over a real Deno KV: what is kept, listed, counted, and let go at the limits.

import assert from "node:assert/strict";
import { highFrequency } from "../../src/detect/rules.ts";
import type { AnomalyEffect, LateEffect } from "../../src/engine/effects.ts";
import type { Reject } from "../../src/event/reject.ts";
import { limits } from "../../src/limits.ts";
import { AnomalyStore } from "../../src/store/anomalies.ts";
import { DeadLetterStore } from "../../src/store/dead_letters.ts";
import { LateEventStore, type LatePlace } from "../../src/store/late_events.ts";
import { TestClock } from "../support/clock.ts";
import { failingKv, type Faults } from "../support/failing_kv.ts";

const T0 = Date.UTC(2026, 0, 1);

function effect(n: number, status: AnomalyEffect["status"], offset = n): AnomalyEffect {
  return {
    offset,
    ordinal: 0,
    status,
    rule: highFrequency,
    lane: "live",
    partition: 0,
    session: `s${n}`,
    windowStart: T0 + n * 600_000,
    clicks: 60,
    uniqueItems: 3,
    uniqueItemsCapped: false,
    tippedAt: T0 + n * 600_000 + 5,
    evidence: [],
  };
}

async function keysIn(kv: Deno.Kv): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for await (const { key } of kv.list({ prefix: [] })) counts[String(key[0])] = (counts[String(key[0])] ?? 0) + 1;
  return counts;
}

Deno.test("AnomalyStore keeps the newest windows at its limit -1, 0, +1, and counts all that ever were", async () => {
  for (const [count, kept] of [[9, 9], [10, 10], [11, 10], [150, 10]]) {
    const kv = await Deno.openKv(":memory:"), clock = new TestClock();
    let store = await AnomalyStore.open(kv, clock, 10);
    await store.apply(
      Array.from({ length: count }, (_, n) => [effect(n, "provisional", 2 * n), effect(n, "confirmed", 2 * n + 1)]).flat(),
    );
    await store.sweep();
    store = await AnomalyStore.open(kv, clock, 10);
    assert.deepEqual([store.kept, store.total], [kept, count]);
    const { items, next } = await store.list({ limit: 100, statuses: ["confirmed"], order: "window" });
    assert.deepEqual(items.map(({ session_id }) => session_id), Array.from({ length: kept }, (_, i) => `s${count - 1 - i}`));
    assert.equal(next, null);
    const keys = await keysIn(kv);
    assert.deepEqual([keys.anomaly, keys.anomaly_session, keys.anomaly_detected], [kept, kept, kept], "nothing of the others stays");
    kv.close();
  }
});

Deno.test("AnomalyStore lists page by page in both orders, by session, by time, and never one twice", async () => {
  const kv = await Deno.openKv(":memory:"), clock = new TestClock();
  const store = await AnomalyStore.open(kv, clock);
  for (let n = 0; n < 57; n++) {
    clock.pass(1_000);
    await store.apply([effect(56 - n, "provisional", 2 * n)]);
    if (n % 3 === 0) await store.apply([effect(56 - n, "confirmed", 2 * n + 1)]);
  }
  for (const order of ["window", "detected"] as const) {
    const seen: unknown[] = [];
    for (let after: readonly [number, string] | undefined = undefined;;) {
      const { items, next }: Awaited<ReturnType<AnomalyStore["list"]>> = await store.list({
        limit: 10,
        statuses: ["provisional", "confirmed"],
        order,
        after,
      });
      seen.push(...items.map(({ session_id }) => session_id));
      if (next === null) break;
      after = next;
    }
    const want = Array.from({ length: 57 }, (_, i) => `s${order === "window" ? 56 - i : i}`);
    assert.deepEqual(seen, want, order);
  }
  const some = await store.list({
    limit: 100,
    statuses: ["confirmed"],
    order: "window",
    since: T0 + 600_000 * 10,
    until: T0 + 600_000 * 20,
  });
  assert.deepEqual(some.items.map(({ session_id }) => session_id), ["s17", "s14", "s11"]);
  assert.deepEqual(
    (await store.list({ limit: 5, statuses: ["provisional"], order: "window", session: "s3" })).items.map(({ session_id }) => session_id),
    ["s3"],
  );
  const hours = await store.timeline(24, T0 + 9 * 3_600_000);
  assert.equal(hours.length, 24);
  assert.equal(hours.reduce((sum, { count }) => sum + count, 0), store.total);
  kv.close();
});

function late(offset: number, partition = 0): LateEffect {
  return {
    offset,
    lane: "live",
    partition,
    session: `s${offset}`,
    item: "i",
    eventTime: T0,
    watermark: T0 + 60_000,
    arrival: T0 + 70_000 + offset,
  };
}

Deno.test("LateEventStore keeps each once, the newest ones, and lists them page by page over a restart", async () => {
  const kv = await Deno.openKv(":memory:");
  let store = await LateEventStore.open(kv, 200);
  const many = Array.from({ length: 1000 }, (_, n) => late(n));
  await store.add(0, many.slice(0, 600));
  await store.add(0, many.slice(500, 1000));
  await store.add(0, many.slice(0, 1000));
  store = await LateEventStore.open(kv, 200);
  await store.add(0, many.slice(900));
  assert.ok(store.kept >= 200 && store.kept < 264, `${store.kept} are kept`);
  const seen: number[] = [];
  for (let before: LatePlace | undefined = undefined;;) {
    const { items, next }: Awaited<ReturnType<LateEventStore["list"]>> = await store.list(17, before);
    seen.push(...items.map(({ offset }) => offset));
    if (next === null) break;
    before = next;
  }
  assert.deepEqual(seen, Array.from({ length: store.kept }, (_, i) => 999 - i));
  kv.close();
});

function reject(line: number): Reject {
  return {
    line,
    code: "not_json",
    field: null,
    message: "m",
    raw: new TextEncoder().encode(`{"ip":"203.0.113.77"} ${line}`),
    rawBytes: 30,
  };
}

Deno.test("DeadLetterStore keeps a source's lines once, however often and in whatever parts they are sent", async () => {
  const kv = await Deno.openKv(":memory:"), clock = new TestClock();
  let store = await DeadLetterStore.open(kv, clock);
  const lines = Array.from({ length: 100 }, (_, i) => reject(i + 1));
  await store.add("a.csv", "source-a", 0, lines.slice(0, 30));
  await store.add("a.csv", "source-a", 0, lines.slice(0, 50));
  store = await DeadLetterStore.open(kv, clock);
  await store.add("a.csv", "source-a", 20, lines.slice(20, 100), 7);
  await store.add("a.csv", "source-a", 0, lines, 7);
  await store.add("http", null, 0, lines.slice(0, 2));
  assert.deepEqual([store.kept, store.refused], [102, 109]);
  const { items } = await store.list(200);
  assert.deepEqual(
    items.filter(({ source }) => source === "a.csv").map(({ line }) => line).sort((a, b) => a - b),
    lines.map(({ line }) => line),
  );
  assert.match(new TextDecoder().decode(items[0].raw), /203\.0\.0\.0/, "addresses are masked before they are stored");
  kv.close();
});

Deno.test("DeadLetterStore lets go of what is too much and too old, and of what it knew of its sources", async () => {
  const kv = await Deno.openKv(":memory:"), clock = new TestClock();
  const store = await DeadLetterStore.open(kv, clock);
  const some = Array.from({ length: 1000 }, (_, i) => reject(i + 1));
  for (let i = 0; i < 10; i++) await store.add("http", `key-${i}`, 0, some);
  assert.equal(store.kept, limits.deadLettersMax);
  await store.add("http", null, 0, some.slice(0, 1));
  assert.deepEqual([store.kept, store.refused], [limits.deadLettersMax, limits.deadLettersMax + 1]);
  clock.pass((limits.deadLettersKeepDays + 1) * 86_400_000);
  await store.sweep();
  assert.equal(store.kept, 0);
  assert.deepEqual(await keysIn(kv), { dead_counts: 1 });
  kv.close();
});

Deno.test("AnomalyStore counts once when a commit lands but its answer is lost, with another partition waiting", async () => {
  const faults: Faults = { fail: "no" };
  const kv = failingKv(await Deno.openKv(":memory:"), faults);
  const store = await AnomalyStore.open(kv, new TestClock());
  const both = (n: number, partition: number) => [effect(n, "provisional", 0), effect(n, "confirmed", 1)].map((e) => ({ ...e, partition }));
  faults.fail = "after";
  const first = store.apply(both(1, 0));
  const second = store.apply(both(1, 1).map((e) => ({ ...e, session: "other" })));
  await assert.rejects(first);
  faults.fail = "no";
  await second.catch(() => store.apply(both(1, 1).map((e) => ({ ...e, session: "other" }))));
  await store.apply(both(1, 0));
  const timeline = await store.timeline(1, T0 + 600_000);
  assert.deepEqual([store.total, store.kept, timeline[0].count], [2, 2, 2]);
  kv.close();
});

Deno.test("AnomalyStore takes effects of several partitions in one commit, and passes over what any of them has stored", async () => {
  let commits = 0;
  const kv = await Deno.openKv(":memory:"), atomic = kv.atomic.bind(kv);
  kv.atomic = () => (commits++, atomic());
  const store = await AnomalyStore.open(kv, new TestClock());
  const of = (partition: number, ...offsets: number[]) =>
    offsets.map((offset) => ({ ...effect(10 * partition + offset, "confirmed", offset), partition }));
  await store.apply([...of(0, 1, 2), ...of(1, 1), ...of(0, 3)]);
  assert.deepEqual([store.total, commits], [4, 1]);
  await store.apply([...of(0, 2, 3, 4), ...of(1, 1), ...of(2, 5)]);
  assert.deepEqual([store.total, commits], [6, 2]);
  await store.apply(of(2, 5));
  assert.deepEqual([store.total, commits], [6, 2]);
  kv.close();
});

for (const fail of ["before", "after"] as const) {
  Deno.test(`AnomalyStore tells each change once when a commit fails ${fail} it landed, a sweep in between or not`, async () => {
    for (const sweeps of [false, true]) {
      const faults: Faults = { fail: "no" };
      const kv = failingKv(await Deno.openKv(":memory:"), faults);
      const store = await AnomalyStore.open(kv, new TestClock(), 2), told: unknown[] = [];
      store.subscribe(({ feed, anomaly: { session_id, status } }) => told.push([feed, session_id, status]));
      await store.apply([1, 2, 3].map((n) => effect(n, "provisional")));
      const next = [effect(3, "confirmed", 4), effect(5, "provisional")];
      faults.fail = fail;
      await assert.rejects(store.apply(next), /Cannot store/);
      faults.fail = "no";
      if (sweeps) await store.sweep();
      await store.apply(next);
      const seen = [[1, "s1", "provisional"], [2, "s2", "provisional"], [3, "s3", "provisional"]];
      assert.deepEqual(told, [...seen, [4, "s3", "confirmed"], [5, "s5", "provisional"]]);
      await store.sweep();
      assert.deepEqual([store.total, store.feed, store.kept], [1, 5, 2]);
      const { total, feed, kept } = await AnomalyStore.open(kv, new TestClock(), 2);
      assert.deepEqual([total, feed, kept], [1, 5, 2], "storage says the same");
      kv.close();
    }
  });
}
