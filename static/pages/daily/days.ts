// Which days the daily page shows and what is said of them, as pure functions of the API's answers: days in a row with the gaps between
// them, what a day is compared with, what flagged sessions make of a figure. Knows nothing of how any of it is drawn.

import type { Day, Traffic } from "../../shell/answers.ts";
import { addDays, day as dayName } from "../../shell/format.ts";

/** Days shown where no range is chosen. */
export const NEWEST_DAYS = 30;
/** Days before the range that are asked for too, as its days are compared with them. */
const BEFORE_DAYS = 7;
/** The most that one call of the API lists. */
const LISTED_MAX = 1000;
/** A gap up to so many days has a row and a place in the charts for each day; a longer one has a single one. */
const GAP_DAYS_MAX = 7;

/** A day with its figures, or days without: one of a short gap, all of a long one. */
export interface DayRow {
  readonly date: string;
  /** The last day of a long gap; otherwise the same as `date`. */
  readonly until: string;
  /** The figures of the traffic that is chosen; null: there are none. */
  readonly day: Day | null;
  readonly all: Day | null;
  readonly humans: Day | null;
}

export interface Range {
  readonly from: string | null;
  readonly to: string | null;
}

/** The call that lists a range, and the days before it that it is compared with. */
export function listPath({ from, to }: Range, traffic: Traffic): string {
  const query = new URLSearchParams();
  if (from !== null) query.set("start_date", addDays(from, -BEFORE_DAYS));
  if (to !== null) query.set("end_date", to);
  const wanted = from === null ? NEWEST_DAYS : to === null ? LISTED_MAX : daysFrom(from, to) + 1;
  query.set("limit", String(Math.min(wanted + BEFORE_DAYS, LISTED_MAX)));
  if (traffic === "humans") query.set("traffic", traffic);
  return `/metrics/daily?${query}`;
}

/** Days from one to another: 1 from a day to the next. */
export function daysFrom(earlier: string, later: string): number {
  return Math.round((Date.parse(later) - Date.parse(earlier)) / 86_400_000);
}

export interface Listed {
  /** As the API lists them: newest first, with days before the range. */
  readonly all: readonly Day[];
  readonly humans: readonly Day[];
  readonly traffic: Traffic;
  readonly range: Range;
  /** The first day of data, where it is known. */
  readonly firstDate: string | null;
  /** The last day that can have figures. */
  readonly lastDate: string;
}

/** The days of the range, oldest first, with a row for what is missing. */
export function dayRows({ all, humans, traffic, range: { from, to }, firstDate, lastDate }: Listed): DayRow[] {
  const humansOf = new Map(humans.map((day) => [day.metric_date, day]));
  const allOf = new Map(all.map((day) => [day.metric_date, day]));
  const listed = traffic === "humans" ? humans : all;
  const shown = from === null ? listed.slice(0, NEWEST_DAYS) : listed.filter(({ metric_date }) => metric_date >= from);
  const rows: DayRow[] = [];
  const leading = from !== null && firstDate !== null && shown.length > 0 ? (from < firstDate ? firstDate : from) : null;
  let next = leading;
  for (const day of shown.toReversed()) {
    const date = day.metric_date;
    if (next !== null) rows.push(...gap(next, addDays(date, -1)));
    rows.push({ date, until: date, day, all: allOf.get(date) ?? null, humans: humansOf.get(date) ?? null });
    next = addDays(date, 1);
  }
  // After the last day with figures a long silence says nothing, unless it was asked for.
  const end = to === null || to > lastDate ? lastDate : to;
  if (next !== null && rows.length > 0 && (to !== null || daysFrom(next, end) < GAP_DAYS_MAX)) rows.push(...gap(next, end));
  return rows;
}

function gap(first: string, last: string): DayRow[] {
  const days = daysFrom(first, last) + 1;
  if (days <= 0) return [];
  const missing = (date: string, until: string): DayRow => ({ date, until, day: null, all: null, humans: null });
  if (days > GAP_DAYS_MAX) return [missing(first, last)];
  return Array.from({ length: days }, (_, i) => missing(addDays(first, i), addDays(first, i)));
}

/** A row's day, or its days, in words. */
export function rowName({ date, until }: DayRow): string {
  return date === until ? dayName(date) : `${dayName(date)} to ${dayName(until)}`;
}

/** From which day to which day the rows go, in words. */
export function spanInWords(rows: readonly DayRow[]): string {
  const first = rows[0], last = rows[rows.length - 1];
  return rows.length === 1 && first.date === first.until
    ? `On ${dayName(first.date)}`
    : `From ${dayName(first.date)} to ${dayName(last.until)}`;
}
