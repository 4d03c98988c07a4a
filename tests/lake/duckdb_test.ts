// DuckDB is locked: nothing outside the lake folder, no extension, no setting.

import assert from "node:assert";
import { Duck } from "../../src/lake/mod.ts";
import { tell } from "../support/proof.ts";
import { labTest } from "./lab.ts";

const refused: Record<string, string> = {
  "reads a file elsewhere": "SELECT * FROM read_text('/etc/hostname')",
  "reads a file beside the lake folder": "SELECT * FROM read_text('LAKE/../beside.txt')",
  "reads a folder whose name begins like the lake's": "SELECT * FROM read_text('LAKE2/beside.txt')",
  "writes a file elsewhere": "COPY (SELECT 1) TO '/tmp/lake_escape.csv'",
  "attaches a database elsewhere": "ATTACH '/tmp/lake_escape.db'",
  "changes a setting": "SET threads = 1",
  "opens access again": "SET GLOBAL enable_external_access = true",
  "adds a folder": "SET GLOBAL allowed_directories = ['/']",
  "unlocks": "SET GLOBAL lock_configuration = false",
  "installs an extension": "INSTALL httpfs",
  "loads an extension": "LOAD httpfs",
  "reaches the network": "SELECT * FROM read_csv('https://example.com/a.csv')",
};

for (const [what, sql] of Object.entries(refused)) {
  labTest(`DuckDB refuses when a query ${what}`, async (lab) => {
    Deno.writeTextFileSync(`${lab.folder}/beside.txt`, "secret");
    Deno.mkdirSync(`${lab.folder}/lake2`);
    Deno.writeTextFileSync(`${lab.folder}/lake2/beside.txt`, "secret");
    await assert.rejects(
      lab.duck.rows(sql.replace("LAKE2", `${lab.folder}/lake2`).replace("LAKE", lab.lakeFolder)),
      /Permission Error|locked|disabled|not allowed|Cannot/i,
    );
  });
}

// Every other way out. LAKE has a link that leads to the folder beside it, and one to a file there.
const waysOut = [
  ...["glob('/*')", "glob('LAKE/../*')", "glob('LAKE/link/*')", "read_text('LAKE/link/beside.txt')", "read_text('LAKE/file')"],
  ...["read_text('LAKE/sub/../../beside.txt')", "read_text('LAKE//..//beside.txt')", "read_text('LAKE/../lake/../beside.txt')"],
  ...["read_text(['LAKE/x', 'LAKE/../beside.txt'])", "read_blob('/etc/passwd')", "read_csv('/etc/passwd')", "read_json('/etc/passwd')"],
  ...["read_parquet('/etc/passwd')", "parquet_metadata('/etc/passwd')", "sniff_csv('/etc/passwd')", "read_text('/proc/self/environ')"],
  ...["read_text('file:///etc/passwd')", "read_text('s3://a/b')", "read_csv('http://127.0.0.1:1/a')", "'/etc/passwd'"],
  ...["query('SELECT * FROM read_text(''/etc/passwd'')')", "query_table('/etc/passwd')"],
].map((source) => `SELECT * FROM ${source}`).concat(
  ["'LAKE/../out.csv'", "'LAKE/link/out.csv'", "'LAKE/file'", "'/dev/stdout'"].map((target) => `COPY (SELECT 1) TO ${target}`),
  ["'LAKE/../x.db'", "'LAKE/link/x.db'", "'/proc/self/mem'", "'http://127.0.0.1:1/x.db'"].map((target) => `ATTACH ${target}`),
  ["LOAD 'LAKE/x.duckdb_extension'", "INSTALL 'LAKE/x.duckdb_extension'", "FORCE INSTALL httpfs FROM core", "UPDATE EXTENSIONS"],
  ["EXPORT DATABASE 'LAKE/../all'", "IMPORT DATABASE 'LAKE/..'", "CREATE TABLE t (a VARCHAR); COPY t FROM '/etc/passwd'"],
  [
    "CREATE SECRET s (TYPE s3, KEY_ID 'a', SECRET 'b')",
    "CREATE PERSISTENT SECRET s (TYPE http, BEARER_TOKEN 'b')",
    "SELECT getenv('HOME')",
  ],
  [
    ...["temp_directory", "home_directory", "secret_directory", "extension_directory", "custom_extension_repository", "log_query_path"],
    ...["profiling_output", "allowed_directories", "allowed_paths", "allow_unsigned_extensions", "memory_limit", "TimeZone"],
    ...["autoload_known_extensions", "autoinstall_known_extensions", "enable_external_access", "lock_configuration"],
  ].flatMap((name) => [`SET ${name} = 'LAKE/..'`, `SET GLOBAL ${name} = 'LAKE/..'`, `RESET GLOBAL ${name}`, `PRAGMA ${name} = '1'`]),
);

labTest("DuckDB refuses every way out of the lake folder and of its settings", async (lab) => {
  Deno.writeTextFileSync(`${lab.folder}/beside.txt`, "for nobody");
  Deno.symlinkSync(lab.folder, `${lab.lakeFolder}/link`);
  Deno.symlinkSync(`${lab.folder}/beside.txt`, `${lab.lakeFolder}/file`);
  Deno.mkdirSync(`${lab.lakeFolder}/sub`);
  const settings = async () =>
    (await lab.duck.rows("SELECT name, value FROM duckdb_settings() ORDER BY name")).map((row) => Object.values(row).join("="));
  const before = await settings(), names = () => [...Deno.readDirSync(lab.folder)].map(({ name }) => name).sort();
  const beside = names();
  for (const sql of waysOut) {
    const said = await lab.duck.rows(sql.replaceAll("LAKE", lab.lakeFolder)).then(() => "nothing", (error: Error) => error.message);
    assert.match(
      said,
      /Permission Error|has been locked|can.?not be (changed|modified)|not allowed|does not exist|already registered|unrecognized|Missing Extension|disabled|secret/i,
      sql,
    );
    assert.ok(!said.includes("for nobody"), sql);
  }
  assert.deepEqual([await settings(), names()], [before, beside]);
  assert.equal(Deno.readTextFileSync(`${lab.folder}/beside.txt`), "for nobody");
  tell("ways out of DuckDB", { tried: waysOut.length + Object.keys(refused).length, open: 0 });
});

labTest("DuckDB reads and writes within the lake folder", async (lab) => {
  await lab.duck.run(`COPY (SELECT 42 AS answer) TO '${lab.lakeFolder}/a.parquet' (FORMAT parquet)`);
  assert.deepEqual(await lab.duck.rows(`SELECT answer FROM '${lab.lakeFolder}/a.parquet'`), [{ answer: 42 }]);
});

labTest("DuckDB tells time in UTC and spills within the lake folder", async (lab) => {
  const [settings] = await lab.duck.rows("SELECT current_setting('TimeZone') AS zone, current_setting('temp_directory') AS spill");
  assert.deepEqual(settings, { zone: "UTC", spill: `${lab.lakeFolder}/.spill/test` });
});

labTest("DuckDB opens twice under two names", async (lab) => {
  const other = await Duck.open({ lakeFolder: lab.lakeFolder, name: "other" });
  assert.deepEqual(await other.rows("SELECT 1 AS one"), [{ one: 1 }]);
  other.close();
});

labTest("DuckDB drops what a killed process spilled when it opens", async (lab) => {
  Deno.mkdirSync(`${lab.lakeFolder}/.spill/killed`);
  Deno.writeTextFileSync(`${lab.lakeFolder}/.spill/killed/left.tmp`, "left");
  (await Duck.open({ lakeFolder: lab.lakeFolder, name: "killed" })).close();
  assert.deepEqual([...Deno.readDirSync(`${lab.lakeFolder}/.spill/killed`)], []);
});
