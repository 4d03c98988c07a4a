// What a chart of days shows, in a sentence with its figures, for those who hear the page and those in a hurry.

import type { Day } from "../../shell/answers.ts";
import { count, type Maybe } from "../../shell/format.ts";
import { flaggedInWords } from "../../shell/comparison.ts";
import { type DayRow, rowName, spanInWords } from "./days.ts";

type Field = Exclude<keyof Day, "metric_date" | "state" | "finished_at">;

/** A figure over the days. sum: what the sum of all days counts; without it the figure is one that does not add up. */
export function figureSummary(
  rows: readonly DayRow[],
  field: Field,
  { sum, show }: { sum?: string; show: (value: Maybe) => string },
): string {
  const told = rows.flatMap((row) => {
    const value = row.day?.[field];
    return value === null || value === undefined ? [] : [{ name: rowName(row), value }];
  });
  if (told.length === 0) return "No figures.";
  const high = told.reduce((a, b) => b.value > a.value ? b : a), low = told.reduce((a, b) => b.value < a.value ? b : a);
  const last = told[told.length - 1];
  if (told.length === 1) return `${last.name}: ${show(last.value)}${sum === undefined || sum === "" ? "" : ` ${sum}`}.`;
  if (sum === undefined) {
    return `${show(last.value)} on ${last.name}; highest on ${high.name} (${show(high.value)}), lowest on ${low.name} (${
      show(low.value)
    }).`;
  }
  const total = told.reduce((all, { value }) => all + value, 0);
  return `${spanInWords(rows)}: ${show(total)}${sum === "" ? "" : ` ${sum}`}, most on ${high.name} (${show(high.value)}).`;
}

/** A count over the days by who made it. */
export function flaggedSummary(rows: readonly DayRow[], field: "total_clicks" | "unique_sessions", what: string): string {
  const both = rows.filter(({ all, humans }) => all !== null && humans !== null);
  if (both.length === 0) return "No figures.";
  const sum = (pick: (row: DayRow) => Day | null) => both.reduce((total, row) => total + (pick(row)?.[field] ?? 0), 0);
  const all = sum((row) => row.all), humans = sum((row) => row.humans);
  const most = both.reduce((a, b) => b.all![field] > a.all![field] ? b : a);
  const peak = both.length === 1 ? "" : `, most on ${rowName(most)} (${count(most.all![field])})`;
  const part = flaggedInWords(all, humans, "all");
  return `${spanInWords(rows)}: ${count(all)} ${what}${peak}${part === null ? "" : `; ${part}`}.`;
}
