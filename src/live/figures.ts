// What is told of the shop as it is now, field by field: the answer of GET /live/figures, and the smaller update of the live feed.
// Descriptions are written for people: pages show them beside the figures.

import { z } from "@hono/zod-openapi";
import { anomalyTypes } from "../detect/anomaly.ts";
import { severities } from "../detect/verdict.ts";

export const trafficNames = ["all", "humans"] as const;
export type TrafficName = (typeof trafficNames)[number];

const count = z.int().min(0);
const id = z.union([z.int(), z.string()]);
const time = z.string().describe("ISO 8601, UTC, with milliseconds");

export const bucketSchema = z.object({
  at: time.describe("Start of these 10 seconds of event time"),
  clicks: count.describe("Clicks in these 10 seconds"),
  purchases: count.describe("Purchases in these 10 seconds"),
  other: count.describe("Page views, carts and searches in these 10 seconds"),
}).openapi("LiveRate");
export type Bucket = z.infer<typeof bucketSchema>;

export const totalsSchema = z.object({
  active_sessions: count.describe("Sessions with an event in the last 5 minutes up to the newest event"),
  sessions: count.describe("Sessions with an event in the window"),
  buying_sessions: count.describe("Sessions with a purchase in the window"),
  conversion_rate: z.number().nullable().describe("Buying sessions divided by sessions, 0 to 1; null without sessions"),
  avg_session_duration_s: z.number().nullable().describe(
    "Mean time from a session's first to its last event in the window, seconds; one event alone counts 0; null without sessions",
  ),
  clicks: count.describe("Events of kind click in the window"),
  page_views: count.describe("Events of kind page_view in the window"),
  add_to_carts: count.describe("Events of kind add_to_cart in the window"),
  searches: count.describe("Events of kind search in the window"),
  purchases: count.describe("Events of kind purchase in the window"),
}).openapi("LiveTotals");
export type Totals = z.infer<typeof totalsSchema>;

export const productSchema = z.object({
  item_id: id,
  clicks: count.describe("Clicks on the item in the window"),
  purchases: count.describe("Purchases of the item in the window"),
}).openapi("LiveProduct");
export type Product = z.infer<typeof productSchema>;

export const shownSessionSchema = z.object({
  session_id: id,
  duration_s: z.number().describe("From its first to its last event in the window, seconds"),
  clicks: count.describe("Its clicks in the window"),
  items: count.describe("Different items that it clicked or bought in the window"),
  bought: z.boolean().describe("Whether it bought in the window"),
  flagged: z.boolean().describe("Whether it is flagged as a bot: such a session is not among `humans`"),
}).openapi("LiveSession");
export type ShownSession = z.infer<typeof shownSessionSchema>;

export const lastHourSchema = z.object({
  total: count.describe("Anomalies of the live stream whose window started in the hour up to the newest event, without retracted ones"),
  provisional: count.describe("Those of them whose window is not closed"),
  by_type: z.object(Object.fromEntries(anomalyTypes.map((type) => [type, count])) as Record<(typeof anomalyTypes)[number], typeof count>)
    .describe("Those of each type"),
  by_severity: z.object(Object.fromEntries(severities.map((severity) => [severity, count])) as Record<Severity, typeof count>)
    .describe("Those of each severity"),
}).openapi("LiveAnomalies");
type Severity = (typeof severities)[number];
export type LastHour = z.infer<typeof lastHourSchema>;

export const gapSchema = z.object({
  events: count.describe(
    "Events of the last 30 minutes that were passed over, because more came than can be looked at: sessions, products and all of `humans` " +
      "lack them",
  ),
  unread_events: count.describe(
    "Those of them that were not even read: kinds and rates of `all` lack these too, and no others. Events of a replay, which live figures " +
      "leave out anyway, may be among these, as nobody has looked",
  ),
  until: time.nullable().describe("Event time from which the figures are whole, if no more are passed over; null before the first event"),
}).openapi("LiveGap");
export type Gap = z.infer<typeof gapSchema>;

const scene = {
  at: time.describe("The server's clock when this was counted; at most once a second"),
  newest_event: time.nullable().describe(
    "Time of the newest live event: what the figures are about. An event ahead of the clock counts as 5 seconds ahead; null before the first",
  ),
  window_start: time.nullable().describe("Where the window begins: 30 minutes back in whole 10 seconds, later when `capped`"),
  capped: z.boolean().describe(
    "True when more goes on than is kept: the window is shorter, so that its figures stay exact; rates are whole",
  ),
  skipped_events: count.describe("Events passed over since the start, because more came than can be looked at, or no longer to be read"),
  gap: gapSchema.nullable().describe("What the figures lack of the last 30 minutes; null when they are whole"),
  failing: z.string().nullable().describe("Why live figures stand still, or null"),
  events_per_s: z.number().min(0).describe("Live events that came in per second, over the last 10 seconds of the clock"),
  anomalies_last_hour: lastHourSchema,
};
export const sceneSchema = z.object(scene);
export type Scene = z.infer<typeof sceneSchema>;

export const liveFiguresSchema = z.object({
  traffic: z.enum(trafficNames).describe("`all`: everybody; `humans`: without the sessions that are flagged as bots"),
  ...scene,
  ...totalsSchema.shape,
  top_products: z.array(productSchema).describe("The 10 items with the most clicks in the window, then purchases"),
  rates: z.array(bucketSchema).describe(
    "Events by 10 seconds over 30 minutes, oldest first, empty ones included; the last one is still filling",
  ),
  sessions_shown: z.array(shownSessionSchema).describe("A sample of up to 300 sessions of the window; a session once shown tends to stay"),
}).openapi("LiveFigures");
export type LiveFigures = z.infer<typeof liveFiguresSchema>;

const briefTraffic = totalsSchema.extend({
  rates: z.array(bucketSchema).describe("The newest two of the 10 seconds in `rates` of GET /live/figures"),
});

export const liveBriefSchema = z.object({ ...scene, all: briefTraffic, humans: briefTraffic }).openapi("LiveBrief");
export type LiveBrief = z.infer<typeof liveBriefSchema>;
