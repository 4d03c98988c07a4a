// The time that this process itself had, in whole ms: its clock stands while the process does, as when it is stopped, its machine sleeps, or its
// event loop is held. What always holds: it never goes back, and between two calls it goes on by no more than one step, so that nobody is said
// to have been slow while it was this process that did not look. It must not know what is timed.

export class OwnTime {
  #last: number;
  #lost = 0;

  /** stepMs: the longest time between two calls that is no standstill; now: of a clock that goes on meanwhile, ms. */
  constructor(private readonly stepMs: number, now: number) {
    this.#last = Math.floor(now);
  }

  /** The process's own time at `now`, ms. */
  at(now: number): number {
    this.#moveTo(now, this.stepMs);
    return this.#last - this.#lost;
  }

  /** Goes on from `now`: there was nothing to be timed for a while, and nobody called. */
  goOn(now: number): void {
    this.#moveTo(now, 0);
  }

  #moveTo(now: number, stepMs: number): void {
    const whole = Math.max(this.#last, Math.floor(now));
    this.#lost += Math.max(0, whole - this.#last - stepMs);
    this.#last = whole;
  }
}
