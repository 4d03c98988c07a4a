// The shop as it is now: the live feed over server-sent events, and the figures of the last half hour.

import { z } from "@hono/zod-openapi";
import { anomalyTypes } from "../src/detect/anomaly.ts";
import { severities } from "../src/detect/verdict.ts";
import { GuardianError } from "../src/errors.ts";
import { type LiveFigures, liveFiguresSchema, trafficNames } from "../src/live/figures.ts";
import { type Channel, channels } from "../src/live/updates.ts";
import { endpoint } from "../src/web/endpoint.ts";
import { oneOf, someSession } from "../src/web/parameters.ts";

const TAG = "Live";
const EVENT_STREAM = "text/event-stream";
const LAST_EVENT_ID = "Last-Event-ID";
const NUMBER_MUST = "it must be the number of an update, as `id` told it";

/** A comma list of channels as a set, all where it is left out. */
const channelsParameter = z.string().optional().transform((given, context): ReadonlySet<Channel> => {
  const named = given === undefined ? [...channels] : given.split(",");
  const unknown = named.find((name) => !(channels as readonly string[]).includes(name));
  if (unknown === undefined) return new Set(named as Channel[]);
  context.addIssue({ code: "custom", message: `it must be one or more of ${channels.join(", ")}, with commas between` });
  return z.NEVER;
}).openapi({
  type: "string",
  description: "What to be told of, with commas between; everything where it is left out",
  example: "anomaly,run",
});

function updateNumber(given: string | undefined): number | null {
  return given !== undefined && /^\d{1,15}$/.test(given) ? Number(given) : null;
}

const lastIdParameter = z.string().optional().refine((given) => given === undefined || updateNumber(given) !== null, {
  error: () => NUMBER_MUST,
}).openapi({
  type: "integer",
  description: `The last update seen, for clients that come back by hand; it wins over the header ${LAST_EVENT_ID}`,
  example: "4711",
});

/** The last update that a client saw. Throws `invalid_parameter`. */
function lastSeen(query: string | undefined, header: string | undefined): number | null {
  if (query !== undefined || header === undefined || header === "") return updateNumber(query);
  const number = updateNumber(header);
  if (number !== null) return number;
  throw new GuardianError(
    "invalid_parameter",
    `Cannot use the header ${LAST_EVENT_ID} as ${JSON.stringify(header.slice(0, 100))}: ${NUMBER_MUST}`,
  );
}

const FEED_EXAMPLE = [
  'retry: 1000\nid: 4711\nevent: hello\ndata: {"feed":4711,"resumed":false,"missed":0,"server_time":"2026-11-22T08:10:02.247Z"}\n\n',
  'id: 4712\nevent: anomaly\ndata: {"anomaly_id":"6b6b1ecfab9ce4a98382b1e7decf9a6a","session_id":4711}\n\n',
].join("");

export const liveFeed = endpoint({
  method: "get",
  path: "/live",
  tag: TAG,
  summary: "What happens, as it happens",
  description:
    "Server-sent events, each with JSON as its data. `hello` comes first: `feed`, the number of the newest update; `resumed`, whether " +
    "all that was missed follows; `missed`, how much that is; `server_time`. `anomaly`: an anomaly that is new or has changed, as in " +
    "`GET /anomalies`, with its number as `id`. `run`: a run of a day job that began or ended, as in `GET /jobs/runs`. `feedback`: " +
    "`session_id` and `verdict`. `figures`: the shop now, about once a second while it changes, as the schema LiveBrief describes it. " +
    "`sample`: the sample shop has changed. `reload`: numbered updates were missed and are gone; `reason` is `too_old`, `unknown_number` " +
    "or `gap`. `bye`: the stream ends; `reason` is `stopping` or `switched`. `heartbeat`: nothing for half a minute. Who comes back " +
    `with ${LAST_EVENT_ID} gets what was missed, each once, in order. A client that does not keep up is dropped.`,
  query: z.object({
    channels: channelsParameter,
    severity: oneOf(severities, { means: "Anomalies of this severity alone", example: "high" }),
    anomaly_type: oneOf(anomalyTypes, { means: "Anomalies of this type alone" }),
    session_id: someSession({ means: "Anomalies and feedback of this session alone" }),
    last_event_id: lastIdParameter,
  }),
  headers: z.object({
    [LAST_EVENT_ID]: z.string().optional().openapi({
      description: "The last update seen: browsers send it by themselves",
      example: "4711",
    }),
  }),
  answers: { 200: { means: "The stream", schema: z.string(), mediaType: EVENT_STREAM, example: FEED_EXAMPLE } },
  problems: ["overloaded"],
  handle: (
    { c, service, visit: { credential }, query: { channels, severity, anomaly_type: type, session_id: session, last_event_id } },
  ) => {
    const last = lastSeen(last_event_id, c.req.header(LAST_EVENT_ID));
    // Nobody would ever read or end the stream of a HEAD request.
    const mayGoOn = () => service.access.holds(credential);
    const body = c.req.raw.method === "HEAD" ? null : service.feed.connect({ channels, severity, type, session }, last, mayGoOn);
    // Packed, an update would wait for the next one.
    const headers = { "Content-Type": EVENT_STREAM, "Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no" };
    return new Response(body, { headers });
  },
});

const noOne = {
  total: 0,
  provisional: 0,
  by_type: { HIGH_FREQUENCY: 0, BOT_LIKE: 0 },
  by_severity: { low: 0, medium: 0, high: 0, critical: 0 },
};
const figuresExample: LiveFigures = {
  traffic: "humans",
  at: "2026-11-22T08:10:02.247Z",
  newest_event: "2026-11-22T08:10:01.900Z",
  window_start: "2026-11-22T07:40:10.000Z",
  capped: false,
  skipped_events: 0,
  gap: null,
  failing: null,
  events_per_s: 12.4,
  anomalies_last_hour: noOne,
  active_sessions: 31,
  sessions: 204,
  buying_sessions: 9,
  conversion_rate: 0.044118,
  avg_session_duration_s: 131.204,
  clicks: 1902,
  page_views: 640,
  add_to_carts: 71,
  searches: 55,
  purchases: 9,
  top_products: [{ item_id: "blue-shoes", clicks: 48, purchases: 2 }],
  rates: [{ at: "2026-11-22T08:10:00.000Z", clicks: 22, purchases: 0, other: 8 }],
  sessions_shown: [{ session_id: 4711, duration_s: 88.2, clicks: 7, items: 5, bought: true, flagged: false }],
};

export const liveFigures = endpoint({
  method: "get",
  path: "/live/figures",
  tag: TAG,
  summary: "The shop in the last half hour",
  description:
    "Figures of the live stream over the last 30 minutes of event time, up to the newest event. They are kept in memory alone: " +
    "replays of old files are not in them. A session is out of `humans` while it has an anomaly, or a person called it a bot.",
  query: z.object({
    traffic: oneOf(trafficNames, { means: "Everybody, or without the sessions that are flagged as bots; `all` where left out" }),
  }),
  answers: { 200: { means: "The figures, counted at most once a second", schema: liveFiguresSchema, example: figuresExample } },
  problems: [],
  handle: async ({ c, service, query: { traffic = "all" } }) => c.json(await service.guardian.shop.figures(traffic)),
});
