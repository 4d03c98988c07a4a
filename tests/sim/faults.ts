// How storage fails in a simulated world: which call gets an error, before it took effect or after, which is slow, and at which the process
// dies. What always holds: the same dice and the same calls make the same faults. It knows commits by a name for their kind, and not what they do.

import type { IoCall } from "../support/io_hooks.ts";
import type { Dice } from "./dice.ts";

export type Fault = "before" | "after" | "crash_before" | "crash_after";

/** How storage fails. Shares are of calls, 0 to 1. */
export interface FaultPlan {
  readonly errors: number;
  /** Of errors, those whose call had taken effect. */
  readonly lost: number;
  readonly delays: number;
  /** Calls between two crashes, about; 0: none. */
  readonly crashEvery: number;
  /** Of crashes, those that strike within a few calls of a commit or a call of files of some kind, of rare kinds as often as of frequent. */
  readonly aimed: number;
  /** Of commits that land, those whose answer is lost besides, spread evenly over their kinds. */
  readonly lostCommits: number;
  /** Chance that a call begins a stretch of some seconds in which all calls of its kind and file fail. */
  readonly outages: number;
}

export const NO_FAULTS: FaultPlan = { errors: 0, lost: 0, delays: 0, crashEvery: 0, aimed: 0, lostCommits: 0, outages: 0 };

/** Calls of storage between one that a crash was aimed at and that crash, at the most. */
const AIMED_CALLS = 4;

export class Faults {
  readonly counts = { errors: 0, lost: 0, delays: 0, outages: 0 };
  #plan = NO_FAULTS;
  #crashIn = Infinity;
  /** Kinds of commits and of calls of files met so far and how often, and the one that the next crash is aimed at. */
  readonly #kinds = new Map<string, number>();
  #calls = 0;
  #aim: string | null = null;
  /** The answer of the commit that has just landed is lost. */
  #losing = false;
  #outage: { kind: string; path: string; until: number } | null = null;
  readonly #faultOf = new WeakMap<IoCall, Fault>();

  constructor(private readonly dice: Dice) {}

  get plan(): FaultPlan {
    return this.#plan;
  }

  /** From now on storage fails as the plan says; the countdown to a crash begins anew. */
  set plan(plan: FaultPlan) {
    this.#plan = plan;
    this.#outage = null;
    this.#aim = null;
    this.#crashIn = plan.crashEvery === 0 ? Infinity : this.#countdown();
  }

  /** Ms for which the next call is held up. */
  delay(): number {
    if (!this.dice.chance(this.#plan.delays)) return 0;
    this.counts.delays++;
    return 1 + this.dice.below(this.dice.chance(0.1) ? 3000 : 40);
  }

  /** A commit of some kind has taken effect. */
  landed(kind: string): void {
    const times = this.#met(kind);
    this.#losing = this.dice.chance(this.#plan.lostCommits * this.#calls / (this.#kinds.size * times));
  }

  /** How a call that goes on at `now` (ms of the world) fails. */
  of(call: IoCall, now: number): Fault | null {
    const fault = this.#draw(call, now);
    if (fault === "before") this.counts.errors++;
    if (fault !== null) this.#faultOf.set(call, fault);
    return fault;
  }

  /** How a call that took effect fails after all. */
  afterwards(call: IoCall): Fault | null {
    const isLost = call.kind === "kv_commit" && this.#losing;
    if (isLost) this.#losing = false;
    const fault = this.#faultOf.get(call) ?? (isLost ? "after" : null);
    if (fault === "after") this.counts.lost++;
    return fault;
  }

  /** Counts what a crash can be aimed at. Returns how often it was met. */
  #met(kind: string): number {
    const times = (this.#kinds.get(kind) ?? 0) + 1;
    this.#kinds.set(kind, times);
    this.#calls++;
    if (kind === this.#aim) this.#crashIn = Math.min(this.#crashIn, 1 + this.dice.below(AIMED_CALLS));
    return times;
  }

  #draw({ kind, path }: IoCall, now: number): Fault | null {
    if (!kind.startsWith("kv_")) this.#met(kind);
    if (--this.#crashIn <= 0) {
      this.#crashIn = this.#countdown();
      // One whose kind does not come in as long again strikes anywhere.
      this.#aim = this.#aim === null && this.dice.chance(this.#plan.aimed) ? this.dice.pick([...this.#kinds.keys()]) : null;
      if (this.#aim === null) return this.dice.chance(0.5) ? "crash_before" : "crash_after";
    }
    if (this.#outage !== null) {
      if (now > this.#outage.until) this.#outage = null;
      else if (this.#outage.kind === kind && this.#outage.path === path) return "before";
    } else if (this.dice.chance(this.#plan.outages)) {
      this.#outage = { kind, path, until: now + 500 + this.dice.below(8000) };
      this.counts.outages++;
      return "before";
    }
    if (!this.dice.chance(this.#plan.errors)) return null;
    return this.dice.chance(this.#plan.lost) ? "after" : "before";
  }

  #countdown(): number {
    return 1 + this.dice.below(2 * this.#plan.crashEvery);
  }
}
