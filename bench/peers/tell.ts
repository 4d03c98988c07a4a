// What each contender says at its end: what it found, as counts and as a digest that does not depend on the order, and what all of the process
// cost, its start included.

import { createHash } from "node:crypto";
import { cpuSince, peakMib } from "../measure.ts";

export interface Contender {
  /** Clicks read, where that is known. */
  readonly clicks: number | null;
  readonly firings: { readonly HIGH_FREQUENCY: number; readonly BOT_LIKE: number };
  readonly digest: string;
  readonly cpuS: number;
  readonly peakMib: number;
}

/** found: "type session window start in ms", one a firing. */
export function tell(clicks: number | null, found: readonly string[]): void {
  const count = (type: string) => found.filter((firing) => firing.startsWith(`${type} `)).length;
  const contender: Contender = {
    clicks,
    firings: { HIGH_FREQUENCY: count("HIGH_FREQUENCY"), BOT_LIKE: count("BOT_LIKE") },
    digest: createHash("sha256").update(found.toSorted().join("\n")).digest("hex"),
    cpuS: cpuSince(),
    peakMib: peakMib(),
  };
  console.log(JSON.stringify(contender));
}
