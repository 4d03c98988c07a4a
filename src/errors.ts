// The closed set of errors. Each has a code for programs, a status for HTTP, an exit code for the shell, and says whether a retry helps.
// A message reads "Cannot <do what>: <why>", quotes values, and says how to mend it where a person can.

interface ErrorKind {
  readonly status: number;
  readonly retry: boolean;
  readonly exit: number;
  readonly title: string;
}

const kinds = {
  bad_request: { status: 400, retry: false, exit: 2, title: "The request cannot be read" },
  invalid_parameter: { status: 400, retry: false, exit: 2, title: "A parameter is not valid" },
  unauthorized: { status: 401, retry: false, exit: 77, title: "A token is needed" },
  forbidden: { status: 403, retry: false, exit: 77, title: "What was shown does not allow this" },
  cross_site: { status: 403, retry: false, exit: 1, title: "A page of another site may not do this" },
  not_found: { status: 404, retry: false, exit: 1, title: "Nothing is there" },
  method_not_allowed: { status: 405, retry: false, exit: 1, title: "That method is not served here" },
  request_timeout: { status: 408, retry: true, exit: 1, title: "The request came in too slowly" },
  key_in_progress: { status: 409, retry: true, exit: 1, title: "A request with this Idempotency-Key is still running" },
  body_too_large: { status: 413, retry: false, exit: 1, title: "The body is too large" },
  unsupported_media_type: { status: 415, retry: false, exit: 1, title: "That kind of body is not read here" },
  wrong_host: { status: 421, retry: false, exit: 1, title: "The request is meant for another host" },
  key_reused: { status: 422, retry: false, exit: 1, title: "This Idempotency-Key was used with another body" },
  rate_limited: { status: 429, retry: true, exit: 1, title: "Too many requests came in a short time" },
  overloaded: { status: 429, retry: true, exit: 1, title: "Too much is under way" },
  internal: { status: 500, retry: false, exit: 70, title: "Something went wrong here" },
  storage_failing: { status: 503, retry: true, exit: 74, title: "Storage is failing" },
  shutting_down: { status: 503, retry: true, exit: 1, title: "The server is shutting down" },
  // Commands
  usage: { status: 400, retry: false, exit: 2, title: "The command cannot be read" },
  invalid_setting: { status: 500, retry: false, exit: 78, title: "A setting is not valid" },
  input_unreadable: { status: 400, retry: false, exit: 66, title: "The input cannot be read" },
  folder_in_use: { status: 409, retry: true, exit: 75, title: "The data folder has another owner" },
  folder_unusable: { status: 500, retry: false, exit: 73, title: "The data folder cannot be used" },
  newer_format: { status: 500, retry: false, exit: 73, title: "The data folder was written by a newer version" },
  port_in_use: { status: 500, retry: true, exit: 69, title: "The address is taken" },
  server_unreachable: { status: 502, retry: true, exit: 69, title: "The server does not answer" },
  corrupt: { status: 500, retry: false, exit: 65, title: "Stored data is damaged" },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof kinds;

/** All codes, for whoever documents them. */
export const errorCodes = Object.keys(kinds) as ErrorCode[];

/** What is fixed about a code. */
export function kindOf(code: ErrorCode): ErrorKind {
  return kinds[code];
}

/** An error that a person or a program can act on. `code` is one of a closed set; `cause` keeps what was underneath. */
export class GuardianError extends Error {
  override readonly name = "GuardianError";

  constructor(readonly code: ErrorCode, message: string, options: { cause?: unknown; retryAfterS?: number } = {}) {
    super(message, { cause: options.cause });
    this.retryAfterS = options.retryAfterS;
  }

  /** Seconds after which a retry makes sense, where known. */
  readonly retryAfterS: number | undefined;

  get kind(): ErrorKind {
    return kinds[this.code];
  }
}

/** The text of whatever was thrown. */
export function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** Whether an error says that stored bytes are damaged, and not that storage does not answer. */
export function isDamage(failure: unknown): boolean {
  return failure instanceof GuardianError && failure.code === "corrupt";
}
