// How runs and days stand, in words: one word as a sign, and a sentence where one is needed.

import type { JobDay, Run } from "../../shell/answers.ts";
import { counted, day, duration, instant, timeOfDay } from "../../shell/format.ts";

export type SignKind = "good" | "info" | "warning" | "error" | "";

export interface Words {
  readonly kind: SignKind;
  /** In a sign. */
  readonly word: string;
  /** Behind it; an empty text where the sign says all. */
  readonly more: string;
}

export function runInWords(run: Run, now: number): Words {
  switch (run.state) {
    case "running":
      return { kind: "info", word: "At work", more: `since ${whenOn(run.started_at, now)}${run.tries > 1 ? `, try ${run.tries}` : ""}` };
    case "waiting":
      if (run.retry_at === null) return { kind: "info", word: "Waiting", more: "for its turn" };
      return {
        kind: "warning",
        word: "Failed",
        more: Date.parse(run.retry_at) > now
          ? `in try ${run.tries}; the next is at ${whenOn(run.retry_at, now)}`
          : `in try ${run.tries}; tried again from ${whenOn(run.retry_at, now)} on`,
      };
    case "failed":
      return { kind: "error", word: "Failed", more: `after ${counted(run.tries, "try", "tries")}` };
    case "interrupted":
      return { kind: "warning", word: "Cut off", more: "as the server ended in it; tried again" };
    case "skipped":
      return { kind: "", word: "Nothing to count", more: "" };
    case "succeeded":
      if (run.left_out.length === 0) return { kind: "good", word: "Done", more: "" };
      return { kind: "error", word: "Incomplete", more: `without ${counted(run.left_out.length, "damaged file")}` };
  }
}

/** A time of day; with its date where that is not today's. */
function whenOn(at: string | null, now: number): string {
  return at !== null && Math.abs(Date.parse(at) - now) > 12 * 3_600_000 ? instant(at) : timeOfDay(at);
}

/** How long a run took, or null while it is not over. */
export function tookSeconds({ started_at, ended_at }: Run): number | null {
  return started_at === null || ended_at === null ? null : (Date.parse(ended_at) - Date.parse(started_at)) / 1000;
}

export function took(run: Run): string {
  const seconds = tookSeconds(run);
  return seconds !== null && seconds < 1 ? `${Math.round(seconds * 1000)} ms` : duration(seconds);
}

/** A day in the strip: a symbol that is told apart without colour, a word, and what to know. */
export interface DayWords extends Words {
  readonly symbol: string;
}

export const legend: Readonly<Record<string, DayWords>> = {
  finished: { kind: "good", symbol: "✓", word: "Finished", more: "the figures are of all that is stored" },
  running: { kind: "info", symbol: "▸", word: "Being counted", more: "new figures follow in a moment" },
  stale: {
    kind: "warning",
    symbol: "↻",
    word: "Stale",
    more: "events or flagged sessions came later; it is counted again within the hour",
  },
  partial: { kind: "warning", symbol: "◐", word: "Partial", more: "not all jobs of the day are done" },
  waiting: { kind: "warning", symbol: "…", word: "Tried again", more: "a job failed, and is tried again" },
  failed: { kind: "error", symbol: "✕", word: "Failed", more: "a job failed after its last try; run it again here" },
  incomplete: { kind: "error", symbol: "!", word: "Incomplete", more: "damaged files are left out of the figures" },
  not_run: { kind: "info", symbol: "○", word: "Not counted", more: "it has events and no figures" },
  no_data: { kind: "", symbol: "–", word: "No events", more: "nothing was recorded on this day" },
};

/** What matters most about a day: a failure before how its figures stand. */
export function keyOfDay({ state, failed, retry_at }: JobDay): keyof typeof legend {
  if (state === "running") return state;
  if (failed.length > 0) return "failed";
  return retry_at === null ? state : "waiting";
}

export function dayInWords(given: JobDay, now: number): string {
  const { word, more } = legend[keyOfDay(given)];
  const details = given.failed.length > 0
    ? `${given.failed.join(", ")} failed after the last try`
    : given.retry_at !== null && given.state !== "running"
    ? `a job failed; the next try is at ${whenOn(given.retry_at, now)}`
    : more;
  return `${day(given.date)}: ${word.toLowerCase()}, ${details}`;
}

const reasons: Record<string, string> = {
  first: "not counted yet",
  retry: "failed before, tried again",
  interrupted: "at work; if it was cut off, it begins again by itself",
  stale: "events or flagged sessions came later",
  after_another: "another job before it runs again",
  hand: "ordered by hand",
};

/** Why a job is due. */
export function reasonInWords(reason: string): string {
  return reasons[reason] ?? reason;
}

/** A stretch of time from now, in the two greatest units: `14 h 3 min`. */
export function stretch(ms: number): string {
  const minutes = Math.max(0, Math.round(ms / 60_000));
  if (minutes < 1) return "less than a minute";
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${Math.floor(minutes / 1440)} days ${Math.floor(minutes % 1440 / 60)} h`;
}
