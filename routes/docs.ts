// The API's own description, for programs and for people.

import { z } from "@hono/zod-openapi";
import { endpoint } from "../src/web/endpoint.ts";
import { describe, type OpenApiDocument } from "../src/web/openapi.ts";
import { referencePage } from "../src/web/reference.ts";
import { endpoints } from "./mod.ts";

let made: OpenApiDocument | null = null;

/** The description; made when it is first asked for, as it never changes. */
function document(): OpenApiDocument {
  return made ??= describe(endpoints);
}

const documentSchema = z.looseObject({ openapi: z.string(), info: z.looseObject({}), paths: z.looseObject({}) }).openapi("OpenApi");

export const openApi = endpoint({
  method: "get",
  path: "/openapi.json",
  tag: "About",
  summary: "The API, for programs",
  description: "OpenAPI 3.1.",
  answers: { 200: { means: "The description", schema: documentSchema } },
  problems: [],
  handle: ({ c }) => c.json(document()),
});

const htmlPage = { means: "A page", schema: z.string(), mediaType: "text/html" };

export const docs = endpoint({
  method: "get",
  path: "/docs",
  tag: "About",
  summary: "The API, for people",
  description: "Every path, parameter, answer and problem on one page.",
  answers: { 200: htmlPage },
  problems: [],
  handle: () => referencePage(document()),
});

export const redoc = endpoint({
  method: "get",
  path: "/redoc",
  tag: "About",
  summary: "The API, for people",
  description: "The same page as `/docs`.",
  answers: { 200: htmlPage },
  problems: [],
  handle: () => referencePage(document()),
});
