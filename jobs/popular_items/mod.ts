// popular_items: what sold and what was looked at on a day, by item and by category.

import { limits } from "../../src/limits.ts";
import { category, count, date, id, money, optionalCategory, ratio, rowSchema } from "../columns.ts";
import type { DayJob, ResultTable } from "../job.ts";
import categoriesSql from "./categories.sql" with { type: "text" };
import itemTotalsSql from "./item_totals.sql" with { type: "text" };
import popularItemsSql from "./popular_items.sql" with { type: "text" };

const metric_date = date("The local day, in the shop's time zone");
const click_to_purchase_ratio = ratio("purchases per click", "Purchases divided by clicks; 0 without clicks");

export const popularItemsColumns = {
  metric_date,
  item_id: id("The item; canonical integers are numbers"),
  category: optionalCategory("The most frequent category among the item's clicks of the day, of equally frequent ones the smaller"),
  click_count: count("clicks", "Clicks on the item"),
  purchase_count: count("purchases", "Purchases of the item, whatever their price and currency"),
  revenue: money("Sum of price times quantity in the shop's currency, exact"),
  rank: count("place", "Place by revenue, then clicks, then id, from 1"),
  click_to_purchase_ratio,
};

export const categoriesColumns = {
  metric_date,
  category: category("The category"),
  click_count: count("clicks", "Clicks that name this category"),
  purchase_count: count("purchases", "Purchases of items whose category this is"),
  revenue: money("Sum of price times quantity of those purchases in the shop's currency, exact"),
  rank: count("place", "Place by revenue, then clicks, then category, from 1"),
  click_to_purchase_ratio,
};

export const popularItemsTable: ResultTable = {
  name: "popular_items",
  description: `The first ${limits.popularItemsMax} items of a day by revenue, then clicks, then id, and besides them ` +
    `the first ${limits.popularItemsMax} by clicks and by purchases`,
  columns: popularItemsColumns,
  schema: rowSchema(popularItemsColumns).openapi("PopularItem"),
  order: "rank",
};

export const categoriesTable: ResultTable = {
  name: "categories",
  description: `The first ${limits.categoriesMax} categories of a day by revenue, then clicks, then name`,
  columns: categoriesColumns,
  schema: rowSchema(categoriesColumns).openapi("Category"),
  order: "rank",
};

export const popularItems: DayJob = {
  name: "popular_items",
  description: "Items and categories of a day by revenue and clicks",
  dependsOn: ["daily_metrics"],
  per: "day",
  tables: [popularItemsTable, categoriesTable],
  async run(desk) {
    await desk.showDays();
    await desk.context.beforeStep?.("query");
    await desk.run(itemTotalsSql);
    await desk.bound(limits.popularItemsMax);
    const items = await desk.result(popularItemsTable, popularItemsSql);
    await desk.bound(limits.categoriesMax);
    return { results: [items, await desk.result(categoriesTable, categoriesSql)] };
  },
};
