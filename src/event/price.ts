// Prices as exact integers of 1/10,000: read from decimal text digit by digit, never through a binary fraction.
// What always holds: a price that would need rounding is refused.

import { limits } from "../limits.ts";

/** Parts of one unit of currency that a price is counted in. */
export const PRICE_UNITS = 10_000;

const DECIMAL = /^(-?)(\d{1,20})(?:\.(\d{1,20}))?$/;

export type PriceFault = "not_decimal" | "negative" | "decimals" | "too_large";

/** A price as an integer of 1/10,000, or why it is none. Zeros beyond the fourth decimal do no harm. */
export function parsePrice(text: string): number | PriceFault {
  const parts = DECIMAL.exec(text);
  if (parts === null) return "not_decimal";
  const [, sign, whole, fraction = ""] = parts;
  if (/[1-9]/.test(fraction.slice(4))) return "decimals";
  const units = Number(whole) * PRICE_UNITS + Number(fraction.slice(0, 4).padEnd(4, "0"));
  if (sign === "-" && units > 0) return "negative";
  return units > limits.priceMax * PRICE_UNITS ? "too_large" : units;
}

/** As `parsePrice`, for a number: its shortest decimal text counts, so that 0.1 is 1,000 units. */
export function priceOfNumber(value: number): number | PriceFault {
  if (value < 0) return "negative";
  if (value > limits.priceMax) return "too_large";
  if (Number.isInteger(value)) return value * PRICE_UNITS + 0;
  // Only numbers below 0.000001 have an exponent in this range.
  return value < 0.000_001 ? "decimals" : parsePrice(String(value));
}
