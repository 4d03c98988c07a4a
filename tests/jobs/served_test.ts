// What is there to be read stays there while a later try is under way or has failed.

import assert from "node:assert/strict";
import { finishedDays, inputsOf, servedBy } from "../../jobs/due.ts";
import { type Run, RunBook } from "../../src/store/runs.ts";

function run(date: string, state: Run["state"], number: number, served?: number | null): Run {
  return {
    number,
    job: "daily_metrics",
    date,
    state,
    trigger: "schedule",
    tries: 1,
    started: 0,
    ended: null,
    retryAt: null,
    rows: null,
    error: null,
    reads: {},
    inputs: null,
    flagged: 0,
    settings: { timezone: "UTC", currency: "" },
    leftOut: [],
    holder: "test",
    served,
  };
}

Deno.test("a day stays finished while it is run again and when that fails, and no longer when it has become empty", () => {
  const cases: [Run["state"], number | null | undefined, number | null][] = [
    ["succeeded", 7, 7],
    ["succeeded", undefined, 7],
    ["running", 5, 5],
    ["waiting", 5, 5],
    ["failed", 5, 5],
    ["failed", null, null],
    ["running", undefined, null],
    ["skipped", null, null],
  ];
  for (const [state, served, want] of cases) {
    const book = new RunBook([run("2026-01-01", "succeeded", 1, 1), run("2026-01-02", state, 7, served)]);
    assert.equal(servedBy(book.get("2026-01-02", "daily_metrics")!), want, `${state} ${served}`);
    assert.deepEqual(finishedDays(book), want === null ? ["2026-01-01"] : ["2026-01-01", "2026-01-02"], `${state} ${served}`);
  }
});

Deno.test("what a job reads does not change while the day before it is run again in vain", () => {
  const good = new RunBook([run("2026-01-02", "succeeded", 5, 5)]), failed = new RunBook([run("2026-01-02", "failed", 9, 5)]);
  for (const job of ["session_funnel", "summary"] as const) {
    assert.equal(inputsOf(good, job, "2026-01-02"), inputsOf(failed, job, "2026-01-02"), job);
  }
  assert.notEqual(
    inputsOf(good, "summary", "2026-01-02"),
    inputsOf(new RunBook([run("2026-01-02", "succeeded", 9, 9)]), "summary", "2026-01-02"),
  );
});
