// `tables.sql` in the lake folder: two DuckDB views over exactly the files that the manifest lists, for anybody with a DuckDB shell.
// What always holds: it is a whole file, and lists no file that is not there. It may be some seconds behind while rows keep coming.

import { writeWhole } from "./atomic_file.ts";
import { literal } from "./duckdb.ts";
import { allParts, type Manifest, readManifest } from "./manifest.ts";
import type { Part } from "./part.ts";
import { columnsOf, type Table, tables } from "./schema.ts";

export const TABLES_FILE = "tables.sql";

/** What is written last for each manifest. */
const turns = new WeakMap<Deno.Kv, Promise<void>>();

/** Rewrites `tables.sql` for the manifest as it is. One at a time, so that an older list never replaces a newer one. */
export function writeTables(kv: Deno.Kv, lakeFolder: string): Promise<void> {
  const written = (turns.get(kv) ?? Promise.resolve()).then(async () =>
    await writeWhole(lakeFolder, TABLES_FILE, tablesSql(await readManifest(kv, undefined, () => {})))
  );
  turns.set(kv, written.catch(() => {}));
  return written;
}

/** The text of `tables.sql`. The views have the columns `dt` and `hour` besides, so that DuckDB opens only the files of the days asked for. */
export function tablesSql(manifest: Manifest): string {
  const parts = allParts(manifest);
  const views = tables.map((table) => {
    const listed = parts.filter((part) => part.table === table);
    return `CREATE OR REPLACE VIEW ${table} AS\n${selectParts(listed, table, "lake", true)};\n`;
  });
  return `-- The lake as two DuckDB views, over exactly the files that version ${manifest.root.version} of its manifest lists.
-- Paths begin at the data folder: start there, with  duckdb -init lake/tables.sql  or  .read lake/tables.sql
-- Filter by dt and hour (UTC, from the path) to read few files; "timestamp" is the event time.
-- Written by the archiver: changes made here are lost.
SET TimeZone = 'UTC';
${views.join("")}`;
}

/** A SELECT over listed files alone, in the order given; over no file it has the table's columns and no rows. */
export function selectParts(parts: readonly Part[], table: Table, lakeFolder: string, withPath = false): string {
  if (parts.length === 0) {
    const columns = [...columnsOf[table], ...withPath ? [["dt", "DATE"], ["hour", "BIGINT"]] : []];
    return `SELECT ${columns.map(([name, type]) => `NULL::${type} AS "${name}"`).join(", ")} WHERE false`;
  }
  const files = parts.map(({ file }) => literal(`${lakeFolder}/${file}`));
  const path = withPath ? "true, hive_types = {'dt': DATE, 'hour': BIGINT}" : "false";
  return `SELECT * FROM read_parquet([\n  ${files.join(",\n  ")}\n], hive_partitioning = ${path})`;
}
