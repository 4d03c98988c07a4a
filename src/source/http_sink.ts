// Replayed rows into a running server: NDJSON over HTTP, each request under a key of its own, so that sending it again is harmless.
// What always holds: one request is under way at a time, in the order in which the sink was called; a request that may have been taken
// already is repeated byte for byte, or not at all.

import { Buffer } from "node:buffer";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { Clock } from "../clock.ts";
import { GuardianError, reasonOf } from "../errors.ts";
import type { EventColumns } from "../event/batch.ts";
import { flatLines } from "./flat_lines.ts";
import type { Refused, ReplaySink } from "./replay.ts";
import { sliced } from "./slice.ts";

/** Events in one request. */
const REQUEST_EVENTS_MAX = 5000;

/** How long one request may take, and for how long it is repeated before the server counts as gone, ms. */
const REQUEST_MS_MAX = 30_000, GIVE_UP_MS = 60_000;

/** Wait before the first repetition, doubled with each, and the longest wait, ms; also the longest `Retry-After` that is honoured. */
const BACKOFF_MS = 250, BACKOFF_MS_MAX = 10_000, RETRY_AFTER_MS_MAX = 30_000;

/** Answers after which the same request may well be taken: busy, behind, restarting. */
const RETRIED = [408, 409, 425, 429, 502, 503, 504];

/** Characters of an answer that is no problem document, in a message. */
const DETAIL_CHARS = 200;

const gzipped = promisify(gzip);

/** Where the server is, and how it is spoken to. */
export interface HttpSinkOptions {
  /** Where the server is, such as `http://localhost:8000`. */
  readonly url: string;
  readonly clock: Clock;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly signal?: AbortSignal;
  /** Sent with each request, such as an `Authorization`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether bodies are packed. If not given: unless the server is on this machine, where packing costs more than it saves. */
  readonly gzip?: boolean;
  readonly giveUpMs?: number;
  readonly fetch?: typeof fetch;
}

interface Request {
  readonly what: string;
  readonly path: string;
  readonly type: string;
  readonly body: string;
  readonly key?: string;
}

/**
 * A sink into the server at `url`. Its methods throw `server_unreachable` when the server does not take a request for a minute, and
 * `bad_request` with the server's words when it refuses one.
 */
export class HttpSink implements ReplaySink {
  readonly #options: HttpSinkOptions;
  readonly #base: string;
  readonly #gzip: boolean;
  readonly #signal: AbortSignal;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: HttpSinkOptions) {
    let url: URL;
    try {
      url = new URL(options.url);
    } catch (cause) {
      throw new GuardianError("usage", `Cannot use "${options.url}": it is not a URL like http://localhost:8000`, { cause });
    }
    if (url.protocol !== "http:" && url.protocol !== "https:") {
      throw new GuardianError("usage", `Cannot use "${options.url}": only http and https are spoken`);
    }
    this.#options = options;
    this.#base = url.origin + url.pathname.replace(/(?<!\/)\/+$/, "");
    this.#gzip = options.gzip ?? !["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
    this.#signal = options.signal ?? new AbortController().signal;
  }

  submit(source: string, firstRow: number, columns: EventColumns): Promise<{ accepted: number; duplicates: number }> {
    return this.#queued(async () => {
      let accepted = 0, duplicates = 0;
      for (let from = 0; from < columns.count;) {
        const row = firstRow + from;
        // Requests begin at multiples, so that a second run cuts a file alike.
        const to = Math.min(columns.count, from + REQUEST_EVENTS_MAX - row % REQUEST_EVENTS_MAX);
        const answer = await this.#post({
          what: `rows ${row} to ${row + to - from - 1}`,
          path: `/events?source=${encodeURIComponent(source)}&row=${row}`,
          type: "application/x-ndjson",
          body: flatLines(sliced(columns, from, to)),
          // With the last row too: after a run that was cut short, the same first row begins a longer request.
          key: `${source}:${row}-${row + to - from - 1}`,
        });
        accepted += countIn(answer, "accepted");
        duplicates += countIn(answer, "duplicates");
        from = to;
      }
      return { accepted, duplicates };
    });
  }

  reject(source: string, name: string, { first, rejects, beyond }: Refused): Promise<void> {
    return this.#queued(async () => {
      const letters = rejects.map(({ line, code, field, message, raw, rawBytes }) => {
        return { line, code, field, message, raw_base64: Buffer.from(raw).toString("base64"), raw_bytes: rawBytes };
      });
      const path = `/sources/${encodeURIComponent(source)}/dead_letters`;
      await this.#post({
        what: "refused lines",
        path,
        type: "application/json",
        body: JSON.stringify({ name, first, rejects: letters, beyond }),
      });
    });
  }

  end(source: string): Promise<void> {
    return this.#queued(async () => {
      await this.#post({ what: "the end", path: `/sources/${encodeURIComponent(source)}/end`, type: "application/json", body: "{}" });
    });
  }

  /** Runs `work` after all that was queued before; once one has failed, those behind it fail as well. */
  #queued<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result;
    // The caller sees the failure; the queue must not count as nobody's.
    result.catch(() => {});
    return result;
  }

  /** Sends a request until it is answered for good, and returns the answer. */
  async #post(request: Request): Promise<unknown> {
    const { clock, sleep, giveUpMs = GIVE_UP_MS } = this.#options;
    const headers: Record<string, string> = { ...this.#options.headers, "Content-Type": request.type };
    if (request.key !== undefined) headers["Idempotency-Key"] = request.key;
    if (this.#gzip) headers["Content-Encoding"] = "gzip";
    const body = this.#gzip ? new Uint8Array(await gzipped(request.body, { level: 1 })) : request.body;
    const giveUpAt = clock.monotonic() + giveUpMs;
    for (let backoffMs = BACKOFF_MS;; backoffMs = Math.min(2 * backoffMs, BACKOFF_MS_MAX)) {
      this.#signal.throwIfAborted();
      const outcome = await this.#try(request, headers, body);
      if ("answer" in outcome) return outcome.answer;
      const waitMs = outcome.retryAfterMs ?? backoffMs;
      if (clock.monotonic() + waitMs > giveUpAt) {
        throw new GuardianError("server_unreachable", `Cannot send ${request.what} to ${this.#base}: ${outcome.why}`, {
          cause: outcome.cause,
        });
      }
      await sleep(waitMs, this.#signal);
    }
  }

  /** One try: an answer, or why to try again. Throws when trying again does not help. */
  async #try(
    request: Request,
    headers: Record<string, string>,
    body: string | Uint8Array<ArrayBuffer>,
  ): Promise<{ answer: unknown } | { why: string; cause?: unknown; retryAfterMs?: number }> {
    const tryFetch = this.#options.fetch ?? fetch;
    let response: Response, text: string;
    const limit = new AbortController();
    const stop = () => limit.abort(this.#signal.reason);
    this.#signal.addEventListener("abort", stop);
    const timer = setTimeout(() => limit.abort(new Error(`no answer within ${REQUEST_MS_MAX / 1000} s`)), REQUEST_MS_MAX);
    try {
      response = await tryFetch(this.#base + request.path, { method: "POST", headers, body, signal: limit.signal });
      text = await response.text();
    } catch (cause) {
      this.#signal.throwIfAborted();
      return { why: `it does not answer (${reasonOf(cause)})`, cause };
    } finally {
      clearTimeout(timer);
      this.#signal.removeEventListener("abort", stop);
    }
    const answer = parsed(text);
    if (response.ok) return { answer };
    const said = `it answered ${response.status}: ${detailOf(answer) ?? text.slice(0, DETAIL_CHARS)}`;
    if (RETRIED.includes(response.status)) return { why: said, retryAfterMs: retryAfterMs(response, this.#options.clock) };
    throw new GuardianError("bad_request", `Cannot send ${request.what} to ${this.#base}: ${said}`);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The sentence of a problem document (RFC 9457), if it is one. */
function detailOf(answer: unknown): string | null {
  const { detail, title } = (answer ?? {}) as { detail?: unknown; title?: unknown };
  return typeof detail === "string" ? detail : typeof title === "string" ? title : null;
}

function countIn(answer: unknown, name: "accepted" | "duplicates"): number {
  const count = (answer as Record<string, unknown> | null)?.[name];
  if (typeof count === "number" && Number.isSafeInteger(count) && count >= 0) return count;
  throw new GuardianError("bad_request", `Cannot tell what became of the rows: the answer has no "${name}"; is this the right address?`);
}

/** What `Retry-After` asks for, in seconds or as a date (RFC 9110), within bounds. */
function retryAfterMs(response: Response, clock: Clock): number | undefined {
  const given = response.headers.get("retry-after");
  if (given === null) return undefined;
  const ms = /^\d+$/.test(given) ? Number(given) * 1000 : Date.parse(given) - clock.now();
  return isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), RETRY_AFTER_MS_MAX);
}
