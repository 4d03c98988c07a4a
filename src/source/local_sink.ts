// Where a replay goes when its target is a data folder of this process: rows to intake, refused lines to the dead letters, the true end of a
// file to its lane. Also keeps what a replay decided at its first start, until its source is finished.

import type { Clock } from "../clock.ts";
import { GuardianError } from "../errors.ts";
import type { EventColumns } from "../event/batch.ts";
import { limits } from "../limits.ts";
import { commit } from "../store/commit.ts";
import type { DeadLetterStore } from "../store/dead_letters.ts";
import { stateKeys } from "../store/keys.ts";
import { type Intake, laneOfSource } from "./intake.ts";
import type { Refused, ReplaySink } from "./replay.ts";

/** What of a running product a replay needs. */
export interface ReplayTarget {
  readonly state: Deno.Kv;
  readonly intake: Intake;
  readonly deadLetters: DeadLetterStore;
  readonly engine: { readonly lanes: number; hasLane(lane: string): boolean };
}

const DAY_MS = 86_400_000;

/** How long rows wait for readers at a time, and how often. */
const WAIT_MS = 5, WAITS_MAX = 1000;

export class LocalSink implements ReplaySink {
  readonly #sources = new Map<string, Promise<void>>();
  /** Done when the submission before may go. */
  #near: Promise<void> = Promise.resolve();

  constructor(private readonly target: ReplayTarget) {}

  async submit(source: string, firstRow: number, columns: EventColumns): Promise<{ accepted: number; duplicates: number }> {
    await this.#load(source);
    // One after the other, for rows must come in order.
    await (this.#near = this.#near.then(() => this.#readersNear()));
    return await this.target.intake.submit({ columns, lane: laneOfSource(source), source, firstRow });
  }

  async reject(source: string, name: string, { first, rejects, beyond }: Refused): Promise<void> {
    await this.target.deadLetters.add(name, source, first, rejects, beyond);
  }

  /** Ends the source's lane, unless it has ended before. */
  async end(source: string): Promise<void> {
    const { value } = await this.target.state.get<{ ended: boolean }>(stateKeys.sourceEnd(source));
    if (value?.ended) return;
    await this.target.intake.end(laneOfSource(source));
    await commit(this.target.state, { sets: [{ key: stateKeys.sourceEnd(source), value: { ended: true } }] });
  }

  /**
   * Waits for readers that are behind: what they read while it is in memory still is read for little. Intake has a limit of its own, for
   * readers that do not come nearer.
   */
  async #readersNear(): Promise<void> {
    for (let waits = 0; waits < WAITS_MAX && this.target.intake.behind > limits.replayLagEventsMax; waits++) {
      await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
    }
  }

  /** The same promise for all who ask, so that calls keep their order. */
  #load(source: string): Promise<void> {
    let known = this.#sources.get(source);
    if (known === undefined) {
      this.#sources.set(source, known = this.#open(source));
      known.catch(() => this.#sources.delete(source));
    }
    return known;
  }

  async #open(source: string): Promise<void> {
    const { engine, intake } = this.target;
    if (engine.lanes >= limits.lanesMax && !engine.hasLane(laneOfSource(source))) {
      throw new GuardianError("overloaded", `Cannot replay: ${limits.lanesMax} replays are open already; let one of them come to its end`);
    }
    if (!(await intake.loadSource(source)) && intake.sources >= limits.sourcesMax) {
      throw new GuardianError(
        "overloaded",
        `Cannot replay: ${limits.sourcesMax} files were replayed into this folder, and no more are remembered`,
      );
    }
  }
}

/** The shift in ms of a shift by whole days that brings `lastEventTime` onto the day of `now`. Both in ms, days in UTC. */
export function shiftToToday(lastEventTime: number, now: number): number {
  return (Math.floor(now / DAY_MS) - Math.floor(lastEventTime / DAY_MS)) * DAY_MS;
}

/**
 * The shift of a file (`file`: its hash and layout) that is replayed as if its last day were today: chosen once and kept, so that a replay
 * that goes on tomorrow is the same source. `finished` forgets it.
 */
export async function keptShift(state: Deno.Kv, file: string, lastEventTime: number, clock: Clock): Promise<number> {
  const { value } = await state.get<{ shift: number }>(stateKeys.replay(file));
  if (value !== null) return value.shift;
  const shift = shiftToToday(lastEventTime, clock.now());
  await commit(state, { sets: [{ key: stateKeys.replay(file), value: { shift } }] });
  return shift;
}

/** Forgets the shift of a file whose source is finished: the next replay of it chooses anew. */
export async function forgetShift(state: Deno.Kv, file: string): Promise<void> {
  await commit(state, { deletes: [stateKeys.replay(file)] });
}
