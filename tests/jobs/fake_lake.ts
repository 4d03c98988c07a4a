// A lake of hours without files, and work that is done in no time: what the tests of the scheduler turn.

import { type DaySettings, type JobContext, type JobName, type Ran, type RunOptions, Zone } from "../../jobs/mod.ts";
import { dayJobs, Days } from "../../jobs/mod.ts";
import { changeManifest, hourOf, type Part } from "../../src/lake/mod.ts";
import { partFile } from "../../src/lake/schema.ts";
import { silent } from "../../src/log_line.ts";
import { TestClock } from "../support/clock.ts";

export const HOUR = 3_600_000, MINUTE = 60_000;

/** What was asked of the work, when, and whether it did it. */
export interface Attempt {
  readonly at: number;
  readonly job: JobName;
  readonly date: string;
  readonly holder: string;
  readonly ok: boolean;
}

export class FakeLake {
  readonly clock: TestClock;
  readonly hours = new Map<number, number>();
  readonly flaggedChanges = new Map<number, number>();
  readonly attempts: Attempt[] = [];
  flushes = 0;
  /** Throws to make a try fail. */
  fault: (job: JobName, date: string) => void | Promise<void> = () => {};
  /** Called by flush: the log's events reach the lake. */
  onFlush: () => Promise<void> = () => Promise.resolve();
  #files = 0;

  private constructor(readonly kv: Deno.Kv, start: number) {
    this.clock = new TestClock(start);
  }

  static async open(start: number): Promise<FakeLake> {
    return new FakeLake(await Deno.openKv(":memory:"), start);
  }

  /** Events of these UTC hours reach the lake. */
  async addHours(...hours: readonly number[]): Promise<void> {
    const add = hours.map((hourMs): Part => ({
      table: "raw_clicks",
      ...hourOf(hourMs),
      file: partFile("raw_clicks", hourMs, ++this.#files),
      rows: 1,
      bytes: 1,
      sha256: "",
      minTime: hourMs,
      maxTime: hourMs,
      offsets: [],
      sequence: this.#files,
      created: 0,
    }));
    await changeManifest(this.kv, { add, covered: [] });
    for (const hour of hours) this.hours.set(hour, (this.hours.get(hour) ?? 0) + 1);
  }

  /** Events in some hours of days, by UTC. */
  async addDays(...dates: readonly string[]): Promise<void> {
    for (const date of dates) await this.addHours(Date.parse(date) + 9 * HOUR, Date.parse(date) + 15 * HOUR);
  }

  days(settings: Partial<DaySettings> = {}, holder = "one"): Days {
    const context: JobContext = {
      kv: this.kv,
      lakeFolder: "/nowhere",
      clock: this.clock,
      logLine: silent,
      settings: { timezone: "UTC", runAt: "03:00", currency: "EUR", ...settings },
      flagged: { changes: () => Promise.resolve(this.flaggedChanges), async *sessions() {} },
      flush: async () => {
        this.flushes++;
        await this.onFlush();
      },
    };
    return new Days(context, { holder, work: (job, date, _, options) => this.#work(job, date, holder, options) });
  }

  /** Attempts since a number of them, as short texts. */
  told(from = 0): string[] {
    return this.attempts.slice(from).map(({ job, date, ok }) => `${date} ${job}${ok ? "" : " failed"}`);
  }

  close(): void {
    this.kv.close();
  }

  async #work(job: JobName, date: string, holder: string, { zone = new Zone("UTC") }: RunOptions): Promise<Ran> {
    const at = this.clock.now();
    try {
      await this.fault(job, date);
    } catch (error) {
      this.attempts.push({ at, job, date, holder, ok: false });
      throw error;
    }
    this.attempts.push({ at, job, date, holder, ok: true });
    const reads: Record<string, number> = {};
    for (const hour of zone.hoursOf(date)) {
      const version = this.hours.get(Date.parse(`${hour}:00Z`));
      if (version !== undefined) reads[hour] = version;
    }
    const { start, end } = { start: zone.spanOf(date).start - 24 * HOUR, end: zone.spanOf(date).end + 24 * HOUR };
    const flagged = [...this.flaggedChanges].filter(([hour]) => hour >= start && hour < end).reduce((sum, [, count]) => sum + count, 0);
    const results = dayJobs[job].tables.map((table) => ({ table, rows: { all: [{ metric_date: date }], humans: [] } }));
    return { results, rows: results.length, ...job === "daily_metrics" ? { lake: { reads, leftOut: [], flagged } } : {} };
  }
}

/** Runs a test over a fake lake of its own. */
export function lakeTest(name: string, start: string, test: (lake: FakeLake) => Promise<void>): void {
  Deno.test(name, async () => {
    const lake = await FakeLake.open(Date.parse(start));
    try {
      await test(lake);
    } finally {
      lake.close();
    }
  });
}
