// Calls to the API: an answer as JSON, or an `ApiError` that says in a sentence what went wrong, whatever it was: no network, no answer in
// time, an answer that was cut off, or a problem that the server tells. What always holds: nothing is asked for before it is known who asks,
// and nothing while somebody has to sign in first; orders bring what proves that this page sends them.

import { askAgain, isSignedOut, orderHeaders, sessionKnown, signedOut } from "./session.ts";

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

/** As `fetch`, as whoever is signed in. Throws `ApiError` where somebody has to sign in first, and what `fetch` throws. */
export async function send(path: string, init: RequestInit & { readonly signal: AbortSignal }): Promise<Response> {
  await sessionKnown(init.signal);
  if (isSignedOut()) throw new ApiError(SIGNED_OUT, 401, "unauthorized", null);
  let response = await sendNow(path, init);
  // Another window has signed in anew, which changes what orders bring.
  if (response.status === 403 && init.method === "POST" && await askAgain(init.signal)) response = await sendNow(path, init);
  if (response.status !== 401) return response;
  await response.body?.cancel();
  signedOut();
  throw new ApiError(SIGNED_OUT, 401, "unauthorized", null);
}

const SIGNED_OUT = "You are not signed in any more. Sign in again, and repeat it.";

function sendNow(path: string, init: RequestInit): Promise<Response> {
  return fetch(
    path,
    init.method === "POST" ? { ...init, headers: { ...init.headers as Record<string, string>, ...orderHeaders() } } : init,
  );
}

async function call<T>(path: string, init: RequestInit, signal?: AbortSignal): Promise<Answer<T>> {
  const limit = AbortSignal.timeout(TIME_LIMIT_MS);
  let response: Response, text: string;
  try {
    response = await send(path, { ...init, signal: signal === undefined ? limit : AbortSignal.any([signal, limit]), cache: "no-cache" });
    text = await response.text();
  } catch (failure) {
    if (signal?.aborted || failure instanceof ApiError) throw failure;
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
