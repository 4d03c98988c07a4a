// What goes on in the shop now: follows the live lane of the log in memory alone, and answers from that. Nothing waits for it, and those who
// bring events come first: where more come than it may look at it passes them over, where it falls too far behind it goes on at the end, and
// where it fails it tries again; it says so in its answers.
// It must not know HTTP, nor keep anything on disk.

import type { Clock } from "../clock.ts";
import type { Anomaly, FeedbackVerdict } from "../detect/anomaly.ts";
import { reasonOf } from "../errors.ts";
import { type EventBatch, LIVE } from "../event/batch.ts";
import { formatTimestamp } from "../event/timestamp.ts";
import { limits } from "../limits.ts";
import type { EventLog } from "../log/log.ts";
import type { LogLine } from "../log_line.ts";
import type { AnomalyStore } from "../store/anomalies.ts";
import type { InPieces } from "../pieces.ts";
import { inTurns, isTurnOver, standBack } from "../turn.ts";
import { LiveAnomalies } from "./anomalies.ts";
import { Budget } from "./budget.ts";
import type { LiveBrief, LiveFigures, Scene, Totals, TrafficName } from "./figures.ts";
import { sessionsShown, topProducts, totals } from "./summary.ts";
import { LiveWindow } from "./window.ts";

/** ms for which an answer is given again. */
const FRESH_MS = 1_000;
const RETRY_MS = 1_000;
/** How long a batch that was passed over says something of those that come after it, ms. */
const HELD_MS = 1_000;
/** How far back from the newest event stored anomalies are read at start. */
const FLAGGED_MS = 24 * 3_600_000;
const BRIEF_BUCKETS = 2;
/** Cells that have left the window freed between two looks at the clock. */
const FREED_AT_ONCE = 4096;

export interface ShopParts {
  readonly log: Pick<EventLog, "partitions" | "start" | "end" | "read" | "grown">;
  readonly anomalies: Pick<AnomalyStore, "subscribe" | "list">;
  readonly clock: Clock;
  readonly logLine: LogLine;
  /** What a person has said of a session. */
  readonly verdictOf: (session: string) => FeedbackVerdict | null;
}

interface Counted {
  readonly at: number;
  readonly brief: LiveBrief;
  readonly scene: Scene;
  readonly totals: Record<TrafficName, Totals>;
  readonly figures: Partial<Record<TrafficName, Promise<LiveFigures>>>;
}

/** How much is read back at start, how far it may be behind, how much it holds, and how much it looks at in a second and at once. */
interface Most {
  readonly startEvents: number;
  readonly lagEvents: number;
  readonly cells: number;
  readonly perSecondEvents?: number;
  readonly burstEvents?: number;
}

const MOST: Most = { startEvents: limits.liveStartEventsMax, lagEvents: limits.liveLagEventsMax, cells: limits.liveCellsMax };

export class LiveShop {
  readonly #window: LiveWindow;
  readonly #anomalies: LiveAnomalies;
  readonly #positions: number[];
  /** Where the partitions ended at the start: what lies before is read back, and not held by the budget. */
  readonly #startEnds: readonly number[];
  readonly #budget: Budget;
  readonly #burst: number;
  /** Until when the budget counts as used up, after a batch that was passed over: ms of the monotonic clock. */
  #heldUntil = -Infinity;
  readonly #unsubscribe: () => void;
  #skipped = 0;
  #failing: string | null = null;
  #counted: Counted | null = null;
  #counting: Promise<Counted> | null = null;
  /** Works that need the window as it is, one after another; and how many. Meanwhile nothing is read, and flags wait. */
  #lastLook: Promise<unknown> = Promise.resolve();
  #looks = 0;
  readonly #flagsWaiting = new Map<string, boolean>();
  #hasRead: (() => void)[] = [];
  #hasEnded = false;

  constructor(
    private readonly parts: ShopParts,
    private readonly most: Most = MOST,
  ) {
    const { log, anomalies, verdictOf } = parts;
    this.#window = new LiveWindow(most.cells);
    this.#anomalies = new LiveAnomalies((session, flagged) => this.#setFlagged(session, flagged), verdictOf);
    this.#unsubscribe = anomalies.subscribe(({ anomaly }) => this.#anomalies.put(anomaly));
    this.#burst = most.burstEvents ?? limits.liveBurstEventsMax;
    this.#budget = new Budget(most.perSecondEvents ?? limits.livePerSecondEventsMax, this.#burst);
    this.#startEnds = Array.from({ length: log.partitions }, (_, p) => log.end(p));
    this.#positions = Array.from({ length: log.partitions }, (_, p) => Math.max(log.start(p), log.end(p) - most.startEvents));
  }

  /** Follows the log until the signal aborts. Never throws. */
  async run(signal: AbortSignal): Promise<void> {
    let hasFlags = false;
    while (!signal.aborted) {
      try {
        await this.#readOn(signal);
        if (!hasFlags && this.#isCaughtUp) {
          await this.#readFlags();
          hasFlags = true;
        }
        this.#failing = null;
        // Nothing comes in between the question and the wait.
        if (!this.#isCaughtUp) continue;
        this.#tellRead();
        await this.parts.log.grown(signal);
      } catch (failure) {
        const reason = reasonOf(failure);
        if (reason !== this.#failing) this.parts.logLine("warn", "live_figures_failing", { reason });
        this.#failing = reason;
        await pause(RETRY_MS, signal);
      }
    }
    this.#unsubscribe();
    this.#hasEnded = true;
    this.#tellRead();
  }

  /** Resolves when everything that is in the log now has been read, or reading has ended. */
  async caughtUp(): Promise<void> {
    const { log } = this.parts, ends = this.#positions.map((_, p) => log.end(p));
    while (!this.#hasEnded && this.#positions.some((position, p) => position < ends[p])) {
      await new Promise<void>((resolve) => this.#hasRead.push(resolve));
    }
  }

  /** To be called when a person has judged a session, or taken that back. */
  judged(session: string): void {
    this.#anomalies.judged(session);
  }

  /** Everything about one traffic; counted at most once a second. */
  async figures(traffic: TrafficName): Promise<LiveFigures> {
    const counted = await this.#upToDate();
    return await (counted.figures[traffic] ??= this.#look(() => figuresOf(this.#window, traffic, counted)));
  }

  /** The least of both traffics that a page needs once a second; counted at most that often. */
  async brief(): Promise<LiveBrief> {
    return (await this.#upToDate()).brief;
  }

  async #upToDate(): Promise<Counted> {
    if (this.#counting !== null) return await this.#counting;
    const at = this.parts.clock.monotonic();
    // While cells that have left are being freed, which takes some turns of the event loop, the last answer holds.
    if (this.#counted !== null && (at - this.#counted.at < FRESH_MS || this.#window.tables.isLeaving)) return this.#counted;
    this.#counting = this.#look(() => this.#count(at)).finally(() => this.#counting = null);
    return this.#counted = await this.#counting;
  }

  /** Does work in turns that needs the window as it is from beginning to end. */
  async #look<T>(work: () => InPieces<T>): Promise<T> {
    this.#looks++;
    try {
      const done = this.#lastLook.then(() => inTurns(work()));
      this.#lastLook = done.catch(() => {});
      return await done;
    } finally {
      if (--this.#looks === 0) {
        for (const [session, flagged] of this.#flagsWaiting) this.#window.setFlagged(session, flagged);
        this.#flagsWaiting.clear();
      }
    }
  }

  /** To be waited for before the window is changed. */
  async #lookedAt(): Promise<void> {
    while (this.#looks > 0) await this.#lastLook;
  }

  #setFlagged(session: string, flagged: boolean): void {
    if (this.#looks === 0) this.#window.setFlagged(session, flagged);
    else this.#flagsWaiting.set(session, flagged);
  }

  *#count(at: number): InPieces<Counted> {
    const window = this.#window, now = this.parts.clock.now(), hasEvents = window.newest !== -Infinity;
    const scene: Scene = {
      at: formatTimestamp(now),
      newest_event: hasEvents ? formatTimestamp(window.newest) : null,
      window_start: hasEvents ? formatTimestamp(window.start) : null,
      capped: window.capped,
      skipped_events: this.#skipped,
      gap: window.gap,
      failing: this.#failing,
      events_per_s: window.eventsPerSecond(now),
      anomalies_last_hour: this.#anomalies.lastHour(window.newest),
    };
    const both = yield* totals(window);
    const withRates = (traffic: TrafficName) => ({ ...both[traffic], rates: window.rates(traffic, BRIEF_BUCKETS) });
    return { at, scene, totals: both, brief: { ...scene, all: withRates("all"), humans: withRates("humans") }, figures: {} };
  }

  get #isCaughtUp(): boolean {
    return this.#positions.every((position, p) => position >= this.parts.log.end(p));
  }

  /** Reads a little of each partition. */
  async #readOn(signal: AbortSignal): Promise<void> {
    const { log } = this.parts, { lagEvents } = this.most;
    for (let p = 0; p < this.#positions.length && !signal.aborted; p++) {
      const end = log.end(p), start = log.start(p);
      // What is likely to be passed over is not worth reading from the file.
      const isHeld = this.parts.clock.monotonic() < this.#heldUntil;
      if (end - this.#positions[p] > (isHeld ? Math.min(this.#burst, lagEvents) : lagEvents)) this.#skipTo(p, end);
      else if (this.#positions[p] < start) this.#skipTo(p, start);
      else if (this.#positions[p] < end) await this.#read(p);
    }
  }

  async #read(partition: number): Promise<void> {
    const { log } = this.parts, from = this.#positions[partition];
    let batches;
    try {
      batches = await log.read(partition, from);
    } catch (failure) {
      // Trimmed in between: nobody needs it any more, so it is passed over.
      if (log.start(partition) > from) return this.#skipTo(partition, log.start(partition));
      throw failure;
    }
    for (const batch of batches) {
      const { firstOffset, count } = batch, next = firstOffset + count;
      if (this.#looks > 0) await this.#lookedAt();
      if (next <= this.#positions[partition]) continue;
      if (batch.lane === LIVE && batch.control === "events") this.#take(batch, Math.max(0, this.#positions[partition] - firstOffset));
      this.#positions[partition] = next;
      if (this.#window.crowded) await this.#look(() => this.#window.tidy());
      await this.#freeLeft();
      if (isTurnOver()) await standBack();
    }
  }

  /** Frees the cells that have left the window; others get their turn meanwhile. */
  async #freeLeft(): Promise<void> {
    const { tables } = this.#window;
    while (tables.isLeaving) {
      if (this.#looks > 0) await this.#lookedAt();
      tables.free(FREED_AT_ONCE);
      if (isTurnOver()) await standBack();
    }
  }

  /** Looks at the events of a batch from row `from` on, or passes them over. */
  #take(batch: EventBatch, from: number): void {
    const isOld = batch.firstOffset + from < this.#startEnds[batch.partition], events = batch.count - from;
    const now = this.parts.clock.monotonic(), isGranted = isOld || this.#budget.take(events, now);
    this.#heldUntil = isGranted ? -Infinity : now + HELD_MS;
    if (isGranted) return this.#window.add(batch, from);
    this.#skipped += events;
    this.#window.passOver(batch, from);
  }

  #skipTo(partition: number, offset: number): void {
    this.#skipped += offset - this.#positions[partition];
    this.#window.leaveUnread(offset - this.#positions[partition]);
    this.#positions[partition] = offset;
  }

  /** Learns which sessions were flagged before the start; newest first, so that the limit leaves out the oldest. */
  async #readFlags(): Promise<void> {
    const { anomalies } = this.parts, { newest } = this.#window;
    if (newest === -Infinity) return;
    const stored: Anomaly[] = [];
    let after: readonly [number, string] | undefined, left = limits.liveAnomaliesMax;
    do {
      const { items, next } = await anomalies.list({
        limit: Math.min(left, limits.pageRowsMax),
        statuses: ["confirmed", "provisional"],
        since: Math.max(0, newest - FLAGGED_MS),
        order: "window",
        after,
      });
      stored.push(...items);
      left -= items.length;
      after = next ?? undefined;
    } while (after !== undefined && left > 0);
    this.#anomalies.putOld(stored);
  }

  #tellRead(): void {
    const waiting = this.#hasRead;
    this.#hasRead = [];
    for (const resolve of waiting) resolve();
  }
}

function* figuresOf(window: LiveWindow, traffic: TrafficName, { scene, totals }: Counted): InPieces<LiveFigures> {
  const rates = window.rates(traffic), top_products = yield* topProducts(window, traffic);
  return { traffic, ...scene, ...totals[traffic], top_products, rates, sessions_shown: yield* sessionsShown(window, traffic) };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
  });
}
