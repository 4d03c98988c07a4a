// The dashboard: one page under each of its paths, and the files that it loads. They hold no data of the shop, so they need no token.

import { z } from "@hono/zod-openapi";
import { ASSETS_PATH, DASHBOARD_PATH, dashboardPages } from "../src/dashboard/pages.ts";
import { GuardianError } from "../src/errors.ts";
import { didYouMean } from "../src/nearest.ts";
import { type Answer, endpoint } from "../src/web/endpoint.ts";
import { wantsPage } from "../src/web/page.ts";

const unchanged: Answer = { means: "The same as the one that If-None-Match names", schema: null };
const page: Answer = {
  means: "The page; packed as Accept-Encoding asks",
  schema: z.string(),
  mediaType: "text/html",
  headers: { ETag: "Of the page's bytes", "Content-Security-Policy": "Nothing from elsewhere is loaded" },
};

export const dashboard = endpoint({
  method: "get",
  path: DASHBOARD_PATH,
  tag: "Dashboard",
  summary: "The dashboard",
  description:
    "For people: what happens now, who is a bot and why, and the figures of days. Its query holds what a person has chosen: the page " +
    "reads it, the server does not. Where the dashboard is not built, a problem says how to.",
  answers: { 200: page, 304: unchanged },
  problems: ["not_found"],
  ownAlways: true,
  anyQuery: true,
  needs: "nothing",
  handle: ({ c, service }) => service.dashboard.page(c.req.raw),
});

export const dashboardPage = endpoint({
  method: "get",
  path: `${DASHBOARD_PATH}/{page}`,
  tag: "Dashboard",
  summary: "A page of the dashboard",
  description: "The same document as `/dashboard`, opened at one of its pages.",
  params: z.object({
    page: z.string().openapi({ description: "Name of the page", enum: [...dashboardPages], example: dashboardPages[0] }),
  }),
  answers: { 200: page, 304: unchanged, 404: { ...page, means: "There is no such page; for a browser the dashboard, which says so" } },
  problems: ["not_found"],
  ownAlways: true,
  anyQuery: true,
  needs: "nothing",
  handle: async ({ c, service, path }) => {
    const isThere = (dashboardPages as readonly string[]).includes(path.page);
    if (isThere || wantsPage(c)) {
      const shown = await service.dashboard.page(c.req.raw);
      return isThere || shown.status !== 200 ? shown : new Response(shown.body, { status: 404, headers: shown.headers });
    }
    const hint = didYouMean(path.page, dashboardPages);
    throw new GuardianError("not_found", `Cannot find the page ${JSON.stringify(path.page.slice(0, 100))}: there is none; ${hint}`);
  },
});

export const dashboardAsset = endpoint({
  method: "get",
  path: `${ASSETS_PATH}/{asset}`,
  tag: "Dashboard",
  summary: "The files of the dashboard",
  description: "Scripts, style sheet and signs. Their names are made of their bytes, so they may be kept for ever.",
  params: z.object({
    asset: z.string().openapi({ description: "Name of the file, as the page has it", example: "main-0123456789ab.js" }),
  }),
  answers: {
    200: [
      { means: "A script", schema: z.string(), mediaType: "text/javascript", headers: { ETag: "Of the file's bytes" } },
      { means: "A style sheet", schema: z.string(), mediaType: "text/css" },
      { means: "A sign", schema: z.string(), mediaType: "image/svg+xml" },
    ],
    304: unchanged,
  },
  problems: ["not_found"],
  ownAlways: true,
  needs: "nothing",
  handle: ({ c, service, path: { asset } }) => service.dashboard.asset(c.req.raw, asset),
});
