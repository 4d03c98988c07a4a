// A run of a day job as the API shows it: in lists of runs, in answers to orders, and in the live feed.

import { z } from "@hono/zod-openapi";
import { type JobName, jobNames } from "../../jobs/mod.ts";
import { formatTimestamp } from "../event/timestamp.ts";
import { type Run, runStates, runTriggers } from "../store/runs.ts";

const count = z.int().min(0);
const time = z.string().nullable();

export const runSchema = z.object({
  number: z.int().min(1).nullable().describe("Number of its last try; null until it has begun"),
  job: z.enum(jobNames),
  date: z.string().describe("The local day"),
  state: z.enum(runStates).describe(
    "waiting: for its turn, or its next try; skipped: there was nothing to count; interrupted: its process ended in it, and it is tried again",
  ),
  trigger: z.enum(runTriggers).describe("schedule, or by hand"),
  tries: count.describe("Tries begun"),
  started_at: time,
  ended_at: time,
  retry_at: time.describe("When the next try begins"),
  rows: count.nullable().describe("Rows of results written"),
  error: z.string().nullable(),
  left_out: z.array(z.string()).describe("Files of the lake that were damaged, and left out"),
}).openapi("Run");
export type RunOut = z.infer<typeof runSchema>;

const at = (ms: number | null) => ms === null ? null : formatTimestamp(ms);

/** A run as the API shows it. */
export function shownRun({ number, job, date, state, trigger, tries, started, ended, retryAt, rows, error, leftOut }: Run): RunOut {
  const times = { started_at: at(started), ended_at: at(ended), retry_at: at(retryAt) };
  return { number, job: job as JobName, date, state, trigger, tries, ...times, rows, error, left_out: [...leftOut] };
}
