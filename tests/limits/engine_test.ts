// Limits of the engine at their edges: open panes, sessions that are followed, tables that are used again, words, evidence, and the times by
// which windows close. Where a limit is large the engine is given a small one of the same kind.

import assert from "node:assert/strict";
import { noEffects } from "../../src/engine/effects.ts";
import { IdleMarks } from "../../src/engine/idle_marks.ts";
import { Lane } from "../../src/engine/lane.ts";
import { KNOWN_SESSION, Pane, PANE_MS } from "../../src/engine/pane.ts";
import { PartitionState } from "../../src/engine/step.ts";
import { ColumnBuilder, type EventBatch, LIVE, pendingBatch } from "../../src/event/batch.ts";
import { ABSENT } from "../../src/event/code.ts";
import { CLICK } from "../../src/event/kind.ts";
import { atOnce } from "../../src/pieces.ts";
import { limits } from "../../src/limits.ts";
import { TestClock } from "../support/clock.ts";

const EDGES = [-1, 0, 1];
const T0 = Date.UTC(2026, 0, 1);

/** Clicks as [session, time, item], in one batch. */
function batchOf(clicks: readonly (readonly [string, number, string])[], lane = "replay-one", arrival = 0, firstOffset = 0): EventBatch {
  const columns = new ColumnBuilder();
  for (const [session, time, item] of clicks) columns.push(CLICK, time, columns.code(session), columns.code(item), ABSENT);
  return { ...pendingBatch(columns, lane, 0), firstOffset, arrival };
}

/** What the engine makes of batches, one after the other. */
function effectsOf(...batches: readonly EventBatch[]) {
  const state = new PartitionState(0), effects = noEffects();
  for (const batch of batches) state.step(batch, effects);
  return { state, effects };
}

Deno.test("a click is counted as evicted when its pane is one beyond panesMax", () => {
  for (const by of EDGES) {
    const lane = new Lane("replay-one", () => {});
    // The newest first would close nothing either: time stands still, as only `reach` moves it.
    const times = Array.from({ length: limits.panesMax + by }, (_, i) => T0 + i * PANE_MS);
    lane.begin(batchOf(times.map((time) => ["1", time, "1"])), Infinity);
    times.forEach((_, row) => lane.click(row, 1, 1));
    assert.deepEqual([lane.panes, lane.evicted], [limits.panesMax + Math.min(by, 0), Math.max(0, by)], `${by}`);
  }
});

function clickIn(pane: Pane, session: number, hotMax: number = limits.paneHotSessionsMax): void {
  const seen = pane.click(session, 1, 0);
  if (typeof seen !== "number") pane.weigh(seen, hotMax);
}

Deno.test("hot sessions of a pane are forgotten when they are one beyond paneHotSessionsMax, and those that are merely noted stay", () => {
  for (const by of EDGES) {
    const pane = new Pane(), hot = limits.paneHotSessionsMax + by, left: number[] = [];
    pane.reset(T0, 0);
    for (let session = 0; session < hot; session++) for (let i = 0; i < 25 + session % 3; i++) clickIn(pane, session);
    pane.click(-7, 1, 0);
    assert.deepEqual([pane.isFull(limits.paneSessionsMax, limits.paneHotSessionsMax), pane.sessions], [by > 0, hot + 1], `${by}`);
    if (by <= 0) continue;
    const gone = pane.forget(limits.paneSessionsMax, limits.paneHotSessionsMax, ({ clicks }) => (left.push(clicks), false));
    assert.deepEqual([gone, left.length, pane.hot.length], [left.length, left.length, hot - left.length]);
    assert.ok(left.includes(25) && left.includes(26) && !left.includes(27), "those with the fewest clicks");
    assert.ok(pane.hot.length <= limits.paneHotSessionsMax / 2 && pane.sessions === pane.hot.length + 1, `${pane.hot.length} are left`);
    assert.equal(pane.click(-7, 1, 0), KNOWN_SESSION);
    for (let session = hot; pane.hot.length <= limits.paneHotSessionsMax; session++) {
      assert.ok(!pane.isFull(limits.paneSessionsMax, limits.paneHotSessionsMax), `${pane.hot.length} beside those that were left`);
      for (let i = 0; i < 25; i++) clickIn(pane, session);
    }
    assert.ok(pane.isFull(limits.paneSessionsMax, limits.paneHotSessionsMax), "those that were left count");
  }
});

Deno.test("sessions with 50 clicks in a pane are never forgotten, as many as paneHotSessionsMax", () => {
  for (const by of EDGES) {
    const pane = new Pane(), hotMax = 8;
    pane.reset(T0, 0);
    for (let session = 0; session < hotMax + by; session++) for (let i = 0; i < 50; i++) clickIn(pane, session, hotMax);
    for (let session = 100; session < 100 + hotMax + 2; session++) for (let i = 0; i < 60; i++) clickIn(pane, session, hotMax);
    const left: number[] = [];
    assert.ok(pane.isFull(100, hotMax), `${by}`);
    pane.forget(100, hotMax, ({ session }) => (left.push(session), false));
    assert.deepEqual(left.filter((session) => session < hotMax), [], `${by}`);
    assert.equal(left.includes(hotMax), by > 0, `${by}`);
  }
});

Deno.test("sessions of a pane are forgotten when they are one beyond paneSessionsMax", () => {
  for (const by of EDGES) {
    const pane = new Pane(), { paneSessionsMax } = limits, one = pane.sessions;
    pane.reset(T0, 0);
    for (let session = 0; session < paneSessionsMax + by; session++) pane.click(session, 1, 0);
    for (let i = 0; i < 3; i++) pane.click(7, 1, 0);
    assert.deepEqual(
      [one, pane.sessions, pane.isFull(paneSessionsMax, limits.paneHotSessionsMax)],
      [0, paneSessionsMax + by, by > 0],
      `${by}`,
    );
    if (by <= 0) continue;
    assert.equal(pane.forget(paneSessionsMax, limits.paneHotSessionsMax, () => false), paneSessionsMax + by - 1);
    assert.deepEqual([pane.sessions, pane.click(7, 1, 0)], [1, KNOWN_SESSION]);
  }
});

Deno.test("sessions of a pane that begins five minutes after they arrive are forgotten when they are one beyond paneAheadSessionsMax", () => {
  for (const [ahead, isAhead] of [[5 * 60_000, false], [5 * 60_000 + PANE_MS, true]] as const) {
    for (const by of EDGES) {
      const lane = new Lane("live", () => {}), count = limits.paneAheadSessionsMax + by;
      lane.begin(batchOf(Array.from({ length: count }, (_, who) => [String(who), T0 + ahead, "1"])), T0);
      for (let row = 0; row < count; row++) lane.click(row, row, 1);
      assert.deepEqual([lane.evicted, lane.sessions], isAhead && by > 0 ? [count, 0] : [0, count], `${by} at ${ahead}`);
    }
  }
});

Deno.test("a live click that is so far ahead that panesMax would not do is not counted, whatever other panes there are", () => {
  const most = (limits.panesMax - 64) * PANE_MS;
  for (const [ahead, evicted] of [[most, 0], [most + PANE_MS, 1]]) {
    const lane = new Lane("live", () => {});
    lane.begin(batchOf([["1", T0 + ahead, "1"]]), T0);
    lane.click(0, 1, 1);
    assert.deepEqual([lane.evicted, lane.panes], [evicted, 1 - evicted]);
  }
});

Deno.test("tables of closed panes are used again as long as they have paneReuseBytesMax, and let go beyond", () => {
  const empty = new Pane();
  empty.reset(T0, 0);
  const small = empty.bytes, fit = Math.floor(limits.paneReuseBytesMax / small);
  for (const by of EDGES) {
    const lane = new Lane("replay-one", () => {}), open = fit + by;
    const resets = countResets();
    try {
      const rows = (at: number) => Array.from({ length: open }, (_, i): [string, number, string] => ["1", at + i * PANE_MS, "1"]);
      const fill = (at: number) => {
        lane.begin(batchOf(rows(at)), Infinity);
        for (let row = 0; row < open; row++) lane.click(row, 1, 1);
        lane.advance(at + open * PANE_MS + 1e6, 0);
      };
      fill(T0);
      const before = resets.panes.size;
      fill(T0 + 1e9);
      assert.equal(resets.panes.size - before, Math.max(0, by), `${by}: those beyond were made anew`);
    } finally {
      resets.stop();
    }
  }
});

/** Notes which panes are taken into use. */
function countResets(): { panes: Set<Pane>; stop(): void } {
  const panes = new Set<Pane>(), reset = Pane.prototype.reset;
  Pane.prototype.reset = function (...given) {
    panes.add(this);
    reset.apply(this, given);
  };
  return { panes, stop: () => Pane.prototype.reset = reset };
}

Deno.test("words are dropped when they are one beyond engineWordsMax, those of open windows never", () => {
  const { words } = new PartitionState(0);
  for (let i = 0; i < limits.engineWordsMax - 1; i++) words.code(`word ${i}`);
  for (const by of EDGES) {
    assert.equal(words.crowded, by > 0, `${by}`);
    words.code(`one more ${by}`);
  }
  const kept = words.code("word 7"), gone = words.code("word 8");
  atOnce(words.sweep(function* (visit) {
    yield visit(kept);
  }));
  assert.deepEqual([words.text(kept), words.code("word 7"), words.text(gone), words.crowded], ["word 7", kept, "", false]);
});

Deno.test("evidence of an anomaly is the last evidenceMax clicks of its window", () => {
  for (const by of EDGES) {
    // Evidence begins half-way to the limit of a window, at its 25th click.
    const clicks = Array.from({ length: 60 }, (_, i): [string, number, string] => ["7", T0 + i, `${i}`]);
    const { effects } = effectsOf(batchOf(clicks), batchOf([["8", T0 + 100_000, "1"]], "replay-one", 0, 60));
    const shown = effects.anomalies.find(({ status }) => status === "confirmed")!.evidence;
    assert.equal(shown.length, limits.evidenceMax);
    assert.deepEqual(shown.some(({ offset }) => offset === 60 - limits.evidenceMax + by), by >= 0, `${by}`);
  }
});

Deno.test("a window closes when event time is latenessMs beyond its end", () => {
  for (const by of EDGES) {
    const clicks = Array.from({ length: 50 }, (_, i): [string, number, string] => ["7", T0 + i, `${i}`]);
    const { effects } = effectsOf(batchOf(clicks), batchOf([["8", T0 + 10_000 + limits.latenessMs + by, "1"]], "replay-one", 0, 50));
    assert.equal(effects.anomalies.some(({ status }) => status === "confirmed"), by >= 0, `${by}`);
  }
});

Deno.test("a live event moves event time to liveAheadMs after its arrival at the most", () => {
  for (const by of EDGES) {
    const { state } = effectsOf(batchOf([["7", T0 + limits.liveAheadMs + by, "1"]], LIVE, T0));
    assert.equal(state.lanes.get(LIVE)!.newest, T0 + limits.liveAheadMs + Math.min(by, 0), `${by}`);
  }
});

Deno.test("a quiet live lane gets a time mark when idleMs have passed", async () => {
  for (const by of EDGES) {
    const clock = new TestClock(), marks: number[] = [];
    const sources = {
      partitions: 1,
      live: () => ({ newest: T0, open: true }),
      caughtUp: () => true,
      lastLive: () => 0,
      mark: (_: number, time: number) => Promise.resolve(void marks.push(time)),
    };
    const idle = new IdleMarks(sources, clock);
    await idle.tick();
    clock.pass(limits.idleMs + by);
    await idle.tick();
    assert.deepEqual(marks, by < 0 ? [] : [T0 + limits.idleMs + by], `${by}`);
  }
});
