// The guard of connections where it cannot look at any, and when its process stood still.

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { ConnectionGuard } from "../../src/cli/connection_guard.ts";
import { Sockets } from "../../src/cli/sockets.ts";
import { limits } from "../../src/limits.ts";
import type { OnSocket } from "../../src/cli/sockets.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const parts = { ports: () => [1], room: { ofOne: Infinity, isProxy: () => false } };

Deno.test("guard warns once and lets the server serve when connections cannot be looked at", async () => {
  for (const os of ["darwin", "windows"]) {
    const lines: unknown[] = [], logLine = (...line: unknown[]) => void lines.push(line);
    const guard = new ConnectionGuard({ ...parts, logLine, openSockets: () => Sockets.open(os) });
    guard.start();
    const mend = "let a proxy that ends slow connections stand before the server where others can reach it";
    assert.deepEqual(lines, [["warn", "connections_unguarded", { reason: `there is no way to look at connections on ${os}`, mend }]]);
    const info = { remoteAddr: { transport: "tcp", hostname: "10.0.0.1", port: 1 }, completed: Promise.resolve() } as const;
    const answer = await guard.underWay.counting(() => new Response("served"))(new Request("http://localhost/"), info);
    assert.equal(await answer.text(), "served");
    guard.endWaiting();
    const { guarded, open, connections_cut: cut } = guard.figures;
    assert.deepEqual([guarded, open, cut], [false, 0, { slow_request: 0, idle: 0, unread_answer: 0, too_many: 0 }]);
    guard.stop();
    guard.stop();
  }
});

Deno.test("guard cuts a connection without a request at requestHeadMs of its own time, and none for a standstill", () => {
  const { now, setTimeout: later } = { now: performance.now, setTimeout: globalThis.setTimeout };
  let time = now.call(performance), look = () => {}, cuts = 0;
  const sockets = {
    handlesMax: 1000,
    handlesEnd: 1,
    lowestFree: () => 1,
    look: (handle: number, _: unknown, onSocket: OnSocket) =>
      onSocket({ id: 1, handle, received: 0, taken: 0, queued: 0 }, () => ({ name: "a:1", address: "a", group: "a" })),
    cut: () => ++cuts > 0,
    close: () => {},
  } as unknown as Sockets;
  const guard = new ConnectionGuard({ ...parts, logLine: () => {}, openSockets: () => sockets });
  performance.now = () => time;
  globalThis.setTimeout = ((work: () => void, ms: number) => {
    look = work;
    return later(() => {}, ms);
  }) as typeof setTimeout;
  const pass = (ms: number) => {
    time += ms;
    look();
  };
  try {
    guard.start();
    pass(1000);
    for (let times = 0; times < 3; times++) pass(3_600_000);
    assert.equal(cuts, 0, "three standstills of an hour, each of which counts as two seconds");
    for (let spent = 6_000; spent < limits.requestHeadMs - 1_000; spent += 500) pass(500);
    assert.equal(cuts, 0);
    for (let times = 0; times < 10; times++) pass(500);
    assert.deepEqual([cuts, guard.figures.connections_cut.slow_request], [1, 1]);
  } finally {
    performance.now = now;
    globalThis.setTimeout = later;
    guard.stop();
  }
});

Deno.test({
  name: "a server that may not ask the C library starts with a warning, serves, and stops in good order",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const data = await Deno.makeTempDir({ prefix: "guardian-unguarded-" });
    try {
      const allowed = ["read", "write", "net", "env", "sys", "ffi"].map((what) => `--allow-${what}`);
      const args = ["run", "--quiet", "--no-prompt", ...allowed, "--deny-ffi=libc.so.6", "main.ts", "serve", "--data", data, "--port", "0"];
      const child = new Deno.Command(Deno.execPath(), { args, cwd: root, stdin: "null", stdout: "piped", stderr: "piped" }).spawn();
      const told = new Response(child.stderr).text(), reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
      let out = "";
      for (let piece = await reader.read(); !piece.done && !(out += piece.value).includes("\n"); piece = await reader.read());
      const url = /listening on (http:\S+)/.exec(out)?.[1];
      if (url !== undefined) {
        const { connections } = await (await fetch(`${url}/health`)).json();
        assert.equal(connections.guarded, false);
        child.kill("SIGTERM");
      }
      const [{ code }] = await Promise.all([child.status, reader.cancel()]);
      assert.deepEqual([code, url !== undefined], [0, true], await told);
      assert.match(await told, /"level":"warn","event":"connections_unguarded","reason":".*libc\.so\.6.*","mend":"let a proxy/);
    } finally {
      await Deno.remove(data, { recursive: true });
    }
  },
});
