// The product behind HTTP in a process of its own, whose storage and readers can be made slow, whose time can leap ahead, and which
// tells what waits in it. Says its address; then takes one order a line on stdin and answers each with a line of JSON; ends when stdin does.
// What always holds: the parts are those of `serve`, put together as there; only the clock and the storage's calls are its own.

import { join } from "node:path";
import { openDays } from "../../jobs/mod.ts";
import { endpoints } from "../../routes/mod.ts";
import { Guardian, type GuardianOptions } from "../../src/guardian.ts";
import { limits } from "../../src/limits.ts";
import { logLineTo } from "../../src/log_line.ts";
import { webhookTarget } from "../../src/notify/webhook.ts";
import { openAccess } from "../../src/access/access.ts";
import { Admission } from "../../src/web/admission.ts";
import { makeApp } from "../../src/web/app.ts";
import { makeService } from "../../src/web/service.ts";
import { hookIo, type IoCall } from "../support/io_hooks.ts";

/** What a test asks of the server, as its one argument. */
export interface ServerOptions extends Partial<Pick<GuardianOptions, "partitions" | "archiveIntervalMs" | "retention" | "sweepEveryS">> {
  readonly data: string;
  readonly webhookUrl?: string;
  /** Limits that are other than the product's, so that few clients reach them. */
  readonly limits?: Partial<Record<keyof typeof limits, number>>;
}

/** How long calls of storage take besides, ms: from and to. */
export interface SlowStorage {
  readonly log?: readonly [number, number];
  readonly state?: readonly [number, number];
  readonly files?: readonly [number, number];
}

/** What waits in the server now, and what it uses. */
export interface Figures {
  readonly at: number;
  readonly rssMib: number;
  readonly heapMib: number;
  readonly externalMib: number;
  readonly requests: number;
  readonly requestBytes: number;
  readonly submissions: number;
  readonly lagEvents: number;
  readonly effects: number;
  readonly cachedBytes: number;
  readonly gatheredRows: number;
  readonly gatheredBytes: number;
  readonly feedClients: number;
  readonly feedDropped: number;
  readonly ringUpdates: number;
  readonly ringBytes: number;
  readonly queueUpdates: number;
  readonly queueBytes: number;
  readonly outbox: number;
  readonly deadLetters: number;
  readonly lateEvents: number;
  readonly anomalies: number;
  readonly eventIds: number;
  readonly keys: number;
  readonly flushes: number;
  readonly failing: string | null;
}

const WEBHOOK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const MIB = 2 ** 20;
const options: ServerOptions = JSON.parse(Deno.args[0]);
const collect = (globalThis as { gc?: () => void }).gc;

let leapt = 0, slow: SlowStorage = {};
// Time passes on both clocks: a wall clock that leaps alone has been set, and makes nothing old.
const clock = { now: () => Date.now() + leapt, monotonic: () => performance.now() + leapt };
const logLine = logLineTo((line) => console.error(line), "error");

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

function delayOf({ kind, path }: IoCall): readonly [number, number] | undefined {
  if (kind === "kv_commit") return path.includes("log.kv") ? slow.log : slow.state;
  return kind === "sync" ? slow.files : undefined;
}

const hooked = hookIo({
  under: options.data,
  before: (call) => {
    const delay = delayOf(call);
    return delay === undefined ? undefined : wait(delay[0] + Math.random() * (delay[1] - delay[0]));
  },
});

const { data, webhookUrl, limits: others, ...given } = options;
Object.assign(limits, others);
const guardian = await Guardian.open({
  partitions: 4,
  ...given,
  data,
  clock,
  logLine,
  webhook: webhookUrl === undefined ? null : webhookTarget(webhookUrl, WEBHOOK_SECRET),
});

/** Readers that are held up wait here. */
const gates: Record<string, { open: () => void; opened: Promise<void> }> = {};
function gated<Name extends string>(name: string, reader: { [name in Name]: (...args: never[]) => Promise<boolean> }, method: Name): void {
  const work = reader[method].bind(reader) as (...args: unknown[]) => Promise<boolean>;
  reader[method] = (async (...args: unknown[]) => {
    await gates[name]?.opened;
    return await work(...args);
  }) as typeof reader[Name];
}
gated("engine", guardian.engine, "catchUp");
gated("archiver", guardian.archiver, "step");

guardian.start();
const days = openDays(guardian, { timezone: "UTC", runAt: "03:00", currency: "" });
const admission = new Admission();
const service = makeService({
  guardian,
  days,
  clock,
  logLine,
  admission,
  access: openAccess(),
  futureMs: 86_400_000,
});
const app = makeApp(service, endpoints);

function figures(): Figures {
  const { rss, heapUsed, external } = Deno.memoryUsage(), mib = (bytes: number) => Math.round((100 * bytes) / MIB) / 100;
  const { ring, queue } = service.feed.held, archived = guardian.archiver.state, health = guardian.health();
  return {
    at: performance.now(),
    rssMib: mib(rss),
    heapMib: mib(heapUsed),
    externalMib: mib(external),
    requests: admission.requests,
    requestBytes: admission.bytes,
    submissions: guardian.intake.waiting,
    lagEvents: guardian.intake.lag,
    effects: guardian.engine.effectsWaiting,
    cachedBytes: guardian.log.cachedBytes,
    gatheredRows: archived.gathered,
    gatheredBytes: archived.gatheredBytes,
    feedClients: service.feed.clients,
    feedDropped: service.feed.dropped,
    ringUpdates: ring.updates,
    ringBytes: ring.bytes,
    queueUpdates: queue.updates,
    queueBytes: queue.bytes,
    outbox: health.webhook?.waiting ?? 0,
    deadLetters: guardian.deadLetters.kept,
    lateEvents: guardian.lateEvents.kept,
    anomalies: guardian.anomalies.kept,
    eventIds: health.identity.event_ids,
    keys: health.identity.idempotency_keys,
    flushes: archived.flushes,
    failing: health.status === "ok" ? null : JSON.stringify(health.parts),
  };
}

/** Entries of the KV file of what is derived or decided, by the first part of their keys. */
async function tables(): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for await (const { key } of guardian.state.list({ prefix: [] }, { batchSize: 500 })) {
    counts[String(key[0])] = (counts[String(key[0])] ?? 0) + 1;
  }
  return counts;
}

/** Bytes of both KV files, with what is written ahead. */
async function files(): Promise<Record<string, number>> {
  const sizes: Record<string, number> = {};
  for (const name of ["log.kv", "log.kv-wal", "state.kv", "state.kv-wal"]) {
    sizes[name] = await Deno.stat(join(data, name)).then(({ size }) => size, () => 0);
  }
  return sizes;
}

const orders: Record<string, (argument: string) => unknown> = {
  figures,
  /** The same, once what nobody holds any more is gone. */
  collected: () => {
    collect!();
    return figures();
  },
  slow: (how) => void (slow = JSON.parse(how)),
  leap: (ms) => void (leapt += Number(ms)),
  now: () => clock.now(),
  hold: (name) => {
    let open = () => {};
    const opened = new Promise<void>((resolve) => open = resolve);
    gates[name] = { open, opened };
  },
  free: (name) => gates[name].open(),
  /** Day jobs that are due begin. */
  days: () => void days.tick(),
  tables,
  files,
  /** All that was taken is detected and archived. */
  finish: async () => {
    await guardian.caughtUp();
    await guardian.archiver.flush();
    return (await guardian.stats()).lake;
  },
};

const server = Deno.serve(
  { hostname: "127.0.0.1", port: 0, automaticCompression: true, onListen: ({ port }) => console.log(`http://127.0.0.1:${port}`) },
  (request) => app.fetch(request),
);
let text = "";
for await (const piece of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  const lines = (text + piece).split("\n");
  text = lines.pop()!;
  for (const line of lines) {
    const [order, argument = ""] = line.split(" ");
    console.log(JSON.stringify(await orders[order](argument) ?? null));
  }
}
slow = {};
service.feed.close("stopping");
await Promise.race([server.shutdown(), wait(5_000)]);
await days.close();
await guardian.stop();
hooked[Symbol.dispose]();
// Connections of clients that read nothing keep a server from ending.
Deno.exit(0);
