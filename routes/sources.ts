// Replayed files, for tools that send them over HTTP: how far one is, its end, and what of it was refused.

import { z } from "@hono/zod-openapi";
import { Buffer } from "node:buffer";
import { anomalyTypes } from "../src/detect/anomaly.ts";
import { GuardianError } from "../src/errors.ts";
import { measureJson } from "../src/event/json_text.ts";
import { type Reject, rejectCodes } from "../src/event/reject.ts";
import { limits } from "../src/limits.ts";
import { laneOfSource } from "../src/source/intake.ts";
import { forgetShift, keptShift } from "../src/source/local_sink.ts";
import { stateKeys } from "../src/store/keys.ts";
import { readBody } from "../src/web/body.ts";
import { endpoint } from "../src/web/endpoint.ts";
import type { Service } from "../src/web/service.ts";

const count = z.int().min(0);
const sourcePath = z.object({
  source: z.string().regex(/^[0-9a-f]{64}$/, "it must be 64 hex digits").openapi({
    description: "What identifies the file: 64 hex digits",
    example: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
  }),
});

/** How long an end waits for the engine, ms; a client may send it again. */
const CATCH_UP_MS = 25_000;

const sourceSchema = z.object({
  source: z.string(),
  lane: z.string().describe("Its anomalies and late events are found by this"),
  rows: z.array(count).describe("By partition, the row from which on none is in the log; as of a second ago"),
  ended: z.boolean().describe("Its end is in the log: all its windows are closed"),
  anomalies: z.object(Object.fromEntries(anomalyTypes.map((type) => [type, count]))).describe("Confirmed ones by type"),
}).openapi("Source");

async function stateOf({ guardian }: Service, source: string): Promise<z.infer<typeof sourceSchema> | null> {
  const { value: rows } = await guardian.state.get<number[]>(stateKeys.source(source));
  const { value: end } = await guardian.state.get<{ ended: boolean }>(stateKeys.sourceEnd(source));
  if (rows === null && end === null) return null;
  const lane = laneOfSource(source);
  const anomalies = await guardian.anomalies.countsOf(new Set([lane]));
  return { source, lane, rows: rows ?? new Array(guardian.log.partitions).fill(0), ended: end?.ended ?? false, anomalies };
}

export const sourceState = endpoint({
  method: "get",
  path: "/sources/{source}",
  needs: "ingest",
  tag: "Replay",
  summary: "How far a replayed file is",
  description: "Which of its rows the log has, whether it has ended, and what was found in it.",
  params: sourcePath,
  answers: { 200: { means: "What is known of it", schema: sourceSchema } },
  problems: ["not_found"],
  ownAlways: true,
  handle: async ({ c, service, path: { source } }) => {
    const state = await stateOf(service, source);
    if (state === null) throw new GuardianError("not_found", `Cannot find the source ${source}: nothing of it is here`);
    return c.json(state);
  },
});

const shiftSchema = z.object({ shift_ms: z.int().describe("Whole days, to be added to all event times") }).openapi("ReplayShift", {
  example: { shift_ms: 86_400_000 },
});

export const postShift = endpoint({
  method: "post",
  path: "/sources/{source}/shift",
  needs: "ingest",
  tag: "Replay",
  summary: "Choose by how many days files are shifted, so that their last event falls on today",
  description: "Chosen at the first call and kept until `finished`, so that a replay that goes on tomorrow brings the same rows. " +
    "Here `source` is whatever stands for the files together.",
  params: sourcePath,
  query: z.object({
    last_event_time: z.coerce.number().int().min(limits.eventTimeMin).max(limits.eventTimeMax).openapi({
      description: "Newest event time of the files, ms since the epoch",
      example: 1_411_992_000_000,
    }),
    finished: z.enum(["true"]).optional().openapi({
      description: "The files were taken to their end: the choice is forgotten",
      example: "true",
    }),
  }),
  answers: { 200: { means: "The shift", schema: shiftSchema } },
  problems: ["storage_failing"],
  ownAlways: true,
  handle: async ({ c, service, path: { source }, query: { last_event_time: lastTime, finished } }) => {
    const { state } = service.guardian;
    const shift = await keptShift(state, source, lastTime, service.clock);
    if (finished !== undefined) await forgetShift(state, source);
    return c.json({ shift_ms: shift });
  },
});

const endedSchema = z.object({ source: z.string(), lane: z.string(), ended: z.literal(true) }).openapi("SourceEnded");

export const postEnd = endpoint({
  method: "post",
  path: "/sources/{source}/end",
  needs: "ingest",
  tag: "Replay",
  summary: "Say that a replayed file has no more rows",
  description: "Closes all windows of its lane, and answers when what they led to is stored. Saying it again changes nothing.",
  params: sourcePath,
  answers: { 200: { means: "Its windows are closed", schema: endedSchema } },
  problems: ["storage_failing"],
  ownAlways: true,
  handle: async ({ c, service, path: { source } }) => {
    await service.replays.end(source);
    await caughtUp(service);
    return c.json({ source, lane: laneOfSource(source), ended: true });
  },
});

/** Waits for the engine, for a while. Throws `storage_failing`. */
async function caughtUp({ guardian }: Service): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const why = guardian.engine.failing ?? "the engine is behind";
      reject(new GuardianError("storage_failing", `Cannot say yet that all windows are closed: ${why}; ask again`, { retryAfterS: 1 }));
    }, CATCH_UP_MS);
  });
  try {
    await Promise.race([guardian.caughtUp(), late]);
  } finally {
    clearTimeout(timer);
  }
}

const letterSchema = z.object({
  line: z.int().min(1).max(Number.MAX_SAFE_INTEGER),
  code: z.enum(rejectCodes),
  field: z.string().nullable(),
  message: z.string().max(2000),
  raw_base64: z.base64().openapi({
    description: "The refused bytes, the first ones of a long line",
    pattern: "^(?:[0-9A-Za-z+/]{4})*(?:[0-9A-Za-z+/]{2}==|[0-9A-Za-z+/]{3}=)?$",
  }),
  raw_bytes: count.max(Number.MAX_SAFE_INTEGER).describe("How long the line was"),
});

/** No file has more lines; sums of such counts stay exact. */
const FILE_LINES_MAX = 1e12;
/** Names in a body of refused lines: those of each line, and its own. */
const NAMES_MAX = Object.keys(letterSchema.shape).length * limits.deadLettersPerSourceMax + 4;

export const lettersSchema = z.object({
  name: z.string().min(1).max(255).describe("Name of the file"),
  first: count.max(FILE_LINES_MAX).default(0).describe("How many refused lines of the file come before these"),
  rejects: z.array(letterSchema).max(limits.deadLettersPerSourceMax),
  beyond: count.max(FILE_LINES_MAX).default(0).describe("Refused lines behind these that are only counted"),
}).strict().openapi("SourceDeadLetters", {
  example: {
    name: "clicks.dat",
    first: 0,
    rejects: [{
      line: 3,
      code: "wrong_columns",
      field: null,
      message: "Cannot take this line: it has 2 columns",
      raw_base64: "YSxi",
      raw_bytes: 3,
    }],
    beyond: 0,
  },
});

export const postDeadLetters = endpoint({
  method: "post",
  path: "/sources/{source}/dead_letters",
  needs: "ingest",
  tag: "Replay",
  summary: "Send refused lines of a replayed file",
  description: "Keeps them as dead letters, each once, however often they are sent.",
  params: sourcePath,
  body: { required: true, content: { "application/json": { schema: lettersSchema } } },
  answers: {
    200: { means: "Kept", schema: z.object({ received: count }).openapi("DeadLettersReceived"), example: { received: 1 } },
  },
  problems: ["bad_request", "body_too_large", "unsupported_media_type", "overloaded", "storage_failing"],
  ownAlways: true,
  handle: async ({ c, service, path: { source } }) => {
    using ticket = service.admission.enter();
    const { bytes, truncated } = await readBody(c.req.raw, ticket, { decodedMax: limits.bodyBytesMax });
    if (truncated) throw new GuardianError("bad_request", "Cannot read the body: it breaks off before its end; send it again");
    const { name, first, rejects, beyond } = lettersIn(bytes);
    await service.guardian.deadLetters.add(name, source, first, rejects, beyond);
    return c.json({ received: rejects.length });
  },
});

const decoder = new TextDecoder("utf-8", { fatal: true });

function lettersIn(bytes: Uint8Array): { name: string; first: number; rejects: Reject[]; beyond: number } {
  refuseWide(bytes);
  let given: unknown;
  try {
    given = JSON.parse(decoder.decode(bytes));
  } catch (cause) {
    throw new GuardianError("bad_request", "Cannot read the body: it is not JSON in UTF-8; send one object", { cause });
  }
  // The schema looks at all of a list before it says that there is too much of it.
  const lines = (given as { rejects?: unknown } | null)?.rejects;
  if (Array.isArray(lines) && lines.length > limits.deadLettersPerSourceMax) {
    const why =
      `it has ${lines.length} refused lines, more than ${limits.deadLettersPerSourceMax}; send the first ones, and how many are beyond`;
    throw new GuardianError("bad_request", `Cannot read the body: ${why}`);
  }
  const result = lettersSchema.safeParse(given);
  if (!result.success) {
    const [{ path, message }] = result.error.issues;
    throw new GuardianError("bad_request", `Cannot read the body: at "${path.join(".")}": ${message.slice(0, 200)}`);
  }
  const { name, first, rejects, beyond } = result.data;
  return { name, first, beyond, rejects: rejects.map(toReject) };
}

/** Throws for a body that has more names, or goes deeper, than refused lines do: to make objects of it, and check them, takes seconds. */
function refuseWide(bytes: Uint8Array): void {
  const shape = { depth: 0, members: 0 };
  measureJson(bytes, 0, bytes.length, shape);
  if (shape.depth <= limits.jsonDepthMax && shape.members <= NAMES_MAX) return;
  const why = `it holds ${shape.members} names and goes ${shape.depth} deep, which refused lines do not; send what /openapi.json shows`;
  throw new GuardianError("bad_request", `Cannot read the body: ${why}`);
}

function toReject({ line, code, field, message, raw_base64, raw_bytes }: z.infer<typeof letterSchema>): Reject {
  const raw = new Uint8Array(Buffer.from(raw_base64, "base64")).slice(0, limits.deadLetterRawBytesMax);
  return { line, code, field, message, raw, rawBytes: raw_bytes };
}
