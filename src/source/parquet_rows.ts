// Rows of a Parquet file, unpacked through DuckDB into batches on disk, so that the passes over them are as for any other file. Columns go
// by their names, the flat dialect's as well as camelCase ones; what else a file has is left alone. Each row is checked as a JSON event is.
// What always holds: rows keep their order in the file; memory is a few batches; DuckDB reaches this one file and nothing else.

import { DuckDBInstance } from "@duckdb/node-api";
import { GuardianError, reasonOf } from "../errors.ts";
import { ColumnBuilder } from "../event/batch.ts";
import { namesIn } from "../event/names.ts";
import { type FaultSink, RecordReader } from "../event/record.ts";
import type { Reject } from "../event/reject.ts";
import { limits } from "../limits.ts";
import { Spill } from "./spill.ts";
import type { RowReader } from "./row_reader.ts";

/** Rows of one batch on disk. */
const BATCH_ROWS = 4096;

/** Memory that DuckDB may use to unpack, in MiB. */
const UNPACK_MEMORY_MIB = 256;

const encoder = new TextEncoder();

/** A value as DuckDB gives it. */
type Values = Record<string, string | number | null>;

/** Rows of a file that lie unpacked on disk until they are closed. rejects: the first ones. rejected: all. */
export class UnpackedRows {
  readonly rejects: Reject[] = [];
  rejected = 0;
  rows = 0;
  readonly #spill: Spill;

  constructor(folder: string | undefined) {
    this.#spill = new Spill(folder);
  }

  write(columns: ColumnBuilder): void {
    this.#spill.write(columns);
    this.rows += columns.count;
  }

  refuse(reject: Reject): void {
    this.rejected++;
    if (this.rejects.length < limits.deadLettersPerSourceMax) this.rejects.push(reject);
  }

  /** The rows from the first one on. Several readers may be under way. */
  reader(report: (reject: Reject) => void): RowReader {
    return new UnpackedReader(this, this.#spill, report);
  }

  /** Deletes what lies on disk. */
  close(): void {
    this.#spill.close();
  }
}

class UnpackedReader implements RowReader {
  rejected = 0;
  #given = 0;
  #next = 0;
  #row = 0;
  #batch: ReturnType<Spill["read"]>["batch"] | null = null;
  #memo = new Uint32Array(0);
  #memoFor: ColumnBuilder | null = null;

  constructor(readonly file: UnpackedRows, readonly spill: Spill, readonly report: (reject: Reject) => void) {}

  fill(into: ColumnBuilder, rowsMax: number, rejectsMax = Infinity): boolean {
    const rejectedMax = this.rejected + rejectsMax;
    while (into.count < rowsMax && this.rejected < rejectedMax) {
      if (this.#rejectIsNext()) this.#refuse();
      else if (this.#given === this.file.rows) return false;
      else this.#copy(into);
    }
    return true;
  }

  /** Whether what comes next in the file is a row that was refused. Those whose place is not known any more come last. */
  #rejectIsNext(): boolean {
    const { rejects, rejected, rows } = this.file;
    if (this.rejected < rejects.length) return rejects[this.rejected].line === this.#given + this.rejected + 1;
    return this.rejected < rejected && this.#given === rows;
  }

  #refuse(): void {
    const { rejects } = this.file;
    this.report(rejects[Math.min(this.rejected, rejects.length - 1)]);
    this.rejected++;
  }

  #copy(into: ColumnBuilder): void {
    if (this.#batch === null) {
      ({ batch: this.#batch, next: this.#next } = this.spill.read(this.#next));
      this.#row = 0;
      this.#memoFor = null;
    }
    if (this.#memoFor !== into) {
      this.#memo = new Uint32Array(this.#batch.words.length);
      this.#memoFor = into;
    }
    into.copyRow(this.#batch, this.#row, this.#memo);
    this.#given++;
    if (++this.#row === this.#batch.count) this.#batch = null;
  }
}

/** How a file is unpacked. onRows: gets each batch of good rows, and the share of the file's rows that were read. */
export interface UnpackOptions {
  readonly spillFolder?: string;
  readonly onRows?: (columns: ColumnBuilder, share: number) => void;
}

/** Unpacks a Parquet file. Throws `input_unreadable` when it is damaged or has not the columns of events. */
export async function unpackParquet(path: string, options: UnpackOptions = {}): Promise<UnpackedRows> {
  const unpacked = new UnpackedRows(options.spillFolder);
  try {
    await withConnection(path, async (query) => {
      const source = `read_parquet(${literal(withoutPattern(path))}, binary_as_string = true, hive_partitioning = false)`;
      const [{ rows }] = await query.all(`SELECT count(*)::DOUBLE AS rows FROM ${source}`);
      const columns = (await query.all(`DESCRIBE SELECT * FROM ${source}`)).map((row) => {
        return { name: String(row.column_name), type: String(row.column_type) };
      });
      const plan = planOf(path, columns);
      await unpackRows(query.stream(`SELECT ${plan.select} FROM ${source}`), plan.purchases, Number(rows), unpacked, options);
    });
    return unpacked;
  } catch (cause) {
    unpacked.close();
    if (cause instanceof GuardianError) throw cause;
    const why = reasonOf(cause).split("\n")[0];
    throw new GuardianError("input_unreadable", `Cannot read "${path}": it begins as Parquet, and ${why}`, { cause });
  }
}

interface Query {
  all(sql: string): Promise<Values[]>;
  stream(sql: string): AsyncIterable<Values[]>;
}

/** Gives `work` a DuckDB that can read one file. */
async function withConnection(path: string, work: (query: Query) => Promise<void>): Promise<void> {
  const instance = await DuckDBInstance.create(":memory:", {
    memory_limit: `${UNPACK_MEMORY_MIB}MiB`,
    threads: String(limits.duckdbThreadsMax),
    temp_directory: "",
    autoinstall_known_extensions: "false",
    autoload_known_extensions: "false",
  });
  const connection = await instance.connect();
  try {
    await connection.run(`SET GLOBAL TimeZone = 'UTC'; SET GLOBAL allowed_paths = [${literal(path)}, ${literal(withoutPattern(path))}];
      SET GLOBAL enable_external_access = false; SET GLOBAL lock_configuration = true`);
    await work({
      all: async (sql) => (await connection.runAndReadAll(sql)).getRowObjectsJS() as Values[],
      async *stream(sql) {
        for await (const rows of (await connection.stream(sql)).yieldRowObjectJs()) yield rows as Values[];
      },
    });
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

async function unpackRows(
  chunks: AsyncIterable<Values[]>,
  purchases: boolean,
  total: number,
  unpacked: UnpackedRows,
  { onRows }: UnpackOptions,
): Promise<void> {
  let columns = new ColumnBuilder(BATCH_ROWS), row = 0, values: Values = {};
  const tell: FaultSink = (code, field, message) => {
    const bytes = encoder.encode(JSON.stringify(values));
    unpacked.refuse({ line: row, code, field, message, raw: bytes.slice(0, limits.deadLetterRawBytesMax), rawBytes: bytes.length });
  };
  let reader = readerInto(columns, tell);
  const flush = () => {
    if (columns.count > 0) unpacked.write(columns);
    onRows?.(columns, row / Math.max(1, total));
    columns = new ColumnBuilder(BATCH_ROWS);
    reader = readerInto(columns, tell);
  };
  for await (const rows of chunks) {
    for (values of rows) {
      row++;
      reader.read(recordOf(values, purchases));
      if (columns.count >= BATCH_ROWS) flush();
    }
  }
  flush();
}

/** A replayed event may lie in the future, as it has its own lane of time. */
function readerInto(columns: ColumnBuilder, tell: FaultSink): RecordReader {
  return new RecordReader(columns, { now: 0, futureMs: null }, tell);
}

/** A row as a record in JSON would be. */
function recordOf(values: Values, purchases: boolean): Record<string, unknown> {
  const record: Record<string, unknown> = values;
  if (purchases) record.kind = "purchase";
  if (typeof record.properties === "string") record.properties = jsonOr(record.properties);
  return record;
}

/** What a text is as JSON; the text itself, which the parser then refuses, where it is none. */
function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

const structures = ["context", "order_items", "orderItems"];
const known = namesIn("record");

/** Which columns are read, as what, and whether rows without a kind are purchases. */
function planOf(path: string, columns: readonly { name: string; type: string }[]): { select: string; purchases: boolean } {
  const names = columns.map(({ name }) => name);
  const has = (field: string) => names.some((name) => known.has(name) && known.get(name) === known.get(field));
  const needed = ["session_id", "timestamp", ...(has("kind") ? [] : ["item_id"])];
  if (has("price") !== has("quantity")) needed.push("price", "quantity");
  const missing = needed.filter((field) => !has(field));
  if (missing.length > 0) {
    const shown = names.slice(0, 20).join(", ") + (names.length > 20 ? ", ..." : "");
    throw new GuardianError(
      "input_unreadable",
      `Cannot read "${path}": it has no column ${missing.map((name) => `"${name}"`).join(" and ")}; its columns are ${shown}`,
    );
  }
  const read = columns.filter(({ name, type }) => known.has(name) && !structures.includes(name) && isPlain(type));
  return { select: read.map(valueOf).join(", "), purchases: !has("kind") && has("price") };
}

function isPlain(type: string): boolean {
  return !/^(STRUCT|MAP|UNION|VARIANT)|\[\d*\]$/.test(type);
}

/** A column as SQL: times as ms, doubles as they are, all else as a text, which is exact. */
function valueOf({ name, type }: { name: string; type: string }): string {
  const column = `"${name.replaceAll('"', '""')}"`;
  if (/^TIMESTAMP/.test(type)) return `(epoch_us(${column}) // 1000)::DOUBLE AS ${column}`;
  return type === "DOUBLE" ? column : `${column}::VARCHAR AS ${column}`;
}

/** A path as DuckDB's patterns have it: what would stand for other names stands for itself. */
function withoutPattern(path: string): string {
  return path.replaceAll(/[*?[]/g, "[$&]");
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
