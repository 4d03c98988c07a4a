// NDJSON over loopback HTTP to durable, detected and archived. The server is a process of its own, so that its CPU time and the load
// generator's are told apart; the server says what it cost when it is told to finish (bench/http_server.ts).

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { makeClicks } from "./clicks.ts";
import type { Figures } from "./measure.ts";

export interface HttpFigures extends Figures {
  readonly requests: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Sends `events` events, `perRequest` in a request, with `connections` requests under way at a time. */
export async function benchHttp(events: number, perRequest: number, connections: number): Promise<HttpFigures> {
  // 10,000 events a second of event time: what is under way at a time is within the allowed lateness.
  const clicks = makeClicks(events, Math.max(1000, events / 10), Math.max(60_000, events / 10));
  const encoder = new TextEncoder();
  const bodies: Uint8Array<ArrayBuffer>[] = [];
  for (let from = 0; from < events; from += perRequest) {
    let text = "";
    for (let i = from; i < Math.min(from + perRequest, events); i++) {
      text += `{"session_id":${clicks.session[i]},"timestamp":"${new Date(clicks.time[i]).toISOString()}","item_id":${
        clicks.item[i]
      },"category":"S"}\n`;
    }
    bodies.push(encoder.encode(text));
  }
  const data = await Deno.makeTempDir();
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-P=test", fileURLToPath(new URL("./http_server.ts", import.meta.url)), data],
    cwd: fileURLToPath(new URL("..", import.meta.url)),
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let told = "";
  const line = async () => {
    while (!told.includes("\n")) {
      const { value, done } = await lines.read();
      if (done) throw new Error("the server ended early");
      told += value;
    }
    const [first] = told.split("\n", 1);
    told = told.slice(first.length + 1);
    return first;
  };
  try {
    const url = await line();
    const latencies: number[] = [];
    const start = performance.now();
    let next = 0;
    await Promise.all(Array.from({ length: connections }, async () => {
      while (next < bodies.length) {
        const body = bodies[next++];
        const sent = performance.now();
        const response = await fetch(`${url}/events`, { method: "POST", body, headers: { "content-type": "application/x-ndjson" } });
        const answer = await response.json();
        assert.equal(response.status, 202, JSON.stringify(answer));
        latencies.push(performance.now() - sent);
      }
    }));
    const stdin = child.stdin.getWriter();
    await stdin.write(encoder.encode("finish\n"));
    const figures = JSON.parse(await line()) as { cpuS: number; peakMib: number; events: number; rows: number };
    const wallS = (performance.now() - start) / 1000;
    await stdin.close();
    assert.deepEqual([figures.events, figures.rows], [events, events]);
    latencies.sort((a, b) => a - b);
    return {
      name: `HTTP to durable, detected and archived, ${perRequest} events a request`,
      events,
      wallS,
      cpuS: figures.cpuS,
      peakMib: figures.peakMib,
      requests: bodies.length,
      p50Ms: latencies[Math.floor(latencies.length * 0.5)],
      p99Ms: latencies[Math.floor(latencies.length * 0.99)],
    };
  } catch (failure) {
    child.kill("SIGKILL");
    throw failure;
  } finally {
    while (!(await lines.read()).done);
    await child.status;
    await Deno.remove(data, { recursive: true });
  }
}
