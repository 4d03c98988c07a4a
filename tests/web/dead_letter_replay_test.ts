// Refused lines that are tried again after what refused them was mended.

import assert from "node:assert/strict";
import { assertProblem, withLab } from "./lab.ts";

Deno.test("dead letters get in once after a mend, and what is still wrong stays", async () => {
  await withLab(async ({ post, fetch, service, guardian }) => {
    const ahead = Date.now() + 48 * 3_600_000;
    await post([
      { session_id: 1, timestamp: ahead, item_id: 2 },
      { session_id: 2, timestamp: ahead, item_id: 2 },
      { session_id: 3, timestamp: Date.now() },
    ]);
    const replay = async (body: object = {}) =>
      await (await fetch("/dead_letters/replay", {
        method: "POST",
        body: JSON.stringify(body),
        headers: { "content-type": "application/json" },
      })).json();
    const listed = async () => (await (await fetch("/dead_letters")).json()).map(({ number }: { number: number }) => number);
    assert.deepEqual(await replay(), { tried: 3, accepted: 0, duplicates: 0, refused: 3 });
    assert.deepEqual(await listed(), [2, 1, 0]);
    (service as { futureMs: number }).futureMs = 72 * 3_600_000;
    const [kept] = (await guardian.deadLetters.list(1, 1)).items;
    assert.deepEqual(await replay({ numbers: [0, 0, 99] }), { tried: 1, accepted: 1, duplicates: 0, refused: 0 });
    assert.deepEqual(await listed(), [2, 1]);
    assert.deepEqual(await replay(), { tried: 2, accepted: 1, duplicates: 0, refused: 1 });
    assert.deepEqual(await listed(), [2]);
    // As after a crash between the append and the removal: the letter is there again, its event already is.
    guardian.deadLetters.get = () => Promise.resolve(kept);
    assert.deepEqual(await replay({ numbers: [0] }), { tried: 1, accepted: 0, duplicates: 1, refused: 0 });
    await guardian.caughtUp();
    assert.equal((await guardian.stats()).total_clicks, 2);
  });
});

Deno.test("a replay of dead letters refuses a body that it does not know", async () => {
  await withLab(async ({ fetch }) => {
    for (const body of ["[]", '{"numbers":["a"]}', '{"all":true}']) {
      const response = await fetch("/dead_letters/replay", { method: "POST", body, headers: { "content-type": "application/json" } });
      await assertProblem(response, 400, "bad_request");
    }
  });
});
