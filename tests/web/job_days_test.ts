// How the last days stand: by the record of runs and the hours of the lake alone, and over the API.

import assert from "node:assert/strict";
import { dayAfter, type Scene, Zone } from "../../jobs/mod.ts";
import { type Run, RunBook } from "../../src/store/runs.ts";
import { standingOf } from "../../src/web/day_standings.ts";
import { withLab } from "./lab.ts";

const DATE = "2026-01-02", HOUR = `${DATE}T10`;
const settings = { timezone: "UTC", runAt: "03:00", currency: "EUR" };

function run(job: string, state: Run["state"], more: Partial<Run> = {}): Run {
  const base = { number: 1, job, date: DATE, state, trigger: "schedule" as const, tries: 1, started: 0, ended: 1, retryAt: null, rows: 1 };
  const read = { error: null, reads: { [HOUR]: 1 }, inputs: null, flagged: 0, settings, leftOut: [], holder: "test" };
  return { ...base, ...read, ...more };
}

function scene(runs: readonly Run[], hours: readonly [string, number][] = [[HOUR, 1]]): Scene {
  const now = Date.parse("2026-01-03T12:00:00Z");
  return { now, settings, zone: new Zone("UTC"), runs: new RunBook(runs), hours: new Map(hours), flagged: new Map() };
}

Deno.test("a day without figures is not run while the lake has events of it, and without data when it has none", () => {
  const stateOf = (given: Scene) => standingOf(given, DATE, false).state;
  assert.equal(stateOf(scene([])), "not_run");
  assert.equal(stateOf(scene([], [["2026-01-03T00", 1]])), "no_data");
  assert.equal(stateOf(scene([run("daily_metrics", "running")])), "running");
  assert.equal(stateOf(scene([run("daily_metrics", "skipped")])), "no_data");
  assert.equal(stateOf(scene([run("daily_metrics", "skipped")], [[HOUR, 2]])), "not_run", "events came since");
});

Deno.test("a day tells the jobs that failed and the next try of those that wait, beside how its figures stand", () => {
  const waiting = (job: string, retryAt: number) => run(job, "waiting", { retryAt, inputs: "x" });
  const tried = standingOf(
    scene([run("daily_metrics", "succeeded"), waiting("session_funnel", 9_000), waiting("popular_items", 7_000)]),
    DATE,
    true,
  );
  assert.deepEqual(tried, { date: DATE, state: "partial", hasFigures: true, failed: [], retryAt: 7_000 });
  const failed = standingOf(scene([run("daily_metrics", "failed", { served: 1 })]), DATE, true);
  assert.deepEqual(failed, { date: DATE, state: "stale", hasFigures: true, failed: ["daily_metrics"], retryAt: null });
  const never = standingOf(scene([run("daily_metrics", "failed")]), DATE, false);
  assert.deepEqual([never.state, never.failed], ["not_run", ["daily_metrics"]]);
});

Deno.test("the last days are told newest first, each with how it stands", async () => {
  await withLab(async (lab) => {
    const yesterday = dayAfter(new Date().toISOString().slice(0, 10), -1), before = dayAfter(yesterday, -1);
    const clicks = [before, yesterday].map((date) => ({ session_id: 1, timestamp: `${date}T10:00:00Z`, item_id: 1 }));
    await lab.post([clicks[0]]);
    await (await lab.fetch("/jobs/backfill", { method: "POST" })).text();
    await lab.post([clicks[1]]);
    await lab.guardian.archiver.flush();
    const none = { has_figures: false, failed: [], retry_at: null };
    assert.deepEqual(await (await lab.fetch("/jobs/days?limit=3")).json(), [
      { date: yesterday, state: "not_run", ...none },
      { date: before, state: "finished", ...none, has_figures: true },
      { date: dayAfter(before, -1), state: "no_data", ...none },
    ]);
    assert.equal((await (await lab.fetch("/jobs/days")).json()).length, 30);
    assert.equal((await lab.fetch("/jobs/days?limit=0")).status, 400);
  });
});
