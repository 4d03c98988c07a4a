// The figures of a day: how each is named and shown. Both the tiles and the table go by this list, so they cannot disagree.

import type { Day } from "../../shell/answers.ts";
import { ratePercent } from "../../shell/comparison.ts";
import { count, decimal, duration, type Maybe, money } from "../../shell/format.ts";

type FieldOfDay = Exclude<keyof Day, "metric_date" | "state" | "finished_at">;

export interface Figure {
  readonly field: FieldOfDay;
  readonly name: string;
  /** count: adds up, so flagged sessions have a part of it; share: 0 to 1, compared in points; other: a mean, say. */
  readonly kind: "count" | "share" | "other";
  readonly show: (value: Maybe) => string;
  /** Whether it has a tile; the table has them all. */
  readonly tile: boolean;
}

export const figures: readonly Figure[] = [
  { field: "total_clicks", name: "Clicks", kind: "count", show: count, tile: true },
  { field: "unique_sessions", name: "Sessions", kind: "count", show: count, tile: true },
  { field: "total_purchases", name: "Purchases", kind: "count", show: count, tile: true },
  { field: "conversion_rate", name: "Conversion rate", kind: "share", show: ratePercent, tile: true },
  { field: "total_revenue", name: "Revenue", kind: "count", show: money, tile: true },
  { field: "avg_order_value", name: "Average order value", kind: "other", show: money, tile: true },
  { field: "avg_session_duration_sec", name: "Session length", kind: "other", show: duration, tile: true },
  { field: "avg_clicks_per_session", name: "Clicks per session", kind: "other", show: (value) => decimal(value, 1), tile: true },
  { field: "unique_items", name: "Items", kind: "other", show: count, tile: false },
  { field: "avg_basket_value", name: "Average basket value", kind: "other", show: money, tile: false },
  { field: "purchases_without_price", name: "Purchases without a price", kind: "count", show: count, tile: false },
  { field: "purchases_other_currency", name: "Purchases in another currency", kind: "count", show: count, tile: false },
];
