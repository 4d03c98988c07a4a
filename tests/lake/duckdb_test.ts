// DuckDB is locked: nothing outside the lake folder, no extension, no setting.

import assert from "node:assert";
import { Duck } from "../../src/lake/mod.ts";
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
