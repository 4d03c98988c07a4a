// A table as CSV. What always holds: a text holds no formula wherever a spreadsheet begins a cell: an apostrophe stands before it, by the rule
// that the server's own CSV has (src/web/csv.ts; a test compares the two). It knows no page.

export type Cell = string | number | boolean | null | undefined;

const SIGN = "=+@\\-−＝＋－＠﹦﹢﹣﹫", PASSED = "\\p{Z}\\p{Cf}\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f'\"";
const WITHIN = new RegExp(`([;\\t\\r\\n])([${PASSED}]*[${SIGN}])`, "gu");
const LEADING = new RegExp(`^([${PASSED}]*[${SIGN}\\t\\r\\n])`, "u");

/** A table as CSV (RFC 4180) with a header. */
export function csvOf(columns: readonly string[], rows: readonly (readonly Cell[])[]): string {
  return [columns, ...rows].map((row) => row.map(csvCell).join(",")).join("\r\n") + "\r\n";
}

function csvCell(value: Cell): string {
  if (value === null || value === undefined) return "";
  if (typeof value !== "string") return String(value);
  const safe = value.replace(WITHIN, "$1'$2").replace(LEADING, "'$1");
  return /[",;\t\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
