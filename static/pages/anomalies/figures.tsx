// The page at a glance: how many bots there are now, which rules found them, and when they came.

import { useCallback, useMemo } from "preact/hooks";
import { ChartFigure } from "../../parts/chart_figure.tsx";
import { axis, EChart, type Option } from "../../parts/echart.tsx";
import { Loaded } from "../../parts/notice.tsx";
import type { Column } from "../../parts/table.tsx";
import { Tile, Tiles } from "../../parts/tile.tsx";
import { choose, param } from "../../shell/address.ts";
import type { HourCount, TypeCount } from "../../shell/answers.ts";
import { count, instant, percent } from "../../shell/format.ts";
import { useLiveFigures } from "../../shell/live_figures.ts";
import { useResource } from "../../shell/resource.ts";
import { colour, seriesColours } from "../../shell/theme.ts";
import { ByHour, total } from "./by_hour.tsx";
import { typeWords } from "./choices.ts";

const LIVE_EVERY_MS = 60_000;
const stretches = [[24, "24 hours"], [72, "3 days"], [168, "7 days"], [744, "31 days"]] as const;

export function Figures() {
  const types = useResource<TypeCount[]>("/anomalies/types");
  const day = useResource<HourCount[]>("/anomalies/timeline?hours=24");
  const hours = stretches.find(([value]) => String(value) === param("hours"))?.[0] ?? 24;
  const timeline = useResource<HourCount[]>(`/anomalies/timeline?hours=${hours}`);
  return (
    <section class="section" aria-labelledby="found">
      <h2 id="found">Found so far</h2>
      <Loaded of={day} what="the last 24 hours">{(shown) => <Newest hours={shown} types={types.data} />}</Loaded>
      <div class="grid">
        <Loaded of={timeline} what="anomalies by hour">{(shown) => <Timeline hours={shown} chosen={hours} />}</Loaded>
        <Loaded of={types} what="anomalies by type">{(shown) => <Share types={shown} />}</Loaded>
      </div>
    </section>
  );
}

function Newest({ hours, types }: { hours: readonly HourCount[]; types: readonly TypeCount[] | null }) {
  return (
    <Tiles label="Anomalies found">
      <LastHour />
      <Tile
        name="In the last 24 hours"
        value={count(total(hours))}
        beside={hours.length > 0 && `since ${instant(hours[0].hour, { seconds: false })}`}
        note="Confirmed ones of windows that began in the newest hour that has events, or in the 23 before it."
      />
      <Tile
        name="In all"
        value={types === null ? "–" : count(total(types))}
        note="Confirmed since the start. Provisional ones come when their window has ended; retracted ones do not count."
      />
    </Tiles>
  );
}

/** Its own component, as the feed brings it every second. */
function LastHour() {
  const { data } = useLiveFigures(LIVE_EVERY_MS);
  const found = data?.anomalies_last_hour;
  return (
    <Tile
      name="In the last hour"
      value={count(found?.total)}
      means={["LiveAnomalies", "total"]}
      beside={found !== undefined && found.total > 0 &&
        (found.provisional === 0 ? "all confirmed" : `${count(found.provisional)} of them provisional`)}
    />
  );
}

function Timeline({ hours, chosen }: { hours: readonly HourCount[]; chosen: number }) {
  return (
    <ByHour
      title="By hour"
      words={stretches.find(([value]) => value === chosen)![1]}
      hours={hours}
      fileName={`anomalies_by_hour_${chosen}h`}
      choice={
        <label class="stretch">
          Time shown
          <select value={String(chosen)} onChange={({ currentTarget: { value } }) => choose({ hours: value === "24" ? null : value })}>
            {stretches.map(([value, label]) => <option key={value} value={String(value)}>{label}</option>)}
          </select>
        </label>
      }
    />
  );
}

function Share({ types }: { types: readonly TypeCount[] }) {
  const sum = total(types);
  const rows = useMemo(() => types.toSorted((a, b) => b.count - a.count), [types]);
  const shareOf = (row: TypeCount) => sum === 0 ? null : row.count / sum;
  const columns: readonly Column<TypeCount>[] = [
    { key: "anomaly_type", label: "Type", value: (row) => row.anomaly_type, show: (row) => typeWords(row.anomaly_type) },
    { key: "count", label: "Anomalies", value: (row) => row.count, show: (row) => count(row.count), numeric: true },
    {
      key: "share",
      label: "Share",
      value: shareOf,
      show: (row) => percent(shareOf(row)),
      numeric: true,
      note: "Of all confirmed anomalies.",
    },
  ];
  const option = useCallback(() => shareOption(rows, sum), [rows]);
  return (
    <ChartFigure
      title="Share by type"
      note="Too fast: more clicks in 10 seconds than people make. Few items, many clicks: the same few items over and over within a minute."
      summary={sum === 0 ? "None so far." : `${rows.map((row) => `${typeWords(row.anomaly_type)}: ${percent(shareOf(row))}`).join("; ")}.`}
      columns={columns}
      rows={sum === 0 ? [] : rows}
      rowKey={(row) => row.anomaly_type}
      fileName="anomalies_by_type"
      empty="None so far. A session that behaves like a bot shows up here within a moment."
      chart={(handle) => <EChart option={option} handle={handle} height={280} />}
    />
  );
}

function shareOption(rows: readonly TypeCount[], sum: number): Option {
  const colours = seriesColours();
  const told = ({ data }: { data: { value: number } }) => `${count(data.value)} (${percent(data.value / sum)})`;
  return {
    grid: { left: 8, right: 96, top: 8, bottom: 8, containLabel: true },
    tooltip: { show: false },
    xAxis: { type: "value", show: false }, // each bar says its figure
    yAxis: axis({
      type: "category",
      inverse: true,
      data: rows.map((row) => typeWords(row.anomaly_type)),
      axisLabel: { color: colour("text"), width: 80, overflow: "break", lineHeight: 16 },
    }),
    series: [{
      type: "bar",
      barMaxWidth: 56,
      label: { show: true, position: "right", color: colour("text"), formatter: told },
      data: rows.map((row, i) => ({ value: row.count, itemStyle: { color: colours[i % colours.length] } })),
    }],
  };
}
