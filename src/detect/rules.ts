// The built-in rules: their windows, conditions and words. Pure: figures of a window in, a verdict out.

import type { AnomalyType } from "./anomaly.ts";
import type { Severity, Verdict, WindowFeatures } from "./verdict.ts";

/** A rule over windows of clicks per session. Sizes in ms; windows start at multiples of `slideMs` from the epoch. */
export interface WindowRule {
  readonly type: AnomalyType;
  readonly version: number;
  readonly sizeMs: number;
  readonly slideMs: number;
  /** Fires at this many clicks ... */
  readonly clicksMin: number;
  /** ... on at most this many distinct items. */
  readonly itemsMax: number;
  readonly verdict: (features: WindowFeatures) => Verdict;
}

export const highFrequency: WindowRule = {
  type: "HIGH_FREQUENCY",
  version: 1,
  sizeMs: 10_000,
  slideMs: 10_000,
  clicksMin: 50,
  itemsMax: Infinity,
  verdict: ({ clicks }) => ({
    ...graded(clicks, 50),
    reason: `${clicks} clicks within 10 seconds; from 50 on, a session is faster than people click`,
  }),
};

export const botLike: WindowRule = {
  type: "BOT_LIKE",
  version: 1,
  sizeMs: 60_000,
  slideMs: 30_000,
  clicksMin: 100,
  itemsMax: 5,
  verdict: ({ clicks, uniqueItems }) => ({
    ...graded(clicks, 100),
    reason: `${clicks} clicks within 60 seconds on only ${uniqueItems} ${uniqueItems === 1 ? "item" : "different items"}; ` +
      "people who click 100 times or more look at more than 5",
  }),
};

/** Whether a window's figures meet the rule. */
export function holds(rule: WindowRule, clicks: number, uniqueItems: number): boolean {
  return clicks >= rule.clicksMin && uniqueItems <= rule.itemsMax;
}

/** Severity and score by how far above the limit the clicks are: 50 at the limit, 100 from eight times the limit on. */
function graded(clicks: number, limit: number): { severity: Severity; score: number } {
  const score = Math.min(100, Math.round(50 + (50 / 3) * Math.log2(clicks / limit)));
  return { score, severity: score >= 90 ? "critical" : score >= 75 ? "high" : score >= 60 ? "medium" : "low" };
}
