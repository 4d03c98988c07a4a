// Runs the engine over the log: reads batches, steps each partition's state, stores what that causes, and keeps a bookmark.
// What always holds: effects are stored before the bookmark that passes them; a restart derives the same effects again, and those that are
// stored already are passed over. It never looks at the wall clock to decide anything.

import type { Clock } from "../clock.ts";
import { LIVE } from "../event/batch.ts";
import { limits } from "../limits.ts";
import type { EventLog, Progress } from "../log/log.ts";
import type { LogLine } from "../log_line.ts";
import type { AnomalyStore } from "../store/anomalies.ts";
import { commit } from "../store/commit.ts";
import { stateKeys } from "../store/keys.ts";
import type { LateEventStore } from "../store/late_events.ts";
import { giveWay, inTurns, isTurnOver } from "../turn.ts";
import { EffectQueue } from "./effect_queue.ts";
import { noEffects } from "./effects.ts";
import { park, refillParked, sweepParked } from "./parking.ts";
import { Retries } from "./retries.ts";
import { type Bookmark, type Counters, PartitionState } from "./step.ts";

const BOOKMARK_MS = 1_000;
/** Events behind an idle lane's oldest click from which parking it is worth its while. */
const PARK_EVENTS = 100_000;

/** What `/health` tells of one partition. */
export interface EngineReport {
  readonly partition: number;
  readonly position: number;
  readonly end: number;
  readonly lanes: number;
  readonly open_panes: number;
  readonly live_watermark: string | null;
}

/** What the start read again to fill the windows that were open, and by partition from which offset; what lies behind the bookmark follows. */
export interface EngineRecovery {
  readonly events: number;
  readonly batches: number;
  readonly partitions: readonly { readonly from: number; readonly bookmark: number; readonly end: number }[];
}

export class EngineRunner implements Progress {
  readonly #states: PartitionState[] = [];
  readonly #bookmarked: number[] = [];
  readonly #needed: number[] = [];
  /** Tries of reads and bookmarks, and of effects: one that succeeds says nothing of the other. */
  readonly #retries: Retries;
  readonly #effectRetries: Retries;
  #effects!: EffectQueue;
  #lastBookmark: number;
  /** Monotonic time of the last batch of each replay lane, by partition and lane. */
  readonly #laneSeen = new Map<string, number>();
  /** Lanes with parked batches and how many, as a text, by partition. */
  readonly #parkedLanes: string[] = [];
  /** What had to be read again at start. */
  recovery: EngineRecovery = { events: 0, batches: 0, partitions: [] };

  private constructor(
    private readonly log: EventLog,
    private readonly state: Deno.Kv,
    private readonly clock: Clock,
    logLine: LogLine,
    private readonly parkEvents: number,
  ) {
    this.#retries = new Retries(logLine);
    this.#effectRetries = new Retries(logLine);
    this.#lastBookmark = clock.monotonic();
  }

  /** Loads the bookmarks and fills the windows that were open again from the log. */
  static async open(
    log: EventLog,
    state: Deno.Kv,
    anomalies: AnomalyStore,
    lateEvents: LateEventStore,
    clock: Clock,
    logLine: LogLine,
    parkEvents: number = PARK_EVENTS,
  ): Promise<EngineRunner> {
    const runner = new EngineRunner(log, state, clock, logLine, parkEvents);
    const partitions: { from: number; bookmark: number; end: number }[] = [];
    let events = 0, batches = 0;
    for (let p = 0; p < log.partitions; p++) {
      const { value } = await state.get<Bookmark>(stateKeys.engine(p));
      const partition = value === null ? new PartitionState(p) : PartitionState.from(value, p);
      const position = value?.position ?? 0;
      await refillParked(state, partition);
      await sweepParked(state, partition);
      runner.#states.push(partition);
      runner.#bookmarked.push(position);
      runner.#needed.push(partition.position);
      runner.#parkedLanes.push("");
      partitions.push({ from: partition.position, bookmark: position, end: log.end(p) });
      while (partition.position < position) {
        const before = partition.position;
        // Batches end at bookmarks, for a bookmark is made between batches; so nothing beyond it is taken here.
        for (const batch of await log.read(p, partition.position)) {
          if (batch.firstOffset >= position) break;
          partition.step(batch, noEffects());
          if (partition.crowded) await inTurns(partition.tidy());
          batches++;
        }
        events += partition.position - before;
      }
    }
    runner.#effects = new EffectQueue(anomalies, lateEvents, runner.#effectRetries, runner.#bookmarked);
    runner.recovery = { events, batches, partitions };
    return runner;
  }

  position(partition: number): number {
    return this.#states[partition].position;
  }

  /** The offset of a partition up to which all effects are stored. */
  stored(partition: number): number {
    return this.#effects.stored(partition);
  }

  /** The oldest offset that a restart would read: the log must keep it. */
  needed(partition: number): number {
    return this.#needed[partition];
  }

  /** Effects that wait to be stored. */
  get effectsWaiting(): number {
    return this.#effects.waiting;
  }

  /** Why effects cannot be stored at present, or null. */
  get failing(): string | null {
    return this.#effectRetries.failing ?? this.#retries.failing;
  }

  /** Events read since the folder was made, all partitions together. */
  get counters(): Counters {
    const all = this.#states.map((state) => state.counters);
    return {
      kinds: all[0].kinds.map((_, kind) => all.reduce((sum, { kinds }) => sum + kinds[kind], 0)),
      late: all.reduce((sum, { late }) => sum + late, 0),
      evicted: all.reduce((sum, { evicted }) => sum + evicted, 0),
    };
  }

  /** Different sessions since the folder was made, about; a session is in one partition only. */
  get sessions(): number {
    return this.#states.reduce((sum, state) => sum + state.sessions.count, 0);
  }

  /** Newest event time of the live lane in a partition, and whether a window of it is open. */
  live(partition: number): { newest: number; open: boolean } {
    const lane = this.#states[partition].lanes.get(LIVE);
    return { newest: lane?.newest ?? -Infinity, open: lane?.open ?? false };
  }

  /** Lanes with windows that are not closed, in the partition where there are most. */
  get lanes(): number {
    return Math.max(...this.#states.map((state) => state.lanes.size));
  }

  /** Whether a lane has windows that are not closed. */
  hasLane(lane: string): boolean {
    return this.#states.some((state) => state.lanes.has(lane));
  }

  report(): EngineReport[] {
    return this.#states.map((state, partition) => {
      const watermark = state.lanes.get(LIVE)?.watermark ?? -Infinity;
      return {
        partition,
        position: state.position,
        end: this.log.end(partition),
        lanes: state.lanes.size,
        open_panes: [...state.lanes.values()].reduce((sum, lane) => sum + lane.panes, 0),
        live_watermark: Number.isFinite(watermark) ? new Date(watermark).toISOString() : null,
      };
    });
  }

  /** Follows the log until the signal aborts; then stores a last bookmark. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (!(await this.catchUp(signal))) await this.log.grown(signal);
    }
    // While storage fails the bookmark before this one holds.
    if (this.failing === null) await this.bookmark();
  }

  /** Reads what there is; returns whether there was anything. */
  async catchUp(signal?: AbortSignal): Promise<boolean> {
    let any = false;
    for (const state of this.#states) {
      if (signal?.aborted) break;
      if (state.position >= this.log.end(state.partition)) continue;
      any = true;
      await this.#advance(state, signal);
    }
    if (any && this.clock.monotonic() - this.#lastBookmark >= BOOKMARK_MS) await this.#retries.run(() => this.bookmark(), signal);
    // An append may have come in while this one was waiting elsewhere.
    return any || this.#states.some((state) => state.position < this.log.end(state.partition));
  }

  async #advance(state: PartitionState, signal?: AbortSignal): Promise<void> {
    const { partition } = state;
    const batches = await this.#retries.run(() => this.log.read(partition, state.position), signal);
    let effects = noEffects();
    for (const [i, batch] of batches.entries()) {
      state.step(batch, effects);
      if (state.crowded) await inTurns(state.tidy());
      if (batch.lane !== LIVE) this.#laneSeen.set(`${partition} ${batch.lane}`, this.clock.monotonic());
      const caused = effects.anomalies.length + effects.late.length;
      if (i < batches.length - 1 && !isTurnOver() && this.#effects.waiting + caused < limits.effectsWaitingMax) continue;
      // What this caused is stored while the next batches are stepped; more than that does not pile up.
      this.#effects.add(partition, state.position, effects, signal);
      effects = noEffects();
      await this.#effects.room();
      await giveWay();
    }
  }

  /** Stores where each partition stands, once all that was caused up to there is stored. Nothing may be stepped meanwhile. */
  async bookmark(): Promise<void> {
    await this.#effects.settled();
    this.#lastBookmark = this.clock.monotonic();
    for (const state of this.#states) {
      if (state.position === this.#bookmarked[state.partition]) continue;
      const parked = await this.#parkIdleLanes(state);
      const bookmark = state.bookmark();
      await commit(this.state, { sets: [{ key: stateKeys.engine(state.partition), value: bookmark }] });
      if (parked) await sweepParked(this.state, state);
      this.#bookmarked[state.partition] = bookmark.position;
      this.#needed[state.partition] = state.oldestNeeded;
    }
  }

  /** Keeps the clicks of open lanes that nothing comes for beside the log. Returns whether what is kept there has changed. */
  async #parkIdleLanes(state: PartitionState): Promise<boolean> {
    const now = this.clock.monotonic();
    const named = this.#parkedLanes[state.partition];
    for (const lane of state.lanes.values()) {
      const place = `${state.partition} ${lane.name}`;
      if (!this.#laneSeen.has(place)) this.#laneSeen.set(place, now);
      if (!lane.open) lane.parked = { from: lane.parked.to, to: lane.parked.to };
      const idle = lane.name !== LIVE && now - this.#laneSeen.get(place)! >= limits.parkAfterMs;
      if (idle && lane.oldestNeeded !== null && lane.oldestNeeded < state.position - this.parkEvents) {
        await park(this.state, this.log, state, lane);
      }
    }
    for (const place of this.#laneSeen.keys()) {
      const [partition, lane] = place.split(" ");
      if (Number(partition) === state.partition && !state.lanes.has(lane)) this.#laneSeen.delete(place);
    }
    const parked = [...state.lanes.values()].map((lane) => `${lane.name} ${lane.parked.from} ${lane.parked.to}`).join();
    this.#parkedLanes[state.partition] = parked;
    return parked !== named;
  }
}
