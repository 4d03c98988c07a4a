// The engine alone: both rules over clicks that are in memory as batches of the log.

import assert from "node:assert/strict";
import { ColumnBuilder, type EventBatch, markBatch, pendingBatch } from "../src/event/batch.ts";
import { ABSENT } from "../src/event/code.ts";
import { noEffects } from "../src/engine/effects.ts";
import { PartitionState } from "../src/engine/step.ts";
import { type Clicks, expectedFirings, makeClicks } from "./clicks.ts";
import { type Figures, measure } from "./measure.ts";

/** The clicks as batches of `size`, in one lane of one partition, with its end. */
export function batchesOf(clicks: Clicks, size: number): EventBatch[] {
  const batches: EventBatch[] = [];
  for (let from = 0; from < clicks.count; from += size) {
    const columns = new ColumnBuilder(size);
    for (let i = from; i < Math.min(from + size, clicks.count); i++) {
      columns.push(0, clicks.time[i], clicks.session[i], clicks.item[i], ABSENT);
    }
    batches.push({ ...pendingBatch(columns, "replay-bench", 0), firstOffset: from, arrival: 0 });
  }
  batches.push({ ...markBatch("end_mark", "replay-bench", 0, 0), firstOffset: clicks.count, arrival: 0 });
  return batches;
}

export async function benchEngine(events: number, sessions: number): Promise<Figures> {
  const clicks = makeClicks(events, sessions, events * 6);
  const want = expectedFirings(clicks);
  const batches = batchesOf(clicks, 1000);
  const found = { HIGH_FREQUENCY: 0, BOT_LIKE: 0 };
  const state = new PartitionState(0);
  const figures = await measure(`engine alone, both rules, ${sessions / 1000} k sessions`, events, () => {
    for (const batch of batches) {
      const effects = noEffects();
      state.step(batch, effects);
      for (const { status, rule } of effects.anomalies) if (status === "confirmed") found[rule.type]++;
    }
  });
  assert.deepEqual(found, want);
  return figures;
}

if (import.meta.main) {
  const { header, row } = await import("./measure.ts");
  console.log(header);
  for (let i = 0; i < 3; i++) console.log(row(await benchEngine(Number(Deno.args[0] ?? 10_000_000), 200_000)));
}
