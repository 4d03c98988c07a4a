// One session: what a person says of it, and what it did.

import { z } from "@hono/zod-openapi";
import { daysFlaggedIn } from "../jobs/flagged.ts";
import { anomalyStatuses, feedbackVerdicts } from "../src/detect/anomaly.ts";
import { GuardianError } from "../src/errors.ts";
import { idOut } from "../src/event/code.ts";
import { kindNames } from "../src/event/kind.ts";
import { formatTimestamp } from "../src/event/timestamp.ts";
import { readSessionEvents } from "../src/lake/mod.ts";
import { limits } from "../src/limits.ts";
import { hoursOfVerdict } from "../src/store/feedback.ts";
import { endpoint } from "../src/web/endpoint.ts";
import { HeavyReads } from "../src/web/heavy_reads.ts";
import { jsonBody } from "../src/web/json_body.ts";
import { pointInTime, sessionInPath, wholeNumber } from "../src/web/parameters.ts";
import type { Service } from "../src/web/service.ts";

const TAG = "Sessions";
const id = z.union([z.int(), z.string()]);

const verdictSchema = z.enum(feedbackVerdicts, { error: () => 'it must be "human", "bot" or null' }).nullable();
const feedbackBody = z.object({
  verdict: verdictSchema.describe("What it is; null takes back what was said before"),
}).strict().openapi("FeedbackOrder");

const feedbackSchema = z.object({
  session_id: id,
  verdict: verdictSchema.describe("What holds now"),
  given_at: z.string().nullable().describe("When that was said; null where nothing is"),
  days: z.array(z.string()).describe("Local days whose figures without flagged sessions became stale by this; empty when nothing changed"),
}).openapi("Feedback");
type FeedbackOut = z.infer<typeof feedbackSchema>;

const feedbackExample: FeedbackOut = {
  session_id: 4711,
  verdict: "human",
  given_at: "2026-11-22T08:10:00.000Z",
  days: ["2026-11-20", "2026-11-21"],
};

export const postFeedback = endpoint({
  method: "post",
  path: "/sessions/{session_id}/feedback",
  tag: TAG,
  summary: "Say that a session is human, or a bot",
  description:
    "For sessions that have an anomaly. A session called human counts as no bot in figures without flagged sessions, and is on " +
    "no blocklist; one called a bot is flagged whatever became of its anomalies. Days that were counted already are counted again within " +
    "the hour. To say the same twice changes nothing.",
  params: sessionInPath,
  body: { required: true, content: { "application/json": { schema: feedbackBody } } },
  answers: { 200: { means: "It is noted", schema: feedbackSchema, example: feedbackExample } },
  problems: ["bad_request", "not_found", "overloaded", "storage_failing", "body_too_large", "unsupported_media_type"],
  handle: async ({ c, service, path: { session_id: session } }) => {
    const { verdict } = await jsonBody(c.req.raw, service, feedbackBody);
    const { guardian: { anomalies, feedback: store, shop }, feed } = service;
    const hours = await hoursOfVerdict(anomalies, session);
    // What was said of it can be taken back, also when its anomalies are no longer kept.
    if (hours.length === 0 && store.verdictOf(session) === null) {
      throw new GuardianError("not_found", `Cannot say what session ${JSON.stringify(session.slice(0, 200))} is: it has no anomaly`);
    }
    const { feedback, changed } = await store.set(session, verdict, hours);
    const told = { session_id: idOut(session), verdict: feedback?.verdict ?? null };
    if (changed) {
      shop.judged(session);
      feed.publish("feedback", told);
    }
    const answer: FeedbackOut = {
      ...told,
      given_at: feedback === null ? null : formatTimestamp(feedback.at),
      days: changed ? await countedDays(service, hours) : [],
    };
    return c.json(answer);
  },
});

/** The days that a change in these hours made stale: those of them that have figures. */
async function countedDays({ days: { results }, dayStates: { zone } }: Service, hours: readonly number[]): Promise<string[]> {
  const dates = daysFlaggedIn(zone, hours);
  if (dates.length === 0) return [];
  const counted = await Array.fromAsync(results.dates("daily_metrics", "humans", { from: dates[0], to: dates[dates.length - 1] }));
  return counted.filter((date) => dates.includes(date));
}

const eventSchema = z.object({
  timestamp: z.string().describe("When it happened; ISO 8601, UTC"),
  kind: z.enum(kindNames),
  item_id: id.nullable(),
  category: z.string().nullable(),
  price: z.number().nullable().describe("Of one piece, for purchases"),
  quantity: z.number().nullable().describe("Pieces, for purchases"),
  page: z.string().nullable(),
  partition: z.int().min(0),
  offset: z.int().min(0).describe("Offset of the event in its partition of the log, as evidence of anomalies has it"),
  lane: z.string().describe("`live`, or the replay source that it came from"),
}).openapi("SessionEvent");

const eventsSchema = z.object({
  session_id: id,
  since: z.string().describe("Events from this time on were looked for"),
  until: z.string().describe("Events before this time were looked for"),
  events: z.array(eventSchema).describe("Oldest first"),
  complete: z.boolean().describe("False when there are more in that time than `limit`, or when files of that time are left out"),
  left_out: z.array(z.string()).describe("Files of the lake, and offsets of the log, that are damaged or missing; see verify"),
}).openapi("SessionEvents");
type EventsOut = z.infer<typeof eventsSchema>;

const HOUR_MS = 3_600_000, DEFAULT_MS = 24 * HOUR_MS, AFTER_ANOMALY_MS = 5 * 60_000;

const eventsExample: EventsOut = {
  session_id: 4711,
  since: "2026-11-21T07:36:20.000Z",
  until: "2026-11-22T07:36:20.000Z",
  events: [{
    timestamp: "2026-11-22T07:31:10.250Z",
    kind: "click",
    item_id: 7,
    category: null,
    price: null,
    quantity: null,
    page: null,
    partition: 1,
    offset: 20_441,
    lane: "live",
  }],
  complete: true,
  left_out: [],
};

export const sessionEvents = endpoint({
  method: "get",
  path: "/sessions/{session_id}/events",
  tag: TAG,
  summary: "What a session did",
  description: "Its events, oldest first, each once, whether they are in the lake or still in the log alone. Where neither `since` nor " +
    "`until` is given: the 24 hours up to five minutes after the window of its newest anomaly, or up to now for a session that has none. " +
    `Between the two lie ${limits.sessionEventsHoursMax} hours at the most. Addresses and user agents are not told.`,
  params: sessionInPath,
  query: z.object({
    since: pointInTime({ means: "Events at this time or later; 24 hours before `until` where it is left out" }),
    until: pointInTime({
      means: "Events before this time; 24 hours after `since` where it is left out",
      example: "2014-04-08T11:00:00.000Z",
    }),
    limit: wholeNumber(1, limits.sessionEventsMax, limits.sessionEventsDefault, { means: "Events, at the most: the oldest of them" }),
  }),
  answers: { 200: { means: "Its events", schema: eventsSchema, example: eventsExample } },
  problems: ["overloaded", "storage_failing"],
  handle: async ({ c, service, path: { session_id: session }, query }) => {
    const { since, until } = await timeOf(service, session, query);
    const { state: kv, duck, log, whole } = service.guardian;
    const asked = { session, since, until, limit: query.limit };
    const { events, more, leftOut } = await reads.take(service, () => readSessionEvents({ kv, duck, log, whole }, asked));
    const answer: EventsOut = {
      session_id: idOut(session),
      since: formatTimestamp(since),
      until: formatTimestamp(until),
      events: [...events],
      complete: !more && leftOut.length === 0,
      left_out: [...leftOut],
    };
    return c.json(answer);
  },
});

/** The time that a request means. Throws `invalid_parameter`. */
async function timeOf(
  { guardian, clock }: Service,
  session: string,
  given: { since?: number; until?: number },
): Promise<{ since: number; until: number }> {
  let { until } = given;
  if (until === undefined && given.since !== undefined) until = Math.min(given.since + DEFAULT_MS, limits.eventTimeMax);
  if (until === undefined) {
    const { items: [newest] } = await guardian.anomalies.list({ session, statuses: anomalyStatuses, limit: 1, order: "window" });
    until = newest === undefined ? clock.now() : Date.parse(newest.window_end) + AFTER_ANOMALY_MS;
  }
  const since = given.since ?? Math.max(0, until - DEFAULT_MS);
  if (since >= until) {
    throw new GuardianError("invalid_parameter", 'Cannot use "since" and "until" as given: "since" must be the earlier one');
  }
  if (until - since <= limits.sessionEventsHoursMax * HOUR_MS) return { since, until };
  const why = `there are more than ${limits.sessionEventsHoursMax} hours between them`;
  throw new GuardianError("invalid_parameter", `Cannot use "since" and "until" as given: ${why}; ask for less time`);
}

const reads = new HeavyReads("events of this session");
