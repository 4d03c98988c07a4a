// Days side by side: which ones, in the address; their rates as bars, stage by stage; and a table with the differences in percentage points.

import { useCallback, useMemo } from "preact/hooks";
import { ChartFigure } from "../../parts/chart_figure.tsx";
import { useCountedDays } from "../../parts/day_choice.tsx";
import { axis, EChart, type Option, tooltip } from "../../parts/echart.tsx";
import { DayStateSign } from "../../parts/notice.tsx";
import { type Column, Table } from "../../parts/table.tsx";
import { choose, traffic } from "../../shell/address.ts";
import type { DayState, FunnelStage } from "../../shell/answers.ts";
import { inPoints } from "../../shell/comparison.ts";
import { addDays, count, day as dayName, shortDay } from "../../shell/format.ts";
import type { Resource } from "../../shell/resource.ts";
import { colour } from "../../shell/theme.ts";
import { DAYS_MAX, rate, type Step, stepsOf } from "./steps.ts";

interface ComparedDay {
  readonly date: string;
  readonly stages: Resource<FunnelStage[]>;
}

interface Row {
  readonly date: string;
  /** null: not there, for the reason that is told. */
  readonly steps: readonly Step[] | null;
  readonly standing: DayState | string;
}

export function Comparison({ day, stages, compared }: { day: string; stages: Resource<FunnelStage[]>; compared: readonly ComparedDay[] }) {
  const dates = compared.map(({ date }) => date);
  const given = [stages, ...compared.map((one) => one.stages)];
  const rows = useMemo<Row[]>(
    () =>
      given.map((one, i) => ({ date: [day, ...dates][i], steps: one.data === null ? null : stepsOf(one.data), standing: standing(one) })),
    [day, dates.join(), ...given.flatMap((one) => [one.data, one.error])],
  );
  return (
    <section class="section days-table" aria-labelledby="side-by-side">
      <h2 id="side-by-side">Side by side with other days</h2>
      <DayChips day={day} dates={dates} />
      {dates.length > 0 && <SideBySide rows={rows} />}
    </section>
  );
}

const reasons: Record<string, string> = { not_run: "Not counted yet", no_data: "No events", future: "Not over yet" };

function standing({ data, error, headers }: Resource<FunnelStage[]>): string {
  if (data !== null) return headers?.get("day-state") ?? "finished";
  if (error === null) return "Loading…";
  return (error.reason === null ? undefined : reasons[error.reason]) ?? error.message;
}

/** The days that are compared, and those that are offered. */
function DayChips({ day, dates }: { day: string; dates: readonly string[] }) {
  const counted = (useCountedDays() ?? []).map(({ metric_date }) => metric_date);
  const free = counted.filter((date) => date !== day && !dates.includes(date));
  const set = (next: readonly string[]) => choose({ compare: next.length === 0 ? null : next.join(",") });
  const add = (date: string) => set([...dates, date]);
  const offers = [["the day before", addDays(day, -1)], ["a week before", addDays(day, -7)]].filter(([, date]) => free.includes(date));
  const isFull = dates.length >= DAYS_MAX - 1;
  return (
    <div class="choices chips" role="group" aria-label="Days to compare with">
      {dates.map((date) => (
        <button
          key={date}
          type="button"
          class="chip"
          aria-label={`Remove ${dayName(date)}`}
          onClick={() => set(dates.filter((one) => one !== date))}
        >
          {dayName(date)} <span aria-hidden="true">×</span>
        </button>
      ))}
      {!isFull &&
        offers.map(([name, date]) => <button key={date} type="button" onClick={() => add(date)}>Add {name}, {dayName(date)}</button>)}
      {!isFull && free.length > 0 && (
        <label>
          Add a day
          <select value="" onChange={(event) => event.currentTarget.value !== "" && add(event.currentTarget.value)}>
            <option value="">Choose…</option>
            {free.map((date) => <option key={date} value={date}>{dayName(date)}</option>)}
          </select>
        </label>
      )}
      {isFull && <span class="aside">{DAYS_MAX} days are the most. Remove one to add another.</span>}
      {counted.length > 0 && free.length === 0 && dates.length === 0 && <span class="aside">There is no other counted day yet.</span>}
    </div>
  );
}

interface Bar {
  readonly date: string;
  readonly step: Step;
}

const barColumns: readonly Column<Bar>[] = [
  { key: "funnel_stage", label: "Came to", value: ({ step }) => step.stage, show: ({ step }) => step.name },
  { key: "metric_date", label: "Day", value: ({ date }) => date, show: ({ date }) => dayName(date) },
  { key: "reached", label: "Sessions", value: ({ step }) => step.reached, show: ({ step }) => count(step.reached), numeric: true },
  {
    key: "reached_rate",
    label: "Of all sessions",
    value: ({ step }) => step.reachedRate,
    show: ({ step }) => rate(step.reachedRate),
    numeric: true,
  },
];

function SideBySide({ rows }: { rows: readonly Row[] }) {
  const shown = useMemo(() => rows.filter((row): row is Row & { steps: Step[] } => row.steps !== null), [rows]);
  const stages = shown[0]?.steps.slice(1).map(({ name }) => name) ?? [];
  const bars = useMemo<Bar[]>(() => stages.flatMap((_, i) => shown.map(({ date, steps }) => ({ date, step: steps[i + 1] }))), [shown]);
  const option = useCallback(() => barsOption(shown, stages), [shown]);
  const pointAt = useCallback((row: number) => ({ seriesIndex: row % shown.length, dataIndex: Math.floor(row / shown.length) }), [shown]);
  const columns = useMemo(() => columnsAgainst(rows[0]), [rows]);
  const fileName = `funnels-${rows.map(({ date }) => date).join("-and-")}${traffic.value === "humans" ? "-humans" : ""}`;
  return (
    <>
      <ChartFigure
        title="Who went on, and who bought"
        means={["FunnelStage", "reached_rate"]}
        summary={inWords(shown)}
        columns={barColumns}
        rows={bars}
        rowKey={({ date, step }) => `${step.stage} ${date}`}
        fileName={fileName}
        chart={(handle) => <EChart handle={handle} option={option} pointAt={pointAt} height={80 + 2 * 30 * (shown.length + 1)} />}
      />
      <Table
        caption={`Against ${dayName(rows[0].date)}`}
        columns={columns}
        rows={rows}
        rowKey={({ date }) => date}
        fileName={`${fileName}-differences`}
      />
    </>
  );
}

function inWords(shown: readonly Row[]): string {
  return shown.map(({ date, steps }) =>
    `${dayName(date)}: ${rate(steps?.[1]?.reachedRate)} went on, ${rate(steps?.[2]?.reachedRate)} bought`
  )
    .join("; ") + ".";
}

function columnsAgainst(base: Row): Column<Row>[] {
  const stage = (at: number, key: string, label: string): Column<Row>[] => {
    const difference = ({ date, steps }: Row) => {
      const own = steps?.[at]?.reachedRate, its = base.steps?.[at]?.reachedRate;
      return date === base.date || own === undefined || its === undefined ? null : own - its;
    };
    const rounded = (row: Row) => {
      const points = difference(row);
      return points === null ? null : Number(points.toFixed(2));
    };
    return [
      {
        key: `${key}_rate`,
        label,
        value: ({ steps }) => steps?.[at]?.reachedRate ?? null,
        show: ({ steps }) => rate(steps?.[at]?.reachedRate),
        numeric: true,
        means: ["FunnelStage", "reached_rate"],
      },
      {
        key: `${key}_difference_points`,
        label: "Difference",
        value: rounded,
        show: (row) => rounded(row) === null ? "–" : inPoints(rounded(row)!),
        numeric: true,
        note: `In percentage points, against ${dayName(base.date)}.`,
      },
    ];
  };
  return [
    { key: "metric_date", label: "Day", value: ({ date }) => date, show: ({ date }) => dayName(date) },
    {
      key: "sessions",
      label: "Sessions",
      value: ({ steps }) => steps?.[0]?.reached ?? null,
      show: ({ steps }) => count(steps?.[0]?.reached),
      numeric: true,
    },
    ...stage(1, "multi_view", "Looked more than once, or bought"),
    ...stage(2, "purchase", "Bought"),
    {
      key: "state",
      label: "State",
      value: ({ standing }) => standing,
      show: ({ steps, standing }) =>
        steps === null ? standing : standing === "finished" ? "Finished" : <DayStateSign state={standing as DayState} />,
    },
  ];
}

function barsOption(shown: readonly (Row & { steps: Step[] })[], stages: readonly string[]): Option {
  const years = new Set(shown.map(({ date }) => date.slice(0, 4)));
  const told = (points: { dataIndex: number }[]) => {
    const at = points[0].dataIndex;
    return [
      stages[at],
      ...shown.map(({ date, steps }) => `${dayName(date)}: ${rate(steps[at + 1].reachedRate)} (${count(steps[at + 1].reached)})`),
    ].join(
      "\n",
    );
  };
  return {
    tooltip: tooltip({ formatter: told, axisPointer: { type: "shadow" } }),
    grid: { left: 8, right: 72, top: 56, bottom: 8, containLabel: true },
    xAxis: axis({ type: "value", min: 0, axisLabel: { color: colour("muted"), formatter: "{value}%", hideOverlap: true } }),
    yAxis: axis({
      type: "category",
      inverse: true,
      data: stages,
      axisLabel: { color: colour("text"), width: 100, overflow: "break", lineHeight: 16 },
      axisTick: { show: false },
    }),
    series: shown.map(({ date, steps }) => ({
      name: shortDay(date, { year: years.size > 1 }),
      type: "bar",
      barMaxWidth: 24,
      label: { show: true, position: "right", color: colour("text"), formatter: ({ value }: { value: number }) => rate(value) },
      data: steps.slice(1).map(({ reachedRate }) => reachedRate),
    })),
  };
}
