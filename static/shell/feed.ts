// The live feed as the page follows it. What always holds: after a gap it says the last number that it saw, so nothing is missed; when the
// feed is away, the page knows, and asks by itself; a connection from which nothing came for a minute is dead.

import { signal } from "@preact/signals";
import type { Anomaly } from "./answers.ts";
import type { LiveBrief } from "./live_figures.ts";
import { refreshAll, startOver } from "./resource.ts";
import { checkSession, isSignedOut, sessionKnown } from "./session.ts";

/** What the feed tells, by name. */
export interface FeedUpdates {
  anomaly: Anomaly;
  figures: LiveBrief;
  run: { job: string; date: string; state: string };
  feedback: { session_id: number | string; verdict: "human" | "bot" | null };
}

export type FeedState = "connecting" | "live" | "away";
export const feedState = signal<FeedState>("connecting");

const DEAD_AFTER_MS = 60_000;
const WAITS_MS = [1_000, 2_000, 4_000, 8_000, 16_000, 30_000];
/** How often everything on the page is asked for while the feed is away. */
const POLL_MS = 5_000;
const KINDS = ["anomaly", "figures", "run", "feedback"] as const;

type Listener = (data: never) => void;
const listeners: Record<keyof FeedUpdates, Set<Listener>> = { anomaly: new Set(), figures: new Set(), run: new Set(), feedback: new Set() };

let source: EventSource | null = null;
let lastId: string | null = null;
let tries = 0;
let deadTimer: ReturnType<typeof setTimeout> | undefined;
let pollTimer: ReturnType<typeof setInterval> | undefined;
let retryTimer: ReturnType<typeof setTimeout> | undefined;

/** Hears updates of one kind until the function that is returned is called. */
export function onUpdate<K extends keyof FeedUpdates>(kind: K, listener: (data: FeedUpdates[K]) => void): () => void {
  listeners[kind].add(listener as Listener);
  return () => void listeners[kind].delete(listener as Listener);
}

/** Connects, and stays connected as long as somebody is signed in, where that is needed. */
export async function followFeed(): Promise<void> {
  await sessionKnown();
  if (isSignedOut() || source !== null) return;
  const query = lastId === null ? "" : `?last_event_id=${encodeURIComponent(lastId)}`;
  const opened = source = new EventSource(`/live${query}`);
  alive();
  for (const kind of KINDS) {
    opened.addEventListener(kind, (event) => {
      alive(event);
      const data = parsed(event.data);
      if (data !== null) { for (const listener of listeners[kind]) listener(data as never); }
    });
  }
  opened.addEventListener("hello", (event) => {
    const wasAway = feedState.value === "away";
    tries = 0;
    feedState.value = "live";
    clearInterval(pollTimer);
    alive(event);
    if (wasAway) refreshAll();
  });
  opened.addEventListener("reload", (event) => {
    alive(event);
    startOver();
  });
  opened.addEventListener("sample", startOver);
  opened.addEventListener("heartbeat", alive);
  opened.addEventListener("bye", (event) => {
    const switched = (parsed(event.data) as { reason?: string } | null)?.reason === "switched";
    if (switched) lastId = null;
    lost(opened);
    if (switched) startOver();
  });
  opened.onerror = () => lost(opened);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Ends the connection, as after signing out. The next one begins anew: somebody else may be there then. */
export function leaveFeed(): void {
  source?.close();
  source = null;
  lastId = null;
  tries = 0;
  clearTimeout(deadTimer);
  clearTimeout(retryTimer);
  clearInterval(pollTimer);
  feedState.value = "connecting";
}

/** Something came: the connection lives, and where it carries a number, everything up to that has been seen. */
function alive(event?: MessageEvent): void {
  if (event !== undefined && event.lastEventId !== "") lastId = event.lastEventId;
  clearTimeout(deadTimer);
  const followed = source;
  deadTimer = setTimeout(() => followed !== null && lost(followed), DEAD_AFTER_MS);
}

function lost(which: EventSource): void {
  if (which !== source) return;
  which.close();
  source = null;
  clearTimeout(deadTimer);
  feedState.value = "away";
  checkSession();
  clearInterval(pollTimer);
  pollTimer = setInterval(() => !document.hidden && refreshAll(), POLL_MS);
  const wait = WAITS_MS[Math.min(tries++, WAITS_MS.length - 1)];
  retryTimer = setTimeout(followFeed, wait * (0.5 + Math.random() * 0.5)); // apart from each other, when a server comes back
}
