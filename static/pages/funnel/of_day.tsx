// The funnel of one day: who came how far as bars, where the others left in words, and the stages that share no session as a table.

import { useCallback, useMemo } from "preact/hooks";
import { ChartFigure } from "../../parts/chart_figure.tsx";
import { axis, EChart, type Option, tooltip } from "../../parts/echart.tsx";
import { type Column, Table } from "../../parts/table.tsx";
import { Tile, Tiles } from "../../parts/tile.tsx";
import { traffic } from "../../shell/address.ts";
import type { FunnelStage } from "../../shell/answers.ts";
import { flaggedInWords } from "../../shell/comparison.ts";
import { count, percent, short } from "../../shell/format.ts";
import { colour, seriesColours } from "../../shell/theme.ts";
import { funnelInWords, lossesInWords, rate, type Step, stepsOf } from "./steps.ts";

/** Share of all sessions from which on a word fits into the part of a bar. */
const WORD_FITS = 0.25;
/** Width of the chart up to which only the part that came this far has room for a word. */
const NARROW_PX = 420;

const reachedColumns: readonly Column<Step>[] = [
  { key: "funnel_stage", label: "Came to", value: ({ stage }) => stage, show: ({ name }) => name },
  {
    key: "reached",
    label: "Sessions",
    value: ({ reached }) => reached,
    show: ({ reached }) => count(reached),
    numeric: true,
    means: ["FunnelStage", "reached"],
  },
  {
    key: "reached_rate",
    label: "Of all sessions",
    value: ({ reachedRate }) => reachedRate,
    show: ({ reachedRate }) => rate(reachedRate),
    numeric: true,
    means: ["FunnelStage", "reached_rate"],
  },
  {
    key: "left_before",
    label: "Left before",
    value: ({ lost }) => lost,
    show: ({ lost }) => count(lost),
    numeric: true,
    note: "Sessions that came to the stage before and not to this one.",
  },
];

const endedColumns: readonly Column<Step>[] = [
  { key: "funnel_stage", label: "Stage", value: ({ stage }) => stage, show: ({ ended }) => ended, means: ["FunnelStage", "funnel_stage"] },
  {
    key: "session_count",
    label: "Sessions",
    value: ({ count }) => count,
    show: (step) => count(step.count),
    numeric: true,
    means: ["FunnelStage", "session_count"],
  },
  {
    key: "percentage",
    label: "Of all sessions",
    value: ({ percentage }) => percentage,
    show: ({ percentage }) => rate(percentage),
    numeric: true,
    means: ["FunnelStage", "percentage"],
  },
];

export function FunnelOfDay({ date, stages, other }: {
  date: string;
  stages: readonly FunnelStage[];
  /** Of the traffic that is not chosen. */
  other: readonly FunnelStage[] | null;
}) {
  const steps = useMemo(() => stepsOf(stages), [stages]);
  const option = useCallback(() => funnelOption(steps), [steps]);
  const fileName = `funnel-${date}${traffic.value === "humans" ? "-humans" : ""}`;
  return (
    <>
      <FunnelTiles steps={steps} other={other === null ? null : stepsOf(other)} />
      <div class="grid">
        <ChartFigure
          title="How far sessions came"
          means={["FunnelStage", "reached"]}
          summary={funnelInWords(steps)}
          columns={reachedColumns}
          rows={steps}
          rowKey={({ stage }) => stage}
          fileName={fileName}
          chart={(handle) => <EChart handle={handle} option={option} height={260} />}
        />
        <div class="card section">
          <h3>Where they left</h3>
          <ul class="losses">{lossesInWords(steps).map((sentence) => <li key={sentence}>{sentence}</li>)}</ul>
          <Table
            caption="Each session once, by where it ended"
            columns={endedColumns}
            rows={steps}
            rowKey={({ stage }) => stage}
            fileName={`${fileName}-stages`}
          />
        </div>
      </div>
    </>
  );
}

function FunnelTiles({ steps, other }: { steps: readonly Step[]; other: readonly Step[] | null }) {
  const humansChosen = traffic.value === "humans";
  return (
    <Tiles label="Figures of the funnel">
      {steps.map((step, i) => {
        const beside = other?.[i];
        const [all, humans] = humansChosen ? [beside?.reached, step.reached] : [step.reached, beside?.reached];
        const whose = humansChosen ? "all traffic" : "humans alone";
        return (
          <Tile
            key={step.stage}
            name={step.name}
            value={i === 0 ? count(step.reached) : rate(step.reachedRate)}
            means={["FunnelStage", i === 0 ? "reached" : "reached_rate"]}
            beside={i === 0 ? <span class="line">{flaggedInWords(all, humans, traffic.value)}</span> : (
              <span class="lines">
                <span class="line">{count(step.reached)} sessions</span>
                {beside !== undefined && <span class="line">{whose}: {rate(beside.reachedRate)} ({count(beside.reached)})</span>}
              </span>
            )}
          />
        );
      })}
    </Tiles>
  );
}

function funnelOption(steps: readonly Step[]): Option {
  const all = steps[0]?.reached ?? 0;
  const told = ([{ dataIndex }]: { dataIndex: number }[]) => {
    const { name, reached, reachedRate, lost, lostShare } = steps[dataIndex];
    const left = dataIndex === 0 || lostShare === null ? [] : [`left before: ${count(lost)} (${percent(lostShare)} of the stage before)`];
    return [name, `${count(reached)} sessions, ${rate(reachedRate)} of all`, ...left].join("\n");
  };
  const word = (text: (step: Step) => string, part: (step: Step) => number, ink: string) => ({
    show: true,
    position: "inside",
    formatter: ({ dataIndex }: { dataIndex: number }) => all > 0 && part(steps[dataIndex]) / all >= WORD_FITS ? text(steps[dataIndex]) : "",
    color: colour(ink),
    lineHeight: 16,
  });
  return {
    tooltip: tooltip({ formatter: told, axisPointer: { type: "shadow" } }),
    grid: { left: 8, right: 24, top: 36, bottom: 8, containLabel: true },
    xAxis: axis({
      type: "value",
      max: all || 1,
      axisLabel: { color: colour("muted"), formatter: short, hideOverlap: true, showMaxLabel: false },
    }),
    yAxis: axis({
      type: "category",
      inverse: true,
      data: steps.map(({ name, reached, reachedRate }) => `${name}\n${count(reached)} (${rate(reachedRate)})`),
      axisLabel: { color: colour("text"), width: 118, overflow: "break", lineHeight: 16 },
      axisTick: { show: false },
    }),
    series: [
      {
        name: "Came this far",
        type: "bar",
        stack: "sessions",
        barMaxWidth: 48,
        itemStyle: { color: seriesColours()[0] },
        label: word((step) => rate(step.reachedRate), ({ reached }) => reached, "on-accent"),
        data: steps.map(({ reached }) => reached),
      },
      {
        name: "Left before",
        type: "bar",
        stack: "sessions",
        itemStyle: { color: colour("raised"), borderColor: colour("edge"), borderType: "dashed", borderWidth: 1 },
        label: word(({ lost }) => `${count(lost)}\nleft`, ({ lost }) => lost, "text"),
        data: steps.map(({ lost }) => lost),
      },
    ],
    media: [{ query: { maxWidth: NARROW_PX }, option: { series: [{}, { label: { show: false } }] } }],
  };
}
