// Which sessions are flagged for a day, from anomalies as they are stored and from what people said; and the day jobs of a whole running
// product.

import assert from "node:assert";
import { Days, type DaySettings, flaggedByAnomalies, openDays, Zone } from "../../jobs/mod.ts";
import { daysFlaggedIn, flaggedSequence, flaggingSpan } from "../../jobs/flagged.ts";
import { highFrequency } from "../../src/detect/rules.ts";
import type { AnomalyStatus } from "../../src/detect/anomaly.ts";
import type { AnomalyEffect } from "../../src/engine/effects.ts";
import { Guardian } from "../../src/guardian.ts";
import { CLICK } from "../../src/event/kind.ts";
import { limits } from "../../src/limits.ts";
import { silent } from "../../src/log_line.ts";
import { AnomalyStore } from "../../src/store/anomalies.ts";
import { FeedbackStore, hoursOfVerdict } from "../../src/store/feedback.ts";
import { traffics } from "../../src/store/results.ts";
import { DayStates } from "../../src/web/day_states.ts";
import { labTest } from "../lake/lab.ts";
import { TestClock } from "../support/clock.ts";
import { append, contextOf, type ShopEvent } from "./shop.ts";

const settings: DaySettings = { timezone: "UTC", runAt: "03:00", currency: "EUR" };

function effect(offset: number, session: string, windowStart: number, status: AnomalyStatus = "confirmed"): AnomalyEffect {
  const counts = { clicks: 60, uniqueItems: 3, uniqueItemsCapped: false };
  const place = { offset, ordinal: 0, lane: "live", partition: 0, tippedAt: windowStart };
  return { ...place, ...counts, status, rule: highFrequency, session, windowStart, evidence: [] };
}

Deno.test("a session is flagged for the days around a confirmed anomaly, and for no other", async () => {
  const kv = await Deno.openKv(":memory:");
  try {
    const anomalies = await AnomalyStore.open(kv, new TestClock()), feedback = await FeedbackStore.open(kv, new TestClock());
    const zone = new Zone("Asia/Kathmandu"), { start, end } = flaggingSpan(zone, "2025-06-10");
    assert.deepEqual([start, end], [zone.spanOf("2025-06-09").start, zone.spanOf("2025-06-11").end]);
    await anomalies.apply([
      effect(1, "too early", start - 10_000),
      effect(2, "first", start),
      effect(3, "42", start + 86_400_000),
      effect(4, "provisional", start + 86_400_000, "provisional"),
      effect(5, "retracted", start + 86_400_000, "retracted"),
      effect(6, "last", end - 10_000),
      effect(7, "last", end - 20_000),
      effect(8, "too late", end),
      effect(9, "human", start + 10_000),
    ]);
    const flagged = flaggedByAnomalies(kv, anomalies, feedback);
    const sessions = async () => [...new Set((await Array.fromAsync(flagged.sessions({ start, end }))).flat())].sort();
    assert.deepEqual(await sessions(), ["42", "first", "human", "last"]);
    const hourOf = (ms: number) => Math.floor(ms / 3_600_000) * 3_600_000;
    const first = flaggedSequence(await flagged.changes(), { start, end });
    for (const session of ["human", "provisional", "too early"]) await feedback.set(session, "human", [hourOf(start)]);
    assert.deepEqual(await sessions(), ["42", "first", "last"]);
    for (const session of ["retracted", "provisional", "too late", "42"]) await feedback.set(session, "bot", [hourOf(end)]);
    assert.deepEqual(await sessions(), ["42", "first", "last", "provisional", "retracted"]);
    await feedback.set("elsewhere", "bot", [hourOf(start) - 3_600_000, hourOf(end) + 3_600_000]);
    assert.equal(flaggedSequence(await flagged.changes(), { start, end }), first + 7, "verdicts count as confirmations do");
    const sequence = flaggedSequence(await flagged.changes(), { start, end });
    assert.equal(flaggedSequence(await flagged.changes({ start, end }), { start, end }), sequence);
    await anomalies.apply([effect(10, "new", end - 3_600_000)]);
    assert.equal(flaggedSequence(await flagged.changes(), { start, end }), sequence + 1);
    await anomalies.apply([effect(11, "elsewhere", end + 86_400_000)]);
    assert.equal(flaggedSequence(await flagged.changes({ start, end }), { start, end }), sequence + 1);
  } finally {
    kv.close();
  }
});

Deno.test("the days of an hour are those whose sequence it changes, in any zone", () => {
  for (const name of ["UTC", "Asia/Kathmandu", "America/St_Johns", "Pacific/Apia"]) {
    const zone = new Zone(name);
    for (let hour = Date.UTC(2011, 11, 27); hour < Date.UTC(2012, 0, 3); hour += 3_600_000) {
      const want: string[] = [];
      for (let day = Date.UTC(2011, 11, 20); day < Date.UTC(2012, 0, 10); day += 86_400_000) {
        const date = new Date(day).toISOString().slice(0, 10);
        if (flaggedSequence(new Map([[hour, 1]]), flaggingSpan(zone, date)) > 0) want.push(date);
      }
      assert.deepEqual(daysFlaggedIn(zone, [hour, hour]), want, `${name} ${new Date(hour).toISOString()}`);
    }
  }
});

labTest(
  "a verdict makes its days stale, and once they are counted again figures of humans follow it, and follow its undoing",
  async (lab) => {
    const date = "2014-04-07", noon = Date.parse(`${date}T12:00:00Z`);
    const click = (session: string, n: number): ShopEvent => {
      const item = `item-${n}`, time = noon + n * 1000;
      return { kind: CLICK, time, session, item, category: null, price: NaN, quantity: NaN, currency: null };
    };
    const counts = { confirmed: 7, retracted: 5, person: 3 };
    append(lab, Object.entries(counts).flatMap(([session, count]) => Array.from({ length: count }, (_, n) => click(session, n))));
    const clock = new TestClock(Date.parse("2014-04-09T00:00:00Z")), shop = { zone: "UTC", currency: "EUR", flagged: [] };
    const anomalies = await AnomalyStore.open(lab.kv, clock), feedback = await FeedbackStore.open(lab.kv, clock);
    await anomalies.apply([
      effect(0, "confirmed", noon, "provisional"),
      effect(1, "confirmed", noon),
      effect(2, "retracted", noon, "provisional"),
      effect(3, "retracted", noon, "retracted"),
    ]);
    const days = new Days(contextOf(lab, shop, { clock, flagged: flaggedByAnomalies(lab.kv, anomalies, feedback) }));
    const states = new DayStates(days);
    const clicks = async () =>
      await Promise.all(traffics.map(async (traffic) => (await days.results.get("daily_metrics", date, traffic))!.rows[0].total_clicks));
    const say = async (session: string, verdict: "human" | "bot" | null) => {
      await feedback.set(session, verdict, await hoursOfVerdict(anomalies, session));
    };
    assert.deepEqual((await days.backfill()).failed, []);
    assert.deepEqual([await states.of([date]), await clicks()], [["finished"], [15, 8]]);
    const steps: [session: string, verdict: "human" | "bot" | null, humans: number][] = [
      ["confirmed", "human", 15],
      ["retracted", "bot", 10],
      ["retracted", null, 15],
      ["confirmed", null, 8],
    ];
    for (const [session, verdict, humans] of steps) {
      const before = await clicks();
      await say(session, verdict);
      assert.deepEqual([await states.of([date]), await clicks()], [["stale"], before], `${session} ${verdict}`);
      await days.tick();
      assert.deepEqual(await clicks(), before, "not before it is due");
      clock.pass(limits.jobStaleMs);
      await days.tick();
      assert.deepEqual([await states.of([date]), await clicks()], [["finished"], [15, humans]], `${session} ${verdict}`);
    }
    await say("confirmed", null);
    assert.deepEqual(await states.of([date]), ["finished"], "a verdict that changes nothing");
    await days.close();
  },
);

Deno.test("day jobs open on a running product and have nothing to do when its lake is empty", async () => {
  const data = await Deno.makeTempDir({ prefix: "days_" });
  const guardian = await Guardian.open({ data, clock: new TestClock(), logLine: silent, partitions: 1, make: true });
  try {
    const days = openDays(guardian, settings);
    await days.tick();
    assert.deepEqual(await days.backfill(), { days: [], runs: [], failed: [] });
    assert.equal((await days.status("2025-01-01")).state, "no_data");
    await days.close();
    await assert.rejects(days.runDay("2025-01-01"), /the process is stopping/);
    assert.throws(() => openDays(guardian, { ...settings, timezone: "Nowhere" }), /"Nowhere" as the time zone/);
  } finally {
    await guardian.stop();
    await Deno.remove(data, { recursive: true });
  }
});
