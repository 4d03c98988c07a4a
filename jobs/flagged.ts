// Sessions that are flagged as bots, as day jobs see them: those with a confirmed anomaly around a day, less those that a person called
// human, and those called a bot with an anomaly of any status. Each stretch of time has a sequence number that another confirmation in it
// raises, and every change of a verdict, by which a run knows that its set is old.

import type { AnomalyStore } from "../src/store/anomalies.ts";
import type { FeedbackStore } from "../src/store/feedback.ts";
import { stateKeys } from "../src/store/keys.ts";
import { dayAfter, type Span, type Zone } from "./local_day.ts";

/** Where day jobs learn which sessions to leave out of `humans`. */
export interface FlaggedSessions {
  /** Changes of the set by hour of window start (ms since the epoch): numbers that only grow. All hours, or those that a span touches. */
  changes(span?: Span): Promise<ReadonlyMap<number, number>>;
  /** Sessions flagged by anomalies whose windows start in a span, in chunks; a session may come more than once. */
  sessions(span: Span): AsyncIterable<readonly string[]>;
}

const HOUR_MS = 3_600_000;
const SESSIONS_PER_CHUNK = 1000;
/** What the changes of an hour are counted by: confirmed anomalies and verdicts. */
const COUNTERS = [[stateKeys.anomalyHours, stateKeys.anomalyHour], [stateKeys.feedbackHours, stateKeys.feedbackHour]] as const;

/** The window starts that flag a session for a day: from the start of the day before to the end of the day after. */
export function flaggingSpan(zone: Zone, date: string): Span {
  return { start: zone.spanOf(dayAfter(date, -1)).start, end: zone.spanOf(dayAfter(date)).end };
}

/** The sequence number of the set for a day: how often it has changed so far. Hours that are in it in part count too. */
export function flaggedSequence(changes: ReadonlyMap<number, number>, span: Span): number {
  let sequence = 0;
  for (let hour = startOfHour(span.start); hour < span.end; hour += HOUR_MS) sequence += changes.get(hour) ?? 0;
  return sequence;
}

/** The local days for which a change in one of these hours (their start, ms) counts: those that `flaggedSequence` looks at. In order. */
export function daysFlaggedIn(zone: Zone, hours: readonly number[]): string[] {
  const dates = new Set<string>();
  for (const hour of hours) {
    const date = zone.dateOf(hour);
    for (const near of [-2, -1, 0, 1, 2].map((days) => dayAfter(date, days))) {
      const { start, end } = flaggingSpan(zone, near);
      if (startOfHour(start) <= hour && hour < end) dates.add(near);
    }
  }
  return [...dates].sort();
}

/** Flagged by the anomalies that are stored, and by what people said of their sessions. */
export function flaggedByAnomalies(
  kv: Deno.Kv,
  anomalies: Pick<AnomalyStore, "within">,
  feedback: Pick<FeedbackStore, "settled" | "verdictOf">,
): FlaggedSessions {
  return {
    async changes(span) {
      const changes = new Map<number, number>();
      for (const [all, ofHour] of COUNTERS) {
        const some = span === undefined ? { prefix: all() } : { start: ofHour(startOfHour(span.start)), end: ofHour(span.end) };
        for await (const { key, value } of kv.list<number>(some, { batchSize: 500 })) {
          changes.set(key[1] as number, (changes.get(key[1] as number) ?? 0) + value);
        }
      }
      return changes;
    },
    async *sessions({ start, end }) {
      await feedback.settled();
      let sessions: string[] = [];
      for await (const { session, status } of anomalies.within(start, end)) {
        const verdict = feedback.verdictOf(session);
        if (verdict === "bot" || (verdict === null && status === "confirmed")) sessions.push(session);
        if (sessions.length < SESSIONS_PER_CHUNK) continue;
        yield sessions;
        sessions = [];
      }
      yield sessions;
    },
  };
}

function startOfHour(ms: number): number {
  return Math.floor(ms / HOUR_MS) * HOUR_MS;
}
