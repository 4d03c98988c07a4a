// Whether the figures of days that a simulated product has finished are those of the rows in its lake, counted by another recount: once each,
// whatever died in between.

import { CLICK, kindNames, PURCHASE } from "../../src/event/kind.ts";
import { calendarOf, recountFigures } from "../jobs/recount.ts";
import type { ShopEvent as CountedEvent } from "../jobs/shop.ts";
import type { LakeRow } from "./judge.ts";
import type { KvFile } from "./memory_kv.ts";

const DAY_MS = 86_400_000;
const FIGURES = ["total_clicks", "total_purchases", "unique_sessions", "unique_items", "total_revenue"] as const;

interface Days {
  readonly state: KvFile;
  readonly rows: readonly LakeRow[];
  readonly timezone: string;
  /** Wall clock of the end, ms. */
  readonly now: number;
}

/** What is wrong with the figures of each local day that has ended. */
export function judgeDays({ state, rows, timezone, now }: Days): string[] {
  const faults: string[] = [], dateOf = calendarOf(timezone);
  for (const [date, own] of Map.groupBy(rows, ({ time }) => dateOf(time))) {
    if (date >= dateOf(now)) continue;
    const bots = botsAround(state, date, dateOf);
    for (const traffic of ["all", "humans"]) {
      const page = state.said(["result", "daily_metrics", traffic, date, 0]) as { rows: Record<string, unknown>[] } | null;
      const counted = own.filter(({ session }) => traffic === "all" || !bots.has(session)).map(countedOf);
      const should: Record<string, unknown> = recountFigures(counted, "EUR"), is = page?.rows[0];
      for (const figure of FIGURES) {
        if (Number(is?.[figure]) === Number(should[figure])) continue;
        faults.push(`${figure} of ${date} (${traffic}) is ${is?.[figure]}, and should be ${should[figure]}`);
      }
    }
    const run = state.said(["run", date, "daily_metrics"]) as { state: string; leftOut: string[] } | null;
    // A file that could not be read was left out, and the day is run again once it can be.
    if (run?.state === "succeeded" && run.leftOut.length > 0) faults.push(`the day ${date} is still without ${run.leftOut}`);
    if (run?.state !== "succeeded") faults.push(`the day ${date} is ${run?.state ?? "not run"}, and has ended`);
  }
  return faults;
}

/** Sessions with a confirmed anomaly whose window starts from the day before to the day after. */
function botsAround(state: KvFile, date: string, dateOf: (ms: number) => string): Set<string> {
  const bots = new Set<string>();
  for (const { session, start, status } of state.allSaid(["anomaly"]) as { session: string; start: number; status: string }[]) {
    if (status !== "confirmed") continue;
    if ([-DAY_MS, 0, DAY_MS].some((shift) => dateOf(start + shift) === date)) bots.add(session);
  }
  return bots;
}

function countedOf({ event, lane }: LakeRow): CountedEvent {
  const { session, time, kind, item, category, cents, quantity } = event;
  const which = kindNames.indexOf(kind);
  const bought = which === PURCHASE, seen = which === CLICK || bought;
  return {
    lane,
    session,
    time,
    kind: which,
    item: seen || item !== "" ? item : null,
    category,
    price: bought ? 100 * cents! : 0,
    quantity: bought ? quantity! : 0,
    currency: null,
  } as unknown as CountedEvent;
}
