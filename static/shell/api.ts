// Calls to the API: an answer as JSON, or an `ApiError` that says in a sentence what went wrong, whatever it was: no network, no answer in
// time, an answer that was cut off, or a problem that the server tells.

const TIME_LIMIT_MS = 15_000;

export class ApiError extends Error {
  /** status: 0 where there was no answer. code, reason: of the problem, where the server told one. body: the answer, where it was JSON. */
  constructor(
    message: string,
    readonly status: number,
    readonly code: string | null,
    readonly reason: string | null,
    readonly body: unknown = null,
  ) {
    super(message);
  }
}

export interface Answer<T> {
  readonly data: T;
  readonly headers: Headers;
}

export function getJson<T>(path: string, signal?: AbortSignal): Promise<Answer<T>> {
  return call<T>(path, { headers: { Accept: "application/json" } }, signal);
}

export function postJson<T>(path: string, body: unknown): Promise<Answer<T>> {
  const headers = { Accept: "application/json", "Content-Type": "application/json" };
  return call<T>(path, { method: "POST", headers, body: JSON.stringify(body) });
}

async function call<T>(path: string, init: RequestInit, signal?: AbortSignal): Promise<Answer<T>> {
  const limit = AbortSignal.timeout(TIME_LIMIT_MS);
  let response: Response, text: string;
  try {
    response = await fetch(path, { ...init, signal: signal === undefined ? limit : AbortSignal.any([signal, limit]), cache: "no-cache" });
    text = await response.text();
  } catch (failure) {
    if (signal?.aborted) throw failure;
    const why = limit.aborted ? `it took longer than ${TIME_LIMIT_MS / 1000} seconds` : "the server cannot be reached, or broke off";
    throw new ApiError(`No answer from the server: ${why}.`, 0, null, null);
  }
  let body: unknown;
  try {
    body = text === "" ? null : JSON.parse(text);
  } catch {
    throw new ApiError(`The server's answer cannot be read (status ${response.status}).`, response.status, null, null);
  }
  if (response.ok) return { data: body as T, headers: response.headers };
  const problem = (typeof body === "object" && body !== null ? body : {}) as Record<string, unknown>;
  const told = typeof problem.detail === "string" ? problem.detail : `The server answered with status ${response.status}.`;
  throw new ApiError(told, response.status, textOr(problem.code), textOr(problem.reason), body);
}

function textOr(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

/** The cursor of the next page, out of an answer's `Link` header, or null on the last one. */
export function nextCursor(headers: Headers): string | null {
  const link = /<([^<>]+)>;\s*rel="next"/.exec(headers.get("link") ?? "")?.[1];
  return link === undefined ? null : new URL(link, globalThis.location.href).searchParams.get("cursor");
}
