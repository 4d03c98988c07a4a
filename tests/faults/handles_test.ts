// A real server that may open no more files: clients that are connected go on, what needs a file says so, and all goes on by itself once
// some are free. Handles are taken by connections that nobody uses, and by a limit that is lowered under the server.

import assert from "node:assert/strict";
import { lakeLines } from "../support/lake.ts";
import { tell } from "../support/proof.ts";
import { type LimitedServer, start, started, until } from "./limited_server.ts";
import { succeeds } from "./small_disk.ts";

const EVENTS = 20;
const canLimit = Deno.build.os === "linux" && await succeeds("prlimit", "--version");
if (!canLimit) console.error("Out of file handles: left out, as there is no prlimit here");

const body = (number: number) =>
  Array.from({ length: EVENTS }, (_, i) => JSON.stringify({ session_id: number, timestamp: Date.now(), item_id: `${number}/${i}` })).join(
    "\n",
  );
const post = (server: LimitedServer, number: number) =>
  server.ask("/events", { method: "POST", body: body(number), headers: { "idempotency-key": `body-${number}` } });

/** Numbers of the files that a process has open. */
async function openFiles(pid: number): Promise<Set<number>> {
  const { stdout } = await new Deno.Command("ls", { args: [`/proc/${pid}/fd`] }).output();
  return new Set(new TextDecoder().decode(stdout).trim().split("\n").map(Number));
}

/** Lets a process open so many more files: the limit is one on their numbers. */
async function leaveFiles(pid: number, spare: number): Promise<void> {
  const open = await openFiles(pid);
  let most = 0;
  for (let free = 0; free < spare || most < open.size + spare; most++) if (!open.has(most)) free++;
  await limitFiles(pid, most);
}

const limitFiles = async (pid: number, most: number) => assert.ok(await succeeds("prlimit", "--pid", String(pid), `--nofile=${most}:`));

Deno.test({
  name: "server without file handles says so, loses nothing, and goes on when some are free",
  ignore: !canLimit,
  fn: async () => {
    const data = await Deno.makeTempDir({ prefix: "guardian-handles-" });
    const server = started(await start(data, "ulimit -S -n 4096;"));
    let posts = 0, rounds = 0;
    try {
      for (const spare of [0, 1]) {
        assert.equal((await post(server, posts++)).status, 202);
        await until("the lake", () => server.ask("/health"), ({ body }) => body.lag_events.archiver === 0);
        await leaveFiles(server.pid, spare);
        // The connection is there, and so is the log: events are taken. The lake needs files.
        assert.equal((await post(server, posts++)).status, 202);
        const { body } = await until("the archiver's word", () => server.ask("/health"), ({ status }) => status === 503);
        assert.match(body.parts.archiver.reason, /Too many open files|os error 24/);
        await limitFiles(server.pid, 4096);
        await until("health", () => server.ask("/health"), ({ status }) => status === 200);
        rounds++;
      }
      await meetsConnections(server);
      assert.equal((await post(server, posts++)).status, 202);
      await until("health", () => server.ask("/health"), ({ status }) => status === 200);
    } catch (failure) {
      await server.end();
      throw new Error(`${failure instanceof Error ? failure.message : failure}: ${server.told.join("").slice(-2000)}`, { cause: failure });
    }
    assert.equal(await server.end(), 0);
    const items = (await lakeLines(data, "raw_clicks")).map((line) => /item_id=(\S+)/.exec(line)![1]);
    const lost = posts * EVENTS - new Set(items).size, doubled = items.length - new Set(items).size;
    assert.deepEqual({ lost, doubled }, { lost: 0, doubled: 0 });
    await Deno.remove(data, { recursive: true });
    tell("storage fails: out of file handles", { rounds: rounds + 1, events: items.length, lost, doubled });
  },
});

/** Opens connections until the server may take no more; once they are closed, it answers new ones. */
async function meetsConnections(server: LimitedServer): Promise<void> {
  const { hostname, port } = new URL(server.url);
  const taken: Deno.TcpConn[] = [];
  await leaveFiles(server.pid, 30);
  try {
    const hasMet = () => server.told.join("").includes("listening_failed");
    for (let i = 0; i < 500 && !hasMet(); i++) {
      // Refused, or cut off, while the server does not listen.
      await Deno.connect({ hostname, port: Number(port) }).then((connection) => taken.push(connection), () => {});
      if (i > 30) await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.ok(hasMet(), "connections have taken the handles");
  } finally {
    taken.forEach((connection) => connection.close());
  }
  using client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  const answer = await until("an answer on a new connection", async () => {
    const response = await fetch(`${server.url}/health/live`, { client, signal: AbortSignal.timeout(5_000) }).catch((error) =>
      error as Error
    );
    if (response instanceof Error) return { status: 0, headers: new Headers(), body: response.message };
    return { status: response.status, headers: response.headers, body: await response.json() };
  }, ({ status }) => status === 200);
  assert.equal(answer.body.status, "ok");
  await limitFiles(server.pid, 4096);
}

Deno.test({
  name: "server that may open hardly any files does not start, and says why",
  ignore: !canLimit,
  fn: async () => {
    const data = await Deno.makeTempDir({ prefix: "guardian-handles-" });
    let refused = 0;
    // What the runtime itself needs is not known here: from what is too few for the folder to what is enough.
    for (let most = 12; most <= 60; most += 4) {
      const server = await start(data, `ulimit -S -n ${most};`);
      if ("url" in server) {
        assert.equal(await server.end(), 0);
        break;
      }
      if (!/"?Cannot /.test(server.stderr)) continue; // the runtime did not come to life
      assert.match(server.stderr, /Cannot [^:]+: .*(Too many open files|os error 24|unable to open).*; .+/);
      assert.ok([73, 74, 78].includes(server.code), `${server.code}: ${server.stderr}`);
      refused++;
    }
    const server = started(await start(data));
    assert.equal((await post(server, 1)).status, 202);
    assert.equal(await server.end(), 0);
    await Deno.remove(data, { recursive: true });
    tell("storage fails: start without file handles", { refused });
  },
});
