import assert from "node:assert/strict";
import { comparedDays, funnelInWords, lossesInWords, stepsOf } from "../../static/pages/funnel/steps.ts";
import type { FunnelStage } from "../../static/shell/answers.ts";

const stage = (funnel_stage: string, session_count: number, percentage: number, reached: number, reached_rate: number): FunnelStage => ({
  metric_date: "2026-11-21",
  funnel_stage,
  session_count,
  percentage,
  drop_rate: 0,
  reached,
  reached_rate,
});
const stages = [
  stage("Single View", 400, 40, 1000, 100),
  stage("Multi View", 550, 55, 600, 60),
  stage("Purchase", 50, 5, 50, 5),
];
const nobody = stages.map(({ funnel_stage }) => stage(funnel_stage, 0, 0, 0, 0));

Deno.test("funnel steps tell who was lost between a stage and the one before", () => {
  assert.deepEqual(stepsOf(stages).map(({ reached, lost, lostShare }) => [reached, lost, lostShare]), [
    [1000, 0, 0],
    [600, 400, 0.4],
    [50, 550, 550 / 600],
  ]);
});

Deno.test("funnel words say how far sessions came, and where they left", () => {
  const steps = stepsOf(stages);
  assert.equal(funnelInWords(steps), "Of 1,000 sessions 600 (60%) looked more than once or bought, and 50 (5%) bought.");
  assert.deepEqual(lossesInWords(steps), [
    "400 of 1,000 sessions (40%) looked once and left.",
    "550 of the 600 that went on (91.7%) left without buying.",
  ]);
});

Deno.test("funnel words divide by nothing when there was no session", () => {
  const steps = stepsOf(nobody);
  assert.deepEqual(steps.map(({ lostShare }) => lostShare), [null, null, null]);
  assert.equal(funnelInWords(steps), "No session clicked or bought.");
  assert.deepEqual(lossesInWords(steps), []);
});

Deno.test("funnel compares with days of the address, each once, without the chosen one, three at most", () => {
  assert.deepEqual(comparedDays("2026-11-20,2026-11-21,2026-11-20,<b>,2026-13-40,2026-11-19", "2026-11-21"), ["2026-11-20", "2026-11-19"]);
  assert.deepEqual(comparedDays("2026-11-04,2026-11-03,2026-11-02,2026-11-01", "2026-11-21"), ["2026-11-04", "2026-11-03", "2026-11-02"]);
  assert.deepEqual(comparedDays(null, "2026-11-21"), []);
});
