// How the server is: for people, and for what restarts it or sends it traffic.

import { z } from "@hono/zod-openapi";
import { reasonOf } from "../src/errors.ts";
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

export const healthSchema = z.object({
  status: z.enum(["ok", "failing", "stopping"]),
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
  recovery: z.object({ events_read_again: count, seconds: z.number() }).describe("What the last start had to read again"),
  webhook: webhookSchema.nullable().describe(
    "The sender of confirmed anomalies; null when no webhook is set. Whatever it is, the server is fit",
  ),
}).openapi("Health");

async function healthOf({ guardian, clock, startedAt, draining }: Service): Promise<z.infer<typeof healthSchema>> {
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
    recovery: { ...recovery, seconds: Math.round(recovery.seconds * 1000) / 1000 },
    ...rest,
  };
}

export const health = endpoint({
  method: "get",
  path: "/health",
  tag: "About",
  summary: "How it is, part by part",
  description: "Each part's state, how far the readers of the log are behind it, and what the last start had to recover.",
  answers: {
    200: { means: "Fit", schema: healthSchema },
    503: { means: "Not fit, or stopping; the same body says what is wrong", schema: healthSchema },
  },
  problems: [],
  ownAlways: true,
  whileDraining: true,
  handle: async ({ c, service }) => {
    const answer = await healthOf(service);
    return c.json(answer, answer.status === "ok" ? 200 : 503);
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
  open: true,
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
    return status === "ok" ? c.json({ status: "ready" }) : c.json({ status: "not_ready" }, 503);
  },
});
