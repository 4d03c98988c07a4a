// Sessions of the last half hour: how long they stay and how much they click. Bots stand apart.

import { useCallback } from "preact/hooks";
import { ChartFigure } from "../../parts/chart_figure.tsx";
import { axis, EChart, tooltip } from "../../parts/echart.tsx";
import type { Column } from "../../parts/table.tsx";
import { count, counted, duration } from "../../shell/format.ts";
import { colour } from "../../shell/theme.ts";
import type { LiveFigures } from "../../shell/live_figures.ts";

type Session = LiveFigures["sessions_shown"][number];

const columns: readonly Column<Session>[] = [
  { key: "session_id", label: "Session", value: ({ session_id }) => session_id, show: ({ session_id }) => String(session_id) },
  {
    key: "duration_s",
    label: "Length",
    value: (one) => one.duration_s,
    show: (one) => duration(one.duration_s),
    numeric: true,
    means: ["LiveSession", "duration_s"],
  },
  { key: "clicks", label: "Clicks", value: ({ clicks }) => clicks, numeric: true, means: ["LiveSession", "clicks"] },
  { key: "items", label: "Items", value: ({ items }) => items, numeric: true, means: ["LiveSession", "items"] },
  { key: "kind", label: "Seen as", value: kindOf },
];

const kinds = ["visitor", "buyer", "flagged"] as const;
const symbols = { visitor: "circle", buyer: "triangle", flagged: "diamond" } as const;
const colours = { visitor: "series-1", buyer: "series-3", flagged: "series-2" } as const;

function kindOf({ bought, flagged }: Session): (typeof kinds)[number] {
  return flagged ? "flagged" : bought ? "buyer" : "visitor";
}

export function SessionScatter({ sessions, inAll }: { sessions: readonly Session[]; inAll: number }) {
  // By kind, then by clicks: the order in which the arrow keys go is that of the points drawn.
  const rows = kinds.flatMap((kind) => sessions.filter((one) => kindOf(one) === kind).toSorted((a, b) => b.clicks - a.clicks));
  const option = useCallback(() => ({
    tooltip: tooltip({
      trigger: "item",
      formatter: ({ data }: { data: { name: string; value: [number, number] } }) =>
        `Session ${data.name}\n${duration(data.value[0])}, ${counted(data.value[1], "click")}`,
    }),
    xAxis: axis({
      type: "value",
      name: "Length, min",
      nameLocation: "middle",
      nameGap: 28,
      axisLabel: { formatter: (s: number) => `${s / 60}` },
      interval: 300,
    }),
    yAxis: axis({ type: "log", name: "Clicks", min: 1 }),
    grid: { left: 8, right: 16, top: 40, bottom: 24, containLabel: true },
    series: kinds.map((kind) => ({
      type: "scatter",
      name: kind,
      symbol: symbols[kind],
      symbolSize: kind === "flagged" ? 12 : 7,
      itemStyle: { color: colour(colours[kind]), opacity: 0.75 },
      data: rows.filter((one) => kindOf(one) === kind).map((one) => ({
        name: String(one.session_id),
        value: [one.duration_s, Math.max(1, one.clicks)],
      })),
    })),
  }), [sessions]);
  // The sum comes by the feed every second, and may be ahead.
  const among = sessions.length >= inAll ? counted(sessions.length, "session") : `${count(sessions.length)} of ${count(inAll)} sessions`;
  const flagged = sessions.filter((one) => one.flagged).length;
  const buyers = sessions.filter((one) => kindOf(one) === "buyer").length;
  return (
    <ChartFigure
      title="Sessions by length and clicks"
      summary={`${among} of the last 30 minutes: ${count(buyers)} bought, ${count(flagged)} flagged as bots.`}
      columns={columns}
      rows={rows}
      rowKey={({ session_id }) => String(session_id)}
      fileName="live_sessions"
      chart={(handle) => <EChart option={option} handle={handle} height={320} pointAt={(index) => pointAt(rows, index)} />}
    />
  );
}

/** Which series draws a row, and where in it. */
function pointAt(rows: readonly Session[], index: number): { seriesIndex: number; dataIndex: number } {
  const kind = kindOf(rows[index]);
  return { seriesIndex: kinds.indexOf(kind), dataIndex: index - rows.findIndex((one) => kindOf(one) === kind) };
}
