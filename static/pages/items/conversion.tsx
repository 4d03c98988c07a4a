// Looked at and bought: each item a point, clicks to the right, purchases for 100 clicks upwards, the larger the more revenue.

import { useCallback, useMemo } from "preact/hooks";
import type { Ref } from "preact";
import type { PopularItem } from "../../shell/answers.ts";
import { count, counted, money, percent, short } from "../../shell/format.ts";
import { axis, EChart, type Option, tooltip } from "../../parts/echart.tsx";
import { ChartFigure, type ChartHandle } from "../../parts/chart_figure.tsx";

import { conversion, itemColumns, nameOf, plain } from "./figures.ts";
import type { ItemsOfDay } from "./top_items.tsx";

/** From this range of clicks on, an even axis would crowd most items at its beginning. */
const LOG_FROM = 20;
const POINT_PX = 7, POINT_MAX_PX = 36;

export function Conversion({ date, by, rows }: ItemsOfDay) {
  const clicked = useMemo(
    () => rows.filter((row) => row.click_count > 0).sort((a, b) => a.click_count - b.click_count || a.rank - b.rank),
    [rows],
  );
  const without = rows.length - clicked.length;
  const clicks = clicked.reduce((sum, row) => sum + row.click_count, 0);
  const purchases = clicked.reduce((sum, row) => sum + row.purchase_count, 0);
  const best = clicked.reduce<PopularItem | null>((found, row) => ratioOf(row) > (found === null ? 0 : ratioOf(found)) ? row : found, null);
  const parts = [
    `${counted(clicked.length, "item")} first by ${by}: ${counted(purchases, "purchase")} for ${counted(clicks, "click")}.`,
    best === null ? "" : `${nameOf(best.item_id)} sells best for its clicks, ${conversion(best)} of ${counted(best.click_count, "click")}.`,
    without === 0 ? "" : `${counted(without, "item")} bought without a click cannot be placed here.`,
  ];
  return (
    <ChartFigure
      title="Conversion by item"
      means={["PopularItem", "click_to_purchase_ratio"]}
      note="Far right and low: looked at often, bought seldom. The larger the point, the more revenue."
      summary={parts.filter((part) => part !== "").join(" ")}
      columns={itemColumns}
      rows={clicked}
      rowKey={(row) => `${typeof row.item_id} ${row.item_id}`}
      fileName={`conversion_${date}`}
      empty="Nothing was clicked on this day."
      chart={(handle) => <Scatter handle={handle} rows={clicked} />}
    />
  );
}

function ratioOf(row: PopularItem): number {
  return row.click_to_purchase_ratio ?? 0;
}

function Scatter({ handle, rows }: { handle: Ref<ChartHandle>; rows: readonly PopularItem[] }) {
  const option = useCallback((): Option => {
    const most = rows.reduce((max, row) => Math.max(max, row.revenue), 0);
    const wide = rows[rows.length - 1].click_count / rows[0].click_count >= LOG_FROM;
    return {
      grid: { left: 8, right: 28, top: 28, bottom: 24, containLabel: true },
      legend: { show: false },
      tooltip: tooltip({ trigger: "item", formatter: ({ dataIndex }: { dataIndex: number }) => told(rows[dataIndex]) }),
      xAxis: axis({
        type: wide ? "log" : "value",
        name: wide ? "Clicks (steps of × 10)" : "Clicks",
        nameLocation: "middle",
        nameGap: 28,
        min: wide ? undefined : 0,
        minInterval: 1,
        axisLabel: { hideOverlap: true, formatter: short },
      }),
      yAxis: axis({
        type: "value",
        name: "Purchases for each click",
        nameTextStyle: { align: "left" },
        min: 0,
        axisLabel: { formatter: (value: number) => percent(value) },
      }),
      series: [{
        type: "scatter",
        name: "Items",
        data: rows.map((row) => ({
          value: [row.click_count, row.click_to_purchase_ratio ?? 0],
          symbolSize: most === 0 ? POINT_PX : POINT_PX + Math.sqrt(row.revenue / most) * (POINT_MAX_PX - POINT_PX),
        })),
        itemStyle: { opacity: 0.55 },
        emphasis: { itemStyle: { opacity: 1, borderWidth: 3 } },
      }],
    };
  }, [rows]);
  return <EChart option={option} handle={handle} height={340} />;
}

function told(row: PopularItem): string {
  const lines = [
    nameOf(row.item_id),
    `Clicks: ${count(row.click_count)}`,
    `Purchases: ${count(row.purchase_count)}`,
    `Conversion: ${conversion(row)}`,
    `Revenue: ${money(row.revenue)}`,
  ];
  return lines.map(plain).join("\n");
}
