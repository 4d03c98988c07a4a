// The pace of a replay that does not go as fast as it can: when rows are due, and how many go at once. It starts at the first event that
// the sink has not seen; up to there rows pass without waiting, in steps that grow while all are old.

import type { Clock } from "../clock.ts";
import type { EventColumns } from "../event/batch.ts";
import type { Stretch } from "./head.ts";

/** Wall time that the rows of one step stand for. */
const STEP_MS = 250;

/** Rows in one step while they are old: as many new ones may slip through before pacing starts. */
const OLD_ROWS_MAX = 1024;

/** Event time over wall time. */
export class Pace implements Stretch {
  readonly #speed: number;
  readonly #clock: Clock;
  #startWall = NaN;
  #startEvent = NaN;
  #growth = 1;

  constructor(speed: number, clock: Clock) {
    this.#speed = speed;
    this.#clock = clock;
  }

  /** Whether an event that is new was seen. */
  get started(): boolean {
    return !isNaN(this.#startWall);
  }

  get eventMs(): number {
    return STEP_MS * this.#speed * this.#growth;
  }

  get rowsMax(): number {
    return this.started ? Infinity : OLD_ROWS_MAX;
  }

  /** Wall time until an event of `eventTime` is due, ms. */
  waitMs(eventTime: number): number {
    if (!this.started) return 0;
    return this.#startWall + (eventTime - this.#startEvent) / this.#speed - this.#clock.monotonic();
  }

  /** Notes how rows were taken. Old rows come first in a source, so that the first new one is behind the duplicates. */
  answered(columns: EventColumns, accepted: number, duplicates: number): void {
    if (this.started) return;
    if (accepted === 0) {
      this.#growth *= 2;
      return;
    }
    this.#growth = 1;
    this.#startWall = this.#clock.monotonic();
    this.#startEvent = columns.eventTime[Math.min(duplicates, columns.count - 1)];
  }
}
