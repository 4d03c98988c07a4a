// The longest stall of the server's event loop: under HTTP load at top speed, and while a file is imported into the same process.

import assert from "node:assert/strict";
import { systemClock } from "../src/clock.ts";
import { HttpSink } from "../src/source/http_sink.ts";
import { prescan } from "../src/source/prescan.ts";
import { replay } from "../src/source/replay.ts";
import type { BenchFile } from "./files.ts";
import { liveClicks, requestsOf } from "./http.ts";
import { sendAll } from "./load.ts";
import type { Readings } from "./measure.ts";
import { ServerProcess } from "./server_process.ts";
import type { Stalls } from "./stall_watch.ts";

const PER_REQUEST = 1000, CONNECTIONS = 8;
const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** In turn: requests at top speed, `replay` in the server's process, `replay --url` into the server. */
export async function benchStalls(events: number, file: BenchFile): Promise<Readings[]> {
  const load = await ServerProcess.with(async (server) => {
    const requests = requestsOf(liveClicks(events), PER_REQUEST);
    await server.ask("watch");
    await sendAll(server.address, requests, CONNECTIONS);
    const stalls = await server.ask("stalls");
    const { events: taken, rows } = await server.ask("finish");
    assert.deepEqual([taken, rows], [events, events]);
    return stalls;
  });
  const bulk = await ServerProcess.with(async (server) => {
    const { accepted, stalls } = await server.ask("import", file.path);
    await checkImport(server, file, accepted);
    return stalls;
  });
  const sent = await ServerProcess.with(async (server) => {
    const prescanned = prescan(file.path);
    await server.ask("watch");
    const { accepted } = await replay({
      files: [prescanned],
      sink: new HttpSink({ url: server.url, clock: systemClock, sleep }),
      clock: systemClock,
      sleep,
    });
    const stalls = await server.ask("stalls");
    await checkImport(server, file, accepted);
    return stalls;
  });
  return [
    { name: `stalls of the event loop, HTTP at top speed (${events / 1e6} M events, ${PER_REQUEST} a request)`, values: figuresOf(load) },
    {
      name: `stalls of the event loop, replay in the same process, once its file is looked through (${file.name})`,
      values: figuresOf(bulk),
    },
    { name: `stalls of the event loop, replay over HTTP (${file.name})`, values: figuresOf(sent) },
  ];
}

async function checkImport(server: ServerProcess, { clicks, firings }: BenchFile, accepted: number): Promise<void> {
  const { rows } = await server.ask("finish");
  assert.deepEqual([accepted, rows], [clicks, clicks]);
  assert.deepEqual(await server.ask("counts"), firings);
}

function figuresOf({ longest: _, ...values }: Stalls): Readings["values"] {
  return values;
}
