// Files of other forms than plain CSV: what is read from them, by value, against the same events as CSV.

import assert from "node:assert/strict";
import { DuckDBInstance } from "@duckdb/node-api";
import { systemClock } from "../../src/clock.ts";
import type { Reject } from "../../src/event/reject.ts";
import { paths } from "../../src/folder.ts";
import { Inputs } from "../../src/cli/inputs.ts";
import { Guardian } from "../../src/guardian.ts";
import { silent } from "../../src/log_line.ts";
import { SampleShop } from "../../src/sample/mod.ts";
import { flatLines } from "../../src/source/flat_lines.ts";
import { indexesOf } from "../../src/source/layout.ts";
import { LocalSink } from "../../src/source/local_sink.ts";
import { orderedRows, type OrderOptions } from "../../src/source/ordered.ts";
import { closeInput, type InputOptions, type Prescan, prescan, prescanInput, sourceId } from "../../src/source/prescan.ts";
import { replay } from "../../src/source/replay.ts";
import { type Row, rowsOf } from "../event/rows.ts";
import { lakeLines } from "../support/lake.ts";
import { Random, TestFolder } from "./files.ts";

const T = Date.UTC(2014, 3, 7, 10);

/** Runs SQL that writes files. */
async function duckdb(sql: string): Promise<void> {
  const instance = await DuckDBInstance.create(":memory:"), connection = await instance.connect();
  try {
    await connection.run(`SET TimeZone = 'UTC'; ${sql}`);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** A Parquet file of what `select` gives. */
async function parquet(folder: TestFolder, select: string, name = `${crypto.randomUUID()}.x`): Promise<string> {
  const path = `${folder.path}/${name}`;
  await duckdb(`COPY (${select}) TO '${path}' (FORMAT parquet, ROW_GROUP_SIZE 2048)`);
  return path;
}

interface Read {
  readonly file: Prescan;
  readonly rows: Row[];
  readonly rejects: Reject[];
}

/** All of a file, in the fixed order. */
async function read(path: string, options: InputOptions = {}, order: OrderOptions = {}): Promise<Read> {
  const file = await prescanInput(path, options), rows: Row[] = [], rejects: Reject[] = [];
  try {
    for (const chunk of orderedRows(file, order)) {
      assert.equal(chunk.firstRow, rows.length);
      rows.push(...rowsOf(chunk.columns));
      rejects.push(...chunk.rejects);
      assert.equal(chunk.linesRead >= rows.length, true);
    }
  } finally {
    closeInput(file);
  }
  assert.deepEqual([rows.length, rejects.length], [file.rows, file.rejected]);
  return { file, rows, rejects };
}

/** Clicks at random times as CSV, NDJSON and Parquet. */
async function threeForms(folder: TestFolder, count: number, random: Random): Promise<string[]> {
  const events = Array.from({ length: count }, (_, at) => {
    const category = random.pick(["S", "0", "7", "2089028791"]),
      session = random.pick([String(random.below(500)), `s-${random.below(50)}`]);
    return { session, time: new Date(T + random.below(1_000_000_000)).toISOString(), item: `${at}`, category };
  });
  const csv = folder.file(events.map(({ session, time, item, category }) => `${session},${time},${item},${category}\n`).join(""), "a");
  const ndjson = events.map(({ session, time, item, category }) => ({ session_id: session, timestamp: time, item_id: item, category }));
  const lines = folder.file(ndjson.map((event) => JSON.stringify(event) + "\n").join(""), "b");
  const columns = "{'session_id': 'VARCHAR', 'timestamp': 'TIMESTAMPTZ', 'item_id': 'BIGINT', 'category': 'VARCHAR'}";
  return [csv, lines, await parquet(folder, `SELECT * FROM read_csv('${csv}', header = false, columns = ${columns})`, "c")];
}

Deno.test("CSV, NDJSON and Parquet give the same rows in the same order, in whatever memory", async () => {
  using folder = new TestFolder();
  const random = new Random(), [csv, ...others] = await threeForms(folder, 9000, random);
  const { rows, file } = await read(csv);
  assert.equal(rows.length, 9000);
  for (const path of others) {
    for (const order of [{}, { sortRowsMax: 512, spillFolder: folder.path }, { reorderMs: 2_000_000_000 }]) {
      const other = await read(path, { spillFolder: folder.path }, order);
      assert.deepEqual(other.rows, rows);
      const { firstTime, lastTime, displacementMs } = other.file;
      assert.deepEqual({ firstTime, lastTime, displacementMs }, {
        firstTime: file.firstTime,
        lastTime: file.lastTime,
        displacementMs: file.displacementMs,
      });
    }
  }
  assert.deepEqual([...Deno.readDirSync(folder.path)].map(({ name }) => name).sort(), ["a", "b", "c"], "nothing is left on disk");
});

Deno.test("the form of a file goes by its content, whatever its name", async () => {
  using folder = new TestFolder();
  const line = '{"session_id":1,"timestamp":1396867869277,"item_id":5}';
  assert.equal(prescan(folder.file(`\ufeff\n ${line}\n`, "x.csv")).form, "ndjson");
  assert.equal(prescan(folder.file("{3F25-04E0},2014-04-07T10:51:09.277Z,5,0\n", "x.ndjson")).form, undefined);
  const path = await parquet(folder, "SELECT 1 AS session_id, TIMESTAMP '2014-04-07 10:51:09.277' AS timestamp, 5 AS item_id", "y.csv");
  assert.equal((await read(path)).file.form, "parquet");
  assert.throws(() => prescan(path), { code: "input_unreadable", message: /it is a Parquet file/ });
});

Deno.test("files that are known and not read are refused with what to do", async () => {
  using folder = new TestFolder();
  const refused = (content: string | Uint8Array, says: RegExp) =>
    assert.rejects(prescanInput(folder.file(content)), { code: "input_unreadable", message: says });
  await refused('[{"session_id":1}]', /is a JSON array; write one object a line/);
  await refused(Uint8Array.of(0x1f, 0x8b, 8, 0), /packed with gzip; unpack it first/);
  await refused("PK\x03\x04rest", /zip archive/);
  await refused("PAR1 and nothing else", /it begins as Parquet, and /);
  await assert.rejects(prescanInput(`${folder.path}/none`), { code: "input_unreadable", message: /no such file/ });
  await assert.rejects(prescanInput(folder.path), { code: "input_unreadable", message: /is a folder/ });
});

Deno.test("NDJSON lines that are no event are told with their line and kept apart from their neighbours", async () => {
  using folder = new TestFolder();
  const good = (item: number) => `{"session_id":1,"timestamp":${T + item},"item_id":${item}}`;
  const path = folder.file([
    good(1),
    '{"session_id":1}',
    "not json",
    good(2),
    "",
    '{"session_id":{}',
    `  {"broken":{}  `,
    good(3) + "\r",
    `{"session_id":1,"timestamp":${T},"item_id":9,"page":"${"x".repeat(70_000)}"}`,
    `[${good(4)},${good(5)}]`,
    "   ",
    good(6),
    '{"transactionId":"t","userId":"u","timestamp":"2014-04-07T10:00:01Z","orderItems":[{"productId":7,"quantity":1,"price":2},{"productId":8}]}',
    good(9),
  ].join("\n"));
  const { rows, rejects } = await read(path);
  assert.deepEqual(rows.map(({ item }) => item), ["1", "2", "3", "4", "5", "6", "9", "7"]);
  assert.deepEqual(rejects.map(({ line, code }) => [line, code]), [
    [2, "missing_field"],
    [3, "not_json"],
    [6, "not_json"],
    [7, "not_json"],
    [9, "line_too_long"],
    [13, "missing_field"],
  ]);
  assert.equal(new TextDecoder().decode(rejects[0].raw), '{"session_id":1}');
});

Deno.test("NDJSON keeps all that an event can have, whatever has to be sorted", async () => {
  using folder = new TestFolder();
  const shop = new SampleShop({ visitorsPerDay: 20_000 }), expected: Row[] = [], pieces: string[] = [];
  for (const { columns } of shop.chunks(T, T + 3_600_000, { eventIds: true })) {
    expected.push(...rowsOf(columns));
    pieces.push(flatLines(columns));
  }
  assert.deepEqual((await read(folder.file(pieces.join("")))).rows, expected);
  const swapped = folder.file(pieces.reverse().join(""));
  for (const order of [{}, { sortRowsMax: 1024 }]) {
    const { rows } = await read(swapped, {}, order);
    assert.deepEqual(rows.map(({ eventId }) => eventId).sort(), expected.map(({ eventId }) => eventId).sort());
    const byId = new Map(expected.map((row) => [row.eventId, row]));
    for (const row of rows) assert.deepEqual(row, byId.get(row.eventId));
  }
});

Deno.test("NDJSON without a good line is refused with what was expected", () => {
  using folder = new TestFolder();
  assert.throws(() => prescan(folder.file('{"a":1}\n{"b":2}\n')), {
    code: "input_unreadable",
    message: /line 1 is "\{\\"a\\":1\}".*"session_id" is missing.*Expected lines as .*\{"session_id":1/,
  });
});

Deno.test("Parquet of other types and names is read as what it means", async () => {
  using folder = new TestFolder();
  const select = `SELECT 's-' || i AS sessionId, (TIMESTAMP '2014-04-07 10:00:00' + to_milliseconds(i))::TIMESTAMP_NS AS timestamp,
      i::USMALLINT AS "productId", 12.1::FLOAT AS price, 2::TINYINT AS quantity, 'x' AS else_what, {'a': 1} AS context, [1] AS list
    FROM range(3) AS t(i)`;
  const { rows } = await read(await parquet(folder, select));
  assert.deepEqual(
    rows,
    [0, 1, 2].map((i) => {
      return { kind: "purchase", time: T + i, session: `s-${i}`, item: String(i), price: 121_000, quantity: 2 };
    }),
  );
  const texts =
    "SELECT 1.5::DOUBLE AS price, 2 AS quantity, 'a' AS session_id, '2014-04-07T12:00:00+02:00' AS timestamp, 'b'::BLOB AS item_id";
  assert.deepEqual((await read(await parquet(folder, texts))).rows, [
    { kind: "purchase", time: T, session: "a", item: "b", price: 15_000, quantity: 2 },
  ]);
  const ms = `SELECT ${T}::BIGINT AS timestamp, 9007199254740993::BIGINT AS session_id, 5 AS item_id, NULL::VARCHAR AS category`;
  assert.deepEqual((await read(await parquet(folder, ms))).rows, [{ kind: "click", time: T, session: "9007199254740993", item: "5" }]);
});

Deno.test("Parquet without the columns of events is refused by their names", async () => {
  using folder = new TestFolder();
  const refused = async (select: string, says: RegExp) =>
    await assert.rejects(prescanInput(await parquet(folder, select)), { code: "input_unreadable", message: says });
  await refused("SELECT 1 AS session_id, now() AS timestamp", /has no column "item_id"; its columns are session_id, timestamp$/);
  await refused("SELECT 1 AS a, 2 AS b", /has no column "session_id" and "timestamp" and "item_id"; its columns are a, b$/);
  await refused("SELECT 1 AS session_id, now() AS timestamp, 1 AS item_id, 2 AS price", /has no column "quantity"/);
  await refused("SELECT '' AS session_id, now() AS timestamp, 1 AS item_id", /no row is an event; row 1 is .*"session_id" is empty/);
});

Deno.test("Parquet rows that are no event are told by their number, and all are counted", async () => {
  using folder = new TestFolder();
  const select =
    `SELECT CASE WHEN i % 4 = 1 THEN NULL ELSE i END AS session_id, ${T} + i AS timestamp, 5 AS item_id FROM range(9000) AS t(i)`;
  for (const order of [{}, { sortRowsMax: 64 }]) {
    const { rows, rejects } = await read(await parquet(folder, select), {}, order);
    assert.equal(rows.length, 6750);
    assert.equal(rejects.length, 2250);
    assert.deepEqual(rejects.slice(0, 1000).map(({ line }) => line), Array.from({ length: 1000 }, (_, at) => 4 * at + 2));
    assert.match(rejects[0].message, /"session_id" is missing/);
    assert.equal(new TextDecoder().decode(rejects[0].raw), `{"session_id":null,"timestamp":"${T + 1}","item_id":"5"}`);
  }
});

Deno.test("columns by name and index are read, and refused when they make no sense", async () => {
  using folder = new TestFolder();
  const path = folder.file(`x,5,2014-04-07T10:00:00.000Z,a,9\n`);
  const { rows } = await read(path, { indexes: indexesOf(["session_id=3", "timestamp=2", "item_id=1"]) });
  assert.deepEqual(rows, [{ kind: "click", time: T, session: "a", item: "5" }]);
  const ids = [["session_id=3", "timestamp=2", "item_id=1"], ["session_id=0", "timestamp=2", "item_id=1"]]
    .map((given) => sourceId(prescan(path, { indexes: indexesOf(given) }), 0));
  assert.notEqual(ids[0], ids[1]);
  const refused = (given: string[], says: RegExp) => assert.throws(() => indexesOf(given), { code: "usage", message: says });
  refused(["session"], /write it as name=index/);
  refused(["session_id=x"], /write it as name=index/);
  refused(["sesion_id=1"], /did you mean "session_id"\?/);
  refused(["session_id=1", "session_id=2"], /given twice/);
  refused(["session_id=1", "timestamp=2"], /item_id has no index/);
  refused(["session_id=1", "timestamp=1", "item_id=3"], /it is session already/);
  refused(["session_id=1", "timestamp=2", "item_id=3", "price=4"], /both price and quantity/);
});

/** Replays a file into a data folder, and returns what is in its lake. */
async function replayed(path: string, data: string): Promise<{ clicks: string[]; purchases: string[]; counts: number[] }> {
  const counts: number[] = [];
  for (let run = 0; run < 2; run++) {
    const guardian = await Guardian.open({ data, clock: systemClock, logLine: silent, partitions: 2 });
    const file = await prescanInput(path, { spillFolder: data });
    try {
      guardian.start();
      const sleep = () => Promise.resolve();
      const { accepted, duplicates, rejected } = await replay({ files: [file], sink: new LocalSink(guardian), clock: systemClock, sleep });
      counts.push(accepted, duplicates, rejected);
    } finally {
      closeInput(file);
      await guardian.stop();
    }
  }
  return { clicks: await lakeLines(data, "raw_clicks"), purchases: await lakeLines(data, "raw_purchases"), counts };
}

Deno.test("CSV, NDJSON, Parquet and the lake's own files give the same lake, and a second run changes nothing", async () => {
  using folder = new TestFolder();
  const forms = await threeForms(folder, 3000, new Random());
  const lakes = [];
  for (const [at, path] of forms.entries()) lakes.push(await replayed(path, `${folder.path}/data-${at}`));
  assert.equal(lakes[0].clicks.length, 3000);
  for (const lake of lakes) assert.deepEqual(lake, { ...lakes[0], counts: [3000, 0, 0, 0, 3000, 0] });
  const own = await parquet(folder, `SELECT * FROM read_parquet('${paths.lake(`${folder.path}/data-0`)}/raw_clicks/*/*/*.parquet')`);
  assert.deepEqual((await replayed(own, `${folder.path}/data-own`)).clicks, lakes[0].clicks);
});

/** Has temporary files made elsewhere. */
class TemporaryFolder {
  readonly #before = Deno.env.get("TMPDIR");

  constructor(path: string) {
    Deno.env.set("TMPDIR", path);
  }

  [Symbol.dispose](): void {
    if (this.#before === undefined) Deno.env.delete("TMPDIR");
    else Deno.env.set("TMPDIR", this.#before);
  }
}

Deno.test("inputs of a command are read in turn, and leave nothing on disk when one of them cannot be", async () => {
  using folder = new TestFolder(), spill = new TestFolder();
  using _moved = new TemporaryFolder(spill.path);
  const good = await parquet(folder, `SELECT 1 AS session_id, ${T} AS timestamp, 5 AS item_id`);
  const other = folder.file("5,x,2014-04-07T10:00:00.000Z\n");
  await assert.rejects(Inputs.open([good, `${folder.path}/none`]), { code: "input_unreadable", message: /no such file/ });
  await assert.rejects(Inputs.open([good], { column: ["item_id"] }), { code: "usage" });
  {
    using inputs = await Inputs.open([good, other], { column: ["session_id=1", "timestamp=2", "item_id=0"] });
    assert.deepEqual(inputs.files.map((file) => [...orderedRows(file)].flatMap(({ columns }) => rowsOf(columns))), [
      [{ kind: "click", time: T, session: "1", item: "5" }],
      [{ kind: "click", time: T, session: "x", item: "5" }],
    ]);
  }
  assert.deepEqual([...Deno.readDirSync(spill.path)], []);
});
