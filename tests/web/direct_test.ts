// The way past the router against the way through it: `/events?` has no parameter either, but goes through. Both have to answer alike.

import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { openAccess } from "../../src/access/access.ts";
import { limits } from "../../src/limits.ts";
import { withLab } from "./lab.ts";

const line = '{"session_id":1,"timestamp":1400000000000,"item_id":2}';
const TOKEN = "0123456789abcdef0123456789abcdef";

const requests: [what: string, init: RequestInit][] = [
  ["a line", { body: line }],
  ["a bad line among good ones", { body: `${line}\n{"session_id":}\n${line}` }],
  ["a packed body", { body: new Uint8Array(gzipSync(line)), headers: { "Content-Encoding": "gzip" } }],
  ["nothing", { body: "" }],
  ["no body", {}],
  ["another type", { body: line, headers: { "Content-Type": "text/csv" } }],
  ["a type with parameters", { body: line, headers: { "Content-Type": "Application/JSON; charset=utf-8" } }],
  ["another encoding", { body: line, headers: { "Content-Encoding": "br" } }],
  ["a length that is too large", { body: line, headers: { "Content-Length": String(limits.bodyBytesMax + 1) } }],
  ["a key that is none", { body: line, headers: { "Idempotency-Key": "é" } }],
  ["another host", { body: line, headers: { Host: "shop.example" } }],
  ["a page of another site", { body: line, headers: { Origin: "https://shop.example" } }],
  ["another token", { body: line, headers: { Authorization: "Bearer other" } }],
  ["the token", { body: line, headers: { Authorization: `Bearer ${TOKEN}` } }],
];

async function told(response: Response) {
  const { instance: _, ...json } = await response.json();
  return { status: response.status, headers: [...response.headers].sort(), json };
}

for (const token of [null, TOKEN]) {
  Deno.test(`POST /events answers past the router as through it, ${token === null ? "without" : "with"} a token`, async () => {
    await withLab(async ({ fetch, service }) => {
      const table = [...requests.map(([what, init]) => [what, "POST", init] as const), ["another method", "PUT", { body: line }] as const];
      for (const draining of [false, true]) {
        service.draining = draining;
        for (const [what, method, init] of table) {
          const [direct, routed] = [await fetch("/events", { ...init, method }), await fetch("/events?", { ...init, method })];
          assert.deepEqual(await told(direct), await told(routed), what);
          assert.equal(service.underWay, 0, what);
          assert.deepEqual([service.admission.requests, service.admission.bytes], [0, 0], what);
        }
      }
      service.draining = false;
    }, { access: openAccess({ token, host: "127.0.0.1" }) });
  });
}

Deno.test("a request is under way until it is answered, past the router too", async () => {
  await withLab(async ({ fetch, service }) => {
    let close = () => {};
    const body = new ReadableStream({ start: (controller) => void (close = () => controller.close()) });
    const answer = fetch("/events", { method: "POST", body });
    assert.equal(service.underWay, 1);
    close();
    assert.equal((await answer).status, 400);
    assert.equal(service.underWay, 0);
  });
});
