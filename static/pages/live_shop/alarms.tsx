// How many anomalies the last hour had, by type and by severity.

import { pageHref } from "../../shell/address.ts";
import { Table } from "../../parts/table.tsx";
import { count, counted } from "../../shell/format.ts";
import type { LiveFigures } from "../../shell/live_figures.ts";

interface Row {
  readonly what: string;
  readonly anomalies: number;
}

const columns = [
  { key: "what", label: "What", value: ({ what }: Row) => what },
  {
    key: "anomalies",
    label: "Anomalies",
    value: ({ anomalies }: Row) => anomalies,
    show: ({ anomalies }: Row) => count(anomalies),
    numeric: true,
  },
];

export function Alarms({ anomalies }: { anomalies: LiveFigures["anomalies_last_hour"] }) {
  const rows = Object.entries({ ...anomalies.by_type, ...anomalies.by_severity }).map(([what, anomalies]) => ({ what, anomalies }));
  return (
    <div class="card">
      <h3>Anomalies of the last hour</h3>
      <p>
        {counted(anomalies.total, "anomaly", "anomalies")}, {count(anomalies.provisional)} of them in a window that is still open.{" "}
        <a href={pageHref("anomalies")}>See them</a>
      </p>
      <Table
        caption="Anomalies of the last hour by type and severity"
        captionHidden
        columns={columns}
        rows={rows}
        rowKey={({ what }) => what}
        fileName="live_anomalies"
      />
    </div>
  );
}
