// The front door: what this is and where to read on. A browser gets a page with the same.

import { z } from "@hono/zod-openapi";
import { endpoint } from "../src/web/endpoint.ts";
import { escaped, page, wantsPage } from "../src/web/page.ts";
import { VERSION } from "../src/version.ts";

const rootSchema = z.object({ message: z.string(), version: z.string(), docs: z.string(), redoc: z.string() }).openapi("Root");

const answer = { message: "Clickstream Guardian names bots in a stream of clicks", version: VERSION, docs: "/docs", redoc: "/redoc" };

const LINKS = [
  ["/docs", "the API, to read and to try out"],
  ["/redoc", "the same on one plain page"],
  ["/openapi.json", "the same for programs, as OpenAPI 3.1"],
  ["/health", "how it is"],
  ["/stats", "what it has seen"],
  ["/anomalies", "whom it takes for a bot, and why"],
  ["/metrics/daily", "the figures of each day"],
  ["/metrics/summary", "those of all days together"],
  ["/items/trending", "what rises"],
  ["/jobs", "what counts the days, and when"],
  ["/dead_letters", "what it refused, and why"],
  ["/late_events", "what came too late for a window"],
];

export const root = endpoint({
  method: "get",
  path: "/",
  tag: "About",
  summary: "What this is",
  description: "Name, version, and where the documentation is. A client that prefers HTML gets a short page with links.",
  answers: {
    200: [
      { means: "Name and version", schema: rootSchema, example: answer },
      { means: "The same as a page", schema: z.string(), mediaType: "text/html" },
    ],
  },
  problems: [],
  handle: ({ c }) => {
    if (!wantsPage(c)) return c.json(answer);
    const links = LINKS.map(([path, what]) => `<li><a href="${path}">${path}</a>: ${escaped(what)}</li>`).join("\n");
    return page("Clickstream Guardian", `<p>${escaped(answer.message)}. Version ${escaped(VERSION)}.</p>\n<ul>\n${links}\n</ul>`);
  },
});
