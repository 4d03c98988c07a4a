// How many events the live figures may look at one by one, so that they never take much from those who bring events: a token bucket.
// What always holds: over any time, at most the burst and what the time allows. It must not know a clock: time is passed in, ms.

export class Budget {
  #left: number;
  #at = -Infinity;

  /** perSecond: events that it allows for good; burst: those that it allows at once. */
  constructor(private readonly perSecond: number, private readonly burst: number) {
    this.#left = burst;
  }

  /** Whether so many more events may be looked at now (monotonic clock, ms); if so, they count as looked at. */
  take(events: number, now: number): boolean {
    if (now > this.#at) {
      this.#left = Math.min(this.burst, this.#left + (now - this.#at) * this.perSecond / 1000);
      this.#at = now;
    }
    if (events > this.#left) return false;
    this.#left -= events;
    return true;
  }
}
