// An anomaly opened: why it was taken for a bot, the figures against the rule, what the session did, the last events as evidence, and what a
// person says of it.

import { Loaded } from "../../parts/notice.tsx";
import { type Column, Table } from "../../parts/table.tsx";
import { Term } from "../../parts/term.tsx";
import type { Anomaly, Evidence, Rule } from "../../shell/answers.ts";
import { count, duration, instant, timeOfDay } from "../../shell/format.ts";
import { useResource } from "../../shell/resource.ts";
import { filterHref, typeWords } from "./choices.ts";
import { Meters } from "./meters.tsx";
import { StripChart } from "./strip_chart.tsx";
import { VerdictChoice } from "./verdict_buttons.tsx";

/** The rules change with a new version of the product, so they are asked for once in a while. */
const RULES_EVERY_MS = 600_000;
const DAY_S = 86_400;

const evidenceColumns: readonly Column<Evidence>[] = [
  { key: "timestamp", label: "Time", value: ({ timestamp }) => timestamp, show: ({ timestamp }) => timeOfDay(timestamp, { millis: true }) },
  { key: "kind", label: "What", value: ({ kind }) => kind },
  { key: "item_id", label: "Item", value: ({ item_id }) => item_id, show: ({ item_id }) => item_id === null ? "none" : String(item_id) },
  {
    key: "partition",
    label: "Partition",
    value: ({ partition }) => partition,
    numeric: true,
    note: "The part of the log that holds the event.",
  },
  { key: "offset", label: "Offset", value: ({ offset }) => offset, numeric: true, means: ["Evidence", "offset"] },
];

export function Opened({ anomaly }: { anomaly: Anomaly }) {
  const rules = useResource<Rule[]>("/rules", { everyMs: RULES_EVERY_MS });
  const { anomaly_id, session_id, anomaly_type, reason, evidence } = anomaly;
  const session = String(session_id);
  return (
    <div class="opened-part">
      <h3>
        {typeWords(anomaly_type)}: session <bdi>{session}</bdi>
      </h3>
      <p class="why">
        <bdi>{reason}</bdi>
      </p>
      <VerdictChoice anomaly={anomaly} />
      {rules.data !== null || rules.error !== null
        ? <Meters anomaly={anomaly} rules={rules.data} />
        : <Loaded of={rules} what="the rule">{() => null}</Loaded>}
      <Facts anomaly={anomaly} />
      <StripChart anomaly={anomaly} />
      {evidence.length === 0 ? <p class="aside">No events are kept as evidence.</p> : (
        <Table
          caption={`Evidence: the last ${evidence.length === 1 ? "event" : `${count(evidence.length)} events`} of the window`}
          columns={evidenceColumns}
          rows={evidence}
          rowKey={({ partition, offset }) => `${partition}/${offset}`}
          fileName={`evidence_${anomaly_id}`}
        />
      )}
      <p>
        <a href={filterHref({ session, status: "all", type: null, severity: null, from: null, to: null })}>All anomalies of this session</a>
      </p>
    </div>
  );
}

function Facts({ anomaly }: { anomaly: Anomaly }) {
  const { severity, score, status, window_start, window_end, event_time, detected_at, rule_version, lane } = anomaly;
  return (
    <dl class="facts">
      <Fact name="Severity" note="By how far above the limit the clicks are.">{severity}</Fact>
      <Fact name="Score" means={["Anomaly", "score"]} note="50 at the limit, 100 from eight times the limit on.">
        {count(score)} of 100
      </Fact>
      <Fact name="Status" note={statusNotes[status]}>{status}</Fact>
      <Fact name="Window">{instant(window_start)} to {timeOfDay(window_end)}</Fact>
      <Fact name="The click that tipped it" means={["Anomaly", "event_time"]}>{timeOfDay(event_time, { millis: true })}</Fact>
      <Fact name="Detected" means={["Anomaly", "detected_at"]}>{instant(detected_at)}, {delay(event_time, detected_at)}</Fact>
      <Fact name="Version of the rule">{rule_version}</Fact>
      {lane !== "live" && <Fact name="Came from" means={["Anomaly", "lane"]}>{lane}</Fact>}
    </dl>
  );
}

const statusNotes: Record<Anomaly["status"], string> = {
  provisional: "The rule holds so far, and the window has not ended: it may still be retracted.",
  confirmed: "The window has ended, and the rule held to its end.",
  retracted: "The rule held for a while, and no longer when the window had ended: more different items came in.",
};

function Fact({ name, means, note, children }: {
  name: string;
  means?: readonly [string, string];
  note?: string;
  children: preact.ComponentChildren;
}) {
  return (
    <div>
      <dt>
        <Term name={name} means={means} note={note}>{name}</Term>
      </dt>
      <dd>
        <bdi>{children}</bdi>
      </dd>
    </div>
  );
}

/** How long after the event it was detected. Recorded events may be years old, and senders' clocks ahead. */
function delay(eventTime: string, detectedAt: string): string {
  const seconds = (Date.parse(detectedAt) - Date.parse(eventTime)) / 1000;
  if (seconds < 0) return "before the event: the sender's clock is ahead";
  const days = Math.floor(seconds / DAY_S);
  return `${days >= 2 ? `${count(days)} days` : duration(seconds)} after the event`;
}
