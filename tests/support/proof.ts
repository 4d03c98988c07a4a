// What the suites of the proof counted. Each test tells its figures once it has passed its checks; they are gathered in the file that
// GUARDIAN_TEST_PROOF names, and printed as one table by tests/proof.ts. No figure is written by hand.

/** Figures of one row of the proof: what was done, how often, and what was counted. Units are part of the names. */
export type Figures = Readonly<Record<string, number | string>>;

/** A row, and what a run counted of it. */
export interface Told {
  readonly row: string;
  readonly figures: Figures;
}

/** Tells what a run counted. row: the test, in the words of docs/guarantees.md. */
export function tell(row: string, figures: Figures): void {
  const file = Deno.env.get("GUARDIAN_TEST_PROOF");
  if (file !== undefined && file !== "") Deno.writeTextFileSync(file, JSON.stringify({ row, figures }) + "\n", { append: true });
}

/** What has been told in a file so far. */
export async function rowsOf(file: string): Promise<Told[]> {
  return (await Deno.readTextFile(file)).split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
}

/** Rows as a table of text. */
export function table(rows: readonly Told[]): string {
  const width = Math.max(0, ...rows.map(({ row }) => row.length));
  return rows.map(({ row, figures }) => {
    const counted = Object.entries(figures).map(([name, value]) => `${name.replaceAll("_", " ")} ${value.toLocaleString("en")}`);
    return `${row.padEnd(width)} | ${counted.join(", ")}`;
  }).join("\n");
}
