// What a page shows of the server: fetched, kept, and fetched again every 30 seconds. What always holds: an answer that is there stays shown
// when a later call fails, with the failure beside it; an answer that comes late for an address that was left is dropped; nothing is
// fetched while nobody looks at the page.

import { signal } from "@preact/signals";
import { useEffect, useReducer, useRef } from "preact/hooks";
import { ApiError, getJson } from "./api.ts";
import { isSignedOut } from "./session.ts";

const EVERY_MS = 30_000;
/** Answers kept of paths that no page shows now, so that coming back shows something at once. */
const KEPT_MAX = 60;

export interface Resource<T> {
  readonly path: string | null;
  readonly data: T | null;
  readonly headers: Headers | null;
  readonly error: ApiError | null;
  readonly loading: boolean;
  /** When `data` came, ms since the epoch. */
  readonly updatedAt: number | null;
  refresh(): void;
}

class Entry {
  data: unknown = null;
  headers: Headers | null = null;
  error: ApiError | null = null;
  loading = false;
  updatedAt: number | null = null;
  readonly listeners = new Set<() => void>();
  everyMs = EVERY_MS;
  /** Rises with every change that is told. */
  version = 0;
  #abort: AbortController | null = null;
  #triedAt = 0;

  constructor(private readonly path: string) {}

  isDue(now: number): boolean {
    return !this.loading && now - this.#triedAt >= this.everyMs;
  }

  async fetch(): Promise<void> {
    this.#abort?.abort();
    const abort = this.#abort = new AbortController();
    this.loading = true;
    this.#triedAt = Date.now();
    this.#tell();
    try {
      const { data, headers } = await getJson(this.path, abort.signal);
      if (abort.signal.aborted) return;
      // An answer that says the same stays the same object, so that nothing made of it is made again.
      if (JSON.stringify(data) !== JSON.stringify(this.data)) this.data = data;
      this.headers = headers;
      this.error = null;
      this.updatedAt = Date.now();
      lastUpdated.value = this.updatedAt;
    } catch (failure) {
      if (abort.signal.aborted) return;
      const error = failure instanceof ApiError ? failure : new ApiError(String(failure), 0, null, null);
      // Whoever has to sign in first sees that, and nothing of it when he is back.
      if (error.status !== 401) this.error = error;
      // What the server says is not there must not stay on the page.
      if (error.status === 404) this.data = null;
    }
    this.loading = false;
    this.#tell();
  }

  /** Puts another value in the place of the data, as after an update on the feed. */
  replace(data: unknown): void {
    this.data = data;
    this.#tell();
  }

  #tell(): void {
    this.version++;
    for (const listener of this.listeners) listener();
  }
}

const entries = new Map<string, Entry>();

/** When any answer last came, ms since the epoch. */
export const lastUpdated = signal<number | null>(null);

function entryOf(path: string): Entry {
  const entry = entries.get(path) ?? new Entry(path);
  entries.delete(path);
  entries.set(path, entry); // the newest use is last
  for (const [old, { listeners }] of entries) {
    if (entries.size <= KEPT_MAX) break;
    if (listeners.size === 0) entries.delete(old);
  }
  return entry;
}

/** Follows a path of the API; null: nothing is asked. everyMs: how often it is asked again. */
export function useResource<T>(path: string | null, { everyMs = EVERY_MS } = {}): Resource<T> {
  const [, render] = useReducer((count: number) => count + 1, 0);
  const entry = useRef<Entry | null>(null), drawn = useRef(0);
  entry.current = path === null ? null : entryOf(path);
  drawn.current = entry.current?.version ?? 0;
  useEffect(() => {
    const followed = path === null ? null : entryOf(path);
    if (followed === null) return;
    const listener = () => render(undefined);
    followed.listeners.add(listener);
    // What came after the page was drawn, and before this, was told to others alone.
    if (followed.version !== drawn.current) listener();
    followed.everyMs = everyMs;
    const isNew = followed.updatedAt !== null && Date.now() - followed.updatedAt <= 1_000;
    if (!isNew && !followed.loading) followed.fetch();
    return () => {
      followed.listeners.delete(listener);
    };
  }, [path, everyMs]);
  const { data, headers, error, loading, updatedAt } = entry.current ?? NOTHING;
  const refresh = () => void entry.current?.fetch();
  return {
    path,
    data: data as T | null,
    headers,
    error,
    loading: loading || (data === null && error === null && path !== null),
    updatedAt,
    refresh,
  };
}

const NOTHING = { data: null, headers: null, error: null, loading: false, updatedAt: null };

/** Changes what is shown of a path without asking, as an update on the feed tells it. */
export function amend<T>(path: string, change: (data: T) => T): void {
  const entry = entries.get(path);
  if (entry !== undefined && entry.data !== null) entry.replace(change(entry.data as T));
}

/** Asks again for everything that is on the page; an answer that is on its way is waited for. */
export function refreshAll(): void {
  if (isSignedOut()) return;
  for (const entry of entries.values()) if (entry.listeners.size > 0 && !entry.loading) entry.fetch();
}

/** Forgets what no page shows, and asks anew for the rest: after a change of the figures themselves. */
export function startOver(): void {
  for (const [path, entry] of entries) {
    if (entry.listeners.size === 0) entries.delete(path);
    else entry.fetch();
  }
}

function refreshDue(): void {
  if (document.hidden || isSignedOut()) return;
  const now = Date.now();
  for (const entry of entries.values()) if (entry.listeners.size > 0 && entry.isDue(now)) entry.fetch();
}

setInterval(refreshDue, 1_000);
document.addEventListener("visibilitychange", refreshDue);
