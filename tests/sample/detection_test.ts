// The two rules against bots that are known: what must be flagged is, and no person ever.

import assert from "node:assert/strict";
import { PartitionState } from "../../src/engine/step.ts";
import { noEffects } from "../../src/engine/effects.ts";
import { LIVE, markBatch, pendingBatch } from "../../src/event/batch.ts";
import { textOf } from "../../src/event/code.ts";
import { SampleShop, type VisitorKind } from "../../src/sample/mod.ts";

const T0 = Date.UTC(2026, 2, 2), DAY = 86_400_000;

Deno.test("rules flag each burst scraper and item poller of the sample shop, no other bot, and none of 10,000 people", () => {
  const shop = new SampleShop({ visitorsPerDay: 30_000, botShare: 0.02 }), state = new PartitionState(0);
  const flagged = new Map<string, Set<string>>(), sessions = new Set<string>();
  const step = (batch: ReturnType<typeof pendingBatch>, arrival: number) => {
    const effects = noEffects();
    state.step({ ...batch, firstOffset: state.position, arrival }, effects);
    assert.equal(effects.late.length, 0);
    for (const { status, session, rule } of effects.anomalies) {
      if (status === "confirmed") flagged.set(session, (flagged.get(session) ?? new Set()).add(rule.type));
    }
  };
  for (const { columns } of shop.chunks(T0, T0 + DAY)) {
    for (let row = 0; row < columns.count; row++) sessions.add(textOf(columns.words, columns.session[row])!);
    step(pendingBatch(columns, LIVE, 0), columns.eventTime[columns.count - 1]);
  }
  step(markBatch("time_mark", LIVE, 0, T0 + 2 * DAY), T0 + 2 * DAY);
  const people = [...sessions].filter((session) => shop.truthOf(session) === "person");
  assert.ok(people.length >= 10_000, `${people.length} people`);
  assert.deepEqual(people.filter((session) => flagged.has(session)), []);
  const expected: Partial<Record<VisitorKind, string>> = { burst_scraper: "HIGH_FREQUENCY", item_poller: "BOT_LIKE" };
  let checked = 0;
  // Those that are cut by the ends of the day may have done too little in it.
  for (const { session, kind, firstTime, lastTime } of shop.bots(T0, T0 + DAY)) {
    if (firstTime < T0 || lastTime >= T0 + DAY) continue;
    const types = [...flagged.get(String(session)) ?? []], wanted = expected[kind];
    assert.deepEqual(types, wanted === undefined ? [] : [wanted], `${kind} ${session}`);
    checked++;
  }
  assert.ok(checked > 300, `${checked} bots`);
});
