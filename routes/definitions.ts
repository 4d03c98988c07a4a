// What each figure means, for whoever shows figures: the sentences of the API's own description, so that they stand in one place.

import { z } from "@hono/zod-openapi";
import { type Definitions, definitionsOf } from "../src/web/definitions.ts";
import { endpoint } from "../src/web/endpoint.ts";
import { settledJson } from "../src/web/etag.ts";
import { document } from "./docs.ts";

let made: Definitions | null = null;

const definitionsSchema = z.record(
  z.string().describe("Name of a schema in the API's description"),
  z.record(z.string().describe("Name of a field"), z.string().describe("What it means")),
).openapi("Definitions");

export const definitions = endpoint({
  method: "get",
  path: "/definitions",
  tag: "About",
  summary: "What each figure means",
  description: "The description of every field by schema and field, as `/openapi.json` has them, for tooltips and legends. " +
    "A field within a field goes by both names, with a dot between.",
  answers: {
    200: {
      means: "Schema, field and sentence",
      schema: definitionsSchema,
      example: { Day: { total_clicks: "Events of kind click, and of no other kind (clicks)" } },
      headers: { ETag: "Of the sentences" },
    },
    304: { means: "The same as the one that If-None-Match names", schema: null },
  },
  problems: [],
  ownAlways: true,
  handle: ({ c }) => settledJson(c, made ??= definitionsOf(document()), true),
});
