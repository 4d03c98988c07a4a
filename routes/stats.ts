// Totals since the data folder was made.

import { z } from "@hono/zod-openapi";
import { kindNames } from "../src/event/kind.ts";
import { endpoint } from "../src/web/endpoint.ts";

const count = z.int().min(0);

export const statsSchema = z.object({
  total_anomalies: count.describe("Confirmed ones"),
  days_processed: count.describe("Local days that are counted"),
  total_clicks: count.describe("Clicks taken in, those of bots included"),
  total_purchases: count.describe("Purchases taken in; each item of an order is one"),
  total_sessions: count.describe("Different sessions"),
  total_sessions_approximate: z.boolean().describe("True where total_sessions is an estimate, right to within a percent or so"),
  total_events: count.describe("Events of all kinds taken in"),
  events_by_kind: z.object(Object.fromEntries(kindNames.map((kind) => [kind, count]))).describe("Those of each kind"),
  late_events: count.describe("Clicks that came after a window of theirs had closed; they are kept, and in the lake"),
  dead_letters: count.describe("Lines refused, kept or not"),
  evicted_sessions: count.describe("Sessions that windows had no room for; not 0 only under attack"),
  lake: z.object({
    files: count.describe("Parquet files"),
    rows: count.describe("Events in them"),
    bytes: count.describe("Bytes of them"),
  }),
}).openapi("Stats");

export const stats = endpoint({
  method: "get",
  path: "/stats",
  tag: "About",
  summary: "Totals",
  description: "What was taken in and found since the data folder was made.",
  answers: { 200: { means: "Totals", schema: statsSchema } },
  problems: [],
  handle: async ({ c, service }) => c.json(await service.guardian.stats()),
});
