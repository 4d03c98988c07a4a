// The clicks of a session as the strip chart shows them: in order, and by item. What always holds: every click has a row, and there are never
// more rows than can be told apart, as the items that were clicked least share the last one. Pure.

import type { Id } from "../../shell/answers.ts";

export interface Click {
  readonly timestamp: string;
  /** ms since the epoch. */
  readonly at: number;
  readonly item_id: Id | null;
  /** The item, told apart by kind too: 1 is another item than "1". */
  readonly itemKey: string;
  readonly category: string | null;
  readonly inWindow: boolean;
  readonly partition: number;
  readonly offset: number;
}

/** A row of the chart. others: it stands for more than one item. */
export interface ItemRow {
  readonly label: string;
  readonly ids: readonly string[];
  readonly clicks: number;
  readonly others: boolean;
}

interface Happened {
  readonly timestamp: string;
  readonly kind: string;
  readonly item_id: Id | null;
  readonly category?: string | null;
  readonly partition: number;
  readonly offset: number;
}

const ROWS_MAX = 8;

/** The clicks among events, oldest first. start, end: of the window, ms; end is not in it. */
export function clicksOf(events: readonly Happened[], start: number, end: number): Click[] {
  return events.filter(({ kind }) => kind === "click").map(({ timestamp, item_id, category = null, partition, offset }) => {
    const at = Date.parse(timestamp);
    return { timestamp, at, item_id, itemKey: JSON.stringify(item_id), category, inWindow: at >= start && at < end, partition, offset };
  }).sort((a, b) => a.at - b.at);
}

/** The items of clicks, those clicked most first. */
export function itemRows(clicks: readonly Click[]): ItemRow[] {
  const items = [...Map.groupBy(clicks, ({ itemKey }) => itemKey)]
    .map(([id, of]) => ({ label: of[0].item_id === null ? "no item" : String(of[0].item_id), ids: [id], clicks: of.length, others: false }))
    .sort((a, b) => b.clicks - a.clicks);
  if (items.length <= ROWS_MAX) return items;
  const rest = items.slice(ROWS_MAX - 1);
  const clicksOfRest = rest.reduce((sum, { clicks }) => sum + clicks, 0);
  const others = { label: `${rest.length} others`, ids: rest.flatMap(({ ids }) => ids), clicks: clicksOfRest, others: true };
  return [...items.slice(0, ROWS_MAX - 1), others];
}
