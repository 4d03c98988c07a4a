// The scheduler over a simulated clock: what runs, when, in which order, and that nothing else does.

import assert from "node:assert";
import { dayAfter, type Days, jobNames, jobsPerDay, Zone } from "../../jobs/mod.ts";
import { GuardianError } from "../../src/errors.ts";
import { limits } from "../../src/limits.ts";
import { stateKeys } from "../../src/store/keys.ts";
import { type Run, RunStore } from "../../src/store/runs.ts";
import { Lease } from "../../jobs/lease.ts";
import { seededRandom } from "../event/random.ts";
import { type FakeLake, HOUR, lakeTest, MINUTE } from "./fake_lake.ts";

const day = (date: string, ...jobs: readonly string[]) => (jobs.length > 0 ? jobs : jobsPerDay).map((job) => `${date} ${job}`);
const lastly = (date: string) => day(date, "trending", "summary");

async function at(lake: FakeLake, days: Days, time: string): Promise<string[]> {
  lake.clock.wall = Date.parse(time);
  const from = lake.attempts.length;
  await days.tick();
  return lake.told(from);
}

lakeTest("scheduler runs the day before once when the clock reaches run_at", "2025-01-02T00:00:00Z", async (lake) => {
  await lake.addDays("2025-01-01", "2025-01-02");
  const days = lake.days();
  assert.deepEqual(await at(lake, days, "2025-01-02T02:59:59.999Z"), []);
  assert.deepEqual(await at(lake, days, "2025-01-02T03:00:00Z"), [...day("2025-01-01"), ...lastly("2025-01-01")]);
  assert.deepEqual(await at(lake, days, "2025-01-02T03:01:00Z"), []);
  assert.deepEqual(await at(lake, days, "2025-01-02T23:59:00Z"), []);
  assert.equal(lake.flushes, 1);
});

lakeTest("scheduler waits for late events when run_at is midnight", "2025-01-02T00:00:00Z", async (lake) => {
  await lake.addDays("2025-01-01");
  const days = lake.days({ runAt: "00:00" });
  assert.deepEqual(await at(lake, days, "2025-01-02T00:00:09.999Z"), []);
  assert.equal((await at(lake, days, "2025-01-02T00:00:10Z")).length, 5);
});

lakeTest("scheduler sees what a flush brings before it runs a day", "2025-01-02T03:00:00Z", async (lake) => {
  await lake.addDays("2025-01-01");
  lake.onFlush = async () => {
    lake.onFlush = () => Promise.resolve();
    await lake.addDays("2025-01-01", "2024-12-31");
  };
  const days = lake.days();
  await days.tick();
  assert.deepEqual(lake.told(), [...day("2024-12-31"), ...day("2025-01-01"), ...lastly("2025-01-01")]);
  assert.deepEqual((await days.runs.get("2025-01-01", "daily_metrics"))?.reads, { "2025-01-01T09": 2, "2025-01-01T15": 2 });
  assert.equal((await days.status("2025-01-01")).stale, false);
});

lakeTest("scheduler runs nothing while a flush fails, and all once it works", "2025-01-02T03:00:00Z", async (lake) => {
  await lake.addDays("2025-01-01");
  const days = lake.days();
  lake.onFlush = () => Promise.reject(new Error("disk is full"));
  await days.tick();
  assert.deepEqual(lake.told(), []);
  lake.onFlush = () => Promise.resolve();
  await days.tick();
  assert.equal(lake.attempts.length, 5);
});

lakeTest("scheduler catches up oldest first, and makes what spans days once", "2025-01-10T12:00:00Z", async (lake) => {
  const dates = ["2025-01-03", "2025-01-05", "2025-01-07", "2025-01-08"];
  await lake.addDays(...dates);
  await lake.days().tick();
  assert.deepEqual(lake.told(), [...dates.flatMap((date) => day(date)), ...lastly("2025-01-08")]);
});

lakeTest(
  "scheduler tries a failing job 3 more times, 5 minutes apart, and only its dependents wait",
  "2025-01-03T03:00:00Z",
  async (lake) => {
    await lake.addDays("2025-01-01", "2025-01-02");
    const days = lake.days();
    lake.fault = (job, date) => {
      if (job === "daily_metrics" && date === "2025-01-01") throw new Error("no luck");
    };
    assert.deepEqual(await at(lake, days, "2025-01-03T03:00:00Z"), [
      "2025-01-01 daily_metrics failed",
      ...day("2025-01-02"),
      ...lastly("2025-01-02"),
    ]);
    const waiting = await days.runs.get("2025-01-01", "daily_metrics");
    assert.deepEqual([waiting?.state, waiting?.tries, waiting?.error], ["waiting", 1, "no luck"]);
    for (const minute of ["05", "10", "15"]) {
      const before = Date.parse(`2025-01-03T03:${minute}:00Z`) - 1;
      assert.deepEqual(await at(lake, days, new Date(before).toISOString()), []);
      assert.deepEqual(await at(lake, days, `2025-01-03T03:${minute}:00Z`), ["2025-01-01 daily_metrics failed"]);
    }
    assert.deepEqual(await at(lake, days, "2025-01-03T23:00:00Z"), []);
    assert.equal((await days.runs.get("2025-01-01", "daily_metrics"))?.state, "failed");
    assert.equal((await days.runs.tries({ limit: 100, job: "daily_metrics", date: "2025-01-01" })).items.length, 4);
    lake.fault = () => {};
    await lake.addDays("2025-01-01");
    assert.deepEqual((await at(lake, days, "2025-01-03T23:30:00Z")).slice(0, 3), day("2025-01-01"));
  },
);

lakeTest("scheduler leaves other jobs alone when one of a day fails", "2025-01-02T03:00:00Z", async (lake) => {
  await lake.addDays("2025-01-01");
  const days = lake.days();
  lake.fault = (job) => {
    if (job === "session_funnel") throw new Error("no luck");
  };
  await days.tick();
  lake.fault = () => {};
  assert.deepEqual(lake.told().filter((text) => !text.endsWith("failed")), [
    ...day("2025-01-01", "daily_metrics", "popular_items"),
    ...lastly("2025-01-01"),
  ]);
  assert.deepEqual(await at(lake, days, "2025-01-02T03:05:00Z"), day("2025-01-01", "session_funnel"));
});

lakeTest("scheduler runs exactly the day of a late event again, at most hourly", "2025-01-05T03:00:00Z", async (lake) => {
  await lake.addDays("2025-01-02", "2025-01-03", "2025-01-04");
  const days = lake.days();
  await days.tick();
  assert.equal(lake.attempts.length, 11);
  await lake.addHours(Date.parse("2025-01-03T15:00:00Z"));
  for (const date of ["2025-01-02", "2025-01-03", "2025-01-04"]) {
    assert.equal((await days.status(date)).stale, date === "2025-01-03", date);
  }
  assert.deepEqual(await at(lake, days, "2025-01-05T03:59:59Z"), []);
  assert.deepEqual(await at(lake, days, "2025-01-05T04:00:00Z"), [...day("2025-01-03"), ...lastly("2025-01-04")]);
  await lake.addHours(Date.parse("2025-01-03T15:00:00Z"));
  assert.deepEqual(await at(lake, days, "2025-01-05T04:59:00Z"), []);
  assert.deepEqual(await at(lake, days, "2025-01-05T05:00:00Z"), [...day("2025-01-03"), ...lastly("2025-01-04")]);
  assert.deepEqual(await at(lake, days, "2025-01-05T09:00:00Z"), []);
});

lakeTest("scheduler runs the days around an anomaly again when a session is flagged", "2025-01-10T03:00:00Z", async (lake) => {
  const dates = ["2025-01-03", "2025-01-04", "2025-01-05", "2025-01-06", "2025-01-07"];
  await lake.addDays(...dates);
  const days = lake.days();
  await days.tick();
  lake.flaggedChanges.set(Date.parse("2025-01-05T10:00:00Z"), 1);
  const again = await at(lake, days, "2025-01-10T05:00:00Z");
  assert.deepEqual(again, [...dates.slice(1, 4).flatMap((date) => day(date)), ...lastly("2025-01-07")]);
});

lakeTest("scheduler runs every day again when the time zone or the currency changes", "2025-01-10T12:00:00Z", async (lake) => {
  await lake.addDays("2025-01-07", "2025-01-08");
  await lake.days().tick();
  lake.clock.pass(HOUR);
  const from = lake.attempts.length;
  const kathmandu = lake.days({ timezone: "Asia/Kathmandu" });
  await kathmandu.tick();
  assert.deepEqual(lake.told(from), [...day("2025-01-07"), ...day("2025-01-08"), ...lastly("2025-01-08")]);
  lake.clock.pass(HOUR);
  await kathmandu.tick();
  assert.equal(lake.attempts.length, 2 * from);
  await lake.days({ timezone: "Asia/Kathmandu", currency: "USD" }).tick();
  assert.equal(lake.attempts.length, 3 * from);
});

lakeTest("scheduler keeps the figures of a day whose events have left the lake", "2025-01-10T12:00:00Z", async (lake) => {
  await lake.addDays("2025-01-07", "2025-01-08");
  const days = lake.days();
  await days.tick();
  const root = (await lake.kv.get<{ months: Record<string, string> }>(stateKeys.manifestRoot())).value!;
  const key = stateKeys.manifestMonth("2025-01", root.months["2025-01"]);
  const month = (await lake.kv.get<Record<string, unknown>>(key)).value!;
  delete month["2025-01-07"];
  await lake.kv.set(key, month);
  lake.flaggedChanges.set(Date.parse("2025-01-07T10:00:00Z"), 1);
  const other = lake.days();
  assert.deepEqual(await at(lake, other, "2025-01-10T15:00:00Z"), [...day("2025-01-08"), ...lastly("2025-01-08")]);
  await assert.rejects(other.runDay("2025-01-07"), /no longer in the lake; its figures are kept/);
});

for (
  const [zone, date, first] of [
    ["Europe/Berlin", "2025-03-29", "2025-03-30T01:30:00Z"], // 02:30 does not exist: an hour later
    ["Europe/Berlin", "2025-10-25", "2025-10-26T00:30:00Z"], // 02:30 comes twice: the first
    ["Asia/Kathmandu", "2025-06-01", "2025-06-01T20:45:00Z"],
    ["America/St_Johns", "2025-03-08", "2025-03-09T06:00:00Z"], // 02:30 does not exist
    ["America/St_Johns", "2025-11-01", "2025-11-02T06:00:00Z"],
  ]
) {
  lakeTest(`scheduler runs ${date} in ${zone} once, whatever the clocks do at run_at`, "2025-01-01T00:00:00Z", async (lake) => {
    await lake.addHours(Date.parse(`${date}T12:00:00Z`));
    const days = lake.days({ timezone: zone, runAt: "02:30" });
    assert.deepEqual(await at(lake, days, new Date(Date.parse(first) - 1).toISOString()), []);
    assert.equal((await at(lake, days, first)).length, 5);
    for (let minutes = 1; minutes <= 180; minutes += 7) {
      assert.deepEqual(await at(lake, days, new Date(Date.parse(first) + minutes * MINUTE).toISOString()), []);
    }
  });
}

lakeTest("scheduler runs no day twice when the clock is set back across 03:00", "2025-01-02T03:00:00Z", async (lake) => {
  await lake.addDays("2025-01-01");
  const days = lake.days();
  await days.tick();
  assert.deepEqual(await at(lake, days, "2025-01-02T02:30:00Z"), []);
  assert.deepEqual(await at(lake, days, "2025-01-02T03:00:00Z"), []);
  assert.equal(lake.attempts.length, 5);
});

lakeTest("scheduler does not wait for a retry that lies beyond a clock set back", "2025-01-02T03:00:00Z", async (lake) => {
  await lake.addDays("2025-01-01");
  const days = lake.days();
  lake.clock.wall = Date.parse("2035-01-01T00:00:00Z");
  lake.fault = () => {
    throw new Error("no luck");
  };
  await days.tick();
  lake.fault = () => {};
  assert.equal((await at(lake, days, "2025-01-02T03:00:00Z")).length, 5);
});

lakeTest(
  "a year with sleep, failures, clock changes and restarts finishes every day exactly once",
  "2025-01-01T00:00:00Z",
  async (lake) => {
    const random = seededRandom("a year");
    const timezone = "Europe/Berlin", zone = new Zone(timezone);
    const end = Date.parse("2026-01-01T12:00:00Z");
    let archived = lake.clock.now(), failing = 0;
    const failures = new Map<string, number>();
    // Each hour's events arrive in the hour; a flush brings all up to now.
    lake.onFlush = async () => {
      const hours: number[] = [];
      for (let hour = Math.floor(archived / HOUR) * HOUR; hour < lake.clock.now(); hour += 6 * HOUR) hours.push(hour);
      for (let from = 0; from < hours.length; from += 20) await lake.addHours(...hours.slice(from, from + 20));
      archived = lake.clock.now();
    };
    lake.fault = (job, date) => {
      const soFar = failures.get(`${date} ${job}`) ?? 0;
      if (soFar >= 3 || random() > 0.08) return;
      failures.set(`${date} ${job}`, soFar + 1);
      failing++;
      throw new Error("no luck");
    };
    let days = lake.days({ timezone }, "0"), restarts = 0;
    while (lake.clock.now() < end) {
      // The archiver flushes by itself too, some time.
      if (random() < 0.2) await lake.onFlush();
      await days.tick();
      const isWaiting = lake.attempts.slice(-12).some(({ ok, at }) => !ok && lake.clock.now() - at < 20 * MINUTE);
      const sleeps = random() < 0.02;
      const step = sleeps ? Math.floor(random() * 4 * 24 * HOUR) : isWaiting ? MINUTE : Math.floor(random() * 8 * HOUR);
      // The year ends when it ends, so that the last of its days is the newest one.
      lake.clock.pass(Math.min(step, end - lake.clock.now()));
      if (random() < 0.05) days = lake.days({ timezone }, String(++restarts));
    }
    for (let i = 0; i < 20; i++) {
      await days.tick();
      lake.clock.pass(5 * MINUTE);
    }
    console.log(`${lake.attempts.length} tries, ${failing} failures, ${restarts} restarts`);
    assert.ok(failing > 20 && restarts > 20);
    const done = new Map<string, number>();
    for (const [i, { job, date, ok, at }] of lake.attempts.entries()) {
      const name = `${date} ${job}`;
      if (ok) done.set(name, (done.get(name) ?? 0) + 1);
      assert.ok(at >= zone.instantOf(dayAfter(date), "03:00"), `${name} began before it was due`);
      if (job !== "daily_metrics") assert.ok(done.has(`${date} daily_metrics`), `${name} ran before what it depends on`);
      const failed = lake.attempts.slice(0, i).findLast((other) => other.job === job && other.date === date);
      if (failed?.ok === false) assert.ok(at - failed.at >= limits.jobRetryMs, `${name} was tried again too early`);
    }
    const last = zone.dateOf(end);
    for (let date = "2025-01-01"; date < last; date = dayAfter(date)) {
      for (const job of jobsPerDay) assert.equal(done.get(`${date} ${job}`), 1, `${date} ${job}`);
    }
    assert.ok(done.get(`${dayAfter(last, -1)} summary`)! >= 1);
    for (const name of done.keys()) assert.ok(name < last, `${name} has not ended`);
  },
);

lakeTest("two processes on one store never run a job at the same time", "2025-01-05T03:00:00Z", async (lake) => {
  await lake.addDays("2025-01-01", "2025-01-02", "2025-01-03", "2025-01-04");
  const one = lake.days({}, "one"), other = lake.days({}, "other");
  let running = 0;
  lake.fault = async () => {
    assert.equal(++running, 1);
    await other.tick();
    await assert.rejects(other.runDay("2025-01-01"), (error) => error instanceof GuardianError && error.code === "overloaded");
    running--;
  };
  await Promise.all([one.tick(), one.tick()]);
  assert.equal(lake.attempts.length, 14);
  assert.ok(lake.attempts.every(({ holder, ok }) => holder === "one" && ok));
  lake.fault = () => {};
  await other.tick();
  assert.equal(lake.attempts.length, 14);
});

lakeTest("a run whose process died is run again once its lease has run out", "2025-01-02T03:00:00Z", async (lake) => {
  await lake.addDays("2025-01-01");
  await dieIn(lake, "2025-01-01", 1);
  const next = lake.days({}, "next");
  lake.clock.pass(limits.jobLeaseMs - 1);
  await next.tick();
  assert.deepEqual(lake.told(), []);
  lake.clock.pass(1);
  await next.tick();
  assert.equal(lake.attempts.length, 5);
  assert.equal((await next.runs.get("2025-01-01", "daily_metrics"))?.tries, 2);
});

lakeTest("a job that kills its process four times has failed", "2025-01-02T03:00:00Z", async (lake) => {
  await lake.addDays("2025-01-01");
  await dieIn(lake, "2025-01-01", limits.jobTriesMax);
  lake.clock.pass(limits.jobLeaseMs);
  const days = lake.days();
  await days.tick();
  const run = await days.runs.get("2025-01-01", "daily_metrics");
  assert.deepEqual([run?.state, run?.tries], ["failed", 4]);
  assert.match(run!.error!, /the process ended in it, 4 times/);
  assert.deepEqual(lake.told(), []);
});

lakeTest("a holder that lost its lease writes neither results nor record", "2025-01-02T03:00:00Z", async (lake) => {
  await lake.addDays("2025-01-01");
  const slow = lake.days({}, "slow"), quick = lake.days({}, "quick");
  let first = true;
  lake.fault = async () => {
    if (!first) return;
    first = false;
    lake.clock.pass(limits.jobLeaseMs);
    await quick.tick();
  };
  await slow.tick();
  const results = await quick.results.get("daily_metrics", "2025-01-01", "all");
  const run = await quick.runs.get("2025-01-01", "daily_metrics");
  assert.deepEqual([run?.holder, run?.state, run?.tries, results?.meta.run], ["quick", "succeeded", 2, run?.number]);
});

lakeTest("a lease of another that ends far ahead is not waited for: the clock was set back", "2025-01-02T03:00:00Z", async (lake) => {
  await lake.addDays("2025-01-01");
  await lake.kv.set(stateKeys.jobLease(), { holder: "other", until: Date.parse("2035-01-01") });
  await lake.days().tick();
  assert.equal(lake.attempts.length, 5);
});

lakeTest("backfill runs the days of a range by hand, tells its progress and which runs failed", "2025-01-10T12:00:00Z", async (lake) => {
  await lake.addDays("2025-01-03", "2025-01-05", "2025-01-07", "2025-01-10");
  const days = lake.days();
  lake.fault = (job, date) => {
    if (job === "popular_items" && date === "2025-01-05") throw new Error("no luck");
  };
  const told: string[] = [];
  const { days: ran, failed } = await days.backfill("2025-01-04", undefined, ({ done, of, date }) => told.push(`${done}/${of} ${date}`));
  assert.deepEqual(ran, ["2025-01-05", "2025-01-07"]);
  assert.deepEqual(told, ["0/2 2025-01-05", "1/2 2025-01-07", "2/2 2025-01-07"]);
  assert.deepEqual(failed.map(({ job, date, error, trigger }) => [job, date, error, trigger]), [[
    "popular_items",
    "2025-01-05",
    "no luck",
    "hand",
  ]]);
  assert.deepEqual((await days.runDay("2025-01-07")).failed, []);
});

lakeTest("orders by hand that make no sense are refused with the reason", "2025-01-10T12:00:00Z", async (lake) => {
  await lake.addDays("2025-01-03", "2025-01-10");
  const days = lake.days();
  const refused = async (work: Promise<unknown>, code: string, why: RegExp) => {
    await assert.rejects(work, (error) => error instanceof GuardianError && error.code === code && why.test(error.message));
  };
  await refused(days.runDay("2025-02-30"), "invalid_parameter", /"2025-02-30" as a date/);
  await refused(days.runDay("2025-1-3"), "invalid_parameter", /"2025-1-3" as a date/);
  await refused(days.runDay("2025-01-10"), "invalid_parameter", /has not ended in UTC/);
  await refused(days.backfill("2025-01-03", "2035-01-01"), "invalid_parameter", /has not ended/);
  await refused(days.backfill("2025-01-05", "2025-01-03"), "invalid_parameter", /the first is after the last/);
  await refused(days.runDay("2025-01-04"), "not_found", /no events of that day/);
  await refused(days.runJob("session_funnel", "2025-01-03"), "not_found", /it needs daily_metrics/);
  await refused(days.runJob("summary", "2025-01-03"), "not_found", /daily_metrics is not finished/);
  assert.deepEqual(lake.told(), []);
  for (const job of jobNames) assert.equal((await days.runJob(job, "2025-01-03")).state, "succeeded");
});

lakeTest("status says why a day has no figures", "2025-01-10T12:00:00Z", async (lake) => {
  await lake.addDays("2025-01-03", "2025-01-10");
  const days = lake.days();
  const states = () =>
    Promise.all(["2025-01-03", "2025-01-04", "2025-01-10", "2025-01-11"].map(async (date) => (await days.status(date)).state));
  assert.deepEqual(await states(), ["not_run", "no_data", "future", "future"]);
  await days.tick();
  assert.deepEqual(await states(), ["finished", "no_data", "future", "future"]);
});

lakeTest("a stop in the middle of a job leaves it to the next start without counting the try", "2025-01-02T03:00:00Z", async (lake) => {
  await lake.addDays("2025-01-01");
  const days = lake.days();
  let stopping: Promise<void> | undefined;
  lake.fault = () => {
    stopping ??= days.close();
    throw new GuardianError("shutting_down", "Cannot finish: the process is stopping");
  };
  await days.tick();
  await stopping;
  assert.deepEqual(lake.told(), ["2025-01-01 daily_metrics failed"]);
  lake.fault = () => {};
  const next = lake.days({}, "next");
  await next.tick();
  assert.equal((await next.runs.get("2025-01-01", "daily_metrics"))?.tries, 1);
});

lakeTest("the record of runs keeps so many tries and no more", "2025-01-02T03:00:00Z", async (lake) => {
  await lake.addDays("2025-01-01");
  const days = lake.days();
  await lake.kv.set(stateKeys.runNumber(), limits.runTriesMax);
  for (let number = 1; number <= limits.runTriesMax; number++) await lake.kv.set(stateKeys.runTry(number), { number });
  await days.tick();
  let kept = 0;
  for await (const _ of lake.kv.list({ prefix: stateKeys.runTries() })) kept++;
  assert.equal(kept, limits.runTriesMax);
  const page = await days.runs.tries({ limit: 3 });
  assert.deepEqual(page.items.map(({ job }) => job), ["summary", "trending", "popular_items"]);
  assert.deepEqual((await days.runs.tries({ limit: 1, before: page.next! })).items.map(({ job }) => job), ["session_funnel"]);
});

/** Leaves what a process leaves that dies in daily_metrics: a run under way, and a lease. */
async function dieIn(lake: FakeLake, date: string, tries: number): Promise<void> {
  const lease = new Lease(lake.kv, lake.clock, "dead");
  assert.ok(await lease.take());
  const run: Omit<Run, "number"> = {
    job: "daily_metrics",
    date,
    state: "running",
    trigger: "schedule",
    tries,
    started: lake.clock.now(),
    ended: null,
    retryAt: null,
    rows: null,
    error: null,
    reads: {},
    inputs: null,
    flagged: 0,
    settings: { timezone: "UTC", currency: "EUR" },
    leftOut: [],
    holder: "dead",
  };
  assert.ok(await lease.fenced((fence) => new RunStore(lake.kv).begin(run, fence!)));
}
