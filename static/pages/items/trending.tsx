// Items whose clicks rise, three days against the three before, for the newest day that is counted.

import { useMemo } from "preact/hooks";
import { traffic } from "../../shell/address.ts";
import type { DayState, TrendingItem } from "../../shell/answers.ts";
import { addDays, count, day } from "../../shell/format.ts";
import { useResource } from "../../shell/resource.ts";
import { ChartFigure } from "../../parts/chart_figure.tsx";
import { useCountedDays } from "../../parts/day_choice.tsx";
import { DayStateNotice, Loaded } from "../../parts/notice.tsx";
import type { Column } from "../../parts/table.tsx";
import { Bars } from "./bars.tsx";
import { nameOf, times } from "./figures.ts";

const columns: readonly Column<TrendingItem>[] = [
  { key: "item_id", label: "Item", value: (row) => row.item_id, means: ["TrendingItem", "item_id"] },
  {
    key: "category",
    label: "Category",
    value: (row) => row.category,
    show: (row) => row.category ?? "none",
    means: ["TrendingItem", "category"],
  },
  {
    key: "recent_clicks",
    label: "Clicks, last 3 days",
    numeric: true,
    value: (row) => row.recent_clicks,
    show: (row) => count(row.recent_clicks),
    means: ["TrendingItem", "recent_clicks"],
  },
  {
    key: "previous_clicks",
    label: "Clicks, 3 days before",
    numeric: true,
    value: (row) => row.previous_clicks,
    show: (row) => count(row.previous_clicks),
    means: ["TrendingItem", "previous_clicks"],
  },
  {
    key: "recent_purchases",
    label: "Purchases, last 3 days",
    numeric: true,
    value: (row) => row.recent_purchases,
    show: (row) => count(row.recent_purchases),
    means: ["TrendingItem", "recent_purchases"],
  },
  {
    key: "trend_score",
    label: "Rise",
    numeric: true,
    value: (row) => row.trend_score,
    show: (row) => times(row.trend_score),
    means: ["TrendingItem", "trend_score"],
  },
];

const series = [
  { label: "Last 3 days", value: (row: TrendingItem) => row.recent_clicks, show: count },
  { label: "3 days before", value: (row: TrendingItem) => row.previous_clicks, show: count },
];

export function Trending() {
  const found = useResource<TrendingItem[]>(`/items/trending?limit=10&traffic=${traffic.value}`);
  const date = found.headers?.get("Day") ?? null, state = found.headers?.get("Day-State") as DayState | null ?? "finished";
  return (
    <section class="section">
      <h2>Rising now</h2>
      <p class="aside">
        Always for the newest day that is counted, whatever day is chosen above{date === null ? "" : `: ${day(date)}`}.
      </p>
      {found.data !== null && <DayStateNotice state={state} date="Rising items" />}
      <Loaded of={found} what="rising items">
        {(rows) => <TrendingBars rows={rows} date={date} />}
      </Loaded>
    </section>
  );
}

function TrendingBars({ rows, date }: { rows: readonly TrendingItem[]; date: string | null }) {
  const days = useCountedDays();
  const rising = useMemo(() => rows.filter((row) => row.trend_score > 1), [rows]);
  const hasBefore = date !== null && days?.some(({ metric_date }) => metric_date >= addDays(date, -5) && metric_date <= addDays(date, -3));
  const note = days === null || hasBefore ? "" : " No day before these three is counted yet, so all of their clicks are a rise.";
  const first = rising[0];
  const summary = first === undefined
    ? ""
    : `${nameOf(first.item_id)} rises most: ${count(first.recent_clicks)} clicks after ${count(first.previous_clicks)}, a score of ${
      times(first.trend_score)
    }.${note}`;
  return (
    <ChartFigure
      title="Clicks of the last three days against the three before"
      means={["TrendingItem", "trend_score"]}
      summary={summary}
      columns={columns}
      rows={rising}
      rowKey={(row) => `${typeof row.item_id} ${row.item_id}`}
      fileName={`rising_items_${date ?? "newest"}`}
      empty={rows.length === 0
        ? "No item was clicked 10 times or more in the last three days; fewer clicks are too few to speak of a rise."
        : "No item has more clicks than in the three days before."}
      chart={(handle) => <Bars handle={handle} rows={rising} name={(row) => row.item_id} series={series} />}
    />
  );
}
