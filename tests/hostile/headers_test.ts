// Texts that would be a header of an answer or a line of the log if anybody took them as they are: line ends of all kinds, NUL, signs that
// steer a terminal, and too much of anything; in every place of a request that an answer or a line may repeat.
// What holds: answers have their own headers alone, one request has one answer, and each line of the log is one JSON object of its own fields.

import assert from "node:assert/strict";
import { logLineTo } from "../../src/log_line.ts";
import { endpoint } from "../../src/web/endpoint.ts";
import { tell } from "../support/proof.ts";
import { ADMIN, eachOf, withDoor } from "./door.ts";

const FORGED = '{"level":"error","event":"forged"}', HEADER = "X-Forged: 1";
const ends = [
  "\r\n",
  "\n",
  "\r",
  "\0",
  "\v",
  "\f",
  "\x1b[2J",
  "\x1bE",
  "\x7f",
  "\u0085",
  "\u009b2J",
  "\u2028",
  "\u2029",
  "\u202e",
  "\u2066",
];
const payloads: readonly string[] = [
  ...ends.map((end) => `a${end}${HEADER}${end}${end}${FORGED}`),
  ...ends.map((end) => `a${end}${FORGED}${end}`),
  `a\r\n ${HEADER}`,
  `a\r\n\r\nHTTP/1.1 200 OK\r\n${HEADER}\r\n\r\n`,
  "嘊嘍X-Forged: 1",
  "%0d%0aX-Forged:%201",
  "%250d%250aX-Forged:%201",
  "a".repeat(9_000),
  `${"a".repeat(499)}\u2028${FORGED}`,
  '","event":"forged","x":"',
  "${jndi:ldap://127.0.0.1/x}",
  "%s%n%x",
];
/** As the bytes of UTF-8, for a head that is written in Latin-1. */
const bytesOf = (text: string) => String.fromCharCode(...new TextEncoder().encode(text));
const names = [
  "User-Agent",
  "Idempotency-Key",
  "Data-Of",
  "Origin",
  "X-Forwarded-For",
  "X-Forwarded-Host",
  "X-Request-Id",
  "Referer",
  "Cookie",
  "If-None-Match",
  "Accept",
  "Content-Type",
  "Last-Event-ID",
  "Host",
];
const lineKeys = ["time", "level", "event", "request_id", "method", "path", "reason", "stack"];
/** C0, DEL, C1, line and paragraph separators, and what turns the direction of a text. */
// deno-lint-ignore no-control-regex
const STEERING = /[\0-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/;

/** Fails with what it was sent, as an inner failure does whose reason has a client's text in it. */
const failing = endpoint({
  method: "get",
  path: "/failing",
  tag: "About",
  summary: "Fails",
  description: "Fails.",
  anyQuery: true,
  answers: {},
  problems: [],
  handle: ({ c }) => {
    throw new Error(`${c.req.query("text") ?? ""} ${c.req.header("user-agent") ?? ""}`);
  },
});

Deno.test("headers and log lines cannot be forged when a request has line ends and control signs in it", async () => {
  await withDoor(async (door) => {
    const admin = `Authorization: Bearer ${ADMIN}`,
      wrong: string[] = [],
      cells: { method: string; target: string; headers: string[] }[] = [];
    const own = new Set<string>();
    const namesIn = (head: string) => head.split(/\r\n|\n|\r/).slice(1).map((line) => line.split(":")[0].toLowerCase());
    for (const target of ["/failing?text=a", "/anomalies/1", "/health", "/nothing", "/export/anomalies?format=csv", "/docs/x"]) {
      for (const header of [admin, "Origin: https://shop.example"]) {
        namesIn((await door.ask("GET", target, [header])).head).forEach((name) => own.add(name));
      }
    }
    for (const header of ["vary", "allow", "retry-after"]) own.add(header);
    door.lines.length = 0;
    for (const payload of payloads) {
      const encoded = encodeURIComponent(payload), raw = bytesOf(payload);
      for (
        const target of [
          `/failing?text=${encoded}`,
          `/anomalies/${encoded}`,
          `/docs/${encoded}`,
          `/export/${encoded}`,
          `/${encoded}`,
          `/health?${encoded}=1`,
          `/anomalies?cursor=${encoded}`,
          `/sources/${encoded}`,
          `/failing?text=${raw}`,
          `/${raw}`,
        ]
      ) {
        cells.push({ method: "GET", target, headers: [admin] });
      }
      for (const name of names) cells.push({ method: "GET", target: "/failing?text=a", headers: [admin, `${name}: ${raw}`] });
      cells.push({ method: "POST", target: "/events", headers: [admin, `Idempotency-Key: ${raw}`] });
      cells.push({ method: "GET", target: "/health", headers: [`Authorization: Bearer ${raw}`] });
    }
    await eachOf(cells, async ({ method, target, headers }) => {
      const { head, body } = await door.ask(method, target, headers), strange = namesIn(head).filter((name) => !own.has(name));
      if (strange.length > 0 || /^HTTP\/1\.1 /m.test(body) || /forged/i.test(head)) {
        wrong.push(JSON.stringify([target, headers, head]).slice(0, 400));
      }
    });
    assert.deepEqual(wrong, []);
    const failures = door.lines.filter((line) => line.includes('"request_failed"')).length;
    assert.ok(failures > payloads.length, "what was sent has reached the log");
    for (const line of door.lines) assertOwn(line);
    tell("Forged headers and log lines", { texts: payloads.length, requests: cells.length, log_lines: door.lines.length, forged: 0 });
  }, { also: [failing] });
});

Deno.test("log line stays one line of plain signs when its fields have others", () => {
  for (const payload of payloads) {
    const lines: string[] = [];
    logLineTo((line) => lines.push(line), "info")("info", "told", { reason: payload });
    assert.equal(lines.length, 1);
    assertOwn(lines[0]);
    assert.equal(JSON.parse(lines[0]).reason, payload.slice(0, 500), "and can be read back as it was");
  }
});

function assertOwn(line: string): void {
  assert.doesNotMatch(line, STEERING, JSON.stringify(line));
  const { event, ...fields } = JSON.parse(line);
  assert.notEqual(event, "forged");
  if (event === "request_failed") assert.deepEqual(Object.keys(fields).filter((name) => !lineKeys.includes(name)), []);
}
