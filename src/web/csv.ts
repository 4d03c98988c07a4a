// CSV that spreadsheets open without harm. What always holds: a text that a spreadsheet would take for a formula has an apostrophe in front.

/** Texts that a spreadsheet would take for a formula, as a regular expression that DuckDB reads too. */
export const FORMULA = "^[=+@\\t\\r-]";

const formula = new RegExp(FORMULA), quotedOnes = /[",\r\n]/;

/** One line with its end (RFC 4180). Nulls are empty. */
export function csvLine(values: readonly (string | number | null)[]): string {
  return values.map(cell).join(",") + "\r\n";
}

function cell(value: string | number | null): string {
  if (typeof value !== "string") return value === null ? "" : String(value);
  const text = formula.test(value) ? `'${value}` : value;
  return quotedOnes.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
