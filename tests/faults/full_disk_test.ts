// A real server whose disk is full, again and again, with more or less room left: it says so, loses nothing that it acknowledged, and goes
// on without a restart once there is room. And starts on such a disk.

import assert from "node:assert/strict";
import { lakeLines } from "../support/lake.ts";
import { run } from "../support/process.ts";
import { tell } from "../support/proof.ts";
import { assertStorageFails, type LimitedServer, start, started, until } from "./limited_server.ts";
import { smallDisk } from "./small_disk.ts";

const KIB = 1024;
/** Room that is left, KiB: for less than a page of KV, for some of its pages, for a commit of its log, for some of them. */
const ROOMS = [0, 1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 2048];
const SIZES = Number(Deno.env.get("GUARDIAN_TEST_DISK_SIZES") ?? 4);
const EVENTS = 1500;
/** Posts after which the disk must have been full: more than SQLite writes over in place, and than the most room that is left. */
const POSTS_MAX = 150;
const FULL = /(No space left|disk is full|File too large|disk I\/O error).*(room|see whether)/;
const DAY_MS = 86_400_000;
const YESTERDAY = new Date(Date.now() - DAY_MS).toISOString().slice(0, 10);

/** Events of yesterday, each with an item of its own. */
function body(number: number): string {
  return Array.from({ length: EVENTS }, (_, i) =>
    JSON.stringify({
      session_id: `session-${number}-${i % 50}`,
      timestamp: `${YESTERDAY}T12:${String(Math.floor(i / 60)).padStart(2, "0")}:${String(i % 60).padStart(2, "0")}Z`,
      item_id: itemOf(number, i),
    })).join("\n");
}

const itemOf = (number: number, i: number) => `item/${number}/${i}/${"x".repeat(20)}`;

function post(server: LimitedServer, number: number) {
  const headers = { "content-type": "application/x-ndjson", "idempotency-key": `body-${number}` };
  return server.ask("/events", { method: "POST", body: body(number), headers });
}

const chosen = ROOMS.filter((_, i) => Math.floor((i * SIZES) / ROOMS.length) !== Math.floor(((i - 1) * SIZES) / ROOMS.length));

Deno.test(`server says so when its disk is full, at ${chosen.length} sizes, and goes on when there is room`, async () => {
  await using disk = await smallDisk();
  const data = `${disk.folder}/data`;
  const server = started(await start(data));
  let posts = 0, refused = 0, jobs = 0;
  try {
    for (const [round, room] of chosen.entries()) {
      await disk.leave(room * KIB, server.pid);
      const first = posts;
      let answer = await post(server, posts);
      while (answer.status === 202) {
        assert.ok(++posts - first < POSTS_MAX, `the disk is full after so much, with ${room} KiB left`);
        answer = await post(server, posts);
      }
      assertStorageFails(answer, FULL);
      refused++;
      const { status, body: health } = await server.ask("/health");
      assert.deepEqual([status, health.status, health.parts.log.status], [503, "failing", "failing"], JSON.stringify(health.parts));
      assert.match(health.parts.log.reason, FULL);
      if (round % 5 === 1) jobs += await dayJobMeets(server);
      await disk.makeRoom(server.pid);
      const again = await until("what was refused", () => post(server, posts), ({ status }) => status === 202);
      assert.equal(again.body.accepted + again.body.duplicates, EVENTS);
      posts++;
    }
    await until("health", () => server.ask("/health"), ({ status, body }) => status === 200 && body.status === "ok");
    const ran = await runDay(server);
    assert.deepEqual([ran.status, ran.body.state], [200, "succeeded"], JSON.stringify(ran.body));
  } finally {
    await disk.makeRoom(server.pid);
    assert.equal(await server.end(), 0);
  }
  const items = (await lakeLines(data, "raw_clicks")).map((line) => /item_id=(\S+)/.exec(line)![1]).sort();
  const want = Array.from({ length: posts * EVENTS }, (_, n) => itemOf(Math.floor(n / EVENTS), n % EVENTS)).sort();
  const had = new Set(items), lost = want.filter((item) => !had.has(item)).length, doubled = items.length - had.size;
  assert.deepEqual({ lost, doubled, events: items.length }, { lost: 0, doubled: 0, events: want.length });
  const verified = await run("verify", "--data", data, "--json");
  assert.equal(verified.code, 0, verified.stdout);
  tell("storage fails: disk full", {
    way: disk.way,
    sizes: chosen.length,
    refused,
    events: items.length,
    lost,
    doubled,
    day_jobs_met_it: jobs,
  });
});

function runDay(server: LimitedServer) {
  const init = { method: "POST", body: JSON.stringify({ date: YESTERDAY }), headers: { "content-type": "application/json" } };
  return server.ask("/jobs/daily_metrics/runs?wait=true", init);
}

/** A day's job on a full disk ends with an error that says why, or waits for its next try. Returns whether it was tried. */
async function dayJobMeets(server: LimitedServer): Promise<number> {
  const answer = await runDay(server);
  if (answer.status !== 200) {
    assertStorageFails(answer, FULL);
    return 1;
  }
  assert.ok(["waiting", "succeeded"].includes(answer.body.state), JSON.stringify(answer.body));
  if (answer.body.state === "waiting") assert.match(answer.body.error, FULL);
  return 1;
}

Deno.test("server that starts on a full disk says so, and starts once there is room", async () => {
  const codes: number[] = [];
  for (const room of [0, 8, 64]) {
    await using disk = await smallDisk();
    const data = `${disk.folder}/data`;
    if (disk.way === "tmpfs") await disk.leave(room * KIB, 0);
    const limit = disk.way === "tmpfs" ? "" : `ulimit -S -f ${room * 2};`;
    const server = await start(data, limit);
    if ("url" in server) await server.end();
    else {
      assert.match(server.stderr, /Cannot [^:]+: .*(No space left|disk is full|File too large|disk I\/O error).*; .+/);
      assert.ok([73, 74].includes(server.code), `${server.code}: ${server.stderr}`);
      codes.push(server.code);
    }
    if (disk.way === "tmpfs") await disk.makeRoom(0);
    const again = started(await start(data));
    assert.equal((await post(again, room)).status, 202);
    assert.equal(await again.end(), 0);
    assert.equal((await lakeLines(data, "raw_clicks")).length, EVENTS);
  }
  assert.ok(codes.length > 0, "some of them did not start");
  tell("storage fails: start on a full disk", { refused: codes.length });
});
