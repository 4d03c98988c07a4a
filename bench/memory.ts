// What the server needs of memory and time before anybody sends much: cold start to the first answer, resident memory when idle, and with very
// many live sessions.

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Connection, eventsRequest, getRequest, sendAll } from "./load.ts";
import { quantile, type Readings } from "./measure.ts";
import { ServerProcess } from "./server_process.ts";

const PER_REQUEST = 1000, CONNECTIONS = 8, ASK_EVERY_MS = 2;
/** Sessions that are made to fire at the end: each has to have kept its first click. */
const FIRING = 100, FIRES_AT = 50;

export async function benchMemory(sessions: number, starts: number, idleS: number): Promise<Readings[]> {
  return [
    await coldStart(starts, idleS),
    await liveSessions(sessions, (i) => String(1_000_000 + i), "whole numbers as ids"),
    await liveSessions(sessions, (i) => `"${textId(i)}"`, "ids of 36 characters"),
  ];
}

/** `serve` on an empty folder: from its start to the first answer, and its memory after some seconds. */
async function coldStart(starts: number, idleS: number): Promise<Readings> {
  const times: number[] = [];
  let residentMib = NaN;
  // The round before the first has the compiler's cache filled.
  for (let round = -1; round < starts; round++) {
    const data = await Deno.makeTempDir({ prefix: "guardian-bench-" }), port = freePort(), start = performance.now();
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "-P=server", "main.ts", "serve", "--data", join(data, "folder"), "--port", String(port)],
      cwd: fileURLToPath(new URL("..", import.meta.url)),
      stdout: "null",
      stderr: "null",
    }).spawn();
    try {
      await answered(port);
      if (round >= 0) times.push(performance.now() - start);
      if (round === starts - 1) {
        await new Promise((resolve) => setTimeout(resolve, idleS * 1000));
        residentMib = await residentOf(child.pid);
      }
    } finally {
      child.kill("SIGTERM");
      await child.status;
      await Deno.remove(data, { recursive: true });
    }
  }
  const sorted = times.sort((a, b) => a - b);
  return {
    name: `serve on an empty folder: start to first answer, median of ${starts}; memory ${idleS} s later`,
    values: { startMs: quantile(sorted, 0.5), slowestMs: sorted[sorted.length - 1], residentMib },
  };
}

/** Below the ports that the system gives to clients: one of those could be given to a try to connect to it, which then meets itself. */
function freePort(): number {
  for (;;) {
    const port = 20_000 + Math.floor(10_000 * Math.random());
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (failure) {
      if (!(failure instanceof Deno.errors.AddrInUse)) throw failure;
    }
  }
}

/** Resolves at the first 200. */
async function answered(port: number): Promise<void> {
  for (const until = performance.now() + 30_000; performance.now() < until;) {
    try {
      const connection = await Connection.open({ hostname: "127.0.0.1", port });
      const { status } = await connection.ask(getRequest("/health"));
      connection.close();
      if (status === 200) return;
    } catch (failure) {
      if (!(failure instanceof Deno.errors.ConnectionRefused)) throw failure;
    }
    await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
  }
  assert.fail("the server answers within 30 s");
}

/** Resident memory of another process, MiB. */
async function residentOf(pid: number): Promise<number> {
  const { stdout } = await new Deno.Command("ps", { args: ["-o", "rss=", "-p", String(pid)] }).output();
  return Math.round(Number(new TextDecoder().decode(stdout)) / 1024);
}

/** An id as browsers make them, the same for the same number. */
function textId(i: number): string {
  const hex = (Math.imul(i + 1, 0x9e3779b1) >>> 0).toString(16).padStart(8, "0") + i.toString(16).padStart(24, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** One click each of very many sessions in one window, then so many of some that they have to fire if nothing was forgotten. */
async function liveSessions(sessions: number, idOf: (i: number) => string, which: string): Promise<Readings> {
  const window = Math.floor(Date.now() / 10_000) * 10_000;
  const line = (i: number, ms: number) =>
    `{"session_id":${idOf(i)},"timestamp":"${new Date(window + ms).toISOString()}","item_id":${
      214_500_000 + (i % 50_000)
    },"category":"S"}\n`;
  const requestsFor = (count: number, lineAt: (i: number) => string) =>
    Array.from({ length: Math.ceil(count / PER_REQUEST) }, (_, r) =>
      eventsRequest(
        Array.from({ length: Math.min(PER_REQUEST, count - r * PER_REQUEST) }, (_, i) => lineAt(r * PER_REQUEST + i)).join(""),
      ));
  const first = requestsFor(sessions, (i) => line(i, Math.floor((i * 8000) / sessions)));
  const step = Math.floor(sessions / FIRING);
  const more = requestsFor(FIRING * (FIRES_AT - 1), (i) => line((i % FIRING) * step, 8000 + Math.floor(i / FIRING)));
  return await ServerProcess.with(async (server) => {
    await server.ask("cost");
    await sendAll(server.address, first, CONNECTIONS);
    await sendAll(server.address, more, CONNECTIONS);
    const { events } = await server.ask("finish");
    assert.equal(events, sessions + FIRING * (FIRES_AT - 1));
    const fired = await (await fetch(`${server.url}/anomalies?limit=1000&status=provisional`)).json();
    assert.deepEqual(fired.map(({ click_count }: { click_count: number }) => click_count), new Array(FIRING).fill(FIRES_AT));
    const { evicted_sessions } = await (await fetch(`${server.url}/stats`)).json();
    assert.equal(evicted_sessions, 0);
    const { residentMib, peakMib } = await server.ask("cost");
    return { name: `memory with ${sessions / 1e6} M live sessions, ${which}`, values: { residentMib, peakMib } };
  });
}
