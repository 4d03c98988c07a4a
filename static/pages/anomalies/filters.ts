// Which anomalies a person has chosen: as a request to the API, and as a question to each that the feed brings. What always holds: both
// mean the same, so an anomaly that comes in live is one that the next answer would have too. It knows no address and no page.

import type { Anomaly, Id } from "../../shell/answers.ts";
import { localMidnight } from "../../shell/local_midnight.ts";

export const PAGE_ROWS = 50;

/** Choices as the address has them; null: no choice. from, to: local days, both included. */
export interface Filters {
  readonly type: string | null;
  readonly severity: string | null;
  readonly status: string | null;
  readonly session: string | null;
  readonly from: string | null;
  readonly to: string | null;
}

const DAY_MS = 86_400_000;

/** The instants that the chosen days cover, ISO 8601: since included, until not. */
export function spanOf({ from, to }: Pick<Filters, "from" | "to">, timeZone: string): { since: string | null; until: string | null } {
  return {
    since: from === null ? null : instantOf(from, timeZone),
    until: to === null ? null : instantOf(new Date(Date.parse(`${to}T00:00:00Z`) + DAY_MS).toISOString().slice(0, 10), timeZone),
  };
}

function instantOf(date: string, timeZone: string): string {
  return new Date(Math.max(0, localMidnight(date, timeZone))).toISOString();
}

/** The path of one page of what is chosen; cursor: where it begins, null for the newest. */
export function listPath(filters: Filters, timeZone: string, cursor: string | null): string {
  const { since, until } = spanOf(filters, timeZone);
  const { type, severity, status, session } = filters;
  const query = new URLSearchParams({ limit: String(PAGE_ROWS) });
  const chosen = { anomaly_type: type, severity, status, session_id: session, since, until, cursor };
  for (const [name, value] of Object.entries(chosen)) if (value !== null) query.set(name, value);
  return `/anomalies?${query}`;
}

/** The path of a list that has one anomaly, whatever became of it; at: its window's start, or null where that is not known. */
export function pathOfOne(session: string, at: string | null): string {
  const start = at === null ? NaN : Date.parse(at);
  const query = new URLSearchParams({ limit: "1000", status: "all", session_id: session });
  if (start >= 0) {
    query.set("since", new Date(start).toISOString());
    query.set("until", new Date(start + 1).toISOString());
  }
  return `/anomalies?${query}`;
}

/** Whether what is chosen has this anomaly in it. */
export function fits(anomaly: Anomaly, filters: Filters, timeZone: string): boolean {
  const { type, severity, status, session } = filters;
  const { since, until } = spanOf(filters, timeZone);
  const start = Date.parse(anomaly.window_start);
  return (type === null || anomaly.anomaly_type === type) && (severity === null || anomaly.severity === severity) &&
    (status === "all" || (status === null ? anomaly.status !== "retracted" : anomaly.status === status)) &&
    (session === null || sameId(anomaly.session_id, session)) &&
    (since === null || start >= Date.parse(since)) && (until === null || start < Date.parse(until));
}

function sameId(id: Id, text: string): boolean {
  return String(id) === text;
}
