// What the charts and tables of items share: the figure that everything is in order of, columns with their meaning, and names in words.

import { param } from "../../shell/address.ts";
import type { Id, ItemFigures, PopularItem } from "../../shell/answers.ts";
import { count, decimal, type Maybe, money } from "../../shell/format.ts";
import type { Column } from "../../parts/table.tsx";

export const measures = ["revenue", "clicks", "purchases"] as const;
export type Measure = (typeof measures)[number];

type Figure = "revenue" | "click_count" | "purchase_count";
export const measureOf: Readonly<Record<Measure, { label: string; figure: Figure; show: (value: Maybe) => string }>> = {
  revenue: { label: "Revenue", figure: "revenue", show: money },
  clicks: { label: "Clicks", figure: "click_count", show: count },
  purchases: { label: "Purchases", figure: "purchase_count", show: count },
};

/** The figure that the address names; revenue where it names none. */
export function chosenMeasure(): Measure {
  const named = param("by");
  return measures.find((measure) => measure === named) ?? "revenue";
}

/** Characters of a name that a chart or a sentence shows; tables show all of it. */
const NAME_SHOWN = 40;

/** A name for a sentence or a chart: kept apart from the direction of the text around it, and cut where it is long. */
export function nameOf(id: Id): string {
  const letters = [...String(id).replaceAll(/\p{Cc}+/gu, " ")];
  return `\u2068${letters.length > NAME_SHOWN ? `${letters.slice(0, NAME_SHOWN - 1).join("")}…` : letters.join("")}\u2069`;
}

/** Text for a tooltip on the canvas, where `{name|` would begin a style. */
export function plain(text: string): string {
  return text.replaceAll("{", "{\u200b");
}

/** Purchases for 100 clicks; more than 100% where an item is bought more often than clicked. */
export function conversion(row: ItemFigures): string {
  return row.click_count === 0 ? "no clicks" : `${decimal(100 * (row.click_to_purchase_ratio ?? 0), 2)}%`;
}

/** Columns of figures; schema: whose meaning they have. */
export function figureColumns<Row extends ItemFigures>(schema: "PopularItem" | "Category"): Column<Row>[] {
  const means = (field: string) => [schema, field] as const;
  return [
    {
      key: "click_count",
      label: "Clicks",
      numeric: true,
      value: (row) => row.click_count,
      show: (row) => count(row.click_count),
      means: means("click_count"),
    },
    {
      key: "purchase_count",
      label: "Purchases",
      numeric: true,
      value: (row) => row.purchase_count,
      show: (row) => count(row.purchase_count),
      means: means("purchase_count"),
    },
    {
      key: "revenue",
      label: "Revenue",
      numeric: true,
      value: (row) => row.revenue,
      show: (row) => money(row.revenue),
      means: means("revenue"),
    },
    {
      key: "click_to_purchase_ratio",
      label: "Conversion",
      numeric: true,
      value: (row) => row.click_to_purchase_ratio,
      show: conversion,
      means: means("click_to_purchase_ratio"),
      note: "Shown as percent.",
    },
  ];
}

export const itemColumns: readonly Column<PopularItem>[] = [
  { key: "item_id", label: "Item", value: (row) => row.item_id, means: ["PopularItem", "item_id"] },
  {
    key: "category",
    label: "Category",
    value: (row) => row.category,
    show: (row) => row.category ?? "none",
    means: ["PopularItem", "category"],
  },
  ...figureColumns<PopularItem>("PopularItem"),
  {
    key: "rank",
    label: "Place by revenue",
    numeric: true,
    value: (row) => row.rank,
    show: (row) => count(row.rank),
    means: ["PopularItem", "rank"],
  },
];

/** A factor such as `2.4×`. */
export function times(value: Maybe): string {
  return `${decimal(value, 1)}×`;
}
