// The sender of webhooks: follows the outbox and posts each confirmed anomaly, signed as the Standard Webhooks specification has it.
// What always holds: one message is under way at a time, in order; one that was not taken is tried again by a schedule that is stored, so
// that a restart goes on with it. A message is sent once, but for a crash between the receiver's answer and the commit that notes it: then
// it comes again with the same `webhook-id`, and the receiver knows that it had it. It must not know what an anomaly is found by.

import { createHash } from "node:crypto";
import type { Clock } from "../clock.ts";
import type { Anomaly } from "../detect/anomaly.ts";
import { GuardianError, reasonOf } from "../errors.ts";
import { limits } from "../limits.ts";
import type { LogLine } from "../log_line.ts";
import type { Outbox, Waiting } from "../store/outbox.ts";
import { VERSION } from "../version.ts";
import { type Answer, answerOf, goesAside, RETRY_WAIT_MAX_MS, retryWaitMs } from "./retry.ts";
import { secretBytes, signedHeaders } from "./signature.ts";

/** Where messages go, and what signs them. */
export interface WebhookTarget {
  readonly url: string;
  readonly secret: string;
}

/** Settles where messages go, from the settings. Throws `invalid_setting` when there is nothing to sign them with. */
export function webhookTarget(url: string | null, secret: string | null): WebhookTarget | null {
  if (url === null) return null;
  if (secret !== null) return { url, secret };
  const mend = 'set GUARDIAN_WEBHOOK_SECRET to what `echo "whsec_$(openssl rand -base64 32)"` prints, and tell it to the receiver';
  throw new GuardianError("invalid_setting", `Cannot send webhooks: there is no secret to sign them with; ${mend}`);
}

/** Tells one target from another, and does not tell its secret. */
export function targetDigest({ url, secret }: WebhookTarget): string {
  return createHash("sha256").update(JSON.stringify([url, secret])).digest("hex").slice(0, 32);
}

/** How the webhook is, as `/health` shows it. Times are ISO 8601; counts are since the folder was made. */
export interface WebhookHealth {
  readonly status: "ok" | "failing" | "gone";
  readonly waiting: number;
  readonly delivered: number;
  readonly failed: number;
  readonly dropped: number;
  readonly skipped: number;
  readonly last_error: string | null;
  readonly last_error_at: string | null;
  readonly last_delivered_at: string | null;
  readonly next_try_at: string | null;
}

export interface WebhookSenderParts {
  readonly target: WebhookTarget;
  readonly outbox: Outbox;
  readonly anomalies: { get(start: number, id: string): Promise<Anomaly | null> };
  readonly clock: Clock;
  readonly logLine: LogLine;
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>;
  /** From 0 to 1. */
  readonly random?: () => number;
  /** A signal that aborts after so many ms. */
  readonly timeLimit?: (ms: number) => AbortSignal;
}

/** The wall clock is asked again after this, as it may jump, ms. */
const PAUSE_MAX_MS = 60_000;
/** Between two tries of this machine's own storage, ms. */
const STORAGE_RETRY_MS = 5_000;
const REASON_CHARS_MAX = 300;

export class WebhookSender {
  readonly #url: string;
  readonly #origin: string;
  readonly #secret: Uint8Array;
  readonly #stopping = new AbortController();
  #loop: Promise<void> = Promise.resolve();
  #wake: () => void = () => {};
  #woken = false;
  #gone: { reason: string; at: number } | null = null;
  #failing: boolean;
  /** What is to be stored of the last try. Until it is, nothing else is sent, and above all not the same message again. */
  #unstored: (() => Promise<void>) | null = null;

  constructor(private readonly parts: WebhookSenderParts) {
    const url = new URL(parts.target.url), secret = secretBytes(parts.target.secret);
    if (secret === null) throw new GuardianError("invalid_setting", "Cannot send webhooks: the secret is not whsec_ and base64");
    this.#url = url.href;
    this.#origin = url.origin;
    this.#secret = secret;
    this.#failing = parts.outbox.isBlocked;
    parts.outbox.onAdded = () => this.#rouse();
  }

  start(): void {
    this.#loop = this.#run(this.#stopping.signal);
  }

  /** Stops at once: a try that is under way is given up, and made again at the next start. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
  }

  async #run(signal: AbortSignal): Promise<void> {
    let told = false;
    while (!signal.aborted) {
      this.#woken = false;
      try {
        await this.#pause(await this.work(signal), signal);
        told = false;
      } catch (failure) {
        if (!told) this.parts.logLine("warn", "webhook_storage_failing", { reason: reasonOf(failure) });
        told = true;
        this.#woken = false;
        await this.#pause(STORAGE_RETRY_MS, signal);
      }
    }
  }

  /**
   * Sends the message whose turn it is, if any. One at a time: confirmed anomalies are few, all go to one receiver, and so they come in order,
   * a receiver in trouble is asked by one request alone, and what a restart has to know fits into one entry. Returns when to ask again, ms
   * from now; null: when something was added.
   */
  async work(signal: AbortSignal = this.#stopping.signal): Promise<number | null> {
    await this.#unstored?.();
    this.#unstored = null;
    if (this.#gone !== null) return null;
    const { outbox, anomalies, clock } = this.parts;
    const next = await outbox.next(clock.now(), RETRY_WAIT_MAX_MS);
    if (next === null || typeof next === "number") return next;
    const anomaly = await anomalies.get(next.start, next.id);
    if (anomaly === null || anomaly.feedback === "human") {
      await this.#store(() => outbox.settle(next, "skipped"));
      return 0;
    }
    const answer = await this.#post(next, anomaly, signal);
    if (answer !== null) await this.#take(next, answer);
    return 0;
  }

  /** One try. Null: it was given up because the process stops. */
  async #post({ id, confirmedAt }: Waiting, anomaly: Anomaly, signal: AbortSignal): Promise<Answer | null> {
    const { clock, fetch = globalThis.fetch, timeLimit = AbortSignal.timeout } = this.parts;
    const body = JSON.stringify({ type: "anomaly.confirmed", timestamp: new Date(confirmedAt).toISOString(), data: anomaly });
    const headers = {
      "content-type": "application/json",
      "user-agent": `clickstream-guardian/${VERSION}`,
      ...signedHeaders(this.#secret, id, clock.now(), body),
    };
    const limit = timeLimit(limits.webhookTimeoutMs);
    try {
      const init = { method: "POST", headers, body, redirect: "manual", signal: AbortSignal.any([signal, limit]) } as const;
      const response = await fetch(this.#url, init);
      // The status says it all, and a body could be endless.
      response.body?.cancel().catch(() => {});
      return answerOf(response.status, response.headers.get("retry-after"), clock.now());
    } catch (failure) {
      if (signal.aborted) return null;
      const late = `the receiver did not answer within ${limits.webhookTimeoutMs / 1000} seconds`;
      // `fetch failed` alone helps nobody.
      const told = failure instanceof Error && failure.cause !== undefined ? reasonOf(failure.cause) : reasonOf(failure);
      // A path may hold a key of its own: neither logs nor /health repeat it.
      const reason = limit.aborted ? late : told.replaceAll(this.#url, this.#origin).slice(0, REASON_CHARS_MAX);
      return { kind: "failing", reason, retryAfterMs: 0 };
    }
  }

  #take(message: Waiting, answer: Answer): Promise<void> {
    const { outbox, logLine, clock } = this.parts;
    if (answer.kind === "gone") {
      this.#gone = { reason: answer.reason, at: clock.now() };
      const mend = "nothing more is sent until a restart; set another --webhook-url, or none";
      logLine("error", "webhook_gone", { reason: `${answer.reason}; ${mend}`, waiting: outbox.waiting });
      return Promise.resolve();
    }
    if (answer.kind === "delivered") {
      return this.#store(async () => {
        await outbox.settle(message, "delivered");
        if (this.#failing) logLine("info", "webhook_recovered", { waiting: outbox.waiting });
        this.#failing = false;
      });
    }
    return this.#store(this.#notTaken(message, answer));
  }

  /** What is to be stored of a message that was not taken: its next try, or that there is none. */
  #notTaken(message: Waiting, answer: Exclude<Answer, { kind: "delivered" | "gone" }>): () => Promise<void> {
    const { outbox, logLine, clock, random = Math.random } = this.parts;
    const { reason } = answer, tries = message.tries + 1;
    const waitMs = retryWaitMs(tries, random(), answer.kind === "failing" ? answer.retryAfterMs : 0);
    const aside = goesAside(answer.kind, tries, message.aside, outbox.hasRoomAside);
    if (waitMs === null) {
      return async () => {
        await outbox.settle(message, "failed", reason);
        logLine("error", "webhook_given_up", { anomaly_id: message.id, tries, reason });
      };
    }
    const nextAt = clock.now() + waitMs;
    return async () => {
      await outbox.postpone(message, { tries, nextAt, aside }, reason);
      const fields = { anomaly_id: message.id, reason, next_try_at: new Date(nextAt).toISOString(), waiting: outbox.waiting };
      if (aside && tries === 1) logLine("warn", "webhook_refused", fields);
      if (aside || this.#failing) return;
      this.#failing = true;
      logLine("warn", "webhook_failing", fields);
    };
  }

  async #store(work: () => Promise<void>): Promise<void> {
    this.#unstored = work;
    await work();
    this.#unstored = null;
  }

  #rouse(): void {
    this.#woken = true;
    this.#wake();
  }

  /** Waits so many ms, or until something is added, or the signal aborts. */
  #pause(ms: number | null, signal: AbortSignal): Promise<void> {
    if (this.#woken || ms === 0 || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, Math.min(ms ?? PAUSE_MAX_MS, PAUSE_MAX_MS));
      this.#wake = done;
      signal.addEventListener("abort", done);
    });
  }

  health(): WebhookHealth {
    const { outbox } = this.parts, { delivered, failed, dropped, skipped, ...last } = outbox.counts;
    const iso = (ms: number | null) => ms === null ? null : new Date(ms).toISOString();
    return {
      status: this.#gone !== null ? "gone" : this.#failing ? "failing" : "ok",
      waiting: outbox.waiting,
      delivered,
      failed,
      dropped,
      skipped,
      last_error: this.#gone?.reason ?? last.lastError,
      last_error_at: iso(this.#gone?.at ?? last.lastErrorAt),
      last_delivered_at: iso(last.lastDeliveredAt),
      next_try_at: this.#gone !== null ? null : iso(outbox.nextTryAt),
    };
  }
}
