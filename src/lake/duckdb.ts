// DuckDB as a tool that reads and writes Parquet: opened in memory, locked at once, and never the place where truth lives.
// What always holds: its SQL reaches no file outside the lake folder and no network, loads no extension, and cannot change a setting.
// The lock matters because DuckDB is native code: the runtime's own file permissions do not hold it.

import { DuckDBConnection } from "@duckdb/node-api";
import duckdb from "@duckdb/node-bindings";
import { join, resolve } from "node:path";
import { GuardianError, reasonOf } from "../errors.ts";
import { limits } from "../limits.ts";
import { mendOf } from "../storage_failure.ts";
import { ASIDE, exists } from "./atomic_file.ts";

export interface DuckOptions {
  readonly lakeFolder: string;
  /** Names this instance's spill folder: two open at the same time need two names. */
  readonly name: string;
  readonly memoryMib?: number;
  readonly threads?: number;
}

/** A value of a row as DuckDB gives it to JavaScript. */
export type Row = Record<string, unknown>;

/** One locked DuckDB in memory. Every query has a connection of its own and runs off the event loop. */
export class Duck {
  private constructor(readonly lakeFolder: string, readonly database: duckdb.Database) {}

  /** Opens and locks an instance; makes its spill folder, and the one for unfinished files, within the lake folder. Throws `folder_unusable`. */
  static async open(options: DuckOptions): Promise<Duck> {
    const { name, memoryMib = limits.duckdbMemoryMib, threads = limits.duckdbThreadsMax } = options;
    const lakeFolder = resolve(options.lakeFolder);
    const spill = join(lakeFolder, ".spill", name);
    try {
      // What a killed process spilled is of no use to anybody.
      if (await exists(spill)) await Deno.remove(spill, { recursive: true });
      await Deno.mkdir(spill, { recursive: true });
      await Deno.mkdir(join(lakeFolder, ASIDE), { recursive: true });
      const config = duckdb.create_config();
      duckdb.set_config(config, "memory_limit", `${memoryMib}MiB`);
      duckdb.set_config(config, "threads", String(Math.min(threads, limits.duckdbThreadsMax)));
      duckdb.set_config(config, "temp_directory", spill);
      duckdb.set_config(config, "autoinstall_known_extensions", "false");
      duckdb.set_config(config, "autoload_known_extensions", "false");
      const database = await duckdb.open(":memory:", config);
      const duck = new Duck(lakeFolder, database);
      await duck.run(`SET GLOBAL TimeZone = 'UTC'; SET GLOBAL allowed_directories = [${literal(lakeFolder)}];
        SET GLOBAL enable_external_access = false; SET GLOBAL lock_configuration = true`);
      return duck;
    } catch (cause) {
      throw new GuardianError(
        "folder_unusable",
        `Cannot open DuckDB on ${JSON.stringify(lakeFolder)}: ${reasonOf(cause)}; ${mendOf(reasonOf(cause))}`,
        { cause },
      );
    }
  }

  /** Gives `work` a connection of its own, as the low-level bindings know it. */
  async connected<T>(work: (connection: duckdb.Connection) => Promise<T>): Promise<T> {
    const connection = await duckdb.connect(this.database);
    try {
      return await work(connection);
    } finally {
      duckdb.disconnect_sync(connection);
    }
  }

  /** Runs statements for their effect. */
  async run(sql: string): Promise<void> {
    await this.connected((connection) => new DuckDBConnection(connection).run(sql));
  }

  /** All rows of a query that has few. `values`: what stands for $1, $2 and so on in it. */
  rows(sql: string, values: readonly (string | number)[] = []): Promise<Row[]> {
    return this.connected(async (connection) => {
      const duckdb = new DuckDBConnection(connection);
      const read = values.length === 0 ? await duckdb.runAndReadAll(sql) : await duckdb.runAndReadAll(sql, [...values]);
      return read.getRowObjectsJS();
    });
  }

  /** The rows of a query in chunks, as they are made. */
  async *stream(sql: string): AsyncGenerator<Row[]> {
    const connection = await duckdb.connect(this.database);
    try {
      for await (const rows of (await new DuckDBConnection(connection).stream(sql)).yieldRowObjectJs()) yield rows;
    } finally {
      duckdb.disconnect_sync(connection);
    }
  }

  close(): void {
    duckdb.close_sync(this.database);
  }
}

/** What a query gave whose columns are INTEGER and never NULL: an array for each column, chunk by chunk. */
export function* integerColumns(result: duckdb.Result): Generator<Int32Array[]> {
  const chunks = duckdb.result_chunk_count(result), columns = duckdb.column_count(result);
  for (let n = 0; n < chunks; n++) {
    const chunk = duckdb.result_get_chunk(result, n), rows = duckdb.data_chunk_get_size(chunk);
    yield Array.from({ length: columns }, (_, column) => {
      const { buffer, byteOffset } = duckdb.vector_get_data(duckdb.data_chunk_get_vector(chunk, column), 4 * rows);
      return new Int32Array(buffer, byteOffset, rows);
    });
  }
}

/** Appends rows to a table whose columns are all INTEGER. They are in it once it is closed. */
export class IntegerRows {
  readonly #appender: duckdb.Appender;
  readonly #types: duckdb.LogicalType[];

  constructor(connection: duckdb.Connection, table: string, columns: number) {
    this.#appender = duckdb.appender_create(connection, null, table);
    this.#types = new Array(columns).fill(duckdb.create_logical_type(duckdb.Type.INTEGER));
  }

  /** The first `rows` values of each column, 2,048 at the most. */
  append(rows: number, columns: readonly Int32Array[]): void {
    const chunk = duckdb.create_data_chunk(this.#types);
    duckdb.data_chunk_set_size(chunk, rows);
    columns.forEach(({ buffer, byteOffset }, column) => {
      const vector = duckdb.data_chunk_get_vector(chunk, column);
      duckdb.copy_data_to_vector(vector, 0, buffer as ArrayBuffer, byteOffset, 4 * rows);
    });
    duckdb.append_data_chunk(this.#appender, chunk);
  }

  close(): void {
    duckdb.appender_close_sync(this.#appender);
  }
}

/** A text as SQL. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
