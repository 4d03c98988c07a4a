// The engine over many sessions at a time: panes that grow, shrink and are used again, words that are dropped, and more than may be held.

import assert from "node:assert/strict";
import { noEffects } from "../../src/engine/effects.ts";
import { PartitionState } from "../../src/engine/step.ts";
import { CLICK } from "../../src/event/kind.ts";
import { batches } from "./batches.ts";
import { line, random, recount, type StreamEntry, type StreamEvent } from "./oracle.ts";

const T0 = Date.UTC(2026, 0, 1), PANE = 30_000;

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
