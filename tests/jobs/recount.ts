// The day jobs' figures counted another way: over plain events, with Maps, whole numbers and the calendar of Intl; never with SQL.

import { compareIds } from "../../src/event/code.ts";
import { idOut } from "../../src/event/code.ts";
import { CLICK, PURCHASE } from "../../src/event/kind.ts";
import type { ShopEvent } from "./shop.ts";

type Figures = Record<string, string | number | boolean | null>;

/** The date that the wall calendar of a zone shows. */
export function calendarOf(zone: string): (ms: number) => string {
  const format = new Intl.DateTimeFormat("en-CA", { timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit" });
  return (ms) => format.format(ms);
}

/** part / whole rounded half away from zero, by whole numbers alone. */
export function exactShare(part: bigint | number, whole: bigint | number, digits: number): number {
  const by = BigInt(whole);
  if (by === 0n) return 0;
  const scale = 10n ** BigInt(digits), scaled = BigInt(part) * scale * 2n;
  const rounded = scaled < 0n ? -((-scaled + by) / (2n * by)) : (scaled + by) / (2n * by);
  const text = String(rounded < 0n ? -rounded : rounded).padStart(digits + 1, "0");
  return Number(`${rounded < 0n ? "-" : ""}${text.slice(0, -digits)}.${text.slice(-digits)}`);
}

/** Units of 1/10,000 as a number. */
function moneyOf(units: bigint): number {
  return exactShare(units, 10_000, 4);
}

function revenueOf(event: ShopEvent, currency: string): bigint {
  return (event.currency ?? currency) === currency ? BigInt(event.price) * BigInt(event.quantity) : 0n;
}

function counted<Key>(keys: Iterable<Key>): Map<Key, number> {
  const counts = new Map<Key, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
}

/** Events of sessions that have a click or a purchase among them, by session. */
function sessionsOf(events: readonly ShopEvent[]): ShopEvent[][] {
  const sessions = Map.groupBy(events, ({ session }) => session);
  return [...sessions.values()].filter((own) => own.some(({ kind }) => kind === CLICK || kind === PURCHASE));
}

/** What daily_metrics and summary have in common. */
export function recountFigures(events: readonly ShopEvent[], currency: string): Figures {
  const sessions = sessionsOf(events);
  const clicks = events.filter(({ kind }) => kind === CLICK), purchases = events.filter(({ kind }) => kind === PURCHASE);
  const buyers = sessions.filter((own) => own.some(({ kind }) => kind === PURCHASE)).length;
  const revenue = purchases.reduce((sum, event) => sum + revenueOf(event, currency), 0n);
  const durations = sessions.map((own) => Math.max(...own.map(({ time }) => time)) - Math.min(...own.map(({ time }) => time)));
  return {
    total_clicks: clicks.length,
    total_purchases: purchases.length,
    unique_sessions: sessions.length,
    unique_items: new Set([...clicks, ...purchases].map(({ item }) => item)).size,
    conversion_rate: exactShare(buyers, sessions.length, 6),
    avg_session_duration_sec: exactShare(durations.reduce((sum, ms) => sum + ms, 0), 1000 * sessions.length, 3),
    avg_clicks_per_session: exactShare(clicks.length, sessions.length, 6),
    total_revenue: moneyOf(revenue),
    avg_order_value: exactShare(revenue, 10_000 * purchases.length, 6),
    avg_basket_value: exactShare(revenue, 10_000 * buyers, 6),
    purchases_without_price: purchases.filter(({ price }) => price === 0).length,
    purchases_other_currency: purchases.filter((event) => (event.currency ?? currency) !== currency).length,
  };
}

export function recountFunnel(events: readonly ShopEvent[], date: string): Figures[] {
  const stageOf = (own: ShopEvent[]): string =>
    own.some(({ kind }) => kind === PURCHASE)
      ? "Purchase"
      : own.filter(({ kind }) => kind === CLICK).length === 1
      ? "Single View"
      : "Multi View";
  const stages = counted(sessionsOf(events).map(stageOf));
  const all = [...stages.values()].reduce((sum, count) => sum + count, 0);
  const names = ["Single View", "Multi View", "Purchase"];
  return names.map((funnel_stage, i) => {
    const of = (name: string | undefined) => name === undefined ? 0 : stages.get(name) ?? 0;
    const here = of(funnel_stage), before = of(names[i - 1]);
    const reached = names.slice(i).reduce((sum, name) => sum + of(name), 0);
    return {
      metric_date: date,
      funnel_stage,
      session_count: here,
      percentage: exactShare(100 * here, all, 2),
      drop_rate: exactShare(100 * (before - here), before, 2),
      reached,
      reached_rate: exactShare(100 * reached, all, 2),
    };
  });
}

function categoryOf(clicks: readonly ShopEvent[]): string | null {
  const counts = [...counted(clicks.map(({ category }) => category))].filter((entry): entry is [string, number] => entry[0] !== null);
  counts.sort(([a, n], [b, m]) => m - n || compareIds(a, b));
  return counts[0]?.[0] ?? null;
}

interface Selling {
  name: string;
  clicks: number;
  purchases: number;
  revenue: bigint;
}

type Ranked = Selling & { rank: number; ratio: number };

function ranked(sellings: Selling[]): Ranked[] {
  sellings.sort((a, b) => a.revenue < b.revenue ? 1 : a.revenue > b.revenue ? -1 : b.clicks - a.clicks || compareIds(a.name, b.name));
  return sellings.map((one, i) => ({ ...one, rank: i + 1, ratio: exactShare(one.purchases, one.clicks, 6) }));
}

/** Those that are among the first by revenue, by clicks or by purchases. */
function firstByAny(all: readonly Ranked[], most: number): Ranked[] {
  const firstBy = (figure: "clicks" | "purchases") => all.toSorted((a, b) => b[figure] - a[figure] || a.rank - b.rank).slice(0, most);
  const kept = new Set([...all.slice(0, most), ...firstBy("clicks"), ...firstBy("purchases")]);
  return all.filter((one) => kept.has(one));
}

export function recountItems(events: readonly ShopEvent[], currency: string, date: string): { items: Figures[]; categories: Figures[] } {
  const items = Map.groupBy(events.filter(({ kind }) => kind === CLICK || kind === PURCHASE), ({ item }) => item!);
  const itemCategory = new Map([...items].map(([item, own]) => [item, categoryOf(own.filter(({ kind }) => kind === CLICK))]));
  const sellingOf = (name: string, own: readonly ShopEvent[]): Selling => ({
    name,
    clicks: own.filter(({ kind }) => kind === CLICK).length,
    purchases: own.filter(({ kind }) => kind === PURCHASE).length,
    revenue: own.filter(({ kind }) => kind === PURCHASE).reduce((sum, event) => sum + revenueOf(event, currency), 0n),
  });
  const shown = ({ clicks, purchases, revenue, rank, ratio }: ReturnType<typeof ranked>[number]) => ({
    click_count: clicks,
    purchase_count: purchases,
    revenue: moneyOf(revenue),
    rank,
    click_to_purchase_ratio: ratio,
  });
  const best = firstByAny(ranked([...items].map(([item, own]) => sellingOf(item, own))), 100);
  const byCategory = Map.groupBy(
    [...items.values()].flat(),
    (event) => event.kind === CLICK ? event.category : itemCategory.get(event.item!) ?? null,
  );
  byCategory.delete(null);
  const categories = ranked([...byCategory].map(([category, own]) => sellingOf(category!, own))).slice(0, 20);
  return {
    items: best.map((one) => ({
      metric_date: date,
      item_id: idOut(one.name),
      category: itemCategory.get(one.name) ?? null,
      ...shown(one),
    })),
    categories: categories.map((one) => ({ metric_date: date, category: one.name, ...shown(one) })),
  };
}

/** `recent`, `previous`: events of the three days each. */
export function recountTrending(recent: readonly ShopEvent[], previous: readonly ShopEvent[], date: string): Figures[] {
  const clicksOf = (events: readonly ShopEvent[], item: string) => events.filter((event) => event.kind === CLICK && event.item === item);
  const items = new Set(recent.filter(({ kind }) => kind === CLICK).map(({ item }) => item!));
  const rows = [...items].map((item) => {
    const clicks = clicksOf(recent, item), before = clicksOf(previous, item).length;
    return {
      item,
      category: categoryOf(clicks),
      recent: clicks.length,
      before,
      bought: recent.filter((event) => event.kind === PURCHASE && event.item === item).length,
    };
  }).filter(({ recent }) => recent >= 10);
  rows.sort((a, b) => {
    const left = (a.recent + 10) * (b.before + 10), right = (b.recent + 10) * (a.before + 10);
    return right - left || b.recent - a.recent || compareIds(a.item, b.item);
  });
  return rows.slice(0, 100).map(({ item, category, recent, before, bought }, i) => ({
    metric_date: date,
    item_id: idOut(item),
    category,
    recent_clicks: recent,
    recent_purchases: bought,
    previous_clicks: before,
    trend_score: exactShare(recent + 10, before + 10, 6),
    rank: i + 1,
  }));
}
