// A clock that tests set.

import type { Clock } from "../../src/clock.ts";

export class TestClock implements Clock {
  constructor(public wall: number = Date.UTC(2026, 0, 1), public passed = 0) {}
  now(): number {
    return this.wall;
  }
  monotonic(): number {
    return this.passed;
  }
  /** Moves both clocks on. */
  pass(ms: number): void {
    this.wall += ms;
    this.passed += ms;
  }
}
