// What sold and what was looked at: items and categories of a day, and items that rise.

import { z } from "@hono/zod-openapi";
import { categoriesTable, popularItemsTable, type ResultTable, trendingTable } from "../jobs/mod.ts";
import { limits } from "../src/limits.ts";
import type { Result } from "../src/store/results.ts";
import { dateInPath, dayHeaders, newestResult, notModified, resultOfDay, rowsAnswer, trafficParameter } from "../src/web/day_answer.ts";
import { endpoint } from "../src/web/endpoint.ts";
import { oneOf, wholeNumber } from "../src/web/parameters.ts";

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

const BY = ["revenue", "clicks", "purchases"] as const;
const figureOf = { clicks: "click_count", purchases: "purchase_count" } as const;

/** What answers about one day have in common. */
function ofDay(schema: ResultTable["schema"], example: unknown, means: string) {
  return {
    method: "get" as const,
    tag: TAG,
    params: z.object({ date: dateInPath }),
    answers: { 200: { means, schema: z.array(schema), example: [example], headers: dayHeaders }, 304: notModified },
    problems: ["not_found" as const],
  };
}

const rowsLimit = (max: number) => wholeNumber(1, max, max, { means: "Rows, at the most" });

export const popularItems = endpoint({
  ...ofDay(popularItemsTable.schema, popularExample, "The first ones, in order"),
  path: "/items/popular/{date}",
  summary: "Items of a day by revenue, clicks or purchases",
  description:
    `The first ${limits.popularItemsMax} items of a day by one of three figures. Of equal ones the one with the better rank is ` +
    "first; `rank` is the place by revenue, whatever the order.",
  query: z.object({
    by: oneOf(BY, { means: "What they are in order of: revenue where it is left out" }),
    limit: rowsLimit(limits.popularItemsMax),
    traffic: trafficParameter,
  }),
  handle: async ({ c, service, path: { date }, query: { by = "revenue", limit, traffic } }) => {
    const result = await resultOfDay(service, popularItemsTable.name, date, traffic);
    const [state] = await service.dayStates.of([date]);
    return rowsAnswer(c, by === "revenue" ? result : inOrderOf(result, figureOf[by]), state, limit);
  },
});

/** The same rows, the greatest figure first; rows come by rank, and those with equal figures stay so. */
function inOrderOf(result: Result, figure: string): Result {
  return { ...result, rows: result.rows.toSorted((a, b) => Number(b[figure]) - Number(a[figure])) };
}

export const categories = endpoint({
  ...ofDay(categoriesTable.schema, categoryExample, "The first ones by rank"),
  path: "/items/categories/{date}",
  summary: "Categories of a day by revenue",
  description: `${categoriesTable.description}. A purchase counts for its item's most frequent category of the day.`,
  query: z.object({ limit: rowsLimit(limits.categoriesMax), traffic: trafficParameter }),
  handle: async ({ c, service, path: { date }, query: { limit, traffic } }) => {
    const result = await resultOfDay(service, categoriesTable.name, date, traffic);
    const [state] = await service.dayStates.of([date]);
    return rowsAnswer(c, result, state, limit);
  },
});

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
