// A server that is killed under load loses nothing that it acknowledged, and counts nothing twice when clients try again.

import assert from "node:assert/strict";
import { serve } from "../support/process.ts";
import { lakeLines } from "../support/lake.ts";
import { random } from "../engine/oracle.ts";

const KILLS = Number(Deno.env.get("GUARDIAN_TEST_KILLS") ?? 6);
const CLIENTS = 4;
const REQUESTS = 40;
const EVENTS = 50;

Deno.test(`server that is killed ${KILLS} times under load has every acknowledged event once`, async () => {
  const seed = crypto.getRandomValues(new Uint32Array(1))[0];
  const next = random(seed);
  const data = await Deno.makeTempDir();
  try {
    let server = await serve(data);
    let done = 0;
    const clients = Array.from({ length: CLIENTS }, async (_, client) => {
      for (let request = 0; request < REQUESTS; request++) {
        const from = Date.UTC(2026, 0, 1) + (client * REQUESTS + request) * 1_000;
        // Half of the requests lean on their key, half on event ids.
        const keyed = request % 2 === 0;
        const lines = Array.from({ length: EVENTS }, (_, i) =>
          JSON.stringify({
            session_id: `s${client}-${i % 7}`,
            timestamp: from + i,
            item_id: `${client}/${request}/${i}`,
            ...(keyed ? {} : { event_id: `${client}/${request}/${i}` }),
          })).join("\n");
        while (true) {
          try {
            const response = await fetch(`${server.url}/events`, {
              method: "POST",
              body: lines,
              headers: { "content-type": "application/x-ndjson", ...(keyed ? { "idempotency-key": `${client}/${request}` } : {}) },
            });
            const answer = await response.json();
            if (response.status === 202) {
              assert.equal(answer.accepted + answer.duplicates, EVENTS, JSON.stringify(answer));
              break;
            }
          } catch {
            // killed meanwhile: try again where it is now
          }
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        done++;
      }
    });
    for (let i = 0; i < KILLS; i++) {
      await new Promise((resolve) => setTimeout(resolve, 50 + next() * 500));
      await server.end("SIGKILL");
      server = await serve(data);
    }
    await Promise.all(clients);
    assert.equal(done, CLIENTS * REQUESTS);
    assert.equal(await server.end("SIGTERM"), 0, "SIGTERM ends it in good order");
    const items = (await lakeLines(data, "raw_clicks")).map((line) => /item_id=(\S+)/.exec(line)![1]).sort();
    const want = Array.from(
      { length: CLIENTS * REQUESTS * EVENTS },
      (_, n) => `${Math.floor(n / (REQUESTS * EVENTS))}/${Math.floor(n / EVENTS) % REQUESTS}/${n % EVENTS}`,
    ).sort();
    assert.equal(items.length, want.length, `seed ${seed}`);
    assert.deepEqual(items, want, `seed ${seed}`);
  } finally {
    await Deno.remove(data, { recursive: true });
  }
});
