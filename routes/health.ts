// How the server is: for people, and for what restarts it or sends it traffic.

import { z } from "@hono/zod-openapi";
import { reasonOf } from "../src/errors.ts";
import { lastEnds } from "../src/folder.ts";
import { startSteps } from "../src/recovery.ts";
import { stateKeys } from "../src/store/keys.ts";
import { VERSION } from "../src/version.ts";
import { endpoint } from "../src/web/endpoint.ts";
import type { Service } from "../src/web/service.ts";

const partSchema = z.object({ status: z.enum(["ok", "failing"]), reason: z.string().optional().describe("Why it is failing") });
const count = z.int().min(0);

const webhookSchema = z.object({
  status: z.enum(["ok", "failing", "gone"]).describe("gone: the receiver wants nothing more, and gets nothing until a restart"),
  waiting: count.describe("Messages that wait to be sent"),
  delivered: count.describe("Messages that were taken"),
  failed: count.describe("Messages that were given up after the last try"),
  dropped: count.describe("Messages that made room for newer ones, untaken"),
  skipped: count.describe("Messages that had become needless: a person has called the session human, or the anomaly is no longer kept"),
  last_error: z.string().nullable().describe("Why the last try that failed did"),
  last_error_at: z.string().nullable(),
  last_delivered_at: z.string().nullable(),
  next_try_at: z.string().nullable().describe("When a message that was not taken is tried again"),
});

const connectionsSchema = z.object({
  guarded: z.boolean().describe("Whether slow and idle connections are cut: on Linux"),
  open: count.describe("Connections at the last look, which comes once a second"),
  requests: count.describe("Clients with a request under way, this one too"),
  connections_cut: z.object({
    slow_request: count.describe("A request was not there in time"),
    idle: count.describe("There was no request for a long time"),
    unread_answer: count.describe("The client did not take its answer"),
    too_many: count.describe("There were more than may be, in all or of one address"),
  }).describe("Connections that were cut since the start, by the reason"),
});

const offset = count.describe("An offset of the log");
const time = z.number().min(0);

export const recoverySchema = z.object({
  last_end: z.enum(lastEnds).describe(
    "How the process before this one ended. stopped: in good order; crashed: without a word, as when it was killed or the power failed; new: " +
      "the folder was made by this start; unknown: the folder was put here by hand, or by a program that did not tell",
  ),
  seconds: time.describe("How long the folder took to open"),
  seconds_by_step: z.object(Object.fromEntries(startSteps.map((step) => [step, time])) as Record<(typeof startSteps)[number], typeof time>)
    .describe("The same by step: opening the files, finishing the lake, loading stores, filling windows, loading ids"),
  events_read_again: count.describe("Events read again to fill the windows that were open"),
  batches_read_again: count.describe("Batches of the log that they lay in"),
  partitions: z.array(z.object({ partition: count, read_from: offset, bookmark: offset, log_end: offset })).describe(
    "By partition: the offset from which windows were filled, the bookmark up to which all effects were known to be stored, and the log's end",
  ),
  catch_up: z.object({
    events: count.describe("Events behind the bookmarks when the server started"),
    effects_passed_over: count.describe("Effects of them that had been stored before, and are not stored twice"),
    seconds: time.nullable().describe("How long the engine took to catch up, beside requests; null while it does"),
  }).describe("What the engine has to go over again behind its bookmarks"),
  identity: z.object({
    events_read_again: count,
    batches_read_again: count,
    checkpoint_torn: z.boolean().describe("A checkpoint was begun and not finished; the one before it was taken"),
  }).describe("What was read again of the log, behind the checkpoint of the ids by which duplicates are told"),
  lake: z.object({
    flush_finished: z.object({ files: count, rows: count }).nullable().describe("A flush that was begun, and finished by this start"),
    compaction_dropped: z.boolean().describe("A compaction was begun and not finished; the files that it was to replace serve on"),
    unfinished_files_removed: count,
    unlisted_files_moved: count.describe("Files that no manifest lists, moved to `lake/.orphans`"),
    offsets_lost: count.describe("Offsets that the log no longer has and the lake never got; anything but 0 is a loss"),
  }).describe("What was found unfinished in the lake"),
  runs_interrupted: count.describe("Runs of day jobs in which a process had ended; they are run again"),
}).openapi("Recovery");

export const healthSchema = z.object({
  status: z.enum(["ok", "degraded", "failing", "stopping"]).describe(
    "degraded: fit, but some of what is stored is damaged: it is named in `damage`, and left out of all answers",
  ),
  damage: z.object({
    count,
    pieces: z.array(
      z.object({ what: z.string().describe("A file of the lake, offsets of the log, or a key of the store"), reason: z.string() }),
    ),
  }).describe("Stored data that was met damaged since the start; `verify` looks for all of it, and `verify --repair` rebuilds what it can"),
  database: z.enum(["ok", "failing"]).describe("Whether stored data can be read"),
  version: z.string(),
  uptime_s: z.number().describe("Seconds since the start"),
  parts: z.object({ log: partSchema, engine: partSchema, archiver: partSchema }),
  lag_events: z.object({ engine: count, archiver: count }).describe(
    "Events that are in the log and not yet processed, or not yet in the lake",
  ),
  identity: z.object({ event_ids: count, span_hours: z.number(), idempotency_keys: count })
    .describe("How many ids duplicates are told by, and the hours of arrival that they cover"),
  engine: z.array(z.object({
    partition: count,
    position: count,
    end: count,
    lanes: count,
    open_panes: count,
    live_watermark: z.string().nullable(),
  })),
  recovery: recoverySchema.describe("What this start found, what it did about it, and how long that took"),
  connections: connectionsSchema.nullable().describe("The server's connections; null when a command asks without one"),
  webhook: webhookSchema.nullable().describe(
    "The sender of confirmed anomalies; null when no webhook is set. Whatever it is, the server is fit",
  ),
}).openapi("Health");

async function healthOf({ guardian, clock, startedAt, draining, connections }: Service): Promise<z.infer<typeof healthSchema>> {
  const { status, recovery, ...rest } = guardian.health();
  const database = await guardian.state.get(stateKeys.feed()).then(() => "ok" as const, (failure) => {
    rest.parts.engine = { status: "failing", reason: `Cannot read stored data: ${reasonOf(failure)}` };
    return "failing" as const;
  });
  return {
    status: draining ? "stopping" : database === "ok" ? status : "failing",
    database,
    version: VERSION,
    uptime_s: Math.round(clock.monotonic() - startedAt) / 1000,
    connections: connections?.figures ?? null,
    recovery: { ...recovery, partitions: [...recovery.partitions] },
    ...rest,
  };
}

export const health = endpoint({
  method: "get",
  path: "/health",
  tag: "About",
  summary: "How it is, part by part",
  description: "Each part's state, how far the readers of the log are behind it, and what this start found and recovered.",
  answers: {
    200: { means: "Fit", schema: healthSchema },
    503: { means: "Not fit, or stopping; the same body says what is wrong", schema: healthSchema },
  },
  problems: [],
  ownAlways: true,
  whileDraining: true,
  handle: async ({ c, service }) => {
    const answer = await healthOf(service);
    return c.json(answer, answer.status === "ok" || answer.status === "degraded" ? 200 : 503);
  },
});

const liveSchema = z.object({ status: z.literal("ok") }).openapi("Live");

export const live = endpoint({
  method: "get",
  path: "/health/live",
  tag: "About",
  summary: "Whether the process answers",
  description: "Always the same answer, without a token: a process that does not give it should be restarted.",
  answers: { 200: { means: "It answers", schema: liveSchema, example: { status: "ok" } } },
  problems: [],
  ownAlways: true,
  needs: "nothing",
  whileDraining: true,
  handle: ({ c }) => c.json({ status: "ok" }),
});

const readySchema = z.object({ status: z.enum(["ready", "not_ready"]) }).openapi("Ready");

export const ready = endpoint({
  method: "get",
  path: "/health/ready",
  tag: "About",
  summary: "Whether it should get traffic",
  description: "Not ready while a part is failing, and while the server shuts down.",
  answers: {
    200: { means: "Ready", schema: readySchema, example: { status: "ready" } },
    503: { means: "Not ready", schema: readySchema, example: { status: "not_ready" } },
  },
  problems: [],
  ownAlways: true,
  whileDraining: true,
  handle: async ({ c, service }) => {
    const { status } = await healthOf(service);
    return status === "ok" || status === "degraded" ? c.json({ status: "ready" }) : c.json({ status: "not_ready" }, 503);
  },
});
