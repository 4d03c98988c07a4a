import assert from "node:assert/strict";
import { type Address, Connection, eventsRequest, getRequest, sendAll, sendPaced } from "../../bench/load.ts";

type Handler = (request: Request) => Response | Promise<Response>;

async function withServer(handle: Handler, work: (address: Address) => Promise<void>): Promise<void> {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, handle);
  try {
    await work({ hostname: "127.0.0.1", port: server.addr.port });
  } finally {
    await server.shutdown();
  }
}

Deno.test("a connection reads whole answers when they come in many pieces", async () => {
  const long = "x".repeat(300_000);
  await withServer((request) => new Response(new URL(request.url).pathname === "/long" ? long : "short"), async (address) => {
    const connection = await Connection.open(address);
    for (const [path, body] of [["/long", long], ["/", "short"], ["/long", long]]) {
      assert.deepEqual(await connection.ask(getRequest(path)), { status: 200, body });
    }
    connection.close();
  });
});

Deno.test("requests arrive once each and whole when they are sent over some connections", async () => {
  const taken: string[] = [];
  const lines = Array.from({ length: 50 }, (_, i) => `{"n":${i},"pad":"${"y".repeat(i * 1000)}"}\n`);
  await withServer(async (request) => {
    taken.push(await request.text());
    return new Response("{}", { status: 202 });
  }, async (address) => {
    assert.equal((await sendAll(address, lines.map(eventsRequest), 4)).length, lines.length);
  });
  assert.deepEqual(taken.toSorted(), lines.toSorted());
});

Deno.test("paced requests count from when they were due when the server holds up those before", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  let asked = 0;
  await withServer(async () => {
    if (++asked === 1) await promise;
    return new Response("{}", { status: 202 });
  }, async (address) => {
    // All were due a minute ago, over one connection.
    const startMs = performance.now() - 60_000, requests = Array.from({ length: 3 }, () => eventsRequest("{}"));
    const sending = sendPaced(address, { requests, startMs, everyMs: 1, connections: 1 });
    resolve();
    const { took, late } = await sending;
    assert.equal(took.length, 3);
    assert.ok(took.every((ms) => ms >= 59_000), String(took));
    assert.deepEqual(late, []);
  });
});

Deno.test("sending fails when an answer is not that events were taken", async () => {
  await withServer(() => new Response("no", { status: 503 }), async (address) => {
    await assert.rejects(sendAll(address, [eventsRequest("{}")], 1), /no/);
  });
});
