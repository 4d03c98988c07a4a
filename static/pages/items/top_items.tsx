// The ten first items of a day by the chosen figure, and the table of all that are kept.

import { useMemo } from "preact/hooks";
import type { PopularItem } from "../../shell/answers.ts";
import { counted, day } from "../../shell/format.ts";
import { ChartFigure } from "../../parts/chart_figure.tsx";
import { Table } from "../../parts/table.tsx";
import { Bars } from "./bars.tsx";
import { itemColumns, type Measure, measureOf, nameOf } from "./figures.ts";

const TOP = 10;
/** As many items as the API keeps by each figure. */
export const ITEMS_MAX = 100;

export interface ItemsOfDay {
  readonly date: string;
  readonly by: Measure;
  readonly rows: readonly PopularItem[];
}

const keyOf = (row: PopularItem) => `${typeof row.item_id} ${row.item_id}`;

export function TopItems({ date, by, rows }: ItemsOfDay) {
  const { label, figure, show } = measureOf[by];
  const top = useMemo(() => rows.slice(0, TOP).filter((row) => row[figure] > 0), [rows, figure]);
  const series = useMemo(() => [{ label, value: (row: PopularItem) => row[figure], show }], [by]);
  const first = top[0];
  const summary = first === undefined
    ? ""
    : `${day(date)}: ${nameOf(first.item_id)} leads with ${show(first[figure])}${by === "revenue" ? "" : ` ${by}`}${
      top.length > 1 ? `; ${nameOf(top[top.length - 1].item_id)} is number ${top.length} with ${show(top[top.length - 1][figure])}` : ""
    }.`;
  return (
    <ChartFigure
      title={`Top ${TOP} items by ${by}`}
      means={["PopularItem", figure]}
      summary={summary}
      columns={itemColumns}
      rows={top}
      rowKey={keyOf}
      fileName={`top_items_by_${by}_${date}`}
      empty={by === "clicks" ? "Nothing was clicked on this day." : "Nothing was bought on this day."}
      chart={(handle) => <Bars handle={handle} rows={top} name={(row) => row.item_id} series={series} />}
    />
  );
}

export function AllItems({ date, by, rows }: ItemsOfDay) {
  const which = rows.length < ITEMS_MAX
    ? `All ${counted(rows.length, "item")} of the day, by ${by}.`
    : `The ${ITEMS_MAX} items with the most ${by}; choose another order above to see the first ${ITEMS_MAX} by that.`;
  return (
    <section class="section">
      <h2>All items</h2>
      <p class="aside">{which} A head of the table sorts these rows.</p>
      <Table
        caption={`Items of ${day(date)} by ${by}`}
        columns={itemColumns}
        rows={rows}
        rowKey={keyOf}
        fileName={`items_by_${by}_${date}`}
      />
    </section>
  );
}
