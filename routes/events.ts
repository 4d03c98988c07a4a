// The way in over HTTP. What always holds: the body is read and parsed whole before anything is appended, so that a 4xx means that nothing
// got in; a 202 is given once everything that was accepted is durable.

import { z } from "@hono/zod-openapi";
import { KEY_PARAMETER } from "../src/access/access.ts";
import { GuardianError } from "../src/errors.ts";
import { ColumnBuilder, LIVE } from "../src/event/batch.ts";
import { Parsing } from "../src/event/parse.ts";
import { type Reject, rejectCodes } from "../src/event/reject.ts";
import { recordSchema } from "../src/event/schema.ts";
import { limits } from "../src/limits.ts";
import { keyHashesInTurns } from "../src/log/keys_seen.ts";
import { sourceOfKey, type Taken } from "../src/source/intake.ts";
import { giveWay, isTurnOver } from "../src/turn.ts";
import { type Body, readBody } from "../src/web/body.ts";
import { endpoint } from "../src/web/endpoint.ts";
import { someText, wholeNumber } from "../src/web/parameters.ts";
import type { Service } from "../src/web/service.ts";

const count = z.int().min(0);

export const takenSchema = z.object({
  accepted: count.describe("Events that are durable now"),
  duplicates: count.describe("Events that were there already"),
  rejected: count.describe("Lines that are no event, and order items that cannot be taken"),
  errors: z.array(z.object({
    line: z.int().describe("Line of the body, or place in the array, from 1"),
    code: z.enum(rejectCodes),
    field: z.string().nullable(),
    message: z.string(),
  })).describe(`The first ${limits.errorsInAnswerMax} rejected lines; all are in the dead letters`),
  rejected_not_kept: count.optional().describe("Rejected lines that are counted alone, as there were too many to keep as dead letters"),
}).openapi("Taken");

/** Media types of bodies that are read as JSON or NDJSON. Those of simple tools and beacons are among them; what is no JSON is told so. */
const READ_TYPES =
  /^(application\/(json|x-ndjson|ndjson|jsonl|x-jsonlines|jsonlines|octet-stream|x-www-form-urlencoded|[\w.-]+\+json)|text\/(plain|json))$/;
const USUAL_TYPES = new Set(["application/json", "application/x-ndjson"]);
const KEY = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;

/** A line with the usual fields is longer, so that columns seldom have to grow. */
const LINE_BYTES_LIKELY = 80;

/** What of a body could be read. rejects: the first ones; beyond: how many more there were. */
interface Read {
  readonly columns: ColumnBuilder;
  readonly rejects: readonly Reject[];
  readonly beyond: number;
}

export const postEvents = endpoint({
  method: "post",
  path: "/events",
  tag: "Events",
  summary: "Send events",
  description:
    "One JSON object, a JSON array, or one object a line (NDJSON); packed with gzip if you like. Valid neighbours of a bad line get " +
    "in. A 4xx means that nothing got in; a 202 that everything accepted is durable. With an `Idempotency-Key`, sending the same again " +
    "is harmless, whatever became of the first try; without, a body of many events that met a 503 may be in partly.",
  query: z.object({
    source: z.string().regex(/^[0-9a-f]{64}$/, "it must be 64 hex digits").optional().openapi({
      description: "For tools that replay a file: what identifies it. Its events get a lane of their own, and no row gets in twice. " +
        "Such a body is taken whole or not at all",
      example: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    }),
    row: wholeNumber(0, Number.MAX_SAFE_INTEGER - limits.bodyDecodedBytesMax, undefined, {
      means: "With `source`: the row of the body's first event",
    }),
    [KEY_PARAMETER]: someText({
      means: "A page key, from a script that cannot set headers. `sendBeacon` takes the body as a string: of another type than text, " +
        "browsers hold it back, as they would send cookies along",
      example: "cgp_abcdefgh_" + "0".repeat(43),
    }),
  }),
  headers: z.object({
    "idempotency-key": z.string().max(limits.idempotencyKeyCharsMax).optional().openapi({
      description: `Names the request, for ${limits.idempotencyKeysKeepHours} hours: 1 to ${limits.idempotencyKeyCharsMax} characters`,
      example: "2014-04-07-batch-17",
    }),
    "content-encoding": z.enum(["identity", "gzip"]).optional().openapi({ description: "How the body is packed", example: "gzip" }),
  }),
  body: {
    required: true,
    description: `At most ${limits.bodyBytesMax} bytes, and ${limits.bodyDecodedBytesMax} once unpacked. ` +
      `With more than ${limits.rejectsPerBodyMax} refused lines it is refused whole`,
    content: {
      "application/json": { schema: z.union([recordSchema, z.array(recordSchema)]) },
      "application/x-ndjson": {
        schema: z.string(),
        example: '{"session_id":11,"timestamp":"2014-04-07T10:51:09.277Z","item_id":214536502}\n' +
          '{"session_id":11,"timestamp":"2014-04-07T10:54:09.868Z","item_id":214536500}\n',
      },
    },
  },
  answers: { 202: { means: "Taken", schema: takenSchema, example: { accepted: 2, duplicates: 0, rejected: 0, errors: [] } } },
  problems: ["bad_request", "key_in_progress", "body_too_large", "unsupported_media_type", "key_reused", "overloaded", "storage_failing"],
  ownAlways: true,
  needs: "ingest",
  direct: (request, service) => takeEvents(request, service, {}),
  handle: async ({ c, service, query }) => {
    const { json, status } = await takeEvents(c.req.raw, service, query);
    return c.json(json, status);
  },
});

type Answer = z.infer<typeof takenSchema>;

/** Takes the body of a request, whichever way it came. source, row: what its query says. */
async function takeEvents(
  request: Request,
  service: Service,
  { source, row }: { source?: string; row?: number },
): Promise<{ status: 202; json: Answer }> {
  if ((source === undefined) !== (row === undefined)) {
    throw new GuardianError("invalid_parameter", 'Cannot use "source" and "row" apart: give both, or neither');
  }
  refuseWhenBehind(service);
  checkType(request);
  const key = keyOf(request);
  using ticket = service.admission.enter();
  const body = await readBody(request, ticket);
  const read = await readEvents(body, service.clock.now(), source === undefined ? service.futureMs : null);
  const taken = source === undefined
    ? await takeLive(service, read, key === null ? undefined : await keyHashesInTurns(key, body.bytes, giveWay))
    : await takeRows(service, read, source, row!);
  const { rejects, beyond } = read;
  const errors = rejects.length === 0
    ? []
    : rejects.slice(0, limits.errorsInAnswerMax).map(({ line, code, field, message }) => ({ line, code, field, message }));
  const answer: Answer = { ...taken, rejected: rejects.length + beyond, errors };
  return { status: 202, json: beyond === 0 ? answer : { ...answer, rejected_not_kept: beyond } };
}

/** Throws `overloaded` when the readers of the log are so far behind that intake would wait for them. */
function refuseWhenBehind({ guardian }: Service): void {
  const { lag } = guardian.intake;
  if (lag <= limits.readerLagEventsMax) return;
  const why = `${lag} events are waiting to be processed, more than ${limits.readerLagEventsMax}; send it again in a moment`;
  throw new GuardianError("overloaded", `Cannot take events now: ${why}`, { retryAfterS: 2 });
}

function checkType({ headers }: Request): void {
  const given = headers.get("content-type") ?? "application/json";
  if (USUAL_TYPES.has(given)) return;
  const type = given.split(";")[0].trim().toLowerCase();
  if (READ_TYPES.test(type)) return;
  throw new GuardianError(
    "unsupported_media_type",
    `Cannot read a body of the type "${
      type.slice(0, 100)
    }": send application/json or application/x-ndjson; a CSV file goes in with "replay"`,
  );
}

function keyOf({ headers }: Request): string | null {
  const key = headers.get("idempotency-key");
  if (key === null) return null;
  if (key.length <= limits.idempotencyKeyCharsMax && KEY.test(key)) return key;
  const must = `it must have 1 to ${limits.idempotencyKeyCharsMax} visible ASCII characters`;
  throw new GuardianError("bad_request", `Cannot use an Idempotency-Key of ${key.length} characters: ${must}`);
}

async function readEvents({ bytes, truncated }: Body, now: number, futureMs: number | null): Promise<Read> {
  const columns = new ColumnBuilder(Math.max(8, Math.ceil(bytes.length / LINE_BYTES_LIKELY)));
  const rejects: Reject[] = [];
  let beyond = 0;
  const onReject = (reject: Reject) => {
    if (rejects.length < limits.deadLettersPerSourceMax) rejects.push(reject);
    else if (rejects.length + ++beyond > limits.rejectsPerBodyMax) throw rubbish(rejects[0]);
  };
  const parsing = new Parsing(bytes, columns, onReject, { now, futureMs, truncated });
  const until = performance.now() + limits.turnMs;
  while (parsing.goOn() === null) if (performance.now() >= until && isTurnOver()) await giveWay();
  return { columns, rejects, beyond };
}

function rubbish({ line, message }: Reject): GuardianError {
  const why = `more than ${limits.rejectsPerBodyMax} lines or order items in it are refused, the first one in line ${line} (${message})`;
  return new GuardianError("bad_request", `Cannot take this body: ${why}; send events`);
}

/** Events first, then dead letters: a request that fails in between is told so, and its key makes the retry harmless for both. */
async function takeLive({ guardian }: Service, read: Read, key: { key: string; body: string } | undefined): Promise<Taken> {
  const taken = await guardian.intake.submit({ columns: read.columns, lane: LIVE, key });
  if (read.rejects.length > 0) {
    await guardian.deadLetters.add("http", key === undefined ? null : sourceOfKey(key.key), 0, read.rejects, read.beyond);
  }
  return taken;
}

/** Rows are numbered by their place, so that a body with a bad line cannot be taken in part. */
async function takeRows({ replays }: Service, { columns, rejects }: Read, source: string, row: number): Promise<Taken> {
  if (rejects.length > 0) {
    const [{ line, message }] = rejects;
    throw new GuardianError(
      "bad_request",
      `Cannot take these rows of a source: line ${line} is refused (${message}); send good rows alone`,
    );
  }
  return await replays.submit(source, row, columns);
}
