// What the API takes to answer while events come in at a steady rate and very many anomalies are stored. Reads are due by the clock as well,
// and each is counted from when it was due. What lies deep in the store has to be exactly what was stored there.

import assert from "node:assert/strict";
import { requestsOf } from "./http.ts";
import { liveTraffic } from "./live_traffic.ts";
import { getRequest, sendPaced } from "./load.ts";
import { type Readings, waits } from "./measure.ts";
import { ServerProcess } from "./server_process.ts";
import { BOT_LIKE_EVERY, storedSession, storedStart } from "./stored_anomalies.ts";

const PER_REQUEST = 1000, CONNECTIONS = 16, READS_PER_S = 40, READ_CONNECTIONS = 8, ROWS = 50;
const BURSTS_PER_S = 5, PATIENT = 20;
/** Time to make the requests in, and for the server to warm up. */
const AHEAD_MS = 1000, PER_EVENT_MS = 0.006;

/** A read, and the sessions of its rows where they are known. */
interface Read {
  readonly path: string;
  readonly sessions?: readonly string[];
}

/** Reads while `perSecond` events a second come in for some seconds, with `stored` anomalies there before. */
export async function benchReads(perSecond: number, stored: number, seconds: number): Promise<Readings[]> {
  return await ServerProcess.with(async (server) => {
    const filling = performance.now();
    await server.ask("anomalies", stored);
    const filledS = (performance.now() - filling) / 1000;
    const reads = await readsOf(server.url, stored), warmS = Math.ceil(seconds / 5);
    const startMs = Date.now() + AHEAD_MS + perSecond * (seconds + warmS) * PER_EVENT_MS;
    const clicks = liveTraffic({ startMs, perSecond, warmS, seconds, burstsPerS: BURSTS_PER_S, patient: PATIENT });
    const requests = requestsOf(clicks, PER_REQUEST), due = performance.now() + (startMs - Date.now());
    assert.ok(performance.now() < due, "requests are ready when the first is due");
    const asked = Array.from({ length: READS_PER_S * (seconds + warmS) }, (_, i) => reads[i % reads.length]);
    const took = new Map<string, number[]>(reads.map(({ path }) => [path, []]));
    const [sent] = await Promise.all([
      sendPaced(server.address, { requests, startMs: due, everyMs: (1000 * PER_REQUEST) / perSecond, connections: CONNECTIONS }),
      sendPaced(server.address, {
        requests: asked.map(({ path }) => getRequest(path)),
        startMs: due,
        everyMs: 1000 / READS_PER_S,
        connections: READ_CONNECTIONS,
        onAnswer: (i, { status, body }, tookMs) => {
          const { path, sessions } = asked[i];
          assert.equal(status, 200, body);
          if (sessions !== undefined) assert.deepEqual(sessionsIn(body), sessions, path);
          if (i >= READS_PER_S * warmS) took.get(path)!.push(tookMs);
        },
      }),
    ]);
    const { events } = await server.ask("finish");
    assert.equal(events, clicks.count);
    const all = waits([...took.values()].flat()), told = (path: string) => path.replace(/cursor=[^&]+/, "cursor=...");
    return [
      {
        name: `reads while ${perSecond / 1000} k events/s come in, ${stored / 1e6} M anomalies stored: all of them`,
        values: { ...all, eventsP99Ms: waits(sent.took).p99Ms, filledS },
      },
      ...reads.map(({ path }) => ({ name: `GET ${told(path)} meanwhile`, values: waits(took.get(path)!) })),
    ];
  });
}

/** The sessions of a page, without parsing all of it: the load generator shares the machine. */
function sessionsIn(body: string): string[] {
  return [...body.matchAll(/"session_id":"([^"]+)"/g)].map(([, session]) => session);
}

/** What is asked: the newest and those half-way down, filtered and not, one session's, and the figures that the dashboard shows. */
async function readsOf(url: string, stored: number): Promise<Read[]> {
  const half = stored >> 1, type = "anomaly_type=BOT_LIKE", isRare = (i: number) => i % BOT_LIKE_EVERY === 0;
  const after = (from: number, wanted: (i: number) => boolean) => {
    const sessions: string[] = [];
    for (let i = from; sessions.length < ROWS; i++) if (wanted(i)) sessions.push(storedSession(i));
    return sessions;
  };
  // The page of one row before half-way ends there.
  const { headers } = await fetch(`${url}/anomalies?limit=1&until=${new Date(storedStart(half) + 1).toISOString()}`);
  const cursor = /[?&]cursor=([^&>]+)/.exec(headers.get("link") ?? "")?.[1];
  assert.ok(cursor, "a page that is not the last links to the next");
  return [
    { path: `/anomalies?limit=${ROWS}` },
    { path: `/anomalies?limit=${ROWS}&cursor=${cursor}`, sessions: after(half + 1, () => true) },
    { path: `/anomalies?limit=${ROWS}&${type}` },
    { path: `/anomalies?limit=${ROWS}&${type}&cursor=${cursor}`, sessions: after(half + 1, isRare) },
    { path: `/anomalies?limit=${ROWS}&order=detected` },
    { path: `/anomalies/${storedSession(half)}`, sessions: [storedSession(half)] },
    { path: "/anomalies/types" },
    { path: "/anomalies/timeline?hours=24" },
    { path: "/stats" },
    { path: "/health" },
    { path: "/live/figures" },
  ];
}
