// The figures of a window that need a look at every session and item in it: totals, top products, and a sample of sessions. Reads the
// tables and changes nothing that shows, in pieces, as there may be very many; the window must stay as it is meanwhile. Knows no clock.

import { compareIds } from "../event/code.ts";
import { limits } from "../limits.ts";
import type { InPieces } from "../pieces.ts";
import type { Product, ShownSession, Totals, TrafficName } from "./figures.ts";
import type { LiveWindow } from "./window.ts";

const ACTIVE_MS = 5 * 60_000;
const TOP_PRODUCTS = 10;

interface Sums {
  sessions: number;
  active: number;
  buying: number;
  durationMs: number;
}

/** Totals of both traffics, in one look at the sessions. */
export function* totals(window: LiveWindow): InPieces<Record<TrafficName, Totals>> {
  const none: Sums = { sessions: 0, active: 0, buying: 0, durationMs: 0 };
  const people = { ...none }, bots = { ...none };
  yield* window.tables.forEachFigures(window.newest, ({ flagged, hasBought, durationMs, quietMs }) => {
    const sums = flagged ? bots : people;
    sums.sessions++;
    sums.durationMs += durationMs;
    if (quietMs < ACTIVE_MS) sums.active++;
    if (hasBought) sums.buying++;
  });
  const all: Sums = {
    sessions: people.sessions + bots.sessions,
    active: people.active + bots.active,
    buying: people.buying + bots.buying,
    durationMs: people.durationMs + bots.durationMs,
  };
  return { all: totalsOf(all, window.kinds("all")), humans: totalsOf(people, window.kinds("humans")) };
}

function totalsOf({ sessions, active, buying, durationMs }: Sums, kinds: readonly number[]): Totals {
  const [clicks, page_views, add_to_carts, searches, purchases] = kinds;
  return {
    active_sessions: active,
    sessions,
    buying_sessions: buying,
    conversion_rate: sessions === 0 ? null : Math.round((buying / sessions) * 1e6) / 1e6,
    avg_session_duration_s: sessions === 0 ? null : Math.round(durationMs / sessions) / 1000,
    clicks,
    page_views,
    add_to_carts,
    searches,
    purchases,
  };
}

/** The items with the most clicks, then purchases, then by id. */
export function* topProducts({ tables, idOf }: LiveWindow, traffic: TrafficName): InPieces<Product[]> {
  const top: Product[] = [];
  yield* tables.items.forEach(traffic === "humans", ({ code, clicks, purchases }) => {
    const last = top[TOP_PRODUCTS - 1];
    // Most items are told from the last one by a number; ids are looked at for those alone that are not.
    if (clicks + purchases === 0 || clicks < last?.clicks || (clicks === last?.clicks && purchases < last.purchases)) return;
    const product = { item_id: idOf(code), clicks, purchases };
    if (last !== undefined && byRank(product, last) > 0) return;
    top.push(product);
    top.sort(byRank);
    if (top.length > TOP_PRODUCTS) top.pop();
  });
  return top;
}

function byRank(a: Product, b: Product): number {
  return b.clicks - a.clicks || b.purchases - a.purchases || compareIds(String(a.item_id), String(b.item_id));
}

/** A sample of the sessions; one that was in it tends to stay. */
export function* sessionsShown(
  window: LiveWindow,
  traffic: TrafficName,
  most: number = limits.liveSessionsShownMax,
): InPieces<ShownSession[]> {
  const { tables, newest, idOf } = window;
  return (yield* tables.sample(most, traffic === "humans")).map((code) => {
    const { flagged, hasBought, durationMs } = tables.figuresOf(code, newest);
    return { session_id: idOf(code), duration_s: durationMs / 1000, ...tables.contentOf(code), bought: hasBought, flagged };
  });
}
