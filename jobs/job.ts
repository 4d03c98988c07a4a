// What a day job is, and the desk that it works at: a locked DuckDB of its own for each run, with the tables of the day in view.
// What always holds: a job sees files that it was handed and no others; what it makes lies aside until it is whole; it writes no record.

import { DuckDBConnection } from "@duckdb/node-api";
import { join } from "node:path";
import type { z } from "@hono/zod-openapi";
import type { Clock } from "../src/clock.ts";
import { ASIDE, exists } from "../src/lake/atomic_file.ts";
import { Duck, literal, type Row } from "../src/lake/duckdb.ts";
import { wrongWithResult } from "../src/lake/result_sums.ts";
import { GuardianError } from "../src/errors.ts";
import { limits } from "../src/limits.ts";
import type { LogLine } from "../src/log_line.ts";
import { type Traffic, traffics } from "../src/store/results.ts";
import { type Columns, type StoredRow, storedSelect } from "./columns.ts";
import dayTables from "./day_tables.sql" with { type: "text" };
import type { FlaggedSessions } from "./flagged.ts";
import type { Zone } from "./local_day.ts";
import prelude from "./prelude.sql" with { type: "text" };

/** Settings of the day jobs. */
export interface DaySettings {
  /** IANA name: what a day is. */
  readonly timezone: string;
  /** When the day before is run, in `timezone`: `HH:MM`. */
  readonly runAt: string;
  /** The shop's currency: purchases in another one are counted and left out of revenue. */
  readonly currency: string;
}

/** What day jobs need of the world. */
export interface JobContext {
  /** The `state` file. */
  readonly kv: Deno.Kv;
  readonly lakeFolder: string;
  readonly clock: Clock;
  readonly logLine: LogLine;
  readonly settings: DaySettings;
  readonly flagged: FlaggedSessions;
  /** Resolves when everything that the log has now is in the lake. */
  readonly flush: () => Promise<void>;
  /** MiB that DuckDB may use. */
  readonly memoryMib?: number;
  /** Rows whose sessions are counted in one pass. */
  readonly sessionRowsAtOnce?: number;
  /** Called before each step of a run; whatever it throws fails the run there. */
  readonly beforeStep?: (step: JobStep) => void | Promise<void>;
}

/** Points of a run between which a crash leaves different things behind. */
export type JobStep = "check" | "query" | "place" | "record";

export const jobNames = ["daily_metrics", "session_funnel", "popular_items", "trending", "summary"] as const;
export type JobName = (typeof jobNames)[number];

/** A table that a job makes for each day and traffic. */
export interface ResultTable {
  readonly name: string;
  readonly description: string;
  readonly columns: Columns;
  /** A row as the API shows it. */
  readonly schema: z.ZodObject;
  /** SQL order of its rows. */
  readonly order: string;
}

export interface DayJob {
  readonly name: JobName;
  readonly description: string;
  readonly dependsOn: readonly JobName[];
  /** `day`: its result is of one day. `lake`: of many days, so it is made once for the newest finished day. */
  readonly per: "day" | "lake";
  readonly tables: readonly ResultTable[];
  /** Days whose tables it reads when it runs for `date`, of those finished; for jobs `per: "lake"`. */
  readonly days?: (finished: readonly string[], date: string) => readonly string[];
  run(desk: Desk): Promise<Outcome>;
}

/** What a run made. */
export interface Outcome {
  /** Rows by table and traffic; none at all when there was nothing to count. */
  readonly results: readonly { readonly table: ResultTable; readonly rows: Readonly<Record<Traffic, readonly StoredRow[]>> }[];
  /** What a job that reads the lake has read; others leave it out. */
  readonly lake?: LakeRead;
}

export interface LakeRead {
  readonly reads: Readonly<Record<string, number>>;
  readonly leftOut: readonly string[];
  readonly flagged: number;
}

/** What a desk is for. */
export interface Order {
  readonly job: JobName;
  readonly date: string;
  readonly zone: Zone;
  /** Days whose tables are to be read: of a job `per: "day"` the one. */
  readonly days: readonly string[];
}

/** Tables kept as Parquet for other jobs, one file a day. */
export type DayTable = "sessions" | "items";

/** Path of the file of a day's table or result, within the lake folder. */
export function resultFile(table: string, date: string): string {
  return `results/${table}/dt=${date}/${table}.parquet`;
}

export class Desk {
  /** Files made aside, and where they go within the lake folder. */
  readonly made: { aside: string; file: string }[] = [];

  private constructor(
    readonly context: JobContext,
    readonly order: Order,
    readonly duck: Duck,
    readonly connection: DuckDBConnection,
    private readonly signal: AbortSignal | undefined,
  ) {}

  /** Throws once the process is to stop: an interrupt reaches a query at work alone, and there is work between them. */
  goOn(): void {
    if (this.signal?.aborted) throw stopped(this.order);
  }

  /** Opens a desk for one run, and closes it after. One at a time has the spill folder of day jobs. `signal` interrupts the query at work. */
  static async at<T>(context: JobContext, order: Order, signal: AbortSignal | undefined, work: (desk: Desk) => Promise<T>): Promise<T> {
    const memoryMib = context.memoryMib ?? limits.jobMemoryMib;
    const duck = await Duck.open({ lakeFolder: context.lakeFolder, name: "jobs", memoryMib });
    try {
      return await duck.connected(async (low) => {
        const connection = new DuckDBConnection(low);
        const interrupt = () => connection.interrupt();
        signal?.addEventListener("abort", interrupt);
        const desk = new Desk(context, order, duck, connection, signal);
        try {
          desk.goOn();
          await connection.run(prelude);
          await connection.run(`CREATE TEMP TABLE day AS SELECT ${dateLiteral(order.date)} AS metric_date`);
          return await work(desk);
        } catch (cause) {
          throw signal?.aborted ? stopped(order) : cause;
        } finally {
          signal?.removeEventListener("abort", interrupt);
          await desk.#clear();
        }
      });
    } finally {
      duck.close();
    }
  }

  async run(sql: string): Promise<void> {
    this.goOn();
    await this.connection.run(sql);
  }

  /** All rows of a query that has few. */
  async rows(sql: string): Promise<Row[]> {
    this.goOn();
    return (await this.connection.runAndReadAll(sql)).getRowObjectsJS();
  }

  /**
   * Writes rows of a query aside as Parquet, to be put at `file` within the lake folder; returns where they are now. `distinctMax`: columns
   * of a row group with more distinct values are written as they are, where looking for equal ones would be in vain.
   */
  async write(select: string, file: string, ordered: boolean, distinctMax?: number): Promise<string> {
    const aside = join(this.duck.lakeFolder, ASIDE, `job_${crypto.randomUUID()}.parquet`);
    this.made.push({ aside, file });
    const dictionary = distinctMax === undefined ? "" : `, DICTIONARY_SIZE_LIMIT ${distinctMax}`;
    await this.run(
      `COPY (${select}) TO ${literal(aside)} (FORMAT parquet, COMPRESSION snappy, PRESERVE_ORDER ${ordered}${dictionary})`,
    );
    return aside;
  }

  /** Puts the tables of the order's days in view. Throws `not_found` when one of them is not there, `corrupt` when it is damaged. */
  async showDays(): Promise<void> {
    const { days, job } = this.order, { lakeFolder } = this.duck;
    const files = (table: DayTable) =>
      days.map((date) => ({ date, file: resultFile(table, date), path: join(lakeFolder, resultFile(table, date)) }));
    const mend = "run daily_metrics for it again";
    for (const { date, file, path } of [...files("sessions"), ...files("items")]) {
      this.goOn();
      if (!await exists(path)) {
        throw new GuardianError("not_found", `Cannot run ${job}: the tables of ${date} are not in the lake folder; ${mend}`);
      }
      const wrong = await wrongWithResult(this.context.kv, lakeFolder, file);
      if (wrong !== null) throw new GuardianError("corrupt", `Cannot run ${job}: the table ${file} is damaged: ${wrong}; ${mend}`);
    }
    await this.show("sessions", files("sessions").map(({ path }) => path));
    await this.show("items", files("items").map(({ path }) => path));
    await this.run(dayTables);
  }

  /** A view over Parquet files. */
  async show(view: string, paths: readonly string[]): Promise<void> {
    await this.run(`CREATE OR REPLACE TEMP VIEW ${view} AS
      SELECT * FROM read_parquet([${paths.map(literal).join(", ")}], hive_partitioning = false)`);
  }

  /** Most rows that the query after this may give for each traffic: the table `bounds`. */
  async bound(rowsMax: number): Promise<void> {
    await this.run(`CREATE OR REPLACE TEMP TABLE bounds AS SELECT ${rowsMax} AS rows_max`);
  }

  /** Runs the query of a result: as Parquet aside, and as rows. */
  async result(table: ResultTable, sql: string): Promise<Outcome["results"][number]> {
    await this.run(`CREATE OR REPLACE TEMP TABLE result AS ${sql}`);
    const columns = ["traffic", ...Object.keys(table.columns)].join(", ");
    await this.write(`SELECT ${columns} FROM result ORDER BY traffic, ${table.order}`, resultFile(table.name, this.order.date), true);
    const rows = {} as Record<Traffic, StoredRow[]>;
    for (const traffic of traffics) {
      const select = `SELECT ${storedSelect(table.columns)} FROM result WHERE traffic = ${literal(traffic)} ORDER BY result.${table.order}`;
      rows[traffic] = await this.rows(select) as StoredRow[];
    }
    return { table, rows };
  }

  /** Removes what still lies aside. */
  async #clear(): Promise<void> {
    for (const { aside } of this.made) await Deno.remove(aside).catch(() => {});
  }
}

function stopped({ job, date }: Order): GuardianError {
  return new GuardianError("shutting_down", `Cannot finish ${job} for ${date}: the process is stopping`);
}

export function dateLiteral(date: string): string {
  return `DATE ${literal(date)}`;
}
