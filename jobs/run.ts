// One try of one job for one day: the work at a desk, and its files put in place. The shell that everything else calls.
// What always holds: running again gives the same files and rows; a run that dies leaves old files, new files or both kinds, each whole,
// and the record still says that it was running.

import { join } from "node:path";
import { GuardianError, reasonOf } from "../src/errors.ts";
import { placeFile } from "../src/lake/atomic_file.ts";
import { whenFree } from "../src/lake/hold.ts";
import { expectResult, forgetResult } from "../src/lake/result_sums.ts";
import { limits } from "../src/limits.ts";
import { isStorageFailure, storageFailing } from "../src/storage_failure.ts";
import { traffics } from "../src/store/results.ts";
import { dailyMetrics } from "./daily_metrics/mod.ts";
import { type DayJob, type DayTable, Desk, type JobContext, type JobName, jobNames, type Outcome, resultFile } from "./job.ts";
import { Zone } from "./local_day.ts";
import { popularItems } from "./popular_items/mod.ts";
import { sessionFunnel } from "./session_funnel/mod.ts";
import { summary } from "./summary/mod.ts";
import { trending } from "./trending/mod.ts";

/** All day jobs by name, each after those that it depends on. */
export const dayJobs: Readonly<Record<JobName, DayJob>> = {
  daily_metrics: dailyMetrics,
  session_funnel: sessionFunnel,
  popular_items: popularItems,
  trending,
  summary,
};

/** Jobs that make something for each day. */
export const jobsPerDay = jobNames.filter((name) => dayJobs[name].per === "day");
/** Jobs that read many days, and are made once for the newest. */
export const jobsPerLake = jobNames.filter((name) => dayJobs[name].per === "lake");

export interface RunOptions {
  readonly zone?: Zone;
  /** Days that are finished, in order: what jobs `per: "lake"` read. */
  readonly finished?: readonly string[];
  readonly signal?: AbortSignal;
}

/** What a try made. rows: of all its results, both kinds of traffic together. */
export interface Ran extends Outcome {
  readonly rows: number;
}

/** Runs a job for a day: its files are in place after, its rows are for the caller to store. Throws with the reason told for a person. */
export async function runJob(name: JobName, date: string, context: JobContext, options: RunOptions = {}): Promise<Ran> {
  const { zone = new Zone(context.settings.timezone), finished = [date], signal } = options;
  const job = dayJobs[name];
  const days = job.days?.(finished, date) ?? [date];
  try {
    await context.beforeStep?.("check");
    return await Desk.at(context, { job: name, date, zone, days }, signal, async (desk) => {
      const outcome = await job.run(desk);
      await context.beforeStep?.("place");
      if (outcome.results.length === 0) await removeFiles(context, job, date);
      else await placeFiles(desk);
      return { ...outcome, rows: countRows(outcome) };
    });
  } catch (cause) {
    throw failureOf(name, date, context, cause);
  }
}

/** All of them between two backups, of which none sees some new and some old. */
function placeFiles(desk: Desk): Promise<void> {
  const { lakeFolder } = desk.duck;
  return whenFree(lakeFolder, "results", async () => {
    const placed: (() => Promise<void>)[] = [];
    for (const { aside, file } of desk.made) placed.push(await expectResult(desk.context.kv, aside, file));
    for (const { aside, file } of desk.made) await placeFile(lakeFolder, aside, join(lakeFolder, file));
    for (const tell of placed) await tell();
  }, () => desk.goOn());
}

function countRows({ results }: Outcome): number {
  return results.reduce((sum, { rows }) => sum + traffics.reduce((sum, traffic) => sum + rows[traffic].length, 0), 0);
}

/** A day without a session has no tables, and keeps none of an earlier run. */
export async function removeFiles({ kv, lakeFolder }: Pick<JobContext, "kv" | "lakeFolder">, job: DayJob, date: string): Promise<void> {
  const kept: DayTable[] = job.name === "daily_metrics" ? ["sessions", "items"] : [];
  await whenFree(lakeFolder, "results", async () => {
    for (const table of [...kept, ...job.tables.map(({ name }) => name)]) {
      const file = resultFile(table, date);
      await forgetResult(kv, file);
      try {
        await Deno.remove(join(lakeFolder, file));
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
  });
}

function failureOf(name: JobName, date: string, context: JobContext, cause: unknown): unknown {
  if (cause instanceof GuardianError) return cause;
  const reason = reasonOf(cause);
  const memory = /out of memory/i.test(reason);
  const why = memory ? `DuckDB ran out of its ${context.memoryMib ?? limits.jobMemoryMib} MiB and of room to spill: ${reason}` : reason;
  if (!memory && isStorageFailure(cause)) return storageFailing(`run ${name} for ${date}`, cause);
  return new GuardianError("internal", `Cannot run ${name} for ${date}: ${why}`, { cause });
}
