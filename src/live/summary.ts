// The figures of a window that need a look at every session and item in it: totals, top products, and a sample of sessions. Reads the
// tables and changes nothing that shows; knows no clock.

import { compareIds } from "../event/code.ts";
import { CLICK } from "../event/kind.ts";
import { limits } from "../limits.ts";
import { NONE } from "./code_table.ts";
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
export function totals(window: LiveWindow): Record<TrafficName, Totals> {
  const { tables, start, newest } = window, { sessions } = tables;
  const none: Sums = { sessions: 0, active: 0, buying: 0, durationMs: 0 };
  const all = { ...none }, humans = { ...none };
  for (let slot = 0; slot < sessions.slots; slot++) {
    if (sessions.codes[slot] === NONE) continue;
    const { flagged, hasBought, durationMs, quietMs } = tables.sessionFigures(slot, start, newest);
    for (const sums of flagged ? [all] : [all, humans]) {
      sums.sessions++;
      sums.durationMs += durationMs;
      if (quietMs < ACTIVE_MS) sums.active++;
      if (hasBought) sums.buying++;
    }
  }
  return { all: totalsOf(all, window.kinds("all")), humans: totalsOf(humans, window.kinds("humans")) };
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
export function topProducts({ tables, idOf }: LiveWindow, traffic: TrafficName): Product[] {
  const top: Product[] = [];
  for (let slot = 0; slot < tables.items.slots; slot++) {
    const code = tables.items.codes[slot];
    if (code === NONE) continue;
    const { clicks, purchases } = tables.itemFigures(slot, traffic === "humans"), last = top[TOP_PRODUCTS - 1];
    // Most items are told from the last one by a number; ids are looked at for those alone that are not.
    if (clicks + purchases === 0 || clicks < last?.clicks || (clicks === last?.clicks && purchases < last.purchases)) continue;
    const product = { item_id: idOf(code), clicks, purchases };
    if (last !== undefined && byRank(product, last) > 0) continue;
    top.push(product);
    top.sort(byRank);
    if (top.length > TOP_PRODUCTS) top.pop();
  }
  return top;
}

function byRank(a: Product, b: Product): number {
  return b.clicks - a.clicks || b.purchases - a.purchases || compareIds(String(a.item_id), String(b.item_id));
}

/** The sessions whose hashes are smallest, in that order: which those are changes little from one second to the next. */
export function sessionsShown(window: LiveWindow, traffic: TrafficName, most: number = limits.liveSessionsShownMax): ShownSession[] {
  const { tables, tables: { sessions } } = window;
  // Hashes are spread evenly: twice as many as are wanted are nearly always enough, and all are looked at where they are not.
  const likely = (2 * most + 50) / Math.max(1, sessions.count) * 2 ** 31;
  let found: number[] = [];
  for (const below of [likely, Infinity]) {
    found = [];
    for (let slot = 0; slot < sessions.slots; slot++) {
      if (sessions.codes[slot] === NONE || tables.hashOf(slot) >= below) continue;
      if (traffic === "all" || !tables.isFlagged(slot)) found.push(slot);
    }
    if (found.length >= most) break;
  }
  found.sort((a, b) => tables.hashOf(a) - tables.hashOf(b) || sessions.codes[a] - sessions.codes[b]);
  // By item: the session that it was last seen in. A set for each session would cost too much where one has a great many items.
  const seenIn = new Int32Array(tables.items.slots).fill(NONE);
  return found.slice(0, most).map((slot) => shown(window, slot, seenIn));
}

function shown({ tables, start, newest, idOf }: LiveWindow, slot: number, seenIn: Int32Array): ShownSession {
  const { flagged, hasBought, durationMs } = tables.sessionFigures(slot, start, newest);
  let clicks = 0, items = 0;
  for (const { item, kind, count } of tables.cellsOf(slot)) {
    if (kind === CLICK) clicks += count;
    if (item === NONE || seenIn[item] === slot) continue;
    seenIn[item] = slot;
    items++;
  }
  return {
    session_id: idOf(tables.sessions.codes[slot]),
    duration_s: durationMs / 1000,
    clicks,
    items,
    bought: hasBought,
    flagged,
  };
}
