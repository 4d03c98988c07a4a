// No text that comes from outside becomes SQL: ids, categories, days, cursors, names of files and folders that are made of it are data, and
// each question is answered with what was asked for, alone. What is made into SQL where: `literal` for names of files in src/lake,
// src/source/parquet_rows.ts and src/web/table_export.ts, times and days that were parsed before in jobs and there, and bound values for ids.
// That SQL could do nothing outside the lake folder even so is in tests/lake/duckdb_test.ts.

import assert from "node:assert/strict";
import { DuckDBInstance } from "@duckdb/node-api";
import { unpackParquet } from "../../src/source/parquet_rows.ts";
import { Duck, literal } from "../../src/lake/mod.ts";
import { tell } from "../support/proof.ts";
import { ndjson, T0, withLab } from "../web/lab.ts";

const TEXTS = [
  ...["'", "''", "'; DROP TABLE raw_clicks; --", "' OR '1'='1", "') UNION ALL SELECT * FROM read_text('/etc/passwd') --", "\\' OR 1=1 --"],
  ...[
    '"',
    '" OR ""="',
    "x'); COPY (SELECT 1) TO '/tmp/x'; --",
    "/* */",
    "--",
    ";",
    "$1",
    "$$",
    "$$;SELECT 1;$$",
    "?",
    ":name",
    "{}",
    "%",
    "_",
  ],
  ...[
    "*",
    "[a]",
    "../../etc/passwd",
    "NULL",
    "null",
    "true",
    "E'\\x27'",
    "U&'\\0027'",
    "\u2019 OR \u20181\u2019=\u20181",
    "\u02bc",
    "\uff07",
  ],
  ...["SELECT 1", "getenv('HOME')", "0x27", "1e9", "-1", "01", "+1", "1 OR 1=1", "9007199254740993", "\ud83e\udd16'"],
];
const ENDS = ["' OR '1'='1", "2014-04-07' OR '1'='1", "2014-04-07;", "2014-04-07\n", "'", "NULL", "2014-04-07 UNION SELECT 1", "now()"];

Deno.test("ids and categories made of SQL are data when they are asked for, exported and counted", async () => {
  let asked = 0;
  await withLab(async ({ post, fetch, guardian, service }) => {
    const events = TEXTS.flatMap((text, i) => [
      { session_id: `s${text}`, timestamp: T0 + i * 1000, item_id: `i${text}`, category: text },
      { kind: "purchase", session_id: `s${text}`, timestamp: T0 + i * 1000 + 1, item_id: `i${text}`, price: i + 1, quantity: 1 },
    ]);
    const { accepted, errors } = await (await post(ndjson(events), { "Content-Type": "application/x-ndjson" })).json();
    assert.equal(accepted, events.length, JSON.stringify(errors));
    await guardian.caughtUp();
    await guardian.archiver.flush();
    for (const [i, text] of TEXTS.entries()) {
      for (const path of ["since=2014-04-07T00:00:00Z&until=2014-04-08T00:00:00Z"]) {
        const response = await fetch(`/sessions/${encodeURIComponent(`s${text}`)}/events?${path}`), answer = await response.json();
        assert.equal(response.status, 200, text);
        const seen = (answer.events as { item_id: string; price?: unknown }[]).map(({ item_id }) => item_id);
        assert.deepEqual(seen, [`i${text}`, `i${text}`], text);
        assert.equal(answer.events[0].category ?? text, text);
        assert.ok(i < TEXTS.length);
        asked++;
      }
    }
    for (const format of ["json", "ndjson"]) {
      const text = await (await fetch(`/export/raw_clicks?format=${format}`)).text();
      const rows: { session_id: string; item_id: string; category: string }[] = format === "json"
        ? JSON.parse(text)
        : text.trimEnd().split("\n").map((line) => JSON.parse(line));
      const plain = rows.map(({ session_id, item_id, category }) => [session_id, item_id, category]).sort();
      assert.deepEqual(plain, TEXTS.map((text) => [`s${text}`, `i${text}`, text]).sort(), format);
      asked++;
    }
    for (const job of ["daily_metrics", "popular_items"]) await service.days.runJob(job as "daily_metrics", "2014-04-07");
    const answer = await fetch("/items/popular/2014-04-07?limit=100"), items: { item_id: string }[] = await answer.json();
    assert.equal(answer.status, 200, JSON.stringify(items));
    assert.deepEqual(items.map(({ item_id }) => item_id).sort(), TEXTS.map((text) => `i${text}`).sort());
    asked++;
  });
  tell("texts made of SQL", { texts: TEXTS.length, questions: asked, answered_otherwise: 0 });
});

Deno.test("a day, a table and a format made of SQL are refused when they are asked for", async () => {
  await withLab(async ({ post, fetch, guardian }) => {
    await post(ndjson([{ session_id: "s", timestamp: T0, item_id: 1 }]), { "Content-Type": "application/x-ndjson" });
    await guardian.archiver.flush();
    const paths = ENDS.map(encodeURIComponent).flatMap((text) => [
      `/export/${text}`,
      `/export/raw_clicks?format=${text}`,
      `/export/raw_clicks?from=${text}`,
      `/export/raw_clicks?to=${text}`,
      `/metrics/daily/${text}`,
      `/metrics/funnel/${text}`,
      `/metrics/daily?start_date=${text}`,
      `/items/popular/${text}`,
      `/items/categories/${text}`,
      `/sessions/s/events?since=${text}`,
      `/sessions/s/events?limit=${text}`,
    ]);
    for (const path of paths) {
      const response = await fetch(path), text = await response.text();
      assert.ok(response.status === 400 || response.status === 404, `${path}: ${response.status} ${text}`);
      assert.doesNotMatch(text, /Parser Error|Binder Error|Catalog Error|SELECT .* FROM/);
    }
    for (const date of ENDS) {
      for (const path of ["/jobs/run", "/jobs/backfill"]) {
        const body = JSON.stringify({ job: "daily_metrics", date, from: date, to: date });
        const response = await fetch(path, { method: "POST", body });
        await response.body?.cancel();
        assert.ok(response.status === 400 || response.status === 404, `${path} ${body}: ${response.status}`);
      }
    }
  });
});

const NAMES = ["it's", "a*", "a?", "[ab]", "{a,b}", "x'; SELECT 1; --", "session_id=99", "kind=view", "a b", "%27", "**", "$1"];

Deno.test("a Parquet file gives its own rows alone when its name and its folder's are patterns, columns or SQL", async () => {
  const folder = await Deno.makeTempDir({ prefix: "guardian-names-" });
  const instance = await DuckDBInstance.create(":memory:"), connection = await instance.connect();
  try {
    const make = async (path: string, session: number) => {
      const select = `SELECT ${session} AS session_id, TIMESTAMP '2014-04-07 10:00:00' AS timestamp, 7 AS item_id`;
      await connection.run(`COPY (${select}) TO ${literal(`${folder}/made`)} (FORMAT parquet)`);
      await Deno.rename(`${folder}/made`, path);
    };
    for (const [i, name] of NAMES.entries()) {
      const inside = `${folder}/${i}/${name}`;
      await Deno.mkdir(inside, { recursive: true });
      // What a pattern would find besides.
      for (const other of ["a", "b", "ab", "a1"]) await make(`${inside}/${other}.parquet`, 666);
      await make(`${inside}/${name}.parquet`, 5);
      const unpacked = await unpackParquet(`${inside}/${name}.parquet`).catch((error: Error) => error);
      assert.ok(!(unpacked instanceof Error), `${name}: ${unpacked}`);
      const sessions: unknown[] = [];
      await unpackParquet(`${inside}/${name}.parquet`, {
        onRows: (columns) => {
          for (let row = 0; row < columns.count; row++) sessions.push(columns.session[row]);
        },
      }).then((again) => again.close());
      unpacked.close();
      assert.deepEqual(sessions, [5], name);
    }
  } finally {
    connection.closeSync();
    instance.closeSync();
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("DuckDB reads and writes in a lake folder whose name is a pattern or SQL", async () => {
  for (const name of NAMES) {
    const folder = await Deno.makeTempDir({ prefix: "guardian-names-" });
    try {
      const duck = await Duck.open({ lakeFolder: `${folder}/${name}`, name: "test" });
      try {
        const file = literal(`${folder}/${name}/a.parquet`);
        await duck.run(`COPY (SELECT 42 AS answer) TO ${file} (FORMAT parquet)`);
        assert.deepEqual(await duck.rows(`SELECT answer FROM read_parquet(${file}, hive_partitioning = false)`), [{ answer: 42 }], name);
        await assert.rejects(duck.rows("SELECT * FROM read_text('/etc/hostname')"), /Permission Error/, name);
      } finally {
        duck.close();
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }
});
