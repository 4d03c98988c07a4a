// Limits one below, at, and one above: what is in src/limits.ts holds as its words say. Which limit is tried where: cases.ts.

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { ColumnBuilder } from "../../src/event/batch.ts";
import { parseBody } from "../../src/event/parse.ts";
import type { Reject } from "../../src/event/reject.ts";
import { limits } from "../../src/limits.ts";
import { EventIds } from "../../src/log/event_ids.ts";
import { KeysSeen } from "../../src/log/keys_seen.ts";
import { answerOf } from "../../src/notify/retry.ts";
import { tell } from "../support/proof.ts";
import { Product } from "../time/product.ts";
import { defaults, elsewhere, here, stated } from "./cases.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const T0 = Date.UTC(2014, 3, 7, 10);

Deno.test("every limit is tried at its edge, here or where it says, or says why not, when a limit is added", async () => {
  const tried = Object.values(here).flat(), told = [...tried, ...Object.keys(elsewhere), ...Object.keys(stated)];
  assert.deepEqual(told.toSorted(), Object.keys(limits).toSorted(), "name a new limit in tests/limits/cases.ts, and try it");
  const places = Object.entries(here).flatMap(([file, names]) => names.map((name) => [`tests/limits/${file}`, name]));
  places.push(...Object.entries(elsewhere).map(([limit, [file, word = limit]]) => [file, word]));
  for (const [file, word] of places) assert.ok((await Deno.readTextFile(root + file)).includes(word), `${file} tries ${word}`);
  for (const [limit, why] of Object.entries(stated)) assert.match(why, /^[A-Z].{20,}\.$/, `${limit} says why`);
  for (const [limit, file] of Object.entries(defaults)) {
    assert.match(await Deno.readTextFile(`${root}src/${file}`), new RegExp(`(=|\\?\\?|:|,) limits\\.${limit}\\b`), `${file} has ${limit}`);
  }
  const figures = { limits: told.length, tried_here: tried.length, tried_elsewhere: Object.keys(elsewhere).length };
  tell("limits", { ...figures, stated: Object.keys(stated).length });
});

const click = { session_id: 1, timestamp: T0, item_id: 1 };

/** The code by which one event is refused, or null. */
function refusal(event: object | string): string | null {
  const rejects: Reject[] = [];
  const text = typeof event === "string" ? event : JSON.stringify(event);
  parseBody(new TextEncoder().encode(text + "\n"), new ColumnBuilder(8), (reject) => rejects.push(reject), { now: T0, futureMs: null });
  return rejects[0]?.code ?? null;
}

/** Of an event that meets a limit by so much: whether it is taken. */
const fields: readonly [string, string, (by: number) => object | string][] = [
  ["idBytesMax", "too_long", (n) => ({ ...click, session_id: "a".repeat(n) })],
  ["shortTextBytesMax", "too_long", (n) => ({ ...click, event_id: "e".repeat(n) })],
  ["userIdBytesMax", "too_long", (n) => ({ ...click, user_id: "u".repeat(n) })],
  ["contextBytesMax", "too_long", (n) => ({ ...click, page: "p".repeat(n) })],
  ["propertiesMax", "too_large", (n) => ({ ...click, properties: Object.fromEntries(Array.from({ length: n }, (_, i) => [`p${i}`, 1])) })],
  ["quantityMax", "out_of_range", (n) => ({ ...click, kind: "purchase", price: 1, quantity: n })],
  ["priceMax", "out_of_range", (n) => ({ ...click, kind: "purchase", price: n, quantity: 1 })],
  ["eventTimeMax", "out_of_range", (n) => ({ ...click, timestamp: n })],
  [
    "lineBytesMax",
    "line_too_long",
    (n) => `${JSON.stringify({ ...click, x: "" }).slice(0, -2)}${"x".repeat(n - JSON.stringify({ ...click, x: "" }).length)}"}`,
  ],
];

for (const [name, code, event] of fields) {
  Deno.test(`an event is refused when it is one beyond ${name}, and not before`, () => {
    const limit = limits[name as keyof typeof limits];
    assert.deepEqual([-1, 0, 1].map((by) => refusal(event(limit + by))), [null, null, code]);
  });
}

Deno.test("an event is refused when it is one ms before eventTimeMin", () => {
  const at = (by: number) => refusal({ ...click, timestamp: limits.eventTimeMin + by });
  assert.deepEqual([at(1), at(0), at(-1)], [null, null, "out_of_range"]);
});

Deno.test("a dead letter has deadLetterRawBytesMax bytes of its line at the most", () => {
  for (const by of [-1, 0, 1]) {
    const rejects: Reject[] = [], most = limits.deadLetterRawBytesMax;
    const columns = new ColumnBuilder(8), line = new TextEncoder().encode("x".repeat(most + by) + "\n");
    parseBody(line, columns, (reject) => rejects.push(reject), { now: T0, futureMs: null });
    assert.deepEqual([rejects[0].raw.length, rejects[0].rawBytes], [most + Math.min(by, 0), most + by]);
  }
});

Deno.test("event ids are forgotten when they are one more than eventIdsMax, also within one hour", () => {
  const most = 1000;
  for (const by of [-1, 0, 1, 5 * most]) {
    const ids = new EventIds(7, 7, most);
    for (let i = 0; i < most + by; i++) assert.ok(ids.add({ high: (i * 0x9e3779b9) >>> 0, low: i }, 7));
    assert.ok(ids.count <= most, `${ids.count} of ${most + by}`);
    if (by <= 0) assert.equal(ids.count, most + by);
    assert.ok(!ids.add({ high: ((most + by - 1) * 0x9e3779b9) >>> 0, low: most + by - 1 }, 7), "the newest is known");
    assert.equal(ids.add({ high: 0, low: 0 }, 7), by > 0, "the oldest go first");
  }
});

Deno.test("an event id is forgotten when it is one hour older than eventIdsKeepHours", () => {
  for (const by of [-1, 0, 1]) {
    const ids = new EventIds(100);
    ids.add({ high: 1, low: 2 }, 100);
    assert.equal(ids.add({ high: 1, low: 2 }, 100 + limits.eventIdsKeepHours + by), by > 0);
  }
});

Deno.test("keys are forgotten when they are one more than idempotencyKeysMax, or one ms older than idempotencyKeysKeepHours", () => {
  const keepMs = limits.idempotencyKeysKeepHours * 3_600_000;
  const note = (i: number) => ({ key: `k${i}`, body: "b", done: true, time: T0 });
  for (const by of [-1, 0, 1]) {
    const many = new KeysSeen(100), old = new KeysSeen();
    for (let i = 0; i < 100 + by; i++) many.add(note(i), i);
    assert.equal(many.sweep(T0).forgotten.length, Math.max(0, by));
    old.add(note(0), 0);
    assert.equal(old.sweep(T0 + keepMs + by).forgotten.length, Math.max(0, by));
  }
});

Deno.test("a receiver's wait is cut when it asks for more than webhookRetryAfterMaxMs", () => {
  const seconds = limits.webhookRetryAfterMaxMs / 1000;
  for (const by of [-1, 0, 1]) {
    const answer = answerOf(503, String(seconds + by), T0);
    assert.ok(answer.kind === "failing");
    assert.equal(answer.retryAfterMs, (seconds + Math.min(by, 0)) * 1000);
  }
});

Deno.test("requests are refused when they are one beyond what the API takes", async () => {
  await Product.with(T0, async (product) => {
    const statusOf = async (path: string) => (await product.get<{ status?: number }>(path)).status ?? 200;
    for (const by of [-1, 0, 1]) {
      const want = by > 0 ? 400 : 200;
      assert.equal(await statusOf(`/anomalies?limit=${limits.pageRowsMax + by}`), want, `pageRowsMax ${by}`);
      assert.equal(await statusOf(`/anomalies/timeline?hours=${limits.timelineHoursMax + by}`), want, `timelineHoursMax ${by}`);
      assert.equal(await statusOf(`/sessions/1/events?limit=${limits.sessionEventsMax + by}`), want, `sessionEventsMax ${by}`);
      const key = await product.post([click], `${"k".repeat(limits.idempotencyKeyCharsMax + by)}`);
      assert.equal(key.status, by > 0 ? 400 : 202, `idempotencyKeyCharsMax ${by}`);
      const told = await product.post(Array.from({ length: limits.errorsInAnswerMax + by }, () => ({})));
      assert.equal(told.errors.length, limits.errorsInAnswerMax + Math.min(by, 0), `errorsInAnswerMax ${by}`);
      const kept = product.guardian.deadLetters.kept, refused = limits.deadLettersPerSourceMax + by;
      assert.equal((await product.post(Array.from({ length: refused }, () => ({})))).rejected, refused);
      assert.equal(
        product.guardian.deadLetters.kept - kept,
        limits.deadLettersPerSourceMax + Math.min(by, 0),
        `deadLettersPerSourceMax ${by}`,
      );
    }
  });
});
