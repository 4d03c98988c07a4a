// All counted days together, whatever range is chosen: each session counts once here, so these are not the sums of the days.

import { DayStateSign, Loaded } from "../../parts/notice.tsx";
import { Tile, Tiles } from "../../parts/tile.tsx";
import type { Day } from "../../shell/answers.ts";
import { counted, day as dayName } from "../../shell/format.ts";
import type { Resource } from "../../shell/resource.ts";
import { figures } from "./figures.ts";
import { FlaggedPart, moneyNote } from "./newest_day.tsx";

export interface Summary extends Omit<Day, "metric_date"> {
  readonly first_date: string;
  readonly last_date: string;
  readonly days: number;
  readonly buying_sessions: number;
  readonly exact: boolean;
}

export function Together({ summary, all, humans }: { summary: Resource<Summary>; all: Summary | null; humans: Summary | null }) {
  // Without any day the range above says why already.
  if (summary.data === null && summary.error?.status === 404) return null;
  return (
    <section class="section daily-tiles" aria-labelledby="together">
      <h2 id="together">All days together</h2>
      <Loaded of={summary} what="all days together">
        {(sum) => (
          <>
            <p class="aside">
              {sum.days === 1
                ? `${dayName(sum.first_date)}, the one day there is`
                : `${counted(sum.days, "day")}, ${dayName(sum.first_date)} to ${dayName(sum.last_date)}, whatever range is chosen above`}. A
              session counts once, however many days it lasts{sum.exact ? "" : "; sessions of the oldest days are estimated"}.{" "}
              <DayStateSign state={sum.state} />
            </p>
            <Tiles label="Figures of all days together">
              {figures.filter(({ tile }) => tile).map((figure) => (
                <Tile
                  key={figure.field}
                  name={figure.name}
                  value={figure.show(sum[figure.field])}
                  means={["SummaryOfDays", figure.field]}
                  beside={
                    <span class="lines">
                      <FlaggedPart figure={figure} all={all?.[figure.field] ?? undefined} humans={humans?.[figure.field] ?? undefined} />
                      {figure.field === "total_revenue" && moneyNote(sum) !== null && <span class="line">{moneyNote(sum)}</span>}
                    </span>
                  }
                />
              ))}
            </Tiles>
          </>
        )}
      </Loaded>
    </section>
  );
}
