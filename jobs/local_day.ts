// Local days: which instants a date of the shop's time zone covers, and which UTC hours those touch. Pure, but for the zone's own rules.
// What always holds: the days of a zone follow each other without gap or overlap, so that an event belongs to exactly one. A day begins at
// its first midnight: it has 23 or 25 hours when the clocks change, and none where a zone skipped the date.

import { GuardianError } from "../src/errors.ts";

/** From `start` to `end` (exclusive), ms since the epoch. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

const HOUR_MS = 3_600_000;
const DATE = /^\d{4}-\d{2}-\d{2}$/;
const CLOCK_TIME = /^([01]\d|2[0-3]):([0-5]\d)$/;
/** Days remembered; beyond, all are forgotten and worked out anew. */
const REMEMBERED_MAX = 20_000;

/** A time zone, remembering the days that it was asked for. */
export class Zone {
  readonly #spans = new Map<string, Span>();
  readonly #hours = new Map<string, readonly string[]>();
  readonly #instants = new Map<string, number>();

  /** `name`: an IANA name. Throws `invalid_setting`. */
  constructor(readonly name: string) {
    try {
      new Intl.DateTimeFormat("en", { timeZone: name });
    } catch (cause) {
      throw new GuardianError("invalid_setting", `Cannot use ${JSON.stringify(name)} as the time zone: it is no IANA name`, { cause });
    }
  }

  /** The instants of a local day. */
  spanOf(date: string): Span {
    let span = this.#spans.get(date);
    if (span === undefined) {
      if (this.#spans.size >= REMEMBERED_MAX) this.#spans.clear();
      span = { start: this.#startOf(date), end: this.#startOf(dayAfter(date)) };
      this.#spans.set(date, span);
    }
    return span;
  }

  /** The UTC hours that a local day touches, such as `2014-04-07T22`, in order. */
  hoursOf(date: string): readonly string[] {
    let hours = this.#hours.get(date);
    if (hours === undefined) {
      if (this.#hours.size >= REMEMBERED_MAX) this.#hours.clear();
      hours = hoursIn(this.spanOf(date));
      this.#hours.set(date, hours);
    }
    return hours;
  }

  /** The local day of an instant. */
  dateOf(ms: number): string {
    const date = Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(this.name).toPlainDate().toString();
    // Where clocks go back over midnight, the evening that comes twice belongs to the day that had begun.
    const next = dayAfter(date);
    return ms >= this.spanOf(next).start ? next : date;
  }

  /** When the clocks show `time` (`03:00`) on a date: the first time if twice, as much later as the gap is long if never. */
  instantOf(date: string, time: string): number {
    const text = `${date}T${time}`;
    let instant = this.#instants.get(text);
    if (instant === undefined) {
      if (this.#instants.size >= REMEMBERED_MAX) this.#instants.clear();
      const local = Temporal.PlainDateTime.from(text);
      instant = local.toZonedDateTime(this.name, { disambiguation: "compatible" }).epochMilliseconds;
      this.#instants.set(text, instant);
    }
    return instant;
  }

  #startOf(date: string): number {
    return Temporal.PlainDate.from(date).toZonedDateTime(this.name).epochMilliseconds;
  }
}

/** The UTC hours that a span touches, in order. */
export function hoursIn({ start, end }: Span): string[] {
  const hours: string[] = [];
  for (let at = Math.floor(start / HOUR_MS) * HOUR_MS; at < end; at += HOUR_MS) hours.push(hourName(at));
  return hours;
}

/** The name of the UTC hour of an instant: `2014-04-07T22`. */
export function hourName(ms: number): string {
  return new Date(ms).toISOString().slice(0, 13);
}

/** A date as given by a person. Throws `invalid_parameter` when there is no such day. */
export function parseDate(text: string): string {
  try {
    if (DATE.test(text)) return Temporal.PlainDate.from(text, { overflow: "reject" }).toString();
  } catch {
    // told below
  }
  throw new GuardianError("invalid_parameter", `Cannot use ${JSON.stringify(text)} as a date: it must be a day such as "2014-04-07"`);
}

/** A time of day as in the settings, `HH:MM`. Throws `invalid_setting`. */
export function parseClockTime(text: string): string {
  if (CLOCK_TIME.test(text)) return text;
  throw new GuardianError("invalid_setting", `Cannot use ${JSON.stringify(text)} as a time of day: it must be such as "03:00"`);
}

export function dayAfter(date: string, days = 1): string {
  return new Date(Date.parse(date) + days * 24 * HOUR_MS).toISOString().slice(0, 10);
}

/** The dates from one to another, both included. */
export function datesBetween(from: string, to: string): string[] {
  const dates: string[] = [];
  for (let date = from; date <= to; date = dayAfter(date)) dates.push(date);
  return dates;
}
