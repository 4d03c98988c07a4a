// The newest day of the range, figure by figure, against the day before and the same weekday a week before, and what flagged sessions make
// of each figure.

import type { ComponentChildren } from "preact";
import { DayStateNotice, DayStateSign } from "../../parts/notice.tsx";
import { Tile, Tiles } from "../../parts/tile.tsx";
import { traffic } from "../../shell/address.ts";
import type { Day } from "../../shell/answers.ts";
import { addDays, counted, day as dayName } from "../../shell/format.ts";
import { comparison, flaggedInWords, flaggedShare } from "../../shell/comparison.ts";
import type { DayRow } from "./days.ts";
import { type Figure, figures } from "./figures.ts";

/** The parts of a whole as a bar: what people make of it, and what flagged sessions do. */
export function ShareBar({ share }: { share: number | null }) {
  if (share === null || share === 0) return null;
  return (
    <span class="share-bar" aria-hidden="true">
      <span class="flagged" style={{ width: `${share * 100}%` }} />
    </span>
  );
}

/** What the other traffic makes of a figure, in a line and, for counts that bots can swell, as a bar. */
export function FlaggedPart({ figure, all, humans }: { figure: Figure; all: number | undefined; humans: number | undefined }) {
  if (all === undefined || humans === undefined) return null;
  const { kind, show } = figure, isHumans = traffic.value === "humans";
  if (kind === "count") {
    const words = flaggedInWords(all, humans, traffic.value, show);
    return words === null ? null : (
      <span class="line">
        {words}
        <ShareBar share={flaggedShare(all, humans)} />
      </span>
    );
  }
  if (show(all) === show(humans)) return null;
  return <span class="line">{isHumans ? `all traffic: ${show(all)}` : `humans alone: ${show(humans)}`}</span>;
}

/** What a sum of money does not hold; null where it holds all purchases. */
export function moneyNote(
  { purchases_without_price: free, purchases_other_currency: foreign }: Pick<Day, "purchases_without_price" | "purchases_other_currency">,
): string | null {
  const parts = [
    free > 0 ? `${counted(free, "purchase")} without a price` : null,
    foreign > 0 ? `${counted(foreign, "purchase")} in another currency` : null,
  ].filter((part) => part !== null);
  return parts.length === 0 ? null : `not in it: ${parts.join(", ")}`;
}

export function NewestDay({ rows, days, firstDate }: { rows: readonly DayRow[]; days: readonly Day[]; firstDate: string | null }) {
  const row = rows.findLast(({ day }) => day !== null);
  if (row === undefined || row.day === null) return null;
  const { date, day } = row;
  const before = days.find(({ metric_date }) => metric_date === addDays(date, -1));
  const week = days.find(({ metric_date }) => metric_date === addDays(date, -7));
  return (
    <section class="section daily-tiles" aria-labelledby="newest-day">
      <h2 id="newest-day">
        {dayName(date)} <DayStateSign state={day.state} />
      </h2>
      <DayStateNotice state={day.state} date={dayName(date)} />
      <p class="aside">
        {date === firstDate && "This is the first day: data may begin in the middle of it. "}
        {againstWhat(before, week, firstDate)}
      </p>
      <Tiles label={`Figures of ${dayName(date)}`}>
        {figures.filter(({ tile }) => tile).map((figure) => (
          <Tile
            key={figure.field}
            name={figure.name}
            value={figure.show(day[figure.field])}
            means={["Day", figure.field]}
            beside={
              <span class="lines">
                <Against figure={figure} now={day} before={before} what="the day before" />
                <Against figure={figure} now={day} before={week} what="a week before" />
                <FlaggedPart figure={figure} all={row.all?.[figure.field] ?? undefined} humans={row.humans?.[figure.field] ?? undefined} />
                {figure.field === "total_revenue" && <Line>{moneyNote(day)}</Line>}
              </span>
            }
          />
        ))}
      </Tiles>
    </section>
  );
}

function Line({ children }: { children: ComponentChildren }) {
  return children === null ? null : <span class="line">{children}</span>;
}

function Against({ figure, now, before, what }: { figure: Figure; now: Day; before: Day | undefined; what: string }) {
  const told = comparison(now[figure.field], before?.[figure.field], figure.kind === "share" ? "rate" : "count");
  return told === null ? null : (
    <span class="line" title={`${dayName(before!.metric_date)}: ${figure.show(before![figure.field])}`}>
      <strong>{told}</strong> against {what}
    </span>
  );
}

function againstWhat(before: Day | undefined, week: Day | undefined, firstDate: string | null): string {
  const named = [before, week].filter((day) => day !== undefined).map(({ metric_date: date }) =>
    `${dayName(date)}${date === firstDate ? " (the first day of data, which may not be whole)" : ""}`
  );
  return named.length === 0 ? "There is no earlier day to compare it with." : `Compared with ${named.join(" and ")}.`;
}
