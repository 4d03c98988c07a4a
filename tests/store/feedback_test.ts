// What people say of sessions over a real Deno KV: kept over a restart, counted by hour, all or nothing when storage fails, and bounded.

import assert from "node:assert/strict";
import { highFrequency } from "../../src/detect/rules.ts";
import type { AnomalyEffect } from "../../src/engine/effects.ts";
import { AnomalyStore } from "../../src/store/anomalies.ts";
import { FeedbackStore, HOURS_PER_VERDICT_MAX, hoursOfVerdict } from "../../src/store/feedback.ts";
import { stateKeys } from "../../src/store/keys.ts";
import { TestClock } from "../support/clock.ts";
import { failingKv, type Faults } from "../support/failing_kv.ts";

const T0 = Date.UTC(2026, 0, 1), HOUR = 3_600_000, DAY = 24 * HOUR;

/** Everything in KV that verdicts write. */
async function stored(kv: Deno.Kv): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  for (const prefix of [stateKeys.allFeedback(), stateKeys.feedbackHours()]) {
    for await (const { key, value } of kv.list({ prefix })) found[key.join(" ")] = value;
  }
  return found;
}

function effect(offset: number, session: string, windowStart: number): AnomalyEffect {
  const counts = { clicks: 60, uniqueItems: 3, uniqueItemsCapped: false, evidence: [] };
  return {
    offset,
    ordinal: 0,
    status: "provisional",
    rule: highFrequency,
    lane: "live",
    partition: 0,
    session,
    windowStart,
    tippedAt: 0,
    ...counts,
  };
}

Deno.test("FeedbackStore keeps a verdict over a restart and raises each hour once, and nothing for one that is given twice", async () => {
  const kv = await Deno.openKv(":memory:"), clock = new TestClock(T0);
  let store = await FeedbackStore.open(kv, clock);
  const hours = Array.from({ length: 25 }, (_, i) => T0 + i * HOUR);
  assert.deepEqual(await store.set("s", "human", hours), { feedback: { verdict: "human", at: T0 }, changed: true });
  const once = Object.fromEntries(hours.map((hour) => [`feedback_hour ${hour}`, 1]));
  assert.deepEqual(await stored(kv), { "feedback s": { verdict: "human", at: T0 }, ...once });
  clock.pass(1000);
  store = await FeedbackStore.open(kv, clock);
  assert.equal(store.verdictOf("s"), "human");
  assert.deepEqual(await store.set("s", "human", hours), { feedback: { verdict: "human", at: T0 }, changed: false });
  assert.deepEqual(await store.set("other", null, hours), { feedback: null, changed: false });
  assert.deepEqual(await stored(kv), { "feedback s": { verdict: "human", at: T0 }, ...once });
  assert.deepEqual(await store.set("s", "bot", hours.slice(0, 1)), { feedback: { verdict: "bot", at: T0 + 1000 }, changed: true });
  assert.deepEqual(await store.set("s", null, hours.slice(0, 1)), { feedback: null, changed: true });
  assert.deepEqual([store.verdictOf("s"), store.count], [null, 0]);
  assert.deepEqual(await stored(kv), { ...once, [`feedback_hour ${T0}`]: 3 });
  kv.close();
});

Deno.test("FeedbackStore has all of a verdict or nothing when storage fails, and says after it which", async () => {
  for (const fail of ["before", "after"] as const) {
    const faults: Faults = { fail: "no" }, kv = failingKv(await Deno.openKv(":memory:"), faults);
    const store = await FeedbackStore.open(kv, new TestClock(T0));
    await store.set("s", "bot", [T0]);
    const before = await stored(kv);
    faults.fail = fail;
    await assert.rejects(store.set("s", "human", [T0, T0 + HOUR]), { code: "storage_failing" });
    faults.fail = "no";
    const landed = fail === "after";
    const want = { "feedback s": { verdict: "human", at: T0 }, [`feedback_hour ${T0}`]: 2, [`feedback_hour ${T0 + HOUR}`]: 1 };
    assert.deepEqual(await stored(kv), landed ? want : before);
    await store.settled();
    assert.equal(store.verdictOf("s"), landed ? "human" : "bot", "memory has what KV has");
    assert.equal((await store.set("s", "human", [T0, T0 + HOUR])).changed, !landed, "sent again it counts once");
    assert.deepEqual(await stored(kv), want);
    kv.close();
  }
});

Deno.test("FeedbackStore does not answer by an old verdict while nobody knows whether the new one landed", async () => {
  const faults: Faults = { fail: "no" }, inner = await Deno.openKv(":memory:");
  const kv = failingKv(inner, faults), store = await FeedbackStore.open(kv, new TestClock(T0));
  faults.fail = "after";
  await assert.rejects(store.set("s", "human", [T0]));
  inner.close();
  await assert.rejects(store.settled());
});

Deno.test("FeedbackStore refuses a new verdict at its limit -1, 0, +1, and takes changes of those that it has", async () => {
  const kv = await Deno.openKv(":memory:"), store = await FeedbackStore.open(kv, new TestClock(T0), 3);
  for (const session of ["a", "b", "c"]) await store.set(session, "bot", []);
  const before = await stored(kv);
  await assert.rejects(store.set("d", "human", [T0]), { code: "overloaded", message: /3 sessions have a verdict/ });
  assert.deepEqual(await stored(kv), before);
  await store.set("a", "human", []);
  await store.set("a", null, []);
  await store.set("d", "human", []);
  assert.deepEqual([store.count, store.verdictOf("a"), store.verdictOf("d")], [3, null, "human"]);
  kv.close();
});

Deno.test("a verdict raises the hours of the session's windows, each once, newest first, and no other's", async () => {
  const kv = await Deno.openKv(":memory:"), anomalies = await AnomalyStore.open(kv, new TestClock(T0));
  const starts = [0, 10_000, HOUR - 10_000, HOUR, 5 * HOUR, 5 * HOUR + 20_000].map((at) => T0 + at);
  await anomalies.apply([...starts.map((start, i) => effect(i, "s", start)), effect(10, "other", T0 + 9 * HOUR)]);
  assert.deepEqual(await hoursOfVerdict(anomalies, "s"), [T0 + 5 * HOUR, T0 + HOUR, T0]);
  assert.deepEqual(await hoursOfVerdict(anomalies, "nobody"), []);
  kv.close();
});

Deno.test("more hours than one commit takes are told by the ends of their days, within any two days that hold one of them", async () => {
  const most = HOURS_PER_VERDICT_MAX;
  for (const count of [most - 1, most, most + 1, 3 * most]) {
    const all = Array.from({ length: count }, (_, i) => T0 - (i + Math.floor(i / 7) * 30) * HOUR);
    const anomalies = {
      startsOf: (_: string, stepMs: number, limit: number) =>
        Promise.resolve([...new Set(all.map((hour) => Math.floor(hour / stepMs) * stepMs))].slice(0, limit)),
    };
    const hours = await hoursOfVerdict(anomalies, "s");
    assert.ok(hours.length <= most && hours.length > 0, `${hours.length} hours`);
    if (count <= most) assert.deepEqual(hours, all);
    const reach = Math.min(...hours);
    for (const hour of all.filter((one) => one >= reach)) {
      for (let start = hour - 2 * DAY + HOUR; start <= hour; start += HOUR) {
        assert.ok(hours.some((one) => one >= start && one < start + 2 * DAY), `${(hour - T0) / HOUR} from ${(start - T0) / HOUR}`);
      }
    }
    const kv = await Deno.openKv(":memory:"), store = await FeedbackStore.open(kv, new TestClock(T0));
    assert.equal((await store.set("x".repeat(128), "human", hours)).changed, true, "it fits in one commit");
    kv.close();
  }
});
