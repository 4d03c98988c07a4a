// Runs by hand, as people mean them: a job with what it needs and what depends on it, and many days with word of how far it is.
// What always holds: `ok` is true only when every job of every day ran and was done.

import { type Backfilled, dayJobs, type Days, type JobName, jobNames, jobsPerDay } from "../../jobs/mod.ts";
import { isDone } from "../../jobs/due.ts";
import { GuardianError } from "../errors.ts";
import type { Run } from "../store/runs.ts";

/** Runs a job for a day; before it what it needs and was never done, after it what reads it that day. Throws as `Days.runJob`. */
export async function runInOrder(days: Days, job: JobName, date: string): Promise<Run> {
  for (const needed of dayJobs[job].dependsOn) {
    if (isDone(await days.runs.get(date, needed) ?? undefined)) continue;
    const run = await days.runJob(needed, date);
    if (!isDone(run)) throw new GuardianError("storage_failing", `Cannot run ${job} for ${date}: ${needed} failed: ${run.error}`);
  }
  const run = await days.runJob(job, date);
  if (!isDone(run)) return run;
  for (const dependent of jobsPerDay) if (dayJobs[dependent].dependsOn.includes(job)) await days.runJob(dependent, date);
  return run;
}

/** How a run over many days ended. */
export interface BackfillOutcome {
  readonly type: "done";
  readonly ok: boolean;
  readonly days: readonly string[];
  /** Runs that were done. */
  readonly succeeded: number;
  readonly failed: readonly { readonly job: string; readonly date: string; readonly state: string; readonly error: string | null }[];
  /** Jobs that did not run, as one before them failed or the process is stopping. */
  readonly not_run: readonly { readonly job: JobName; readonly date: string }[];
}

export type BackfillLine =
  | { readonly type: "progress"; readonly done: number; readonly of: number; readonly date: string }
  | BackfillOutcome;

/** Runs all jobs for many days, telling each day and at last the outcome. The first line comes when the first day begins. */
export async function* backfillLines(
  days: Days,
  from: string | undefined,
  to: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<BackfillLine> {
  const told: BackfillLine[] = [];
  let ended = false, wake = () => {};
  const onProgress = (progress: { done: number; of: number; date: string }) => {
    told.push({ type: "progress", ...progress });
    wake();
  };
  const work = days.backfill(from, to, onProgress, signal).finally(() => {
    ended = true;
    wake();
  });
  work.catch(() => {}); // thrown below, to whoever reads
  for (;;) {
    yield* told.splice(0);
    if (ended) break;
    if (told.length === 0) await new Promise<void>((resolve) => wake = resolve);
  }
  yield outcomeOf(await work);
}

function outcomeOf({ days, runs, failed }: Backfilled): BackfillOutcome {
  const ran = new Set(runs.map(({ job, date }) => `${job} ${date}`));
  const not_run = days.flatMap((date) => jobsPerDay.filter((job) => !ran.has(`${job} ${date}`)).map((job) => ({ job, date })));
  const lake = jobNames.filter((job) => dayJobs[job].per === "lake");
  const last = days[days.length - 1];
  if (runs.some(({ state }) => state === "succeeded")) {
    not_run.push(...lake.filter((job) => !runs.some((run) => run.job === job)).map((job) => ({ job, date: last })));
  }
  return {
    type: "done",
    ok: failed.length === 0 && not_run.length === 0,
    days,
    succeeded: runs.filter(isDone).length,
    failed: failed.map(({ job, date, state, error }) => ({ job, date, state, error })),
    not_run,
  };
}
