// What the product does to its lake by itself, over which calls to storage are failed: files of an hour become one, those that they
// replaced are deleted, and the jobs of a day run. Figures and rows must not depend on what failed in between.

import assert from "node:assert/strict";
import { openDays, resultTables } from "../../jobs/mod.ts";
import { Guardian } from "../../src/guardian.ts";
import { compactLake, deleteRetired } from "../../src/lake/mod.ts";
import { limits } from "../../src/limits.ts";
import { silent } from "../../src/log_line.ts";
import { isStorageFailure } from "../../src/storage_failure.ts";
import { ResultStore, traffics } from "../../src/store/results.ts";
import { TestClock } from "../support/clock.ts";
import { clicks, closing, ndjson, T0 } from "../web/lab.ts";
import { type App, appOf, type Result, resultOf, withinTime } from "./events_script.ts";
import type { NthCall } from "./nth_call.ts";

const HOUR_MS = 3_600_000;
const DAY = "2014-04-07";
const options = (data: string, clock: TestClock) => ({ data, clock, logLine: silent, partitions: 2, archiveIntervalMs: 1e9 });

/** Makes a data folder with a day in its lake: some hours in two files each, and a bot. */
export async function makeDay(data: string): Promise<void> {
  const clock = new TestClock(T0 + HOUR_MS);
  const guardian = await Guardian.open(options(data, clock));
  guardian.start();
  const app = appOf(guardian, openedDays(guardian), clock, silent);
  await posted(app, [...clicks("bot", 60), ...clicks(11, 3)]);
  await guardian.archiver.flush();
  await posted(app, [
    ...clicks("twelve", 2, T0 + 60_000),
    { kind: "purchase", session_id: 11, timestamp: T0 + 70_000, item_id: 7, price: 12.5, quantity: 2 },
    ...closing(T0 + 600_000),
  ]);
  await guardian.caughtUp();
  app.close();
  await guardian.stop();
}

async function posted({ fetch }: App, events: object[]): Promise<void> {
  const response = await fetch(new Request("http://localhost/events", { method: "POST", body: ndjson(events) }));
  assert.equal(response.status, 202, await response.text());
}

function openedDays(guardian: Guardian) {
  return openDays(guardian, { timezone: "UTC", runAt: "03:00", currency: "EUR" }, { holder: "test" });
}

/** heal: as in the other script. */
export async function keepLake(data: string, calls: NthCall, heal: "running" | "stopped"): Promise<Result> {
  const clock = new TestClock(Date.UTC(2014, 3, 8, 3));
  let guardian = await Guardian.open(options(data, clock));
  guardian.start();
  let days = openedDays(guardian);
  const round = async () => {
    const lake = { kv: guardian.state, duck: guardian.duck, clock, logLine: silent, force: true };
    for (const step of [() => compactLake(lake), () => deleteRetired(lake)]) {
      clock.pass(limits.retiredKeepMs + 1);
      await withinTime("housekeeping", step() as Promise<unknown>).catch((failure) => {
        assert.ok(isStorageFailure(failure), failure); // told in a log line
        assert.ok(calls.failed > 0);
      });
    }
    clock.pass(limits.jobRetryMs);
    await withinTime("the day's jobs", days.tick());
  };
  calls.armed = true;
  await round();
  // However long it lasts: as often as would make a job that fails by itself fail for good.
  if (calls.fault.on && calls.failed > 0) { for (let again = 0; again <= limits.jobTriesMax; again++) await round(); }
  calls.mendedAt = calls.kinds.length;
  if (heal === "stopped") {
    await days.close();
    await withinTime("a stop", guardian.stop());
    calls.armed = false;
    guardian = await Guardian.open(options(data, clock));
    guardian.start();
    days = openedDays(guardian);
  }
  try {
    if (calls.fault.on) calls.armed = false;
    await round();
    calls.armed = false;
    return { ...await resultOf(guardian), ...await dayOf(guardian, days) };
  } finally {
    await days.close();
    await guardian.stop();
  }
}

async function dayOf({ state, duck }: Guardian, { runs }: ReturnType<typeof openedDays>): Promise<Result> {
  const results = new ResultStore(state);
  const figures: Record<string, unknown> = {};
  for (const table of Object.keys(resultTables)) {
    for (const traffic of traffics) figures[`${table} ${traffic}`] = (await results.get(table, DAY, traffic))?.rows ?? null;
  }
  const states = [...(await runs.book()).all()].map(({ job, date, state }) => `${job} ${date} ${state}`).sort();
  const files: string[] = [];
  const walk = async (folder: string) => {
    for await (const { name, isDirectory } of Deno.readDir(`${duck.lakeFolder}/${folder}`)) {
      if (isDirectory) await walk(`${folder}/${name}`);
      // A part file has the number of its change in its name; here it matters how many there are.
      else files.push(`${folder}/${name}`.replace(/\d+(?=\.parquet)/, "#"));
    }
  };
  for (const folder of ["raw_clicks", "raw_purchases", "results"]) await walk(folder);
  return { figures, states, files: files.sort() };
}
