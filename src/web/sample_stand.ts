// One sample shop that is open: a second product over `<data>/sample` with its day jobs, and what feeds it, from its past up to now and on.
// What always holds: it sends nothing anywhere; its events come in event-time order, so none is late; a stop of the process may come at any
// moment, as the shop can be gone on with or made anew.

import { type Days, openDays, Zone } from "../../jobs/mod.ts";
import { GuardianError, reasonOf } from "../errors.ts";
import { paths } from "../folder.ts";
import { Guardian } from "../guardian.ts";
import { limits } from "../limits.ts";
import type { LogLine } from "../log_line.ts";
import type { SampleShop } from "../sample/mod.ts";
import { SampleFeed } from "./sample_feed.ts";
import type { SampleSiteOptions } from "./sample_site.ts";
import type { Service } from "./service.ts";

const DAY_MS = 86_400_000, HOUR_MS = 3_600_000, FEED_MS = 1000, PARTITIONS = 4;
/** What the shop's prices are in. */
const CURRENCY = "EUR";
/** How long answers that are on their way hold up a stop, ms. */
const DRAIN_MS = 5_000, DRAIN_CHECK_MS = 10;

/** Told while a shop is filled. */
export interface FillProgress {
  begun(anew: boolean): void;
  fed(done: number, total: number, events: number): void;
  counted(done: number, of: number, date: string): void;
}

/** Whether a shop whose first day began at `start` has become too old at `now`. Both in ms since the epoch. */
export function isTooOld(start: number, now: number): boolean {
  return now - start > limits.sampleKeepDays * DAY_MS;
}

/** Whether a shop that was fed up to `place` cannot be gone on with at `now`. Both in ms since the epoch. */
export function isTooFarBehind(place: number, now: number): boolean {
  return place > now || now - place > limits.sampleBehindDaysMax * DAY_MS;
}

/** Why a sample is no longer fed: the first real event, somebody cleared it, its age, the process, or it was never shown. */
export type StopReason = "switched" | "cleared" | "renewed" | "shutting_down" | "left";

export class SampleStand {
  readonly #stopping = new AbortController();
  readonly #signal: AbortSignal;
  #going: Promise<void> = Promise.resolve();

  private constructor(
    readonly guardian: Guardian,
    readonly days: Days,
    readonly feed: SampleFeed,
    readonly service: Service,
    /** Its first local day. */
    readonly since: string,
    over: AbortSignal,
  ) {
    this.#signal = AbortSignal.any([over, this.#stopping.signal]);
    // A query at work holds up nobody who wants to leave.
    this.#signal.addEventListener("abort", () => this.days.close(), { once: true });
  }

  /** Opens the sample folder, making it with `make`. over: aborted when the sample is left. Throws what Guardian.open throws. */
  static async open(
    { own, settings, archiveIntervalMs, serviceOf, holder }: SampleSiteOptions,
    shop: SampleShop,
    since: string,
    make: boolean,
    over: AbortSignal,
  ): Promise<SampleStand> {
    const { data, clock, logLine } = own.options;
    const guardian = await Guardian.open({
      data: paths.sample(data),
      clock,
      logLine: lowered(logLine),
      partitions: PARTITIONS,
      make,
      archiveIntervalMs,
      retention: { keepMs: limits.sampleLogKeepHours * HOUR_MS, keepBytes: limits.sampleLogKeepBytes },
    });
    const days = openDays(guardian, { ...settings, currency: CURRENCY }, { holder });
    guardian.start();
    return new SampleStand(guardian, days, new SampleFeed(guardian, shop), serviceOf(guardian, days), since, over);
  }

  /** Feeds all from `from` up to now, and on from there; and counts its days: all of a new shop, else those that are due. */
  async bringUpTo(now: number, from: number, anew: boolean, wait: SampleSiteOptions["wait"], progress: FillProgress): Promise<void> {
    await this.feed.take(from, now, this.#signal, (done, total, events) => progress.fed(done, total, events));
    // It goes on meanwhile: silence would be taken for the end of all visits, and what comes after for late.
    this.#going = this.#keepGoing(wait);
    await this.guardian.caughtUp();
    if (anew) await this.#countDays(progress);
    else await this.days.tick();
    this.#signal.throwIfAborted();
  }

  /** Resolves when it is stopped, or when it is as old as a shop may become. */
  get going(): Promise<void> {
    return this.#going;
  }

  /** Says goodbye to who follows it, and stops. `finish` false leaves the rest to the next start. */
  async stop(reason: StopReason, finish: boolean): Promise<void> {
    const { logLine } = this.guardian.options;
    this.service.feed.close(reason === "shutting_down" ? "stopping" : "switched");
    this.#stopping.abort(new GuardianError("shutting_down", `Cannot go on with the sample shop: ${reason}`));
    for (const part of [() => this.#going, () => this.days.close(), () => this.#drain(), () => this.guardian.stop(finish)]) {
      try {
        await part();
      } catch (failure) {
        logLine("warn", "sample_stop_failed", { reason: reasonOf(failure) });
      }
    }
  }

  async #keepGoing(wait: SampleSiteOptions["wait"]): Promise<void> {
    const { clock, logLine } = this.guardian.options, { timezone } = this.days.context.settings;
    const { start } = new Zone(timezone).spanOf(this.since);
    let failing = false;
    for (;;) {
      await wait(FEED_MS, this.#signal);
      const now = Math.floor(clock.now());
      if (this.#signal.aborted || isTooOld(start, now)) return;
      // A clock that was set back waits until it is where it was.
      if (now <= this.feed.until) continue;
      try {
        await this.feed.take(this.feed.until, now, this.#signal);
        failing = false;
      } catch (failure) {
        if (!failing && !this.#signal.aborted) logLine("warn", "sample_feed_failing", { reason: reasonOf(failure) });
        failing = true;
      }
    }
  }

  async #countDays(progress: FillProgress): Promise<void> {
    const { failed } = await this.days.backfill(
      undefined,
      undefined,
      ({ done, of, date }) => progress.counted(done, of, date),
      this.#signal,
    );
    this.#signal.throwIfAborted();
    if (failed.length === 0) return;
    const [{ job, date, error }] = failed;
    throw new GuardianError("internal", `Cannot count the days of the sample shop: ${job} of ${date} failed: ${error}`);
  }

  /** Answers of it that are under way are given; who asks from now on is answered of the own folder. */
  async #drain(): Promise<void> {
    const { clock } = this.service, until = clock.monotonic() + DRAIN_MS;
    while (this.service.underWay > 0 && clock.monotonic() < until) await new Promise((resolve) => setTimeout(resolve, DRAIN_CHECK_MS));
  }
}

/** Log lines of a sample: what says that all is well there is nothing to tell, and each says whose it is. */
function lowered(logLine: LogLine): LogLine {
  return (level, event, fields = {}) => logLine(level === "info" ? "debug" : level, event, { ...fields, data_of: "sample" });
}
