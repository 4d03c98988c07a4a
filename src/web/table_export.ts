// Tables as files for other programs: Parquet as the lake has it, CSV and JSON as the API writes values. Made by a locked DuckDB over the
// files that are listed, aside, and handed out while nobody else sees them.
// What always holds: texts in CSV hold no formula, by the rule of csv.ts; numbers are as they are.

import { join } from "node:path";
import { dayAfter, type Days, resultFile, resultTables, type Zone } from "../../jobs/mod.ts";
import type { Anomaly } from "../detect/anomaly.ts";
import { GuardianError } from "../errors.ts";
import { ASIDE, exists } from "../lake/atomic_file.ts";
import { allParts, Duck, isWhole, literal, readManifest, selectParts, type Table, tables } from "../lake/mod.ts";
import { wrongWithResult } from "../lake/result_sums.ts";
import { limits } from "../limits.ts";
import type { AnomalyStore } from "../store/anomalies.ts";
import { formulas } from "./csv.ts";

export const exportFormats = ["parquet", "csv", "json", "ndjson"] as const;
export type ExportFormat = (typeof exportFormats)[number];

/** All that can be exported: results of day jobs, raw events, anomalies. */
export const exportTables: [string, ...string[]] = ["anomalies", ...tables, ...Object.keys(resultTables)];

/** What an export reads. */
export interface ExportFrom {
  readonly days: Days;
  readonly zone: Zone;
  readonly anomalies: AnomalyStore;
}

/** Local days, both included; all where they are left out. */
export interface ExportOrder {
  readonly table: string;
  readonly format: ExportFormat;
  readonly from?: string;
  readonly to?: string;
}

/** Columns whose canonical integers are numbers in JSON. */
const ID_COLUMNS = ["session_id", "item_id"];
const LINES_PER_WRITE = 500;

/** Makes an export and returns its file, which is gone from the folder once it is closed. Throws `not_found` when a file of a result is gone. */
export async function exportFile(source: ExportFrom, order: ExportOrder): Promise<Deno.FsFile> {
  const { lakeFolder } = source.days.context, id = crypto.randomUUID(), name = `export_${id}`;
  const duck = await Duck.open({ lakeFolder, name, memoryMib: limits.jobMemoryMib });
  const aside = join(duck.lakeFolder, ASIDE, `${name}.${order.format}`), lines = `${aside}.lines`;
  const results: string[] = [];
  try {
    const select = order.table === "anomalies"
      ? await selectAnomalies(source, order, lines)
      : (tables as readonly string[]).includes(order.table)
      ? await selectRaw(source, order, duck.lakeFolder)
      : await selectResults(source, order, duck.lakeFolder, results);
    const columns = await columnsOf(duck, select);
    await duck.run(`COPY (SELECT ${columns.map((column) => written(column, order.format)).join(", ")} FROM (${select}))
      TO ${literal(aside)} (${OPTIONS[order.format]})`);
    return await openAndForget(aside);
  } catch (cause) {
    await Deno.remove(aside).catch(() => {});
    throw await damagedFile(duck, order.table, results, cause);
  } finally {
    duck.close();
    await Deno.remove(lines).catch(() => {});
    await Deno.remove(join(duck.lakeFolder, ".spill", name), { recursive: true }).catch(() => {});
  }
}

const OPTIONS: Record<ExportFormat, string> = {
  parquet: "FORMAT parquet, COMPRESSION snappy",
  csv: "FORMAT csv, HEADER true",
  json: "FORMAT json, ARRAY true",
  ndjson: "FORMAT json",
};

interface ExportColumn {
  readonly name: string;
  readonly type: string;
}

async function columnsOf(duck: Duck, select: string): Promise<ExportColumn[]> {
  const rows = await duck.rows(`DESCRIBE ${select}`);
  return rows.map(({ column_name, column_type }) => ({ name: String(column_name), type: String(column_type) }));
}

/** A column as a format has it. */
function written({ name, type }: ExportColumn, format: ExportFormat): string {
  const column = `"${name}"`;
  if (format === "parquet") return type === "JSON" ? `${column}::VARCHAR AS ${column}` : column;
  if (type.startsWith("TIMESTAMP")) return `strftime(${column}, '%Y-%m-%dT%H:%M:%S.%gZ') AS ${column}`;
  if (format === "csv") {
    if (type !== "VARCHAR" && type !== "JSON") return column;
    const text = formulas.reduce(
      (made, { within, pattern }) => `regexp_replace(${made}, ${literal(pattern)}, '\\1''\\2', '${within ? "g" : ""}')`,
      `${column}::VARCHAR`,
    );
    return `${text} AS ${column}`;
  }
  if (ID_COLUMNS.includes(name) && type === "VARCHAR") {
    const canonical = `regexp_full_match(${column}, '0|[1-9][0-9]{0,15}') AND TRY_CAST(${column} AS BIGINT) <= 9007199254740991`;
    return `CASE WHEN ${canonical} THEN ${column}::JSON ELSE to_json(${column}) END AS ${column}`;
  }
  return column;
}

async function selectRaw({ days, zone }: ExportFrom, { table, from, to }: ExportOrder, lakeFolder: string): Promise<string> {
  const { start, end } = spanOf(zone, from, to);
  const first = start === -Infinity ? "" : utcDay(start), last = end === Infinity ? "~" : utcDay(end);
  const manifest = await readManifest(days.context.kv, (dt) => dt >= first && dt <= last);
  const parts = allParts(manifest).filter((part) => part.table === table && part.maxTime >= start && part.minTime < end);
  for (const part of parts) {
    if (await isWhole(lakeFolder, part)) continue;
    throw new GuardianError("storage_failing", `Cannot export ${table}: its file ${part.file} is missing or damaged; see verify`);
  }
  const bounds = [
    ...from === undefined ? [] : [`timestamp >= ${timeLiteral(start)}`],
    ...to === undefined ? [] : [`timestamp < ${timeLiteral(end)}`],
  ];
  const where = bounds.length === 0 ? "" : ` WHERE ${bounds.join(" AND ")}`;
  return `SELECT * FROM (${selectParts(parts, table as Table, lakeFolder)})${where}`;
}

/** `files` gets the paths of the files that it reads. */
async function selectResults(
  { days }: ExportFrom,
  { table, from, to }: ExportOrder,
  lakeFolder: string,
  files: string[],
): Promise<string> {
  const dates = await Array.fromAsync(days.results.dates(table, "all", { from, to }));
  const paths = dates.map((date) => join(lakeFolder, resultFile(table, date)));
  for (const [i, path] of paths.entries()) {
    if (!await exists(path)) {
      throw new GuardianError("not_found", `Cannot export ${table} of ${dates[i]}: its file is not in the lake folder; run that day again`);
    }
    const file = resultFile(table, dates[i]);
    if (await wrongWithResult(days.context.kv, lakeFolder, file) === null) continue;
    throw new GuardianError("storage_failing", `Cannot export ${table}: its file ${file} is damaged; run that day again`);
  }
  files.push(...paths);
  if (paths.length > 0) return `SELECT * FROM read_parquet([${paths.map(literal).join(", ")}], hive_partitioning = false)`;
  const types = {
    date: "DATE",
    count: "BIGINT",
    fraction: "DOUBLE",
    decimal: "DECIMAL(38, 4)",
    id: "VARCHAR",
    text: "VARCHAR",
    boolean: "BOOLEAN",
  };
  const columns = Object.entries(resultTables[table].columns).map(([name, { type }]) => `NULL::${types[type]} AS "${name}"`);
  return `SELECT NULL::VARCHAR AS traffic, ${columns.join(", ")} WHERE false`;
}

/** Confirmed anomalies by window start, through a file of lines that DuckDB reads. */
async function selectAnomalies({ anomalies, zone }: ExportFrom, { from, to }: ExportOrder, path: string): Promise<string> {
  const { start, end } = spanOf(zone, from, to);
  using file = await Deno.open(path, { write: true, create: true, truncate: true });
  const writer = file.writable.getWriter(), encoder = new TextEncoder();
  let lines: string[] = [];
  const flush = async () => {
    await writer.write(encoder.encode(lines.join("")));
    lines = [];
  };
  for await (const anomaly of anomalies.all(["confirmed"])) {
    const time = Date.parse(anomaly.window_start);
    if (time < start || time >= end) continue;
    lines.push(JSON.stringify({ ...anomaly, session_id: String(anomaly.session_id) }) + "\n");
    if (lines.length === LINES_PER_WRITE) await flush();
  }
  await flush();
  await writer.close();
  const types: Record<keyof Anomaly, string> = {
    anomaly_id: "VARCHAR",
    session_id: "VARCHAR",
    anomaly_type: "VARCHAR",
    click_count: "BIGINT",
    unique_items: "BIGINT",
    unique_items_capped: "BOOLEAN",
    window_start: "TIMESTAMPTZ",
    window_end: "TIMESTAMPTZ",
    detected_at: "TIMESTAMPTZ",
    event_time: "TIMESTAMPTZ",
    status: "VARCHAR",
    rule_version: "BIGINT",
    severity: "VARCHAR",
    score: "DOUBLE",
    reason: "VARCHAR",
    lane: "VARCHAR",
    feedback: "VARCHAR",
    evidence: "JSON",
  };
  const columns = Object.entries(types).map(([name, type]) => `${name}: ${literal(type)}`).join(", ");
  return `SELECT * FROM read_json(${literal(path)}, format = 'newline_delimited', columns = {${columns}})`;
}

/** What a failed export is due to: the first of its files that cannot be read, or whatever it was. */
async function damagedFile(duck: Duck, table: string, paths: readonly string[], cause: unknown): Promise<unknown> {
  if (cause instanceof GuardianError) return cause;
  for (const path of paths) {
    try {
      await duck.rows(`SELECT count(DISTINCT hash(read)) FROM read_parquet(${literal(path)}, hive_partitioning = false) AS read`);
    } catch {
      const file = path.slice(duck.lakeFolder.length + 1);
      return new GuardianError("storage_failing", `Cannot export ${table}: its file ${file} is damaged; run that day again`, { cause });
    }
  }
  return cause;
}

function spanOf(zone: Zone, from: string | undefined, to: string | undefined): { start: number; end: number } {
  return {
    start: from === undefined ? -Infinity : zone.spanOf(from).start,
    end: to === undefined ? Infinity : zone.spanOf(dayAfter(to)).start,
  };
}

function utcDay(ms: number): string {
  return new Date(ms).toISOString().slice(0, "2014-04-07".length);
}

function timeLiteral(ms: number): string {
  return `TIMESTAMPTZ ${literal(`${new Date(ms).toISOString().slice(0, -1)}+00`)}`;
}

/** An open file whose name is taken away, so that it goes when it is closed. Where a system does not let that be, the next start removes it. */
async function openAndForget(path: string): Promise<Deno.FsFile> {
  const file = await Deno.open(path);
  await Deno.remove(path).catch(() => {});
  return file;
}
