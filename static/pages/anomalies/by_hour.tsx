// Anomalies by the hour in which their window began, as bars.

import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import { ChartFigure } from "../../parts/chart_figure.tsx";
import type { Column } from "../../parts/table.tsx";
import { TimeSeries } from "../../parts/time_series.tsx";
import type { HourCount } from "../../shell/answers.ts";
import { count, counted, instant } from "../../shell/format.ts";

const columns: readonly Column<HourCount>[] = [
  { key: "hour", label: "Hour", value: ({ hour }) => hour, show: ({ hour }) => instant(hour, { seconds: false }) },
  { key: "count", label: "Anomalies", value: ({ count }) => count, show: (row) => count(row.count), numeric: true },
];

export function ByHour({ title, words, hours, fileName, height, choice }: {
  title: string;
  /** The stretch that the hours cover. */
  words: string;
  hours: readonly HourCount[];
  fileName: string;
  height?: number;
  choice?: ComponentChildren;
}) {
  const times = useMemo(() => hours.map(({ hour }) => Date.parse(hour)), [hours]);
  const series = useMemo(() => [{ label: "Anomalies", kind: "bars" as const, values: hours.map((row) => row.count) }], [hours]);
  const sum = total(hours);
  const most = hours.reduce<HourCount | null>((found, row) => found === null || row.count > found.count ? row : found, null);
  const peak = most === null || sum === 0
    ? ""
    : `; the most, ${count(most.count)}, in the hour from ${instant(most.hour, { seconds: false })}`;
  return (
    <ChartFigure
      title={title}
      note="Confirmed anomalies by the hour in which their window began."
      summary={`${counted(sum, "anomaly", "anomalies")} in ${words}${peak}.`}
      columns={columns}
      rows={sum === 0 ? [] : hours}
      rowKey={({ hour }) => hour}
      fileName={fileName}
      empty="None in this time. A session that behaves like a bot shows up here within a moment."
      chart={(handle) => <TimeSeries times={times} series={series} handle={handle} height={height} />}
      choice={choice}
    />
  );
}

export function total(rows: readonly { readonly count: number }[]): number {
  return rows.reduce((sum, row) => sum + row.count, 0);
}
