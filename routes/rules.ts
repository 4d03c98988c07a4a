// The rules in force: what each looks at, and when it fires. Told from the rules themselves, so that it is never another one.

import { z } from "@hono/zod-openapi";
import { anomalyTypes } from "../src/detect/anomaly.ts";
import { botLike, highFrequency, type WindowRule } from "../src/detect/rules.ts";
import { endpoint } from "../src/web/endpoint.ts";

const ruleSchema = z.object({
  anomaly_type: z.enum(anomalyTypes),
  version: z.int().min(1).describe("Raised by every change; anomalies name it as `rule_version`"),
  window_s: z.number().describe("Length of its window, in seconds of event time"),
  every_s: z.number().describe("How often a window begins, in seconds; less than `window_s` where windows overlap"),
  clicks_min: z.int().describe("Fires at this many clicks of one session ..."),
  items_max: z.int().nullable().describe("... on at most this many different items; null: on any number"),
  description: z.string().describe("The same as a sentence"),
}).openapi("Rule");
type RuleOut = z.infer<typeof ruleSchema>;

/** A rule as the API shows it. */
export function shownRule({ type, version, sizeMs, slideMs, clicksMin, itemsMax }: WindowRule): RuleOut {
  const window_s = sizeMs / 1000, every_s = slideMs / 1000;
  const items = Number.isFinite(itemsMax) ? ` on at most ${itemsMax} items` : "";
  const windows = slideMs < sizeMs ? `; a window begins every ${every_s} seconds` : "";
  return {
    anomaly_type: type,
    version,
    window_s,
    every_s,
    clicks_min: clicksMin,
    items_max: Number.isFinite(itemsMax) ? itemsMax : null,
    description: `${clicksMin} clicks or more of one session within ${window_s} seconds${items}${windows}`,
  };
}

export const rules = endpoint({
  method: "get",
  path: "/rules",
  tag: "Anomalies",
  summary: "The rules in force",
  description: "What makes a session an anomaly. Windows are of event time and begin at multiples of `every_s` from the epoch.",
  answers: {
    200: { means: "One entry a rule", schema: z.array(ruleSchema), example: [shownRule(highFrequency), shownRule(botLike)] },
  },
  problems: [],
  handle: ({ c }) => c.json([highFrequency, botLike].map(shownRule)),
});
