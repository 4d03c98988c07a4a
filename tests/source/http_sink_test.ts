import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { gunzipSync } from "node:zlib";
import { ColumnBuilder } from "../../src/event/batch.ts";
import { CLICK, PURCHASE } from "../../src/event/kind.ts";
import { HttpSink, type HttpSinkOptions } from "../../src/source/http_sink.ts";

const T = Date.UTC(2014, 3, 7, 10);

interface Seen {
  readonly url: string;
  readonly key: string | null;
  readonly type: string | null;
  readonly body: string;
}

/** A server that answers from a list, then takes everything; and a clock that sleeping moves. */
function testServer(answers: (Response | Error)[] = [], options: Partial<HttpSinkOptions> = {}) {
  const seen: Seen[] = [], sleeps: number[] = [];
  let ms = 0, inFlight = 0;
  const fetch = async (url: string | URL | Request, init?: RequestInit): Promise<Response> => {
    assert.equal(++inFlight, 1, "one request at a time");
    await Promise.resolve();
    const headers = new Headers(init!.headers), packed = headers.get("content-encoding") === "gzip";
    const body = packed ? gunzipSync(init!.body as Uint8Array).toString() : String(init!.body);
    seen.push({ url: String(url), key: headers.get("idempotency-key"), type: headers.get("content-type"), body });
    inFlight--;
    const answer = answers.shift() ?? Response.json({ accepted: body.split("\n").length - 1, duplicates: 0, rejected: 0, errors: [] });
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const sleep = (wait: number) => (sleeps.push(wait), ms += wait, Promise.resolve());
  const clock = { now: () => ms, monotonic: () => ms };
  return { seen, sleeps, sink: new HttpSink({ url: "http://localhost:8000/", clock, sleep, fetch, ...options }) };
}

function clicks(count: number): ColumnBuilder {
  const columns = new ColumnBuilder();
  for (let row = 0; row < count; row++) columns.push(CLICK, T + row, columns.code("1"), columns.code(String(row)), columns.code("S"));
  return columns;
}

Deno.test("http sink writes ids as numbers where they are canonical integers, and amounts exactly", async () => {
  const columns = new ColumnBuilder();
  columns.push(CLICK, T, columns.code("12"), columns.code(String(2 ** 40)), columns.code("S"));
  columns.push(CLICK, T + 1, columns.code("007"), columns.code(String(2n ** 60n)), 0xffffffff);
  const row = columns.push(PURCHASE, T + 2, columns.code('a"b'), columns.code("5"), 0xffffffff),
    large = columns.push(PURCHASE, T, 1, 1, 0xffffffff);
  columns.withPurchase();
  columns.purchase!.price.set([123_450, 8_999_999_999_999_999], row);
  columns.purchase!.quantity.set([2, 0], row);
  assert.equal(large, row + 1);
  const { sink, seen } = testServer();
  await sink.submit("s", 0, columns);
  assert.equal(
    seen[0].body,
    [
      `{"session_id":12,"timestamp":${T},"item_id":1099511627776,"category":"S"}`,
      `{"session_id":"007","timestamp":${T + 1},"item_id":"1152921504606846976"}`,
      `{"session_id":"a\\"b","timestamp":${T + 2},"item_id":5,"kind":"purchase","price":12.345,"quantity":2}`,
      `{"session_id":1,"timestamp":${T},"item_id":1,"kind":"purchase","price":"899999999999.9999","quantity":0}`,
      "",
    ].join("\n"),
  );
});

Deno.test("http sink cuts requests at multiples of 5,000 rows, in order, with a key each", async () => {
  const { sink, seen } = testServer();
  const answers = await Promise.all([sink.submit("src", 4000, clicks(7000)), sink.submit("src", 11_000, clicks(1))]);
  assert.deepEqual(answers, [{ accepted: 7000, duplicates: 0 }, { accepted: 1, duplicates: 0 }]);
  assert.deepEqual(seen.map(({ url, key, type, body }) => [url, key, type, body.split("\n").length - 1]), [
    ["http://localhost:8000/events?source=src&row=4000", "src:4000-4999", "application/x-ndjson", 1000],
    ["http://localhost:8000/events?source=src&row=5000", "src:5000-9999", "application/x-ndjson", 5000],
    ["http://localhost:8000/events?source=src&row=10000", "src:10000-10999", "application/x-ndjson", 1000],
    ["http://localhost:8000/events?source=src&row=11000", "src:11000-11000", "application/x-ndjson", 1],
  ]);
});

Deno.test("http sink packs bodies when asked to, with the same content", async () => {
  const plain = testServer(), packed = testServer([], { gzip: true });
  await plain.sink.submit("s", 0, clicks(10));
  await packed.sink.submit("s", 0, clicks(10));
  assert.deepEqual(packed.seen, plain.seen);
});

Deno.test("http sink repeats the same request when the server is busy or away, and honours Retry-After", async () => {
  const answers = [
    new Response("", { status: 503 }),
    new Response("", { status: 429, headers: { "retry-after": "7" } }),
    new Error("connection refused"),
    new Response("", { status: 409, headers: { "retry-after": new Date(12_000).toUTCString() } }),
  ];
  const { sink, seen, sleeps } = testServer(answers);
  assert.deepEqual(await sink.submit("s", 0, clicks(3)), { accepted: 3, duplicates: 0 });
  assert.deepEqual(sleeps, [250, 7000, 1000, 12_000 - 8250]);
  assert.equal(seen.length, 5);
  for (const request of seen) assert.deepEqual(request, seen[0]);
});

Deno.test("http sink gives up when the server is away for a minute", async () => {
  const { sink, sleeps } = testServer(Array.from({ length: 100 }, () => new Error("connection refused")));
  await assert.rejects(sink.submit("s", 0, clicks(1)), { code: "server_unreachable", message: /connection refused/ });
  assert.ok(sleeps.reduce((a, b) => a + b) <= 60_000);
  await assert.rejects(sink.end("s"), { code: "server_unreachable" });
});

Deno.test("http sink fails with the server's words when a request is refused, and sends nothing behind it", async () => {
  const { sink, seen } = testServer([Response.json({ title: "No", detail: "The key is not known here" }, { status: 403 })]);
  const results = await Promise.allSettled([sink.submit("s", 0, clicks(1)), sink.submit("s", 1, clicks(1)), sink.end("s")]);
  for (const result of results) {
    assert.equal(result.status, "rejected");
    assert.match(String(result.reason), /answered 403: The key is not known here/);
  }
  assert.equal(seen.length, 1);
});

Deno.test("http sink fails when something else answers at the address", async () => {
  const { sink } = testServer([new Response("<html>")]);
  await assert.rejects(sink.submit("s", 0, clicks(1)), { code: "bad_request", message: /right address/ });
});

Deno.test("http sink sends refused lines and the end", async () => {
  const { sink, seen } = testServer();
  const raw = new Uint8Array([0, 255, 65]);
  await sink.reject("s", "a.csv", {
    first: 7,
    rejects: [{ line: 3, code: "wrong_columns", field: null, message: "m", raw, rawBytes: 9 }],
    beyond: 2,
  });
  await sink.end("s");
  assert.deepEqual(seen.map(({ url }) => url), ["http://localhost:8000/sources/s/dead_letters", "http://localhost:8000/sources/s/end"]);
  assert.deepEqual(JSON.parse(seen[0].body), {
    name: "a.csv",
    first: 7,
    beyond: 2,
    rejects: [{ line: 3, code: "wrong_columns", field: null, message: "m", raw_base64: Buffer.from(raw).toString("base64"), raw_bytes: 9 }],
  });
});

Deno.test("http sink stops trying when it is aborted", async () => {
  const stop = new AbortController();
  const { sink, seen } = testServer([new Error("gone")], { signal: stop.signal, sleep: () => (stop.abort(), Promise.resolve()) });
  await assert.rejects(sink.submit("s", 0, clicks(1)), { name: "AbortError" });
  assert.equal(seen.length, 1);
});

Deno.test("http sink refuses an address that is none", () => {
  for (const url of ["localhost", "ftp://x"]) assert.throws(() => testServer([], { url }), { code: "usage" });
});

Deno.test("http sink speaks with a real server", async () => {
  const bodies: string[] = [];
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (request) => {
    bodies.push(await request.text());
    return Response.json({ accepted: 2, duplicates: 0 }, { status: 202 });
  });
  const { sink } = testServer([], { url: `http://127.0.0.1:${server.addr.port}`, fetch: undefined });
  assert.deepEqual(await sink.submit("s", 0, clicks(2)), { accepted: 2, duplicates: 0 });
  assert.equal(bodies[0].split("\n").length, 3);
});
