// The server that bench/http.ts loads: the product on a free port. Says its address; at the first line on stdin it waits until all is
// detected and archived, says what that cost, and ends.

import process from "node:process";
import { openDays } from "../jobs/mod.ts";
import { endpoints } from "../routes/mod.ts";
import { systemClock } from "../src/clock.ts";
import { Guardian } from "../src/guardian.ts";
import { logLineTo } from "../src/log_line.ts";
import { accessFor } from "../src/web/access.ts";
import { makeApp } from "../src/web/app.ts";
import { makeService } from "../src/web/service.ts";
import { peakMib } from "./measure.ts";

const logLine = logLineTo(console.error, "warn");
const guardian = await Guardian.open({ data: Deno.args[0], clock: systemClock, logLine, partitions: 4 });
guardian.start();
const access = accessFor("127.0.0.1", null);
const days = openDays(guardian, { timezone: "UTC", runAt: "03:00", currency: "" });
const app = makeApp(makeService({ guardian, days, clock: systemClock, logLine, access, futureMs: 86_400_000 }), endpoints);
const cpu = process.cpuUsage();
const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: ({ port }) => console.log(`http://127.0.0.1:${port}`) }, app.fetch);
await Deno.stdin.read(new Uint8Array(16));
await guardian.caughtUp();
await guardian.archiver.flush();
const { user, system } = process.cpuUsage(cpu);
const { total_events, lake } = await guardian.stats();
console.log(JSON.stringify({ cpuS: (user + system) / 1e6, peakMib: peakMib(), events: total_events, rows: lake.rows }));
await server.shutdown();
await days.close();
await guardian.stop();
