// Storage that is slow, each part of it alone: clients wait or are told to come again later, what waits in the server stays within its
// limits, and once storage is quick again each acknowledged event is there once. GUARDIAN_TEST_SLOW gives times the load.

import assert from "node:assert/strict";
import { tell } from "../support/proof.ts";
import { goesUp, lineThrough } from "../soak/slope.ts";
import { assertExact } from "./exact.ts";
import { assertWithinLimits, type Load, sendUntilTaken, watched } from "./load.ts";
import type { SlowStorage } from "./server.ts";
import { ServerProcess } from "./server_process.ts";

const TIMES = Number(Deno.env.get("GUARDIAN_TEST_SLOW") ?? 1);
const PARTITIONS = 4;
/** Less than in the product, so that a small load is enough to reach it. */
const LIMITS = { requestsInFlightMax: 48, effectsWaitingMax: 30, partRowsMax: 20_000 };
const FEW_EFFECTS = 200;
/** Memory that the whole process may take, MiB. */
const RSS_MAX = 900;
/** By how much the collected heap may rise over the second half of a slow time, MiB. */
const HEAP_RISE_MAX = 16;

const slownesses: Record<string, { slow: SlowStorage; load: Load; turnsAway: boolean }> = {
  "commits of the log": {
    slow: { log: [50, 500] },
    load: { requests: 200 * TIMES, events: 200, clients: 64 },
    turnsAway: true,
  },
  "commits of the state": {
    slow: { state: [50, 500] },
    load: { requests: 200 * TIMES, events: 600, clients: 32, botEvery: 1, bots: 10 },
    turnsAway: false,
  },
  "syncs of files": {
    slow: { files: [1000, 1000] },
    load: { requests: 400 * TIMES, events: 200, clients: 32 },
    turnsAway: false,
  },
};

for (const [name, { slow, load, turnsAway }] of Object.entries(slownesses)) {
  Deno.test(`server whose ${name} are slow keeps within its limits, and has each acknowledged event once afterwards`, async () => {
    await ServerProcess.with({ partitions: PARTITIONS, limits: LIMITS, archiveIntervalMs: 500 }, async (server) => {
      await server.slow(slow);
      const seen = await watched(server, sendUntilTaken(server, load)), { most, heap, result: met } = seen;
      assertWithinLimits(seen, LIMITS);
      // No event is late here, so that a batch causes few.
      assert.ok(most.effects <= LIMITS.effectsWaitingMax + FEW_EFFECTS, `${most.effects} effects waited`);
      assert.equal(met.told429 > 0, turnsAway, `${met.told429} requests were turned away`);
      assert.ok(most.rssMib <= RSS_MAX, `the process took ${most.rssMib} MiB`);
      const late = heap.slice(heap.length >> 1);
      if (late.length >= 3) assert.ok(!goesUp(lineThrough(late), HEAP_RISE_MAX), JSON.stringify(late));
      await server.slow({});
      await server.ask("finish");
      await server.end();
      const anomalies = await assertExact(server.data, met.events, PARTITIONS);
      assert.ok(anomalies > 0, "some anomalies are found");
      tell("slow: storage", {
        slow: name,
        events: met.events,
        turned_away: met.told429,
        requests_most: most.requests,
        lag_events_most: most.lagEvents,
        effects_waiting_most: most.effects,
        rss_mib_most: Math.round(most.rssMib),
        anomalies,
        lost: 0,
        doubled: 0,
      });
    });
  });
}
