// Day jobs: what there is and when it runs, the record of runs, and runs by hand.

import { z } from "@hono/zod-openapi";
import { dayAfter, dayJobs, due, type JobName, jobNames, type Reason } from "../jobs/mod.ts";
import { dueFrom } from "../jobs/due.ts";
import { GuardianError, reasonOf } from "../src/errors.ts";
import { formatTimestamp } from "../src/event/timestamp.ts";
import { limits } from "../src/limits.ts";
import { type Run, runStates } from "../src/store/runs.ts";
import { type CursorShape, linkNext, placeOf } from "../src/web/cursor.ts";
import { backfillLines, runInOrder } from "../src/web/day_orders.ts";
import { endpoint } from "../src/web/endpoint.ts";
import { jsonBody } from "../src/web/json_body.ts";
import { jsonLines, NDJSON } from "../src/web/ndjson.ts";
import { cursorParameter, limitParameter, localDate, oneOf, someDay } from "../src/web/parameters.ts";
import { problemResponse } from "../src/web/problem.ts";
import { type RunOut, runSchema, shownRun } from "../src/web/shown_run.ts";
import type { Service } from "../src/web/service.ts";

const TAG = "Jobs";
const reasons = ["first", "retry", "interrupted", "stale", "after_another", "hand"] as const satisfies readonly Reason[];

export { type RunOut, runSchema, shownRun };

const dueSchema = z.object({
  date: z.string(),
  jobs: z.array(z.object({ job: z.enum(jobNames), reason: z.enum(reasons) })),
});

export const jobsSchema = z.object({
  timezone: z.string().describe("What decides when a day begins"),
  run_at: z.string().describe("When the day before is counted, in that time zone"),
  currency: z.string().describe("The shop's currency, an ISO code; empty where none is set"),
  next_run: z.object({ at: z.string(), date: z.string().describe("The day that is counted then") }),
  due: dueSchema.nullable().describe("What runs next, and why; null when nothing is due. Days come oldest first"),
  jobs: z.array(z.object({
    job: z.enum(jobNames),
    description: z.string(),
    depends_on: z.array(z.enum(jobNames)),
    per: z.enum(["day", "lake"]).describe("day: made for each day; lake: made of many days, once for the newest"),
    tables: z.array(z.object({ name: z.string(), description: z.string(), columns: z.array(z.string()) })),
    last_run: runSchema.nullable().describe("Of the newest day that it ran for"),
  })),
}).openapi("Jobs");
export type JobsOut = z.infer<typeof jobsSchema>;

const runExample: RunOut = {
  number: 17,
  job: "session_funnel",
  date: "2014-04-07",
  state: "succeeded",
  trigger: "schedule",
  tries: 1,
  started_at: "2014-04-08T03:00:01.100Z",
  ended_at: "2014-04-08T03:00:01.250Z",
  retry_at: null,
  rows: 6,
  error: null,
  left_out: [],
};

export const jobs = endpoint({
  method: "get",
  path: "/jobs",
  tag: TAG,
  summary: "Jobs, and what is due",
  description: "Each job with what it needs and how it last went; when the next day is counted, and what would run now.",
  answers: { 200: { means: "The table of jobs", schema: jobsSchema } },
  problems: [],
  handle: async ({ c, service }) => c.json(await jobTable(service)),
});

async function jobTable({ days, dayStates }: Service): Promise<JobsOut> {
  const scene = await dayStates.scene(await days.runs.book());
  const { zone, now, settings } = scene;
  const today = zone.dateOf(now);
  const next = [dayAfter(today, -1), today].find((date) => dueFrom(scene, date) > now) ?? dayAfter(today);
  const found = due(scene);
  const newest = new Map<string, Run>();
  for (const run of scene.runs.all()) if (run.date >= (newest.get(run.job)?.date ?? "")) newest.set(run.job, run);
  return {
    timezone: settings.timezone,
    run_at: settings.runAt,
    currency: settings.currency,
    next_run: { at: formatTimestamp(dueFrom(scene, next)), date: next },
    due: found === null ? null : { date: found.date, jobs: [...found.jobs] },
    jobs: jobNames.map((job) => {
      const { description, dependsOn, per, tables } = dayJobs[job], run = newest.get(job);
      return {
        job,
        description,
        depends_on: [...dependsOn],
        per,
        tables: tables.map(({ name, description, columns }) => ({ name, description, columns: Object.keys(columns) })),
        last_run: run === undefined ? null : shownRun(run),
      };
    }),
  };
}

const shape: CursorShape = { list: "job-runs", parts: ["number"] };

export const jobRuns = endpoint({
  method: "get",
  path: "/jobs/runs",
  tag: TAG,
  summary: "Runs, newest first",
  description: `What is under way, then every try that has ended. The newest ${limits.runTriesMax} are kept.`,
  query: z.object({
    limit: limitParameter,
    cursor: cursorParameter,
    job: oneOf(jobNames, { means: "Of this job alone" }),
    date: someDay({ means: "Of this day alone" }),
    state: oneOf(runStates, { means: "In this state alone", example: "failed" }),
  }),
  answers: { 200: { means: "One page", schema: z.array(runSchema), example: [runExample], paged: true } },
  problems: [],
  handle: async ({ c, service: { days: { runs } }, query: { limit, cursor, job, date, state } }) => {
    const before = cursor === undefined ? undefined : Number(placeOf(shape, cursor)[0]);
    const under = before === undefined && (state === undefined || state === "running")
      ? (await underWay(runs, job, date)).slice(0, limit - 1)
      : [];
    const states = state === undefined ? undefined : [state];
    const { items, next } = await runs.tries({ limit: limit - under.length, before, job, date, states });
    linkNext(c, shape, next === null ? null : [next]);
    return c.json([...under, ...items].map(shownRun));
  },
});

async function underWay(runs: Service["days"]["runs"], job: JobName | undefined, date: string | undefined): Promise<Run[]> {
  const book = await runs.book();
  return [...book.all()]
    .filter((run) => run.state === "running" && (job === undefined || run.job === job) && (date === undefined || run.date === date))
    .sort((a, b) => b.number - a.number);
}

const BEGIN_WAIT_MS = 2_000, BEGIN_CHECK_MS = 10;
const runBody = z.object({ date: localDate.openapi({ description: "The local day", example: "2014-04-07" }) }).strict().openapi("RunOrder");

export const postRun = endpoint({
  method: "post",
  path: "/jobs/{job}/runs",
  tag: TAG,
  summary: "Run a job for a day now",
  description: "The day must have ended. What the job needs of that day runs before it where it was never done, and what depends on it " +
    "runs after. The answer comes when it has begun, or after 2 seconds when other jobs come first; `wait=true`: when it has ended.",
  params: z.object({
    job: z.enum(jobNames, { error: () => `it must be one of ${jobNames.join(", ")}` }).openapi({
      description: "The job",
      example: "daily_metrics",
    }),
  }),
  query: z.object({ wait: oneOf(["true", "false"], { means: "Whether the answer waits for the end" }) }),
  body: { required: true, content: { "application/json": { schema: runBody } } },
  answers: {
    200: { means: "It has ended, one way or the other: see its state", schema: runSchema, example: runExample },
    202: {
      means: "It was taken, and goes on",
      schema: runSchema,
      example: { ...runExample, state: "running", trigger: "hand", ended_at: null, rows: null },
      headers: { Location: "Where its end is told" },
    },
  },
  problems: ["bad_request", "not_found", "overloaded", "storage_failing", "body_too_large", "unsupported_media_type"],
  handle: async ({ c, service, path: { job }, query: { wait } }) => {
    const { date } = await jsonBody(c.req.raw, service, runBody);
    await mustBeThere(service, job, date);
    const { days } = service;
    const before = await days.runs.get(date, job);
    const work = runInOrder(days, job, date);
    if (wait === "true") return c.json(shownRun(await work));
    work.catch((error) => service.logLine("warn", "run_by_hand_failed", { job, date, reason: reasonOf(error) }));
    let ended = false;
    const end = work.then(() => ended = true);
    end.catch(() => {});
    const until = service.clock.monotonic() + BEGIN_WAIT_MS;
    let run = before;
    while (!ended && run?.number === before?.number && service.clock.monotonic() < until) {
      await Promise.race([end, new Promise((resolve) => setTimeout(resolve, BEGIN_CHECK_MS))]);
      run = await days.runs.get(date, job);
    }
    c.header("Location", `/jobs/runs?job=${job}&date=${date}`);
    return c.json(run === null || run.number === before?.number ? waiting(job, date) : shownRun(run), 202);
  },
});

/** Refuses at once what would only be refused when its turn has come. */
async function mustBeThere({ days, dayStates, guardian }: Service, job: JobName, date: string): Promise<void> {
  let { state } = await days.status(date);
  if (state === "no_data") {
    await guardian.archiver.flush(); // its events may be in the log alone
    state = (await days.status(date)).state;
  }
  if (state === "future") {
    throw new GuardianError("bad_request", `Cannot run ${job} for ${date}: that day has not ended in ${dayStates.zone.name}`);
  }
  if (state === "no_data") throw new GuardianError("not_found", `Cannot run ${job} for ${date}: the lake has no event of that day`);
}

function waiting(job: JobName, date: string): RunOut {
  const times = { started_at: null, ended_at: null, retry_at: null };
  return { number: null, job, date, state: "waiting", trigger: "hand", tries: 0, ...times, rows: null, error: null, left_out: [] };
}

const backfillBody = z.object({
  from: localDate.optional().openapi({ description: "The first day; the oldest one where it is left out", example: "2014-04-01" }),
  to: localDate.optional().openapi({
    description: "The last day; the newest one that has ended where it is left out",
    example: "2014-04-07",
  }),
}).strict().openapi("Backfill");

export const postBackfill = endpoint({
  method: "post",
  path: "/jobs/backfill",
  tag: TAG,
  summary: "Run all jobs for many days now",
  description: "For each day that the lake holds, oldest first. The answer is a stream of one JSON object a line: `progress` " +
    "(`done` of `of` days, and the `date` at work), at last `done` (`ok`, `days`, `succeeded`, `failed` runs, and `not_run` jobs that waited " +
    "for those), or a problem. A client that goes away stops it after the day at work.",
  body: { required: false, content: { "application/json": { schema: backfillBody } } },
  answers: { 200: { means: "Progress, then the outcome", schema: z.string(), mediaType: NDJSON } },
  problems: ["bad_request", "not_found", "overloaded", "storage_failing", "body_too_large", "unsupported_media_type"],
  handle: async ({ c, service }) => {
    const { from, to } = await jsonBody(c.req.raw, service, backfillBody);
    if (from !== undefined && to !== undefined && from > to) {
      throw new GuardianError("bad_request", `Cannot run the days from ${from} to ${to}: the first is after the last`);
    }
    const stop = new AbortController();
    const lines = backfillLines(service.days, from, to, stop.signal);
    const first = await lines.next(); // what is refused is refused with a status
    const tellProblem = (thrown: unknown) => problemResponse(thrown, c.req.raw, service.logLine).json();
    return jsonLines(first, lines, tellProblem, () => stop.abort());
  },
});
