import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { definitionsOf } from "../../src/web/definitions.ts";
import type { OpenApiDocument } from "../../src/web/openapi.ts";
import { withLab } from "./lab.ts";

/** Which schema tells the columns of each table of the page about days. */
const schemaOf: Record<string, string> = {
  daily_metrics: "Day",
  session_funnel: "Funnel",
  popular_items: "PopularItem",
  categories: "Category",
  trending: "TrendingItem",
  summary: "SummaryOfDays",
};

Deno.test("definitions tell every column of the page about days in its own words", async () => {
  const text = await Deno.readTextFile(fileURLToPath(new URL("../../docs/days.md", import.meta.url)));
  await withLab(async ({ fetch }) => {
    const told = await (await fetch("/definitions")).json();
    const columns = new Map<string, number>();
    for (const part of text.split(/^## /m)) {
      const table = /^`(\w+)`/.exec(part)?.[1];
      if (table === undefined) continue;
      for (const [, column, unit, means] of part.matchAll(/^\| `(\w+)` +\| (.*?) +\| (.*?) +\|$/gm)) {
        columns.set(table, (columns.get(table) ?? 0) + 1);
        assert.equal(told[schemaOf[table]]?.[column], unit.trim() === "" ? means : `${means} (${unit.trim()})`, `${table}.${column}`);
      }
    }
    assert.deepEqual([...columns.keys()], Object.keys(schemaOf), "all tables are found");
    assert.ok([...columns.values()].every((count) => count > 5), JSON.stringify([...columns]));
  });
});

Deno.test("definitions may be kept: they carry an ETag, and are not sent twice", async () => {
  await withLab(async ({ fetch }) => {
    const first = await fetch("/definitions");
    const etag = first.headers.get("etag")!;
    assert.ok((await first.text()).length < 64 * 1024, "small enough to be loaded with a page");
    const again = await fetch("/definitions", { headers: { "If-None-Match": etag } });
    assert.deepEqual([again.status, await again.text(), again.headers.get("etag")], [304, "", etag]);
  });
});

Deno.test("definitions follow references, lists and objects within objects", () => {
  const schemas = {
    Row: { type: "object", properties: { a: { type: "string", description: "first" }, silent: { type: "string" } } },
    Rows: { type: "array", items: { $ref: "#/components/schemas/Row" } },
    More: {
      allOf: [{ $ref: "#/components/schemas/Row" }, {
        type: "object",
        properties: {
          within: { type: "object", description: "an object", properties: { b: { type: "string", description: "second" } } },
          list: { type: "array", items: { type: "object", properties: { c: { type: "string", description: "third" } } } },
          maybe: { anyOf: [{ type: "object", properties: { d: { type: "string", description: "fourth" } } }, { type: "null" }] },
          named: { $ref: "#/components/schemas/Row" },
        },
      }],
    },
    Word: { type: "string" },
  };
  assert.deepEqual(definitionsOf({ components: { schemas } } as unknown as OpenApiDocument), {
    Row: { a: "first" },
    Rows: { a: "first" },
    More: { a: "first", within: "an object", "within.b": "second", "list.c": "third", "maybe.d": "fourth" },
  });
});
