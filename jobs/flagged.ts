// Sessions that are flagged as bots, as day jobs see them: those with a confirmed anomaly around a day, less those that a person called
// human. Each stretch of time has a sequence number that another confirmation in it raises, by which a run knows that its set is old.

import { limits } from "../src/limits.ts";
import type { AnomalyStore } from "../src/store/anomalies.ts";
import { stateKeys } from "../src/store/keys.ts";
import { dayAfter, type Span, type Zone } from "./local_day.ts";

/** Where day jobs learn which sessions to leave out of `humans`. */
export interface FlaggedSessions {
  /** Changes of the set by hour of window start (ms since the epoch): numbers that only grow. All hours, or those that a span touches. */
  changes(span?: Span): Promise<ReadonlyMap<number, number>>;
  /** Sessions with a confirmed anomaly whose window starts in a span, in chunks; a session may come more than once. */
  sessions(span: Span): AsyncIterable<readonly string[]>;
}

const HOUR_MS = 3_600_000;

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

/** Flagged by the anomalies that are stored. `isHuman` says which sessions a person has called human. */
export function flaggedByAnomalies(
  kv: Deno.Kv,
  anomalies: AnomalyStore,
  isHuman: (session: string) => boolean | Promise<boolean> = () => false,
): FlaggedSessions {
  return {
    async changes(span) {
      const changes = new Map<number, number>();
      const all = { prefix: stateKeys.anomalyHours() };
      const some = (span: Span) => ({ start: stateKeys.anomalyHour(startOfHour(span.start)), end: stateKeys.anomalyHour(span.end) });
      for await (const { key, value } of kv.list<number>(span === undefined ? all : some(span), { batchSize: 500 })) {
        changes.set(key[1] as number, value);
      }
      return changes;
    },
    async *sessions({ start, end }) {
      let after: readonly [number, string] | undefined;
      do {
        const query = { limit: limits.pageRowsMax, statuses: ["confirmed"], since: start, until: end, order: "window", after } as const;
        const page = await anomalies.list(query);
        const sessions: string[] = [];
        for (const { session_id } of page.items) if (!await isHuman(String(session_id))) sessions.push(String(session_id));
        yield sessions;
        after = page.next ?? undefined;
      } while (after !== undefined);
    },
  };
}

function startOfHour(ms: number): number {
  return Math.floor(ms / HOUR_MS) * HOUR_MS;
}
