// The known name that a misspelt one was meant to be, for messages that say how to mend it.

import { closest, distance } from "fastest-levenshtein";

/** The known name nearest to `name`, or null when none is near enough to be meant. */
export function nearestName(name: string, known: readonly string[]): string | null {
  if (known.length === 0) return null;
  const given = name.toLowerCase(), folded = known.map((one) => one.toLowerCase());
  const near = closest(given, folded);
  return distance(given, near) <= Math.max(2, Math.floor(name.length / 3)) ? known[folded.indexOf(near)] : null;
}

/** The end of a sentence that refuses `name`: asks for the nearest known one, or lists them where none is near. */
export function didYouMean(name: string, known: readonly string[]): string {
  const near = nearestName(name, known);
  if (near !== null) return `did you mean "${near}"?`;
  return known.length === 0 ? "there are none here" : `known are ${known.join(", ")}`;
}
