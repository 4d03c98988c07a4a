// When a local day begins, in any time zone and whatever its clocks do. What always holds: the same instants as the server's days have: a day
// begins at its first midnight, and where the clocks jump over midnight, or over the whole day, with what they show next.

const HOUR_MS = 3_600_000;
/** Offsets from UTC are less than a day; a day that was skipped moves them by one more. */
const AROUND_MS = 38 * HOUR_MS;

/** The instant, ms since the epoch, at which `2026-11-22` begins in a time zone (an IANA name). */
export function localMidnight(date: string, timeZone: string): number {
  const clock = clockOf(timeZone);
  const midnight = Date.parse(`${date}T00:00:00Z`);
  const offsets = [midnight - AROUND_MS, midnight + AROUND_MS].map((at) => clock(at) - at);
  const instants = offsets.map((offset) => midnight - offset).sort((a, b) => a - b);
  const shown = instants.find((instant) => clock(instant) === midnight);
  return shown ?? firstAt(midnight, clock, instants[0], instants[1]);
}

/** The first instant after `before` at which the clocks, which jump over `midnight`, are past it. */
function firstAt(midnight: number, clock: (at: number) => number, before: number, after: number): number {
  let low = before, high = after;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (clock(middle) >= midnight) high = middle;
    else low = middle;
  }
  return high;
}

/** What the clocks of a zone show at an instant, as the instant at which those of UTC show it. */
function clockOf(timeZone: string): (at: number) => number {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  return (at) => {
    const part: Partial<Record<Intl.DateTimeFormatPartTypes, number>> = {};
    for (const { type, value } of format.formatToParts(at)) part[type] = Number(value);
    return Date.UTC(part.year!, part.month! - 1, part.day, part.hour, part.minute, part.second) + (((at % 1000) + 1000) % 1000);
  };
}
