// Figures of the last half hour, and how they move: shared by the overview and the live page.

import { useMemo } from "preact/hooks";
import { ChartFigure } from "../../parts/chart_figure.tsx";
import { Notice } from "../../parts/notice.tsx";
import type { Column } from "../../parts/table.tsx";
import { Tile, Tiles } from "../../parts/tile.tsx";
import { TimeSeries } from "../../parts/time_series.tsx";
import { page, pageHref, traffic } from "../../shell/address.ts";
import { ratePercent } from "../../shell/comparison.ts";
import { count, counted, decimal, duration, instant, timeOfDay } from "../../shell/format.ts";
import { isQuiet, type LiveFigures, type Rate } from "../../shell/live_figures.ts";

/** Says when the figures are not about this moment, or not about everything. */
export function QuietNotice({ figures }: { figures: LiveFigures }) {
  const { newest_event, failing, gap, capped } = figures;
  return (
    <>
      {failing !== null && <Notice kind="error" title="Live figures stand still">{failing}</Notice>}
      {newest_event === null && (
        <Notice title="No event yet">
          The first one shows here as soon as it comes in. {page.value !== "overview" && (
            <>
              <a href={pageHref("overview")}>Overview</a> says how to send it.
            </>
          )}
        </Notice>
      )}
      {isQuiet(figures) && (
        <Notice kind="warning" title={`Quiet since ${instant(newest_event)}`}>
          No event has come in since then; these are the figures of the half hour before it.
        </Notice>
      )}
      {capped && (
        <Notice kind="warning" title="A shorter stretch">
          More goes on than is kept for half an hour: these figures begin at {timeOfDay(figures.window_start)}.
        </Notice>
      )}
      {gap !== null && (
        <Notice kind="warning" title="Live figures are not whole">
          {gap.unread_events > 0 && "Up to "}
          {counted(gap.events, "event")}{" "}
          of the last half hour came faster than they could be looked at here: sessions, products and humans lack them{gap.until !== null &&
            ` until ${timeOfDay(gap.until)}`}. They are stored and were checked for bots all the same.
        </Notice>
      )}
    </>
  );
}

export function NowTiles({ figures }: { figures: LiveFigures }) {
  const { anomalies_last_hour: alarms } = figures;
  const severe = (alarms.by_severity.high ?? 0) + (alarms.by_severity.critical ?? 0);
  return (
    <Tiles label="The last 30 minutes">
      <Tile
        name="Active sessions"
        value={count(figures.active_sessions)}
        means={["LiveTotals", "active_sessions"]}
        beside={`${count(figures.sessions)} in 30 minutes`}
      />
      <Tile
        name="Conversion"
        value={ratePercent(figures.conversion_rate)}
        means={["LiveTotals", "conversion_rate"]}
        beside={`${counted(figures.buying_sessions, "session")} bought`}
      />
      <Tile
        name="Session length"
        value={duration(figures.avg_session_duration_s)}
        means={["LiveTotals", "avg_session_duration_s"]}
        beside="on average"
      />
      <Tile
        name="Clicks"
        value={count(figures.clicks)}
        means={["LiveTotals", "clicks"]}
        beside={counted(figures.purchases, "purchase")}
      />
      <Tile
        name="Events coming in"
        value={`${decimal(figures.events_per_s, figures.events_per_s < 100 ? 1 : 0)} /s`}
        means={["LiveFigures", "events_per_s"]}
        beside="all traffic"
      />
      <Tile
        name="Anomalies, last hour"
        value={count(alarms.total)}
        means={["LiveAnomalies", "total"]}
        beside={severe > 0 ? `${count(severe)} of them high or critical` : "none high or critical"}
      />
    </Tiles>
  );
}

const columns: readonly Column<Rate>[] = [
  { key: "at", label: "From", value: ({ at }) => at, show: ({ at }) => timeOfDay(at) },
  { key: "clicks", label: "Clicks", value: ({ clicks }) => clicks, numeric: true, means: ["LiveRate", "clicks"] },
  { key: "purchases", label: "Purchases", value: ({ purchases }) => purchases, numeric: true, means: ["LiveRate", "purchases"] },
  { key: "other", label: "Views, carts, searches", value: ({ other }) => other, numeric: true, means: ["LiveRate", "other"] },
];

export function RatesChart({ figures }: { figures: LiveFigures }) {
  const { rates } = figures;
  const times = useMemo(() => rates.map(({ at }) => Date.parse(at)), [rates]);
  const series = useMemo(() => [
    { label: "Clicks", kind: "line" as const, values: rates.map(({ clicks }) => clicks) },
    { label: "Views, carts, searches", kind: "line" as const, values: rates.map(({ other }) => other) },
    { label: "Purchases", kind: "line" as const, values: rates.map(({ purchases }) => purchases) },
  ], [rates]);
  const clicks = rates.reduce((sum, rate) => sum + rate.clicks, 0);
  const whole = rates.slice(0, -1); // the last one is still filling
  const mean = whole.length === 0 ? 0 : whole.reduce((sum, rate) => sum + rate.clicks, 0) / whole.length;
  const whose = traffic.value === "humans" ? " of sessions that are not flagged" : "";
  return (
    <ChartFigure
      title="Events every 10 seconds"
      summary={`The last 30 minutes: ${counted(clicks, "click")}${whose}, ${decimal(mean, 1)} every 10 seconds on average.`}
      columns={columns}
      rows={rates}
      rowKey={({ at }) => at}
      fileName="events_every_10_seconds"
      empty="Nothing has come in yet."
      chart={(handle) => <TimeSeries times={times} series={series} handle={handle} height={220} />}
    />
  );
}
