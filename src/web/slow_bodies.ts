// Gives up on bodies that come in too slowly: the server itself never does. What always holds: only time counts in which a body's client owed
// the next piece, and in which this process ran: never what unpacking took, or a standstill. One timer looks after all of them, for a timer a
// request would cost more than many a request; so a body gets up to one look longer than its time. It stops at a look that finds no body,
// and keeps no process from ending: whoever reads a body does.

import { limits } from "../limits.ts";
import { OwnTime } from "./own_time.ts";

const LOOK_MS = 250;

const time = new OwnTime(2 * LOOK_MS, performance.now());

/** A body that is being read. gaveUp: why it was given up, or null. */
export class Watched {
  gaveUp: string | null = null;
  /** Since when its next piece is owed; null while it is not waited for. */
  #owedSince: number | null;
  /** How long pieces were owed that have come, ms. */
  #owedMs = 0;

  constructor(now: number, private readonly stallMs: number, private readonly readMs: number, private readonly cancel: () => void) {
    this.#owedSince = now;
  }

  /** The next piece is waited for. */
  expects(): void {
    this.#owedSince ??= time.at(performance.now());
  }

  /** A piece has come. */
  piece(): void {
    this.#owedMs = this.#owedAt(time.at(performance.now()));
    this.#owedSince = null;
  }

  /** All of it has come, or nobody wants it any more. */
  end(): void {
    bodies.delete(this);
  }

  look(now: number): void {
    if (this.gaveUp !== null || this.#owedSince === null) return;
    if (this.#owedAt(now) >= this.readMs) this.#giveUp(`it took more than ${this.readMs / 1000} s`);
    else if (now - this.#owedSince >= this.stallMs) this.#giveUp(`nothing came for ${this.stallMs / 1000} s`);
  }

  /** Gives its place to others if it was waited for longer than `afterMs`. Returns whether it did. */
  makeWay(now: number, afterMs: number): boolean {
    if (this.#owedSince === null || this.#owedAt(now) < afterMs) return false;
    this.#giveUp(`it took more than ${afterMs / 1000} s while others waited for its place`);
    return true;
  }

  #owedAt(now: number): number {
    return this.#owedMs + (this.#owedSince === null ? 0 : now - this.#owedSince);
  }

  #giveUp(why: string): void {
    this.gaveUp = why;
    this.cancel();
  }
}

const bodies = new Set<Watched>();
let timer: ReturnType<typeof setInterval> | undefined;

/** Looks after a body from now on, whose first piece is waited for; `cancel` is called when it is given up. */
export function watched(stallMs: number, readMs: number, cancel: () => void): Watched {
  const now = performance.now();
  if (timer === undefined) {
    time.goOn(now);
    Deno.unrefTimer(timer = setInterval(lookAtAll, LOOK_MS));
  }
  const body = new Watched(time.at(now), stallMs, readMs, cancel);
  bodies.add(body);
  return body;
}

/** Lets the oldest of the bodies that were waited for for long make way for others: else a few slow clients could keep all out. */
export function makeWay(afterMs: number = limits.bodyMakesWayMs): void {
  const now = time.at(performance.now());
  for (const body of bodies) if (body.gaveUp === null && body.makeWay(now, afterMs)) return;
}

function lookAtAll(): void {
  const now = time.at(performance.now());
  for (const body of bodies) body.look(now);
  if (bodies.size > 0) return;
  clearInterval(timer);
  timer = undefined;
}
