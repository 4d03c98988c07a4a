// Gives up on bodies that come in too slowly: the server itself never does. One timer looks after all of them, for a timer a request would
// cost more than many a request; so a body gets up to one look longer than its time. It stops at a look that finds no body, and keeps no
// process from ending: whoever reads a body does.

const LOOK_MS = 250;

/** A body that is being read. gaveUp: why it was given up, or null. */
export class Watched {
  gaveUp: string | null = null;
  #stallsAt = 0;
  readonly #endsAt: number;

  constructor(private readonly stallMs: number, private readonly readMs: number, private readonly cancel: () => void) {
    const now = performance.now();
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
    this.gaveUp = now >= this.#endsAt ? `it took more than ${this.readMs / 1000} s` : `nothing came for ${this.stallMs / 1000} s`;
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

function lookAtAll(): void {
  const now = performance.now();
  for (const body of bodies) body.look(now);
  if (bodies.size > 0) return;
  clearInterval(timer);
  timer = undefined;
}
