// The engine over many sessions at a time: panes that grow, shrink and are used again, words that are dropped, and more than may be held.

import assert from "node:assert/strict";
import { noEffects } from "../../src/engine/effects.ts";
import { LIVE } from "../../src/event/batch.ts";
import { Pane } from "../../src/engine/pane.ts";
import { PartitionState } from "../../src/engine/step.ts";
import { CLICK } from "../../src/event/kind.ts";
import { batches } from "./batches.ts";
import { line, random, recount, type StreamEntry, type StreamEvent } from "./oracle.ts";

const T0 = Date.UTC(2026, 0, 1), PANE = 30_000;
/** A fiftieth of GUARDIAN_TEST_STREAMS. */
const SQUEEZES = Math.ceil(Number(Deno.env.get("GUARDIAN_TEST_STREAMS") ?? 1000) / 50);

function click(session: string, time: number, item: string): StreamEvent {
  return { lane: "replay-crowd", arrival: 0, kind: CLICK, time, session, item };
}

/** A few hundred to a few sessions a pane, by turns, with bots among them; 2% of the clicks up to 8 s late. texts: whether ids are texts. */
function crowd(seed: number, texts: boolean): StreamEntry[] {
  const next = random(seed), below = (n: number) => Math.floor(next() * n), clicks: { at: number; event: StreamEvent }[] = [];
  const add = (who: number, time: number, what: number) => {
    const id = texts ? `visitor ${who}` : String(who);
    clicks.push({ at: time + (next() < 0.02 ? below(8000) : 0), event: click(id, time, texts ? `item ${what}` : String(what)) });
  };
  for (let pane = 0; pane < 14; pane++) {
    const start = T0 + pane * PANE, sessions = [700, 700, 20, 3, 300][(pane + seed) % 5];
    for (let i = 0; i < sessions; i++) add(1000 * pane + below(sessions), start + below(PANE), below(500));
    for (let i = 0, busy = below(30) + 15; i < busy; i++) add(7, start + below(PANE), below(9));
    if (pane % 3 === 0) { for (let i = 0; i < 55; i++) add(8 + pane, start + 10_000 + i * 150, below(40)); }
    if (pane % 4 === 1) { for (let i = 0; i < 130; i++) add(9 + pane, start + i * 420, i % 4); }
  }
  clicks.sort((a, b) => a.at - b.at);
  return [...clicks.map(({ event }) => event), { lane: "replay-crowd", mark: "end_mark", time: 0 }];
}

for (const texts of [false, true]) {
  Deno.test(`step equals a naive recount when panes grow, shrink and are used again, ids being ${texts ? "texts" : "integers"}`, () => {
    for (let seed = 1; seed <= 4; seed++) {
      const stream = crowd(seed, texts), want = recount(stream), state = new PartitionState(0, { wordsMax: 64 }), effects = noEffects();
      for (const batch of batches(stream, 300)) state.step(batch, effects);
      const told = effects.anomalies.map((e) =>
        line(e.offset, e.status, e.rule.type, e.lane, e.session, e.windowStart, e.clicks, e.uniqueItems, e.tippedAt, e.evidence)
      );
      assert.deepEqual(told.sort(), want.anomalies, `seed ${seed}`);
      assert.ok(want.anomalies.length > 10 && state.counters.evicted === 0, `seed ${seed}`);
    }
  });
}

for (const beyond of [-1, 0, 1]) {
  Deno.test(`a pane forgets the sessions with the fewest clicks when it has ${beyond} beyond what it may, and a bot never`, () => {
    const paneSessionsMax = 64, others = paneSessionsMax - 1 + beyond, state = new PartitionState(0, { paneSessionsMax });
    const stream = Array.from({ length: 49 }, (_, i) => click("bot", T0 + i * 10, String(i)));
    for (let who = 0; who < others; who++) for (let i = 0; i <= who % 20; i++) stream.push(click(String(who), T0 + 1000 + who, String(i)));
    stream.push(click("bot", T0 + 5000, "49"));
    const effects = noEffects();
    for (const batch of batches(stream, 10)) state.step(batch, effects);
    assert.deepEqual(effects.anomalies.map(({ session, clicks, uniqueItems }) => [session, clicks, uniqueItems]), [["bot", 50, 50]]);
    assert.equal(state.counters.evicted > 0, beyond > 0);
  });
}

/** Live clicks of a few sessions that crowd small panes: some merely seen, some near a limit, some beyond, some far ahead of their arrival. */
function squeeze(seed: number): StreamEntry[] {
  const next = random(seed), below = (n: number) => Math.floor(next() * n), clicks: { at: number; event: StreamEvent }[] = [];
  for (let pane = 0; pane < 6; pane++) {
    for (let who = 0; who < 14; who++) {
      const count = [0, 1, 1, 2, 20, 26, 31, 49, 52, 110][below(10)], items = [3, 40][below(2)];
      for (let i = 0; i < count; i++) {
        const arrival = T0 + pane * PANE + below(PANE),
          time = arrival + (next() < 0.05 ? 6 * 60_000 : 0) - (next() < 0.05 ? below(40_000) : 0);
        const id = who % 2 === 0 ? String(who) : `visitor ${who}`;
        clicks.push({ at: arrival, event: { ...click(id, time, String(below(items))), lane: LIVE, arrival } });
      }
    }
  }
  return clicks.sort((a, b) => a.at - b.at).map(({ event }) => event);
}

Deno.test("what is forgotten depends on the log alone, wherever restarts fall", () => {
  let evicted = 0, confirmed = 0;
  for (let seed = 1; seed <= SQUEEZES; seed++) {
    const stream = squeeze(seed), all = batches(stream, 1), next = random(seed);
    const most = { paneSessionsMax: 5 + seed % 5, paneHotSessionsMax: 2 + seed % 3, paneAheadSessionsMax: 1 + seed % 3, wordsMax: 16 };
    const run = (isRestarted: (batch: number) => boolean) => {
      const told: string[] = [];
      let state = new PartitionState(0, most);
      const step = (at: number) => {
        const effects = noEffects();
        state.step(all[at], effects);
        for (const e of effects.anomalies) {
          told.push(
            line(e.offset, e.status, e.rule.type, e.lane, e.session, e.windowStart, e.clicks, e.uniqueItems, e.tippedAt, e.evidence),
          );
        }
      };
      for (let at = 0; at < all.length; at++) {
        step(at);
        if (!isRestarted(at)) continue;
        state = PartitionState.from(structuredClone(state.bookmark()), 0, most);
        while (state.position <= at) step(state.position);
      }
      return { told, evicted: state.counters.evicted };
    };
    const want = run(() => false), got = run(() => next() < 0.01);
    assert.deepEqual(got, want, `seed ${seed}`);
    evicted += want.evicted;
    confirmed += want.told.filter((text) => text.includes("|confirmed|")).length;
  }
  assert.ok(evicted > 10 * SQUEEZES && confirmed > SQUEEZES, `${evicted} evicted, ${confirmed} confirmed`);
});

Deno.test("a window reports once, however many sessions a pane may not keep crowd it", () => {
  const state = new PartitionState(0, { paneHotSessionsMax: 2 }), effects = noEffects(), stream: StreamEvent[] = [];
  const clicks = (session: string, count: number, from: number) => {
    for (let i = 0; i < count; i++) stream.push({ ...click(session, from + i, "1"), lane: LIVE, arrival: T0 });
  };
  for (let round = 0; round < 3; round++) for (const who of ["1", "2", "3", "4", "5"]) clicks(who, 60, T0 + 100 * round);
  stream.push({ ...click("9", T0 + 3 * PANE, "1"), lane: LIVE, arrival: T0 + 3 * PANE });
  for (const batch of batches(stream, 10)) state.step(batch, effects);
  const told = effects.anomalies.map(({ status, rule, session, windowStart }) => `${status} ${rule.type} ${session} ${windowStart}`);
  assert.equal(new Set(told).size, told.length, told.join());
  const ended = effects.anomalies.filter(({ status }) => status !== "provisional").length;
  assert.ok(ended > 0 && told.length === 2 * ended, told.join());
  assert.ok(["1", "2"].every((bot) => effects.anomalies.some(({ session, status }) => session === bot && status === "confirmed")));
});

Deno.test("bots far ahead of their arrival are found, as many as are kept there, and all others cost no more than they send", () => {
  const most = { paneAheadSessionsMax: 32 }, state = new PartitionState(0, most), effects = noEffects(), ahead = T0 + 20 * PANE;
  const stream: StreamEvent[] = [];
  for (let who = 0; who < 200; who++) {
    for (let i = 0; i < 60; i++) stream.push({ ...click(String(who), ahead + i, "1"), lane: LIVE, arrival: T0 });
  }
  for (const batch of batches(stream, 100)) state.step(batch, effects);
  const found = new Set(effects.anomalies.map(({ session }) => session));
  assert.deepEqual([...found], ["0", "1"]);
  assert.ok(state.lanes.get(LIVE)!.sessions <= 8, `${state.lanes.get(LIVE)!.sessions} kept`);
  assert.ok(state.counters.evicted > 150);
});

Deno.test("a pane full of sessions near a limit costs no look at all of them a click, and newcomers in it are found", () => {
  const most = { paneSessionsMax: 10_000, paneHotSessionsMax: 64, paneAheadSessionsMax: 100 }, state = new PartitionState(0, most);
  const stream: StreamEvent[] = [];
  for (let round = 0; round < 31; round++) for (let who = 0; who < 200; who++) stream.push(click(String(who), T0 + round, String(who)));
  for (let i = 0; i < 60; i++) stream.push(click("bot", T0 + 5000 + i, "1"));
  const effects = noEffects();
  const inserts = countRebuilds();
  try {
    for (const batch of batches(stream, 100)) state.step(batch, effects);
    assert.deepEqual(effects.anomalies.map(({ session, clicks }) => [session, clicks]), [["bot", 50]]);
    assert.ok(inserts.count > 1 && inserts.count < stream.length / 25, `${inserts.count} times for ${stream.length} clicks`);
  } finally {
    inserts.stop();
  }
});

/** Counts how often a pane is made anew of what stays. */
function countRebuilds(): { count: number; stop(): void } {
  const forget = Pane.prototype.forget, counted = { count: 0, stop: () => void (Pane.prototype.forget = forget) };
  Pane.prototype.forget = function (...given) {
    counted.count++;
    return forget.apply(this, given);
  };
  return counted;
}
