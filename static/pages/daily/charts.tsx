// The days of the range as charts. What always holds: a day without figures keeps its place and is empty, so a gap looks like a gap.

import { useCallback, useMemo } from "preact/hooks";
import { ChartFigure } from "../../parts/chart_figure.tsx";
import { axis, EChart, type Option, tooltip } from "../../parts/echart.tsx";
import type { Column } from "../../parts/table.tsx";
import { traffic } from "../../shell/address.ts";
import type { Day } from "../../shell/answers.ts";
import { ratePercent } from "../../shell/comparison.ts";
import { count, counted, duration, type Maybe, money, moneyMark, percent, shop, short, shortDay } from "../../shell/format.ts";
import type { Meaning } from "../../shell/definitions.ts";
import { colour, seriesColours } from "../../shell/theme.ts";
import { type DayRow, daysFrom, rowName } from "./days.ts";
import { figureSummary, flaggedSummary } from "./summaries.ts";

interface Series {
  readonly key: string;
  readonly label: string;
  readonly value: (row: DayRow) => number | null;
}

interface DayChartProps {
  readonly title: string;
  readonly means: Meaning;
  readonly note?: string;
  readonly rows: readonly DayRow[];
  /** Stacked where there are several. */
  readonly series: readonly Series[];
  readonly kind: "bars" | "line";
  readonly show: (value: Maybe) => string;
  readonly mark?: (value: number) => string;
  readonly summary: string;
  readonly height?: number;
}

/** Lines have their points drawn as long as these can be told apart. */
const POINTS_MAX = 60;

function DayChart({ title, means, note, rows, series, kind, show, mark = short, summary, height = 220 }: DayChartProps) {
  const columns = useMemo<Column<DayRow>[]>(() => [
    { key: "metric_date", label: "Day", value: ({ date }) => date, show: rowName },
    ...series.map(({ key, label, value }) => ({
      key,
      label,
      value,
      show: (row: DayRow) => row.day === null ? "no figures" : show(value(row)),
      numeric: true,
    })),
  ], [series, show]);
  const option = useCallback((): Option => optionOf({ rows, series, kind, show, mark }), [
    rows,
    series,
    kind,
    show,
    mark,
    shop.value.currency,
  ]);
  const fileName = `${series[0].key.replaceAll("_", "-")}-${rows[0].date}-to-${rows[rows.length - 1].until}`;
  return (
    <ChartFigure
      title={title}
      means={means}
      note={note}
      summary={summary}
      columns={columns}
      rows={rows}
      rowKey={({ date }) => date}
      fileName={traffic.value === "humans" && series.length === 1 ? `${fileName}-humans` : fileName}
      chart={(handle) => <EChart handle={handle} option={option} height={height} />}
    />
  );
}

function optionOf({ rows, series, kind, show, mark }: Required<Pick<DayChartProps, "rows" | "series" | "kind" | "show" | "mark">>): Option {
  const year = rows[0].date.slice(0, 4) !== rows[rows.length - 1].until.slice(0, 4);
  const colours = seriesColours();
  const told = ([{ dataIndex }]: { dataIndex: number }[]) => {
    const row = rows[dataIndex];
    if (row.day === null) return `${rowName(row)}\nno figures`;
    return [rowName(row), ...series.map(({ label, value }) => `${label}: ${show(value(row))}`)].join("\n");
  };
  return {
    tooltip: tooltip({ formatter: told }),
    ...(series.length > 1 ? {} : { legend: { show: false }, grid: { left: 8, right: 16, top: 12, bottom: 8, containLabel: true } }),
    xAxis: axis({ type: "category", data: rows.map(({ date }) => shortDay(date, { year })), splitLine: { show: false } }),
    yAxis: axis({ type: "value", axisLabel: { color: colour("muted"), formatter: mark } }),
    series: series.map(({ label, value }, i) => ({
      name: label,
      data: rows.map(value),
      ...(kind === "bars"
        ? { type: "bar", stack: "day", barMaxWidth: 48, itemStyle: { color: colours[i], ...(i > 0 ? hatched() : {}) } }
        : { type: "line", connectNulls: false, showSymbol: rows.length <= POINTS_MAX, symbolSize: 7, lineStyle: { width: 2 } }),
    })),
  };
}

/** Stripes, so that parts of a stack are told apart without their colours. */
function hatched(): Option {
  return { decal: { color: colour("surface"), dashArrayX: [1, 0], dashArrayY: [2, 5], rotation: -Math.PI / 4 } };
}

const field = (name: Exclude<keyof Day, "metric_date" | "state" | "finished_at">) => ({ day }: DayRow) => day?.[name] ?? null;
const people = (name: "total_clicks" | "unique_sessions") => ({ humans }: DayRow) => humans?.[name] ?? null;
const flagged = (name: "total_clicks" | "unique_sessions") => ({ all, humans }: DayRow) =>
  all === null || humans === null ? null : Math.max(0, all[name] - humans[name]);

const clicks: Series[] = [
  { key: "human_clicks", label: "People", value: people("total_clicks") },
  { key: "flagged_clicks", label: "Flagged bots", value: flagged("total_clicks") },
];
const sessions: Series[] = [
  { key: "human_sessions", label: "People", value: people("unique_sessions") },
  { key: "flagged_sessions", label: "Flagged bots", value: flagged("unique_sessions") },
];
const purchases: Series[] = [{ key: "total_purchases", label: "Purchases", value: field("total_purchases") }];
const conversion: Series[] = [{ key: "conversion_rate", label: "Conversion rate", value: field("conversion_rate") }];
const revenue: Series[] = [{ key: "total_revenue", label: "Revenue", value: field("total_revenue") }];
const orderValue: Series[] = [{ key: "avg_order_value", label: "Average order value", value: field("avg_order_value") }];
const length: Series[] = [{ key: "avg_session_duration_sec", label: "Session length", value: field("avg_session_duration_sec") }];

const rateMark = (value: number) => percent(value, 1);
const BOTH = "This chart shows both kinds of traffic, whatever is chosen above.";

export function DayCharts({ rows }: { rows: readonly DayRow[] }) {
  const sum = (name: "purchases_without_price" | "purchases_other_currency") =>
    rows.reduce((total, { day }) => total + (day?.[name] ?? 0), 0);
  const free = sum("purchases_without_price"), foreign = sum("purchases_other_currency");
  const left = [
    free > 0 ? `${counted(free, "purchase")} without a price ${free === 1 ? "adds" : "add"} nothing to it.` : "",
    foreign > 0 ? `${counted(foreign, "purchase")} in another currency ${foreign === 1 ? "is" : "are"} left out of it.` : "",
  ].filter((part) => part !== "").join(" ");
  const gaps = rows.reduce((days, { day, date, until }) => day === null ? days + daysFrom(date, until) + 1 : days, 0);
  const averaged = free + foreign > 0 ? "Purchases that add no revenue are counted, which lowers it." : "";
  const day = { rows, kind: "bars" } as const;
  return (
    <section class="section" aria-labelledby="by-day">
      <h2 id="by-day">Day by day</h2>
      {gaps > 0 && (
        <p class="aside">{gaps === 1 ? "A day has" : `${count(gaps)} days have`} no figures and nothing drawn; the table below says why.</p>
      )}
      <DayChart
        {...day}
        title="Clicks: people and flagged bots"
        means={["Day", "total_clicks"]}
        note={BOTH}
        height={280}
        series={clicks}
        show={count}
        summary={flaggedSummary(rows, "total_clicks", "clicks")}
      />
      <div class="grid">
        <DayChart
          {...day}
          title="Purchases"
          means={["Day", "total_purchases"]}
          series={purchases}
          show={count}
          summary={figureSummary(rows, "total_purchases", { sum: "purchases", show: count })}
        />
        <DayChart
          rows={rows}
          kind="line"
          title="Conversion rate"
          means={["Day", "conversion_rate"]}
          series={conversion}
          show={ratePercent}
          mark={rateMark}
          summary={figureSummary(rows, "conversion_rate", { show: ratePercent })}
        />
        <DayChart
          {...day}
          title="Revenue"
          means={["Day", "total_revenue"]}
          series={revenue}
          show={money}
          mark={moneyMark}
          summary={`${figureSummary(rows, "total_revenue", { sum: "", show: money })} ${left}`.trim()}
        />
        <DayChart
          rows={rows}
          kind="line"
          title="Average order value"
          means={["Day", "avg_order_value"]}
          series={orderValue}
          show={money}
          mark={moneyMark}
          summary={`${figureSummary(rows, "avg_order_value", { show: money })} ${averaged}`.trim()}
        />
        <DayChart
          {...day}
          title="Sessions: people and flagged bots"
          means={["Day", "unique_sessions"]}
          note={BOTH}
          series={sessions}
          show={count}
          summary={flaggedSummary(rows, "unique_sessions", "sessions")}
        />
        <DayChart
          rows={rows}
          kind="line"
          title="Session length"
          means={["Day", "avg_session_duration_sec"]}
          series={length}
          show={duration}
          mark={duration}
          summary={figureSummary(rows, "avg_session_duration_sec", { show: duration })}
        />
      </div>
    </section>
  );
}
