// What the store of dead letters remembers of sources and keys, so that what is sent again is not kept twice: it is let go of when it is too
// old or too much, so that clients who send keys with refused lines for weeks do not fill the folder.

import assert from "node:assert/strict";
import type { Reject } from "../../src/event/reject.ts";
import { limits } from "../../src/limits.ts";
import { DeadLetterStore } from "../../src/store/dead_letters.ts";
import { TestClock } from "../support/clock.ts";

const HOUR_MS = 3_600_000;
const reject: Reject = { line: 1, code: "not_json", field: null, message: "no", raw: new Uint8Array([65]), rawBytes: 1 };

async function sourcesIn(kv: Deno.Kv): Promise<string[]> {
  return (await Array.fromAsync(kv.list({ prefix: ["dead_of"] }))).map(({ key }) => String(key[1])).sort();
}

Deno.test("DeadLetterStore forgets a key once the key itself is forgotten, and a file's source with its dead letters", async () => {
  using kv = await Deno.openKv(":memory:");
  const clock = new TestClock(), store = await DeadLetterStore.open(kv, clock);
  await store.add("http", "key-a", 0, [reject]);
  await store.add("file", "f".repeat(64), 0, [reject]);
  clock.pass(limits.idempotencyKeysKeepHours * HOUR_MS);
  await store.sweep();
  assert.deepEqual(await sourcesIn(kv), ["f".repeat(64), "key-a"]);
  clock.pass(HOUR_MS);
  await store.sweep();
  assert.deepEqual(await sourcesIn(kv), ["f".repeat(64)]);
  assert.equal(store.kept, 2, "what was refused stays");
  clock.pass(limits.deadLettersKeepDays * 24 * HOUR_MS);
  await store.sweep();
  assert.deepEqual([await sourcesIn(kv), store.kept], [[], 0]);
});

Deno.test("DeadLetterStore keeps the newest sources at its limit, however little time has passed", async () => {
  using kv = await Deno.openKv(":memory:");
  const clock = new TestClock(), store = await DeadLetterStore.open(kv, clock, 10);
  await store.sweep();
  for (const [count, kept] of [[9, 9], [1, 10], [2, 10], [30, 10]]) {
    for (let i = 0; i < count; i++) {
      clock.pass(1000);
      await store.add("http", `key-${clock.passed}`, 0, [reject]);
    }
    await store.sweep();
    const newest = Array.from({ length: kept }, (_, i) => `key-${clock.passed - 1000 * i}`).sort();
    assert.deepEqual(await sourcesIn(kv), newest);
  }
});

Deno.test("DeadLetterStore forgets hundreds of sources with long names in one round", async () => {
  using kv = await Deno.openKv(":memory:");
  const clock = new TestClock(), store = await DeadLetterStore.open(kv, clock);
  for (let i = 0; i < 450; i++) await store.add("file", String(i).padStart(64, "0"), 0, [reject]);
  clock.pass((limits.deadLettersKeepDays * 24 + 1) * HOUR_MS);
  await store.sweep();
  assert.deepEqual(await sourcesIn(kv), []);
});
