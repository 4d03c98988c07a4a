// The newest day that is counted, beside the day before it.

import { DayStateNotice, DayStateSign, Loaded, Notice } from "../../parts/notice.tsx";
import { Tile, Tiles } from "../../parts/tile.tsx";
import { pageHref, traffic } from "../../shell/address.ts";
import type { Day } from "../../shell/answers.ts";
import { change, count, day, duration, type Maybe, rate, shortMoney } from "../../shell/format.ts";
import { useResource } from "../../shell/resource.ts";

interface Figure {
  readonly name: string;
  readonly field: keyof Day;
  readonly show: (value: Maybe) => string;
}

const figures: readonly Figure[] = [
  { name: "Clicks", field: "total_clicks", show: count },
  { name: "Sessions", field: "unique_sessions", show: count },
  { name: "Purchases", field: "total_purchases", show: count },
  { name: "Conversion", field: "conversion_rate", show: rate },
  { name: "Session length", field: "avg_session_duration_sec", show: duration },
  { name: "Revenue", field: "total_revenue", show: shortMoney },
];

export function LastDay() {
  const days = useResource<Day[]>(`/metrics/daily?limit=2&traffic=${traffic.value}`);
  return (
    <section class="section" aria-labelledby="last-day">
      <h2 id="last-day">The last day</h2>
      <Loaded of={days} what="the last day">
        {([newest, before]) =>
          newest === undefined
            ? (
              <Notice title="No day is counted yet">
                A day is counted in the night after it. <a href={pageHref("jobs")}>Jobs</a> says when, and can do it now.
              </Notice>
            )
            : (
              <>
                <p class="aside">
                  {day(newest.metric_date)} <DayStateSign state={newest.state} />
                  {traffic.value === "humans" ? ", flagged sessions left out. " : ". "}
                  <a href={pageHref("daily")}>All days</a>
                </p>
                <DayStateNotice state={newest.state} date={newest.metric_date} />
                <Tiles label={`Figures of ${newest.metric_date}`}>
                  {figures.map(({ name, field, show }) => (
                    <Tile
                      key={field}
                      name={name}
                      value={show(newest[field] as Maybe)}
                      means={["Day", field]}
                      beside={compared(newest[field] as Maybe, before?.[field] as Maybe)}
                    />
                  ))}
                </Tiles>
              </>
            )}
      </Loaded>
    </section>
  );
}

function compared(now: Maybe, before: Maybe): string | null {
  const by = change(now, before);
  return by === null ? null : `${by} on the day before`;
}
