// Clients that are slow over HTTP: those that follow the live feed and do not read, and those whose bodies come by drops. What waits for them
// stays within its limits, they do not keep others out, and nothing of them is left once they are gone.

import assert from "node:assert/strict";
import { tell } from "../support/proof.ts";
import { assertWithinLimits, linesOf, sendUntilTaken, watched } from "./load.ts";
import { ServerProcess } from "./server_process.ts";

const TIMES = Number(Deno.env.get("GUARDIAN_TEST_SLOW") ?? 1);
const encoder = new TextEncoder(), decoder = new TextDecoder();
const LOOK_MS = 50;

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

async function connectTo({ address }: ServerProcess, request: string): Promise<Deno.TcpConn> {
  const connection = await Deno.connect(address);
  await connection.write(encoder.encode(request));
  return connection;
}

/** Waits until the server holds no more sockets than `most`. */
async function closedDownTo(server: ServerProcess, most: number): Promise<void> {
  for (let looks = 0; (await server.held()).sockets > most; looks++) {
    assert.ok(looks < 200, "connections of clients that are gone are closed");
    await pause(LOOK_MS);
  }
}

/** More than the changes of some commits, as in the product. */
const FEED_LIMITS = { liveRingUpdatesMax: 400 };
const FOLLOWERS = 20;

Deno.test("live feed drops clients that do not read, keeps one that reads a byte at a time waiting for nobody, and tells all to one that reads", async () => {
  await ServerProcess.with({ partitions: 2, limits: FEED_LIMITS }, async (server) => {
    const before = (await server.held()).sockets;
    const follow = "GET /live?channels=anomaly HTTP/1.1\r\nhost: localhost\r\n\r\n";
    const deaf = await Promise.all(Array.from({ length: FOLLOWERS }, () => connectTo(server, follow)));
    const slow = await Promise.all(Array.from({ length: FOLLOWERS }, () => connectTo(server, follow)));
    let hasEnded = false, isCutOff = false;
    const sipping = slow.map(async (connection) => {
      for (const drop = new Uint8Array(1); !hasEnded && await connection.read(drop) !== null;) await pause(LOOK_MS);
    });
    const healthy = await connectTo(server, follow), numbers: number[] = [];
    const reading = (async () => {
      const buffer = new Uint8Array(65_536);
      let text = "";
      for (let read = await healthy.read(buffer); read !== null; read = await healthy.read(buffer)) {
        text += decoder.decode(buffer.subarray(0, read), { stream: true });
        const lines = text.split("\n");
        text = lines.pop()!;
        for (const line of lines) if (/^id: \d/.test(line)) numbers.push(Number(line.slice(4)));
      }
    })().catch(() => {}).finally(() => isCutOff = true);
    const load = { requests: 150 * TIMES, events: 1_200, clients: 4, botEvery: 1, bots: 20 };
    const seen = await watched(server, sendUntilTaken(server, load, { time: Date.now() - 3_600_000 }));
    assertWithinLimits(seen, FEED_LIMITS);
    assert.ok(seen.most.feedDropped >= FOLLOWERS, `${seen.most.feedDropped} clients were dropped`);
    await server.ask("finish");
    const feed = numbers[0];
    const newest = await fed(server);
    while (numbers[numbers.length - 1] < newest) {
      assert.ok(!isCutOff, "who reads is not dropped");
      await pause(LOOK_MS);
    }
    // The greeting has the number of the newest update before it, which comes first of all.
    assert.deepEqual(numbers, Array.from({ length: numbers.length }, (_, i) => feed + i), "each update once, in order");
    const held = (await server.held()).sockets - before;
    hasEnded = true;
    for (const connection of [...deaf, ...slow, healthy]) connection.close();
    await Promise.allSettled([...sipping, reading]);
    await closedDownTo(server, before + load.clients);
    tell("slow: clients of the feed", {
      not_reading: FOLLOWERS,
      byte_at_a_time: FOLLOWERS,
      dropped: seen.most.feedDropped,
      updates_to_one_that_reads: numbers.length - 1,
      ring_updates_most: seen.most.ringUpdates,
      rss_mib_most: Math.round(seen.most.rssMib),
      sockets_held_till_they_left: held,
      sockets_left: 0,
    });
  });
});

/** The number of the newest update. */
async function fed({ url }: ServerProcess): Promise<number> {
  const { body } = await fetch(`${url}/live?channels=run`), reader = body!.getReader();
  let text = "";
  while (!/"feed":\d+/.test(text)) text += decoder.decode((await reader.read()).value, { stream: true });
  await reader.cancel();
  return Number(/"feed":(\d+)/.exec(text)![1]);
}

/** Between two drops of a body: it would take minutes. */
const DROP_MS = 500;
const BODY_LIMITS = { requestsInFlightMax: 16, bodyMakesWayMs: 1_000 };

Deno.test("server whose places are all taken by bodies that come by drops still takes what others send", async () => {
  await ServerProcess.with({ partitions: 2, limits: BODY_LIMITS }, async (server) => {
    const before = (await server.held()).sockets, body = linesOf(1_000, { requests: 0, events: 10, clients: 0 }, Date.now());
    const head = `POST /events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-ndjson\r\ncontent-length: ${body.length}\r\n\r\n`;
    const slow = await Promise.all(Array.from({ length: 2 * BODY_LIMITS.requestsInFlightMax }, () => connectTo(server, head)));
    let hasEnded = false;
    const dripping = slow.map(async (connection) => {
      for (let at = 0; at < body.length - 1 && !hasEnded; at++) {
        await connection.write(encoder.encode(body[at]));
        await pause(DROP_MS);
      }
    });
    let madeWay = 0;
    const answered = slow.map(async (connection) => {
      let text = "";
      for (const buffer = new Uint8Array(4096);;) {
        const read = await connection.read(buffer);
        if (read === null) return;
        text += decoder.decode(buffer.subarray(0, read));
        if (!/^HTTP\/1.1 408[^]*waited for its place/.test(text)) continue;
        madeWay++;
        return;
      }
    });
    while ((await server.ask("figures")).requests < BODY_LIMITS.requestsInFlightMax) await pause(LOOK_MS);
    const load = { requests: 50 * TIMES, events: 100, clients: 4 };
    const seen = await watched(server, sendUntilTaken(server, load)), { result: met } = seen;
    assertWithinLimits(seen, BODY_LIMITS);
    assert.ok(met.told429 > 0, "they were told to come again");
    assert.equal(met.events, load.requests * load.events);
    hasEnded = true;
    assert.ok(madeWay > 0, "slow ones were told that others needed their place");
    for (const connection of slow) connection.close();
    await Promise.allSettled([...dripping, ...answered]);
    await closedDownTo(server, before + load.clients);
    while ((await server.ask("figures")).requests > 0) await pause(LOOK_MS);
    assert.equal((await server.ask("finish")).rows, met.events, "nothing of a body that did not arrive is taken");
    tell("slow: bodies", {
      slow_clients: slow.length,
      made_way: madeWay,
      places: BODY_LIMITS.requestsInFlightMax,
      events_of_others: met.events,
      turned_away: met.told429,
      requests_most: seen.most.requests,
      sockets_left: 0,
    });
  });
});
