// Bars of named things, the greatest on top: one measure, or two side by side.

import { useCallback } from "preact/hooks";
import type { Ref } from "preact";
import { axis, EChart, type Option, tooltip } from "../../parts/echart.tsx";
import type { ChartHandle } from "../../parts/chart_figure.tsx";
import { short } from "../../shell/format.ts";
import { nameOf, plain } from "./figures.ts";

export interface BarSeries<Row> {
  readonly label: string;
  readonly value: (row: Row) => number;
  readonly show: (value: number) => string;
}

export interface BarsProps<Row> {
  readonly handle: Ref<ChartHandle>;
  readonly rows: readonly Row[];
  readonly name: (row: Row) => string | number;
  /** The same list on every render, or the chart is drawn anew. */
  readonly series: readonly BarSeries<Row>[];
}

const ROW_PX = 26, ROW_OF_TWO_PX = 38, AXIS_PX = 44, LEGEND_PX = 32;

export function Bars<Row>({ handle, rows, name, series }: BarsProps<Row>) {
  const several = series.length > 1;
  const option = useCallback((): Option => ({
    grid: { left: 8, right: 24, top: several ? 32 : 8, bottom: 8, containLabel: true },
    ...(several ? {} : { legend: { show: false } }),
    tooltip: tooltip({
      axisPointer: { type: "shadow" },
      formatter: (points: readonly { dataIndex: number }[]) => {
        const row = rows[points[0].dataIndex];
        return [plain(nameOf(name(row))), ...series.map(({ label, value, show }) => `${label}: ${show(value(row))}`)].join("\n");
      },
    }),
    xAxis: axis({ type: "value", minInterval: 1, splitNumber: 4, axisLabel: { hideOverlap: true, formatter: short } }),
    yAxis: axis({
      type: "category",
      inverse: true,
      data: rows.map((row) => nameOf(name(row))),
      axisLabel: { width: 110, overflow: "truncate", interval: 0 },
      splitLine: { show: false },
    }),
    series: series.map(({ label, value }) => ({
      type: "bar",
      name: label,
      data: rows.map(value),
      barMaxWidth: 22,
      emphasis: { focus: "none", itemStyle: { opacity: 0.7 } },
    })),
  }), [rows, series]);
  const height = rows.length * (several ? ROW_OF_TWO_PX : ROW_PX) + AXIS_PX + (several ? LEGEND_PX : 0);
  return <EChart option={option} handle={handle} height={height} />;
}
