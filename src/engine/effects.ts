// What a step of the engine wants done: pure data, in the order of the log. `offset` and `ordinal` number each effect, so that one which
// was done before a crash is known when it is derived again.

import type { WindowRule } from "../detect/rules.ts";
import type { AnomalyStatus } from "../detect/anomaly.ts";

/** A change of one anomaly. Texts are resolved: the record can be built from this alone. Times in ms. */
export interface AnomalyEffect {
  readonly offset: number;
  readonly ordinal: number;
  readonly status: AnomalyStatus;
  readonly rule: WindowRule;
  readonly lane: string;
  readonly partition: number;
  readonly session: string;
  readonly windowStart: number;
  readonly clicks: number;
  readonly uniqueItems: number;
  readonly uniqueItemsCapped: boolean;
  readonly tippedAt: number;
  readonly evidence: readonly { time: number; item: string | null; offset: number }[];
}

/** A click that came after a window of it had closed. Times in ms. */
export interface LateEffect {
  readonly offset: number;
  readonly lane: string;
  readonly partition: number;
  readonly session: string;
  readonly item: string | null;
  readonly eventTime: number;
  readonly watermark: number;
  readonly arrival: number;
}

export interface Effects {
  readonly anomalies: AnomalyEffect[];
  readonly late: LateEffect[];
}

export function noEffects(): Effects {
  return { anomalies: [], late: [] };
}
