// Events into a running server as any shop would send them: NDJSON to /events, each request under a key of its own.
// What always holds: one request is under way at a time, in order; one that may have been taken already is repeated byte for byte.

import type { Clock } from "../clock.ts";
import { GuardianError, reasonOf } from "../errors.ts";
import { headersFor, type Remote } from "./remote.ts";

/** How long one request may take, and for how long it is repeated before the server counts as gone, ms. */
const REQUEST_MS_MAX = 30_000, GIVE_UP_MS = 60_000;

/** Wait before the first repetition, doubled with each, and the longest wait, ms. */
const BACKOFF_MS = 250, BACKOFF_MS_MAX = 10_000;

/** Answers after which the same request may well be taken: busy, behind, restarting. */
const RETRIED = [408, 409, 425, 429, 502, 503, 504];

/** What became of a request's events. */
export interface Fed {
  readonly accepted: number;
  readonly duplicates: number;
  readonly rejected: number;
}

export interface FeedOptions extends Remote {
  readonly clock: Clock;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly signal: AbortSignal;
  readonly fetch?: typeof fetch;
}

export class Feed {
  readonly #options: FeedOptions;
  readonly #url: string;

  /** Throws `usage` when the address is none. */
  constructor(options: FeedOptions) {
    if (!URL.canParse(options.url) || !/^https?:$/.test(new URL(options.url).protocol)) {
      throw new GuardianError("usage", `Cannot use "${options.url}": it is not a URL like http://localhost:8787`);
    }
    this.#options = options;
    this.#url = `${options.url.replace(/(?<!\/)\/+$/, "")}/events`;
  }

  /**
   * Sends lines until they are answered for good. Throws `server_unreachable` when that takes more than a minute, `unauthorized`, and
   * `bad_request` with the server's words when it refuses them.
   */
  async send(lines: string, key: string): Promise<Fed> {
    const { clock, sleep, signal } = this.#options, giveUpAt = clock.monotonic() + GIVE_UP_MS;
    for (let backoffMs = BACKOFF_MS;; backoffMs = Math.min(2 * backoffMs, BACKOFF_MS_MAX)) {
      signal.throwIfAborted();
      const outcome = await this.#try(lines, key);
      if ("accepted" in outcome) return outcome;
      const waitMs = outcome.retryAfterMs ?? backoffMs;
      if (clock.monotonic() + waitMs > giveUpAt) {
        throw new GuardianError("server_unreachable", `Cannot send events to ${this.#url}: ${outcome.why}; is it running?`);
      }
      await sleep(waitMs, signal);
    }
  }

  /** One try: the answer, or why to try again. Throws when trying again does not help. */
  async #try(lines: string, key: string): Promise<Fed | { why: string; retryAfterMs?: number }> {
    const { signal, fetch: send = fetch } = this.#options;
    const headers = { ...headersFor(this.#options), "Content-Type": "application/x-ndjson", "Idempotency-Key": key };
    let response: Response, answer: Partial<Fed> & { detail?: string } | null;
    try {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(REQUEST_MS_MAX)]);
      response = await send(this.#url, { method: "POST", headers, body: lines, signal: limit });
      answer = await response.json().catch(() => null);
    } catch (cause) {
      signal.throwIfAborted();
      return { why: `it does not answer (${reasonOf(cause)})` };
    }
    if (response.ok) return fedOf(answer, this.#url);
    if (response.status === 401) {
      throw new GuardianError(
        "unauthorized",
        `Cannot send events to ${this.#url}: it wants a token; set GUARDIAN_TOKEN to the one that it has`,
      );
    }
    const why = `it answered ${response.status}${answer?.detail === undefined ? "" : `: ${answer.detail}`}`;
    if (!RETRIED.includes(response.status)) throw new GuardianError("bad_request", `Cannot send events to ${this.#url}: ${why}`);
    const seconds = Number(response.headers.get("retry-after") ?? NaN);
    return seconds >= 0 ? { why, retryAfterMs: Math.min(seconds * 1000, GIVE_UP_MS / 2) } : { why };
  }
}

function fedOf(answer: Partial<Fed> | null, url: string): Fed {
  const { accepted, duplicates, rejected } = answer ?? {};
  if ([accepted, duplicates, rejected].every((count) => Number.isSafeInteger(count))) return { accepted, duplicates, rejected } as Fed;
  throw new GuardianError(
    "bad_request",
    `Cannot tell what became of the events: the answer of ${url} has no counts; is it the right address?`,
  );
}
