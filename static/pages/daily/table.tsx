// All days of the range with all figures, newest first, and why a day has none.

import { useMemo } from "preact/hooks";
import { DayStateSign } from "../../parts/notice.tsx";
import { type Column, Table } from "../../parts/table.tsx";
import { pageHref, traffic } from "../../shell/address.ts";
import { count, instant } from "../../shell/format.ts";
import { useResource } from "../../shell/resource.ts";
import type { Day, Jobs } from "../../shell/answers.ts";
import { type DayRow, daysFrom, rowName } from "./days.ts";
import { figures } from "./figures.ts";

/** Rows shown at first: more of them would make the page slow to draw. */
const ROWS_FIRST = 100;
/** Days without figures of which the reason is asked for; of others Jobs tells it. */
const REASONS_MAX = 8;
/** A reason changes only when days are counted, which the feed tells. */
const REASON_EVERY_MS = 600_000;

export function DaysTable({ rows, firstDate }: { rows: readonly DayRow[]; firstDate: string | null }) {
  const newestFirst = useMemo(() => rows.toReversed(), [rows]);
  const columns = useMemo(() => columnsFor(newestFirst, firstDate), [newestFirst, firstDate]);
  const fileName = `days-${rows[0].date}-to-${rows[rows.length - 1].until}${traffic.value === "humans" ? "-humans" : ""}`;
  return (
    <section class="section days-table" aria-labelledby="every-day">
      <h2 id="every-day">Every day with all figures</h2>
      <Table
        caption={traffic.value === "humans" ? "Days, flagged sessions left out" : "Days, all traffic"}
        columns={columns}
        rows={newestFirst}
        rowKey={({ date }) => date}
        fileName={fileName}
        rowsFirst={ROWS_FIRST}
      />
    </section>
  );
}

function columnsFor(newestFirst: readonly DayRow[], firstDate: string | null): Column<DayRow>[] {
  const asked = new Set(newestFirst.filter(({ day, date, until }) => day === null && date === until).slice(0, REASONS_MAX));
  return [
    { key: "metric_date", label: "Day", value: ({ date }) => date, show: rowName, means: ["Day", "metric_date"] },
    {
      key: "state",
      label: "State",
      value: ({ day }) => day?.state ?? null,
      show: (row) => <Standing row={row} asks={asked.has(row)} isFirst={row.date === firstDate} />,
      means: ["Day", "state"],
    },
    ...figures.map(({ field, name, show }): Column<DayRow> => ({
      key: field,
      label: name,
      value: ({ day }) => day?.[field] ?? null,
      show: ({ day }) => show(day?.[field]),
      numeric: true,
      means: ["Day", field],
    })),
    {
      key: "clicks_of_flagged_sessions",
      label: "Clicks by flagged bots",
      value: flaggedClicks,
      show: (row) => count(flaggedClicks(row)),
      numeric: true,
      note: "Clicks of all traffic less those of humans.",
    },
    {
      key: "finished_at",
      label: "Counted",
      value: ({ day }) => day?.finished_at ?? null,
      show: ({ day }) => instant(day?.finished_at),
      means: ["Day", "finished_at"],
    },
  ];
}

function flaggedClicks({ all, humans }: DayRow): number | null {
  return all === null || humans === null ? null : Math.max(0, all.total_clicks - humans.total_clicks);
}

function Standing({ row: { date, until, day }, asks, isFirst }: { row: DayRow; asks: boolean; isFirst: boolean }) {
  if (day === null) {
    if (asks) return <Reason date={date} />;
    return (
      <>
        {date === until ? "" : `${count(daysFrom(date, until) + 1)} days: `}No figures; <a href={pageHref("jobs")}>Jobs</a> says why
      </>
    );
  }
  return (
    <span class="standing">
      {day.state === "finished" ? "Finished" : <DayStateSign state={day.state} />}
      {isFirst && <span class="sign" title="First day: data may begin in the middle of it">First day</span>}
    </span>
  );
}

const reasonWords: Record<string, string> = { no_data: "No events", future: "Not over yet" };

/** Why one day has no figures. */
function Reason({ date }: { date: string }) {
  const { next_run: next } = useResource<Jobs>("/jobs").data ?? {};
  const waits = next?.date === date;
  const { error } = useResource<Day>(waits ? null : `/metrics/daily/${date}`, { everyMs: REASON_EVERY_MS });
  if (waits) return <>Is counted at {instant(next?.at, { seconds: false })}</>;
  const known = error?.reason === null || error?.reason === undefined ? undefined : reasonWords[error.reason];
  if (known !== undefined) return <>{known}</>;
  if (error?.reason === "not_run") {
    return (
      <>
        Not counted yet; <a href={pageHref("jobs")}>Jobs</a> can do it now
      </>
    );
  }
  return <>No figures</>;
}
