// One client of the live feed: a stream of bytes that gives what is there whenever its reader asks, and nothing before. Numbered updates stay
// in the ring that all share, and the client only has a place in it; the others wait in a queue of its own, which is bounded.
// What always holds: numbered updates leave in order, each once, and a heartbeat's id is never ahead of them.

import { limits } from "../limits.ts";
import { eventBytes, type Interest, isWanted, type UpdateRing } from "./updates.ts";

const CHUNK_BYTES = 64 * 1024;

export interface ClientParts {
  readonly interest: Interest;
  readonly ring: UpdateRing;
  /** Number of the first update that it has not got. */
  readonly next: number;
  /** What it gets before anything else. */
  readonly greeting: readonly Uint8Array<ArrayBuffer>[];
  /** Monotonic clock, ms. */
  readonly now: () => number;
  /** Whether it may be told more; as long as it likes where this is left out. */
  readonly mayGoOn?: () => boolean;
  readonly onGone: (client: Client) => void;
}

export class Client {
  readonly stream: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly interest: Interest;
  readonly mayGoOn: () => boolean;
  /** Number of the first update that it has not got. */
  next: number;
  /** Monotonic time at which it last got something, ms. */
  lastSent: number;
  #greeting: readonly Uint8Array<ArrayBuffer>[];
  #queue: Uint8Array<ArrayBuffer>[] = [];
  #queueBytes = 0;
  #beatDue = false;
  #farewell: Uint8Array<ArrayBuffer> | null = null;
  #hasEnded = false;
  /** Whether the reader waits. */
  #isAsked = false;
  #controller!: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>;

  constructor(
    private readonly parts: ClientParts,
    private readonly most = { updates: limits.liveQueueUpdatesMax as number, bytes: limits.liveQueueBytesMax as number },
  ) {
    this.interest = parts.interest;
    this.mayGoOn = parts.mayGoOn ?? (() => true);
    this.next = parts.next;
    this.lastSent = parts.now();
    this.#greeting = parts.greeting;
    this.stream = new ReadableStream({
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => {
        this.#isAsked = true;
        this.send();
      },
      cancel: () => {
        this.#hasEnded = true;
        this.#queue = [];
        parts.onGone(this);
      },
    }, { highWaterMark: 0 });
  }

  /** Whether it misses numbered updates from now on, because the ring no longer has them. */
  get isBehind(): boolean {
    return this.interest.channels.has("anomaly") && this.next < this.parts.ring.oldest;
  }

  /** What waits for it besides the ring. */
  get queued(): { updates: number; bytes: number } {
    return { updates: this.#queue.length, bytes: this.#queueBytes };
  }

  /** Queues an update without a number. Returns false when there is no room: then it does not keep up. */
  push(bytes: Uint8Array<ArrayBuffer>): boolean {
    if (this.#queue.length >= this.most.updates || this.#queueBytes + bytes.length > this.most.bytes) return false;
    this.#queue.push(bytes);
    this.#queueBytes += bytes.length;
    this.send();
    return true;
  }

  /** Lets it know that all is well. */
  beat(): void {
    this.#beatDue = true;
    this.send();
  }

  /** Gives what is there if the reader waits for it. */
  send(): void {
    if (!this.#isAsked || this.#hasEnded) return;
    const parts: Uint8Array<ArrayBuffer>[] = [];
    const hasAll = this.#gather(parts);
    if (parts.length > 0) {
      this.#isAsked = false;
      this.lastSent = this.parts.now();
      this.#controller.enqueue(parts.length === 1 ? parts[0] : joined(parts));
    }
    if (hasAll && this.#farewell !== null) this.end();
  }

  /** Ends the stream once everything that waits is read, and `farewell` after it. */
  leave(farewell: Uint8Array<ArrayBuffer>): void {
    this.#farewell = farewell;
    this.send();
  }

  /** Ends the stream now; what waits is dropped. */
  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#queue = [];
    this.#controller.close();
  }

  /** Takes what fits into one chunk. Returns whether that was all. */
  #gather(parts: Uint8Array<ArrayBuffer>[]): boolean {
    const { ring } = this.parts;
    let bytes = 0;
    const take = (part: Uint8Array<ArrayBuffer>) => {
      parts.push(part);
      bytes += part.length;
    };
    this.#greeting.forEach(take);
    this.#greeting = [];
    if (this.interest.channels.has("anomaly")) {
      for (; this.next <= ring.newest; this.next++) {
        if (bytes >= CHUNK_BYTES) return false;
        const update = ring.get(this.next);
        if (isWanted(update, this.interest)) take(update.bytes);
      }
    } else this.next = ring.newest + 1;
    let taken = 0;
    while (taken < this.#queue.length && bytes < CHUNK_BYTES) take(this.#queue[taken++]);
    for (const part of this.#queue.splice(0, taken)) this.#queueBytes -= part.length;
    if (this.#queue.length > 0) return false;
    if (this.#beatDue && parts.length === 0) take(eventBytes("heartbeat", {}, this.next - 1));
    this.#beatDue = false;
    if (this.#farewell !== null) take(this.#farewell);
    return true;
  }
}

function joined(parts: readonly Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
