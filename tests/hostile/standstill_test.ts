// A real server whose process stands still, as on a machine that sleeps: no client is cut for a time in which nobody could be served.
// GUARDIAN_TEST_STANDSTILL_MS: for how long; more than six seconds, and an hour is as good as ten seconds.

import assert from "node:assert/strict";
import { tell } from "../support/proof.ts";
import { guardedServer } from "./guarded_server.ts";

const LIMIT_MS = 6_000, SEEN_MS = 1_500, LATER_MS = 400;
/** Everyday the guard's own test holds this, with a clock that is set by hand. */
const STANDSTILL_MS = Number(Deno.env.get("GUARDIAN_TEST_STANDSTILL_MS") ?? 0);
const HOST = "Host: 127.0.0.1\r\n";

Deno.test({
  name: "server answers clients that were in the middle of a request when its process stood still for longer than they may take",
  ignore: Deno.build.os !== "linux" || STANDSTILL_MS <= LIMIT_MS,
  fn: async () => {
    const lower = { requestHeadMs: LIMIT_MS, connectionIdleMs: LIMIT_MS, bodyStallMs: LIMIT_MS, bodyReadMs: LIMIT_MS };
    await using server = await guardedServer(lower);
    const event = JSON.stringify({ session_id: 1, timestamp: Date.now(), item_id: 1 }), half = event.length >> 1;
    const post = `POST /events HTTP/1.1\r\n${HOST}Connection: close\r\nContent-Length: ${event.length}\r\n\r\n`;
    const get = `GET /health/live HTTP/1.1\r\n${HOST}`, end = "Connection: close\r\n\r\n";
    /** What clients have sent before it, and send after it. */
    const clients: Record<string, readonly [before: string, after: string, status: string]> = {
      "nothing yet": ["", get + end, "200"],
      "half a head": [get, end, "200"],
      "half a body": [post + event.slice(0, half), event.slice(half), "202"],
      "a request before": [`${get}\r\n`, get + end, "200"],
    };
    const open = await Promise.all(
      Object.entries(clients).map(async ([name, [before, ...rest]]) => {
        return { name, connection: await server.connect(before), rest };
      }),
    );
    // It has read what was sent, and looked at each connection, which it does every second.
    await new Promise((resolve) => setTimeout(resolve, SEEN_MS));
    await server.connections();
    Deno.kill(server.pid, "SIGSTOP");
    await new Promise((resolve) => setTimeout(resolve, STANDSTILL_MS));
    Deno.kill(server.pid, "SIGCONT");
    // Time for it to look at connections and bodies.
    await new Promise((resolve) => setTimeout(resolve, LATER_MS));
    for (const { name, connection, rest: [after, status] } of open) {
      await connection.write(after);
      assert.equal((await connection.readAll()).split("HTTP/1.1 ").at(-1)!.slice(0, 3), status, name);
      connection.close();
    }
    const { connections_cut: cut } = await server.connections();
    assert.deepEqual(cut, { slow_request: 0, idle: 0, unread_answer: 0, too_many: 0 });
    tell("a standstill of the process", { clients: open.length, limit_ms: LIMIT_MS, standstill_ms: STANDSTILL_MS, cut: 0 });
  },
});
