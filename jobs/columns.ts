// The columns of results: each is told once, with type, unit and a sentence, and from that come the checked shape of a row, the casts of
// what SQL gives, the rounding at the API, the docs and the tooltips.
// What always holds: a stored row has every figure unrounded (money as an exact decimal text); `presented` is what a person or a program sees.

import { z } from "@hono/zod-openapi";
import { idOut } from "../src/event/code.ts";
import { roundDecimal, roundHalfAway } from "./rounding.ts";

/** How a column is stored: a date, a count, a fraction, an exact decimal, an id, a text, or true and false. */
export type ColumnType = "date" | "count" | "fraction" | "decimal" | "id" | "text" | "boolean";

export interface Column<Schema extends z.ZodType = z.ZodType> {
  readonly type: ColumnType;
  /** What it is counted in: `clicks`, `seconds`, `currency`; null for names and dates. */
  readonly unit: string | null;
  readonly description: string;
  /** Decimals shown at the most; null: as it is. */
  readonly digits: number | null;
  readonly schema: Schema;
}

export type Columns = Readonly<Record<string, Column>>;
/** A row as it is stored. */
export type StoredRow = Record<string, string | number | boolean | null>;

/** Decimals that figures are rounded to at the API. */
export const RATIO_DIGITS = 6, PERCENT_DIGITS = 2, SECONDS_DIGITS = 3, MONEY_DIGITS = 4;

function column<Schema extends z.ZodType>(
  type: ColumnType,
  unit: string | null,
  digits: number | null,
  schema: Schema,
  description: string,
): Column<Schema> {
  return { type, unit, digits, description, schema: schema.describe(unit === null ? description : `${description} (${unit})`) as Schema };
}

export const date = (description: string) => column("date", null, null, z.iso.date(), description);
export const count = (unit: string, description: string) => column("count", unit, null, z.int().min(0), description);
export const ratio = (unit: string, description: string) => column("fraction", unit, RATIO_DIGITS, z.number(), description);
export const percent = (description: string) => column("fraction", "percent", PERCENT_DIGITS, z.number(), description);
export const seconds = (description: string) => column("fraction", "seconds", SECONDS_DIGITS, z.number().min(0), description);
export const money = (description: string) => column("decimal", "currency", MONEY_DIGITS, z.number().min(0), description);
/** An average of money: kept to 8 decimals, shown as a ratio. */
export const moneyEach = (description: string) => column("decimal", "currency", RATIO_DIGITS, z.number().min(0), description);
export const id = (description: string) => column("id", null, null, z.union([z.int(), z.string()]), description);
export const category = (description: string) => column("text", null, null, z.string(), description);
export const optionalCategory = (description: string) => column("text", null, null, z.string().nullable(), description);
export const word = <const Words extends readonly [string, ...string[]]>(words: Words, description: string) =>
  column("text", null, null, z.enum(words), description);
export const truth = (description: string) => column("boolean", null, null, z.boolean(), description);

/** The checked shape of a presented row. */
export function rowSchema<Given extends Columns>(
  columns: Given,
): z.ZodObject<{ -readonly [Name in keyof Given]: Given[Name]["schema"] }> {
  const shape = Object.fromEntries(Object.entries(columns).map(([name, { schema }]) => [name, schema]));
  return z.object(shape) as unknown as z.ZodObject<{ -readonly [Name in keyof Given]: Given[Name]["schema"] }>;
}

/** SQL that casts the columns of `result` to what a stored row holds. */
export function storedSelect(columns: Columns): string {
  const casts: Record<ColumnType, string> = {
    date: "VARCHAR",
    count: "DOUBLE",
    fraction: "DOUBLE",
    decimal: "VARCHAR",
    id: "VARCHAR",
    text: "VARCHAR",
    boolean: "BOOLEAN",
  };
  return Object.entries(columns).map(([name, { type }]) => `${name}::${casts[type]} AS ${name}`).join(", ");
}

/** A stored row as the API shows it: rounded, money as a number, canonical integer ids as numbers. */
export function presented(columns: Columns, row: StoredRow): Record<string, string | number | boolean | null> {
  const shown: Record<string, string | number | boolean | null> = {};
  for (const [name, { type, digits }] of Object.entries(columns)) {
    const value = row[name];
    if (value === null || value === undefined) shown[name] = null;
    else if (type === "id") shown[name] = idOut(value as string);
    else if (type === "decimal") shown[name] = Number(roundDecimal(value as string, digits!));
    else if (digits !== null) shown[name] = roundHalfAway(value as number, digits);
    else shown[name] = value;
  }
  return shown;
}
