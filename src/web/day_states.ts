// How the figures of days stand, for the answers that show them: from the record of runs, the hours of the lake and the flagged sessions, as
// they are at this moment. Reads; decides nothing and runs nothing.

import { dayJobs, type Days, isStale, type JobName, jobsPerDay, type Scene, type Span, Zone } from "../../jobs/mod.ts";
import { finishedDays, isDone } from "../../jobs/due.ts";
import { flaggingSpan } from "../../jobs/flagged.ts";
import { LakeHours } from "../../jobs/lake_hours.ts";
import { type Run, RunBook } from "../store/runs.ts";

export const dayStates = ["finished", "stale", "running", "incomplete", "partial"] as const;
/**
 * finished: what the lake gives. stale: events or flagged sessions came after it was counted, and it is counted again within the hour.
 * running: it is being counted again. incomplete: damaged files are left out. partial: not all jobs of the day are done.
 */
export type DayState = (typeof dayStates)[number];

export const DAY_STATE_MEANS =
  "finished: these are the figures of what the lake holds; stale: events or flagged sessions came later, and it is counted again within " +
  "the hour; running: it is being counted again; incomplete: damaged files of the lake are left out; partial: not all jobs of the day are " +
  "done";

export class DayStates {
  readonly #hours: LakeHours;
  readonly zone: Zone;

  constructor(private readonly days: Days) {
    this.#hours = new LakeHours(days.context.kv);
    this.zone = new Zone(days.context.settings.timezone);
  }

  /** How days that have figures stand, in the order given. */
  async of(dates: readonly string[]): Promise<DayState[]> {
    if (dates.length === 0) return [];
    const sorted = [...dates].sort();
    const start = flaggingSpan(this.zone, sorted[0]).start, end = flaggingSpan(this.zone, sorted[sorted.length - 1]).end;
    const scene = await this.scene(new RunBook(), { start, end });
    return await Promise.all(dates.map(async (date) => stateOfDay({ ...scene, runs: await this.days.runs.ofDay(date) }, date)));
  }

  /** How the result of a job over many days stands that was made for `date`; `newest`: the newest day that is counted. */
  async ofLake(job: JobName, date: string, newest: string): Promise<DayState> {
    const scene = await this.scene(await this.days.runs.book());
    const run = scene.runs.get(date, job);
    if (run?.state === "running") return "running";
    // It is no better than the days that it is made of.
    const read = finishedDays(scene.runs).map((day) => scene.runs.get(day, "daily_metrics"));
    if (read.some((day) => (day?.leftOut.length ?? 0) > 0)) return "incomplete";
    return isCurrent(scene, run) && date === newest && read.every((day) => isCurrent(scene, day)) ? "finished" : "stale";
  }

  /** What the decision of what is due goes by, with these runs; `span`: the time for which flagged sessions matter. */
  async scene(runs: RunBook, span?: Span): Promise<Scene> {
    const { settings, flagged, clock } = this.days.context;
    const [hours, changes] = await Promise.all([this.#hours.read(), flagged.changes(span)]);
    return { now: clock.now(), settings, zone: this.zone, runs, hours, flagged: changes };
  }

  /** Whether the lake holds an event of any day. */
  async holdsAny(): Promise<boolean> {
    return (await this.#hours.read()).size > 0;
  }
}

/** How the figures of a day stand that has some. */
export function stateOfDay(scene: Scene, date: string): DayState {
  const runs = jobsPerDay.map((job) => ({ job, run: scene.runs.get(date, job) }));
  if (runs.some(({ run }) => run?.state === "running")) return "running";
  const first = runs.filter(({ job }) => dayJobs[job].dependsOn.length === 0);
  if (first.some(({ run }) => (run?.leftOut.length ?? 0) > 0)) return "incomplete";
  if (!first.every(({ run }) => isCurrent(scene, run))) return "stale";
  return runs.every(({ run }) => isCurrent(scene, run)) ? "finished" : "partial";
}

function isCurrent(scene: Scene, run: Run | undefined): boolean {
  return run !== undefined && isDone(run) && !isStale(scene, run);
}
