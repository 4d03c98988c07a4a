// The newest day that is counted, beside the day before it.

import { NoDayYet } from "../../parts/first_steps.tsx";
import { DayStateNotice, DayStateSign, Loaded } from "../../parts/notice.tsx";
import { Tile, Tiles } from "../../parts/tile.tsx";
import { pageHref, traffic } from "../../shell/address.ts";
import type { Day } from "../../shell/answers.ts";
import { comparison } from "../../shell/comparison.ts";
import { addDays, day, dayOf } from "../../shell/format.ts";
import { useResource } from "../../shell/resource.ts";
import { type Figure, figures as figuresOfDay } from "../daily/figures.ts";

/** Of all figures of a day, those that are asked for first. */
const FIRST = ["total_clicks", "unique_sessions", "total_purchases", "conversion_rate", "avg_session_duration_sec", "total_revenue"];
const figures = FIRST.map((field) => figuresOfDay.find((figure) => figure.field === field)!);

export function LastDay() {
  const days = useResource<Day[]>(`/metrics/daily?limit=2&traffic=${traffic.value}`);
  const isYesterday = days.data?.[0]?.metric_date === addDays(dayOf(Date.now()), -1);
  return (
    <section class="section" aria-labelledby="last-day">
      <h2 id="last-day">{isYesterday ? "Yesterday" : "The last day"}</h2>
      <Loaded of={days} what="the last day">
        {([newest, before]) =>
          newest === undefined ? <NoDayYet /> : (
            <>
              <p class="aside">
                {day(newest.metric_date)}
                {traffic.value === "humans" ? ", flagged sessions left out. " : ", bots included. "}
                <DayStateSign state={newest.state} /> <a href={pageHref("daily")}>All days</a>
              </p>
              <DayStateNotice state={newest.state} date={day(newest.metric_date)} />
              <Tiles label={`Figures of ${day(newest.metric_date)}`}>
                {figures.map((figure) => (
                  <Tile
                    key={figure.field}
                    name={figure.name}
                    value={figure.show(newest[figure.field])}
                    means={["Day", figure.field]}
                    beside={compared(figure, newest, before)}
                  />
                ))}
              </Tiles>
            </>
          )}
      </Loaded>
    </section>
  );
}

/** Against the day before, which may not be counted. */
function compared({ field, kind }: Figure, now: Day, before: Day | undefined): string | null {
  if (before === undefined || before.metric_date !== addDays(now.metric_date, -1)) return null;
  const by = comparison(now[field], before[field], kind === "share" ? "rate" : "count");
  return by === null ? null : `${by} on the day before`;
}
