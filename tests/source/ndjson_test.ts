// Lines of NDJSON read where they lie, against each line by itself through the parser of requests.

import assert from "node:assert/strict";
import { ColumnBuilder } from "../../src/event/batch.ts";
import { parseBody } from "../../src/event/parse.ts";
import type { Reject } from "../../src/event/reject.ts";
import { limits } from "../../src/limits.ts";
import { LineReader } from "../../src/source/lines.ts";
import { NdjsonReader } from "../../src/source/ndjson.ts";
import { random } from "../engine/oracle.ts";
import { rowsOf } from "../event/rows.ts";
import { TestFolder } from "./files.ts";

const TIME = Date.UTC(2014, 3, 7);
const encoder = new TextEncoder();

/** Lines as senders write them, and as they should not. */
function randomLine(next: () => number, row: number): string {
  const id = next() < 0.5 ? `"${crypto.randomUUID()}"` : `"e-${Math.floor(next() * 99)}${next() < 0.1 ? "é" : ""}"`;
  const flat = `{"event_id":${id},"session_id":${Math.floor(next() * 50)},"timestamp":"${new Date(TIME + row).toISOString()}",` +
    `"item_id":${next() < 0.5 ? `"item ${Math.floor(next() * 9)}"` : Math.floor(next() * 9)},"category":"S"}`;
  const draw = Math.floor(next() * 400);
  const odd = [
    "",
    "  ",
    `${flat} `,
    ` ${flat}`,
    `${flat}x`,
    `${flat}${flat}`,
    flat.slice(0, -1),
    `[${flat}]`,
    flat.replace("{", "{ "),
    flat.replace("S", "\\u0053"),
    flat.replace("item_id", "itemId"),
    flat.replace('"category"', '"page":"/p","category"'),
    flat.replace("2014", "1814"),
    flat.replace('"S"', `"${"S".repeat(limits.shortTextBytesMax + Math.floor(next() * 2))}"`),
    flat.replace(id, `"${"i".repeat(limits.shortTextBytesMax + Math.floor(next() * 2))}"`),
    flat + " ".repeat(limits.lineBytesMax - flat.length + Math.floor(next() * 2)),
    `{"transaction_id":"t${row}","order_items":[{"item_id":1,"price":2,"quantity":1}],"timestamp":${TIME + row},"session_id":3}`,
  ];
  return odd[draw] ?? flat;
}

/** What becomes of the lines when each is given to the parser alone. */
function oneByOne(lines: readonly string[], withoutEventIds: boolean) {
  const into = new ColumnBuilder(), rejects: { line: number; code: string; field: string | null }[] = [];
  lines.forEach((line, i) => {
    const bytes = encoder.encode(line), tell = ({ code, field }: Reject) => rejects.push({ line: i + 1, code, field });
    if (bytes.length > limits.lineBytesMax) tell({ code: "line_too_long", field: null } as Reject);
    else if (line.trim() !== "") parseBody(bytes, into, tell, { now: 0, futureMs: null, withoutEventIds });
  });
  return { rows: rowsOf(into), rejects };
}

Deno.test("NdjsonReader gives the rows and rejects of each line by itself when flat lines, others and broken ones are mixed", () => {
  const seed = crypto.getRandomValues(new Uint32Array(1))[0], next = random(seed);
  using folder = new TestFolder();
  for (let round = 0; round < 40; round++) {
    const lines = Array.from({ length: Math.floor(next() * 600) }, (_, row) => randomLine(next, row));
    const end = next() < 0.5 ? "\n" : "\r\n", mark = next() < 0.2 ? "\ufeff" : "";
    const path = folder.file(mark + lines.join(end) + (next() < 0.5 ? end : "")), scanned = next() < 0.3;
    using reader = new LineReader(path, { bufferBytes: limits.lineBytesMax + Math.floor(next() * 20_000) });
    const rejects: Reject[] = [], ndjson = new NdjsonReader(reader, (reject) => rejects.push(reject), scanned);
    const rows = [], step = 1 + Math.floor(next() * 500);
    let into = new ColumnBuilder(16);
    for (let more = true; more;) {
      const before = into.count;
      more = ndjson.fill(into, before + step, 1 + Math.floor(next() * 20));
      assert.ok(into.count - before <= step + 2000, `seed ${seed}, round ${round}: ${into.count - before} rows, ${step} asked for`);
      if (next() < 0.6 && more) continue;
      rows.push(...rowsOf(into));
      into = new ColumnBuilder(16);
    }
    const expected = oneByOne(lines, scanned);
    assert.deepEqual(rows, expected.rows, `seed ${seed}, round ${round}`);
    assert.deepEqual(rejects.map(({ line, code, field }) => ({ line, code, field })), expected.rejects, `seed ${seed}, round ${round}`);
    assert.equal(ndjson.rejected, rejects.length);
  }
});

Deno.test("NdjsonReader reads a flat line to its end when what was read of the file ends with its bracket", () => {
  using folder = new TestFolder();
  const bufferBytes = limits.lineBytesMax + 4, flat = `{"session_id":1,"timestamp":"2014-04-07T10:51:09.277Z","item_id":2}`;
  for (const moved of [-1, 0, 1]) {
    for (const behind of ["x", " ", "\r", ""]) {
      const first = `${flat}\n`.repeat(Math.floor((bufferBytes - 200) / (flat.length + 1)));
      const filling = " ".repeat(bufferBytes - first.length - 1 - flat.length + moved);
      const path = folder.file(`${first}${filling}\n${flat}${behind}\n${flat}\n{}\n`);
      using reader = new LineReader(path, { bufferBytes });
      const rejects: number[] = [], into = new ColumnBuilder();
      const ndjson = new NdjsonReader(reader, ({ line }) => rejects.push(line));
      while (ndjson.fill(into, into.count + 10_000));
      const rows = first.length / (flat.length + 1), refused = behind === "x";
      assert.equal(into.count, rows + (refused ? 1 : 2), `moved by ${moved}, behind it "${behind}"`);
      assert.deepEqual(rejects, refused ? [rows + 2, rows + 4] : [rows + 4], `moved by ${moved}, behind it "${behind}"`);
    }
  }
});
