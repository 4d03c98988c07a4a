// What was found: lists of anomalies, their counts by type and by hour.

import { z } from "@hono/zod-openapi";
import { anomalySchema, type AnomalyStatus, anomalyStatuses, anomalyTypes } from "../src/detect/anomaly.ts";
import { severities } from "../src/detect/verdict.ts";
import { GuardianError } from "../src/errors.ts";
import { formatTimestamp } from "../src/event/timestamp.ts";
import { limits } from "../src/limits.ts";
import type { AnomalyQuery } from "../src/store/anomalies.ts";
import { type CursorShape, linkNext, placeOf } from "../src/web/cursor.ts";
import { endpoint } from "../src/web/endpoint.ts";
import { linesOf, NDJSON } from "../src/web/ndjson.ts";
import { cursorParameter, limitParameter, oneOf, pointInTime, sessionInPath, someSession, wholeNumber } from "../src/web/parameters.ts";

const list = z.array(anomalySchema);
const shapes = {
  window: { list: "anomalies-window", parts: ["number", "string"] },
  detected: { list: "anomalies-detected", parts: ["number", "string"] },
} satisfies Record<string, CursorShape>;

const statusWords = [...anomalyStatuses, "all"] as const;
const statusParameter = oneOf(statusWords, { means: "Confirmed and provisional ones where it is left out; `all`: retracted ones too" });

/** The statuses that a word of the API or of the command line means. */
export function statusesOf(word: (typeof statusWords)[number] | undefined): readonly AnomalyStatus[] {
  return word === undefined ? ["confirmed", "provisional"] : word === "all" ? anomalyStatuses : [word];
}

const filters = z.object({
  limit: limitParameter,
  cursor: cursorParameter,
  anomaly_type: oneOf(anomalyTypes, { means: "Of this type alone" }),
  status: statusParameter,
  severity: oneOf(severities, { means: "Of this severity alone", example: "high" }),
  since: pointInTime({ means: "Window start at this time or later" }),
  until: pointInTime({ means: "Window start before this time", example: "2014-04-08T00:00:00.000Z" }),
  session_id: someSession({ means: "Of this session alone" }),
  order: oneOf(["window", "detected"], {
    means: "Newest first by window start, or by when it was first seen; `window` where it is left out",
  }),
  format: oneOf(["json", "ndjson"], {
    means: "`ndjson`: all of them, one a line, oldest window first, then by session and type; of the others only `status` goes with it",
  }),
});

/** The page of a query, from its cursor on. */
function pageFrom(query: Omit<AnomalyQuery, "after">, cursor: string | undefined): AnomalyQuery {
  if (cursor === undefined) return query;
  return { ...query, after: placeOf(shapes[query.order], cursor) as unknown as readonly [number, string] };
}

export const anomalies = endpoint({
  method: "get",
  path: "/anomalies",
  tag: "Anomalies",
  summary: "Anomalies, newest first",
  description:
    "Sessions that a rule took for a bot, with the reason in plain words and the last clicks as evidence. A page of a filter that " +
    "few match may be shorter than `limit`, and have a next one all the same.",
  query: filters,
  answers: {
    200: [
      { means: "One page", schema: list, paged: true },
      { means: "All of them, one a line", schema: z.string(), mediaType: NDJSON },
    ],
  },
  problems: [],
  handle: async ({ c, service, query }) => {
    const { limit, cursor, anomaly_type: type, status, severity, since, until, session_id: session, order = "window", format } = query;
    const { anomalies: store } = service.guardian;
    const statuses = statusesOf(status);
    if (format === "ndjson") {
      refuseBeside(c.req.url, ["format", "status"]);
      return linesOf(store.all(statuses), "anomalies.ndjson");
    }
    if (since !== undefined && until !== undefined && since >= until) {
      throw new GuardianError("invalid_parameter", 'Cannot use "since" and "until" as given: "since" must be the earlier one');
    }
    const asked = pageFrom({ limit, type, statuses, severity, since, until, session, order }, cursor);
    // A cursor of a list without `since` may lie before it: then there is nothing left.
    const beyond = asked.after !== undefined && since !== undefined && order === "window" && asked.after[0] < since;
    const { items, next } = beyond ? { items: [], next: null } : await store.list(asked);
    linkNext(c, shapes[order], next);
    return c.json(items);
  },
});

/** Refuses parameters that would be without effect. */
function refuseBeside(url: string, allowed: readonly string[]): void {
  for (const name of new URL(url).searchParams.keys()) {
    if (allowed.includes(name)) continue;
    throw new GuardianError(
      "invalid_parameter",
      `Cannot use "${name}" with format=ndjson: that lists all of them; leave one of the two out`,
    );
  }
}

const typeCounts = z.array(z.object({ anomaly_type: z.enum(anomalyTypes), count: z.int().min(0) })).openapi("AnomalyTypes");

export const anomalyTypeCounts = endpoint({
  method: "get",
  path: "/anomalies/types",
  tag: "Anomalies",
  summary: "Confirmed anomalies by type",
  description: "How many there are of each type, those that never fired included.",
  answers: {
    200: {
      means: "One count a type",
      schema: typeCounts,
      example: [{ anomaly_type: "HIGH_FREQUENCY", count: 12 }, { anomaly_type: "BOT_LIKE", count: 3 }],
    },
  },
  problems: [],
  handle: ({ c, service }) => c.json(service.guardian.anomalies.types()),
});

const timelineSchema = z.array(z.object({ hour: z.string().describe("Start of the hour, UTC"), count: z.int().min(0) }))
  .openapi("AnomalyTimeline");

export const anomalyTimeline = endpoint({
  method: "get",
  path: "/anomalies/timeline",
  tag: "Anomalies",
  summary: "Confirmed anomalies by hour",
  description:
    "Counts by UTC hour of window start, oldest first, empty hours included. It ends with the hour of `until`; where that is left " +
    "out, with the hour of the newest event of the live stream or of the newest anomaly, whichever is later.",
  query: z.object({
    hours: wholeNumber(1, limits.timelineHoursMax, 24, { means: "How many hours" }),
    until: pointInTime({ means: "A time in the last hour" }),
  }),
  answers: { 200: { means: "One count an hour", schema: timelineSchema, example: [{ hour: "2014-04-07T10:00:00.000Z", count: 2 }] } },
  problems: [],
  handle: async ({ c, service, query }) => {
    const until = query.until ?? await newestTime(service.guardian) ?? service.clock.now();
    const counts = await service.guardian.anomalies.timeline(query.hours, until);
    return c.json(counts.map(({ hour, count }) => ({ hour: formatTimestamp(hour), count })));
  },
});

/** The newest event time of the live stream or window start of an anomaly, ms, or null when there is neither. */
async function newestTime({ anomalies, engine, log }: {
  anomalies: { newest(): Promise<number | null> };
  engine: { live(partition: number): { newest: number } };
  log: { partitions: number };
}): Promise<number | null> {
  let newest = await anomalies.newest() ?? -Infinity;
  for (let p = 0; p < log.partitions; p++) newest = Math.max(newest, engine.live(p).newest);
  return newest === -Infinity ? null : newest;
}

export const anomaliesOfSession = endpoint({
  method: "get",
  path: "/anomalies/{session_id}",
  tag: "Anomalies",
  summary: "Anomalies of one session",
  description: "Newest first. A session called `types` or `timeline` is found by `/anomalies?session_id=`.",
  params: sessionInPath,
  query: z.object({
    limit: wholeNumber(1, limits.pageRowsMax, limits.pageRowsMax, { means: "Rows of one page, at the most" }),
    cursor: cursorParameter,
    status: statusParameter,
  }),
  answers: { 200: { means: "All of one session", schema: list, paged: true } },
  problems: ["not_found"],
  handle: async ({ c, service, query: { limit, cursor, status }, path: { session_id: session } }) => {
    const asked = pageFrom({ limit, statuses: statusesOf(status), session, order: "window" }, cursor);
    const { items, next } = await service.guardian.anomalies.list(asked);
    if (items.length === 0 && next === null && cursor === undefined) {
      const which = status === undefined || status === "all" ? "" : ` that is ${status}`;
      throw new GuardianError(
        "not_found",
        `Cannot show anomalies of session ${JSON.stringify(session.slice(0, 200))}: it has none${which}`,
      );
    }
    linkNext(c, shapes.window, next);
    return c.json(items);
  },
});
