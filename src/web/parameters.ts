// Parameters of a request: schemas for the kinds that there are, and one check that names what is wrong. What always holds: a parameter
// that nobody reads is refused, with the nearest one that somebody does.

import { Buffer } from "node:buffer";
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { GuardianError } from "../errors.ts";
import { formatTimestamp, parseTimestamp } from "../event/timestamp.ts";
import { limits } from "../limits.ts";
import { didYouMean } from "../nearest.ts";

interface Told {
  readonly means: string;
  readonly example?: unknown;
}

/** A whole number from `min` to `max`; `fallback` where it is not given. */
export function wholeNumber<F extends number | undefined>(min: number, max: number, fallback: F, { means, example }: Told) {
  return z.string().optional().transform((given, context): number | F => {
    if (given === undefined) return fallback;
    const value = /^\d{1,16}$/.test(given) ? Number(given) : NaN;
    if (value >= min && value <= max) return value;
    context.addIssue({ code: "custom", message: `it must be a whole number from ${min} to ${max}` });
    return z.NEVER;
  }).openapi({ type: "integer", minimum: min, maximum: max, default: fallback, description: means, example: example ?? fallback ?? min });
}

/** One of a few words, or undefined. */
export function oneOf<const Words extends readonly [string, ...string[]]>(words: Words, { means, example }: Told) {
  return z.enum(words, { error: () => `it must be one of ${words.join(", ")}` }).optional()
    .openapi({ description: means, example: example ?? words[0] });
}

/** A point in time as ms since the epoch, or undefined. */
export function pointInTime({ means, example }: Told) {
  return z.string().optional().transform((given, context): number | undefined => {
    const ms = given === undefined ? undefined : parseTimestamp(given) ?? NaN;
    if (ms === undefined || (ms >= 0 && ms <= limits.eventTimeMax)) return ms;
    const such = `such as ${formatTimestamp(limits.eventTimeMin)}, or milliseconds since the epoch`;
    context.addIssue({ code: "custom", message: `it must be a date and time with a time zone, ${such}` });
    return z.NEVER;
  }).openapi({
    type: ["string", "integer"],
    format: "date-time",
    minimum: 0,
    maximum: limits.eventTimeMax,
    description: `${means}; milliseconds since the epoch are read, too`,
    example: example ?? "2014-04-07T11:00:00.000Z",
  });
}

const DATE_MUST = "it must be a day such as 2014-04-07";
/** Days that can be told: the first and last year within which all of their neighbours are days too. */
const YEAR_MIN = 1970, YEAR_MAX = 9998;

/** The same years for the description, in which a day is a text. */
const YEARS = "^(19[7-9]\\d|[2-8]\\d{3}|9[0-8]\\d{2}|99[0-8]\\d|999[0-8])-\\d{2}-\\d{2}$";
const describedDay = { type: "string", format: "date", pattern: YEARS } as const;

/** A local day, `2014-04-07`. */
export const localDate = z.iso.date({ error: () => DATE_MUST })
  .refine((date) => Number(date.slice(0, 4)) >= YEAR_MIN && Number(date.slice(0, 4)) <= YEAR_MAX, { error: () => DATE_MUST })
  .openapi(describedDay);

/** A local day in a path. */
export function dayInPath({ means, example }: Told) {
  return localDate.openapi({ ...describedDay, description: means, example: example ?? "2014-04-07" });
}

/** A local day in a query, or undefined. */
export function someDay({ means, example }: Told) {
  return localDate.optional().openapi({ ...describedDay, description: means, example: example ?? "2014-04-07" });
}

/** A text, or undefined. */
export function someText({ means, example }: Told) {
  return z.string().min(1, "it must not be empty").optional().openapi({ description: means, example });
}

/** The id of a session. A longer one than events may have is refused, as storage takes no keys of any length. */
const sessionId = z.string().min(1, "it must not be empty").refine((given) => Buffer.byteLength(given) <= limits.idBytesMax, {
  error: () => `it must be a session id, which has ${limits.idBytesMax} bytes at the most`,
});

/** A session in a path. */
export const sessionInPath = z.object({ session_id: sessionId.openapi({ description: "The session", example: "11" }) });

/** A session in a query, or undefined. */
export function someSession({ means }: Told) {
  return sessionId.optional().openapi({ description: means, example: "11" });
}

export const limitParameter = wholeNumber(1, limits.pageRowsMax, limits.pageRowsDefault, { means: "Rows of one page, at the most" });
export const cursorParameter = someText({ means: "Where the page begins: as the `Link` header of the page before tells it" });

/** The query of a request by `schema`. Throws `invalid_parameter`. */
export function queryOf<Schema extends z.ZodObject>(c: Context, schema: Schema): z.infer<Schema> {
  const known = Object.keys(schema.shape);
  const given: Record<string, string> = {};
  for (const [name, value] of new URL(c.req.url).searchParams) {
    if (!known.includes(name)) {
      const hint = known.length === 0 ? "this request takes none" : didYouMean(name, known);
      throw new GuardianError("invalid_parameter", `Cannot use the parameter "${name.slice(0, 100)}": there is none of that name; ${hint}`);
    }
    if (name in given) throw new GuardianError("invalid_parameter", `Cannot use "${name}" twice: give it once`);
    given[name] = value;
  }
  return checked(schema, given);
}

/** The parameters in the path of a request. Throws `invalid_parameter`. */
export function pathOf<Schema extends z.ZodObject>(c: Context, schema: Schema): z.infer<Schema> {
  return checked(schema, c.req.param() as Record<string, string>);
}

function checked<Schema extends z.ZodObject>(schema: Schema, given: Record<string, string>): z.infer<Schema> {
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  const [{ path, message }] = result.error.issues;
  const name = String(path[0]);
  throw new GuardianError("invalid_parameter", `Cannot use "${name}" as ${JSON.stringify((given[name] ?? "").slice(0, 100))}: ${message}`);
}
