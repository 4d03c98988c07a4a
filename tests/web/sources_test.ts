import assert from "node:assert/strict";
import { assertProblem, clicks, ndjson, withLab } from "./lab.ts";

const SOURCE = "ab".repeat(32);

Deno.test("rows of a source get in once, and its end closes its windows alone", async () => {
  await withLab(async ({ post, fetch, guardian }) => {
    await post(clicks("live-bot", 60));
    const rows = ndjson(clicks("bot", 120));
    const first = await (await post(rows, {}, `?source=${SOURCE}&row=0`)).json();
    assert.deepEqual([first.accepted, first.duplicates], [120, 0]);
    const overlap = await (await post(ndjson(clicks("bot", 40)), {}, `?source=${SOURCE}&row=100`)).json();
    assert.deepEqual([overlap.accepted, overlap.duplicates], [20, 20]);
    for (let again = 0; again < 2; again++) {
      const end = await fetch(`/sources/${SOURCE}/end`, { method: "POST", body: "{}" });
      assert.deepEqual([end.status, await end.json()], [200, { source: SOURCE, lane: `replay-${SOURCE.slice(0, 16)}`, ended: true }]);
    }
    const confirmed = await (await fetch("/anomalies?status=confirmed")).json();
    assert.deepEqual([...new Set(confirmed.map(({ lane }: { lane: string }) => lane))], [`replay-${SOURCE.slice(0, 16)}`]);
    const ends = guardian.log.end(0) + guardian.log.end(1);
    assert.equal(ends, 60 + 140 + 2);
    await guardian.intake.checkpoint();
    const state = await (await fetch(`/sources/${SOURCE}`)).json();
    assert.deepEqual([state.ended, Math.max(...state.rows), state.anomalies.HIGH_FREQUENCY > 0], [true, 140, true]);
  });
});

Deno.test("rows of a source may lie ahead of the clock", async () => {
  await withLab(async ({ post }) => {
    const { accepted } = await (await post(ndjson(clicks(1, 1, Date.UTC(2090, 0, 1))), {}, `?source=${SOURCE}&row=0`)).json();
    assert.equal(accepted, 1);
  });
});

Deno.test("rows of a source with a bad line among them are refused whole", async () => {
  await withLab(async ({ post, guardian }) => {
    const problem = await assertProblem(await post(`${ndjson(clicks(1, 2))}nonsense\n`, {}, `?source=${SOURCE}&row=0`), 400, "bad_request");
    assert.match(String(problem.detail), /line 3/);
    assert.deepEqual([guardian.log.end(0), guardian.log.end(1), guardian.deadLetters.refused], [0, 0, 0]);
  });
});

Deno.test("dead letters of a source are kept once, however often they are sent", async () => {
  await withLab(async ({ fetch, guardian }) => {
    const send = (first: number, count: number, beyond = 0) => {
      const rejects = Array.from({ length: count }, (_, i) => {
        return {
          line: first + i + 1,
          code: "wrong_columns",
          field: null,
          message: "Cannot take this line",
          raw_base64: "YSxi",
          raw_bytes: 3,
        };
      });
      return fetch(`/sources/${SOURCE}/dead_letters`, {
        method: "POST",
        body: JSON.stringify({ name: "clicks.dat", first, rejects, beyond }),
      });
    };
    assert.equal((await send(0, 3)).status, 200);
    await send(0, 3);
    await send(3, 2, 7);
    await send(3, 2, 7);
    assert.deepEqual([guardian.deadLetters.kept, guardian.deadLetters.refused], [5, 12]);
    const [letter] = await (await fetch("/dead_letters?limit=1")).json();
    assert.deepEqual([letter.source, letter.line, letter.raw], ["clicks.dat", 5, "a,b"]);
    for (const body of ["", "{}", "[]", '{"name":"x","rejects":[{}]}', '{"name":"x","rejects":[],"more":1}']) {
      await assertProblem(await fetch(`/sources/${SOURCE}/dead_letters`, { method: "POST", body }), 400, "bad_request");
    }
  });
});

Deno.test("the lake is checked on request", async () => {
  await withLab(async ({ post, fetch, guardian }) => {
    await post(clicks(1, 10));
    await guardian.archiver.flush();
    const checks = await Promise.all([0, 1].map(async () => await (await fetch("/verify", { method: "POST" })).json()));
    for (const check of checks) assert.deepEqual([check.ok, check.rows, check.findings], [true, 10, []]);
  });
});
