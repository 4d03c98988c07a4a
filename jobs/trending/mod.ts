// trending: items whose clicks rise, three finished days against the three before. Days without events count as days without clicks.

import { limits } from "../../src/limits.ts";
import { count, date, id, optionalCategory, ratio, rowSchema } from "../columns.ts";
import type { DayJob, ResultTable } from "../job.ts";
import { dayAfter } from "../local_day.ts";
import trendingSql from "./trending.sql" with { type: "text" };

/** Days compared: the recent ones and the ones before together. */
const DAYS = 6;

export const trendingColumns = {
  metric_date: date("The last of the three recent days"),
  item_id: id("The item; canonical integers are numbers"),
  category: optionalCategory("The most frequent category among the item's recent clicks, of equally frequent ones the smaller"),
  recent_clicks: count("clicks", "Clicks on the item in the last three finished days; 10 or more"),
  recent_purchases: count("purchases", "Purchases of the item in the last three finished days"),
  previous_clicks: count("clicks", "Clicks on the item in the three days before"),
  trend_score: ratio("times", "(recent clicks + 10) / (previous clicks + 10): above 1 the item rises"),
  rank: count("place", "Place by score, then recent clicks, then id, from 1"),
};

export const trendingTable: ResultTable = {
  name: "trending",
  description: "Items whose clicks rise: the last three finished days against the three before",
  columns: trendingColumns,
  schema: rowSchema(trendingColumns).openapi("TrendingItem"),
  order: "rank",
};

export const trending: DayJob = {
  name: "trending",
  description: "Items whose clicks rise, over the last six finished days",
  dependsOn: ["daily_metrics"],
  per: "lake",
  tables: [trendingTable],
  days: (finished, date) => finished.filter((day) => day > dayAfter(date, -DAYS) && day <= date),
  async run(desk) {
    await desk.showDays();
    await desk.context.beforeStep?.("query");
    await desk.bound(limits.trendingMax);
    return { results: [await desk.result(trendingTable, trendingSql)] };
  },
};
