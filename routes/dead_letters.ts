// What was refused: lists of dead letters, and all of them as a download.

import { z } from "@hono/zod-openapi";
import { Buffer } from "node:buffer";
import { rejectCodes } from "../src/event/reject.ts";
import { formatTimestamp } from "../src/event/timestamp.ts";
import { limits } from "../src/limits.ts";
import type { DeadLetter, DeadLetterStore } from "../src/store/dead_letters.ts";
import { type CursorShape, linkNext, placeOf } from "../src/web/cursor.ts";
import { endpoint } from "../src/web/endpoint.ts";
import { linesOf, NDJSON } from "../src/web/ndjson.ts";
import { cursorParameter, oneOf, wholeNumber } from "../src/web/parameters.ts";

export const deadLetterSchema = z.object({
  number: z.int().min(0).describe("Counts dead letters of this data folder"),
  received_at: z.string().describe("When it was refused"),
  source: z.string().describe("`http`, or the name of the replayed file"),
  line: z.int().describe("Line of the body or file, or place in a JSON array, from 1"),
  code: z.enum(rejectCodes),
  field: z.string().nullable().describe("The field that is at fault, if it is one"),
  message: z.string().describe("What is wrong, and how to mend it"),
  raw: z.string().nullable().describe("The refused bytes as text, IP addresses masked; null where they are not UTF-8"),
  raw_base64: z.string().nullable().describe("The refused bytes, where they are not UTF-8"),
  raw_bytes: z.int().min(0).describe("How long the line was; `raw` holds its first bytes"),
  raw_cut: z.boolean().describe(`Whether the line was longer than the ${limits.deadLetterRawBytesMax} bytes that are kept`),
}).openapi("DeadLetter");

const shape: CursorShape = { list: "dead-letters", parts: ["number"] };
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function shown({ seq, time, source, line, code, field, message, raw, rawBytes }: DeadLetter): z.infer<typeof deadLetterSchema> {
  const text = textOf(raw);
  return {
    number: seq,
    received_at: formatTimestamp(time),
    source,
    line,
    code,
    field,
    message,
    raw: text,
    raw_base64: text === null ? Buffer.from(raw).toString("base64") : null,
    raw_bytes: rawBytes,
    raw_cut: rawBytes > raw.length,
  };
}

function textOf(raw: Uint8Array): string | null {
  try {
    return utf8.decode(raw);
  } catch {
    return null;
  }
}

/** From `before` back, `most` at the most. */
async function* all(store: DeadLetterStore, most: number, before: number, code?: DeadLetter["code"]) {
  for (let next: number | null = before; next !== null && most > 0;) {
    const page: Awaited<ReturnType<DeadLetterStore["list"]>> = await store.list(Math.min(limits.pageRowsDefault, most), next, code);
    for (const letter of page.items) yield shown(letter);
    most -= page.items.length;
    next = page.next;
  }
}

export const deadLetters = endpoint({
  method: "get",
  path: "/dead_letters",
  tag: "Refused and late",
  summary: "Refused lines, newest first",
  description: `What was refused, with the reason and its first bytes. The newest ${limits.deadLettersMax} are kept, for ` +
    `${limits.deadLettersKeepDays} days.`,
  query: z.object({
    limit: wholeNumber(1, limits.pageRowsMax, undefined, {
      means: `Rows of one page, at the most: ${limits.pageRowsDefault} where it is left out, and all of them with format=ndjson`,
      example: limits.pageRowsDefault,
    }),
    cursor: cursorParameter,
    code: oneOf(rejectCodes, { means: "Refused for this reason alone", example: "missing_field" }),
    format: oneOf(["json", "ndjson"], { means: "`ndjson`: one a line, as a file" }),
  }),
  answers: {
    200: [
      { means: "One page", schema: z.array(deadLetterSchema), paged: true },
      { means: "One a line", schema: z.string(), mediaType: NDJSON },
    ],
  },
  problems: [],
  handle: async ({ c, service, query: { limit, cursor, code, format } }) => {
    const store = service.guardian.deadLetters;
    const before = cursor === undefined ? Infinity : placeOf(shape, cursor)[0] as number;
    if (format === "ndjson") return linesOf(all(store, limit ?? Infinity, before, code), "dead_letters.ndjson");
    const { items, next } = await store.list(limit ?? limits.pageRowsDefault, before, code);
    linkNext(c, shape, next === null ? null : [next]);
    return c.json(items.map(shown));
  },
});
