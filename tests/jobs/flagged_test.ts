// Which sessions are flagged for a day, from anomalies as they are stored; and the day jobs of a whole running product.

import assert from "node:assert";
import { type DaySettings, flaggedByAnomalies, openDays, Zone } from "../../jobs/mod.ts";
import { flaggedSequence, flaggingSpan } from "../../jobs/flagged.ts";
import { highFrequency } from "../../src/detect/rules.ts";
import type { AnomalyStatus } from "../../src/detect/anomaly.ts";
import type { AnomalyEffect } from "../../src/engine/effects.ts";
import { Guardian } from "../../src/guardian.ts";
import { silent } from "../../src/log_line.ts";
import { AnomalyStore } from "../../src/store/anomalies.ts";
import { TestClock } from "../support/clock.ts";

const settings: DaySettings = { timezone: "UTC", runAt: "03:00", currency: "EUR" };

function effect(offset: number, session: string, windowStart: number, status: AnomalyStatus = "confirmed"): AnomalyEffect {
  const counts = { clicks: 60, uniqueItems: 3, uniqueItemsCapped: false };
  const place = { offset, ordinal: 0, lane: "live", partition: 0, tippedAt: windowStart };
  return { ...place, ...counts, status, rule: highFrequency, session, windowStart, evidence: [] };
}

Deno.test("a session is flagged for the days around a confirmed anomaly, and for no other", async () => {
  const kv = await Deno.openKv(":memory:");
  try {
    const anomalies = await AnomalyStore.open(kv, new TestClock());
    const zone = new Zone("Asia/Kathmandu"), { start, end } = flaggingSpan(zone, "2025-06-10");
    assert.deepEqual([start, end], [zone.spanOf("2025-06-09").start, zone.spanOf("2025-06-11").end]);
    await anomalies.apply(0, [
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
    const flagged = flaggedByAnomalies(kv, anomalies, (session) => session === "human");
    const sessions: string[] = [];
    for await (const some of flagged.sessions({ start, end })) sessions.push(...some);
    assert.deepEqual([...new Set(sessions)].sort(), ["42", "first", "last"]);
    const sequence = flaggedSequence(await flagged.changes(), { start, end });
    assert.equal(flaggedSequence(await flagged.changes({ start, end }), { start, end }), sequence);
    await anomalies.apply(0, [effect(10, "new", end - 3_600_000)]);
    assert.equal(flaggedSequence(await flagged.changes(), { start, end }), sequence + 1);
    await anomalies.apply(0, [effect(11, "elsewhere", end + 86_400_000)]);
    assert.equal(flaggedSequence(await flagged.changes({ start, end }), { start, end }), sequence + 1);
  } finally {
    kv.close();
  }
});

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
