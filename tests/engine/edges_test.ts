// The engine at the edges that random streams seldom meet exactly: a watermark on a window's end, and the last distinct item that is counted.

import assert from "node:assert/strict";
import { CLICK } from "../../src/event/kind.ts";
import { type Effects, noEffects } from "../../src/engine/effects.ts";
import { PartitionState } from "../../src/engine/step.ts";
import { limits } from "../../src/limits.ts";
import { batches } from "./batches.ts";
import type { StreamEvent } from "./oracle.ts";

const T0 = Date.UTC(2026, 0, 1);
const WINDOW_MS = 10_000;

function click(session: string, time: number, item = "1"): StreamEvent {
  return { lane: "live", arrival: T0 + 3_600_000, kind: CLICK, time, session, item };
}

function effectsOf(stream: readonly StreamEvent[]): Effects {
  const state = new PartitionState(0), effects = noEffects();
  for (const batch of batches(stream, 1)) state.step(batch, effects);
  return effects;
}

/** 49 clicks in one 10 s window, the watermark at `watermark`, and then a fiftieth click in that window. */
function fiftiethClickAt(watermark: number): Effects {
  const before = Array.from({ length: 49 }, (_, i) => click("7", T0 + i * 200, String(i)));
  return effectsOf([...before, click("8", watermark + limits.latenessMs), click("7", T0 + WINDOW_MS - 1, "49")]);
}

Deno.test("a click for a window that ends exactly at the watermark is late and no longer counts in it", () => {
  const { anomalies, late } = fiftiethClickAt(T0 + WINDOW_MS);
  assert.deepEqual(anomalies, []);
  assert.deepEqual(late.map(({ session, eventTime }) => [session, eventTime]), [["7", T0 + WINDOW_MS - 1]]);
});

Deno.test("a click for a window that ends a millisecond after the watermark counts in it", () => {
  const { anomalies, late } = fiftiethClickAt(T0 + WINDOW_MS - 1);
  assert.deepEqual(anomalies.map(({ status, clicks }) => [status, clicks]), [["provisional", 50]]);
  assert.deepEqual(late, []);
});

for (const [items, capped] of [[-1, false], [0, false], [1, true]] as const) {
  const count = limits.uniqueItemsMax + items;
  Deno.test(`unique items of a window with ${count} different ones are ${capped ? "capped, which is said" : "exact"}`, () => {
    const stream = Array.from({ length: count }, (_, i) => click("7", T0 + i * 10, String(1000 + i)));
    const { anomalies } = effectsOf([...stream, click("8", T0 + WINDOW_MS + limits.latenessMs)]);
    const confirmed = anomalies.filter(({ status }) => status === "confirmed");
    assert.deepEqual(confirmed.map(({ clicks, uniqueItems, uniqueItemsCapped }) => [clicks, uniqueItems, uniqueItemsCapped]), [
      [count, Math.min(count, limits.uniqueItemsMax), capped],
    ]);
  });
}
