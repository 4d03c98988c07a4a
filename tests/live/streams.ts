// Random live streams for the tests of live figures, the batches that they make, and their figures counted the plain way: every event kept,
// everything looked at again. Shares no code with the window.

import { ColumnBuilder, type EventBatch, LIVE, pendingBatch } from "../../src/event/batch.ts";
import { ABSENT } from "../../src/event/code.ts";
import { random } from "../engine/oracle.ts";

export interface LiveEvent {
  readonly kind: number;
  readonly time: number;
  readonly session: string;
  readonly item: string | null;
}

export const NOW = Date.UTC(2026, 10, 22, 8, 0, 0);
export const CLICK = 0, PURCHASE = 4;

/** Visits of sessions with integer and other names, some of them with a great many alike clicks; out of order by up to a minute. */
export function randomStream(seed: number, sessions: number, spanMs: number): LiveEvent[] {
  const next = random(seed), events: (LiveEvent & { at: number })[] = [];
  for (let i = 0; i < sessions; i++) {
    const session = i % 3 === 0 ? `visitor ${i}` : String(7000 + i), start = next() * spanMs, isBot = i % 10 === 0;
    let time = NOW + Math.floor(start);
    for (let left = 1 + Math.floor(next() * (isBot ? 60 : 8)); left > 0; left--) {
      const pick = next(), kind = pick < 0.7 ? CLICK : pick < 0.8 ? PURCHASE : 1 + Math.floor(next() * 3);
      const which = Math.floor(next() * (isBot ? 2 : 40));
      const item = kind === 1 || kind === 3 ? null : which % 4 === 0 ? `item ${which}` : String(which);
      events.push({ kind, time, session, item, at: time + (next() < 0.1 ? next() * 60_000 : 0) });
      time += Math.floor(next() * (isBot ? 2_000 : 150_000));
    }
  }
  return events.sort((a, b) => a.at - b.at);
}

/** One batch of live events. */
export function batchOf(events: readonly LiveEvent[], arrival = Infinity, firstOffset = 0, partition = 0): EventBatch {
  const columns = new ColumnBuilder();
  for (const { kind, time, session, item } of events) {
    columns.push(kind, time, columns.code(session), item === null ? ABSENT : columns.code(item), ABSENT);
  }
  return { ...pendingBatch(columns, LIVE, partition), firstOffset, arrival };
}

/** The figures of a window: 180 buckets of 10 s, the last of which holds the newest event. flagged: sessions that are left out. */
export function recount(events: readonly LiveEvent[], flagged: ReadonlySet<string>) {
  const newest = Math.max(...events.map(({ time }) => time)), start = Math.floor(newest / 10_000) * 10_000 - 179 * 10_000;
  const within = events.filter(({ time, session }) => time >= start && !flagged.has(session));
  const sessions = Map.groupBy(within, ({ session }) => session);
  const items = Map.groupBy(within.filter(({ item, kind }) => item !== null && (kind === CLICK || kind === PURCHASE)), ({ item }) => item!);
  const count = (some: readonly LiveEvent[], kind: number) => some.filter((event) => event.kind === kind).length;
  const durations = [...sessions.values()].map((of) => Math.max(...of.map(({ time }) => time)) - Math.min(...of.map(({ time }) => time)));
  const buying = [...sessions.values()].filter((of) => count(of, PURCHASE) > 0).length;
  const id = (text: string) => /^(0|[1-9]\d*)$/.test(text) ? Number(text) : text;
  return {
    newest,
    start,
    totals: {
      active_sessions: [...sessions.values()].filter((of) => of.some(({ time }) => time > newest - 300_000)).length,
      sessions: sessions.size,
      buying_sessions: buying,
      conversion_rate: sessions.size === 0 ? null : Math.round((buying / sessions.size) * 1e6) / 1e6,
      avg_session_duration_s: sessions.size === 0 ? null : Math.round(durations.reduce((sum, ms) => sum + ms, 0) / sessions.size) / 1000,
      clicks: count(within, CLICK),
      page_views: count(within, 1),
      add_to_carts: count(within, 2),
      searches: count(within, 3),
      purchases: count(within, PURCHASE),
    },
    products: [...items].map(([item, of]) => ({ item_id: id(item), clicks: count(of, CLICK), purchases: count(of, PURCHASE) })),
    rates: Array.from({ length: 180 }, (_, i) => {
      const of = within.filter(({ time }) => Math.floor((time - start) / 10_000) === i);
      const clicks = count(of, CLICK), purchases = count(of, PURCHASE);
      return { at: new Date(start + i * 10_000).toISOString(), clicks, purchases, other: of.length - clicks - purchases };
    }),
    shown: [...sessions].map(([session, of]) => ({
      session_id: id(session),
      duration_s: (Math.max(...of.map(({ time }) => time)) - Math.min(...of.map(({ time }) => time))) / 1000,
      clicks: count(of, CLICK),
      items: new Set(of.filter(({ kind }) => kind === CLICK || kind === PURCHASE).map(({ item }) => item)).size,
      bought: count(of, PURCHASE) > 0,
      flagged: false,
    })),
  };
}
