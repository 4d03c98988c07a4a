// Clients that send what they have until it is acknowledged, and one who looks at what waits in the server meanwhile.
// What always holds: each event has an item of its own, and each request a key, so that a lost or doubled event is told by its number.

import assert from "node:assert/strict";
import { limits } from "../../src/limits.ts";
import type { Figures } from "./server.ts";
import type { ServerProcess } from "./server_process.ts";

/** How many requests, of how many events, by how many clients at a time. botEvery: each so many requests hold the clicks of `bots` bots. */
export interface Load {
  readonly requests: number;
  readonly events: number;
  readonly clients: number;
  readonly botEvery?: number;
  readonly bots?: number;
}

/** What clients met on the way. */
export interface Met {
  events: number;
  /** Answers that said to come again later, and each of them when. */
  told429: number;
  told503: number;
}

const BOT_CLICKS = 60, BOT_FROM = 2_000_000, PEOPLE = 3_000, CLICKS_OF_PERSON = 20;
/** Event time between two requests, ms; what a client waits at the most before it sends again, whatever it was told. */
const STEP_MS = 20, AGAIN_MS = 200;

/** The lines of one request: people, each on an item of its own, and a bot in front. */
export function linesOf(request: number, { requests, events, botEvery = 10, bots = 1 }: Load, time: number): string {
  const people = Math.max(PEOPLE, Math.floor((requests * events) / CLICKS_OF_PERSON));
  const clicksOfBots = request % botEvery === 0 ? bots * BOT_CLICKS : 0;
  let lines = "";
  for (let i = 0; i < events; i++) {
    const serial = request * events + i,
      session = i < clicksOfBots ? BOT_FROM + request * bots + Math.floor(i / BOT_CLICKS) : (serial * 7919) % people;
    lines += `{"session_id":${session},"timestamp":${time + request * STEP_MS + (i % BOT_CLICKS)},"item_id":${serial}}\n`;
  }
  return lines;
}

/** Sends all of it, each request again until it is acknowledged. from: number of the first request. */
export async function sendUntilTaken({ url }: ServerProcess, load: Load, { from = 0, time = Date.now() } = {}): Promise<Met> {
  const met: Met = { events: 0, told429: 0, told503: 0 };
  let next = from;
  const client = Deno.createHttpClient({ poolMaxIdlePerHost: load.clients });
  await Promise.all(Array.from({ length: load.clients }, async () => {
    while (next < from + load.requests) {
      const request = next++, body = linesOf(request, load, time);
      const headers = { "content-type": "application/x-ndjson", "idempotency-key": `slow-${request}` };
      for (;;) {
        const response = await fetch(`${url}/events`, { method: "POST", body, headers, client }), answer = await response.json();
        if (response.status === 202) {
          assert.equal(answer.accepted + answer.duplicates, load.events, JSON.stringify(answer));
          met.events += load.events;
          break;
        }
        assert.ok(response.status === 429 || response.status === 503 || answer.code === "key_in_progress", JSON.stringify(answer));
        const afterS = Number(response.headers.get("retry-after"));
        assert.ok(afterS > 0, `an answer ${response.status} says when to come again`);
        if (response.status === 429) met.told429++;
        else met.told503++;
        await new Promise((resolve) => setTimeout(resolve, Math.min(1000 * afterS, AGAIN_MS)));
      }
    }
  }));
  client.close();
  return met;
}

/** The most of each figure, and the collected heap over time. */
export interface Watched {
  readonly most: Record<keyof Figures, number>;
  readonly heap: { at: number; value: number }[];
}

const LOOK_MS = 100, COLLECT_EVERY = 5;

/** Looks at the server's figures until `work` has ended. */
export async function watched<T>(server: ServerProcess, work: Promise<T>): Promise<Watched & { readonly result: T }> {
  const most = {} as Record<keyof Figures, number>, heap: { at: number; value: number }[] = [];
  let hasEnded = false;
  work.catch(() => {}).finally(() => hasEnded = true);
  for (let look = 0; !hasEnded || look === 0; look++) {
    const figures = await server.ask(look % COLLECT_EVERY === 0 ? "collected" : "figures");
    if (look % COLLECT_EVERY === 0) heap.push({ at: figures.at, value: figures.heapMib });
    for (const [name, value] of Object.entries(figures) as [keyof Figures, number][]) {
      if (typeof value === "number") most[name] = Math.max(most[name] ?? 0, value);
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  return { most, heap, result: await work };
}

/** What one commit, and one batch, may add to a queue that was not full before it. */
const COMMIT_EVENTS = 100_000, BATCH_BYTES = 2 * 2 ** 20, BATCH_EFFECTS = limits.batchEventsMax;

/** Checks that nothing that waits was more than its limit allows. others: limits that the server was started with. */
export function assertWithinLimits({ most }: Pick<Watched, "most">, others: Partial<Record<keyof typeof limits, number>> = {}): void {
  const all = { ...limits, ...others }, requests = all.requestsInFlightMax;
  const bounds: Partial<Record<keyof Figures, number>> = {
    requests,
    requestBytes: all.requestBytesInFlightMax,
    submissions: requests + all.partitionsMax,
    lagEvents: all.readerLagEventsMax + COMMIT_EVENTS,
    effects: all.effectsWaitingMax + BATCH_EFFECTS,
    cachedBytes: all.logCacheBytesMax + BATCH_BYTES,
    gatheredRows: all.partRowsMax,
    gatheredBytes: all.gatheredBytesMax + BATCH_BYTES,
    feedClients: all.liveClientsMax,
    ringUpdates: all.liveRingUpdatesMax,
    ringBytes: all.liveRingBytesMax,
    queueUpdates: all.liveQueueUpdatesMax,
    queueBytes: all.liveQueueBytesMax,
    outbox: all.webhookOutboxMax + all.anomaliesPerCommitMax,
    lateEvents: all.lateEventsMax,
    deadLetters: all.deadLettersMax,
  };
  for (const [name, bound] of Object.entries(bounds)) {
    assert.ok(most[name as keyof Figures] <= bound, `${name} was ${most[name as keyof Figures]}, more than ${bound}`);
  }
}
