// Anomalies for a store that is to hold many: bursts of the live lane, one session each, a window start every 100 ms up to a given hour.
// What is number `i`, newest first, is known without asking the store.

import { highFrequency } from "../src/detect/rules.ts";
import { botLike } from "../src/detect/rules.ts";
import type { AnomalyEffect } from "../src/engine/effects.ts";
import { LIVE } from "../src/event/batch.ts";
import type { AnomalyStore } from "../src/store/anomalies.ts";

/** Before any event that a benchmark sends: the newest window start, ms. */
export const NEWEST_STORED = Date.UTC(2026, 5, 1);
const STEP_MS = 100, EVIDENCE = 20;
/** Every how many is of the rarer type. */
export const BOT_LIKE_EVERY = 10;

/** Window start of anomaly `i`, newest first, ms; and its session. */
export const storedStart = (i: number) => NEWEST_STORED - i * STEP_MS;
export const storedSession = (i: number) => `stored-${i}`;

/** Stores `count` confirmed anomalies through the store's own way in, oldest first. */
export async function storeAnomalies(store: AnomalyStore, count: number): Promise<void> {
  const some = 4000;
  for (let from = count; from > 0; from -= some) {
    const effects: AnomalyEffect[] = [];
    for (let i = from - 1; i >= Math.max(0, from - some); i--) {
      for (const status of ["provisional", "confirmed"] as const) effects.push(effectOf(i, status, count));
    }
    await store.apply(effects);
  }
}

function effectOf(i: number, status: "provisional" | "confirmed", count: number): AnomalyEffect {
  const windowStart = storedStart(i), rule = i % BOT_LIKE_EVERY === 0 ? botLike : highFrequency;
  const evidence = Array.from({ length: EVIDENCE }, (_, k) => ({ time: windowStart + k, item: String(214_500_000 + k), offset: i }));
  return {
    // Ahead of all that the engine will find, these have offsets below zero.
    offset: -1,
    ordinal: 2 * (count - i) + (status === "confirmed" ? 1 : 0),
    status,
    rule,
    lane: LIVE,
    partition: 0,
    session: storedSession(i),
    windowStart,
    clicks: rule.clicksMin + (i % 300),
    uniqueItems: 5,
    uniqueItemsCapped: false,
    tippedAt: windowStart + EVIDENCE,
    evidence,
  };
}
