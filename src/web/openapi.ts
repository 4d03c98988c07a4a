// The description of the API, made from the endpoints: OpenAPI 3.1.

import { OpenAPIHono } from "@hono/zod-openapi";
import { liveBriefSchema } from "../live/figures.ts";
import { KEY_PARAMETER } from "../access/access.ts";
import { VERSION } from "../version.ts";
import type { Endpoint } from "./endpoint.ts";

export type OpenApiDocument = ReturnType<OpenAPIHono["getOpenAPI31Document"]>;

const TAGS = [
  { name: "Events", description: "The way in" },
  { name: "Anomalies", description: "What was found" },
  { name: "Live", description: "What happens, as it happens" },
  { name: "Days", description: "Counted days: figures, funnel, sums" },
  { name: "Items", description: "What sold and what was looked at" },
  { name: "Jobs", description: "What counts the days, and when" },
  { name: "Export", description: "Tables as files" },
  { name: "Refused and late", description: "What was not taken, and what came too late" },
  { name: "Replay", description: "Recorded files over HTTP, as the command `replay --url` sends them" },
  { name: "Dashboard", description: "Pages for people" },
  { name: "Access", description: "Who may do what" },
  { name: "Operation", description: "For who runs it" },
  { name: "About", description: "What it is and how it is" },
];

const DESCRIPTION = "Takes the clicks of a shop, names the sessions that are bots while they are at it, and keeps everything.\n\n" +
  "Times are ISO 8601 in UTC with milliseconds. Ids that are canonical integers below 2^53 are numbers, all others are texts. " +
  "Errors are problem details (RFC 9457) with a `code`. Lists tell their next page in a `Link` header. Unknown parameters are refused. " +
  "Answers may get new fields; do not refuse them.";

/** Describes endpoints. */
export function describe(endpoints: readonly Endpoint[]): OpenApiDocument {
  const app = new OpenAPIHono();
  app.openAPIRegistry.registerComponent("securitySchemes", "token", {
    type: "http",
    scheme: "bearer",
    description: "A token with the scope that is named, or with one that includes it: `admin` includes all, `operate` includes `read`. " +
      "A server that listens on loopback alone and has no token set asks for none",
  });
  app.openAPIRegistry.registerComponent("securitySchemes", "page_key", {
    type: "apiKey",
    in: "query",
    name: KEY_PARAMETER,
    description: "A key for scripts in pages: it appends to `/events` from pages of its origins, and nothing else",
  });
  for (const { config } of endpoints) app.openAPIRegistry.registerPath(config);
  // No answer of its own, but part of a stream.
  app.openAPIRegistry.register("LiveBrief", liveBriefSchema);
  return app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: { title: "Clickstream Guardian", version: VERSION, description: DESCRIPTION, license: { name: "MIT" } },
    servers: [{ url: "/" }],
    tags: TAGS,
  });
}
