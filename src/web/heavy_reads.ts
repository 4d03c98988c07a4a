// Reads that cost so much that a service does one of a sort at a time, as the machine is shared with the engine: the others wait, a bounded
// number of them, and who comes then is told to come again.

import { GuardianError } from "../errors.ts";
import { limits } from "../limits.ts";
import { Turns } from "../store/turns.ts";
import type { Service } from "./service.ts";

const RETRY_AFTER_S = 2;

/** One sort of such reads. what: `events of a session`, to go behind "Cannot read". */
export class HeavyReads {
  readonly #queues = new WeakMap<Service, { turns: Turns; asked: number }>();

  constructor(private readonly what: string) {}

  /** Does the work when its turn comes. Throws `overloaded` when limits.heavyReadsWaitingMax wait already. */
  async take<T>(service: Service, work: () => Promise<T>): Promise<T> {
    const queue = this.#queues.get(service) ?? { turns: new Turns(), asked: 0 };
    this.#queues.set(service, queue);
    if (queue.asked > limits.heavyReadsWaitingMax) {
      const why = "others are being read, and too many wait already; ask again in a moment";
      throw new GuardianError("overloaded", `Cannot read ${this.what} now: ${why}`, { retryAfterS: RETRY_AFTER_S });
    }
    queue.asked++;
    try {
      return await queue.turns.take(work);
    } finally {
      queue.asked--;
    }
  }
}
