// How long a server takes from its start until it is ready, after it was killed with 100,000 sessions in its open windows.
// GUARDIAN_TEST_READY_KILLS: how many kills; where it is given, the 99th percentile has to be within the bar. GUARDIAN_TEST_READY_SESSIONS.

import assert from "node:assert/strict";
import { random } from "../engine/oracle.ts";
import { tell } from "../support/proof.ts";
import { serve, type Server } from "../support/process.ts";

const GIVEN = Deno.env.get("GUARDIAN_TEST_READY_KILLS");
const KILLS = Number(GIVEN ?? 2);
const SESSIONS = Number(Deno.env.get("GUARDIAN_TEST_READY_SESSIONS") ?? 100_000);
const READY_P99_MS = 2_000;
const LINES = 5_000, AT_ONCE = 4;

Deno.test(`server is ready again when it was killed ${KILLS} times with ${SESSIONS} live sessions`, async () => {
  const seed = crypto.getRandomValues(new Uint32Array(1))[0];
  const next = random(seed), told = `seed ${seed}`;
  const data = await Deno.makeTempDir({ prefix: "guardian-ready-" });
  let server: Server | null = null;
  const took: number[] = [], steps: number[] = [];
  let sent = 0, readAgain = 0;
  try {
    server = await serve(data);
    for (let kill = 0; kill < KILLS; kill++) {
      sent += await click(server, sent);
      // Up to two checkpoints later: some of what was sent lies before the engine's bookmark, some behind it.
      await new Promise((resolve) => setTimeout(resolve, next() * 2_000));
      await server.end("SIGKILL");
      const began = performance.now();
      server = await serve(data);
      const ready = await fetch(`${server.url}/health/ready`);
      took.push(performance.now() - began);
      assert.equal(ready.status, 200, told);
      await ready.body?.cancel();
      const { recovery } = await (await fetch(`${server.url}/health`)).json();
      assert.equal(recovery.last_end, "crashed", told);
      const again = recovery.events_read_again + recovery.catch_up.events;
      assert.ok(again >= SESSIONS, `${told}: ${again} events read again, one of each session that was live at least`);
      readAgain += again;
      steps.push(recovery.seconds);
    }
    const { total_events } = await (await fetch(`${server.url}/stats`)).json();
    assert.ok(total_events <= sent, told);
  } finally {
    await server?.end("SIGKILL");
    await Deno.remove(data, { recursive: true });
  }
  const figures = {
    kills: KILLS,
    live_sessions: SESSIONS,
    ready_p50_ms: percentile(took, 50),
    ready_p99_ms: percentile(took, 99),
    ready_max_ms: Math.round(Math.max(...took)),
    of_it_opening_p50_ms: percentile(steps.map((seconds) => 1000 * seconds), 50),
    events_read_again_per_start: Math.round(readAgain / KILLS),
  };
  if (GIVEN !== undefined) assert.ok(figures.ready_p99_ms < READY_P99_MS, JSON.stringify(figures));
  tell("killed: back to ready", figures);
});

/** One click of each session, now. Returns how many that were. */
async function click({ url }: Server, before: number): Promise<number> {
  const bodies = Array.from({ length: Math.ceil(SESSIONS / LINES) }, (_, i) => i * LINES).entries();
  const send = async () => {
    for (const [, from] of bodies) {
      const now = Date.now(), lines = Math.min(LINES, SESSIONS - from);
      const body = Array.from({ length: lines }, (_, i) => {
        const session = from + i;
        return `{"session_id":${session},"timestamp":${now},"item_id":${session % 997},"event_id":"${before + session}"}`;
      }).join("\n");
      const response = await fetch(`${url}/events`, { method: "POST", body, headers: { "content-type": "application/x-ndjson" } });
      const { accepted } = await response.json();
      assert.equal(accepted, lines);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, send));
  return SESSIONS;
}

/** By the nearest rank. */
function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return Math.round(sorted[Math.ceil((percent / 100) * sorted.length) - 1]);
}
