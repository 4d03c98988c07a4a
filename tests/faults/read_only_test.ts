// A real server whose folder may not be written: it does not start on one, and says why; where the lake's folder becomes so while it runs,
// events are taken on, the archiver says what is wrong, and catches up by itself once it may write again.

import assert from "node:assert/strict";
import { lakeLines } from "../support/lake.ts";
import { tell } from "../support/proof.ts";
import { type LimitedServer, type NoStart, start, started, until } from "./limited_server.ts";
import { succeeds } from "./small_disk.ts";

const EVENTS = 20;
const TIME = Date.now();
/** Root may write everywhere, unless it gives that up. */
const WITHOUT = "-dac_override,-dac_read_search";
const canBeBound = Deno.uid() !== 0 || await succeeds("setpriv", "--bounding-set", WITHOUT, "true");
if (!canBeBound) console.error("Read-only folder: left out, as root cannot give up its rights here");
const before = Deno.uid() === 0 ? `exec setpriv --bounding-set ${WITHOUT}` : "";

const post = (server: LimitedServer, number: number) =>
  server.ask("/events", {
    method: "POST",
    headers: { "idempotency-key": `body-${number}` },
    body: Array.from({ length: EVENTS }, (_, i) => JSON.stringify({ session_id: number, timestamp: TIME, item_id: `${number}/${i}` }))
      .join("\n"),
  });

function assertSaysWhy(server: LimitedServer | NoStart): void {
  assert.ok(!("url" in server), "it does not start");
  assert.match(server.stderr, /Cannot [^:]+: .*([Pp]ermission denied|[Rr]ead-?only|unable to open database).*; .+/);
  assert.ok([73, 74].includes(server.code), `${server.code}: ${server.stderr}`);
}

async function chmodAll(folder: string, files: number, folders: number): Promise<void> {
  await Deno.chmod(folder, 0o755);
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) await chmodAll(`${folder}/${name}`, files, folders);
    else await Deno.chmod(`${folder}/${name}`, files);
  }
  await Deno.chmod(folder, folders);
}

Deno.test({
  name: "server on a folder that becomes read-only says so, loses nothing, and goes on when it may write again",
  ignore: !canBeBound,
  fn: async () => {
    const data = await Deno.makeTempDir({ prefix: "guardian-read-only-" });
    try {
      const server = started(await start(data, before));
      try {
        assert.equal((await post(server, 0)).status, 202);
        await until("the lake", () => server.ask("/health"), ({ body }) => body.lag_events.archiver === 0);
        await chmodAll(`${data}/lake`, 0o444, 0o555);
        assert.equal((await post(server, 1)).status, 202, "the log is open for writing");
        const { body } = await until("the archiver's word", () => server.ask("/health"), ({ status }) => status === 503);
        assert.match(body.parts.archiver.reason, /[Pp]ermission denied/);
        await chmodAll(`${data}/lake`, 0o644, 0o755);
        await until("health", () => server.ask("/health"), ({ status, body }) => status === 200 && body.lag_events.archiver === 0);
      } finally {
        assert.equal(await server.end(), 0);
      }
      await chmodAll(data, 0o444, 0o555);
      assertSaysWhy(await start(data, before));
      assertSaysWhy(await start(`${data}/new`, before));
      await chmodAll(data, 0o644, 0o755);
      const again = started(await start(data, before));
      assert.equal((await post(again, 1)).body.duplicates, EVENTS);
      assert.equal(await again.end(), 0);
      const items = (await lakeLines(data, "raw_clicks")).map((line) => /item_id=(\S+)/.exec(line)![1]);
      const lost = 2 * EVENTS - new Set(items).size, doubled = items.length - new Set(items).size;
      assert.deepEqual({ lost, doubled }, { lost: 0, doubled: 0 });
      tell("storage fails: read-only folder", { events: items.length, lost, doubled, starts_refused: 2 });
    } finally {
      await chmodAll(data, 0o644, 0o755);
      await Deno.remove(data, { recursive: true });
    }
  },
});
