// CSV that spreadsheets open without harm, and that programs read back exactly. It knows no table.
// What always holds: wherever a spreadsheet could begin a cell within a text, be it that it takes `;`, a tab or the end of a line for the end
// of a cell, and would find a formula there, one apostrophe stands before it. Numbers are never touched. To undo it: take one apostrophe
// away wherever the same two patterns find one. Both are read by DuckDB too (RE2), so they look neither ahead nor back.

/** What spreadsheets take for the beginning of a formula, in the width of other scripts too. */
const SIGN = "=+@\\-−＝＋－＠﹦﹢﹣﹫";
/**
 * What they pass over before it; quotes, as with another end of a cell a pair of them may begin one, and goes; and apostrophes: so a text that
 * has one there already gets another, and the way back is exact.
 */
const PASSED = "\\p{Z}\\p{Cf}\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f'\"";

/** Where an apostrophe goes, in this order: behind the first group of a pattern, within a text wherever it fits, or at its beginning. */
export const formulas: readonly { readonly within: boolean; readonly pattern: string }[] = [
  { within: true, pattern: `([;\\t\\r\\n])([${PASSED}]*[${SIGN}])` },
  { within: false, pattern: `^()([${PASSED}]*[${SIGN}\\t\\r\\n])` },
];

/** The rule, for the descriptions of what answers in CSV. */
export const CSV_RULE =
  "In CSV, one apostrophe stands before what a spreadsheet would take for a formula: at the beginning of a text, or behind " +
  "`;`, a tab or a line end within it, where `=`, `+`, `-` or `@` comes next, be they wide ones, or have blanks, invisible characters, " +
  "quotes or apostrophes before them; and before a text that begins with a tab or a line end. Take that one away, and the text is as it " +
  "was. Numbers are never changed.";

const [inner, leading] = formulas.map(({ within, pattern }) => new RegExp(pattern, within ? "gu" : "u"));
const quotedOnes = /[",;\t\r\n]/;

/** One line with its end (RFC 4180). Nulls are empty. */
export function csvLine(values: readonly (string | number | null)[]): string {
  return values.map(cell).join(",") + "\r\n";
}

/** A text in which nothing is a formula. */
export function withoutFormulas(text: string): string {
  return text.replace(inner, "$1'$2").replace(leading, "$1'$2");
}

function cell(value: string | number | null): string {
  if (typeof value !== "string") return value === null ? "" : String(value);
  const text = withoutFormulas(value);
  return quotedOnes.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
