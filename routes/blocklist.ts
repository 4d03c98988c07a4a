// The blocklist: sessions that the shop may want to turn away, for programs that fetch it every minute or so.

import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { accepts } from "hono/accepts";
import { severities } from "../src/detect/verdict.ts";
import { formatTimestamp } from "../src/event/timestamp.ts";
import { limits } from "../src/limits.ts";
import { type Blocked, blockedSchema, blocklistCsv, blocklistLines, blocklistOf, blocklistSpan } from "../src/web/blocklist.ts";
import { CSV_RULE } from "../src/web/csv.ts";
import { endpoint } from "../src/web/endpoint.ts";
import { HeavyReads } from "../src/web/heavy_reads.ts";
import { oneOf, wholeNumber } from "../src/web/parameters.ts";

const formats = ["json", "csv", "lines"] as const;
type Format = (typeof formats)[number];

const mediaTypes: Record<Format, string> = { json: "application/json", csv: "text/csv", lines: "text/plain" };
const HOURS = 24;

const example: Blocked[] = [{
  session_id: 4711,
  anomaly_types: ["HIGH_FREQUENCY"],
  anomalies: 2,
  severity: "medium",
  score: 62,
  first_seen: "2026-11-22T07:31:00.000Z",
  last_seen: "2026-11-22T07:31:20.000Z",
  reason: "60 clicks within 10 seconds; from 50 on, a session is faster than people click",
  verdict: null,
  expires_at: "2026-11-23T07:31:20.000Z",
  ttl_s: 86_100,
}];

const headers = {
  "Blocklist-Generated-At": "When it was made, by which `ttl_s` counts",
  "Blocklist-Truncated": "`true` when there are more sessions than these; absent otherwise",
  "Vary": "`Accept`, as it chooses the format",
};

const reads = new HeavyReads("the blocklist");

export const blocklist = endpoint({
  method: "get",
  path: "/blocklist",
  tag: "Anomalies",
  summary: "Sessions to act on now",
  description: "Sessions with a confirmed anomaly whose window ended within the last `hours`, by the clock of this machine, less those " +
    "that a person called human, and besides those called a bot with an anomaly of any status in that time, whatever its severity. " +
    "Newest first, one entry a session. Fetch it anew instead of keeping it: an entry goes when its time is over or a person says so. " +
    CSV_RULE,
  query: z.object({
    hours: wholeNumber(1, limits.blocklistHoursMax, HOURS, { means: "How far back" }),
    limit: wholeNumber(1, limits.blocklistMax, limits.blocklistMax, { means: "Sessions, at the most" }),
    min_severity: oneOf(severities, { means: "Anomalies of this severity or a higher one alone", example: "medium" }),
    format: oneOf(formats, { means: "`json` where neither this nor the `Accept` header says otherwise; `lines`: a session id a line" }),
  }),
  answers: {
    200: [
      { means: "One entry a session", schema: z.array(blockedSchema), example, headers },
      { means: "CSV with a header", schema: z.string(), mediaType: mediaTypes.csv },
      {
        means: "One session id a line",
        schema: z.string(),
        mediaType: mediaTypes.lines,
        headers: { "Blocklist-Left-Out": "Session ids left out of `lines`, because they hold control characters or line ends" },
      },
    ],
  },
  problems: ["overloaded"],
  handle: async ({ c, service, query }) => {
    const { guardian: { anomalies, feedback }, clock } = service;
    const { hours, limit, min_severity: minSeverity, format = accepted(c) } = query;
    const order = { now: clock.now(), hours, limit, minSeverity };
    const { since, until } = blocklistSpan(order);
    const { sessions, cut } = await reads.take(
      service,
      () => blocklistOf(anomalies.within(since, until), (session) => feedback.verdictOf(session), order),
    );
    c.header("Blocklist-Generated-At", formatTimestamp(order.now));
    c.header("Vary", "Accept");
    if (cut) c.header("Blocklist-Truncated", "true");
    if (format === "json") return c.json(sessions);
    c.header("Content-Type", `${mediaTypes[format]}; charset=utf-8`);
    if (format === "csv") return c.body(blocklistCsv(sessions));
    const { text, leftOut } = blocklistLines(sessions);
    c.header("Blocklist-Left-Out", String(leftOut));
    return c.body(text);
  },
});

/** The format that the Accept header asks for. */
function accepted(c: Context): Format {
  const type = accepts(c, { header: "Accept", supports: Object.values(mediaTypes), default: mediaTypes.json });
  return formats.find((format) => mediaTypes[format] === type)!;
}
