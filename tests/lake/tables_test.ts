// tables.sql runs in DuckDB as it is and counts the rows that are listed, no more.

import { DuckDBInstance } from "@duckdb/node-api";
import assert from "node:assert";
import { entriesOf } from "../../src/lake/mod.ts";
import { limits } from "../../src/limits.ts";
import { anyBatch, clicks, type Lab, labTest, randomFrom, seedOfRun } from "./lab.ts";

/** Runs tables.sql as a DuckDB shell in the data folder would, then a query. */
async function asked(lab: Lab, query: string): Promise<unknown[][]> {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    await connection.run(Deno.readTextFileSync(`${lab.lakeFolder}/tables.sql`).replaceAll("'lake/", `'${lab.lakeFolder}/`));
    return (await connection.runAndReadAll(query)).getRowsJS();
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

const counts = "SELECT (SELECT count(*) FROM raw_clicks)::INTEGER, (SELECT count(*) FROM raw_purchases)::INTEGER";

labTest("tables.sql counts nothing when the lake is empty", async (lab) => {
  await lab.archiver().recover();
  assert.deepEqual(await asked(lab, counts), [[0, 0]]);
});

labTest("tables.sql has the listed rows alone, by dt and hour", async (lab) => {
  const random = randomFrom(seedOfRun());
  for (let i = 0; i < 10; i++) lab.log.append(anyBatch(random, i % 2));
  await lab.archiver().flush();
  const [part] = await entriesOf(lab.kv, "2014-04-07");
  Deno.copyFileSync(`${lab.lakeFolder}/${part.file}`, `${lab.lakeFolder}/${part.file}.parquet`);
  assert.deepEqual(await asked(lab, counts), [[lab.expected("raw_clicks").length, lab.expected("raw_purchases").length]]);
  const ofHour = await asked(lab, `SELECT count(*)::INTEGER FROM ${part.table} WHERE dt = '${part.dt}' AND hour = ${part.hour}`);
  assert.deepEqual(ofHour, [[part.rows]]);
});

labTest("tables.sql names paths from the data folder", async (lab) => {
  lab.log.append(clicks(3));
  await lab.archiver().flush();
  const [{ file }] = await entriesOf(lab.kv, "2014-04-07");
  assert.ok(Deno.readTextFileSync(`${lab.lakeFolder}/tables.sql`).includes(`'lake/${file}'`));
});

labTest("tables.sql is rewritten at most every so often while rows keep coming", async (lab) => {
  const archiver = lab.archiver({ gather: { rows: 10 } });
  await archiver.recover();
  const listed = async () => Number((await asked(lab, counts))[0][0]);
  lab.log.append(clicks(10));
  await archiver.step();
  lab.clock.time += limits.tablesEveryMs - 1;
  await archiver.step();
  assert.equal(await listed(), 0);
  lab.clock.time += 1;
  await archiver.step();
  assert.equal(await listed(), 10);
});
