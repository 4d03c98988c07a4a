// The Parquet writer at its edges, read back by DuckDB: row groups, runs, widths, absent values, odd texts.

import assert from "node:assert";
import { ColumnBuilder, type EventBatch, pendingBatch } from "../../src/event/batch.ts";
import { ABSENT } from "../../src/event/code.ts";
import { PURCHASE } from "../../src/event/kind.ts";
import { Gather, type Group } from "../../src/lake/gather.ts";
import { writeParquet } from "../../src/lake/parquet.ts";
import { type Lab, labTest, randomFrom, seedOfRun } from "./lab.ts";

const START = Date.UTC(2014, 3, 7, 3);
const ROW_GROUP_ROWS = 122_880;

/** Writes `count` rows as one file, each made by `push`, and returns its path. */
async function written(lab: Lab, count: number, push: (columns: ColumnBuilder, row: number) => void): Promise<string> {
  const gather = new Gather({ rows: Infinity, bytes: Infinity, groups: 1 });
  for (let first = 0; first < count; first += 4096) {
    const columns = new ColumnBuilder(4096);
    for (let row = first; row < Math.min(count, first + 4096); row++) push(columns, row);
    const batch: EventBatch = { ...pendingBatch(columns, "live", 3), firstOffset: first, arrival: START + first };
    gather.add(batch, first);
  }
  const path = `${lab.lakeFolder}/one.parquet`;
  const [{ table, runs }] = gather.sorted();
  await writeParquet(path, table, runs);
  return path;
}

for (
  const [rows, groups] of [[1, 1], [7, 1], [8, 1], [9, 1], [129, 1], [130, 1], [ROW_GROUP_ROWS - 1, 1], [ROW_GROUP_ROWS, 1], [
    ROW_GROUP_ROWS + 1,
    2,
  ]]
) {
  labTest(`Parquet file has ${groups} row groups and every value when it has ${rows} rows`, async (lab) => {
    const path = await written(
      lab,
      rows,
      (columns, row) => columns.push(row % 3, START + row, row, 7 * row, columns.code(row % 2 ? "odd" : "even")),
    );
    const [sums] = await lab.duck.rows(`SELECT count(*)::INTEGER AS rows, count(DISTINCT session_id)::INTEGER AS sessions,
      bool_and(item_id = (7 * _offset)::VARCHAR AND session_id = _offset::VARCHAR AND timestamp = make_timestamptz(${START} * 1000 + _offset * 1000)
        AND category = CASE WHEN _offset % 2 = 1 THEN 'odd' ELSE 'even' END AND _partition = 3
        AND kind = CASE _offset % 3 WHEN 0 THEN 'click' WHEN 1 THEN 'page_view' ELSE 'add_to_cart' END
        AND _arrival = make_timestamptz((${START} + _offset // 4096 * 4096) * 1000)) AS equal FROM '${path}'`);
    assert.deepEqual(sums, { rows, sessions: rows, equal: true });
    assert.deepEqual(await lab.duck.rows(`SELECT num_row_groups::INTEGER AS n FROM parquet_file_metadata('${path}')`), [{ n: groups }]);
  });
}

labTest("Parquet files are the same when several are written at a time, each giving way in the middle", async (lab) => {
  const random = randomFrom(seedOfRun()),
    groups = Array.from({ length: 4 }, (_, file) => {
      const gather = new Gather({ rows: Infinity, bytes: Infinity, groups: 1 });
      for (let first = 0; first < 20_000; first += 4000) {
        const columns = new ColumnBuilder(4000);
        for (let row = 0; row < 4000; row++) {
          const code = columns.code(`${file} ${Math.floor(random() * 3000)}`), item = Math.floor(random() * 1e6);
          columns.push(row % 3, START + row, random() < 0.5 ? row : code, item, random() < 0.1 ? code : ABSENT);
        }
        gather.add({ ...pendingBatch(columns, "live", file), firstOffset: first, arrival: START + first }, first);
      }
      return gather.sorted()[0];
    });
  const write = (group: Group, name: string) => writeParquet(`${lab.lakeFolder}/${name}.parquet`, group.table, group.runs);
  const together = await Promise.all(groups.map((group, i) => write(group, `together_${i}`)));
  for (const [i, group] of groups.entries()) assert.deepEqual(await write(group, `alone_${i}`), together[i]);
});

for (const unit of [1, 255, 65_537, 2 ** 31, 2 ** 40 + 1, 2 ** 44]) {
  labTest(`Parquet file keeps numbers that lie ${unit} apart, in any order`, async (lab) => {
    const random = randomFrom(seedOfRun());
    const given: number[] = [];
    const path = await written(lab, 1000, (columns, row) => {
      columns.push(0, START, 1, 1, 1);
      given[row] = Math.floor(random() * 300) * unit;
      columns.withIdentity().row[row] = given[row];
    });
    const rows = await lab.duck.rows(`SELECT _row::DOUBLE AS value FROM '${path}'`);
    assert.deepEqual(rows.map(({ value }) => value), given);
  });
}

labTest("Parquet file keeps the largest price, quantity and time", async (lab) => {
  const last = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
  const path = await written(lab, 100, (columns, row) => {
    columns.push(PURCHASE, row === 0 ? last - 3_599_999 : last, 1, 1, 1);
    const purchase = columns.withPurchase();
    purchase.price[row] = row % 2 ? 9_000_000_000_000_000 : 1;
    purchase.quantity[row] = 1_000_000_000;
  });
  const [row] = await lab.duck.rows(`SELECT max(price)::VARCHAR AS most, min(price)::VARCHAR AS least, max(quantity)::INTEGER AS pieces,
    epoch_ms(max(timestamp))::VARCHAR AS last FROM '${path}'`);
  assert.deepEqual(row, { most: "900000000000.0000", least: "0.0001", pieces: 1e9, last: String(last) });
});

labTest("Parquet file lets DuckDB skip by time without reading", async (lab) => {
  const path = await written(lab, 1000, (columns, row) => columns.push(0, START + row, 1, 1, 1));
  const [ends] = await lab.duck.rows(`SELECT stats_min_value AS least, stats_max_value AS most, stats_null_count::INTEGER AS nulls
    FROM parquet_metadata('${path}') WHERE path_in_schema = 'timestamp'`);
  assert.deepEqual(ends, { least: "2014-04-07 03:00:00+00", most: "2014-04-07 03:00:00.999+00", nulls: 0 });
});

labTest("Parquet file costs little for columns that say nothing", async (lab) => {
  const path = await written(lab, 100_000, (columns, row) => columns.push(0, START + row, 1, 1, 1));
  assert.ok(Deno.statSync(path).size < 20_000, `${Deno.statSync(path).size} bytes`);
});

for (const [name, distinct] of [["come once each", Infinity], ["come twice", 2], ["come often", 300]] as const) {
  labTest(`Parquet file keeps texts and integers that ${name}, beside absent ones`, async (lab) => {
    const textOf = (row: number) =>
      `${row % 2 ? "é" : "e"}vent ${distinct === Infinity ? row : Math.floor(row / distinct)} ${"x".repeat(row % 90)}`;
    const given = (row: number) => distinct === Infinity ? 2_147_483_647 - row * 900 : Math.floor(row / distinct) * 900;
    const idOf = (row: number) => {
      if (row % 3 === 0 && row <= 15_000) return null;
      return (row < 9000 ? row : Math.floor(row / 100)) % 3 === 0 ? String(row) : textOf(row);
    };
    const path = await written(lab, 20_000, (columns, row) => {
      columns.push(0, START + row, given(row), row % 7 === 0 ? row : columns.code(textOf(row)), 1);
      const { eventId } = columns.withIdentity();
      if (row % 13 === 0) columns.eventIdCode("of no row");
      // As a word, as bytes, as an integer; stretches of each, and one by one.
      const way = row < 9000 ? row % 3 : Math.floor(row / 100) % 3;
      if (row % 3 > 0 || row > 15_000) {
        eventId[row % 4096] = way === 0 ? row : way === 1 ? columns.code(textOf(row)) : columns.eventIdCode(textOf(row));
      }
    });
    const rows = await lab.duck.rows(`SELECT session_id AS session, item_id AS item, event_id AS id FROM '${path}' ORDER BY _offset`);
    assert.deepEqual(
      rows,
      Array.from({ length: 20_000 }, (_, row) => ({
        session: String(given(row)),
        item: row % 7 === 0 ? String(row) : textOf(row),
        id: idOf(row),
      })),
    );
  });
}

labTest("Parquet file keeps the number of each batch when more than 65,536 batches have one of their own", async (lab) => {
  const gather = new Gather({ rows: Infinity, bytes: Infinity, groups: 1 }), count = 66_000;
  for (let first = 0; first < count; first++) {
    const columns = new ColumnBuilder(1);
    columns.push(0, START, 1, 1, 1);
    gather.add({ ...pendingBatch(columns, "live", 3), firstOffset: first, arrival: START + 1000 * first }, first);
  }
  const path = `${lab.lakeFolder}/one.parquet`;
  await writeParquet(path, "raw_clicks", gather.sorted()[0].runs);
  const [{ right }] = await lab.duck.rows(
    `SELECT count(*) FILTER (epoch_ms(_arrival) = ${START} + 1000 * _offset)::INTEGER AS right FROM '${path}'`,
  );
  assert.equal(right, count);
});
