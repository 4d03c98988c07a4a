// The front door: what this is and where to read on. A browser is led to the dashboard, whose page says by itself who has to sign in; what
// holds for everybody else: a stranger is not told what stands here.

import { z } from "@hono/zod-openapi";
import { DASHBOARD_PATH } from "../src/dashboard/pages.ts";
import { endpoint } from "../src/web/endpoint.ts";
import { wantsPage } from "../src/web/page.ts";
import { VERSION } from "../src/version.ts";

const rootSchema = z.object({ message: z.string(), version: z.string(), docs: z.string(), redoc: z.string() }).openapi("Root");

const answer = { message: "Clickstream Guardian names bots in a stream of clicks", version: VERSION, docs: "/docs", redoc: "/redoc" };

export const root = endpoint({
  method: "get",
  path: "/",
  tag: "About",
  summary: "What this is",
  description: "Name, version, and where the documentation is. A client that prefers HTML, as browsers do, is led to the dashboard.",
  answers: {
    200: { means: "Name and version", schema: rootSchema, example: answer },
    302: { means: "To the dashboard", schema: null, headers: { Location: "The dashboard" } },
  },
  problems: ["unauthorized", "forbidden"],
  ownAlways: true,
  needs: "nothing",
  handle: ({ c, service, visit }) => {
    c.header("Vary", "Accept");
    if (wantsPage(c)) return c.redirect(DASHBOARD_PATH);
    service.access.check(c.req.raw, visit, { needs: "read", path: "/" });
    return c.json(answer);
  },
});
