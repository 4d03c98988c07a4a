// The next rows of several files, and how many of each make up the next stretch of event time. Pure: counts, takes nothing.

import type { EventColumns } from "../event/batch.ts";
import { countUntil } from "./order.ts";

/** Rows at hand of one file, in order, from row `at` on; at least one. */
export interface Head {
  readonly columns: EventColumns | null;
  readonly at: number;
}

/** How long a stretch may be: ms of event time, and rows of each file. */
export interface Stretch {
  readonly eventMs: number;
  readonly rowsMax: number;
}

/**
 * How many rows of each head come next, `budget` in all at the most: the first ones of all heads taken together by (time, head), up to
 * the first point at which a head has no more rows at hand.
 */
export function firstRows(heads: readonly Head[], stretch: Stretch | null, budget: number): number[] {
  let until = Infinity;
  for (const { columns, at } of heads) {
    const last = Math.min(columns!.count, at + (stretch?.rowsMax ?? Infinity)) - 1;
    until = Math.min(until, columns!.eventTime[last]);
  }
  if (stretch !== null) until = Math.min(until, Math.min(...heads.map(({ columns, at }) => columns!.eventTime[at])) + stretch.eventMs);
  const counts = heads.map(({ columns, at }) => {
    const rest = columns!.eventTime.subarray(at, columns!.count);
    return Math.min(countUntil(rest, rest.length, null, until), stretch?.rowsMax ?? Infinity);
  });
  return counts.reduce((sum, count) => sum + count, 0) <= budget ? counts : firstOfAll(heads, counts, budget);
}

/** The first `budget` rows of all, by (time, head). */
function firstOfAll(heads: readonly Head[], counts: readonly number[], budget: number): number[] {
  const taken = heads.map(() => 0);
  for (; budget > 0; budget--) {
    let next = -1, nextTime = Infinity;
    for (const [head, { columns, at }] of heads.entries()) {
      if (taken[head] === counts[head]) continue;
      const time = columns!.eventTime[at + taken[head]];
      if (time < nextTime) {
        next = head;
        nextTime = time;
      }
    }
    taken[next]++;
  }
  return taken;
}
