// The anomalies of the last 24 hours by hour, and the newest sessions that were taken for bots, with the reasons.

import { useEffect } from "preact/hooks";
import { Loaded } from "../../parts/notice.tsx";
import { pageHref, traffic } from "../../shell/address.ts";
import type { Anomaly, HourCount } from "../../shell/answers.ts";
import { onUpdate } from "../../shell/feed.ts";
import { counted, instant } from "../../shell/format.ts";
import { amend, useResource } from "../../shell/resource.ts";
import { ByHour } from "../anomalies/by_hour.tsx";

/** Sessions shown, and anomalies kept to find them in: one session may have many. */
const SESSIONS = 4;
const KEPT = 100;
const LIST = `/anomalies?limit=${KEPT}`;

export function NewestAnomalies() {
  const timeline = useResource<HourCount[]>("/anomalies/timeline?hours=24");
  const newest = useResource<Anomaly[]>(LIST);
  useEffect(() => onUpdate("anomaly", (anomaly) => amend<Anomaly[]>(LIST, (shown) => withAnomaly(shown, anomaly))), []);
  return (
    <section class="section" aria-labelledby="bots">
      <h2 id="bots">Taken for bots</h2>
      {traffic.value === "humans" && <p class="aside">These sessions are what “Humans” leaves out of all other figures.</p>}
      <div class="grid">
        <Loaded of={timeline} what="the last 24 hours">
          {(hours) => (
            <ByHour title="Anomalies in the last 24 hours" words="24 hours" hours={hours} fileName="anomalies_by_hour" height={300} />
          )}
        </Loaded>
        <div class="card section">
          <h3>The newest sessions</h3>
          <Loaded of={newest} what="the newest anomalies">
            {(anomalies) =>
              anomalies.length === 0
                ? <p class="empty">None so far. A session that behaves like a bot shows up here within a moment.</p>
                : <ul class="reasons">{bySession(anomalies).map((one) => <Session key={keyOf(one[0])} anomalies={one} />)}</ul>}
          </Loaded>
          <p>
            <a href={pageHref("anomalies")}>All anomalies</a>
          </p>
        </div>
      </div>
    </section>
  );
}

/** The newest anomalies of the sessions that had one last, newest first. */
function bySession(anomalies: readonly Anomaly[]): Anomaly[][] {
  return [...Map.groupBy(anomalies, keyOf).values()].slice(0, SESSIONS);
}

/** A session, told apart by kind too: 1 is another than "1". */
function keyOf({ session_id }: Anomaly): string {
  return JSON.stringify(session_id);
}

function Session({ anomalies }: { anomalies: readonly Anomaly[] }) {
  const [newest] = anomalies;
  const { session_id, reason, severity, status, window_start } = newest;
  return (
    <li>
      <span class={`sign ${severity}`}>{severity}</span> {status !== "confirmed" && <span class="sign">{status}</span>}{" "}
      <a href={openedHref(newest)}>
        session <bdi>{String(session_id)}</bdi>
      </a>
      <span class="when">{instant(window_start)}</span>
      <p>
        <bdi>{reason}</bdi> {anomalies.length > 1 && <span class="aside">({counted(anomalies.length, "window")} like this lately)</span>}
      </p>
    </li>
  );
}

/** The anomaly, opened, among those of its session. */
function openedHref({ anomaly_id, session_id, window_start }: Anomaly): string {
  const url = new URL(pageHref("anomalies"), globalThis.location.href);
  const choices = { session: String(session_id), open: anomaly_id, of: String(session_id), at: window_start };
  for (const [name, value] of Object.entries(choices)) url.searchParams.set(name, value);
  return url.pathname + url.search;
}

/** The list with a new or changed anomaly in it; retracted ones leave it. */
function withAnomaly(shown: readonly Anomaly[], anomaly: Anomaly): Anomaly[] {
  const rest = shown.filter(({ anomaly_id }) => anomaly_id !== anomaly.anomaly_id);
  if (anomaly.status === "retracted") return rest;
  return [...rest, anomaly].sort((a, b) => a.window_start < b.window_start ? 1 : a.window_start > b.window_start ? -1 : 0).slice(0, KEPT);
}
