// The server that benchmarks load: the product on a free port, as `serve` has it. Says its address; then takes one order a line on stdin and
// answers each with a line of JSON; ends when stdin does. What it costs is told by itself, so that the load generator is not in it.

import process from "node:process";
import { openDays } from "../jobs/mod.ts";
import { endpoints } from "../routes/mod.ts";
import { systemClock } from "../src/clock.ts";
import { Guardian } from "../src/guardian.ts";
import { logLineTo } from "../src/log_line.ts";
import { LocalSink } from "../src/source/local_sink.ts";
import { prescan } from "../src/source/prescan.ts";
import { replay } from "../src/source/replay.ts";
import { openAccess } from "../src/access/access.ts";
import { makeApp } from "../src/web/app.ts";
import { makeService } from "../src/web/service.ts";
import { cpuSince, peakMib } from "./measure.ts";
import { StallWatch } from "./stall_watch.ts";
import { storeAnomalies } from "./stored_anomalies.ts";

const MIB = 2 ** 20;
const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

const logLine = logLineTo(console.error, "warn");
const guardian = await Guardian.open({ data: Deno.args[0], clock: systemClock, logLine, partitions: 4 });
guardian.start();
const access = openAccess();
const days = openDays(guardian, { timezone: "UTC", runAt: "03:00", currency: "" });
const service = makeService({ guardian, days, clock: systemClock, logLine, access, futureMs: 86_400_000 });
const app = makeApp(service, endpoints);
const watch = new StallWatch();
let cpu = process.cpuUsage();

const orders: Record<string, (argument: string) => unknown> = {
  /** All that was taken is detected and archived. What that cost since the start, or since `cost`. */
  finish: async () => {
    await guardian.caughtUp();
    await guardian.archiver.flush();
    const { total_events, lake } = await guardian.stats();
    return { cpuS: cpuSince(cpu), peakMib: peakMib(), events: total_events, rows: lake.rows };
  },
  /** What was used since this was asked last. */
  cost: () => {
    const { rss, heapUsed, external } = Deno.memoryUsage(), mib = (bytes: number) => Math.round(bytes / MIB);
    const used = { cpuS: cpuSince(cpu), peakMib: peakMib(), residentMib: mib(rss), heapMib: mib(heapUsed), externalMib: mib(external) };
    cpu = process.cpuUsage();
    return used;
  },
  watch: () => watch.start(),
  stalls: () => watch.stop(),
  /** A file into the same process, as `replay` does it; watched from where the first row goes in. */
  import: async (path) => {
    const file = prescan(path);
    watch.start();
    const { accepted } = await replay({ files: [file], sink: new LocalSink(guardian), clock: systemClock, sleep });
    return { accepted, stalls: watch.stop() };
  },
  /** Anomalies into the store, so many. */
  anomalies: async (count) => await storeAnomalies(guardian.anomalies, Number(count)),
  counts: () => Object.fromEntries(guardian.anomalies.types().map(({ anomaly_type, count }) => [anomaly_type, count])),
};

const server = Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  automaticCompression: true,
  onListen: ({ port }) => console.log(`http://127.0.0.1:${port}`),
}, (request) => app.fetch(request));
let text = "";
for await (const piece of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  const lines = (text + piece).split("\n");
  text = lines.pop()!;
  for (const line of lines) {
    const [order, argument = ""] = line.split(" ");
    console.log(JSON.stringify(await orders[order](argument) ?? null));
  }
}
service.feed.close("stopping");
await server.shutdown();
await days.close();
await guardian.stop();
