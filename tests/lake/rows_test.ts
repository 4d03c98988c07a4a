// Rows go in as columns and come out of Parquet by value, whatever they hold.

import assert from "node:assert";
import { markBatch } from "../../src/event/batch.ts";
import { columnsOf, entriesOf, tables } from "../../src/lake/mod.ts";
import { anyBatch, clicks, labTest, randomFrom, seedOfRun, START } from "./lab.ts";

for (let round = 0; round < 6; round++) {
  labTest(`lake holds random batches by value, round ${round}`, async (lab) => {
    const random = randomFrom(seedOfRun());
    for (let i = 0; i < 12; i++) lab.log.append(anyBatch(random, i % 2));
    const archiver = lab.archiver({ gather: { rows: round % 2 === 0 ? 1_000_000 : 777 } });
    await archiver.recover();
    await archiver.flush();
    for (const table of tables) {
      const rows = await lab.rows(table), expected = lab.expected(table);
      assert.equal(rows.length, expected.length, table);
      rows.forEach((row, i) => assert.deepEqual(row, expected[i]));
    }
  });
}

labTest("lake keeps the order of the log within each file", async (lab) => {
  const random = randomFrom(seedOfRun());
  for (let i = 0; i < 30; i++) lab.log.append(anyBatch(random, i % 2, 1));
  const archiver = lab.archiver();
  await archiver.recover();
  await archiver.flush();
  for (const part of await entriesOf(lab.kv, "2014-04-07")) {
    const rows = await lab.duck.rows(`SELECT _partition AS p, _offset AS o FROM read_parquet('${lab.lakeFolder}/${part.file}')`);
    const places = rows.map(({ p, o }) => Number(p) * 1e9 + Number(o));
    assert.deepEqual(places, places.toSorted((a, b) => a - b));
    assert.equal(rows.length, part.rows);
  }
});

labTest("lake files have the columns and types that are promised", async (lab) => {
  const random = randomFrom(seedOfRun());
  lab.log.append(clicks(10), markBatch("time_mark", "live", 0, START), ...Array.from({ length: 8 }, () => anyBatch(random, 1)));
  const archiver = lab.archiver();
  await archiver.recover();
  await archiver.flush();
  for (const part of await entriesOf(lab.kv, "2014-04-07")) {
    const path = `${lab.lakeFolder}/${part.file}`;
    const described = await lab.duck.rows(`DESCRIBE SELECT * FROM read_parquet('${path}', hive_partitioning = false)`);
    assert.deepEqual(described.map(({ column_name, column_type }) => [column_name, column_type]), columnsOf[part.table]);
    const schema = await lab.duck.rows(`SELECT name, type, logical_type, converted_type FROM parquet_schema('${path}')`);
    const time = schema.find(({ name }) => name === "timestamp")!;
    assert.match(String(time.logical_type), /isAdjustedToUTC=1.*MICROS=MicroSeconds/);
    assert.equal(schema.find(({ name }) => name === "session_id")!.converted_type, "UTF8");
    const [{ codecs }] = await lab.duck.rows(`SELECT string_agg(DISTINCT compression) AS codecs FROM parquet_metadata('${path}')`);
    assert.equal(codecs, "SNAPPY");
  }
});
