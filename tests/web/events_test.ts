import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { GuardianError } from "../../src/errors.ts";
import { limits } from "../../src/limits.ts";
import { Admission } from "../../src/web/admission.ts";
import { assertProblem, clicks, ndjson, T0, withLab } from "./lab.ts";

const click = { session_id: 11, timestamp: "2014-04-07T10:51:09.277Z", item_id: 214536502 };
const userEvent = { eventId: "e-1", userId: "u-7", sessionId: "s-11", eventType: "CLICK", timestamp: T0, properties: { itemId: "5" } };
const transaction = {
  transactionId: "t-1",
  userId: "u-7",
  orderItems: [{ productId: "1", quantity: 2, price: 12.5 }, { productId: "2", quantity: 1, price: 0 }],
  totalAmount: 25,
  currency: "EUR",
  paymentMethod: "card",
  status: "completed",
  timestamp: T0,
};

Deno.test("events get in as an object, an array, lines, packed, and in both dialects", async () => {
  await withLab(async ({ post, fetch, guardian }) => {
    const packed = new Uint8Array(gzipSync(ndjson([click, click])));
    const table: [name: string, body: BodyInit, headers: Record<string, string>, accepted: number][] = [
      ["object", JSON.stringify(click), { "Content-Type": "application/json" }, 1],
      ["object over several lines", JSON.stringify(click, null, 2), { "Content-Type": "application/json; charset=utf-8" }, 1],
      ["array", JSON.stringify([click, click, click]), { "Content-Type": "application/json" }, 3],
      ["lines", ndjson([click, click]), { "Content-Type": "application/x-ndjson" }, 2],
      ["lines of a beacon", ndjson([click, click]), { "Content-Type": "text/plain;charset=UTF-8" }, 2],
      ["packed lines", packed, { "Content-Type": "application/x-ndjson", "Content-Encoding": "gzip" }, 2],
      ["camelCase event", JSON.stringify(userEvent), {}, 1],
      ["camelCase transaction", JSON.stringify(transaction), {}, 2],
    ];
    for (const [name, body, headers, accepted] of table) {
      const response = await post(body, headers);
      assert.deepEqual([response.status, await response.json()], [202, { accepted, duplicates: 0, rejected: 0, errors: [] }], name);
    }
    await guardian.caughtUp();
    const stats = await (await fetch("/stats")).json();
    assert.deepEqual([stats.total_clicks, stats.total_purchases, stats.dead_letters], [12, 2, 0]);
  });
});

Deno.test("bad lines are told and kept, and their neighbours get in", async () => {
  await withLab(async ({ post, fetch }) => {
    const lines = [JSON.stringify(click), "{", JSON.stringify({ ...click, timestamp: "yesterday" }), JSON.stringify(click)];
    const answer = await (await post(lines.join("\n"))).json();
    assert.deepEqual([answer.accepted, answer.rejected, answer.errors.length], [2, 2, 2]);
    assert.deepEqual(answer.errors.map((error: { line: number; field: string }) => [error.line, error.field]), [[2, null], [
      3,
      "timestamp",
    ]]);
    const letters = await (await fetch("/dead_letters")).json();
    assert.deepEqual(letters.map((letter: { line: number; raw: string; source: string }) => [letter.line, letter.raw, letter.source]), [
      [3, lines[2], "http"],
      [2, "{", "http"],
    ]);
  });
});

Deno.test("a body of bad lines alone is taken, with nothing accepted", async () => {
  await withLab(async ({ post }) => {
    const response = await post("nonsense\nmore of it\n");
    assert.equal(response.status, 202);
    const { accepted, rejected } = await response.json();
    assert.deepEqual([accepted, rejected], [0, 2]);
  });
});

Deno.test("an answer tells the first twenty errors, and how many lines were not kept", async () => {
  await withLab(async ({ post, guardian }) => {
    for (const count of [limits.errorsInAnswerMax - 1, limits.errorsInAnswerMax, limits.errorsInAnswerMax + 1]) {
      const answer = await (await post("x\n".repeat(count))).json();
      assert.deepEqual([answer.rejected, answer.errors.length], [count, Math.min(count, limits.errorsInAnswerMax)]);
    }
    const before = guardian.deadLetters.kept;
    const most = limits.deadLettersPerSourceMax;
    assert.equal((await (await post("x\n".repeat(most))).json()).rejected_not_kept, undefined);
    assert.equal((await (await post("x\n".repeat(most + 1))).json()).rejected_not_kept, 1);
    assert.equal(guardian.deadLetters.kept - before, 2 * most);
  });
});

Deno.test("a packed body that breaks off gives its whole lines, and the last one as an error", async () => {
  await withLab(async ({ post, guardian }) => {
    const body = ndjson(clicks("cut", 2000).map((event, i) => ({ ...event, page: `/${(i * 7919) % 10007}` })));
    const packed = new Uint8Array(gzipSync(body));
    const response = await post(packed.slice(0, packed.length >> 1), { "Content-Encoding": "gzip" });
    const { accepted, rejected, errors } = await response.json();
    assert.equal(response.status, 202);
    assert.ok(accepted > 100 && accepted < 2000, `accepted ${accepted}`);
    assert.deepEqual([rejected, errors[0].code, errors[0].line], [1, "body_truncated", accepted + 1]);
    await guardian.caughtUp();
    assert.equal((await guardian.stats()).total_clicks, accepted);
  });
});

Deno.test("requests that cannot be read leave nothing behind", async () => {
  await withLab(async ({ post, guardian }) => {
    const body = ndjson([click]);
    const table: [name: string, body: BodyInit, headers: Record<string, string>, query: string, status: number, code: string][] = [
      ["nothing", "", {}, "", 400, "bad_request"],
      ["blank lines", "\n \n", {}, "", 400, "bad_request"],
      ["no gzip", body, { "Content-Encoding": "gzip" }, "", 400, "bad_request"],
      ["other encoding", body, { "Content-Encoding": "br" }, "", 415, "unsupported_media_type"],
      ["form", body, { "Content-Type": "multipart/form-data; boundary=x" }, "", 415, "unsupported_media_type"],
      ["CSV", "1,2", { "Content-Type": "text/csv" }, "", 415, "unsupported_media_type"],
      ["too long", body, { "Content-Length": String(limits.bodyBytesMax + 1) }, "", 413, "body_too_large"],
      ["empty key", body, { "Idempotency-Key": "" }, "", 400, "bad_request"],
      ["long key", body, { "Idempotency-Key": "k".repeat(limits.idempotencyKeyCharsMax + 1) }, "", 400, "bad_request"],
      ["unknown parameter", body, {}, "?sourc=1", 400, "invalid_parameter"],
      ["source without row", body, {}, `?source=${"a".repeat(64)}`, 400, "invalid_parameter"],
      ["row without source", body, {}, "?row=0", 400, "invalid_parameter"],
      ["source that is none", body, {}, "?source=file.dat&row=0", 400, "invalid_parameter"],
      ["other site", body, { Origin: "https://shop.example" }, "", 403, "cross_site"],
      ["other host", body, { Host: "shop.example" }, "", 421, "wrong_host"],
    ];
    for (const [name, sent, headers, query, status, code] of table) {
      const problem = await assertProblem(await post(sent, headers, query), status, code);
      assert.match(String(problem.detail), /^Cannot /, name);
    }
    assert.deepEqual([guardian.log.end(0), guardian.log.end(1), guardian.deadLetters.refused], [0, 0, 0]);
  });
});

Deno.test("a bomb of a body is refused whole", async () => {
  await withLab(async ({ post, guardian }) => {
    const bomb = new Uint8Array(gzipSync(new Uint8Array(limits.bodyDecodedBytesMax + 1).fill(32)));
    await assertProblem(await post(bomb, { "Content-Encoding": "gzip" }), 413, "body_too_large");
    assert.equal(guardian.intake.accepted, 0);
  });
});

Deno.test("a key makes a retry harmless, for events and for dead letters", async () => {
  await withLab(async ({ post, guardian }) => {
    const body = ndjson([click, { session_id: 1 }, click]);
    const headers = { "Idempotency-Key": "k".repeat(limits.idempotencyKeyCharsMax) };
    const first = await (await post(body, headers)).json();
    assert.deepEqual([first.accepted, first.duplicates, first.rejected], [2, 0, 1]);
    const packed = new Uint8Array(gzipSync(body));
    const second = await (await post(packed, { ...headers, "Content-Encoding": "gzip" })).json();
    assert.deepEqual([second.accepted, second.duplicates, second.rejected, second.errors], [0, 2, 1, first.errors]);
    await assertProblem(await post(ndjson([click]), headers), 422, "key_reused");
    assert.deepEqual([guardian.deadLetters.refused, guardian.deadLetters.kept], [1, 1]);
  });
});

Deno.test("two requests with one key at a time: one gets in, the other is told to wait", async () => {
  await withLab(async ({ post, guardian }) => {
    const body = ndjson(clicks("twice", 5000));
    const send = () => post(body, { "Idempotency-Key": "one" });
    const answers = await Promise.all([send(), send(), send()]);
    const statuses = answers.map(({ status }) => status).sort();
    assert.equal(statuses[0], 202);
    for (const answer of answers) {
      if (answer.status !== 409) continue;
      assert.equal(answer.headers.get("retry-after"), "1");
      await assertProblem(answer, 409, "key_in_progress");
    }
    await guardian.caughtUp();
    assert.equal((await guardian.stats()).total_clicks, 5000);
  });
});

Deno.test("events with an id count once", async () => {
  await withLab(async ({ post }) => {
    const events = [{ ...click, event_id: "a" }, { ...click, event_id: "a" }, { ...click, event_id: "b" }];
    const first = await (await post(events)).json();
    assert.deepEqual([first.accepted, first.duplicates], [2, 1]);
    const second = await (await post(events)).json();
    assert.deepEqual([second.accepted, second.duplicates], [0, 3]);
  });
});

Deno.test("events too far ahead of the clock are refused", async () => {
  await withLab(async ({ post }) => {
    const hours = (count: number) => ({ ...click, timestamp: Date.now() + count * 3_600_000 });
    const answer = await (await post([hours(23.9), hours(24.1)])).json();
    assert.deepEqual([answer.accepted, answer.rejected, answer.errors[0].code], [1, 1, "out_of_range"]);
  });
});

Deno.test("too much at a time is told to come again", async () => {
  const admission = new Admission(1, 1000);
  await withLab(async ({ post }) => {
    const held = admission.enter();
    const refused = await post([click]);
    assert.equal(refused.headers.get("retry-after"), "1");
    await assertProblem(refused, 429, "overloaded");
    held[Symbol.dispose]();
    assert.equal((await post([click])).status, 202);
    await assertProblem(await post("x".repeat(1001)), 429, "overloaded");
    assert.deepEqual([admission.requests, admission.bytes], [0, 0]);
  }, { admission });
});

Deno.test("nothing is taken while the readers are far behind", async () => {
  await withLab(async ({ post, guardian }) => {
    for (const [lag, status] of [[limits.readerLagEventsMax, 202], [limits.readerLagEventsMax + 1, 429]]) {
      Object.defineProperty(guardian.intake, "lag", { configurable: true, get: () => lag });
      const response = await post([click]);
      assert.equal(response.status, status);
      delete (guardian.intake as unknown as { lag?: number }).lag;
      if (status === 429) assert.equal(response.headers.get("retry-after"), "2");
      await response.body?.cancel();
    }
  });
});

Deno.test("storage that fails is told, and taken again when it works", async () => {
  await withLab(async ({ post, guardian }) => {
    const append = guardian.log.append;
    guardian.log.append = () => Promise.reject(new GuardianError("storage_failing", "Cannot store: the disk is full", { retryAfterS: 3 }));
    const refused = await post([click], { "Idempotency-Key": "again" });
    assert.equal(refused.headers.get("retry-after"), "3");
    await assertProblem(refused, 503, "storage_failing");
    guardian.log.append = append;
    const { accepted } = await (await post([click], { "Idempotency-Key": "again" })).json();
    assert.equal(accepted, 1);
  });
});
