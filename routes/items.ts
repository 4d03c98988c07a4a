// What sold and what was looked at: items and categories of a day, and items that rise.

import { z } from "@hono/zod-openapi";
import { categoriesTable, popularItemsTable, type ResultTable, trendingTable } from "../jobs/mod.ts";
import { limits } from "../src/limits.ts";
import { dateInPath, dayHeaders, newestResult, notModified, resultOfDay, rowsAnswer, trafficParameter } from "../src/web/day_answer.ts";
import { endpoint } from "../src/web/endpoint.ts";
import { wholeNumber } from "../src/web/parameters.ts";

const TAG = "Items";
const TRENDING_DEFAULT = 10;

const figures = { click_count: 1_204, purchase_count: 31, revenue: 1_549.69, rank: 1, click_to_purchase_ratio: 0.025748 };
const popularExample = { metric_date: "2014-04-07", item_id: 214_826_802, category: "S", ...figures };
const categoryExample = { metric_date: "2014-04-07", category: "S", ...figures };
const trendingExample = {
  metric_date: "2014-04-07",
  item_id: 214_826_802,
  category: "S",
  recent_clicks: 410,
  recent_purchases: 12,
  previous_clicks: 95,
  trend_score: 4,
  rank: 1,
};

/** The rows of a table of one day, by rank. */
function itemsOfDay(path: string, table: ResultTable, max: number, example: unknown, summary: string) {
  return endpoint({
    method: "get",
    path,
    tag: TAG,
    summary,
    description: `${table.description}. A purchase counts for its item's most frequent category of the day.`,
    params: z.object({ date: dateInPath }),
    query: z.object({ limit: wholeNumber(1, max, max, { means: "Rows, at the most" }), traffic: trafficParameter }),
    answers: {
      200: { means: "The first ones by rank", schema: z.array(table.schema), example: [example], headers: dayHeaders },
      304: notModified,
    },
    problems: ["not_found"],
    handle: async ({ c, service, path: { date }, query: { limit, traffic } }) => {
      const result = await resultOfDay(service, table.name, date, traffic);
      const [state] = await service.dayStates.of([date]);
      return rowsAnswer(c, result, state, limit);
    },
  });
}

export const popularItems = itemsOfDay(
  "/items/popular/{date}",
  popularItemsTable,
  limits.popularItemsMax,
  popularExample,
  "Items of a day by revenue",
);

export const categories = itemsOfDay(
  "/items/categories/{date}",
  categoriesTable,
  limits.categoriesMax,
  categoryExample,
  "Categories of a day by revenue",
);

export const trendingItems = endpoint({
  method: "get",
  path: "/items/trending",
  tag: TAG,
  summary: "Items whose clicks rise",
  description: `${trendingTable.description}. Items with 10 clicks or more in the last three.`,
  query: z.object({
    limit: wholeNumber(1, limits.trendingMax, TRENDING_DEFAULT, { means: "Rows, at the most" }),
    traffic: trafficParameter,
  }),
  answers: {
    200: { means: "The first ones by score", schema: z.array(trendingTable.schema), example: [trendingExample], headers: dayHeaders },
    304: notModified,
  },
  problems: ["not_found"],
  handle: async ({ c, service, query: { limit, traffic } }) => {
    const { result, state } = await newestResult(service, "trending", traffic);
    return rowsAnswer(c, result, state, limit);
  },
});
