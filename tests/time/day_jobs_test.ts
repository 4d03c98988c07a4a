// Day jobs while the wall clock jumps: before a tick, between a tick and a run, and in the middle of a run. Over days of 23, 24.5 and 25 hours,
// ends of months and years and a 29 February, no day is left out, and none is counted twice for the same events.

import assert from "node:assert/strict";
import { dayAfter, jobsPerDay, Zone } from "../../jobs/mod.ts";
import { limits } from "../../src/limits.ts";
import { FakeLake, HOUR } from "../jobs/fake_lake.ts";
import { random } from "../engine/oracle.ts";
import { calendarOf } from "../jobs/recount.ts";
import { oddDays } from "../jobs/shop.ts";
import { tell } from "../support/proof.ts";
import { Product } from "./product.ts";

const DAY = 24 * HOUR;
const ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"] as const;
/** Stretches with a change of the clocks in some of the zones, the end of a month, of a year, and a 29 February. */
const STRETCHES = [["2024-02-27", "2024-03-03"], ["2024-03-08", "2024-03-12"], ["2024-03-29", "2024-04-09"], ["2024-10-04", "2024-10-08"], [
  "2024-10-25",
  "2024-11-05",
], ["2024-12-29", "2025-01-03"]] as const;
const SEEDS = Number(Deno.env.get("GUARDIAN_TEST_CLOCKS") ?? 1);

/** Local days of a stretch, the last one left out. */
function datesOf([from, to]: readonly [string, string]): string[] {
  const dates: string[] = [];
  for (let date: string = from; date < to; date = dayAfter(date)) dates.push(date);
  return dates;
}

Deno.test("every day is counted once for its events when the wall clock jumps at any moment around a tick or a run", async () => {
  let days = 0, jumps = 0, runs = 0;
  const seed = Number(Deno.env.get("GUARDIAN_TEST_SEED") ?? crypto.getRandomValues(new Uint32Array(1))[0] >>> 1);
  console.log(`seed ${seed}`);
  const next = random(seed);
  for (let round = 0; round < SEEDS; round++) {
    for (const name of ZONES) {
      for (const stretch of STRETCHES) {
        const zone = new Zone(name), dates = datesOf(stretch);
        const start = zone.spanOf(dates[0]).start, end = zone.spanOf(stretch[1]).start;
        const lake = await FakeLake.open(start);
        const told = `${name}, ${stretch.join(" to ")}, seed ${seed}, round ${round}`;
        try {
          // True time goes on by itself; the wall clock is off by `off`. Events of an hour come in that hour of true time.
          let truth = start, off = 0, archived = start;
          const jump = (at: "tick" | "flush" | "run") => {
            if (next() > (at === "tick" ? 0.3 : 0.15)) return;
            off = off !== 0 ? 0 : next() < 0.5 ? -HOUR : DAY;
            lake.clock.wall = truth + off;
            jumps++;
          };
          lake.onFlush = async () => {
            const hours: number[] = [];
            for (let hour = Math.ceil(archived / (3 * HOUR)) * 3 * HOUR; hour < Math.min(truth, end); hour += 3 * HOUR) hours.push(hour);
            if (hours.length > 0) await lake.addHours(...hours);
            archived = Math.max(archived, truth);
            jump("flush");
          };
          lake.fault = () => jump("run");
          const scheduler = lake.days({ timezone: name, runAt: "02:30" });
          while (truth < end + 2 * DAY) {
            jump("tick");
            lake.clock.wall = truth + off;
            // The archiver flushes by itself too, some time.
            if (next() < 0.4) await lake.onFlush();
            await scheduler.tick();
            truth += 90 * 60_000 + Math.floor(next() * 4 * HOUR);
            lake.clock.wall = truth + off;
          }
          lake.fault = () => {};
          await lake.onFlush();
          lake.onFlush = () => Promise.resolve();
          off = 0;
          // The clock is right again, and nothing more comes.
          for (let i = 0; i < 4; i++) {
            lake.clock.wall = truth += 2 * limits.jobStaleMs;
            await scheduler.tick();
          }
          const before = lake.attempts.length;
          lake.clock.wall = truth += 2 * limits.jobStaleMs;
          await scheduler.tick();
          assert.equal(lake.attempts.length, before, `${told}: it comes to rest`);
          for (const date of dates) {
            for (const job of jobsPerDay) {
              const { state } = (await scheduler.runs.get(date, job))!;
              assert.equal(state, "succeeded", `${told}: ${job} of ${date}`);
            }
            assert.equal((await scheduler.status(date)).stale, false, `${told}: ${date}`);
            days++;
          }
          runs += await assertNoneTwice(scheduler.runs, told);
        } finally {
          lake.close();
        }
      }
    }
  }
  tell("time: day jobs when clocks jump", {
    zones: ZONES.length,
    days,
    jumps_around_day_jobs: jumps,
    runs_of_days: runs,
    runs_twice_for_the_same_events: 0,
  });
});

/** No two finished runs of a day read the same events. Returns how many there were. */
async function assertNoneTwice(
  runs: { tries(page: { limit: number }): Promise<{ items: readonly Run[] }> },
  told: string,
): Promise<number> {
  const { items } = await runs.tries({ limit: 1000 });
  const counted = items.filter(({ job, state }) => job === "daily_metrics" && state === "succeeded");
  const seen = counted.map(({ date, reads, flagged }) => JSON.stringify([date, reads, flagged]));
  const twice = seen.filter((one, i) => seen.indexOf(one) !== i);
  assert.deepEqual(twice, [], `${told}: counted twice for the same events`);
  return counted.length;
}

type Run = { job: string; state: string; date: string; reads: unknown; flagged: number };

for (const jump of [-HOUR, DAY, -DAY]) {
  Deno.test(`a run is recorded once when the clock jumps by ${jump / HOUR} hours in it and another process looks for work`, async () => {
    const lake = await FakeLake.open(Date.parse("2025-01-02T03:00:00Z"));
    try {
      await lake.addDays("2025-01-01");
      const one = lake.days({}, "one"), other = lake.days({}, "other");
      let first = true;
      lake.fault = async () => {
        if (!first) return;
        first = false;
        lake.clock.wall += jump;
        await other.tick();
      };
      await one.tick();
      lake.clock.wall = Date.parse("2025-01-02T04:00:00Z");
      await one.tick();
      await other.tick();
      const { items } = await one.runs.tries({ limit: 100 });
      const done = items.filter(({ state }) => state === "succeeded").map(({ job, date }) => `${date} ${job}`);
      assert.equal(new Set(done).size, done.length, "none twice");
      for (const job of jobsPerDay) assert.ok(done.includes(`2025-01-01 ${job}`), job);
    } finally {
      lake.close();
    }
  });
}

for (const name of ZONES.slice(0, 3)) {
  Deno.test(`figures of days in ${name} count each event in its own day when days have 23, 24.5 or 25 hours`, async () => {
    const zone = new Zone(name), dateOf = calendarOf(name);
    await Product.with(Date.UTC(2025, 5, 1), async (product) => {
      const want = new Map<string, number>();
      for (const date of [...oddDays(name, 2024), "2024-02-29", "2024-12-31"]) {
        const { start, end } = zone.spanOf(date);
        const events: object[] = [];
        // On, just before and just after every half hour, so that each edge of a day is met.
        for (let at = start; at < end; at += HOUR / 2) {
          for (const timestamp of [at, at + 1, at + HOUR / 2 - 1]) {
            events.push({ session_id: 1 + (events.length % 50), timestamp, item_id: 7 });
            want.set(dateOf(timestamp), (want.get(dateOf(timestamp)) ?? 0) + 1);
          }
        }
        assert.equal((await product.post(events)).accepted, events.length);
      }
      const { days, failed } = await product.days.backfill();
      // Where days begin at half past, a day without events is looked at besides when it shares an hour with one that has some.
      assert.deepEqual([[...want.keys()].filter((date) => !days.includes(date)), failed], [[], []]);
      for (const date of days) {
        const result = await product.days.results.get("daily_metrics", date, "all");
        assert.equal(
          Number(result?.rows[0]?.total_clicks ?? 0),
          want.get(date) ?? 0,
          `${date} has ${(zone.spanOf(date).end - zone.spanOf(date).start) / HOUR} h`,
        );
      }
      const hours = [...want.keys()].map((date) => (zone.spanOf(date).end - zone.spanOf(date).start) / HOUR);
      tell("time: days of 23 to 25 hours", {
        zone: name,
        days: want.size,
        events: [...want.values()].reduce((sum, n) => sum + n, 0),
        days_not_of_24_hours: hours.filter((h) => h !== 24).length,
      });
    }, name);
  });
}
