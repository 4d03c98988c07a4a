// From an event sent over HTTP to its anomaly on the live feed, under a steady load. Each wait is counted from the moment at which the request
// with the tipping click was due, so that what waits behind a stall is counted in full. Every anomaly has to come once, and no other.

import assert from "node:assert/strict";
import { requestsOf } from "./http.ts";
import { firingName, liveTraffic, tippingClicks } from "./live_traffic.ts";
import { sendPaced } from "./load.ts";
import { type Readings, waits } from "./measure.ts";
import { ServerProcess } from "./server_process.ts";

const CONNECTIONS = 16, BURSTS_PER_S = 50, PATIENT = 100;
/** Time to make the requests in, before the first is due; and for the last anomalies to come, ms. */
const AHEAD_MS = 1000, PER_EVENT_MS = 0.006, LAST_MS = 10_000;

/** Sends `perSecond` events a second for some seconds, `perRequest` in a request. */
export async function benchFeed(perSecond: number, perRequest: number, seconds: number): Promise<Readings[]> {
  const warmS = Math.ceil(seconds / 5);
  // The time of events is the time of their sending, so requests are made for a moment to come.
  const startMs = Date.now() + AHEAD_MS + perSecond * (seconds + warmS) * PER_EVENT_MS;
  const clicks = liveTraffic({ startMs, perSecond, warmS, seconds, burstsPerS: BURSTS_PER_S, patient: PATIENT });
  const tipping = tippingClicks(clicks), requests = requestsOf(clicks, perRequest);
  const everyMs = (1000 * perRequest) / perSecond, due = performance.now() + (startMs - Date.now()) + everyMs;
  return await ServerProcess.with(async (server) => {
    const feed = await Feed.open(server.url);
    assert.ok(performance.now() < due, "requests are ready when the first is due");
    const { took, late } = await sendPaced(server.address, { requests, startMs: due, everyMs, connections: CONNECTIONS });
    const until = performance.now() + LAST_MS;
    while (feed.seen.size < tipping.size && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 20));
    feed.close();
    const figures = await server.ask("finish");
    const missed = [...tipping.keys()].filter((name) => !feed.seen.has(name)),
      surplus = [...feed.seen.keys()].filter((name) => !tipping.has(name));
    assert.deepEqual({ missed, surplus }, { missed: [], surplus: [] });
    assert.equal(figures.events, clicks.count);
    const delays = [...tipping].map(([name, click]) => feed.seen.get(name)! - (due + Math.floor(click / perRequest) * everyMs));
    const answers = waits(took.slice((warmS * 1000) / everyMs));
    return [{
      name: `event sent to anomaly on the feed, ${perSecond / 1000} k events/s, ${perRequest} a request`,
      values: {
        anomalies: delays.length,
        ...waits(delays),
        answerP50Ms: answers.p50Ms,
        answerP99Ms: answers.p99Ms,
        answerMaxMs: answers.maxMs,
        generatorLateP99Ms: waits(late).p99Ms,
        serverPerMillionCpuS: (figures.cpuS / clicks.count) * 1e6,
      },
    }];
  });
}

/** A client of the live feed: when each anomaly was first told, by `performance.now()`. */
class Feed {
  readonly seen = new Map<string, number>();
  readonly #told = new Set<string>();
  readonly #closing = new AbortController();

  static async open(url: string): Promise<Feed> {
    const feed = new Feed();
    const response = await fetch(`${url}/live?channels=anomaly`, { signal: feed.#closing.signal });
    assert.equal(response.status, 200);
    feed.#read(response.body!).catch((failure) => {
      if (!feed.#closing.signal.aborted) throw failure;
    });
    return feed;
  }

  close(): void {
    this.#closing.abort();
  }

  async #read(body: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    let text = "";
    for await (const piece of body.pipeThrough(new TextDecoderStream())) {
      const now = performance.now(), updates = (text + piece).split("\n\n");
      text = updates.pop()!;
      for (const update of updates) this.#take(update, now);
    }
  }

  #take(update: string, now: number): void {
    if (!update.includes("event: anomaly\n")) return assert.ok(!update.includes("event: reload\n"), "no update is missed");
    const { anomaly_type, session_id, window_start, status } = JSON.parse(update.slice(update.indexOf("data: ") + 6));
    const name = firingName(anomaly_type, session_id, Date.parse(window_start)), change = `${name} ${status}`;
    assert.ok(!this.#told.has(change), `${change} comes once`);
    assert.notEqual(status, "retracted");
    this.#told.add(change);
    if (!this.seen.has(name)) this.seen.set(name, now);
  }
}
