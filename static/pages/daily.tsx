// The days of a range: the newest one beside the days that it is to be compared with, all of them as charts and as a table, and everything
// together. What always holds: both kinds of traffic are asked for, so that what flagged sessions make of a figure stands beside it.

import { useMemo } from "preact/hooks";
import { chosenDays, DayRange } from "../parts/day_choice.tsx";
import { NoDayYet } from "../parts/first_steps.tsx";
import { Loaded, Notice } from "../parts/notice.tsx";
import { choose, pageHref, traffic } from "../shell/address.ts";
import type { Day } from "../shell/answers.ts";
import { nextCursor } from "../shell/api.ts";
import { addDays, day as dayName, dayOf } from "../shell/format.ts";
import { type Resource, useResource } from "../shell/resource.ts";
import { DayCharts } from "./daily/charts.tsx";
import { dayRows, listPath, NEWEST_DAYS } from "./daily/days.ts";
import { DaysTable } from "./daily/table.tsx";
import { NewestDay } from "./daily/newest_day.tsx";
import { type Summary, Together } from "./daily/together.tsx";

export function Daily() {
  const { from, to } = chosenDays();
  const chosen = traffic.value;
  const all = useResource<Day[]>(listPath({ from, to }, "all"));
  const humans = useResource<Day[]>(listPath({ from, to }, "humans"));
  const summary = useResource<Summary>("/metrics/summary");
  const humansSummary = useResource<Summary>("/metrics/summary?traffic=humans");
  const firstDate = summary.data?.first_date ?? null;
  const lastDate = addDays(dayOf(Date.now()), -1);
  const rows = useMemo(
    () => dayRows({ all: all.data ?? [], humans: humans.data ?? [], traffic: chosen, range: { from, to }, firstDate, lastDate }),
    [all.data, humans.data, chosen, from, to, firstDate, lastDate],
  );
  const listed = chosen === "humans" ? humans : all;
  return (
    <div class="page">
      <div class="section">
        <DayRange open={`Newest ${NEWEST_DAYS} days`} />
        <p class="aside">
          {chosen === "humans" ? "Sessions that are flagged as bots are left out. " : "Everybody counts, bots included. "}
          {rangeInWords(from, to, firstDate)}
        </p>
      </div>
      <Loaded of={listed} what="the days">
        {(days) =>
          rows.length === 0 ? <NoDays summary={summary} /> : (
            <>
              {from !== null && nextCursor(listed.headers ?? new Headers()) !== null && (
                <Notice title="Not all days of this range are shown">
                  They are too many at once. Choose a later first day, or an earlier last one.
                </Notice>
              )}
              <NewestDay rows={rows} days={days} firstDate={firstDate} />
              <DayCharts rows={rows} />
              <DaysTable rows={rows} firstDate={firstDate} />
            </>
          )}
      </Loaded>
      <Together summary={chosen === "humans" ? humansSummary : summary} all={summary.data} humans={humansSummary.data} />
    </div>
  );
}

function rangeInWords(from: string | null, to: string | null, firstDate: string | null): string {
  const before = from !== null && firstDate !== null && from < firstDate ? ` The data begins on ${dayName(firstDate)}.` : "";
  if (from !== null && to !== null) return `Days from ${dayName(from)} to ${dayName(to)}.${before}`;
  if (from !== null) return `Days since ${dayName(from)}.${before}`;
  return `The newest days that are counted${to === null ? "" : ` up to ${dayName(to)}`}, ${NEWEST_DAYS} at most.`;
}

/** Why there is nothing at all, or nothing in this range. */
function NoDays({ summary }: { summary: Resource<Summary> }) {
  if (summary.error?.status === 404) return <NoDayYet />;
  if (summary.data === null) return <Loaded of={summary} what="the days">{() => null}</Loaded>;
  const { first_date: first, last_date: last } = summary.data;
  return (
    <Notice title="No day of this range is counted">
      Days from {dayName(first)} to {dayName(last)} are. A day is counted in the night after it; <a href={pageHref("jobs")}>Jobs</a>{" "}
      says when.{" "}
      <button type="button" class="plain" onClick={() => choose({ from: null, to: null })}>
        Show the newest {NEWEST_DAYS} days
      </button>
    </Notice>
  );
}
