import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { GuardianError } from "../../src/errors.ts";
import { Admission } from "../../src/web/admission.ts";
import { type BodyLimits, readBody } from "../../src/web/body.ts";

const text = Array.from({ length: 3000 }, (_, i) => `{"session_id":${i},"n":"${(i * 7919) % 10007}"}`).join("\n");
const bytes = new TextEncoder().encode(text);
const packed = new Uint8Array(gzipSync(bytes));

function request(body: BodyInit | null, encoding?: string, headers: Record<string, string> = {}): Request {
  const all = encoding === undefined ? headers : { ...headers, "Content-Encoding": encoding };
  return new Request("http://localhost/events", { method: "POST", body, headers: all });
}

async function read(given: Request, limits?: Partial<BodyLimits>, admission = new Admission()) {
  using ticket = admission.enter();
  return await readBody(given, ticket, limits);
}

function isError(code: string) {
  return (thrown: unknown) => thrown instanceof GuardianError && thrown.code === code;
}

Deno.test("body is read as it is, and unpacked when it is gzip", async () => {
  assert.deepEqual(await read(request(bytes)), { bytes, truncated: false });
  assert.deepEqual(await read(request(packed, "gzip")), { bytes, truncated: false });
  assert.deepEqual(await read(request(packed, " GZIP ")), { bytes, truncated: false });
  assert.equal((await read(request(null))).bytes.length, 0);
});

Deno.test("body of two gzip members is unpacked whole", async () => {
  const { bytes: both } = await read(request(new Uint8Array([...packed, ...packed]), "gzip"));
  assert.equal(both.length, 2 * bytes.length);
});

Deno.test("body that breaks off while packed gives what was unpacked", async () => {
  for (const length of [5, 100, packed.length >> 1, packed.length - 9, packed.length - 1]) {
    const got = await read(request(packed.slice(0, length), "gzip"));
    assert.equal(got.truncated, true, `at ${length}`);
    assert.deepEqual(got.bytes, bytes.slice(0, got.bytes.length), `at ${length}`);
  }
  const half = await read(request(packed.slice(0, packed.length >> 1), "gzip"));
  assert.ok(half.bytes.length > bytes.length / 4, `only ${half.bytes.length} bytes`);
});

Deno.test("body that is no gzip, or damaged, is refused whole", async () => {
  const damaged = packed.slice();
  damaged[packed.length >> 1] ^= 255;
  const wrongSum = packed.slice();
  wrongSum[packed.length - 6] ^= 255;
  for (const body of [bytes, damaged, wrongSum]) await assert.rejects(read(request(body, "gzip")), isError("bad_request"));
});

Deno.test("body of another encoding is refused", async () => {
  for (const encoding of ["br", "deflate", "gzip, gzip"]) {
    await assert.rejects(read(request(bytes, encoding)), isError("unsupported_media_type"));
  }
});

Deno.test("body limits hold at -1, 0 and +1", async () => {
  for (const [sent, encoding] of [[bytes, undefined], [packed, "gzip"]] as const) {
    for (const by of [0, 1]) await read(request(sent, encoding), { sentMax: sent.length + by, decodedMax: bytes.length });
    await assert.rejects(read(request(sent, encoding), { sentMax: sent.length - 1, decodedMax: bytes.length }), isError("body_too_large"));
  }
  for (const by of [0, 1]) await read(request(packed, "gzip"), { sentMax: packed.length, decodedMax: bytes.length + by });
  await assert.rejects(
    read(request(packed, "gzip"), { sentMax: packed.length, decodedMax: bytes.length - 1 }),
    isError("body_too_large"),
  );
});

Deno.test("body that says it is too large is refused before it is read", async () => {
  const body = new ReadableStream({ pull: () => assert.fail("it was read") }, { highWaterMark: 0 });
  const given = request(body, undefined, { "Content-Length": "11" });
  await assert.rejects(read(given, { sentMax: 10, decodedMax: 10 }), isError("body_too_large"));
});

Deno.test("body that unpacks to a thousand times its size is stopped at the limit", async () => {
  const bomb = new Uint8Array(gzipSync(new Uint8Array(64 * 2 ** 20)));
  const admission = new Admission(1, 2 ** 21);
  await assert.rejects(read(request(bomb, "gzip"), { sentMax: bomb.length, decodedMax: 2 ** 20 }, admission), isError("body_too_large"));
  assert.deepEqual([admission.requests, admission.bytes], [0, 0]);
});

Deno.test("body that does not arrive is a bad request", async () => {
  const body = new ReadableStream({
    pull(controller) {
      controller.error(new Error("connection reset"));
    },
  });
  await assert.rejects(read(request(body)), isError("bad_request"));
});

Deno.test("admission refuses more requests and more bytes than it may hold", () => {
  const admission = new Admission(2, 100);
  const first = admission.enter();
  const second = admission.enter();
  assert.throws(() => admission.enter(), isError("overloaded"));
  first.hold(60);
  second.hold(40);
  assert.throws(() => second.hold(1), isError("overloaded"));
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  assert.deepEqual([admission.requests, admission.bytes], [1, 40]);
  second.hold(60);
  second[Symbol.dispose]();
  assert.deepEqual([admission.requests, admission.bytes], [0, 0]);
});

Deno.test("readBody gives up on a body that stalls, and on one that trickles for too long", async () => {
  const trickle = (everyMs: number, pieces: number) =>
    new Request("http://localhost/events", {
      method: "POST",
      body: new ReadableStream({
        async pull(controller) {
          if (pieces-- === 0) return controller.close();
          await new Promise((resolve) => setTimeout(resolve, everyMs));
          controller.enqueue(new Uint8Array([32]));
        },
      }),
    });
  await assert.rejects(read(trickle(800, 1), { stallMs: 20 }), isError("request_timeout"));
  await assert.rejects(read(trickle(10, 1000), { stallMs: 1000, readMs: 60 }), isError("request_timeout"));
  assert.equal((await read(trickle(5, 4), { stallMs: 1000, readMs: 1000 })).bytes.length, 4);
});

/** A request whose body comes in pieces of bytes, as those of the server do, and says how long it is. */
function inPieces(pieces: readonly Uint8Array[], length: number, end: "closes" | "breaks" | "stalls" = "closes"): Request {
  let next = 0;
  const body = new ReadableStream({
    type: "bytes",
    pull(controller) {
      if (next < pieces.length) controller.enqueue(pieces[next++].slice());
      else if (end === "breaks") controller.error(new Error("connection reset"));
      else if (end === "closes") {
        controller.close();
        controller.byobRequest?.respond(0);
      }
    },
  });
  return request(body, undefined, { "Content-Length": String(length) });
}

Deno.test("body of known length is read whole, in however many pieces it comes", async () => {
  assert.ok(bytes.length > 32 * 1024, "longer than what is taken as it comes");
  for (const size of [1000, 16 * 1024, bytes.length - 1, bytes.length]) {
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
    const admission = new Admission();
    assert.deepEqual(await read(inPieces(pieces, bytes.length), {}, admission), { bytes, truncated: false }, `pieces of ${size}`);
    assert.deepEqual([admission.requests, admission.bytes], [0, 0]);
  }
});

Deno.test("body of known length that breaks off, stalls or goes on is refused", async () => {
  const half = [bytes.subarray(0, bytes.length >> 1)];
  await assert.rejects(read(inPieces(half, bytes.length, "breaks")), isError("bad_request"));
  await assert.rejects(read(inPieces(half, bytes.length, "stalls"), { stallMs: 20 }), isError("request_timeout"));
  await assert.rejects(read(inPieces([bytes], bytes.length - 1)), isError("bad_request"));
});

Deno.test("body of known length takes its room before it comes", async () => {
  const admission = new Admission(1, bytes.length - 1);
  await assert.rejects(read(inPieces([], bytes.length, "stalls"), {}, admission), isError("overloaded"));
  assert.deepEqual([admission.requests, admission.bytes], [0, 0]);
});
