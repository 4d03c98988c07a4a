// A real server against clients that hold its connections: 2,000 slow ones of many kinds, floods, thousands of requests at a time, and bombs.
// What holds: a well-behaved client is answered all the while, the slow ones are cut by the server's own limits, memory stays bounded, and
// file handles come back. Time limits are lowered to seconds, but where GUARDIAN_TEST_SOCKET_LIMITS=own keeps the product's own.
// GUARDIAN_TEST_SOCKETS: slow connections (2,000 in CI); GUARDIAN_TEST_PARALLEL: requests at one time; GUARDIAN_TEST_BOMBS.

import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { limits } from "../../src/limits.ts";
import { tell } from "../support/proof.ts";
import { connectionsPossible, type GuardedServer, guardedServer, type RawConnection, untilConnections } from "./guarded_server.ts";

const dose = (name: string, everyday: number) => Number(Deno.env.get(`GUARDIAN_TEST_${name}`) ?? everyday);
const isLinux = Deno.build.os === "linux";
const quick = { requestHeadMs: 2_000, connectionIdleMs: 2_000, answerStallMs: 2_000, bodyStallMs: 1_500, bodyReadMs: 2_000 };
const inForce = Deno.env.get("GUARDIAN_TEST_SOCKET_LIMITS") === "own" ? {} : quick;
const HOST = "Host: 127.0.0.1\r\n";
const DRIP_MS = 500;
/** Memory that a server may have taken beyond what it had, MiB: bodies in flight may have 256, and as much twice over may wait to be collected. */
const GROWTH_MIB_MAX = 768;

/** What slow clients do: what they send first, and what drips in afterwards. reads: whether they read what comes. */
const kinds: readonly { name: string; first: string; drip: string; reads: boolean }[] = [
  { name: "silent", first: "", drip: "", reads: true },
  { name: "headers", first: `GET /health/live HTTP/1.1\r\n${HOST}X-Slow: `, drip: "a", reads: true },
  { name: "many headers", first: `GET /health/live HTTP/1.1\r\n${HOST}`, drip: "X-Slow: a\r\n", reads: true },
  { name: "second request", first: `GET /health/live HTTP/1.1\r\n${HOST}\r\nGET /he`, drip: "a", reads: true },
  { name: "idle", first: `GET /health/live HTTP/1.1\r\n${HOST}\r\n`, drip: "", reads: true },
  { name: "idle HTTP/2", first: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", drip: "", reads: true },
  { name: "body", first: `POST /events HTTP/1.1\r\n${HOST}Content-Length: 100000\r\n\r\n`, drip: "a", reads: true },
  { name: "chunks", first: `POST /events HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n`, drip: "1\r\na\r\n", reads: true },
  { name: "body for nobody", first: `POST /nothing HTTP/1.1\r\n${HOST}Content-Length: 100000\r\n\r\n`, drip: "a", reads: true },
  { name: "body of a get", first: `GET /health/live HTTP/1.1\r\n${HOST}Content-Length: 100000\r\n\r\n`, drip: "a", reads: true },
  { name: "answer", first: `GET /openapi.json HTTP/1.1\r\n${HOST}\r\n`, drip: "", reads: false },
  { name: "answers", first: `GET /openapi.json HTTP/1.1\r\n${HOST}\r\n`.repeat(20), drip: "", reads: false },
];

/** A client that behaves, on a connection of its own for each request: asks and sends events until it is told to stop. */
async function served(server: GuardedServer, until: Promise<unknown>): Promise<{ answered: number; told_to_wait: number; failed: number }> {
  const counts = { answered: 0, told_to_wait: 0, failed: 0 };
  let isOver = false;
  const over = until.finally(() => isOver = true);
  using client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  while (!isOver) {
    const post = { method: "POST", body: JSON.stringify({ session_id: 1, timestamp: Date.now(), item_id: counts.answered }) };
    for (const [path, init, status] of [["/health/live", {}, 200], ["/events", post, 202]] as const) {
      const response = await fetch(server.url + path, { client, ...init, signal: AbortSignal.timeout(30_000) }).catch(() => null);
      await response?.text();
      if (response?.status === status) counts.answered++;
      else if (response?.status === 429 && response.headers.has("retry-after")) counts.told_to_wait++;
      else counts.failed++;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await over;
  return counts;
}

function assertBounded(beforeMib: number, mib: number): void {
  assert.ok(mib <= beforeMib + GROWTH_MIB_MAX, `memory: ${beforeMib} MiB, then ${mib}`);
}

/** Opens connections one by one; fewer than asked for where this process may not have so many. */
async function open(server: GuardedServer, count: number, textOf: (index: number) => string): Promise<RawConnection[]> {
  const most = Math.min(count, connectionsPossible());
  if (most < count) console.error(`${most} connections instead of ${count}: this process may not open more files`);
  const connections: RawConnection[] = [];
  while (connections.length < most) connections.push(await server.connect(textOf(connections.length)));
  return connections;
}

/** Sends a little on each connection from time to time, until told to stop. */
function dripping(connections: readonly RawConnection[]): Disposable {
  const timer = setInterval(() => {
    connections.forEach((connection, i) => {
      const { drip } = kinds[i % kinds.length];
      if (drip !== "" && connection.isOpen) void connection.write(drip);
    });
  }, DRIP_MS);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

Deno.test({
  name: "server cuts slow clients of every kind, serves others all the while, and has its handles and memory back",
  ignore: !isLinux,
  fn: async () => {
    await using server = await guardedServer(inForce);
    await server.connections();
    const before = await server.holds(),
      feed = await server.connect(`GET /live?channels=run HTTP/1.1\r\n${HOST}\r\n`),
      told = feed.readAll();
    const slow = await open(server, dose("SOCKETS", 240), (i) => kinds[i % kinds.length].first);
    const count = slow.length, unread = slow.filter((_, i) => !kinds[i % kinds.length].reads);
    using _drips = dripping(slow);
    const answers = slow.map((one, i) => kinds[i % kinds.length].reads ? one.readAll() : Promise.resolve(""));
    // Whoever reads sees the end of its connection; those that do not are counted by the server.
    const all = Promise.all(answers).then(() =>
      untilConnections(server, "cut", (now) => now.connections_cut.unread_answer >= unread.length)
    );
    const { answered, failed } = await served(server, all);
    const { connections_cut: cut } = await untilConnections(server, "rest", ({ open, requests }) => open <= 2 && requests <= 2);
    assert.deepEqual([failed, cut.too_many, cut.unread_answer], [0, 0, unread.length]);
    const statuses = Map.groupBy((await Promise.all(answers)).entries(), ([i]) => kinds[i % kinds.length].name);
    for (const [name, status] of [["silent", ""], ["headers", ""], ["idle", "200"], ["body", "408"], ["chunks", "408"]]) {
      for (const [, text] of statuses.get(name)!) assert.equal(text.slice(9, 12), status, `${name}: ${text}`);
    }
    assert.ok(feed.isOpen, "whoever follows the feed is left alone, although there is nothing to tell");
    const after = await server.holds();
    for (const one of [...slow, feed]) one.close();
    assert.match(await told, /^HTTP\/1.1 200 .*event: hello/s);
    assert.ok(after.handles <= before.handles + 8, `handles: ${before.handles}, then ${after.handles}`);
    assertBounded(before.mib, after.mib);
    const memory = { memory_mib: after.mib, memory_before_mib: before.mib }, handles = { handles_left: after.handles - before.handles };
    tell("slow clients are cut", { slow: count, kinds: kinds.length, ...cut, answered_beside: answered, failed, ...handles, ...memory });
  },
});

Deno.test({
  name: "server answers all of very many requests at a time, and bombs in number with 413, in bounded memory",
  ignore: !isLinux,
  fn: async () => {
    // Not the limits of bodies, as bombs take their time to unpack.
    await using server = await guardedServer({ connectionIdleMs: quick.connectionIdleMs });
    await server.connections();
    const before = await server.holds();
    const clients = await open(server, dose("PARALLEL", 500), () => "");
    const body = JSON.stringify({ session_id: 7, timestamp: Date.now(), item_id: 7 });
    const request = `POST /events HTTP/1.1\r\n${HOST}Connection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    let over = Promise.all(clients.map(async (client) => {
      await client.write(request);
      const status = (await client.readAll()).slice(9, 12);
      client.close();
      return status;
    }));
    const beside = await served(server, over);
    const statuses = await over, taken = statuses.filter((status) => status === "202").length;
    const turnedAway = statuses.filter((status) => status === "429").length;
    assert.deepEqual([taken + turnedAway, beside.failed], [clients.length, 0], [...new Set(statuses)].join());
    const bomb = new Uint8Array(gzipSync(new Uint8Array(limits.bodyDecodedBytesMax + 1))), bombs = dose("BOMBS", 8);
    const init = { method: "POST", body: bomb, headers: { "content-encoding": "gzip" } };
    over = Promise.all(Array.from({ length: bombs }, async () => {
      const response = await fetch(`${server.url}/events`, init);
      await response.body?.cancel();
      return String(response.status);
    }));
    const besideBombs = await served(server, over), refused = await over;
    assert.deepEqual([refused.filter((status) => status !== "413" && status !== "429"), besideBombs.failed], [[], 0]);
    const { mib } = await server.holds();
    assertBounded(before.mib, mib);
    await untilConnections(server, "an end of all", ({ open, requests }) => open <= 2 && requests === 1);
    const counts = {
      requests: clients.length,
      taken,
      turned_away: turnedAway,
      bombs,
      answered_beside: beside.answered + besideBombs.answered,
    };
    tell("very many requests and bombs at a time", { ...counts, memory_mib: mib, memory_before_mib: before.mib });
  },
});

Deno.test({
  name: "server keeps connectionsMax of a flood, and serves others",
  ignore: !isLinux,
  fn: async () => {
    const connectionsMax = 150;
    await using server = await guardedServer({ connectionsMax });
    const flood = open(server, Math.max(400, dose("SOCKETS", 0)), () => "");
    const settled = flood.then(({ length }) =>
      untilConnections(
        server,
        "room",
        ({ open, connections_cut }) => open <= connectionsMax && connections_cut.too_many >= length - connectionsMax,
      )
    );
    const { answered, failed } = await served(server, settled);
    const { connections_cut: cut } = await settled, connections = await flood;
    connections.forEach((one) => one.close());
    assert.equal(failed, 0);
    tell("a flood of connections", {
      flood: connections.length,
      kept_at_most: connectionsMax,
      cut: cut.too_many,
      answered_beside: answered,
      failed,
    });
  },
});

Deno.test({
  name: "server that needs a token keeps connectionsPerAddressMax of one address, and stops in good order while some are slow",
  ignore: !isLinux,
  fn: async () => {
    const connectionsPerAddressMax = 20;
    let connections: RawConnection[] = [];
    {
      await using server = await guardedServer({ connectionsPerAddressMax }, { GUARDIAN_TOKEN: "t".repeat(32) });
      connections = await open(server, 60, () => "");
      const { open: left } = await untilConnections(server, "room", ({ connections_cut }) => connections_cut.too_many > 0);
      assert.ok(left <= connectionsPerAddressMax, `${left} are left`);
      connections.push(await server.connect(`GET / HTTP/1.1\r\n${HOST}X-Slow: `));
    }
    connections.forEach((one) => one.close());
  },
});
