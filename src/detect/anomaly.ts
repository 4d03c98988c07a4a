// The record of an anomaly, field by field as the API shows it.

import { z } from "@hono/zod-openapi";
import { severities } from "./verdict.ts";
import { kindNames } from "../event/kind.ts";

export const anomalyTypes = ["HIGH_FREQUENCY", "BOT_LIKE"] as const;
export type AnomalyType = (typeof anomalyTypes)[number];
export const anomalyStatuses = ["provisional", "confirmed", "retracted"] as const;
export type AnomalyStatus = (typeof anomalyStatuses)[number];

/** What a person can say of a session. */
export const feedbackVerdicts = ["human", "bot"] as const;
export type FeedbackVerdict = (typeof feedbackVerdicts)[number];

const id = z.union([z.number().int(), z.string()]);
const time = z.string().describe("ISO 8601, UTC, with milliseconds");

export const evidenceSchema = z.object({
  timestamp: time,
  kind: z.enum(kindNames),
  item_id: id.nullable(),
  partition: z.number().int(),
  offset: z.number().int().describe("Offset of the event in its partition of the log"),
}).openapi("Evidence");

export const anomalySchema = z.object({
  anomaly_id: z.string().describe("Made from rule, lane, session and window start: the same anomaly always has the same id"),
  session_id: id,
  anomaly_type: z.enum(anomalyTypes),
  click_count: z.number().int().describe("Clicks in the window: so far while provisional, final once confirmed"),
  unique_items: z.number().int().describe("Distinct items clicked in the window"),
  unique_items_capped: z.boolean().describe("True when unique_items is a lower bound"),
  window_start: time,
  window_end: time,
  detected_at: time.describe("Wall clock when the condition was first seen to hold"),
  event_time: time.describe("Event time of the click that tipped it"),
  status: z.enum(anomalyStatuses),
  rule_version: z.number().int(),
  severity: z.enum(severities),
  score: z.number().describe("0 to 100"),
  reason: z.string().describe("Why, in plain words, with the figures"),
  lane: z.string().describe("`live`, or the replay source that the session came from"),
  feedback: z.enum(feedbackVerdicts).nullable().describe("What a person has said of the session, as it is now; null: nothing"),
  evidence: z.array(evidenceSchema).describe("The last events of the window, up to 20"),
}).openapi("Anomaly");

export type Anomaly = z.infer<typeof anomalySchema>;
