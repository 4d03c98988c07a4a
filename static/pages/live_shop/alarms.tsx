// How many anomalies the last hour had, by type and by severity.

import { pageHref } from "../../shell/address.ts";
import { type Column, Table } from "../../parts/table.tsx";
import { count, counted } from "../../shell/format.ts";
import type { LiveFigures } from "../../shell/live_figures.ts";
import { severities, typeWords } from "../anomalies/choices.ts";

interface Row {
  readonly name: string;
  readonly words: string;
  readonly anomalies: number;
}

const counts: Column<Row> = {
  key: "anomalies",
  label: "Anomalies",
  value: ({ anomalies }) => anomalies,
  show: ({ anomalies }) => count(anomalies),
  numeric: true,
};
const typeColumns: readonly Column<Row>[] = [
  { key: "anomaly_type", label: "Type", value: ({ name }) => name, show: ({ words }) => words },
  counts,
];
const severityColumns: readonly Column<Row>[] = [
  { key: "severity", label: "Severity", value: ({ name }) => name, show: ({ words }) => words },
  counts,
];

export function Alarms({ anomalies: { total, provisional, by_type, by_severity } }: { anomalies: LiveFigures["anomalies_last_hour"] }) {
  const types = Object.entries(by_type).map(([name, anomalies]) => ({ name, words: typeWords(name), anomalies }));
  const bySeverity = severities.map(([name, words]) => ({ name, words, anomalies: by_severity[name] ?? 0 }));
  return (
    <div class="card section">
      <h3>Anomalies of the last hour</h3>
      <p>
        {counted(total, "anomaly", "anomalies")}, {count(provisional)} of them in a window that is still open.{" "}
        <a href={pageHref("anomalies")}>See them</a>
      </p>
      <div class="grid">
        <Table caption="By type" columns={typeColumns} rows={types} rowKey={({ name }) => name} fileName="live_anomalies_by_type" />
        <Table
          caption="By severity"
          columns={severityColumns}
          rows={bySeverity}
          rowKey={({ name }) => name}
          fileName="live_anomalies_by_severity"
        />
      </div>
    </div>
  );
}
