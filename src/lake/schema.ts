// The two tables of the lake: their columns, and where the file of an hour lies. Both follow the UTC hour of event time.
// Names and types are a promise to every reader of the Parquet files; a change here is a change of the product's format.

export const tables = ["raw_clicks", "raw_purchases"] as const;
export type Table = (typeof tables)[number];

export const HOUR_MS = 3_600_000;

type Columns = readonly (readonly [name: string, type: string])[];

const event: Columns = [
  ["session_id", "VARCHAR"],
  ["timestamp", "TIMESTAMP WITH TIME ZONE"],
  ["item_id", "VARCHAR"],
  ["category", "VARCHAR"],
];
const context: Columns = [
  ["event_id", "VARCHAR"],
  ["user_id", "VARCHAR"],
  ["ip", "VARCHAR"],
  ["user_agent", "VARCHAR"],
  ["referrer", "VARCHAR"],
  ["platform", "VARCHAR"],
  ["page", "VARCHAR"],
  ["properties", "VARCHAR"],
];
const place: Columns = [
  ["_partition", "INTEGER"],
  ["_offset", "BIGINT"],
  ["_arrival", "TIMESTAMP WITH TIME ZONE"],
  ["_lane", "VARCHAR"],
  ["_source", "VARCHAR"],
  ["_row", "BIGINT"],
];
const purchase: Columns = [["price", "DECIMAL(18,4)"], ["quantity", "BIGINT"], ["order_id", "VARCHAR"], ["currency", "VARCHAR"]];

/** Columns of each table in order, with their DuckDB types. Ids are text, always; columns that begin with `_` tell the place in the log. */
export const columnsOf: Readonly<Record<Table, Columns>> = {
  raw_clicks: [["kind", "VARCHAR"], ...event, ...context, ...place],
  raw_purchases: [...event, ...purchase, ...context, ...place],
};

/** Path of a part file within the lake folder. `hourMs`: any time in its hour, ms since the epoch; `number` is unique for ever. */
export function partFile(table: Table, hourMs: number, number: number): string {
  const { dt, hour } = hourOf(hourMs);
  return `${table}/dt=${dt}/hour=${String(hour).padStart(2, "0")}/${String(number).padStart(10, "0")}.parquet`;
}

/** UTC day and hour of a time in ms since the epoch. */
export function hourOf(timeMs: number): { dt: string; hour: number } {
  const text = new Date(timeMs).toISOString();
  return { dt: text.slice(0, 10), hour: Number(text.slice(11, 13)) };
}
