// The API's own description, for programs and for people.

import { z } from "@hono/zod-openapi";
import { docsFiles, docsFileTypes, docsPage, docsText } from "../src/web/docs_files.ts";
import { endpoint } from "../src/web/endpoint.ts";
import { tagged } from "../src/web/etag.ts";
import { describe, type OpenApiDocument } from "../src/web/openapi.ts";
import { referencePage } from "../src/web/reference.ts";
import { endpoints } from "./mod.ts";

let made: OpenApiDocument | null = null;

/** The description; made when it is first asked for, as it never changes. */
export function document(): OpenApiDocument {
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
  ownAlways: true,
  handle: ({ c }) => c.json(document()),
});

const htmlPage = { means: "A page", schema: z.string(), mediaType: "text/html" };

export const docs = endpoint({
  method: "get",
  path: "/docs",
  tag: "About",
  summary: "The API, to read and to try out",
  description: "Swagger UI over `/openapi.json`, served from here: it asks nothing of any other server.",
  answers: { 200: htmlPage },
  problems: [],
  ownAlways: true,
  handle: docsPage,
});

export const docsFile = endpoint({
  method: "get",
  path: "/docs/{file}",
  tag: "About",
  summary: "The files of /docs",
  description: "Script and style of Swagger UI.",
  params: z.object({
    file: z.enum(docsFiles, { error: () => `it must be one of ${docsFiles.join(", ")}` }).openapi({
      description: "Name of the file",
      example: "swagger-ui.css",
    }),
  }),
  answers: {
    200: [
      { means: "A script", schema: z.string(), mediaType: "text/javascript", headers: { ETag: "Of the file's bytes" } },
      { means: "A style sheet", schema: z.string(), mediaType: "text/css" },
    ],
    304: { means: "The same as the one that If-None-Match names", schema: null },
  },
  problems: [],
  ownAlways: true,
  handle: async ({ c, path: { file } }) => tagged(c, await docsText(file), { "Content-Type": `${docsFileTypes[file]}; charset=utf-8` }),
});

export const redoc = endpoint({
  method: "get",
  path: "/redoc",
  tag: "About",
  summary: "The API on one plain page",
  description: "Every path, parameter, answer and problem to read, without a script.",
  answers: { 200: htmlPage },
  problems: [],
  ownAlways: true,
  handle: () => referencePage(document()),
});
