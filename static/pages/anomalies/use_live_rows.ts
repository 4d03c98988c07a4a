// The rows of one page of the list, followed: by the server's answers and by the feed. What always holds: however much the feed brings, rows
// are drawn once a frame at the most, a few new ones at a time, and news that wait are bounded; what the feed told while an answer was on
// its way is not undone by that answer.

import { useEffect, useReducer, useRef } from "preact/hooks";
import type { Anomaly, Verdict } from "../../shell/answers.ts";
import { onUpdate } from "../../shell/feed.ts";
import { nextCursor } from "../../shell/api.ts";
import { type Resource, useResource } from "../../shell/resource.ts";
import { afterAnswer, afterNews, afterVerdict, type Circumstances, type LiveList, noRows, shownAll } from "./live_list.ts";
import { onVerdict } from "./verdicts.ts";

/** Longer than an answer may take. */
const RECENT_MS = 20_000;
/** News remembered, and sessions whose verdicts are; beyond, the oldest are forgotten, and the next answer has them. */
const RECENT_MAX = 500;
/** News drawn in one frame, so that a frame stays short however many come; the next frame has the next ones. */
const NEWS_PER_FRAME = 10;

export interface LiveRows {
  readonly list: LiveList;
  readonly resource: Resource<Anomaly[]>;
  /** The cursor of the page after this one, or null. */
  readonly older: string | null;
  /** The path that the rows are of. */
  readonly page: string | null;
  /** Rows are of what was chosen before, until the answer comes. */
  readonly waiting: boolean;
  showHeld(): void;
}

export interface LiveRowsOrder {
  readonly path: string | null;
  readonly newestPage: boolean;
  /** Asked at each change: whether rows must stay where they are. */
  readonly isStill: () => boolean;
  readonly fits: (anomaly: Anomaly) => boolean;
}

export function useLiveRows({ path, newestPage, isStill, fits }: LiveRowsOrder): LiveRows {
  const [, render] = useReducer((count: number) => count + 1, 0);
  const resource = useResource<Anomaly[]>(path);
  const older = resource.headers === null ? null : nextCursor(resource.headers);
  const list = useRef<LiveList>(noRows);
  const taken = useRef<{ path: string | null; data: Anomaly[] | null }>({ path: null, data: null });
  const recent = useRef(new Recent()).current;
  const around = useRef<Omit<Circumstances, "still">>(null!);
  around.current = { newestPage, hasOlder: older !== null, fits };
  const still = useRef(isStill);
  still.current = isStill;

  if (resource.data !== null && resource.data !== taken.current.data) {
    const samePage = taken.current.path === path;
    const circumstances = { ...around.current, still: samePage && still.current() };
    list.current = recent.over(afterAnswer(samePage ? list.current : noRows, resource.data, circumstances), circumstances);
    taken.current = { path, data: resource.data };
  }
  if (resource.data === null && resource.error !== null) {
    list.current = noRows;
    taken.current = { path: null, data: null };
  }

  useEffect(() => {
    let frame = 0;
    const draw = () => {
      frame = 0;
      const before = list.current;
      list.current = recent.fresh(before, { ...around.current, still: still.current() });
      if (list.current !== before) render(undefined);
      if (recent.waiting) soon();
    };
    const soon = () => {
      if (frame === 0) frame = requestAnimationFrame(draw);
    };
    const ends = [
      onUpdate("anomaly", (anomaly) => {
        recent.note(anomaly);
        soon();
      }),
      onVerdict((session, verdict) => {
        recent.noteVerdict(session, verdict);
        list.current = afterVerdict(list.current, session, verdict);
        soon();
        render(undefined);
      }),
    ];
    return () => {
      cancelAnimationFrame(frame);
      for (const end of ends) end();
    };
  }, []);

  const showHeld = () => {
    list.current = shownAll(list.current);
    render(undefined);
  };
  const page = taken.current.path;
  return { list: list.current, page, resource, older, waiting: page !== path, showHeld };
}

/** What the feed told lately. */
class Recent {
  readonly #news = new Map<string, { anomaly: Anomaly; at: number; drawn: boolean }>();
  readonly #verdicts = new Map<string, { verdict: Verdict; at: number }>();

  note(anomaly: Anomaly): void {
    put(this.#news, anomaly.anomaly_id, { anomaly, at: Date.now(), drawn: false });
  }

  noteVerdict(session: string, verdict: Verdict): void {
    put(this.#verdicts, session, { verdict, at: Date.now() });
  }

  /** Whether there are news that were not drawn yet. */
  get waiting(): boolean {
    return [...this.#news.values()].some(({ drawn }) => !drawn);
  }

  /** The list with the next news that were not drawn yet. */
  fresh(list: LiveList, around: Circumstances): LiveList {
    const news = [...this.#news.values()].filter(({ drawn }) => !drawn).slice(0, NEWS_PER_FRAME);
    for (const one of news) one.drawn = true;
    return news.length === 0 ? list : afterNews(list, news.map(({ anomaly }) => anomaly), around);
  }

  /** An answer's list with what was told since it may have been asked for. */
  over(list: LiveList, around: Circumstances): LiveList {
    const since = Date.now() - RECENT_MS;
    let over = afterNews(list, [...this.#news.values()].filter(({ at }) => at >= since).map(({ anomaly }) => anomaly), around);
    for (const [session, { verdict, at }] of this.#verdicts) if (at >= since) over = afterVerdict(over, session, verdict);
    return over;
  }
}

function put<T>(kept: Map<string, T>, key: string, value: T): void {
  kept.delete(key);
  kept.set(key, value);
  if (kept.size > RECENT_MAX) kept.delete(kept.keys().next().value!);
}
