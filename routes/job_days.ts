// The last days at a glance: which are counted, which are not, and what went wrong.

import { z } from "@hono/zod-openapi";
import { dayAfter, jobNames } from "../jobs/mod.ts";
import { formatTimestamp } from "../src/event/timestamp.ts";
import { limits } from "../src/limits.ts";
import { type Standing, standingOf, standingStates } from "../src/web/day_standings.ts";
import { DAY_STATE_MEANS } from "../src/web/day_states.ts";
import { endpoint } from "../src/web/endpoint.ts";
import { wholeNumber } from "../src/web/parameters.ts";

const DAYS_DEFAULT = 30;

export const jobDaySchema = z.object({
  date: z.string().describe("The local day"),
  state: z.enum(standingStates).describe(`${DAY_STATE_MEANS}; not_run: there are events, and no figures; no_data: there are no events`),
  has_figures: z.boolean().describe("Whether figures of it can be had"),
  failed: z.array(z.enum(jobNames)).describe("Jobs of the day that failed in their last try"),
  retry_at: z.string().nullable().describe("When a job that failed is tried again; null where none waits for that"),
}).openapi("JobDay");
type JobDayOut = z.infer<typeof jobDaySchema>;

const example: JobDayOut = { date: "2014-04-07", state: "partial", has_figures: true, failed: ["session_funnel"], retry_at: null };

function shown({ date, state, hasFigures, failed, retryAt }: Standing): JobDayOut {
  return { date, state, has_figures: hasFigures, failed: [...failed], retry_at: retryAt === null ? null : formatTimestamp(retryAt) };
}

export const jobDays = endpoint({
  method: "get",
  path: "/jobs/days",
  tag: "Jobs",
  summary: "How the last days stand",
  description: "One row for each day that has ended, newest first, whether it is counted or not.",
  query: z.object({ limit: wholeNumber(1, limits.jobDaysShownMax, DAYS_DEFAULT, { means: "Days back from yesterday" }) }),
  answers: { 200: { means: "Days, newest first", schema: z.array(jobDaySchema), example: [example] } },
  problems: [],
  handle: async ({ c, service: { days, dayStates }, query: { limit } }) => {
    const scene = await dayStates.scene(await days.runs.book());
    const dates: string[] = [];
    for (let date = dayAfter(scene.zone.dateOf(scene.now), -1); dates.length < limit; date = dayAfter(date, -1)) dates.push(date);
    const range = { from: dates[dates.length - 1], to: dates[0] };
    const counted = new Set(await Array.fromAsync(days.results.dates("daily_metrics", "all", range)));
    return c.json(dates.map((date) => shown(standingOf(scene, date, counted.has(date)))));
  },
});
