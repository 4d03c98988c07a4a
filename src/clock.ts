// The only door to the time of day. Everything that needs time is handed a Clock, so that tests choose it.

export interface Clock {
  /** Wall clock, ms since the epoch. May jump. */
  now(): number;
  /** Monotonic clock, ms since some start. Never goes back. */
  monotonic(): number;
}

/** A jump of the wall clock: that much more or less than the monotonic clock between two looks, ms. */
const JUMP_MS = 60_000;

/**
 * Wall time by which things are forgotten for their age. A wall clock that jumps ahead has made nothing old: this one stays behind by as much
 * until `holdMs` have passed on the monotonic clock, so that what was remembered at the jump is remembered that long. It must be asked
 * more often than `holdMs`. Over a restart the wall clock is all there is.
 */
export class PatientClock {
  #wall: number;
  #monotonic: number;
  #ahead = 0;
  #jumpedAt = 0;

  constructor(private readonly clock: Clock, private readonly holdMs: number) {
    this.#wall = clock.now();
    this.#monotonic = clock.monotonic();
  }

  /** How far it stays behind the wall clock, ms, as of the last time that it was asked. */
  get behind(): number {
    return this.#ahead;
  }

  /** ms since the epoch; never later than the wall clock. */
  now(): number {
    const wall = this.clock.now(), monotonic = this.clock.monotonic();
    const jumped = wall - this.#wall - (monotonic - this.#monotonic);
    if (Math.abs(jumped) > JUMP_MS) {
      this.#ahead = Math.max(0, this.#ahead + jumped);
      this.#jumpedAt = monotonic;
    } else if (this.#ahead > 0 && monotonic - this.#jumpedAt >= this.holdMs) {
      this.#ahead = 0;
    }
    this.#wall = wall;
    this.#monotonic = monotonic;
    return wall - this.#ahead;
  }
}

export const systemClock: Clock = { now: () => Date.now(), monotonic: () => performance.now() };
