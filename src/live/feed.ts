// The live feed: tells clients of every change of an anomaly, by number, and of how things are now, without one. A client that comes back
// names the last number it saw and gets what it missed, as long as that is kept; else it is told to load anew.
// What always holds: nobody waits for a client; one that does not keep up is dropped. Between what is replayed and what is new, nothing is
// missed and nothing comes twice. It must not know HTTP.

import type { Clock } from "../clock.ts";
import { GuardianError } from "../errors.ts";
import { formatTimestamp } from "../event/timestamp.ts";
import { limits } from "../limits.ts";
import type { AnomalyChange, AnomalyStore } from "../store/anomalies.ts";
import { Client } from "./client.ts";
import type { LiveBrief } from "./figures.ts";
import { eventBytes, type Interest, updateOf, UpdateRing } from "./updates.ts";

export interface FeedParts {
  readonly anomalies: Pick<AnomalyStore, "subscribe" | "feed">;
  readonly clock: Clock;
  /** How the shop is now; asked once a second while somebody wants to know. */
  readonly figures: () => Promise<LiveBrief>;
}

/** Updates without a number. */
export type Kind = "figures" | "run" | "feedback" | "sample";
/** Why a client has to load anew: what it missed is no longer kept, its number is none of this folder, or numbers are missing. */
export type ReloadReason = "too_old" | "unknown_number" | "gap";
export type ByeReason = "stopping" | "switched";

const TICK_MS = 1_000;
/** What a browser waits before it connects again, ms. */
const RECONNECT_MS = 1_000;
const RETRY_AFTER_S = 5;
const encoder = new TextEncoder();

export class Feed {
  readonly #clients = new Set<Client>();
  readonly #ring: UpdateRing;
  readonly #unsubscribe: () => void;
  #timer: ReturnType<typeof setInterval> | undefined;
  #lastFigures = "";
  #isClosed = false;
  /** Clients that were dropped because they did not keep up. */
  dropped = 0;

  constructor(
    private readonly parts: FeedParts,
    private readonly most: {
      readonly clients?: number;
      readonly ring?: { updates: number; bytes: number };
      readonly queue?: { updates: number; bytes: number };
    } = {},
  ) {
    this.#ring = new UpdateRing(parts.anomalies.feed, most.ring);
    this.#unsubscribe = parts.anomalies.subscribe((change) => this.#change(change));
  }

  get clients(): number {
    return this.#clients.size;
  }

  /** What is kept for all of them, and what waits for the one for whom most does. */
  get held(): { ring: { updates: number; bytes: number }; queue: { updates: number; bytes: number } } {
    const queue = { updates: 0, bytes: 0 };
    for (const { queued } of this.#clients) {
      queue.updates = Math.max(queue.updates, queued.updates);
      queue.bytes = Math.max(queue.bytes, queued.bytes);
    }
    return { ring: { updates: this.#ring.updates, bytes: this.#ring.bytes }, queue };
  }

  /**
   * A stream for a client. last: number of the last update it saw, or null. mayGoOn: asked about once a second, and when it says no the
   * stream ends. Throws `overloaded`, `shutting_down`.
   */
  connect(interest: Interest, last: number | null, mayGoOn = () => true): ReadableStream<Uint8Array<ArrayBuffer>> {
    const clientsMax = this.most.clients ?? limits.liveClientsMax;
    if (this.#isClosed) {
      throw new GuardianError("shutting_down", "Cannot open the live feed: it is closing; come back in a moment", {
        retryAfterS: RETRY_AFTER_S,
      });
    }
    if (this.#clients.size >= clientsMax) {
      const why = `${clientsMax} clients are connected, and no more are served at a time; come back later, or close some`;
      throw new GuardianError("overloaded", `Cannot open the live feed: ${why}`, { retryAfterS: RETRY_AFTER_S });
    }
    const { next, greeting } = this.#greet(last);
    const client: Client = new Client({
      interest,
      ring: this.#ring,
      next,
      greeting,
      mayGoOn,
      now: () => this.parts.clock.monotonic(),
      onGone: (gone) => this.#forget(gone),
    }, this.most.queue);
    this.#clients.add(client);
    this.#timer ??= setInterval(() => this.tick(), TICK_MS);
    if (interest.channels.has("figures")) this.#greetWithFigures(client);
    return client.stream;
  }

  /** Tells everybody who wants to know how something is now. `session_id` in it is what a client's session is compared to. */
  publish(kind: Kind, data: object): void {
    if (this.#clients.size === 0) return;
    const bytes = eventBytes(kind, data);
    const session = kind === "feedback" && "session_id" in data ? String(data.session_id) : undefined;
    this.#toEach(bytes, ({ interest }) => {
      if (kind !== "sample" && !interest.channels.has(kind)) return false;
      return session === undefined || interest.session === undefined || interest.session === session;
    });
  }

  async #greetWithFigures(client: Client): Promise<void> {
    const bytes = eventBytes("figures", await this.parts.figures());
    if (this.#clients.has(client) && !client.push(bytes)) this.#drop(client);
  }

  /** What is due by the clock: figures that changed, and heartbeats. To be called about once a second; it does so itself. */
  async tick(): Promise<void> {
    for (const client of [...this.#clients]) {
      if (client.mayGoOn()) continue;
      this.#forget(client);
      client.end();
    }
    if ([...this.#clients].some(({ interest }) => interest.channels.has("figures"))) {
      const figures = await this.parts.figures(), { at: _, ...rest } = figures, text = JSON.stringify(rest);
      if (text !== this.#lastFigures) this.publish("figures", figures);
      this.#lastFigures = text;
    }
    const now = this.parts.clock.monotonic();
    for (const client of this.#clients) if (now - client.lastSent >= limits.liveHeartbeatMs) client.beat();
  }

  /** Says goodbye to everybody and ends all streams. */
  close(reason: ByeReason): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#unsubscribe();
    const bye = eventBytes("bye", { reason });
    for (const client of [...this.#clients]) {
      this.#forget(client);
      client.leave(bye);
    }
  }

  #change({ feed, anomaly }: AnomalyChange): void {
    const isNext = this.#ring.add(updateOf(feed, anomaly));
    if (!isNext) {
      for (const client of this.#clients) client.next = feed;
      this.#toEach(eventBytes("reload", { reason: "gap" satisfies ReloadReason }), ({ interest }) => interest.channels.has("anomaly"));
    }
    for (const client of this.#clients) client.send();
    this.#ring.trim();
    for (const client of [...this.#clients]) if (client.isBehind) this.#drop(client);
  }

  /** Where a client begins, and what it is told first. */
  #greet(last: number | null): { next: number; greeting: Uint8Array<ArrayBuffer>[] } {
    const { oldest, newest } = this.#ring;
    const reload: ReloadReason | null = last === null ? null : last > newest ? "unknown_number" : last < oldest - 1 ? "too_old" : null;
    const resumed = last !== null && reload === null;
    const missed = last === null ? 0 : reload === "unknown_number" ? null : newest - last;
    const hello = { feed: newest, resumed, missed, server_time: formatTimestamp(this.parts.clock.now()) };
    // Without its number, a client that is cut off before the first update could not say where it was.
    const greeting = [encoder.encode(`retry: ${RECONNECT_MS}\n`), eventBytes("hello", hello, resumed ? undefined : newest)];
    if (reload !== null) greeting.push(eventBytes("reload", { reason: reload }));
    return { next: resumed ? last + 1 : newest + 1, greeting };
  }

  #toEach(bytes: Uint8Array<ArrayBuffer>, wants: (client: Client) => boolean): void {
    for (const client of [...this.#clients]) if (wants(client) && !client.push(bytes)) this.#drop(client);
  }

  #drop(client: Client): void {
    this.dropped++;
    this.#forget(client);
    client.end();
  }

  #forget(client: Client): void {
    this.#clients.delete(client);
    if (this.#clients.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
