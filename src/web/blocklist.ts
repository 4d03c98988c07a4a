// Which sessions a shop should act on now: those found to be bots lately, one entry a session. Anomalies and verdicts in, entries out; it
// knows nothing of HTTP. What always holds: lately is by the wall clock against event time, so a recording of years ago never gets in; a
// person's word goes before the rules'.

import { z } from "@hono/zod-openapi";
import { anomalyTypes, type FeedbackVerdict, feedbackVerdicts } from "../detect/anomaly.ts";
import { botLike, highFrequency } from "../detect/rules.ts";
import { severities, type Severity } from "../detect/verdict.ts";
import { compareIds, idOut } from "../event/code.ts";
import { formatTimestamp } from "../event/timestamp.ts";
import { limits } from "../limits.ts";
import type { AnomalyFacts } from "../store/anomalies.ts";
import { csvLine } from "./csv.ts";

const time = (means: string) => z.string().describe(`${means}; ISO 8601, UTC`);

export const blockedSchema = z.object({
  session_id: z.union([z.int(), z.string()]),
  anomaly_types: z.array(z.enum(anomalyTypes)).describe("What was found, each type once"),
  anomalies: z.int().min(1).describe("How many there are in the time that the list looks back at"),
  severity: z.enum(severities).describe("The highest of them"),
  score: z.number().describe("The highest of them, 0 to 100"),
  first_seen: time("Start of the earliest of their windows"),
  last_seen: time("End of the latest of their windows"),
  reason: z.string().describe("Of the newest one, in plain words"),
  verdict: z.enum(feedbackVerdicts).nullable().describe("bot: a person said so; null: nobody has said anything"),
  expires_at: time("When it leaves the list unless it is seen again"),
  ttl_s: z.int().min(0).describe("Seconds until then"),
}).openapi("Blocked");
export type Blocked = z.infer<typeof blockedSchema>;

/** What is asked for. hours: how far back; now: ms. */
export interface BlocklistOrder {
  readonly now: number;
  readonly hours: number;
  readonly limit: number;
  /** Anomalies of less count in no session but those that a person called a bot. */
  readonly minSeverity?: Severity;
}

/** cut: there are more than these. */
export interface Blocklist {
  readonly sessions: readonly Blocked[];
  readonly cut: boolean;
}

/** What an entry is made of. Times in ms. */
interface Gathered {
  readonly session: string;
  readonly verdict: FeedbackVerdict | null;
  readonly types: Set<AnomalyFacts["type"]>;
  count: number;
  rank: number;
  score: number;
  first: number;
  last: number;
  reason: string;
}

const HOUR_MS = 3_600_000;
const WINDOW_MAX_MS = Math.max(highFrequency.sizeMs, botLike.sizeMs);

/** The window starts, ms, among which everything is that a list may hold: since included, until not. */
export function blocklistSpan({ now, hours }: BlocklistOrder): { since: number; until: number } {
  return { since: now - hours * HOUR_MS - WINDOW_MAX_MS, until: now };
}

/** The list, from anomalies of `blocklistSpan` as they come, newest window first. Newest entry first. */
export async function blocklistOf(
  anomalies: AsyncIterable<AnomalyFacts>,
  verdictOf: (session: string) => FeedbackVerdict | null,
  order: BlocklistOrder,
): Promise<Blocklist> {
  const { now, hours, limit } = order;
  const oldest = now - hours * HOUR_MS, rankMin = order.minSeverity === undefined ? 0 : severities.indexOf(order.minSeverity);
  const gathered = new Map<string, Gathered>();
  let looked = 0, cut = false;
  for await (const facts of anomalies) {
    if (looked++ === limits.blocklistScanMax) {
      cut = true;
      break;
    }
    if (facts.end <= oldest) continue;
    const verdict = verdictOf(facts.session), rank = severities.indexOf(facts.severity);
    const counts = verdict === "bot" || (verdict === null && facts.status === "confirmed" && rank >= rankMin);
    if (!counts) continue;
    const known = gathered.get(facts.session);
    if (known !== undefined) addTo(known, facts, rank);
    else if (gathered.size < limits.blocklistMax) gathered.set(facts.session, begun(facts, verdict, rank));
    else cut = true;
  }
  const sorted = [...gathered.values()].sort((a, b) => b.last - a.last || compareIds(a.session, b.session));
  return { sessions: sorted.slice(0, limit).map((one) => entry(one, order)), cut: cut || sorted.length > limit };
}

function begun({ session, type, start, end, score, reason }: AnomalyFacts, verdict: FeedbackVerdict | null, rank: number): Gathered {
  return { session, verdict, types: new Set([type]), count: 1, rank, score, first: start, last: end, reason };
}

function addTo(gathered: Gathered, { type, start, end, score, reason }: AnomalyFacts, rank: number): void {
  gathered.types.add(type);
  gathered.count++;
  gathered.rank = Math.max(gathered.rank, rank);
  gathered.score = Math.max(gathered.score, score);
  gathered.first = Math.min(gathered.first, start);
  if (end <= gathered.last) return;
  gathered.last = end;
  gathered.reason = reason;
}

function entry({ session, verdict, types, count, rank, score, first, last, reason }: Gathered, { now, hours }: BlocklistOrder): Blocked {
  const expires = last + hours * HOUR_MS;
  return {
    session_id: idOut(session),
    anomaly_types: anomalyTypes.filter((type) => types.has(type)),
    anomalies: count,
    severity: severities[rank],
    score,
    first_seen: formatTimestamp(first),
    last_seen: formatTimestamp(last),
    reason,
    verdict,
    expires_at: formatTimestamp(expires),
    ttl_s: Math.max(0, Math.ceil((expires - now) / 1000)),
  };
}

/** The list as CSV with a header. */
export function blocklistCsv(sessions: readonly Blocked[]): string {
  const columns = Object.keys(blockedSchema.shape) as (keyof Blocked)[];
  const lines = sessions.map((one) => csvLine(columns.map((column) => column === "anomaly_types" ? one[column].join(" ") : one[column])));
  return csvLine(columns) + lines.join("");
}

const UNFIT_FOR_LINES = /[\p{Cc}\u2028\u2029]/u;

/** The session ids alone, one a line. What would break a line, or could do harm in a terminal, is left out, and counted. */
export function blocklistLines(sessions: readonly Blocked[]): { text: string; leftOut: number } {
  const ids = sessions.map(({ session_id }) => String(session_id)), fit = ids.filter((id) => !UNFIT_FOR_LINES.test(id));
  return { text: fit.map((id) => `${id}\n`).join(""), leftOut: ids.length - fit.length };
}
