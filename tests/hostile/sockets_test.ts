// A real server against clients that hold its connections: 2,000 slow ones of many kinds, floods, 10,000 requests at a time, and 100 bombs.
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
/** The most memory that a server may take at any moment, MiB: bodies in flight may have half of it; thousands of answers that wait take more. */
const MIB_MAX = 512, WAITING_ANSWERS_MIB_MAX = 640;

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

/** What came of the requests of a client that behaves, and how long they took, ms. */
interface Beside {
  readonly answered: number;
  readonly told_to_wait: number;
  readonly failed: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly longest_ms: number;
}

/** A client that behaves, on a connection of its own for each request: asks and sends events until it is told to stop. */
async function served(server: GuardedServer, until: Promise<unknown>): Promise<Beside> {
  const counts = { answered: 0, told_to_wait: 0, failed: 0 }, took: number[] = [];
  let isOver = false;
  const over = until.finally(() => isOver = true);
  using client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  while (!isOver) {
    const post = { method: "POST", body: JSON.stringify({ session_id: 1, timestamp: Date.now(), item_id: counts.answered }) };
    for (const [path, init, status] of [["/health/live", {}, 200], ["/events", post, 202]] as const) {
      const began = performance.now();
      const response = await fetch(server.url + path, { client, ...init, signal: AbortSignal.timeout(30_000) }).catch(() => null);
      await response?.text();
      took.push(performance.now() - began);
      if (response?.status === status) counts.answered++;
      else if (response?.status === 429 && response.headers.has("retry-after")) counts.told_to_wait++;
      else counts.failed++;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await over;
  took.sort((a, b) => a - b);
  const at = (share: number) => Math.round(took[Math.min(took.length - 1, Math.floor(took.length * share))] ?? 0);
  return { ...counts, p50_ms: at(0.5), p99_ms: at(0.99), longest_ms: at(1) };
}

/** As a row of the proof tells it. */
function besideOf({ answered, ...rest }: Beside): Record<string, number> {
  return { answered_beside: answered, ...rest };
}

function assertBounded(mib: number, most = MIB_MAX): void {
  assert.ok(mib < most, `memory: ${mib} MiB`);
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
    const beside = await served(server, all);
    const { connections_cut: cut } = await untilConnections(server, "rest", ({ open, requests }) => open <= 2 && requests <= 2);
    assert.deepEqual([beside.failed, cut.too_many, cut.unread_answer], [0, 0, unread.length]);
    const statuses = Map.groupBy((await Promise.all(answers)).entries(), ([i]) => kinds[i % kinds.length].name);
    for (const [name, status] of [["silent", ""], ["headers", ""], ["idle", "200"], ["body", "408"], ["chunks", "408"]]) {
      for (const [, text] of statuses.get(name)!) assert.equal(text.slice(9, 12), status, `${name}: ${text}`);
    }
    assert.ok(feed.isOpen, "whoever follows the feed is left alone, although there is nothing to tell");
    const after = await server.holds();
    for (const one of [...slow, feed]) one.close();
    assert.match(await told, /^HTTP\/1.1 200 .*event: hello/s);
    assert.ok(after.handles <= before.handles + 8, `handles: ${before.handles}, then ${after.handles}`);
    assertBounded(after.mib, WAITING_ANSWERS_MIB_MAX);
    const memory = { memory_mib: after.mib, memory_before_mib: before.mib }, handles = { handles_left: after.handles - before.handles };
    tell("slow clients are cut", { slow: count, kinds: kinds.length, ...cut, ...besideOf(beside), ...handles, ...memory });
  },
});

Deno.test({
  name: "server answers all of very many requests at a time, in bounded memory",
  ignore: !isLinux,
  fn: async () => {
    // All connections are there before the first request: on a slow machine that takes longer than a request may take to come.
    await using server = await guardedServer({ requestHeadMs: 300_000 });
    const clients = await open(server, dose("PARALLEL", 500), () => "");
    const body = JSON.stringify({ session_id: 7, timestamp: Date.now(), item_id: 7 });
    const request = `POST /events HTTP/1.1\r\n${HOST}Connection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const over = Promise.all(clients.map(async (client) => {
      await client.write(request);
      const status = (await client.readAll()).slice(9, 12);
      client.close();
      return status;
    }));
    const beside = await served(server, over), statuses = await over;
    const taken = statuses.filter((status) => status === "202").length, turnedAway = statuses.filter((status) => status === "429").length;
    assert.deepEqual([taken + turnedAway, beside.failed], [clients.length, 0], [...new Set(statuses)].join());
    await untilConnections(server, "an end of all", ({ open, requests }) => open <= 2 && requests === 1);
    const { mib } = await server.holds();
    assertBounded(mib);
    tell("very many requests at a time", {
      requests: clients.length,
      taken,
      turned_away: turnedAway,
      ...besideOf(beside),
      memory_mib: mib,
    });
  },
});

Deno.test({
  name: "server refuses each of many bombs at a time with 413, in bounded memory, and takes what honest clients pack",
  ignore: !isLinux,
  fn: async () => {
    await using server = await guardedServer({});
    const before = await server.holds();
    const bomb = new Uint8Array(gzipSync(new Uint8Array(limits.bodyDecodedBytesMax + 1))), bombs = dose("BOMBS", 8);
    const events = Array.from({ length: 1000 }, (_, i) => JSON.stringify({ session_id: i, timestamp: Date.now(), item_id: i }));
    const honest = new Uint8Array(gzipSync(events.join("\n")));
    const statusOf = async (body: Uint8Array<ArrayBuffer>, type: string) => {
      const init = { method: "POST", body, headers: { "content-encoding": "gzip", "content-type": type } };
      const response = await fetch(`${server.url}/events`, init);
      await response.body?.cancel();
      return response.status;
    };
    const all = Promise.all(Array.from({ length: bombs }, () => statusOf(bomb, "application/json")));
    const packed = Promise.all(Array.from({ length: 10 }, () => statusOf(honest, "application/x-ndjson")));
    const beside = await served(server, Promise.all([all, packed]));
    assert.deepEqual([new Set(await all), new Set(await packed), beside.failed], [new Set([413]), new Set([202]), 0]);
    const { mib } = await server.holds();
    assertBounded(mib);
    await untilConnections(server, "an end of all", ({ requests }) => requests === 1);
    tell("bombs at a time", { bombs, packed_beside: 10, ...besideOf(beside), memory_mib: mib, memory_before_mib: before.mib });
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
    const beside = await served(server, settled);
    const { connections_cut: cut } = await settled, connections = await flood;
    connections.forEach((one) => one.close());
    assert.equal(beside.failed, 0);
    const figures = { flood: connections.length, kept_at_most: connectionsMax, cut: cut.too_many };
    tell("a flood of connections", { ...figures, ...besideOf(beside) });
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
