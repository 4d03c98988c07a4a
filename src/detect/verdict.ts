// What a detector is: figures of a window in, a verdict out. Pure; knows no clock, no store, no log.

export const severities = ["low", "medium", "high", "critical"] as const;
export type Severity = (typeof severities)[number];

/** Figures of one window of one session. */
export interface WindowFeatures {
  readonly clicks: number;
  readonly uniqueItems: number;
}

/** What a detector says of figures that meet its condition. score: 0 to 100. */
export interface Verdict {
  readonly severity: Severity;
  readonly score: number;
  /** A sentence in plain words, with the figures. */
  readonly reason: string;
}
