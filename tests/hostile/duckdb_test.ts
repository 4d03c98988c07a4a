// No text that comes from outside becomes SQL: ids, categories, days, cursors, names of files and folders that are made of it are data, and
// each question is answered with what was asked for, alone. What is made into SQL where: `literal` for names of files in src/lake,
// src/source/parquet_rows.ts and src/web/table_export.ts, times and days that were parsed before in jobs and there, and bound values for ids.
// Every statement is heard on its way to DuckDB. That one could do nothing outside of its folder or file even so is in duckdb_locks_test.ts and
// tests/lake/duckdb_test.ts.

import assert from "node:assert/strict";
import { DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { endpoints } from "../../routes/mod.ts";
import { unpackParquet } from "../../src/source/parquet_rows.ts";
import { loadSettings } from "../../src/config.ts";
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

/** Texts that no statement of the product's own has in it. */
const telling = [...TEXTS, ...ENDS].filter((text) => text.length >= 8 && /[^\w ]/.test(text));

/** The statements that DuckDB gets while `work` runs. */
async function statementsOf(work: () => Promise<void>): Promise<string[]> {
  const heard: string[] = [], { prototype } = DuckDBConnection, own: Record<string, unknown> = {};
  const ways = prototype as unknown as Record<string, (sql: string, ...more: unknown[]) => unknown>;
  for (const way of ["run", "runAndReadAll", "stream"]) {
    const through = own[way] = ways[way];
    ways[way] = function (this: unknown, sql, ...more) {
      heard.push(sql);
      return through.call(this, sql, ...more);
    };
  }
  try {
    await work();
  } finally {
    Object.assign(prototype, own);
  }
  return heard;
}

function holdNone(statements: readonly string[]): void {
  for (const sql of statements) {
    for (const text of telling) {
      for (const form of [text, literal(text).slice(1, -1)]) assert.ok(!sql.includes(form), `${JSON.stringify(text)} is in ${sql}`);
    }
  }
}

/** Every text of an event that may be any text. */
function texts(text: string, i: number): Record<string, unknown> {
  const context = { user_id: text, user_agent: text, referrer: text, platform: text, page: text, properties: { [text]: text } };
  return { ...context, event_id: `${i} ${text}` };
}

Deno.test("texts made of SQL are data when they are asked for, exported and counted, and no statement has them in it", async () => {
  let asked = 0;
  const statements = await statementsOf(() =>
    withLab(async ({ post, fetch, guardian, service }) => {
      const events = TEXTS.flatMap((text, i) => [
        { session_id: `s${text}`, timestamp: T0 + i * 1000, item_id: `i${text}`, category: text, ...texts(text, i) },
        {
          ...{ kind: "purchase", session_id: `s${text}`, timestamp: T0 + i * 1000 + 1, item_id: `i${text}`, price: i + 1, quantity: 1 },
          ...{ order_id: text, currency: text, ...texts(text, i + TEXTS.length) },
        },
      ]);
      const { accepted, errors } = await (await post(ndjson(events), { "Content-Type": "application/x-ndjson" })).json();
      assert.equal(accepted, events.length, JSON.stringify(errors));
      await guardian.caughtUp();
      await guardian.archiver.flush();
      for (const text of TEXTS) {
        const span = "since=2014-04-07T00:00:00Z&until=2014-04-08T00:00:00Z";
        const response = await fetch(`/sessions/${encodeURIComponent(`s${text}`)}/events?${span}`), answer = await response.json();
        assert.equal(response.status, 200, text);
        const seen = (answer.events as { item_id: string; price?: unknown }[]).map(({ item_id }) => item_id);
        assert.deepEqual(seen, [`i${text}`, `i${text}`], text);
        assert.equal(answer.events[0].category ?? text, text);
        asked++;
      }
      for (const [table, first] of [["raw_clicks", 0], ["raw_purchases", TEXTS.length]] as const) {
        for (const format of ["json", "ndjson"]) {
          const text = await (await fetch(`/export/${table}?format=${format}`)).text();
          const rows: Record<string, unknown>[] = format === "json"
            ? JSON.parse(text)
            : text.trimEnd().split("\n").map((line) => JSON.parse(line));
          const names = ["session_id", "item_id", ...Object.keys(texts("", 0)), ...first === 0 ? ["category"] : ["order_id", "currency"]];
          const plain = rows.map((row) =>
            names.map((name) => typeof row[name] === "object" ? JSON.stringify(row[name]) : String(row[name]))
          );
          const sent = TEXTS.map((text, i) => {
            const { properties, ...others } = texts(text, i + first),
              own: Record<string, unknown> = { session_id: `s${text}`, item_id: `i${text}`, ...others };
            return names.map((name) => name === "properties" ? JSON.stringify(properties) : String(own[name] ?? text));
          });
          assert.deepEqual(plain.sort(), sent.sort(), `${table} ${format}`);
          asked++;
        }
      }
      for (const job of ["daily_metrics", "popular_items"]) await service.days.runJob(job as "daily_metrics", "2014-04-07");
      const answer = await fetch("/items/popular/2014-04-07?limit=100"), items: { item_id: string }[] = await answer.json();
      assert.equal(answer.status, 200, JSON.stringify(items));
      assert.deepEqual(items.map(({ item_id }) => item_id).sort(), TEXTS.map((text) => `i${text}`).sort());
      asked++;
    })
  );
  assert.ok(statements.length >= asked, `${statements.length} statements were heard`);
  holdNone(statements);
  tell("texts made of SQL", { texts: TEXTS.length, questions: asked, statements: statements.length, texts_in_statements: 0 });
});

Deno.test("every parameter of every path is no SQL when SQL is given for it", async () => {
  let asked = 0, parameters = 0;
  const statements = await statementsOf(() =>
    withLab(async ({ post, fetch, guardian }) => {
      await post(ndjson([{ session_id: "s", timestamp: T0, item_id: 1 }]), { "Content-Type": "application/x-ndjson" });
      await guardian.archiver.flush();
      for (const { method, path, config: { request } } of endpoints) {
        const named = path.match(/\{[^{}]+\}/g) ?? [], query = Object.keys((request?.query as { shape?: object } | undefined)?.shape ?? {});
        const plain = path.replace("{table}", "raw_clicks").replace("{date}", "2014-04-07").replace(/\{[^{}]+\}/g, "s");
        parameters += named.length + query.length;
        for (const text of ENDS.map(encodeURIComponent)) {
          const asks = [
            ...named.map((name) => path.replace(name, text).replace(/\{[^{}]+\}/g, "s")),
            ...query.map((name) => `${plain}?${name}=${text}`),
          ];
          for (const ask of asks) {
            const response = await fetch(ask, method === "post" ? { method: "POST", body: "{}" } : {});
            // The feed goes on for ever.
            const said = /event-stream/.test(response.headers.get("content-type") ?? "")
              ? void await response.body?.cancel()
              : await response.text();
            assert.ok(response.status < 500, `${method} ${ask}: ${response.status} ${said}`);
            assert.doesNotMatch(said ?? "", /(Parser|Binder|Catalog|Conversion|Invalid Input) Error|SELECT .* FROM/);
            asked++;
          }
        }
      }
      for (const date of ENDS) {
        for (const [path, body] of [["/jobs/summary/runs", { date }], ["/jobs/backfill", { from: date, to: date }]] as const) {
          const response = await fetch(path, { method: "POST", body: JSON.stringify(body) });
          await response.body?.cancel();
          assert.equal(response.status, 400, `${path} ${date}`);
        }
      }
    })
  );
  assert.ok(parameters >= 50, `${parameters} parameters`);
  holdNone(statements);
  tell("SQL as parameters", { parameters, requests: asked, statements: statements.length, texts_in_statements: 0 });
});

Deno.test("a time zone or a currency made of SQL is refused when it is set", () => {
  for (const text of [...TEXTS, ...ENDS, "UTC'", "UTC; SELECT 1", "Europe/Berlin'--", "EUR'", "EUR\n", "eur"]) {
    for (const name of ["timezone", "currency"]) {
      if (name === "timezone" && /^eur$/.test(text)) continue;
      assert.throws(() => loadSettings({ flags: { [name]: text }, environment: {} }), /Cannot use .* for --/s, `${name} ${text}`);
    }
  }
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
