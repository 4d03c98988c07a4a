// How many requests with a body, and how many bytes of bodies, are held at one time. What always holds: what a ticket took is given back
// when it is disposed of, once; who is turned away makes the slowest body give up its place, so that slow clients cannot keep others out.

import { GuardianError } from "../errors.ts";
import { limits } from "../limits.ts";
import { makeWay } from "./slow_bodies.ts";

const RETRY_AFTER_S = 1;

/** A request's share of what is held. */
export interface Ticket extends Disposable {
  /** Counts more bytes in. Throws `overloaded` when that is more than may be held. */
  hold(bytes: number): void;
}

export class Admission {
  #requests = 0;
  #bytes = 0;

  constructor(
    private readonly requestsMax: number = limits.requestsInFlightMax,
    private readonly bytesMax: number = limits.requestBytesInFlightMax,
  ) {}

  get requests(): number {
    return this.#requests;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Lets a request in. Throws `overloaded`. */
  enter(): Ticket {
    if (this.#requests >= this.requestsMax) {
      makeWay();
      const why = `${this.requestsMax} requests are under way already; send it again in a moment`;
      throw new GuardianError("overloaded", `Cannot take this request: ${why}`, { retryAfterS: RETRY_AFTER_S });
    }
    this.#requests++;
    return new Share(this);
  }

  /** Counts bytes in, for a ticket. Throws `overloaded`. */
  hold(bytes: number): void {
    if (this.#bytes + bytes > this.bytesMax) {
      makeWay();
      const why = `requests that are under way hold ${this.#bytes} bytes, of ${this.bytesMax} at the most; send it again in a moment`;
      throw new GuardianError("overloaded", `Cannot take this request: ${why}`, { retryAfterS: RETRY_AFTER_S });
    }
    this.#bytes += bytes;
  }

  /** Counts a request and its bytes out. */
  leave(bytes: number): void {
    this.#requests--;
    this.#bytes -= bytes;
  }
}

class Share implements Ticket {
  #held = 0;
  #left = false;

  constructor(private readonly of: Admission) {}

  hold(bytes: number): void {
    this.of.hold(bytes);
    this.#held += bytes;
  }

  [Symbol.dispose](): void {
    if (this.#left) return;
    this.#left = true;
    this.of.leave(this.#held);
  }
}
