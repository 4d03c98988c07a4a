// The sample shop that an empty data folder shows until its first real event: whether there is one, whether it is shown, and when it is left.
// What always holds: sample and real data never meet; every request is answered of the one or of the other, and once of the own folder,
// always of that; whatever goes wrong with the sample, the own folder is served. It knows nothing of paths and answers.

import { dayAfter, type Days, type DaySettings, Zone } from "../../jobs/mod.ts";
import { GuardianError, reasonOf } from "../errors.ts";
import type { Guardian } from "../guardian.ts";
import { SampleShop } from "../sample/mod.ts";
import {
  claimPlace,
  discardSample,
  isCleared,
  markCleared,
  readNote,
  removeDiscarded,
  requirePlace,
  type SampleNote,
  writeNote,
} from "./sample_folder.ts";
import { type FillProgress, isTooFarBehind, isTooOld, SampleStand, type StopReason } from "./sample_stand.ts";
import type { Service } from "./service.ts";

/** filling: it is made, and the own folder answers meanwhile. live: it is shown. off: the own folder is shown, and stays. */
export const sampleStates = ["filling", "live", "off"] as const;
export type SampleState = (typeof sampleStates)[number];

export interface SampleSiteOptions {
  /** The product over the folder itself. */
  readonly own: Guardian;
  /** Of the own folder's days. */
  readonly settings: DaySettings;
  readonly archiveIntervalMs: number;
  /** Makes what answers requests of the sample. */
  readonly serviceOf: (guardian: Guardian, days: Days) => Service;
  /** Waits; comes back early when the signal is aborted. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Called when the state has changed. */
  readonly onState?: (state: SampleState) => void;
  /** Name in the lease of the sample's day jobs. */
  readonly holder?: string;
  readonly visitorsPerDay?: number;
  /** Local days that a new sample begins before today. */
  readonly pastDays?: number;
}

/** Enough that something happens every second, and few enough that three days are there in some seconds. */
const VISITORS_PER_DAY = 10_000;
const PAST_DAYS = 3;

export class SampleSite {
  readonly visitorsPerDay: number;
  readonly #shop: SampleShop;
  readonly #zone: Zone;
  readonly #over = new AbortController();
  #state: SampleState = "off";
  #stand: SampleStand | null = null;
  #work: Promise<void> = Promise.resolve();
  #ended: Promise<void> | null = null;

  constructor(private readonly options: SampleSiteOptions) {
    this.visitorsPerDay = options.visitorsPerDay ?? VISITORS_PER_DAY;
    this.#shop = new SampleShop({ visitorsPerDay: this.visitorsPerDay });
    this.#zone = new Zone(options.settings.timezone);
  }

  get state(): SampleState {
    return this.#state;
  }

  /** The first local day of the sample that is shown, or null. */
  get since(): string | null {
    return this.#stand?.since ?? null;
  }

  /** What answers in place of the own folder, or null when that answers for itself: from its first event on for good. */
  get shown(): Service | null {
    if (this.#stand === null) return null;
    if (!hasEvents(this.options.own)) return this.#stand.service;
    this.#end("switched");
    return null;
  }

  /** Fills the shop or goes on with it, and keeps it going. Resolves when it is shown, or when it will not be. Never throws. */
  async begin(progress: FillProgress): Promise<void> {
    const { own } = this.options, { data } = own.options;
    try {
      await removeDiscarded(data);
      const cleared = await isCleared(own.state);
      if (cleared) await discardSample(data);
      if (cleared || hasEvents(own)) return;
      await requirePlace(data);
    } catch (failure) {
      return this.#failed(failure);
    }
    // Somebody who cleared it meanwhile waits for nothing that begins here.
    if (this.#over.signal.aborted) return;
    this.#become("filling");
    this.#watch();
    await new Promise<void>((shown) => {
      this.#work = this.#run(progress, shown).catch((failure) => this.#failed(failure)).finally(shown);
    });
  }

  /** Runs the sample's day jobs that are due. */
  tick(): void {
    this.#stand?.days.tick();
  }

  /** Deletes the sample for good and shows the own folder. Returns whether there was one. Throws `storage_failing`. */
  async clear(): Promise<boolean> {
    const { own } = this.options;
    await markCleared(own.state, own.options.clock.now());
    await this.#end("cleared");
    return await discardSample(own.options.data);
  }

  /** Stops all that runs. The sample stays on disk. */
  async close(): Promise<void> {
    await this.#end("shutting_down");
  }

  /** Sees the first real event when it comes, whether somebody asks or not. */
  async #watch(): Promise<void> {
    const { signal } = this.#over, { own } = this.options;
    while (!signal.aborted && !hasEvents(own)) await own.log.grown(signal);
    this.#end("switched");
  }

  /** From the call on the own folder is shown; resolves when nothing of the sample is open any more. Never throws. */
  #end(reason: StopReason): Promise<void> {
    return this.#ended ??= (() => {
      const stand = this.#stand;
      this.#stand = null;
      this.#become("off");
      this.#over.abort(new GuardianError("shutting_down", `Cannot go on with the sample shop: ${reason}`));
      if (stand !== null) this.options.own.options.logLine("info", "sample_left", { reason });
      // What the next start goes on with is finished; what is not shown again need not be.
      return Promise.all([this.#work, stand?.stop(reason, reason === "shutting_down")]).then(() => {});
    })();
  }

  #become(state: SampleState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.options.onState?.(state);
  }

  #failed(failure: unknown): void {
    this.#become("off");
    if (!this.#over.signal.aborted) this.options.own.options.logLine("warn", "sample_failed", { reason: reasonOf(failure) });
  }

  /** One shop after the other: each is shown until it is too old. */
  async #run(firstProgress: FillProgress, shown: () => void): Promise<void> {
    const { signal } = this.#over;
    for (let progress = firstProgress;; progress = untold) {
      const stand = await this.#kept(progress) ?? await this.#made(progress);
      if (signal.aborted) return await stand.stop("left", false);
      this.#stand = stand;
      this.#become("live");
      shown();
      await stand.going;
      if (signal.aborted) return;
      this.#stand = null;
      this.#become("filling");
      await stand.stop("renewed", false);
    }
  }

  /** What an earlier start left, up to now; null where there is nothing to go on with, and then nothing is left of it. */
  async #kept(progress: FillProgress): Promise<SampleStand | null> {
    const { data, clock, logLine } = this.options.own.options;
    const note = await readNote(data);
    let why = this.#unfit(note);
    if (why === null) {
      try {
        return await this.#ready(note!.since, false, async (stand) => {
          const place = await stand.feed.place() ?? -Infinity, now = clock.now();
          if (!isTooFarBehind(place, now)) return place;
          throw new GuardianError("corrupt", "Cannot go on with the sample shop: it is too far from the present");
        }, progress);
      } catch (failure) {
        this.#over.signal.throwIfAborted();
        why = reasonOf(failure);
      }
    }
    if (await discardSample(data)) logLine("info", "sample_made_anew", { reason: why });
    return null;
  }

  /** A new shop with its past. */
  async #made(progress: FillProgress): Promise<SampleStand> {
    const { own, pastDays = PAST_DAYS } = this.options;
    const since = dayAfter(this.#zone.dateOf(own.options.clock.now()), -pastDays);
    await claimPlace(own.options.data);
    return await this.#ready(since, true, () => Promise.resolve(this.#zone.spanOf(since).start), progress);
  }

  /** Opens a shop and brings it up to now, from where `place` says on. */
  async #ready(
    since: string,
    anew: boolean,
    place: (stand: SampleStand) => Promise<number>,
    progress: FillProgress,
  ): Promise<SampleStand> {
    const { data, clock } = this.options.own.options;
    const stand = await SampleStand.open(this.options, this.#shop, since, anew, this.#over.signal);
    try {
      const from = await place(stand);
      progress.begun(anew);
      await stand.bringUpTo(Math.floor(clock.now()), from, anew, this.options.wait, progress);
      if (anew) await writeNote(data, { shop: this.#shop.id, timezone: this.#zone.name, since });
      return stand;
    } catch (failure) {
      await stand.stop("left", false);
      throw failure;
    }
  }

  /** Why a sample folder with this note is not one to go on with, or null. */
  #unfit(note: SampleNote | null): string | null {
    const now = this.options.own.options.clock.now();
    if (note === null) return "it is not finished, or of another version";
    if (note.shop !== this.#shop.id) return "it is another shop";
    if (note.timezone !== this.#zone.name) return "its days are of another time zone";
    return isTooOld(this.#zone.spanOf(note.since).start, now) ? "it is old" : null;
  }
}

const untold: FillProgress = { begun: () => {}, fed: () => {}, counted: () => {} };

/** Whether anything was ever appended to a folder's log. */
function hasEvents({ log }: Guardian): boolean {
  for (let partition = 0; partition < log.partitions; partition++) if (log.end(partition) > 0) return true;
  return false;
}
