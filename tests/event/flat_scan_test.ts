// The shortcut against the parser: a line with one more, unknown field is always the parser's, and has to become the same row or the same
// reject as the line without it.

import assert from "node:assert/strict";
import { ColumnBuilder, columnText } from "../../src/event/batch.ts";
import { FlatScan } from "../../src/event/flat_scan.ts";
import { parseBody } from "../../src/event/parse.ts";
import type { Reject } from "../../src/event/reject.ts";
import { random } from "../engine/oracle.ts";

const LINES = Number(Deno.env.get("GUARDIAN_TEST_LINES") ?? 60_000);
const options = { now: Date.UTC(2026, 5, 1), futureMs: 86_400_000 };

function told(body: string): string {
  const columns = new ColumnBuilder(), rejects: Reject[] = [];
  try {
    parseBody(new TextEncoder().encode(body), columns, (reject) => rejects.push(reject), options);
  } catch (failure) {
    return String(failure);
  }
  const rows = Array.from({ length: columns.count }, (_, row) => [
    columns.kind[row],
    columns.eventTime[row],
    columns.session[row] < 0x8000_0000 ? columns.session[row] : columnText(columns, columns.session, row),
    columnText(columns, columns.item, row),
    columnText(columns, columns.category, row),
    columnText(columns, columns.identity?.eventId, row),
  ]);
  return JSON.stringify([rows, rejects.map(({ line, code, field, message }) => [line, code, field, code === "not_json" ? "" : message])]);
}

/** Values that are usual, at an edge, or wrong. */
const values = [
  ...[
    "1",
    "0",
    "17",
    "007",
    "214748364",
    "2147483647",
    "2147483648",
    "9007199254740991",
    "9007199254740993",
    "1e3",
    "-1",
    "1.5",
    "null",
    "true",
    "{}",
    "[]",
  ],
  ...[
    "",
    " ",
    "a",
    "S",
    "12",
    "007",
    "0",
    "999999999",
    "1000000000",
    "2147483648",
    "blue shoes",
    " x ",
    "ü",
    "😀",
    "a\\nb",
    'a\\"b',
    "\\u0041",
    "a\\\\",
    "\u007f",
  ].map((text) => `"${text}"`),
  ...[63, 64, 65, 127, 128, 129].map((length) => `"${"x".repeat(length)}"`),
  ...["click", "Click", "page_view", "purchase", "add_to_cart", "search", "view"].map((text) => `"${text}"`),
];
const times = [
  '"2026-05-01T10:20:30.123Z"',
  '"2026-05-01T10:20:30Z"',
  '"2026-05-01 10:20:30+02:00"',
  '"2026-02-30T10:20:30.123Z"',
  '"2026-05-01T10:20:30.123"',
  '"1999-12-31T23:59:59.999Z"',
  '"2027-05-01T10:20:30.123Z"',
  "1777630830123",
  "1777630830",
  '"1777630830123"',
  "17776308301234",
  "946684799999",
  "946684800000",
];
const names = ["session_id", "timestamp", "item_id", "category", "kind", "event_id", "user_id", "sessionId", "price"];

Deno.test(`flat scan makes the row that the parser makes, over ${LINES} random lines`, () => {
  const seed = crypto.getRandomValues(new Uint32Array(1))[0];
  const next = random(seed);
  const below = (n: number) => Math.floor(next() * n);
  const blank = () => next() < 0.1 ? " ".repeat(below(3)) : "";
  let taken = 0;
  for (let i = 0; i < LINES; i++) {
    const usual = [["session_id", String(below(1e6))], ["timestamp", times[next() < 0.7 ? 0 : below(times.length)]], [
      "item_id",
      `"item ${below(50)}"`,
    ]];
    if (next() < 0.5) usual.push(["category", '"S"']);
    if (next() < 0.3) usual.push(["event_id", `"${below(1e9)}"`]);
    if (next() < 0.2) usual.push(["kind", '"page_view"']);
    while (next() < 0.5) {
      const at = below(usual.length);
      const choice = below(4);
      if (choice === 0) usual.splice(at, 1);
      else if (choice === 1) usual[at] = [usual[at]?.[0] ?? "kind", values[below(values.length)]];
      else if (choice === 2) usual.push([names[below(names.length)], values[below(values.length)]]);
      else usual.reverse();
      if (usual.length === 0) break;
    }
    const members = usual.map(([name, value]) => `${blank()}"${name}"${blank()}:${blank()}${value}${blank()}`);
    let line = `{${members.join(",")}}`;
    if (next() < 0.03) {
      const cut = below(line.length);
      line = line.slice(0, cut) + ["", ",", '"', "}", "\\", "0", "{"][below(7)] + line.slice(cut + below(3));
    }
    const bytes = new TextEncoder().encode(line);
    if (new FlatScan(new ColumnBuilder(), options).take(bytes, 0, bytes.length)) taken++;
    const plain = line.replace(/\}$/, `${usual.length === 0 ? "" : ","}"unknown field":null}`);
    assert.equal(told(line), told(plain), `seed ${seed}, line ${i}: ${line}`);
  }
  assert.ok(taken > LINES / 4, `${taken} lines took the shortcut`);
});

const BODIES = Math.ceil(LINES / 60);

Deno.test(`flat scan makes the rows that the parser makes, over ${BODIES} bodies of lines that look alike`, () => {
  const seed = crypto.getRandomValues(new Uint32Array(1))[0];
  const next = random(seed);
  const below = (n: number) => Math.floor(next() * n);
  const blank = () => next() < 0.1 ? " ".repeat(below(3)) : "";
  const plainTimes = [0, 1, 2, 7].map((i) => times[i]);
  for (let i = 0; i < BODIES; i++) {
    // The fields of all lines, with what stands around them, and in which of them values are out of the ordinary.
    const fields = ["session_id", "timestamp", "item_id"];
    for (const name of ["category", "event_id", "kind"]) if (next() < 0.4) fields.splice(below(fields.length + 1), 0, name);
    const around = fields.map((name) => [`${blank()}"${name}"${blank()}:${blank()}`, blank()]);
    const odd = next() * 0.3, texts = next() < 0.5;
    const value = (name: string) => {
      if (next() < odd) return name === "timestamp" ? times[below(times.length)] : values[below(values.length)];
      if (name === "timestamp") return plainTimes[next() < 0.8 ? 0 : below(plainTimes.length)];
      if (name === "kind") return '"view"';
      return texts || (name === "category" && i % 2 === 0) ? `"${"word ".repeat(below(4))}${below(99)}"` : String(below(1e6));
    };
    const lines: string[] = [], plain: string[] = [];
    for (let line = 0; line < 10; line++) {
      let text = `{${fields.map((name, f) => `${around[f][0]}${value(name)}${around[f][1]}`).join(",")}}`;
      if (next() < 0.05) {
        text = text.slice(0, below(text.length)) + ["", ",", '"', "}", "\\", "0", "{"][below(7)] + text.slice(below(text.length));
      }
      const behind = next() < 0.05 ? [" ", "\t", "x", "\n"][below(4)] : "";
      const end = `${behind}${next() < 0.1 ? "\r" : ""}\n`;
      lines.push(text + end);
      // What was cut may have left an object without fields.
      plain.push(text.replace(/(\{?)\}$/, (_, open) => `${open || ","}"unknown field":null}`) + end);
    }
    assert.equal(told(lines.join("")), told(plain.join("")), `seed ${seed}, body ${i}:\n${lines.join("")}`);
  }
});
