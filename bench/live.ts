// What live figures look at of each event: the window of the last half hour alone, fed with batches as the log would give them, whatever the
// budget would leave out of them.

import assert from "node:assert/strict";
import { ColumnBuilder, type EventBatch, LIVE, pendingBatch } from "../src/event/batch.ts";
import { ABSENT } from "../src/event/code.ts";
import { atOnce } from "../src/pieces.ts";
import { topProducts, totals } from "../src/live/summary.ts";
import { LiveWindow } from "../src/live/window.ts";
import { type Clicks, makeClicks } from "./clicks.ts";
import { type Figures, measure } from "./measure.ts";

/** The clicks as live batches of `size`, each of which arrives with its newest event. */
function batchesOf(clicks: Clicks, size: number): EventBatch[] {
  const batches: EventBatch[] = [];
  for (let from = 0; from < clicks.count; from += size) {
    const columns = new ColumnBuilder(size);
    for (let i = from; i < Math.min(from + size, clicks.count); i++) {
      columns.push(0, clicks.time[i], clicks.session[i], clicks.item[i], ABSENT);
    }
    const arrival = columns.eventTime.subarray(0, columns.count).reduce((most, time) => Math.max(most, time), 0);
    batches.push({ ...pendingBatch(columns, LIVE, 0), firstOffset: from, arrival });
  }
  return batches;
}

/** Every tenth session is flagged as soon as it is there. */
function isFlagged(session: number): boolean {
  return session % 10 === 0;
}

/** The figures of all clicks from `start` on, by a plain recount. */
function recount({ count, time, session, item }: Clicks, start: number, ofPeople: boolean) {
  const first = new Map<number, number>(), last = new Map<number, number>(), clicksOf = new Map<number, number>();
  let clicks = 0;
  for (let i = 0; i < count; i++) {
    if (time[i] < start || (ofPeople && isFlagged(session[i]))) continue;
    clicks++;
    first.set(session[i], Math.min(first.get(session[i]) ?? Infinity, time[i]));
    last.set(session[i], Math.max(last.get(session[i]) ?? 0, time[i]));
    clicksOf.set(item[i], (clicksOf.get(item[i]) ?? 0) + 1);
  }
  const stayedMs = [...last].reduce((sum, [who, ms]) => sum + ms - first.get(who)!, 0);
  const top = [...clicksOf.values()].sort((a, b) => b - a).slice(0, 10);
  return { clicks, sessions: first.size, avg_session_duration_s: Math.round(stayedMs / first.size) / 1000, top };
}

/** Longer than the window, so that events leave it too. */
const SPAN_MS = 45 * 60_000;

export async function benchLive(events: number, sessions: number): Promise<Figures> {
  const clicks = makeClicks(events, sessions, SPAN_MS), batches = batchesOf(clicks, 1000), window = new LiveWindow();
  for (let session = 1_000_000; session < 1_000_000 + sessions; session++) {
    if (isFlagged(session)) window.setFlagged(String(session), true);
  }
  const figures = await measure(`live figures alone, ${sessions / 1000} k sessions`, events, () => {
    for (const batch of batches) window.add(batch);
  });
  for (const traffic of ["all", "humans"] as const) {
    const { clicks: counted, sessions, avg_session_duration_s } = atOnce(totals(window))[traffic];
    const top = atOnce(topProducts(window, traffic)).map((product) => product.clicks);
    assert.deepEqual({ clicks: counted, sessions, avg_session_duration_s, top }, recount(clicks, window.start, traffic === "humans"));
  }
  return figures;
}
