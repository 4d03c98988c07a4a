// The scheduler's hands: it asks what is due, runs that, and keeps the record. Ticks and orders by hand go through it one after the other.
// What always holds: work is begun and ended in the record only under the lease, so of several processes on one store one at a time runs
// jobs; results and the record of their run are one commit; a run that was cut off is found by whoever has the lease next, and run again.

import type { Clock } from "../src/clock.ts";
import { GuardianError, reasonOf } from "../src/errors.ts";
import { limits } from "../src/limits.ts";
import type { LogLine } from "../src/log_line.ts";
import { isStorageFailure } from "../src/storage_failure.ts";
import { type ResultMeta, ResultStore, traffics } from "../src/store/results.ts";
import { type Run, type RunBook, RunStore, type RunTrigger } from "../src/store/runs.ts";
import {
  completeFrom,
  daysOf,
  due,
  type DueJob,
  finishedDays,
  inputsOf,
  isBeyondRecall,
  isDone,
  isStale,
  type Scene,
  servedBy,
} from "./due.ts";
import { flaggedSequence, flaggingSpan } from "./flagged.ts";
import type { JobContext, JobName } from "./job.ts";
import { LakeHours } from "./lake_hours.ts";
import { Lease } from "./lease.ts";
import { parseClockTime, parseDate, type Span, Zone } from "./local_day.ts";
import { dayJobs, jobsPerDay, jobsPerLake, type Ran, removeFiles, runJob, type RunOptions } from "./run.ts";

export interface DaysOptions {
  /** Does the work of one try; the tests give another. */
  readonly work?: (name: JobName, date: string, context: JobContext, options: RunOptions) => Promise<Ran>;
  /** Name of this process in the lease. */
  readonly holder?: string;
}

/** How one day stands. */
export interface DayStatus {
  /** `no_data`: the lake has no event of it. */
  readonly state: "finished" | "not_run" | "no_data" | "future";
  /** Its figures are not what they would be if it ran now. */
  readonly stale: boolean;
  /** Part files that were damaged and left out of its figures. */
  readonly leftOut: readonly string[];
  readonly runs: readonly Run[];
}

export interface BackfillProgress {
  readonly done: number;
  readonly of: number;
  readonly date: string;
}

export interface Backfilled {
  readonly days: readonly string[];
  /** The last try of each job that ran. */
  readonly runs: readonly Run[];
  /** Those of `runs` that did not succeed; jobs that depend on them did not run at all. */
  readonly failed: readonly Run[];
}

export class Days {
  readonly runs: RunStore;
  readonly results: ResultStore;
  /** Told of every try that begins or ends, once that is stored. */
  onRun: ((run: Run) => void) | null = null;
  readonly #clock: Clock;
  readonly #logLine: LogLine;
  readonly #lease: Lease;
  readonly #hours: LakeHours;
  readonly #zone: Zone;
  readonly #stopping = new AbortController();
  #turn: Promise<unknown> = Promise.resolve();
  #ticking: Promise<void> | null = null;
  #flushedAt: number | null = null;
  /** The record of runs as it is while the lease is here, and stays until another process has had that. */
  #book: RunBook | null = null;

  constructor(readonly context: JobContext, private readonly options: DaysOptions = {}) {
    this.runs = new RunStore(context.kv);
    this.results = new ResultStore(context.kv);
    this.#clock = context.clock;
    this.#logLine = context.logLine;
    this.#lease = new Lease(context.kv, context.clock, options.holder ?? crypto.randomUUID());
    this.#hours = new LakeHours(context.kv);
    this.#zone = new Zone(context.settings.timezone);
    parseClockTime(context.settings.runAt);
  }

  /** Runs everything that is due. Never throws: what goes wrong is in the record of runs and the log. */
  tick(): Promise<void> {
    return this.#ticking ??= this.#inTurn(async () => {
      try {
        await this.#leased(() => this.#runDue());
      } catch (error) {
        this.#logLine("warn", "day_jobs_wait", { reason: reasonOf(error) });
      }
    }).finally(() => this.#ticking = null);
  }

  /** Runs one job for one day now. Throws `not_found`, `invalid_parameter`, `overloaded`; a job that fails is told in its run. */
  runJob(name: JobName, date: string): Promise<Run> {
    return this.#byHand(async () => {
      const scene = await this.#sceneFor(parseDate(date));
      if (dayJobs[name].per === "lake" && !finishedDays(scene.runs).includes(date)) {
        throw new GuardianError("not_found", `Cannot run ${name} for ${date}: daily_metrics is not finished for that day`);
      }
      const run = await this.#tryJob(date, { job: name, reason: "hand" }, "hand");
      if (run !== null) return run;
      const needed = dayJobs[name].dependsOn.join(", ");
      throw new GuardianError("not_found", `Cannot run ${name} for ${date}: it needs ${needed} of that day; run that first`);
    });
  }

  /** Runs all jobs for one day now. Throws as `runJob`. */
  runDay(date: string): Promise<Backfilled> {
    return this.backfill(date, date);
  }

  /** Runs all jobs for each day that the lake holds from one date to another, both included; by default for all that have ended. */
  backfill(from?: string, to?: string, onProgress?: (progress: BackfillProgress) => void, signal?: AbortSignal): Promise<Backfilled> {
    return this.#byHand(async () => {
      const days = await this.#daysBetween(from, to);
      const runs: Run[] = [];
      for (const [done, date] of days.entries()) {
        onProgress?.({ done, of: days.length, date });
        if (signal?.aborted) {
          throw new GuardianError("shutting_down", `Cannot go on with ${date}: stopped after ${done} of ${days.length} days`);
        }
        runs.push(...await this.#runJobs(date, jobsPerDay.map((job) => ({ job, reason: "hand" })), "hand"));
      }
      const last = finishedDays((await this.#scene()).runs).at(-1);
      if (days.length > 0 && last !== undefined) {
        runs.push(...await this.#runJobs(last, jobsPerLake.map((job) => ({ job, reason: "hand" })), "hand"));
        onProgress?.({ done: days.length, of: days.length, date: last });
      }
      return { days, runs, failed: runs.filter((run) => !isDone(run)) };
    });
  }

  /** How a day stands: why it has no figures, or whether they are still right. */
  async status(date: string): Promise<DayStatus> {
    const scene = await this.#scene(await this.runs.ofDay(date), flaggingSpan(this.#zone, date));
    const runs = [...scene.runs.all()];
    const run = scene.runs.get(date, "daily_metrics");
    const has = (await this.results.get("daily_metrics", date, "all"))?.meta;
    if (has !== undefined) {
      return { state: "finished", stale: run === undefined || !isDone(run) || isStale(scene, run), leftOut: has.leftOut, runs };
    }
    if (run?.state === "succeeded") {
      const why = "they were counted, and are no longer stored";
      throw new GuardianError("corrupt", `Cannot show the figures of ${date}: ${why}; see verify, and run that day again`);
    }
    const none = { stale: false, leftOut: [], runs };
    if (scene.now < this.#zone.spanOf(date).end) return { state: "future", ...none };
    const holds = this.#zone.hoursOf(date).some((hour) => scene.hours.has(hour));
    // A day that had nothing to count may have got events since.
    const isEmpty = !holds || (run?.state === "skipped" && !isStale(scene, run));
    return { state: isEmpty ? "no_data" : "not_run", ...none };
  }

  /** Stops: a query at work is interrupted, and its job is tried again at the next start without counting. */
  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#turn;
  }

  async #runDue(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const next = due(await this.#scene());
      if (next === null) return;
      if (!this.#isFlushedFor(next.date)) {
        await this.#flush();
        continue;
      }
      await this.#runJobs(next.date, next.jobs, "schedule");
    }
  }

  /** Runs jobs of one day in order; one whose needs are not met waits. */
  async #runJobs(date: string, jobs: readonly DueJob[], trigger: RunTrigger): Promise<Run[]> {
    const runs: Run[] = [];
    for (const job of jobs) {
      if (this.#stopping.signal.aborted) break;
      const run = await this.#tryJob(date, job, trigger);
      if (run !== null) runs.push(run);
    }
    return runs;
  }

  /** One try, with its record. Returns null when a job that it depends on is not done. */
  async #tryJob(date: string, { job, reason }: DueJob, trigger: RunTrigger): Promise<Run | null> {
    const scene = await this.#scene();
    const { runs } = scene;
    const needed = dayJobs[job].dependsOn.map((name) => runs.get(date, name));
    if (!needed.every(isDone)) return null;
    const before = runs.get(date, job);
    const again = reason === "retry" || reason === "interrupted";
    const begun = await this.#begin({
      job,
      date,
      state: "running",
      trigger: again && before !== undefined ? before.trigger : trigger,
      tries: again ? (before?.tries ?? 0) + 1 : 1,
      started: this.#clock.now(),
      ended: null,
      retryAt: null,
      rows: null,
      error: null,
      ...readNow(scene, date),
      inputs: inputsOf(runs, job, date),
      settings: { timezone: this.context.settings.timezone, currency: this.context.settings.currency },
      leftOut: [],
      holder: this.#lease.holder,
      served: before === undefined ? null : servedBy(before),
    });
    try {
      if (needed.some((run) => run?.state === "skipped")) {
        await removeFiles(this.context, dayJobs[job], date);
        return await this.#succeed(begun, { results: [], rows: 0 }, needed[0]!);
      }
      const work = this.options.work ?? runJob;
      const options = { zone: this.#zone, finished: finishedDays(runs), signal: this.#stopping.signal };
      const ran = await work(job, date, this.context, options);
      await this.context.beforeStep?.("record");
      return await this.#succeed(begun, ran, needed[0]);
    } catch (error) {
      if (error instanceof LeaseLost) throw error;
      return await this.#fail(begun, error);
    }
  }

  async #begin(run: Omit<Run, "number">): Promise<Run> {
    const begun = await this.#lease.fenced((fence) => fence === null ? Promise.resolve(null) : this.runs.begin(run, fence));
    if (begun === null) throw new LeaseLost();
    this.#book?.put(begun);
    this.onRun?.(begun);
    this.#logLine("info", "day_job_begun", { job: run.job, date: run.date, try: run.tries });
    return begun;
  }

  /** Writes results and record in one commit. `upstream`: the run whose tables it read. */
  async #succeed(begun: Run, ran: Ran, upstream: Run | undefined): Promise<Run> {
    const { job, date } = begun;
    const read = ran.lake ?? { reads: upstream?.reads ?? {}, leftOut: upstream?.leftOut ?? [], flagged: upstream?.flagged ?? 0 };
    const run: Run = {
      ...begun,
      ...read,
      state: ran.results.length === 0 ? "skipped" : "succeeded",
      served: ran.results.length === 0 ? null : begun.number,
      ended: this.#clock.now(),
      rows: ran.rows,
    };
    const meta: ResultMeta = { run: run.number, finished: run.ended!, leftOut: read.leftOut, flagged: read.flagged };
    const changes = [];
    for (const table of dayJobs[job as JobName].tables) {
      const made = ran.results.find((result) => result.table.name === table.name);
      for (const traffic of traffics) {
        if (made === undefined) changes.push(await this.results.dropping(table.name, date, traffic));
        else changes.push(await this.results.replacing(table.name, date, traffic, meta, made.rows[traffic]));
      }
    }
    await this.#end(run, { sets: changes.flatMap(({ sets }) => sets), deletes: changes.flatMap(({ deletes }) => deletes) });
    if (read.leftOut.length > 0) {
      this.#logLine("error", "day_incomplete", { job, date, files: read.leftOut.length, first_file: read.leftOut[0] });
    }
    this.#logLine("info", "day_job_ended", { job, date, state: run.state, rows: ran.rows, ms: run.ended! - run.started });
    return run;
  }

  /** Writes that a try failed, and when the next one comes. A try cut off by a stop, or by failing storage, does not count. */
  async #fail(begun: Run, error: unknown): Promise<Run> {
    const now = this.#clock.now();
    const stopped = error instanceof GuardianError && error.code === "shutting_down";
    const spared = stopped || isStorageFailure(error);
    const more = spared || begun.tries < limits.jobTriesMax;
    const run: Run = {
      ...begun,
      state: more ? "waiting" : "failed",
      tries: spared ? begun.tries - 1 : begun.tries,
      ended: now,
      retryAt: more ? now + (stopped ? 0 : limits.jobRetryMs) : null,
      error: reasonOf(error),
    };
    await this.#end(run);
    const { job, date, tries } = run;
    if (!stopped) this.#logLine(more ? "warn" : "error", "day_job_failed", { job, date, tries, more, reason: run.error });
    return run;
  }

  async #end(run: Run, also = {}): Promise<void> {
    const landed = await this.#lease.fenced((fence) => fence === null ? Promise.resolve(false) : this.runs.end(run, fence, also));
    if (!landed) throw new LeaseLost();
    this.#book?.put(run);
    this.onRun?.(run);
  }

  /** A run that is under way when the lease comes here has lost its process; after the last try it has failed. */
  async #endDead(): Promise<void> {
    for (const run of [...this.#book!.all()]) {
      if (run.state !== "running") continue;
      const { job, date, tries } = run, why = `Cannot finish ${job} for ${date}: the process ended in it`;
      if (tries >= limits.jobTriesMax) {
        await this.#fail(run, new Error(`${why}, ${tries} times`));
        continue;
      }
      // Tried again at once: what ended the process is over, as this one runs.
      await this.#end({ ...run, state: "interrupted", ended: this.#clock.now(), retryAt: null, error: `${why}; it is tried again` });
      this.#logLine("warn", "day_job_interrupted", { job, date, tries });
    }
  }

  /** What decisions are made of; `span`: the flagged sessions of no more than that. */
  async #scene(runs = this.#book!, span?: Span): Promise<Scene> {
    const { settings, flagged } = this.context;
    const [hours, changes] = await Promise.all([this.#hours.read(), flagged.changes(span)]);
    return { now: this.#clock.now(), settings, zone: this.#zone, runs, hours, flagged: changes };
  }

  /** The scene for a day to be run by hand, once everything of it is in the lake. */
  async #sceneFor(date: string): Promise<Scene> {
    this.#mustHaveEnded(date);
    await this.#flush();
    const scene = await this.#scene();
    const run = scene.runs.get(date, "daily_metrics");
    if (run !== undefined && isBeyondRecall(scene, run)) {
      throw new GuardianError("not_found", `Cannot run ${date} again: events of it are no longer in the lake; its figures are kept`);
    }
    if (!daysOf(scene).includes(date)) {
      throw new GuardianError("not_found", `Cannot run ${date}: the lake has no events of that day in ${this.#zone.name}`);
    }
    return scene;
  }

  async #daysBetween(from: string | undefined, to: string | undefined): Promise<string[]> {
    if (from !== undefined) this.#mustHaveEnded(parseDate(from));
    if (to !== undefined) this.#mustHaveEnded(parseDate(to));
    if (from !== undefined && to !== undefined && from > to) {
      throw new GuardianError("invalid_parameter", `Cannot run the days from ${from} to ${to}: the first is after the last`);
    }
    if (from !== undefined && from === to) await this.#sceneFor(from);
    else await this.#flush();
    const scene = await this.#scene();
    return daysOf(scene).filter((date) => {
      const run = scene.runs.get(date, "daily_metrics");
      return (from === undefined || date >= from) && (to === undefined || date <= to) && scene.now >= completeFrom(this.#zone, date) &&
        (run === undefined || !isBeyondRecall(scene, run));
    });
  }

  #mustHaveEnded(date: string): void {
    const left = completeFrom(this.#zone, date) - this.#clock.now();
    if (left <= 0) return;
    throw new GuardianError("invalid_parameter", `Cannot run ${date}: that day has not ended in ${this.#zone.name}`);
  }

  #isFlushedFor(date: string): boolean {
    const at = this.#flushedAt;
    return at !== null && at <= this.#clock.now() && at >= completeFrom(this.#zone, date);
  }

  async #flush(): Promise<void> {
    const at = this.#clock.now();
    await this.context.flush();
    this.#flushedAt = at;
  }

  #byHand<T>(work: () => Promise<T>): Promise<T> {
    return this.#inTurn(async () => {
      const ran = await this.#leased(async () => ({ value: await work() }));
      if (ran !== null) return ran.value;
      throw new GuardianError("overloaded", "Cannot run day jobs: another process on this store runs some now", { retryAfterS: 30 });
    });
  }

  /** Works under the lease, renewing it; returns null when another process has it. */
  async #leased<T>(work: () => Promise<T>): Promise<T | null> {
    if (this.#stopping.signal.aborted) throw new GuardianError("shutting_down", "Cannot run day jobs: the process is stopping");
    const lease = await this.#lease.take();
    if (lease === null) return null;
    const renewing = setInterval(() => this.#lease.take().catch(() => {}), limits.jobLeaseMs / 3);
    try {
      if (lease === "taken" || this.#book === null) {
        this.#book = await this.runs.book();
        await this.#endDead();
      }
      return await work();
    } catch (error) {
      this.#book = null; // what was written is not known
      throw error;
    } finally {
      clearInterval(renewing);
      await this.#lease.release().catch(() => {});
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }
}

/** What a run that begins now is about to read; a failed one keeps that, and is not tried again until it changes. */
function readNow({ zone, hours, flagged }: Scene, date: string): Pick<Run, "reads" | "flagged"> {
  const held = zone.hoursOf(date).filter((hour) => hours.has(hour));
  return {
    reads: Object.fromEntries(held.map((hour) => [hour, hours.get(hour)!])),
    flagged: flaggedSequence(flagged, flaggingSpan(zone, date)),
  };
}

/** The lease went to another process meanwhile: it now decides what becomes of the run. */
class LeaseLost extends GuardianError {
  constructor() {
    super("overloaded", "Cannot record the run of a day job: another process has taken them over", { retryAfterS: 30 });
  }
}
