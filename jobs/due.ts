// What is due: the decision of the scheduler, as a pure function of the time, the settings, the record of runs and the hours of the lake.
// What always holds: it looks at no timer and keeps nothing, so a process that slept, died or had its clock set decides like any other; a
// day is due from one instant on, and once it is finished it is due again only when what it read has changed.

import { createHash } from "node:crypto";
import { limits } from "../src/limits.ts";
import type { Run, RunBook } from "../src/store/runs.ts";
import { flaggedSequence, flaggingSpan } from "./flagged.ts";
import type { DaySettings, JobName } from "./job.ts";
import { dayAfter, type Zone } from "./local_day.ts";
import { dayJobs, jobsPerDay, jobsPerLake } from "./run.ts";

/** Everything that the decision needs. */
export interface Scene {
  /** Wall clock, ms since the epoch. */
  readonly now: number;
  readonly settings: DaySettings;
  /** The zone of `settings.timezone`. */
  readonly zone: Zone;
  readonly runs: RunBook;
  /** Content version of each UTC hour that the lake holds, by name (`2014-04-07T22`). */
  readonly hours: ReadonlyMap<string, number>;
  /** Changes of the set of flagged sessions, by hour. */
  readonly flagged: ReadonlyMap<number, number>;
}

/** Why a job is due. `after_another`: a job that it depends on runs first. */
export type Reason = "first" | "retry" | "interrupted" | "stale" | "after_another" | "hand";

export interface DueJob {
  readonly job: JobName;
  readonly reason: Reason;
}

/** Jobs to run for one day, in order. */
export interface Due {
  readonly date: string;
  readonly jobs: readonly DueJob[];
}

/** The next thing to run, or null when nothing is due: days oldest first, then what reads many days. */
export function due(scene: Scene): Due | null {
  for (const date of daysOf(scene)) {
    if (scene.now < dueFrom(scene, date)) continue;
    const jobs = dueOfDay(scene, date);
    if (jobs.length > 0) return { date, jobs };
  }
  return dueOfLake(scene);
}

/** Days that the lake or the record of runs knows, oldest first: no more than limits.jobDaysMax. */
export function daysOf({ hours, zone, runs }: Pick<Scene, "hours" | "zone" | "runs">): string[] {
  const dates = new Set(runs.dates());
  const near = new Set<string>();
  for (const hour of hours.keys()) near.add(hour.slice(0, "2014-04-07".length));
  for (const dt of near) {
    for (const date of [dayAfter(dt, -1), dt, dayAfter(dt)]) {
      if (!dates.has(date) && zone.hoursOf(date).some((hour) => hours.has(hour))) dates.add(date);
    }
  }
  return [...dates].sort().slice(-limits.jobDaysMax);
}

/** When a day is first due, ms since the epoch: at `runAt` of the next day, and never before late events have had their time. */
export function dueFrom({ zone, settings }: Pick<Scene, "zone" | "settings">, date: string): number {
  return Math.max(zone.instantOf(dayAfter(date), settings.runAt), completeFrom(zone, date));
}

/** When no event of a day is expected any more, ms since the epoch. */
export function completeFrom(zone: Zone, date: string): number {
  return zone.spanOf(date).end + limits.latenessMs;
}

/** Whether what a run read is no longer what is there. */
export function isStale(scene: Scene, run: Run): boolean {
  const { zone, settings, hours, flagged } = scene;
  if (run.inputs !== null) return run.inputs !== inputsOf(scene.runs, run.job as JobName, run.date);
  if (run.settings.timezone !== settings.timezone || run.settings.currency !== settings.currency || run.leftOut.length > 0) return true;
  if (zone.hoursOf(run.date).some((hour) => (hours.get(hour) ?? 0) > (run.reads[hour] ?? 0))) return true;
  return (flagged.size === 0 ? 0 : flaggedSequence(flagged, flaggingSpan(zone, run.date))) !== run.flagged;
}

/** Whether events that a run read have left the lake since: then its figures cannot be made again, and stay. */
export function isBeyondRecall({ hours }: Pick<Scene, "hours">, run: Run): boolean {
  return Object.keys(run.reads).some((hour) => !hours.has(hour));
}

/** Which runs of other jobs a job for a day reads now, as a text that differs when they do; null for a job that reads the lake. */
export function inputsOf(runs: RunBook, job: JobName, date: string): string | null {
  const { dependsOn, days } = dayJobs[job];
  if (dependsOn.length === 0) return null;
  const named = (day: string) => dependsOn.map((name) => `${name} ${day} #${numberServed(runs.get(day, name))}`).join();
  if (days === undefined) return named(date);
  return createHash("sha256").update(days(finishedDays(runs), date).map(named).join()).digest("hex");
}

/** Days whose tables are there to be read, in order. */
export function finishedDays(runs: RunBook): string[] {
  return [...runs.dates()].filter((date) => numberServed(runs.get(date, "daily_metrics")) > 0).sort();
}

/** The try that made the results which are there, also while a later one is under way or has failed; null where there are none. */
export function servedBy(run: Run): number | null {
  return run.state === "succeeded" ? run.number : run.served ?? null;
}

function numberServed(run: Run | undefined): number {
  return run === undefined ? 0 : servedBy(run) ?? 0;
}

function dueOfDay(scene: Scene, date: string): DueJob[] {
  const jobs: DueJob[] = [];
  for (const job of jobsPerDay) {
    const run = scene.runs.get(date, job);
    const { dependsOn } = dayJobs[job];
    if (dependsOn.some((name) => jobs.some((other) => other.job === name))) jobs.push({ job, reason: "after_another" });
    else if (dependsOn.every((name) => isDone(scene.runs.get(date, name)))) {
      const reason = reasonFor(scene, run, dependsOn.length === 0);
      if (reason !== null) jobs.push({ job, reason });
    }
  }
  return jobs;
}

/** Jobs over many days come when no day is due any more, so that catching up makes them once. */
function dueOfLake(scene: Scene): Due | null {
  const date = finishedDays(scene.runs).at(-1);
  if (date === undefined) return null;
  const jobs: DueJob[] = [];
  for (const job of jobsPerLake) {
    const reason = reasonFor(scene, scene.runs.get(date, job), true);
    if (reason !== null) jobs.push({ job, reason });
  }
  return jobs.length === 0 ? null : { date, jobs };
}

/** `rests`: a stale run is left for limits.jobStaleMs after its last try. */
function reasonFor(scene: Scene, run: Run | undefined, rests: boolean): Reason | null {
  if (run === undefined) return "first";
  // Whoever has the lease records a run that lost its process as interrupted, before it asks here.
  if (run.state === "running") return null;
  if (run.state === "interrupted") return "interrupted";
  if (run.state === "waiting") return hasPassed(scene.now, run.ended ?? run.started, limits.jobRetryMs, run.retryAt) ? "retry" : null;
  if (rests && !hasPassed(scene.now, run.started, limits.jobStaleMs)) return null;
  return isStale(scene, run) && !isBeyondRecall(scene, run) ? "stale" : null;
}

/** Whether a wait from `since` is over. A time still to come means that the clock was set back: nobody waits for that. */
function hasPassed(now: number, since: number, waitMs: number, until: number | null = since + waitMs): boolean {
  return now >= (until ?? since) || now < since;
}

export function isDone(run: Run | undefined): boolean {
  return run?.state === "succeeded" || run?.state === "skipped";
}
