// A reader of the log that is stuck for a time, while clients go on: they are told to come again later once it is too far behind, all else is
// still answered, and once it goes on everything catches up. GUARDIAN_TEST_SLOW from 10 on: the engine with the product's own limit.

import assert from "node:assert/strict";
import { limits } from "../../src/limits.ts";
import { tell } from "../support/proof.ts";
import { assertExact } from "./exact.ts";
import { assertWithinLimits, sendUntilTaken, watched } from "./load.ts";
import { ServerProcess } from "./server_process.ts";

const IS_LONG = Number(Deno.env.get("GUARDIAN_TEST_SLOW") ?? 1) >= 10;
const LAG_MAX: Record<string, number> = { engine: IS_LONG ? limits.readerLagEventsMax : 60_000, archiver: 60_000 };
/** Requests that are enough to be too far behind. */
const REQUESTS = 120;
const PARTITIONS = 1, RSS_MAX = 900;
const READS = ["/stats", "/health/live", "/anomalies?limit=10", "/live/figures", "/jobs/runs"];

for (const [reader, lagMax] of Object.entries(LAG_MAX)) {
  const given = { readerLagEventsMax: lagMax };
  Deno.test(`server whose ${reader} is stuck turns events away once it is too far behind, and loses none`, async () => {
    await ServerProcess.with({ partitions: PARTITIONS, archiveIntervalMs: 500, limits: given }, async (server) => {
      await server.ask("hold", reader);
      const load = { requests: 1.3 * REQUESTS, events: Math.ceil(lagMax / REQUESTS), clients: 16 };
      const work = async () => {
        const sending = sendUntilTaken(server, load);
        let hasEnded = false;
        sending.catch(() => {}).finally(() => hasEnded = true);
        for (let lag = 0; lag <= lagMax && !hasEnded;) ({ lagEvents: lag } = await server.ask("figures"));
        assert.ok(!hasEnded, "some of it has to wait");
        for (const path of READS) {
          const response = await fetch(server.url + path);
          assert.equal(response.status, 200, await response.text());
        }
        let tries = 0;
        while (!(await isTurnedAway(server.url))) assert.ok(++tries < 1_000, "whoever sends now is told to come again later");
        await server.ask("free", reader);
        return await sending;
      };
      const seen = await watched(server, work()), { most, result: met } = seen;
      assertWithinLimits(seen, given);
      assert.ok(most.rssMib <= RSS_MAX, `the process took ${most.rssMib} MiB`);
      await server.ask("finish");
      await server.end();
      const anomalies = await assertExact(server.data, met.events, PARTITIONS);
      tell("slow: readers of the log", {
        reader,
        events: met.events,
        turned_away: met.told429,
        lag_events_most: most.lagEvents,
        lag_events_limit: lagMax,
        rss_mib_most: Math.round(most.rssMib),
        anomalies,
        lost: 0,
        doubled: 0,
      });
    });
  });
}

/** Whether a request is turned away, with a time to come again. It holds no event that would be taken. */
async function isTurnedAway(url: string): Promise<boolean> {
  const response = await fetch(`${url}/events`, { method: "POST", body: "", headers: { "content-type": "application/x-ndjson" } });
  await response.body?.cancel();
  return response.status === 429 && Number(response.headers.get("retry-after")) > 0;
}
