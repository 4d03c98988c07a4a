// What a client sends, in every file that the product gives out: read as programs read it, it is what was sent; read as spreadsheets do,
// whichever character they take for the end of a cell, no cell is a formula. And no answer of the API is anything that a browser would take
// for a page. The pages themselves are in output_pages_test.ts.

import assert from "node:assert/strict";
import { parse } from "csv-parse/sync";
import { csvOf } from "../../static/shell/csv.ts";
import { endpoints } from "../../routes/mod.ts";
import { csvLine } from "../../src/web/csv.ts";
import { describe } from "../../src/web/openapi.ts";
import { exportTables } from "../../src/web/table_export.ts";
import { tell } from "../support/proof.ts";
import { type Lab, withLab } from "../web/lab.ts";
import { botClicks, categoryOf, fitsId, formulas, markup } from "./output_texts.ts";

const texts = [...formulas, ...markup], ids = texts.filter(fitsId);

/** What begins a formula, found another way than the product finds it. */
function isFormula(cell: string): boolean {
  const seen = cell.replace(/^[\p{Z}\p{Cf}]+/u, "").normalize("NFKC").replace("\u2212", "-");
  return /^[\t\r\n=+@-]/.test(cell) || /^[=+@-]/.test(seen);
}

/** Every text at which some spreadsheet could begin a cell: with commas as RFC 4180 has it, with the others as if there were no quotes. */
function* cellsOf(csv: string): Generator<string> {
  for (const row of parse(csv) as string[][]) yield* row;
  for (const piece of csv.split(/[;\t\r\n]/)) {
    yield piece;
    // A quote, and the pair that a doubled one is, begin a text there, and are no part of it.
    yield piece.replace(/^"+/, "");
  }
}

/** What the description of the exports says how a text becomes what it was. */
function undone(cell: string): string {
  const before = "[\\p{Z}\\p{Cf}\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f'\"]*", sign = "=+@\\-−＝＋－＠﹦﹢﹣﹫";
  return cell.replace(new RegExp(`^'(?=${before}[${sign}\\t\\r\\n])`, "u"), "")
    .replace(new RegExp(`(?<=[;\\t\\r\\n])'(?=${before}[${sign}])`, "gu"), "");
}

/** A bot of each id, each text as an item and a category, and a refused line of each, now and counted today. */
async function send({ post, guardian, service }: Lab): Promise<string> {
  const start = Math.floor((Date.now() - 36 * 3_600_000) / 86_400_000) * 86_400_000 + 10 * 3_600_000;
  const recent = Math.floor(Date.now() / 10_000) * 10_000 - 600_000;
  const events = [
    ...texts.map((text, i) => ({ session_id: `s${i}`, timestamp: start, item_id: ids[i % ids.length], page: text })),
    ...ids.map((id, i) => ({
      kind: "purchase",
      session_id: `s${i}`,
      timestamp: start + 1,
      item_id: id,
      ...categoryOf(id),
      price: 1,
      quantity: 1,
    })),
    ...ids.flatMap((id) => botClicks(id, start + 60_000, categoryOf(id))),
    ...ids.flatMap((id) => botClicks(id, recent, {})),
    ...texts.map((text) => ({ session_id: 1, timestamp: text, item_id: 1 })),
    ...Array.from({ length: 20 }, (_, i) => ({ session_id: 1_000_000 + i, timestamp: recent + 300_000, item_id: i })),
  ];
  assert.equal((await post(events)).status, 202);
  await guardian.caughtUp();
  await guardian.archiver.flush();
  const date = new Date(start).toISOString().slice(0, 10);
  await service.days.runDay(date);
  return date;
}

Deno.test("cell of CSV holds no formula and reads back exactly when hostile texts are in it, and numbers stay numbers", () => {
  assert.deepEqual([formulas.length, markup.length, new Set(texts).size], [40, 50, 90]);
  for (const text of [...texts, "plain", "", "a,b", 'a"b', "\t\t=", ";=;=", "'", "''"]) {
    const line = csvLine(["a", text, "b"]), [[, cell]] = parse(line) as string[][];
    for (const seen of cellsOf(line)) assert.ok(!isFormula(seen), JSON.stringify([text, seen]));
    assert.equal(undone(cell), text);
    assert.equal(csvOf([], [["a", text, "b"]]), "\r\n" + line, "the dashboard's own files have the same rule");
  }
  assert.equal(csvLine([-5, -0.5, 1e21, null, "-5"]), "-5,-0.5,1e+21,,'-5\r\n");
});

Deno.test("every export holds what was sent and no formula when ids, categories and refused lines are hostile", async () => {
  await withLab(async (lab) => {
    await send(lab);
    let cells = 0, files = 0;
    const readAs = new Set<string>();
    const read = async (path: string) => {
      readAs.add(path.replace(/^\/export\/\w+/, "/export/{table}"));
      const response = await lab.fetch(path);
      assert.equal(response.status, 200, path);
      files++;
      return response;
    };
    const found = new Map<string, Set<string>>();
    const note = (name: string, rows: readonly Record<string, unknown>[]) => {
      const here = new Set<string>();
      for (const row of rows) {
        for (const value of Object.values(row)) if (typeof value === "string") here.add(value);
      }
      found.set(name, here);
    };
    for (const table of exportTables) {
      const csv = await (await read(`/export/${table}?format=csv`)).text();
      for (const cell of cellsOf(csv)) {
        cells++;
        assert.ok(!isFormula(cell) || /^-\d+(\.\d+)?$/.test(cell), JSON.stringify([table, cell]));
      }
      const rows = parse(csv, { columns: true }) as Record<string, string>[];
      const back = rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, undone(value)])));
      const json = await (await read(`/export/${table}?format=json`)).json() as Record<string, unknown>[];
      const lines = (await (await read(`/export/${table}?format=ndjson`)).text()).split("\n").filter((line) => line !== "");
      assert.deepEqual(lines.map((line) => JSON.parse(line)), json, table);
      assert.equal(back.length, json.length, table);
      for (const [i, row] of json.entries()) {
        for (const [name, value] of Object.entries(row)) {
          if (typeof value === "string") assert.equal(back[i][name], value, `${table} ${name}`);
        }
      }
      const parquet = new Uint8Array(await (await read(`/export/${table}?format=parquet`)).arrayBuffer());
      assert.deepEqual(new TextDecoder().decode(parquet.subarray(0, 4)), "PAR1");
      note(table, json);
    }
    for (const id of ids) assert.ok(found.get("anomalies")!.has(id), `${id} among the anomalies`);
    for (const text of texts) assert.ok([...found.values()].some((some) => some.has(text)), `${JSON.stringify(text)} in an export`);

    const list = await (await read("/blocklist?format=csv")).text();
    for (const cell of cellsOf(list)) assert.ok(!isFormula(cell), cell);
    const blocked = new Set((parse(list, { columns: true }) as Record<string, string>[]).map((row) => undone(row.session_id)));
    assert.deepEqual(ids.filter((id) => !blocked.has(id)), []);
    const plain = (await (await read("/blocklist?format=lines")).text()).split("\n");
    assert.deepEqual(ids.filter((id) => !plain.includes(id)), []);
    const letters = (await (await read("/dead_letters?format=ndjson")).text()).trimEnd().split("\n").map((line) => JSON.parse(line).raw);
    for (const text of texts) assert.ok(letters.some((raw: string) => JSON.parse(raw).timestamp === text), JSON.stringify(text));
    const flagged = (await (await read("/anomalies?format=ndjson")).text()).trimEnd().split("\n").map((line) =>
      JSON.parse(line).session_id
    );
    assert.deepEqual(ids.filter((id) => !flagged.includes(id)), []);
    for (const path of ["/anomalies", "/dead_letters", "/blocklist"]) JSON.parse(await (await read(`${path}?format=json`)).text());
    assert.deepEqual([...readAs].sort(), formatsOfRoutes().sort(), "each format of each route is read");
    tell("formulas in files", { formulas: formulas.length, markup: markup.length, files, cells, cells_that_are_formulas: 0 });
  });
});

/** Each path that gives out files, with each format that it has: `/export/{table}?format=csv`. */
function formatsOfRoutes(): string[] {
  const { paths = {} } = describe(endpoints);
  return Object.entries(paths).flatMap(([path, item]) => {
    const parameters = (item.get?.parameters ?? []) as { name: string; schema: { enum?: string[] } }[];
    return parameters.filter(({ name }) => name === "format").flatMap(({ schema }) =>
      schema.enum!.map((format) => `${path}?format=${format}`)
    );
  });
}

Deno.test("no answer of the API is a page when paths, parameters and bodies are hostile", async () => {
  await withLab(async (lab) => {
    let answers = 0;
    for (const text of texts) {
      const part = encodeURIComponent(text), source = "ab".repeat(32);
      const asked: [string, RequestInit?][] = [
        [`/${part}`],
        [`/anomalies/${part}`],
        [`/anomalies?${part}=1`],
        [`/anomalies?session_id=${part}&format=${part}`],
        [`/items/popular/${part}`],
        [`/export/${part}`],
        [`/docs/${part}`],
        [`/jobs/${part}/runs`, { method: "POST", body: "{}" }],
        [`/sessions/${part}/feedback`, { method: "POST", body: JSON.stringify({ [text]: text }) }],
        ["/events", { method: "POST", body: JSON.stringify({ session_id: text, [text]: text }) }],
        ["/events", { method: "POST", body: text }],
        [`/sources/${source}/dead_letters`, { method: "POST", body: JSON.stringify(namedFile(text)) }],
      ];
      for (const [path, init] of asked) {
        const response = await lab.fetch(path, { ...init, headers: { Accept: "text/html" } }), body = await response.text();
        const what = `${path} answered ${response.status} ${body.slice(0, 200)}`;
        assert.ok(response.status < 500, what);
        assert.match(response.headers.get("content-type")!, /^application\/(problem\+)?json$/, what);
        assert.equal(response.headers.get("x-content-type-options"), "nosniff", what);
        JSON.parse(body);
        answers++;
      }
    }
    const { length } = (await (await lab.fetch("/dead_letters?limit=1000")).json()).filter(({ source }: { source: string }) =>
      texts.includes(source)
    );
    assert.equal(length, texts.length, "each name of a file is told as it is");
    tell("hostile texts in answers", { texts: texts.length, answers, pages_among_them: 0 });
  });
});

/** A refused line of a file whose name, and what is said of it, is a text. */
function namedFile(text: string): object {
  const reject = { line: 1, code: "not_json", field: text, message: text, raw_base64: btoa("x"), raw_bytes: 1 };
  return { name: text, first: texts.indexOf(text), rejects: [reject] };
}
