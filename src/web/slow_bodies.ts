// Gives up on bodies that come in too slowly: the server itself never does. One timer looks after all of them, for a timer a request would
// cost more than many a request; so a body gets up to one look longer than its time. It stops at a look that finds no body, and keeps no
// process from ending: whoever reads a body does.

import { limits } from "../limits.ts";

const LOOK_MS = 250;

/** A body that is being read. gaveUp: why it was given up, or null. */
export class Watched {
  gaveUp: string | null = null;
  #stallsAt = 0;
  readonly #endsAt: number;
  readonly #startedAt: number;

  constructor(private readonly stallMs: number, private readonly readMs: number, private readonly cancel: () => void) {
    const now = performance.now();
    this.#startedAt = now;
    this.#endsAt = now + readMs;
    this.#stallsAt = now + stallMs;
  }

  /** A piece has come. */
  piece(): void {
    this.#stallsAt = performance.now() + this.stallMs;
  }

  /** All of it has come, or nobody wants it any more. */
  end(): void {
    bodies.delete(this);
  }

  look(now: number): void {
    if (this.gaveUp !== null || (now < this.#stallsAt && now < this.#endsAt)) return;
    this.#giveUp(now >= this.#endsAt ? `it took more than ${this.readMs / 1000} s` : `nothing came for ${this.stallMs / 1000} s`);
  }

  /** Gives its place to others if it has taken longer than `afterMs`. */
  makeWay(now: number, afterMs: number): void {
    if (now - this.#startedAt >= afterMs) this.#giveUp(`it took more than ${afterMs / 1000} s while others waited for its place`);
  }

  #giveUp(why: string): void {
    this.gaveUp = why;
    this.cancel();
  }
}

const bodies = new Set<Watched>();
let timer: ReturnType<typeof setInterval> | undefined;

/** Looks after a body from now on; `cancel` is called when it is given up. */
export function watched(stallMs: number, readMs: number, cancel: () => void): Watched {
  const body = new Watched(stallMs, readMs, cancel);
  bodies.add(body);
  if (timer === undefined) Deno.unrefTimer(timer = setInterval(lookAtAll, LOOK_MS));
  return body;
}

/** Lets the body that has been coming for the longest make way for others, if that is long: else a few slow clients could keep all out. */
export function makeWay(afterMs: number = limits.bodyMakesWayMs): void {
  const now = performance.now();
  for (const body of bodies) if (body.gaveUp === null) return body.makeWay(now, afterMs);
}

function lookAtAll(): void {
  const now = performance.now();
  for (const body of bodies) body.look(now);
  if (bodies.size > 0) return;
  clearInterval(timer);
  timer = undefined;
}
