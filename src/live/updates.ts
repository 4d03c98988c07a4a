// The numbered updates that are kept for clients of the live feed, each encoded once, and what a client wants of them.
// What always holds: numbers are without gaps from the oldest to the newest. It must not know clients nor HTTP.

import type { Anomaly, AnomalyType } from "../detect/anomaly.ts";
import type { Severity } from "../detect/verdict.ts";
import { limits } from "../limits.ts";

export const channels = ["anomaly", "figures", "run", "feedback"] as const;
export type Channel = (typeof channels)[number];

/** What a client wants. Severity and type pick among anomalies, the session among anomalies and feedback; undefined: any. */
export interface Interest {
  readonly channels: ReadonlySet<Channel>;
  readonly severity?: Severity;
  readonly type?: AnomalyType;
  readonly session?: string;
}

/** One change of an anomaly. */
export interface Update {
  readonly feed: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly severity: Severity;
  readonly type: AnomalyType;
  readonly session: string;
}

const encoder = new TextEncoder();

/** An event of the stream. id: what a client that comes back names as the last one it saw. */
export function eventBytes(event: string, data: unknown, id?: number): Uint8Array<ArrayBuffer> {
  return encoder.encode(`${id === undefined ? "" : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}

export function updateOf(feed: number, anomaly: Anomaly): Update {
  const { severity, anomaly_type: type, session_id } = anomaly;
  return { feed, bytes: eventBytes("anomaly", anomaly, feed), severity, type, session: String(session_id) };
}

/** Whether a client wants an update, once it wants anomalies at all. */
export function isWanted(update: Update, { severity, type, session }: Interest): boolean {
  return (severity === undefined || update.severity === severity) && (type === undefined || update.type === type) &&
    (session === undefined || update.session === session);
}

export class UpdateRing {
  #updates: Update[] = [];
  /** Where the oldest one is in `#updates`. */
  #head = 0;
  #bytes = 0;

  /** newest: number of the last update that there was, which is not kept. */
  constructor(
    public newest: number,
    private readonly most = { updates: limits.liveRingUpdatesMax as number, bytes: limits.liveRingBytesMax as number },
  ) {}

  /** Number of the oldest update that is kept; where none is, of the next one. */
  get oldest(): number {
    return this.newest - (this.#updates.length - this.#head) + 1;
  }

  get updates(): number {
    return this.#updates.length - this.#head;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** An update that is kept. */
  get(feed: number): Update {
    return this.#updates[this.#head + feed - this.oldest];
  }

  /** Adds the next update. Returns false when numbers are missing before it: then it is the only one that is kept. */
  add(update: Update): boolean {
    const isNext = update.feed === this.newest + 1;
    if (!isNext) {
      this.#updates = [];
      this.#head = this.#bytes = 0;
    }
    this.#updates.push(update);
    this.#bytes += update.bytes.length;
    this.newest = update.feed;
    return isNext;
  }

  /** Forgets the oldest updates beyond the limits; the newest stays. */
  trim(): void {
    while (
      this.#updates.length - this.#head > 1 && (this.#bytes > this.most.bytes || this.#updates.length - this.#head > this.most.updates)
    ) {
      this.#bytes -= this.#updates[this.#head++].bytes.length;
    }
    if (this.#head < 1000 || 2 * this.#head < this.#updates.length) return;
    this.#updates = this.#updates.slice(this.#head);
    this.#head = 0;
  }
}
