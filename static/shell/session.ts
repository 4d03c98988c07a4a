// Who is signed in. Asked once before anything else, and kept. What always holds: the token that somebody types goes to the server and is kept
// nowhere; whoever is signed out sees the page to sign in, wherever that was found out, and what was on the page waits behind it.

import { effect, signal } from "@preact/signals";

export interface Caller {
  readonly kind: "local" | "none" | "token" | "page_key" | "session";
  readonly sign_in_needed: boolean;
  readonly name: string | null;
  readonly scopes: readonly string[];
  readonly csrf: string | null;
}

/** Null while it is not known. */
export const caller = signal<Caller | null>(null);
/** Why somebody who was signed in has to sign in again, or null. */
export const endedBecause = signal<string | null>(null);

const TIME_LIMIT_MS = 15_000;
/** How an order proves that it comes from this page. */
const CSRF_HEADER = "X-CSRF-Token";

let asking: Promise<void> | null = null;
/** Who it was whose session has ended. */
let before: Caller | null = null;

/** Resolves once it is known who is signed in, or that it cannot be known now: then whoever goes on finds out by himself. */
export async function sessionKnown(signal: AbortSignal | null = null): Promise<void> {
  if (caller.value !== null) return;
  asking ??= ask().finally(() => asking = null);
  await Promise.race([asking, ...signal === null ? [] : [aborted(signal)]]);
}

async function ask(): Promise<void> {
  try {
    const response = await fetch("/session", { cache: "no-store", signal: AbortSignal.timeout(TIME_LIMIT_MS) });
    if (!response.ok) return;
    const told: Caller = await response.json();
    if (told.sign_in_needed) signedOut();
    else caller.value = told;
  } catch {
    // The server is away, which the calls after this one say.
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.aborted ? resolve() : signal.addEventListener("abort", () => resolve(), { once: true }));
}

/** Finds out whether a session is over, as where the live feed has ended. */
export async function checkSession(): Promise<void> {
  if (caller.value?.kind === "session") await askAgain(AbortSignal.timeout(TIME_LIMIT_MS));
}

/** Asks anew who is signed in. Whether orders bring something else from now on. */
export async function askAgain(signal: AbortSignal): Promise<boolean> {
  const csrf = caller.value?.csrf;
  asking ??= ask().finally(() => asking = null);
  await Promise.race([asking, aborted(signal)]);
  return !signal.aborted && !isSignedOut() && caller.value?.csrf !== csrf;
}

export function isSignedOut(): boolean {
  return caller.value?.sign_in_needed === true;
}

/** Whether whoever is here may give orders. Where that is not known, the server says; a page that waits for somebody stays as it was. */
export function mayOperate(): boolean {
  const who = isSignedOut() ? before : caller.value;
  return who === null || who.scopes.includes("operate");
}

export function orderHeaders(): Record<string, string> {
  const csrf = caller.value?.csrf ?? null;
  return csrf === null ? {} : { [CSRF_HEADER]: csrf };
}

/** The server has said that nobody is signed in. */
export function signedOut(): void {
  if (isSignedOut()) return;
  if (caller.value?.kind === "session") {
    endedBecause.value = "You were signed out: your session is over, or its token is. Sign in to go on where you were.";
  }
  before = caller.value;
  caller.value = NOBODY;
}

const NOBODY: Caller = { kind: "none", sign_in_needed: true, name: null, scopes: [], csrf: null };

/** Signs in. Returns null, or a sentence that says why not. Whoever comes after somebody else finds nothing of what that one saw. */
export async function signIn(token: string): Promise<string | null> {
  const problem = await post("/session", { token });
  if (problem !== null) return problem;
  // Asked for once more: a browser may have refused the cookie.
  await askAgain(AbortSignal.timeout(TIME_LIMIT_MS));
  if (isSignedOut()) {
    return "Your browser did not keep the session. It takes cookies from this server over HTTPS alone, and they must not be blocked.";
  }
  if (endedBecause.value !== null && caller.value?.name !== before?.name) globalThis.location.reload();
  endedBecause.value = null;
  return null;
}

/** Signs out, and forgets all that the page had. Returns null, or a sentence that says why not. */
export async function signOut(): Promise<string | null> {
  const problem = await post("/session/end", {});
  if (problem === null) globalThis.location.reload();
  return problem;
}

async function post(path: string, body: object): Promise<string | null> {
  const headers = { "Content-Type": "application/json", ...orderHeaders() };
  try {
    const signal = AbortSignal.timeout(TIME_LIMIT_MS);
    const response = await fetch(path, { method: "POST", headers, body: JSON.stringify(body), signal });
    if (response.ok) return null;
    const problem = await response.json().catch(() => null) as { detail?: unknown } | null;
    return typeof problem?.detail === "string" ? problem.detail : `The server answered with status ${response.status}.`;
  } catch {
    return "The server cannot be reached, or does not answer. Try again in a moment.";
  }
}

/** Calls `change` when somebody has signed in or out, with whether somebody is in. */
export function onSignedIn(change: (isIn: boolean) => void): void {
  let before: boolean | null = null;
  effect(() => {
    const now = caller.value === null ? null : !caller.value.sign_in_needed;
    if (now !== null && before !== null && now !== before) change(now);
    if (now !== null) before = now;
  });
}
