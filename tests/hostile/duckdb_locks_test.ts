// Each DuckDB that the product opens is locked before it sees anything from outside: what gets at it all the same reaches nothing but the
// lake folder, or the one file that is read, and changes no setting. The lake's own is in tests/lake/duckdb_test.ts; here are the others, and
// that there are no more. It must not know what they are asked for in earnest.

import assert from "node:assert/strict";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { unpackParquet } from "../../src/source/parquet_rows.ts";
import { literal } from "../../src/lake/mod.ts";
import { tell } from "../support/proof.ts";
import { root, sourceFiles } from "./regexes.ts";

/** Ways out of a DuckDB that reads FILE, which lies in FOLDER. */
const WAYS_OUT = [
  ...["read_text('/etc/passwd')", "read_csv('/etc/passwd')", "read_csv('FOLDER/beside.csv')", "read_blob('FOLDER/../passwd')"],
  ...["glob('/*')", "glob('FOLDER/*')", "'/etc/passwd'", "read_text('/proc/self/environ')", "read_json('http://127.0.0.1:1/a')"],
  ...["read_parquet('FOLDER/other.parquet')", "sniff_csv('/etc/passwd')", "query('SELECT * FROM read_text(''/etc/passwd'')')"],
].map((source) => `SELECT * FROM ${source}`).concat(
  ["'FOLDER/out.csv'", "'/tmp/guardian_lock_escape.csv'", "'/dev/stdout'"].map((target) => `COPY (SELECT 1) TO ${target}`),
  ["ATTACH 'FOLDER/x.db'", "ATTACH '/tmp/guardian_lock_escape.db'", "EXPORT DATABASE 'FOLDER/all'", "IMPORT DATABASE 'FOLDER'"],
  ["LOAD httpfs", "LOAD 'FOLDER/x.duckdb_extension'", "INSTALL httpfs", "FORCE INSTALL httpfs FROM core", "UPDATE EXTENSIONS"],
  [
    "CREATE TABLE t (a VARCHAR); COPY t FROM '/etc/passwd'",
    "SELECT getenv('HOME')",
    "CREATE PERSISTENT SECRET s (TYPE http, BEARER_TOKEN 'b')",
  ],
  [
    ...["enable_external_access", "lock_configuration", "allowed_paths", "allowed_directories", "temp_directory", "extension_directory"],
    ...["memory_limit", "threads", "TimeZone", "autoload_known_extensions", "autoinstall_known_extensions", "allow_unsigned_extensions"],
    ...["home_directory", "secret_directory", "log_query_path", "profiling_output", "custom_extension_repository"],
  ].flatMap((name) => [`SET ${name} = '1'`, `SET GLOBAL ${name} = '1'`, `RESET GLOBAL ${name}`, `PRAGMA ${name} = '1'`]),
);

/** A way that is closed, a setting that is, and a name that is nothing here. */
const REFUSED = /Permission Error|locked|disabled|not allowed|(Table|Function) with name .* does not exist/i;

const OPENERS = ["src/cli/doctor.ts", "src/lake/duckdb.ts", "src/source/parquet_rows.ts"];

Deno.test("DuckDB is opened in three places of the product, all of which lock it", () => {
  const openers: string[] = [];
  for (const path of ["main.ts", "src", "routes", "jobs"].flatMap((name) => [...sourceFiles(`${root}${name}`)])) {
    const source = Deno.readTextFileSync(path), times = source.match(/DuckDBInstance\.(create|fromCache)\(|duckdb\.open\(/g)?.length ?? 0;
    for (let i = 0; i < times; i++) openers.push(path.slice(root.length));
    if (times > 0) assert.match(source, /lock_configuration/, path);
  }
  assert.deepEqual(openers.sort(), OPENERS);
});

/** Gives `work` a connection to each DuckDB that is opened meanwhile, once that is in use. */
async function withOpened(use: (opened: () => DuckDBInstance) => Promise<void>): Promise<void> {
  const own = DuckDBInstance.create, opened: DuckDBInstance[] = [];
  DuckDBInstance.create = async (...given) => {
    const instance = await own.apply(DuckDBInstance, given);
    opened.push(instance);
    return instance;
  };
  try {
    await use(() => opened.at(-1)!);
  } finally {
    DuckDBInstance.create = own;
  }
}

Deno.test("the DuckDB that reads a Parquet file refuses every way out when SQL gets at it", async () => {
  const folder = await Deno.makeTempDir({ prefix: "guardian-locks-" }), file = `${folder}/clicks.parquet`;
  const names = () => [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  try {
    await writeClicks(file, `1 AS "s'; COPY (SELECT 1) TO '${folder}/planted.csv'; --", 2 AS "x"" FROM read_text('/etc/passwd') --"`);
    await Deno.copyFile(file, `${folder}/other.parquet`);
    await Deno.writeTextFile(`${folder}/beside.csv`, "a,b\n1,2\n");
    const before = names();
    await withOpened(async (opened) => {
      const kept: Promise<DuckDBConnection>[] = [];
      let rows = 0;
      // What is connected holds the database, so that it is there when its reader is done with it.
      const onRows = ({ count }: { count: number }) => {
        rows += count;
        kept.push(opened().connect());
      };
      (await unpackParquet(file, { onRows })).close();
      const [connection] = await Promise.all(kept);
      assert.deepEqual([rows, kept.length], [1, 1]);
      try {
        assert.equal((await connection.runAndReadAll(`SELECT * FROM read_parquet(${literal(file)})`)).currentRowCount, 1);
        const settings = async () => (await connection.runAndReadAll("SELECT name, value FROM duckdb_settings() ORDER BY name")).getRows();
        const set = await settings();
        for (const sql of WAYS_OUT) {
          const said = await connection.runAndReadAll(sql.replaceAll("FOLDER", folder)).then(
            () => "nothing",
            (error: Error) => error.message,
          );
          assert.match(
            said,
            REFUSED,
            `${sql}: ${said}`,
          );
        }
        assert.deepEqual(await settings(), set);
      } finally {
        connection.closeSync();
      }
    });
    assert.deepEqual(names(), before, "nothing was written beside it");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  tell("ways out of a locked DuckDB", { tried: WAYS_OUT.length, refused: WAYS_OUT.length });
});

/** A click, with other columns whose names are SQL. */
async function writeClicks(path: string, others: string): Promise<void> {
  const instance = await DuckDBInstance.create(":memory:"), connection = await instance.connect();
  const click = "5 AS session_id, TIMESTAMP '2014-04-07 10:00:00' AS timestamp, 7 AS item_id";
  await connection.run(`COPY (SELECT ${click}, ${others}) TO ${literal(path)} (FORMAT parquet)`);
  connection.closeSync();
  instance.closeSync();
}
