// What the session clicked around the window: a mark a click, a row an item, the window shaded. What always holds: it says when clicks are
// missing, and shows the evidence alone where the events cannot be read.

import { useCallback, useMemo } from "preact/hooks";
import { ChartFigure } from "../../parts/chart_figure.tsx";
import { axis, EChart, type Option, tooltip } from "../../parts/echart.tsx";
import type { Column } from "../../parts/table.tsx";
import type { Anomaly, SessionEvents } from "../../shell/answers.ts";
import { counted, timeOfDay } from "../../shell/format.ts";
import { useResource } from "../../shell/resource.ts";
import { colour, seriesColours } from "../../shell/theme.ts";
import { type Click, clicksOf, type ItemRow, itemRows } from "./clicks.ts";

const EVENTS_MAX = 2000;
/** A window that has ended does not change any more, and the lake is not read for nothing. */
const EVERY_MS = 600_000, OPEN_EVERY_MS = 30_000;

const columns: readonly Column<Click>[] = [
  { key: "timestamp", label: "Time", value: ({ timestamp }) => timestamp, show: ({ timestamp }) => timeOfDay(timestamp, { millis: true }) },
  { key: "item_id", label: "Item", value: ({ item_id }) => item_id, show: ({ item_id }) => item_id === null ? "none" : String(item_id) },
  { key: "category", label: "Category", value: ({ category }) => category },
  { key: "in_window", label: "In the window", value: ({ inWindow }) => inWindow, show: ({ inWindow }) => inWindow ? "yes" : "no" },
];

export function StripChart({ anomaly }: { anomaly: Anomaly }) {
  const { session_id, anomaly_id, window_start, window_end, evidence, status } = anomaly;
  const start = Date.parse(window_start), end = Date.parse(window_end);
  const since = Math.max(0, start - (end - start)), until = end + (end - start);
  const query = new URLSearchParams({
    since: new Date(since).toISOString(),
    until: new Date(until).toISOString(),
    limit: String(EVENTS_MAX),
  });
  const events = useResource<SessionEvents>(`/sessions/${encodeURIComponent(String(session_id))}/events?${query}`, {
    everyMs: status === "provisional" ? OPEN_EVERY_MS : EVERY_MS,
  });
  const all = events.data?.events.some(({ kind }) => kind === "click") ?? false;
  const from = all ? events.data!.events : evidence;
  // An answer that says the same again is not drawn again.
  const last = from[from.length - 1];
  const clicks = useMemo(() => clicksOf(from, start, end), [all, from.length, last?.timestamp, last?.partition, last?.offset, start, end]);
  const items = useMemo(() => itemRows(clicks), [clicks]);
  const option = useCallback(() => stripOption(clicks, items, { since, until, start, end }), [clicks]);
  if (events.loading && events.data === null) return <div class="loading" role="status">Loading what the session did…</div>;
  return (
    <ChartFigure
      title="What the session clicked"
      note="One mark is one click, one row one item. The shaded part is the window that the rule looked at."
      summary={`${inWords(clicks, items)} ${completeness(events.data, events.error?.message ?? null, all)}`}
      columns={columns}
      rows={clicks}
      rowKey={({ partition, offset }) => `${partition}/${offset}`}
      fileName={`clicks_${anomaly_id}`}
      empty="None of its events can be read any more."
      chart={(handle) => <EChart option={option} handle={handle} height={90 + 30 * items.length} />}
    />
  );
}

function inWords(clicks: readonly Click[], items: readonly ItemRow[]): string {
  const within = clicks.filter(({ inWindow }) => inWindow).length;
  const [busiest] = items.filter(({ others }) => !others);
  const most = busiest === undefined ? "" : `; most on item ${busiest.label} (${counted(busiest.clicks, "click")})`;
  return `${counted(clicks.length, "click")}, ${within} of them in the window${most}.`;
}

function completeness(answer: SessionEvents | null, error: string | null, shown: boolean): string {
  if (!shown) {
    const why = error === null ? "its other events are not kept any more" : `its other events cannot be read: ${error.replace(/\.$/, "")}`;
    return `These are the last events of the window alone: ${why}.`;
  }
  if (answer === null || answer.complete) return "";
  return answer.left_out.length > 0
    ? "Some are missing: files of that time are damaged."
    : `There are more: the first ${EVENTS_MAX} events are shown.`;
}

interface Times {
  readonly since: number;
  readonly until: number;
  readonly start: number;
  readonly end: number;
}

function stripOption(clicks: readonly Click[], items: readonly ItemRow[], { since, until, start, end }: Times): Option {
  const colours = seriesColours();
  const rowOf = new Map(items.flatMap(({ ids }, row) => ids.map((id) => [id, row] as const)));
  return {
    animation: false,
    grid: { left: 8, right: 24, top: 28, bottom: 8, containLabel: true },
    legend: { show: false },
    tooltip: tooltip({
      trigger: "item",
      formatter: ({ dataIndex }: { dataIndex: number }) => {
        const { timestamp, item_id } = clicks[dataIndex];
        return `${timeOfDay(timestamp, { millis: true })}\nitem ${item_id ?? "none"}`;
      },
    }),
    xAxis: axis({
      type: "value",
      min: since,
      max: until,
      interval: (end - start) / 2,
      axisLabel: { color: colour("muted"), hideOverlap: true, formatter: (at: number) => timeOfDay(at) },
    }),
    yAxis: axis({
      type: "category",
      inverse: true,
      data: items.map(({ label }) => label),
      axisLabel: { color: colour("muted"), width: 90, overflow: "truncate" },
    }),
    series: [{
      type: "scatter",
      symbol: "rect",
      symbolSize: [3, 18],
      data: clicks.map(({ at, itemKey }) => {
        const row = rowOf.get(itemKey)!;
        return { value: [at, row], itemStyle: { color: colours[row % colours.length] } };
      }),
      markArea: {
        silent: true,
        itemStyle: { color: colour("accent"), opacity: 0.12 },
        label: { color: colour("muted"), position: "top" },
        data: [[{ name: "window", xAxis: start }, { xAxis: end }]],
      },
    }],
  };
}
