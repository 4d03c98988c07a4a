// An outbox, anomalies and a sender over one KV in memory, with a clock that tests set and a receiver that answers what they say.

import { highFrequency } from "../../src/detect/rules.ts";
import type { AnomalyEffect } from "../../src/engine/effects.ts";
import type { LogLine } from "../../src/log_line.ts";
import { targetDigest, WebhookSender, type WebhookTarget } from "../../src/notify/webhook.ts";
import { AnomalyStore } from "../../src/store/anomalies.ts";
import { Outbox } from "../../src/store/outbox.ts";
import { TestClock } from "../support/clock.ts";
import { failingKv, type Faults } from "../support/failing_kv.ts";

export const TARGET: WebhookTarget = { url: "https://shop.example/hooks/abc", secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" };
export const T0 = Date.UTC(2026, 0, 1);

/** A request as the receiver saw it. */
export interface Seen {
  readonly url: string;
  readonly headers: Headers;
  readonly body: string;
}

/** An answer of the receiver: a status, a response, or what is thrown. */
export type Reply = number | Response | Error;

export class WebhookLab {
  readonly clock = new TestClock(T0);
  readonly faults: Faults = { fail: "no" };
  readonly seen: Seen[] = [];
  readonly lines: { level: string; event: string; fields: Record<string, unknown> }[] = [];
  /** How the next requests are answered, in order; 200 when there is none. */
  readonly replies: Reply[] = [];
  /** Between 0 and 1; 0.5 is no jitter. */
  chance = 0.5;
  readonly limit = new AbortController();
  outbox!: Outbox;
  anomalies!: AnomalyStore;
  sender!: WebhookSender;

  private constructor(readonly kv: Deno.Kv, private readonly most?: number) {}

  static async open(most?: number): Promise<WebhookLab> {
    const kv = await Deno.openKv(":memory:");
    const lab = new WebhookLab(kv, most);
    await lab.restart();
    return lab;
  }

  /** All memory is gone, as after a crash. */
  async restart(target: WebhookTarget = TARGET): Promise<void> {
    const kv = failingKv(this.kv, this.faults), { clock, logLine } = this;
    this.outbox = await Outbox.open(kv, { clock, logLine, target: targetDigest(target), most: this.most });
    this.anomalies = await AnomalyStore.open(kv, clock, 1000, this.outbox);
    this.sender = new WebhookSender({
      target,
      outbox: this.outbox,
      anomalies: this.anomalies,
      clock,
      logLine,
      fetch: (url, init) => this.#receive(url, init),
      random: () => this.chance,
      timeLimit: () => this.limit.signal,
    });
  }

  readonly logLine: LogLine = (level, event, fields = {}) => this.lines.push({ level, event, fields });

  #heldFrom = Infinity;
  #onHeld = () => {};

  /** From the n-th request on there is no answer; `told` is called when one waits. */
  holdFrom(n: number, told: () => void): void {
    this.#heldFrom = n;
    this.#onHeld = told;
  }

  #receive(url: string, init: RequestInit): Promise<Response> {
    this.seen.push({ url, headers: new Headers(init.headers), body: String(init.body) });
    if (this.seen.length >= this.#heldFrom) {
      return new Promise((_, reject) => {
        init.signal!.addEventListener("abort", () => reject(init.signal!.reason));
        this.#onHeld();
      });
    }
    const reply = this.replies.shift() ?? 200;
    if (reply instanceof Error) return Promise.reject(reply);
    return Promise.resolve(typeof reply === "number" ? new Response(null, { status: reply }) : reply);
  }

  /** Confirms the anomalies of these sessions, in this order. */
  async confirm(...sessions: number[]): Promise<void> {
    await this.anomalies.apply(sessions.flatMap((n) => [effect(n, "provisional"), effect(n, "confirmed")]));
  }

  /** Sends until there is nothing that is due; returns when there is, ms from now. */
  async work(): Promise<number | null> {
    for (;;) {
      const wait = await this.sender.work();
      if (wait !== 0) return wait;
    }
  }

  /** Sessions of the messages that the receiver saw. */
  get sessions(): unknown[] {
    return this.seen.map(({ body }) => JSON.parse(body).data.session_id);
  }

  /** Names of log lines of a level or above INFO. */
  events(...levels: string[]): string[] {
    return this.lines.filter(({ level }) => levels.includes(level)).map(({ event }) => event);
  }

  /** Entries of the outbox that are stored. */
  async stored(): Promise<Record<string, unknown>[]> {
    return (await Array.fromAsync(this.kv.list<Record<string, unknown>>({ prefix: ["webhook"] }))).map(({ value }) => value);
  }

  close(): void {
    this.kv.close();
  }
}

/** What the engine says of the n-th session. */
export function effect(n: number, status: AnomalyEffect["status"], lane = "live"): AnomalyEffect {
  return {
    offset: 2 * n + (status === "provisional" ? 0 : 1),
    ordinal: 0,
    status,
    rule: highFrequency,
    lane,
    partition: 0,
    session: String(n),
    windowStart: T0 + n * 10_000,
    clicks: 60,
    uniqueItems: 3,
    uniqueItemsCapped: false,
    tippedAt: T0 + n * 10_000 + 5,
    evidence: [],
  };
}

/** Runs `work` with a lab that is closed afterwards. */
export async function withWebhookLab(work: (lab: WebhookLab) => Promise<void>, most?: number): Promise<void> {
  const lab = await WebhookLab.open(most);
  try {
    await work(lab);
  } finally {
    lab.close();
  }
}
