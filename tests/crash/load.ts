// Clients of a server that is killed again and again: each sends until it is answered, and notes what it was promised. After a kill it sends
// something old again, which has to be told as duplicates. Half of the live requests lean on an Idempotency-Key, half on event ids; one
// client replays a file. They know of the server only where it is.

import assert from "node:assert/strict";
import { kindNames } from "../../src/event/kind.ts";
import type { ShopEvent } from "../jobs/shop.ts";
import { chunkOf } from "./shop_day.ts";

/** Where the server is now, and how many were killed before it. */
export interface Target {
  url: string;
  generation: number;
}

/** What an answered request sent. */
export interface Promised {
  readonly session: string;
  readonly time: number;
  readonly item: string;
  readonly kind: number;
  readonly lane: "live" | "source";
}

/** What was counted while sending. */
export interface LoadFigures {
  requests: number;
  tries: number;
  /** Answered requests that were sent again after a kill. */
  repeated: number;
}

/** A refused line, and whether it came with a key. tries: how often it was sent. */
export interface Refused {
  readonly raw: string;
  readonly keyed: boolean;
  tries: number;
}

interface Request {
  readonly path: string;
  readonly body: string;
  readonly headers: Record<string, string>;
  readonly events: number;
  readonly refused: Refused[];
}

const EVENTS = 30, PAUSE_MS = 40, RETRY_MS = 15, REMEMBERED = 200;
const BOT_MS = 8_000, PEOPLE = 40;
/** Answers that mean: not now. */
const RETRIED = new Set([409, 429, 503]);

export const SOURCE = "5eed".repeat(16);

export class Load {
  readonly promised: Promised[] = [];
  readonly refused: Refused[] = [];
  readonly figures: LoadFigures = { requests: 0, tries: 0, repeated: 0 };
  /** Rows of the source that are promised. */
  rows = 0;
  #stopping = false;
  #failure: unknown = null;

  constructor(private readonly target: Target, private readonly next: () => number) {}

  /** Starts the clients; resolves when each has been answered its last request, after `stop`. */
  run(clients: number): Promise<void> {
    const noted = (work: Promise<void>) => work.catch((failure) => this.#failure ??= failure);
    const all = Array.from({ length: clients }, (_, client) => noted(this.#live(client)));
    return Promise.all([...all, noted(this.#source())]).then(() => this.check());
  }

  /** Throws what went wrong in a client. */
  check(): void {
    if (this.#failure !== null) throw this.#failure;
  }

  /** Each client ends once its request is answered. */
  stop(): void {
    this.#stopping = true;
  }

  /** Clients that are still unanswered end as well. */
  giveUp(): void {
    this.#stopping = true;
    this.#failure ??= new Error("given up");
  }

  async #live(client: number): Promise<void> {
    const answered: Request[] = [];
    let seen = this.target.generation, newest = Date.now();
    for (let number = 0; !this.#stopping; number++) {
      if (this.target.generation !== seen && answered.length > 0) {
        seen = this.target.generation;
        // The last one, of which the server that is gone may have known alone, and any older one.
        await this.#repeat(answered[answered.length - 1]);
        await this.#repeat(answered[Math.floor(this.next() * answered.length)]);
      }
      newest = Math.max(newest + 1, Date.now());
      const { request, events } = this.#liveRequest(client, number, newest);
      newest += EVENTS;
      const taken = await this.#send(request);
      assert.equal(taken.accepted + taken.duplicates, request.events, "every event of an answered request is told");
      this.promised.push(...events);
      this.refused.push(...request.refused);
      answered.push(request);
      if (answered.length > REMEMBERED) answered.shift();
      await sleep(PAUSE_MS);
    }
  }

  /** Events of people and of a bot, now; some of them late. Times are told apart by client and session, so that each event is one of a kind. */
  #liveRequest(client: number, number: number, from: number): { request: Request; events: Promised[] } {
    const keyed = number % 2 === 0, name = `${client}/${number}`;
    const events: Promised[] = [], lines: string[] = [];
    const bot = Math.floor(from / BOT_MS), late = number % 10 === 9;
    for (let i = 0; i < EVENTS; i++) {
      const isBot = i % 6 === 0;
      const session = isBot ? `bot-${client}-${bot}` : `s${client}-${Math.floor(this.next() * PEOPLE)}`;
      // One bot in three turns out to look at more than five items.
      const items = bot % 3 === 0 && from % BOT_MS > BOT_MS / 2 ? 9 : 4;
      const item = String(isBot ? Math.floor(this.next() * items) : 1000 + Math.floor(this.next() * 300));
      const time = from + i - (late && i === EVENTS - 1 ? 100_000 : 0);
      events.push({ session, time, item, kind: 0, lane: "live" });
      const id = keyed ? {} : { event_id: `${name}/${i}` };
      lines.push(JSON.stringify({ session_id: session, timestamp: time, item_id: item, ...id }));
    }
    const refused: Refused[] = [];
    if (number % 5 < 2) {
      const raw = `{"session_id":"refused-${name}"}`;
      refused.push({ raw, keyed, tries: 0 });
      lines.push(raw);
    }
    const headers: Record<string, string> = { "content-type": "application/x-ndjson", ...(keyed ? { "idempotency-key": name } : {}) };
    return { request: { path: "/events", body: lines.join("\n"), headers, events: EVENTS, refused }, events };
  }

  async #source(): Promise<void> {
    let last: Request | null = null, seen = this.target.generation;
    for (let number = 0; !this.#stopping; number++) {
      if (this.target.generation !== seen && last !== null) {
        seen = this.target.generation;
        await this.#repeat(last);
      }
      const events = chunkOf(number, this.next);
      const body = events.map(({ kind, time, session, item, price, quantity }) =>
        JSON.stringify({
          kind: kindNames[kind],
          session_id: session,
          timestamp: time,
          item_id: item,
          ...(quantity > 0 ? { price: price / 10_000, quantity } : {}),
        })
      ).join("\n");
      const path = `/events?source=${SOURCE}&row=${this.rows}`;
      const request: Request = { path, body, headers: { "content-type": "application/x-ndjson" }, events: events.length, refused: [] };
      const taken = await this.#send(request);
      assert.equal(taken.accepted + taken.duplicates, events.length, "every row of an answered chunk is told");
      this.rows += events.length;
      this.promised.push(
        ...events.map(({ session, time, item, kind }: ShopEvent) => ({ session, time, item: item!, kind, lane: "source" as const })),
      );
      last = request;
      await sleep(PAUSE_MS);
    }
  }

  /** Sends an answered request once more: nothing of it may be taken again. */
  async #repeat(request: Request): Promise<void> {
    const { accepted, duplicates } = await this.#send(request);
    assert.deepEqual(
      [accepted, duplicates],
      [0, request.events],
      `sent again after a kill: ${request.path} ${JSON.stringify(request.headers)}`,
    );
    this.figures.repeated++;
  }

  async #send({ path, body, headers, events, refused }: Request): Promise<{ accepted: number; duplicates: number }> {
    this.figures.requests++;
    while (true) {
      this.figures.tries++;
      refused.forEach((line) => line.tries++);
      try {
        const response = await fetch(`${this.target.url}${path}`, { method: "POST", body, headers });
        const text = await response.text();
        if (response.status === 202) {
          const answer = JSON.parse(text);
          assert.equal(answer.rejected, refused.length, `${events} events, and refused lines: ${text}`);
          return answer;
        }
        if (!RETRIED.has(response.status)) this.#failure ??= new Error(`${response.status} of ${path}: ${text}`);
      } catch (failure) {
        if (failure instanceof assert.AssertionError) throw failure;
        // Killed meanwhile: it tries again where the server is now.
      }
      this.check();
      await sleep(RETRY_MS);
    }
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
