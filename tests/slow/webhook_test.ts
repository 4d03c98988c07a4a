// A receiver of webhooks that takes its time: what waits for it stays within its limit, the oldest making room, and nobody else waits for it.

import assert from "node:assert/strict";
import { tell } from "../support/proof.ts";
import { assertWithinLimits, sendUntilTaken, watched } from "./load.ts";
import { ServerProcess } from "./server_process.ts";

const LIMITS = { webhookOutboxMax: 40 };
const LOAD = { requests: 400, events: 60, clients: 8, botEvery: 2 };

Deno.test("server whose webhook's receiver is slow keeps the newest messages, serves others, and sends the rest once it is quick", async () => {
  const got: string[] = [];
  let release = () => {};
  const slow = new Promise<void>((resolve) => release = resolve);
  const receiver = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    await request.body?.cancel();
    got.push(request.headers.get("webhook-id")!);
    await slow;
    return new Response(null, { status: 204 });
  });
  try {
    await ServerProcess.with({ partitions: 2, webhookUrl: `http://127.0.0.1:${receiver.addr.port}/`, limits: LIMITS }, async (server) => {
      const healthOf = async () => (await (await fetch(`${server.url}/health`)).json()).webhook as Record<string, number>;
      // Of twenty minutes ago, so that what comes now closes all windows.
      const work = async () => {
        const met = await sendUntilTaken(server, LOAD, { time: Date.now() - 1_200_000 });
        await sendUntilTaken(server, { ...LOAD, requests: 40, botEvery: 1000 }, { from: LOAD.requests + 1 });
        await server.ask("finish");
        return met;
      };
      const seen = await watched(server, work());
      const types = await (await fetch(`${server.url}/anomalies/types`)).json() as { count: number }[];
      const confirmed = types.reduce((sum, { count }) => sum + count, 0);
      assertWithinLimits(seen, LIMITS);
      assert.equal(got.length, 1, "one message is under way at a time");
      const { waiting, dropped } = await healthOf();
      assert.ok(
        waiting <= LIMITS.webhookOutboxMax && waiting + dropped === confirmed && dropped > 0,
        `${waiting} wait and ${dropped} were dropped`,
      );
      release();
      let health = await healthOf();
      while (health.waiting > 0) health = await healthOf();
      assert.deepEqual([health.delivered, health.dropped], [waiting, dropped]);
      assert.equal(new Set(got).size, got.length, "each message is sent once");
      assert.equal(got.length, waiting);
      tell("slow: webhook receiver", { confirmed, waiting_most: seen.most.outbox, dropped, delivered: health.delivered, doubled: 0 });
    });
  } finally {
    release();
    await receiver.shutdown();
  }
});
