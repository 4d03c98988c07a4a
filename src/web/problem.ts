// What an error looks like over HTTP: problem details (RFC 9457). What always holds: a 500 tells nothing of what is inside, only the
// number under which the log has it.

import { z } from "@hono/zod-openapi";
import { RateLimited, tellStanding } from "../access/rate.ts";
import { type ErrorCode, errorCodes, GuardianError, kindOf, reasonOf } from "../errors.ts";
import type { LogLine } from "../log_line.ts";
import { isStorageFailure, storageFailing } from "../storage_failure.ts";

export const PROBLEM_TYPE = "application/problem+json";

/** Codes that an answer can have; the others belong to commands. */
export const problemCodes = [
  "bad_request",
  "invalid_parameter",
  "unauthorized",
  "forbidden",
  "cross_site",
  "not_found",
  "method_not_allowed",
  "request_timeout",
  "key_in_progress",
  "body_too_large",
  "unsupported_media_type",
  "wrong_host",
  "key_reused",
  "rate_limited",
  "overloaded",
  "internal",
  "storage_failing",
  "shutting_down",
] as const satisfies readonly ErrorCode[];
export type ProblemCode = (typeof problemCodes)[number];

export const noFiguresReasons = ["not_run", "no_data", "future"] as const;
export type NoFiguresReason = (typeof noFiguresReasons)[number];

/** There are no figures where they were asked for; `reason` says why, for programs. */
export class NoFigures extends GuardianError {
  constructor(readonly reason: NoFiguresReason, message: string) {
    super("not_found", message);
  }
}

export const problemSchema = z.object({
  type: z.string().describe("Reference to the description of the code"),
  title: z.string().describe("What kind of problem it is, in a few words"),
  status: z.int().describe("The HTTP status"),
  detail: z.string().describe("What went wrong here, and how to mend it"),
  code: z.enum(errorCodes as [ErrorCode, ...ErrorCode[]]).describe("For programs; one of a closed set"),
  instance: z.string().describe("Names this one occurrence; the log has it as `request_id`"),
  reason: z.enum(noFiguresReasons).optional().describe(
    "Why a day has no figures: it was not counted yet, the lake has no event of it, or it has not ended",
  ),
}).openapi("Problem");
export type Problem = z.infer<typeof problemSchema>;

/** The problem that a code stands for, as an example. */
export function exampleOf(code: ErrorCode): Problem {
  const details: Partial<Record<ErrorCode, string>> = {
    invalid_parameter: 'Cannot use "limit" as "5000": it must be a whole number from 1 to 1000',
    not_found: 'Cannot show anomalies of session "7": it has none',
    key_reused: "Cannot take this request: its Idempotency-Key was used with another body; use a new key for new events",
  };
  const detail = details[code] ?? `${kindOf(code).title}.`;
  return problemOf(code, detail, "00000000-0000-4000-8000-000000000000");
}

function problemOf(code: ErrorCode, detail: string, requestId: string): Problem {
  const { title, status } = kindOf(code);
  return { type: `/redoc#${code}`, title, status, detail, code, instance: `urn:uuid:${requestId}` };
}

/** How whoever asks stands, on every answer to one for whom a limit holds. */
export const rateHeaders: Readonly<Record<string, string>> = {
  "RateLimit-Policy": "Where a limit holds: its name, how many requests `q` in how many seconds `w`",
  "RateLimit": "Where a limit holds: its name, how many requests `r` are left, and after how many seconds `t` there is one more",
};

/** Headers that a problem of a status has besides, each with what it tells. */
export const problemHeaders: Readonly<Record<number, Readonly<Record<string, string>>>> = {
  [kindOf("unauthorized").status]: { "WWW-Authenticate": "How to show a token" },
  [kindOf("unsupported_media_type").status]: { "Accept-Encoding": "How a body may be packed" },
  [kindOf("rate_limited").status]: { "Retry-After": "Seconds after which to try again", ...rateHeaders },
  [kindOf("storage_failing").status]: { "Retry-After": "Seconds after which to try again, where that is known" },
};

/** The answer to a request that failed; what only the operator may know goes to the log. */
export function problemResponse(thrown: unknown, request: Request, logLine: LogLine): Response {
  const requestId = crypto.randomUUID();
  const error = thrown instanceof GuardianError
    ? thrown
    : isStorageFailure(thrown)
    ? storageFailing("answer this request", thrown)
    : new GuardianError("internal", reasonOf(thrown), { cause: thrown });
  const { status } = error.kind;
  const told = status !== 500;
  if (!told) {
    // Without the query, which may have a page key in it.
    const path = URL.canParse(request.url) ? new URL(request.url).pathname : null;
    const stack = thrown instanceof Error ? thrown.stack ?? null : null;
    logLine("error", "request_failed", { request_id: requestId, method: request.method, path, reason: error.message, stack });
  }
  const code = told ? error.code : "internal";
  // What is damaged is for whoever asked to know: it says what to do.
  const detail = told || error.code === "corrupt"
    ? error.message
    : "Cannot answer this request: something went wrong inside; the server's log has it under this instance";
  const headers = new Headers({ "Content-Type": PROBLEM_TYPE, "Cache-Control": "no-store" });
  if (error.retryAfterS !== undefined) headers.set("Retry-After", String(Math.ceil(error.retryAfterS)));
  if (error instanceof RateLimited) tellStanding(headers, error.standing);
  if (code === "unauthorized") headers.set("WWW-Authenticate", 'Bearer realm="Clickstream Guardian"');
  if (code === "unsupported_media_type") headers.set("Accept-Encoding", "gzip");
  const problem = problemOf(code, detail, requestId);
  if (thrown instanceof NoFigures) problem.reason = thrown.reason;
  return new Response(JSON.stringify(problem), { status, headers });
}
