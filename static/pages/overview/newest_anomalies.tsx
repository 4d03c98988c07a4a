// The anomalies of the last 24 hours by hour, and the newest ones with their reasons.

import { useEffect, useMemo } from "preact/hooks";
import { ChartFigure } from "../../parts/chart_figure.tsx";
import { Loaded } from "../../parts/notice.tsx";
import type { Column } from "../../parts/table.tsx";
import { TimeSeries } from "../../parts/time_series.tsx";
import { pageHref, traffic } from "../../shell/address.ts";
import type { Anomaly } from "../../shell/answers.ts";
import { onUpdate } from "../../shell/feed.ts";
import { count, counted, instant } from "../../shell/format.ts";
import { amend, useResource } from "../../shell/resource.ts";

interface Hour {
  readonly hour: string;
  readonly count: number;
}

/** Sessions shown, and anomalies kept to find them in: one session may have many. */
const SESSIONS = 5;
const KEPT = 100;
const LIST = `/anomalies?limit=${KEPT}`;

const columns: readonly Column<Hour>[] = [
  { key: "hour", label: "Hour", value: ({ hour }) => hour, show: ({ hour }) => instant(hour, { seconds: false }) },
  { key: "count", label: "Anomalies", value: ({ count }) => count, numeric: true, means: ["AnomalyTimeline", "count"] },
];

export function NewestAnomalies() {
  const timeline = useResource<Hour[]>("/anomalies/timeline?hours=24");
  const newest = useResource<Anomaly[]>(LIST);
  useEffect(() => onUpdate("anomaly", (anomaly) => amend<Anomaly[]>(LIST, (shown) => withAnomaly(shown, anomaly))), []);
  return (
    <section class="section" aria-labelledby="bots">
      <h2 id="bots">Taken for bots</h2>
      {traffic.value === "humans" && <p class="aside">These sessions are what “Humans” leaves out of all other figures.</p>}
      <div class="grid">
        <Loaded of={timeline} what="the last 24 hours">{(hours) => <Timeline hours={hours} />}</Loaded>
        <div class="card">
          <h3>The newest sessions</h3>
          <Loaded of={newest} what="the newest anomalies">
            {(anomalies) =>
              anomalies.length === 0
                ? <p class="empty">None so far. A session that behaves like a bot shows up here within a moment.</p>
                : <ul class="reasons">{bySession(anomalies).map((one) => <Session key={String(one[0].session_id)} anomalies={one} />)}</ul>}
          </Loaded>
          <p>
            <a href={pageHref("anomalies")}>All anomalies</a>
          </p>
        </div>
      </div>
    </section>
  );
}

function Timeline({ hours }: { hours: readonly Hour[] }) {
  const times = useMemo(() => hours.map(({ hour }) => Date.parse(hour)), [hours]);
  const series = useMemo(() => [{ label: "Anomalies", kind: "bars" as const, values: hours.map(({ count }) => count) }], [hours]);
  const total = hours.reduce((sum, { count }) => sum + count, 0);
  const most = hours.reduce((a, b) => b.count > a.count ? b : a, hours[0]);
  const peak = total === 0 ? "" : `, most in the hour from ${instant(most.hour, { seconds: false })} (${count(most.count)})`;
  return (
    <ChartFigure
      title="Anomalies in the last 24 hours"
      summary={`${counted(total, "confirmed anomaly", "confirmed anomalies")}${peak}.`}
      columns={columns}
      rows={hours}
      rowKey={({ hour }) => hour}
      fileName="anomalies_by_hour"
      chart={(handle) => <TimeSeries times={times} series={series} handle={handle} height={260} />}
    />
  );
}

/** The newest anomalies of the sessions that had one last, newest first. */
function bySession(anomalies: readonly Anomaly[]): Anomaly[][] {
  return [...Map.groupBy(anomalies, ({ session_id }) => session_id).values()].slice(0, SESSIONS);
}

function Session({ anomalies }: { anomalies: readonly Anomaly[] }) {
  const [{ anomaly_id, session_id, reason, severity, status, window_start }] = anomalies;
  return (
    <li>
      <span class={`sign ${severity}`}>{severity}</span> {status !== "confirmed" && <span class="sign">{status}</span>}{" "}
      <a href={`/dashboard/anomalies?open=${encodeURIComponent(anomaly_id)}&session=${encodeURIComponent(String(session_id))}`}>
        session <bdi>{String(session_id)}</bdi>
      </a>
      <span class="when">{instant(window_start)}</span>
      <p>
        <bdi>{reason}</bdi> {anomalies.length > 1 && <span class="aside">({counted(anomalies.length, "window")} like this lately)</span>}
      </p>
    </li>
  );
}

/** The list with a new or changed anomaly in it; retracted ones leave it. */
function withAnomaly(shown: readonly Anomaly[], anomaly: Anomaly): Anomaly[] {
  const rest = shown.filter(({ anomaly_id }) => anomaly_id !== anomaly.anomaly_id);
  if (anomaly.status === "retracted") return rest;
  return [...rest, anomaly].sort((a, b) => a.window_start < b.window_start ? 1 : a.window_start > b.window_start ? -1 : 0).slice(0, KEPT);
}
