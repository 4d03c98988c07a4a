// What was refused: lists of dead letters, and all of them as a download.

import { z } from "@hono/zod-openapi";
import { Buffer } from "node:buffer";
import { GuardianError } from "../src/errors.ts";
import { ColumnBuilder, LIVE } from "../src/event/batch.ts";
import { parseBody } from "../src/event/parse.ts";
import { rejectCodes } from "../src/event/reject.ts";
import { formatTimestamp } from "../src/event/timestamp.ts";
import { keyHashes } from "../src/log/keys_seen.ts";
import { limits } from "../src/limits.ts";
import type { DeadLetter, DeadLetterStore } from "../src/store/dead_letters.ts";
import { type CursorShape, linkNext, placeOf } from "../src/web/cursor.ts";
import { endpoint } from "../src/web/endpoint.ts";
import { jsonBody } from "../src/web/json_body.ts";
import { linesOf, NDJSON } from "../src/web/ndjson.ts";
import { cursorParameter, oneOf, wholeNumber } from "../src/web/parameters.ts";
import type { Service } from "../src/web/service.ts";

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
  ownAlways: true,
  handle: async ({ c, service, query: { limit, cursor, code, format } }) => {
    const store = service.guardian.deadLetters;
    const before = cursor === undefined ? Infinity : placeOf(shape, cursor)[0] as number;
    if (format === "ndjson") return linesOf(all(store, limit ?? Infinity, before, code), "dead_letters.ndjson");
    const { items, next } = await store.list(limit ?? limits.pageRowsDefault, before, code);
    linkNext(c, shape, next === null ? null : [next]);
    return c.json(items.map(shown));
  },
});

const replayBody = z.object({
  numbers: z.array(z.int().min(0).max(Number.MAX_SAFE_INTEGER)).max(limits.pageRowsMax).optional().describe(
    "These alone; the newest ones where it is left out",
  ),
}).strict().openapi("DeadLetterReplay", { example: { numbers: [17, 18] } });

const count = z.int().min(0);
const replayedSchema = z.object({
  tried: count.describe("Dead letters that were looked at"),
  accepted: count.describe("Events that got in; their dead letters are gone"),
  duplicates: count.describe("Events that an earlier replay had brought in"),
  refused: count.describe("Dead letters that are still refused, or of which only the first bytes were kept"),
}).openapi("DeadLettersReplayed", { example: { tried: 2, accepted: 1, duplicates: 0, refused: 1 } });

/** Letters that are taken in one commit of the log, as far as they fit. */
const TOGETHER = 200;

export const postDeadLetterReplay = endpoint({
  method: "post",
  path: "/dead_letters/replay",
  tag: "Refused and late",
  summary: "Try refused lines again",
  description:
    "After what refused them was mended, such as a clock or a setting: each line is read as `POST /events` reads it. What gets in is no " +
    `dead letter any more, and gets in once, however often it is tried. At most ${limits.pageRowsMax} at a time.`,
  body: { required: false, content: { "application/json": { schema: replayBody } } },
  answers: { 200: { means: "What became of them", schema: replayedSchema } },
  problems: ["bad_request", "body_too_large", "unsupported_media_type", "overloaded", "storage_failing"],
  ownAlways: true,
  handle: async ({ c, service }) => {
    const { numbers } = await jsonBody(c.req.raw, service, replayBody);
    const store = service.guardian.deadLetters;
    const letters = numbers === undefined
      ? (await store.list(limits.pageRowsMax)).items
      : (await Promise.all([...new Set(numbers)].map((number) => store.get(number)))).filter((letter) => letter !== null);
    letters.sort((a, b) => a.seq - b.seq);
    const sum = { tried: letters.length, accepted: 0, duplicates: 0, refused: 0 };
    for (let from = 0; from < letters.length; from += TOGETHER) {
      const some = letters.slice(from, from + TOGETHER);
      const taken = await Promise.all(some.map((letter) => takenAgain(service, letter)));
      await store.remove(some.filter((_, i) => taken[i] !== null).map(({ seq }) => seq));
      for (const result of taken) {
        if (result === null) sum.refused++;
        sum.accepted += result?.accepted ?? 0;
        sum.duplicates += result?.duplicates ?? 0;
      }
    }
    return c.json(sum);
  },
});

/** Submits what a dead letter holds, with a key of its own; null when it is still refused. */
async function takenAgain({ guardian, clock, futureMs }: Service, { seq, raw, rawBytes }: DeadLetter) {
  if (rawBytes > raw.length) return null;
  const columns = new ColumnBuilder();
  let rejected = 0;
  try {
    parseBody(raw, columns, () => rejected++, { now: clock.now(), futureMs });
  } catch (failure) {
    if (failure instanceof GuardianError) return null; // nothing is in it
    throw failure;
  }
  if (rejected > 0 || columns.count === 0) return null;
  return await guardian.intake.submit({ columns, lane: LIVE, key: keyHashes(`dead letter ${seq}`, raw) });
}
