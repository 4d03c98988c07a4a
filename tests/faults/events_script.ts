// A small life of the product, over which calls to storage are failed: events come in, anomalies are found, the lake is written, a person
// gives a verdict, the log is trimmed, and it is stopped and opened again. What comes out must not depend on what failed in between.

import assert from "node:assert/strict";
import { type Days, openDays } from "../../jobs/mod.ts";
import { endpoints } from "../../routes/mod.ts";
import { GuardianError } from "../../src/errors.ts";
import { Guardian } from "../../src/guardian.ts";
import { lakeRows, readManifest, tables, verifyLake } from "../../src/lake/mod.ts";
import type { LogLine } from "../../src/log_line.ts";
import { Admission } from "../../src/web/admission.ts";
import { makeApp } from "../../src/web/app.ts";
import { makeService } from "../../src/web/service.ts";
import { TestClock } from "../support/clock.ts";
import { clicks, closing, LOOPBACK, ndjson, T0 } from "../web/lab.ts";
import type { NthCall } from "./nth_call.ts";

/** One request, sent until it is taken. */
interface Order {
  readonly path: string;
  readonly method: string;
  readonly body: string;
  readonly key?: string;
}

const withIds = (name: string, events: object[]) => events.map((event, i) => ({ ...event, event_id: `${name}-${i}` }));
const order = (body: string, key?: string): Order => ({ path: "/events", method: "POST", body, key });

/** A bot by key; others by event ids, with purchases; a late click and a line that is refused; what closes all windows; a verdict. */
const orders: readonly Order[] = [
  order(ndjson(clicks("bot", 60)), "first"),
  order(ndjson(withIds("second", [
    ...clicks(11, 3),
    ...clicks("twelve", 2, T0 + 3_600_000),
    { kind: "purchase", session_id: 11, timestamp: T0 + 5_000, item_id: 7, price: 12.5, quantity: 2 },
  ]))),
  order(ndjson(closing(T0 + 7_200_000)), "third"),
  order(`${ndjson(clicks("late", 2))}{"session_id": 1}\n`, "fourth"),
  order(`{"session_id": 2}\n`, "fifth"),
  { path: "/sessions/bot/feedback", method: "POST", body: JSON.stringify({ verdict: "human" }) },
];

/** The API of a product, without a port. */
export interface App {
  fetch(request: Request): Promise<Response>;
  close(): void;
}

export function appOf(guardian: Guardian, days: Days, clock: TestClock, logLine: LogLine): App {
  const service = makeService({ guardian, days, clock, logLine, access: LOOPBACK, futureMs: 0, admission: new Admission() });
  const app = makeApp(service, endpoints);
  return { fetch: async (request) => await app.fetch(request), close: () => service.feed.close("stopping") };
}

export type Result = Readonly<Record<string, unknown>>;

/** heal: while the server runs, or once it was stopped and is opened again. */
export async function liveOn(data: string, calls: NthCall, heal: "running" | "stopped"): Promise<Result> {
  const clock = new TestClock(Date.UTC(2014, 3, 8, 12));
  const lines: string[] = [];
  const logLine: LogLine = (level, event, fields = {}) => lines.push(`${level} ${event} ${JSON.stringify(fields)}`);
  const left = [...orders];
  const open = () => Guardian.open({ data, clock, logLine, partitions: 2, retention: { keepMs: 0, keepBytes: 0 }, archiveIntervalMs: 1e9 });
  calls.armed = true;
  let guardian: Guardian;
  try {
    guardian = await open();
  } catch (failure) {
    assertClear(failure);
    assert.ok(calls.failed > 0);
    if (calls.fault.on) calls.armed = false;
    guardian = await open();
  }
  const asked = await live(guardian, left, calls, logLine, clock);
  calls.mendedAt = calls.kinds.length;
  if (calls.fault.on && heal === "running") calls.armed = false;
  if (!calls.fault.on || heal === "running") {
    // Whoever was told to come again does so, and all goes on without a restart.
    await asked(1);
    assert.deepEqual(left, []);
    await works(guardian, calls);
  }
  await withinTime("a stop", guardian.stop());
  calls.armed = false;
  guardian = await open();
  try {
    const again = await live(guardian, left, calls, logLine, clock);
    await again(0);
    assert.deepEqual(left, []);
    await works(guardian, calls);
    assert.equal(guardian.health().status, "ok", JSON.stringify(guardian.health()));
    return await resultOf(guardian);
  } catch (failure) {
    throw new Error(`${failure instanceof Error ? failure.message : failure}\n${lines.slice(-20).join("\n")}`, { cause: failure });
  } finally {
    await guardian.stop();
  }
}

/** Starts, and sends what is left; then all that goes on by itself is done by hand. Returns what sends the rest. */
async function live(guardian: Guardian, left: Order[], calls: NthCall, logLine: LogLine, clock: TestClock) {
  guardian.start();
  const days = openDays(guardian, { timezone: "UTC", runAt: "03:00", currency: "EUR" });
  const app = appOf(guardian, days, clock, logLine);
  const send = async (failuresMax: number) => {
    let failures = 0;
    for (let at = 0; at < left.length;) {
      const { path, method, body, key } = left[at];
      const headers = { "content-type": path === "/events" ? "application/x-ndjson" : "application/json" };
      const request = new Request(`http://localhost${path}`, {
        method,
        body,
        headers: key ? { ...headers, "idempotency-key": key } : headers,
      });
      const response = await withinTime("an answer", app.fetch(request));
      const answer = await response.json();
      if (response.ok) {
        left.splice(at, 1);
        continue;
      }
      assert.ok(calls.failed > 0, JSON.stringify(answer));
      assert.deepEqual([response.status, answer.code], [503, "storage_failing"], JSON.stringify(answer));
      assertClear(new GuardianError(answer.code, answer.detail));
      assert.ok(response.headers.has("retry-after"));
      // Refused lines are kept once the events are in the log, whose state that says nothing of.
      const hasRefused = key === "fourth" || key === "fifth";
      if (path === "/events" && !hasRefused) assert.equal(guardian.health().parts.log.status, "failing", "health tells it too");
      failures++;
      // One that comes again at once, and the others once the storage is mended.
      if (failures > failuresMax && calls.armed) at++;
    }
  };
  await send(calls.fault.on ? 0 : 1);
  await stepped(guardian, calls);
  app.close();
  return send;
}

/** What goes on by itself, each as far as storage lets it. */
async function stepped(guardian: Guardian, calls: NthCall): Promise<void> {
  let tries = 0;
  const failing = () => calls.failed > 0 && calls.armed && calls.fault.on && (guardian.engine.failing !== null || ++tries > 500);
  await withinTime("the engine", reached(guardian, failing));
  for (const step of [() => guardian.archiver.flush(), () => guardian.intake.checkpoint(), () => guardian.trim()]) {
    try {
      await withinTime("a step", step());
    } catch (failure) {
      assertClear(failure);
      assert.ok(calls.failed > 0);
    }
  }
}

async function reached(guardian: Guardian, failing: () => boolean): Promise<void> {
  const { log, engine } = guardian;
  while (Array.from({ length: log.partitions }, (_, p) => p).some((p) => engine.stored(p) < log.end(p))) {
    if (failing()) return;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Everything is stored where it belongs, now that nothing fails. */
async function works(guardian: Guardian, calls: NthCall): Promise<void> {
  const { archiver, engine, intake } = guardian;
  for (
    const step of [
      () => guardian.caughtUp(),
      () => archiver.flush(),
      () => engine.bookmark(),
      () => intake.checkpoint(),
      () => guardian.trim(),
    ]
  ) {
    try {
      await withinTime("a step", step());
    } catch (failure) {
      assertClear(failure);
      assert.ok(calls.armed && calls.failed > 0);
      await withinTime("a step", step()); // a fault that comes once may come here
    }
  }
}

export async function resultOf(guardian: Guardian): Promise<Result> {
  const { duck, state, deadLetters, lateEvents, anomalies, feedback } = guardian;
  const rows: string[] = [];
  const manifest = await readManifest(state);
  for (const table of tables) {
    for await (const some of lakeRows(duck, manifest, table)) {
      for (const row of some) {
        const plain = Object.entries(row).filter(([name]) => !name.startsWith("_"));
        rows.push(`${table} ${plain.map(([name, value]) => `${name}=${value instanceof Date ? value.toISOString() : value}`).join(" ")}`);
      }
    }
  }
  const { findings } = await verifyLake({ kv: state, duck, log: guardian.log });
  const { lake, total_events, events_by_kind, late_events, dead_letters, total_anomalies, total_sessions } = await guardian.stats();
  return {
    rows: rows.sort(),
    anomalies: (await Array.fromAsync(anomalies.all(["provisional", "confirmed", "retracted"]))).map((anomaly) => JSON.stringify(anomaly)),
    counts: { rows: lake.rows, total_events, events_by_kind, late_events, dead_letters, total_anomalies, total_sessions },
    kept: [anomalies.kept, anomalies.feed, feedback.count, deadLetters.kept, lateEvents.kept],
    dead: (await deadLetters.list(100)).items.map(({ seq, line, message }) => `${seq} ${line} ${message}`),
    late: (await lateEvents.list(100)).items.length,
    findings,
    unfinished: (await Array.fromAsync(Deno.readDir(`${duck.lakeFolder}/.tmp`))).length,
  };
}

/** An error with a code of storage, a reason, and what to do about it. */
export function assertClear(failure: unknown): void {
  if (!(failure instanceof GuardianError)) throw failure;
  assert.ok(["storage_failing", "folder_unusable"].includes(failure.code), `${failure.code}: ${failure.message}`);
  assert.match(failure.message, /^Cannot [^:]+: .*(No space left|disk is full|output error).*; .+/s);
}

export async function withinTime<T>(what: string, work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setInterval> | undefined;
  // An interval, as waits are cut short here.
  const late = new Promise<never>((_, reject) =>
    timer = setInterval(() => reject(new Error(`${what} has not come in 20 seconds`)), 20_000)
  );
  try {
    return await Promise.race([work, late]);
  } finally {
    clearInterval(timer);
  }
}
