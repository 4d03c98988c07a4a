// The categories of a day, by the chosen figure.

import { useMemo } from "preact/hooks";
import { traffic } from "../../shell/address.ts";
import type { ItemFigures } from "../../shell/answers.ts";
import { counted, day } from "../../shell/format.ts";
import { useResource } from "../../shell/resource.ts";
import { ChartFigure } from "../../parts/chart_figure.tsx";
import { Loaded } from "../../parts/notice.tsx";
import type { Column } from "../../parts/table.tsx";
import { Bars } from "./bars.tsx";
import { figureColumns, type Measure, measureOf, nameOf } from "./figures.ts";

/** As many categories as the API keeps of a day. */
const CATEGORIES_MAX = 20;

interface Category extends ItemFigures {
  readonly category: string;
}

const columns: readonly Column<Category>[] = [
  { key: "category", label: "Category", value: (row) => row.category, means: ["Category", "category"] },
  ...figureColumns<Category>("Category"),
];

export function Categories({ date, by }: { date: string; by: Measure }) {
  const found = useResource<Category[]>(`/items/categories/${date}?limit=${CATEGORIES_MAX}&traffic=${traffic.value}`);
  return <Loaded of={found} what="categories">{(rows) => <CategoryBars date={date} by={by} rows={rows} />}</Loaded>;
}

function CategoryBars({ date, by, rows }: { date: string; by: Measure; rows: readonly Category[] }) {
  const { label, figure, show } = measureOf[by];
  const sorted = useMemo(() => rows.filter((row) => row[figure] > 0).sort((a, b) => b[figure] - a[figure] || a.rank - b.rank), [
    rows,
    figure,
  ]);
  const series = useMemo(() => [{ label, value: (row: Category) => row[figure], show }], [by]);
  const first = sorted[0];
  const among = rows.length === CATEGORIES_MAX ? ` These are the ${CATEGORIES_MAX} categories with the most revenue.` : "";
  const summary = first === undefined
    ? ""
    : `${day(date)}: of ${counted(sorted.length, "category", "categories")}, ${nameOf(first.category)} leads with ${show(first[figure])}${
      by === "revenue" ? "" : ` ${by}`
    }.${among}`;
  return (
    <ChartFigure
      title={`Categories by ${by}`}
      means={["Category", figure]}
      note="What names no category is in none of them."
      summary={summary}
      columns={columns}
      rows={sorted}
      rowKey={(row) => row.category}
      fileName={`categories_by_${by}_${date}`}
      empty={rows.length === 0 ? "No event of this day names a category." : `No category has ${by} on this day.`}
      chart={(handle) => <Bars handle={handle} rows={sorted} name={(row) => row.category} series={series} />}
    />
  );
}
