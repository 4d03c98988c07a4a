// NDJSON over loopback HTTP to durable, detected and archived. The server is a process of its own, so that its CPU time and the load
// generator's are told apart; the server says what it cost once all is done.

import assert from "node:assert/strict";
import process from "node:process";
import { type Clicks, makeClicks } from "./clicks.ts";
import { eventsRequest, sendAll, type WireRequest } from "./load.ts";
import { cpuSince, type Figures, waits } from "./measure.ts";
import { ServerProcess } from "./server_process.ts";

/** Clicks as lines of NDJSON, `perRequest` in a text, in order. */
function linesOf(clicks: Clicks, perRequest: number): string[] {
  return Array.from({ length: Math.ceil(clicks.count / perRequest) }, (_, r) => linesFrom(clicks, r * perRequest, perRequest));
}

/** `count` clicks as lines, or those that there are. */
export function linesFrom({ count: all, session, time, item }: Clicks, from: number, count: number): string {
  let lines = "", lastMs = NaN, timestamp = "";
  for (let i = from; i < Math.min(from + count, all); i++) {
    if (time[i] !== lastMs) timestamp = new Date(lastMs = time[i]).toISOString();
    lines += `{"session_id":${session[i]},"timestamp":"${timestamp}","item_id":${item[i]},"category":"S"}\n`;
  }
  return lines;
}

/** The same as requests. */
export function requestsOf(clicks: Clicks, perRequest: number): WireRequest[] {
  return linesOf(clicks, perRequest).map(eventsRequest);
}

/** Clicks whose event time goes by at 10,000 a second: what is under way at a time is within the allowed lateness. */
export function liveClicks(events: number): Clicks {
  return makeClicks(events, Math.max(1000, events / 10), Math.max(60_000, events / 10));
}

/** Sends `events` events, `perRequest` in a request, with `connections` requests under way at a time. */
export async function benchHttp(events: number, perRequest: number, connections: number): Promise<Figures> {
  const requests = requestsOf(liveClicks(events), perRequest);
  return await ServerProcess.with(async (server) => {
    await server.ask("cost");
    const own = process.cpuUsage(), start = performance.now();
    const took = await sendAll(server.address, requests, connections);
    const generatorCpuS = cpuSince(own), answeredS = (performance.now() - start) / 1000;
    const { cpuS, peakMib, events: taken, rows } = await server.ask("finish");
    const wallS = (performance.now() - start) / 1000;
    assert.deepEqual([taken, rows], [events, events]);
    return {
      name: `HTTP to durable, detected and archived, ${perRequest} events a request, ${connections} under way`,
      events,
      wallS,
      cpuS,
      peakMib,
      values: { ...waits(took), perRequestUs: (cpuS / requests.length) * 1e6, generatorCpuS, answeredS },
    };
  });
}
