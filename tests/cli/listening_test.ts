// Listening that goes on when the runtime's own ends, with servers that fail when they are told to.

import assert from "node:assert/strict";
import { Listening } from "../../src/cli/listening.ts";

const failure = new Error("Too many open files (os error 24)");

/** Servers that do nothing. fails: whether the one after the first cannot listen yet. */
function servers(fails: () => boolean = () => false) {
  const ports: (number | undefined)[] = [], failing: ((reason: Error) => void)[] = [];
  let told = () => {};
  const serve = (port?: number) => {
    ports.push(port);
    if (fails()) throw failure;
    const { promise: finished, resolve, reject } = Promise.withResolvers<void>();
    failing.push(reject);
    const shutdown = () => {
      resolve();
      return finished;
    };
    return { addr: { port: 4321 }, finished, shutdown } as unknown as Deno.HttpServer<Deno.NetAddr>;
  };
  const lines: string[] = [];
  const line = (event: string) =>
    new Promise<void>((resolve) => {
      told = () => {
        if (lines.includes(event)) resolve();
      };
      told();
    });
  const logLine = (_: unknown, event: string) => {
    lines.push(event);
    told();
  };
  return { ports, failing, lines, line, serve, logLine };
}

Deno.test("Listening listens again on its port when accepting failed, until it can", async () => {
  let times = 2;
  const { ports, failing, lines, line, serve, logLine } = servers(() => ports.length > 1 && times-- > 0);
  const listening = new Listening(serve, logLine);
  failing[0](failure);
  await line("listening_again");
  assert.deepEqual(ports, [undefined, 4321, 4321, 4321]);
  assert.deepEqual(lines, ["listening_failed", "listening_again"]);
  await listening.shutdown(60_000);
});

Deno.test("Listening stops, and listens no more, when it is told to stop between two tries", async () => {
  const { ports, failing, line, serve, logLine } = servers();
  const listening = new Listening(serve, logLine);
  failing[0](failure);
  await line("listening_failed");
  await listening.shutdown(60_000);
  assert.equal(ports.length, 1, "it began to listen again");
});

Deno.test("Listening stops when accepting fails while it stops", async () => {
  const { ports, failing, serve, logLine } = servers();
  const listening = new Listening(() => {
    const server = serve();
    return { ...server, shutdown: () => new Promise<void>(() => {}) };
  }, logLine);
  const stopped = listening.shutdown(60_000);
  failing[0](failure);
  await stopped;
  assert.equal(ports.length, 1);
});

Deno.test("Listening stops although a connection is never over", async () => {
  const { serve, logLine } = servers();
  const listening = new Listening(() => ({ ...serve(), shutdown: () => new Promise<void>(() => {}) }), logLine);
  await listening.shutdown(1);
});
