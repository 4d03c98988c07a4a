// The same events in many orders give the same anomalies, the same lake and the same figures of the days: through HTTP, the log, the engine,
// the archiver and the day jobs, in one partition or four, with a restart in the middle or without.
//
// GUARDIAN_TEST_ORDERS: how many orders (CI 200); every GUARDIAN_TEST_ORDERS_DAYS-th has its days counted as well.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { type Days, openDays, resultTables } from "../../jobs/mod.ts";
import { endpoints } from "../../routes/mod.ts";
import { openAccess } from "../../src/access/access.ts";
import { Guardian } from "../../src/guardian.ts";
import { lakeRows, readManifest } from "../../src/lake/mod.ts";
import { limits } from "../../src/limits.ts";
import { silent } from "../../src/log_line.ts";
import { traffics } from "../../src/store/results.ts";
import { makeApp } from "../../src/web/app.ts";
import { makeService } from "../../src/web/service.ts";
import { random } from "../engine/oracle.ts";
import { TestClock } from "../support/clock.ts";
import { tell } from "../support/proof.ts";
import { DATES, MIDNIGHT, order, recounted, type Request, type Sent, stream } from "./orders.ts";

const ORDERS = Number(Deno.env.get("GUARDIAN_TEST_ORDERS") ?? 8);
const EVERY_DAYS = Number(Deno.env.get("GUARDIAN_TEST_ORDERS_DAYS") ?? 4);

const AT_ONCE = 3;

/** What must be the same for all orders, each part as one hash, and what the parts say for people. */
interface Outcome {
  readonly anomalies: string[];
  readonly lake: string;
  readonly rows: number;
  readonly days: string | null;
}

const sha256 = (lines: readonly string[]) => createHash("sha256").update(lines.join("\n")).digest("hex");
const asText = (_: string, value: unknown) => typeof value === "bigint" ? String(value) : value;

async function anomaliesOf(guardian: Guardian): Promise<string[]> {
  const { items } = await guardian.anomalies.list({ limit: 1000, statuses: ["confirmed"], order: "window" });
  return items.map(({ anomaly_id, anomaly_type, session_id, window_start, window_end, click_count, rule_version }) =>
    JSON.stringify([anomaly_id, anomaly_type, session_id, window_start, window_end, click_count, rule_version])
  ).sort();
}

async function lakeOf({ state, duck }: Guardian): Promise<string[]> {
  const lines: string[] = [];
  for (const table of ["raw_clicks", "raw_purchases"] as const) {
    for await (const rows of lakeRows(duck, await readManifest(state), table)) {
      for (const row of rows) lines.push(JSON.stringify([table, ...Object.entries(row).filter(([name]) => !name.startsWith("_"))], asText));
    }
  }
  return lines.sort();
}

async function daysOf(days: Days): Promise<string> {
  const { failed, days: ran } = await days.backfill();
  assert.deepEqual([failed, ran], [[], DATES]);
  const lines: string[] = [];
  for (const table of Object.keys(resultTables)) {
    for (const date of DATES) {
      for (const traffic of traffics) {
        const result = await days.results.get(table, date, traffic);
        lines.push(JSON.stringify([table, date, traffic, result?.rows ?? null], asText));
      }
    }
  }
  assert.ok(lines.filter((line) => !line.endsWith("null]")).length > 12, "there are results");
  return sha256(lines);
}

/** Sends one order to a new product, and says what came of it. */
async function outcome(
  requests: readonly Request[],
  events: readonly Sent[],
  options: { partitions: number; restarts: readonly number[]; days: boolean },
): Promise<Outcome> {
  const data = await Deno.makeTempDir({ prefix: "guardian-order-" });
  const clock = new TestClock(MIDNIGHT + 48 * 3_600_000);
  const open = async () => {
    const guardian = await Guardian.open({ data, clock, logLine: silent, partitions: options.partitions, lingerMs: 0 });
    guardian.start({ shown: false });
    const days = openDays(guardian, { timezone: "UTC", runAt: "03:00", currency: "EUR" });
    const access = openAccess();
    const service = makeService({ guardian, days, clock, logLine: silent, access, futureMs: 24 * 3_600_000 });
    return { guardian, days, service, app: makeApp(service, endpoints) };
  };
  let now = await open();
  const close = async (finish: boolean) => {
    now.service.feed.close("stopping");
    await now.days.close();
    await now.guardian.stop(finish);
  };
  let accepted = 0;
  const post = async ({ key, events }: Request) => {
    const body = events.map((event) => JSON.stringify(event)).join("\n");
    const headers: HeadersInit = key === null ? {} : { "idempotency-key": key };
    const answer = await now.app.fetch(new Request("http://localhost/events", { method: "POST", body, headers }));
    const told = await answer.json();
    assert.deepEqual([answer.status, told.rejected, told.accepted + told.duplicates], [202, 0, events.length]);
    accepted += told.accepted;
  };
  try {
    for (const [i, request] of requests.entries()) {
      if (options.restarts.includes(i)) {
        await close(i % 2 === 0);
        now = await open();
      }
      await post(request);
    }
    assert.equal(accepted, events.length, "each event once");
    // What closes all windows is of a time that no day is asked for.
    await post({
      key: null,
      events: Array.from({ length: 64 }, (_, i) => ({ session_id: 9_000_000 + i, timestamp: MIDNIGHT + 30 * 3_600_000, item_id: 1 })),
    });
    await now.guardian.caughtUp();
    await now.guardian.archiver.flush();
    assert.equal((await now.guardian.stats()).late_events, 0);
    const lake = await lakeOf(now.guardian);
    return {
      anomalies: await anomaliesOf(now.guardian),
      lake: sha256(lake),
      rows: lake.length - 64,
      days: options.days ? await daysOf(now.days) : null,
    };
  } finally {
    await close(false);
    await Deno.remove(data, { recursive: true });
  }
}

Deno.test(`anomalies, lake and figures are the same when the same events come in ${ORDERS} orders within the lateness`, async () => {
  const seed = Number(Deno.env.get("GUARDIAN_TEST_SEED") ?? crypto.getRandomValues(new Uint32Array(1))[0] >>> 1);
  console.log(`seed ${seed}`);
  const events = stream(seed), next = random(seed);
  const plans = Array.from({ length: ORDERS }, (_, i) => {
    const requests = order(events, seed + 1 + i);
    const restarts = next() < 0.3 ? [1 + Math.floor(next() * (requests.length - 1))] : [];
    return { i, requests, restarts, partitions: next() < 0.5 ? 1 : 4, days: i % EVERY_DAYS === 0 };
  });
  const done: { plan: (typeof plans)[number]; result: Outcome }[] = [];
  const left = plans.values();
  // Several products at a time, each with a folder of its own: most of an order is waiting for the disk.
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (const plan of left) done.push({ plan, result: await outcome(plan.requests, events, plan) });
  }));
  const { result: first } = done.find(({ plan }) => plan.i === 0)!;
  for (const { plan, result } of done) {
    const told = `order ${plan.i} of seed ${seed}`;
    assert.deepEqual(result.anomalies, first.anomalies, told);
    assert.deepEqual([result.lake, result.rows], [first.lake, events.length], told);
    if (plan.days) assert.equal(result.days, first.days, told);
  }
  const named = first.anomalies.map((line) => JSON.parse(line)).map(([, type, session, start, , clicks]) =>
    `${type} ${session} ${typeof start === "number" ? start : Date.parse(start)} ${clicks}`
  );
  assert.deepEqual(named.sort(), recounted(events), "and they are those of a recount");
  assert.ok(named.length >= 8, `${named.length} anomalies`);
  const sent = plans.flatMap(({ requests }) => requests).reduce((sum, { events }) => sum + events.length, 0);
  tell("order", {
    orders: ORDERS,
    distinct_hashes: new Set(done.map(({ result }) => result.lake + result.anomalies.join())).size,
    events: events.length,
    events_sent: sent,
    duplicates_sent: sent - ORDERS * events.length,
    requests: plans.reduce((sum, { requests }) => sum + requests.length, 0),
    restarts: plans.reduce((sum, { restarts }) => sum + restarts.length, 0),
    orders_with_days_counted: plans.filter(({ days }) => days).length,
    anomalies: named.length,
    lateness_ms: limits.latenessMs,
  });
});
