// Figures beside one another, in words: all traffic and humans, a day and an earlier one. Pure functions of the figures.

import type { Traffic } from "./answers.ts";
import { change, count, decimal, type Maybe, percent } from "./format.ts";

/** Share of a count that flagged sessions make, 0 to 1; null where there is nothing to share. */
export function flaggedShare(all: number | undefined, humans: number | undefined): number | null {
  return all === undefined || humans === undefined || all <= 0 ? null : Math.max(0, 1 - humans / all);
}

/** What flagged sessions make of a count, or of a sum that `show` shows, in words; null while one of the two is not known. */
export function flaggedInWords(
  all: number | undefined,
  humans: number | undefined,
  traffic: Traffic,
  show: (value: Maybe) => string = count,
): string | null {
  const share = flaggedShare(all, humans);
  if (share === null) return null;
  if (share === 0) return "none by flagged bots";
  const part = `${smallPercent(share)} by flagged bots`;
  return traffic === "humans" ? `all traffic: ${show(all)}; ${part}` : part;
}

/** A share as percent, with more digits where one would be nothing. */
export function smallPercent(share: number): string {
  return percent(share, share > 0 && share < 0.01 ? 2 : 1);
}

/** How a figure stands to an earlier one: a count in percent, a rate in percentage points; null where it cannot be said. */
export function comparison(now: number | null, before: number | null | undefined, kind: "count" | "rate"): string | null {
  if (now === null || before === null || before === undefined) return null;
  if (kind === "count") return change(now, before);
  return inPoints((now - before) * 100);
}

/** A share of 0 to 1 as percent with two digits always, so that a column of them can be read down. */
export function ratePercent(share: Maybe): string {
  return typeof share === "number" ? `${decimal(share * 100, 2)}%` : decimal(share);
}

/** A difference of percentages: `+0.17 points`. */
export function inPoints(points: number): string {
  const told = decimal(Math.abs(points), 2);
  return told === "0.00" ? "0 points" : `${points > 0 ? "+" : "-"}${told} points`;
}
