// How any day stands, counted or not, for those who look after the jobs. Pure: it decides from a scene and keeps nothing.
// What always holds: a day with figures stands as its figures do; a job that failed, or waits for another try, is told besides.

import { isStale, type JobName, jobsPerDay, type Scene } from "../../jobs/mod.ts";
import type { Run } from "../store/runs.ts";
import { dayStates, stateOfDay } from "./day_states.ts";

export const standingStates = [...dayStates, "not_run", "no_data"] as const;

/** One day. retryAt: when the next try of a job of it begins, ms since the epoch; null where none waits. */
export interface Standing {
  readonly date: string;
  readonly state: (typeof standingStates)[number];
  readonly hasFigures: boolean;
  /** Jobs of the day that failed in their last try. */
  readonly failed: readonly JobName[];
  readonly retryAt: number | null;
}

/** `hasFigures`: whether there is a result of the day. */
export function standingOf(scene: Scene, date: string, hasFigures: boolean): Standing {
  const runs = jobsPerDay.map((job) => ({ job, run: scene.runs.get(date, job) }));
  const retries = runs.flatMap(({ run }) => run?.state === "waiting" && run.retryAt !== null ? [run.retryAt] : []);
  return {
    date,
    state: hasFigures ? stateOfDay(scene, date) : stateWithoutFigures(scene, date, scene.runs.get(date, "daily_metrics")),
    hasFigures,
    failed: runs.flatMap(({ job, run }) => run?.state === "failed" ? [job] : []),
    retryAt: retries.length === 0 ? null : Math.min(...retries),
  };
}

function stateWithoutFigures(scene: Scene, date: string, run: Run | undefined): Standing["state"] {
  if (run?.state === "running") return "running";
  const holds = scene.zone.hoursOf(date).some((hour) => scene.hours.has(hour));
  // A day that had nothing to count may have got events since.
  return !holds || (run?.state === "skipped" && !isStale(scene, run)) ? "no_data" : "not_run";
}
