// What KV holds of an anomaly, how it is made of an effect of the engine, and how it is told. Pure.
// What always holds: a record depends on its effect alone, but for the time when it was first seen.

import { createHash } from "node:crypto";
import type { Anomaly, AnomalyStatus, AnomalyType, FeedbackVerdict } from "../detect/anomaly.ts";
import type { Severity } from "../detect/verdict.ts";
import type { AnomalyEffect } from "../engine/effects.ts";
import { compareIds, idOut } from "../event/code.ts";
import { formatTimestamp } from "../event/timestamp.ts";

/** What KV holds of an anomaly. Times in ms; evidence: [event time, item, offset]. */
export interface Stored {
  id: string;
  session: string;
  type: AnomalyType;
  version: number;
  lane: string;
  partition: number;
  status: AnomalyStatus;
  clicks: number;
  items: number;
  capped: boolean;
  start: number;
  end: number;
  detected: number;
  tipped: number;
  severity: Severity;
  score: number;
  reason: string;
  evidence: [number, string | null, number][];
}

/** The id of an anomaly: 128 bits of SHA-256 over rule, lane, session and window start. */
export function anomalyId({ rule, lane, session, windowStart }: Pick<AnomalyEffect, "rule" | "lane" | "session" | "windowStart">): string {
  return createHash("sha256").update(JSON.stringify([rule.type, lane, session, windowStart])).digest("hex").slice(0, 32);
}

/** The record of an effect that is not stored. detectedAt: ms. */
export function anomalyOf(effect: AnomalyEffect, detectedAt: number): Anomaly {
  return toAnomaly(toStored(anomalyId(effect), effect, detectedAt), null);
}

/** Orders anomalies by window start, then session, then type. */
export function byWindow(a: Anomaly, b: Anomaly): number {
  if (a.window_start !== b.window_start) return a.window_start < b.window_start ? -1 : 1;
  const sessions = compareIds(String(a.session_id), String(b.session_id));
  return sessions || (a.anomaly_type < b.anomaly_type ? -1 : a.anomaly_type > b.anomaly_type ? 1 : a.anomaly_id < b.anomaly_id ? -1 : 1);
}

/** The record of an effect. detected: ms. */
export function toStored(id: string, effect: AnomalyEffect, detected: number): Stored {
  const { rule, clicks, uniqueItems } = effect;
  const verdict = rule.verdict({ clicks, uniqueItems });
  const gone = `${uniqueItems} different items by now, so no longer a sign of a bot; before that: `;
  return {
    id,
    session: effect.session,
    type: rule.type,
    version: rule.version,
    lane: effect.lane,
    partition: effect.partition,
    status: effect.status,
    clicks,
    items: uniqueItems,
    capped: effect.uniqueItemsCapped,
    start: effect.windowStart,
    end: effect.windowStart + rule.sizeMs,
    detected,
    tipped: effect.tippedAt,
    severity: verdict.severity,
    score: verdict.score,
    reason: effect.status === "retracted" ? `${gone}${clicks - 1} clicks on ${rule.itemsMax} items` : verdict.reason,
    evidence: effect.evidence.map(({ time, item, offset }) => [time, item, offset]),
  };
}

/** A record as it is told. */
export function toAnomaly(stored: Stored, feedback: FeedbackVerdict | null): Anomaly {
  return {
    anomaly_id: stored.id,
    session_id: idOut(stored.session),
    anomaly_type: stored.type,
    click_count: stored.clicks,
    unique_items: stored.items,
    unique_items_capped: stored.capped,
    window_start: formatTimestamp(stored.start),
    window_end: formatTimestamp(stored.end),
    detected_at: formatTimestamp(stored.detected),
    event_time: formatTimestamp(stored.tipped),
    status: stored.status,
    rule_version: stored.version,
    severity: stored.severity,
    score: stored.score,
    reason: stored.reason,
    lane: stored.lane,
    feedback,
    evidence: stored.evidence.map(([time, item, offset]) => ({
      timestamp: formatTimestamp(time),
      kind: "click" as const,
      item_id: item === null ? null : idOut(item),
      partition: stored.partition,
      offset,
    })),
  };
}
