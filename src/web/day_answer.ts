// What all answers about counted days share: the parameter that says whose events count, the headers that say how the figures stand, the
// ETag of finished ones, and the reason why there are none.

import type { Context } from "hono";
import { presented, resultTables } from "../../jobs/mod.ts";
import { formatTimestamp } from "../event/timestamp.ts";
import { type Result, type Traffic, traffics } from "../store/results.ts";
import { DAY_STATE_MEANS, type DayState } from "./day_states.ts";
import { settledJson } from "./etag.ts";
import { dayInPath, oneOf } from "./parameters.ts";
import { NoFigures } from "./problem.ts";
import type { Service } from "./service.ts";

export const trafficParameter = oneOf(traffics, {
  means: "Whose events count: everybody's where it is left out, or `humans`: flagged sessions are left out",
});

export const dateInPath = dayInPath({ means: "The local day, in the shop's time zone" });

/** Headers of answers that are lists of rows of one day. */
export const dayHeaders = {
  "Day": "The local day that the rows are of",
  "Day-State": DAY_STATE_MEANS,
  "Day-Finished": "When they were counted",
  "ETag": "On finished days: send it as If-None-Match, and an answer that is the same comes as 304 without a body",
};

export const notModified = { means: "The same as the one that If-None-Match names", schema: null };

/** Rows of a result as people and programs see them. */
export function shownRows({ table, rows }: Result, limit = Infinity): Record<string, unknown>[] {
  return rows.slice(0, limit).map((row) => presented(resultTables[table].columns, row));
}

/** The result of a table for a day. Throws `NoFigures` with the reason. */
export async function resultOfDay(service: Service, table: string, date: string, traffic: Traffic = "all"): Promise<Result> {
  const result = await service.days.results.get(table, date, traffic);
  if (result !== null) return result;
  const { state } = await service.days.status(date);
  const { name } = service.dayStates.zone;
  if (state === "future") throw new NoFigures("future", `Cannot show ${date}: that day has not ended in ${name}`);
  if (state === "no_data") throw new NoFigures("no_data", `Cannot show ${date}: the lake has no event of that day in ${name}`);
  throw new NoFigures("not_run", `Cannot show ${table} of ${date}: the day is not counted yet; POST /jobs/daily_metrics/runs does it now`);
}

/** The newest result of a job over many days, and how it stands. Throws `NoFigures`. */
export async function newestResult(
  service: Service,
  table: "summary" | "trending",
  traffic: Traffic = "all",
): Promise<{ result: Result; state: DayState }> {
  const { days: { results }, dayStates } = service;
  const [newest] = await Array.fromAsync(firstOf(results.dates("daily_metrics", "all", { newestFirst: true })));
  // One made for a day that has turned out to be empty is behind the times.
  const [date] = await Array.fromAsync(firstOf(results.dates(table, traffic, { to: newest, newestFirst: true })));
  const result = date === undefined ? null : await results.get(table, date, traffic);
  if (result !== null) {
    return { result, state: await dayStates.ofLake(table, date, newest) };
  }
  if (await dayStates.holdsAny()) throw new NoFigures("not_run", `Cannot show ${table}: no day is counted yet; see /jobs for when one is`);
  throw new NoFigures("no_data", `Cannot show ${table}: the lake has no event yet`);
}

/** Rows of one day as a list. */
export function rowsAnswer(c: Context, result: Result, state: DayState, limit: number): Response {
  c.header("Day", result.date);
  c.header("Day-State", state);
  c.header("Day-Finished", formatTimestamp(result.meta.finished));
  return settledJson(c, shownRows(result, limit), state === "finished");
}

async function* firstOf(dates: AsyncGenerator<string>): AsyncGenerator<string> {
  for await (const date of dates) {
    yield date;
    return;
  }
}
