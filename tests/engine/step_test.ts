// The engine against its oracle, over random streams whose seed is printed when they differ.

import assert from "node:assert/strict";
import type { EventBatch } from "../../src/event/batch.ts";
import { noEffects } from "../../src/engine/effects.ts";
import { type Bookmark, PartitionState } from "../../src/engine/step.ts";
import { batches } from "./batches.ts";
import { line, random, randomStream, recount, type StreamEntry } from "./oracle.ts";

const STREAMS = Number(Deno.env.get("GUARDIAN_TEST_STREAMS") ?? 1000);

/** Batches share an arrival where the stream allows it, so that large ones come about. */
function steadyArrivals(stream: readonly StreamEntry[]): StreamEntry[] {
  let arrival = 0;
  return stream.map((entry, i) => {
    if ("mark" in entry) return entry;
    if (i % 97 === 0 || arrival === 0) arrival = entry.arrival;
    return { ...entry, arrival };
  });
}

interface Run {
  anomalies: string[];
  late: string[];
}

function take(run: Run, state: PartitionState, batch: EventBatch): void {
  const effects = noEffects();
  state.step(batch, effects);
  for (const e of effects.anomalies) {
    run.anomalies.push(
      line(e.offset, e.status, e.rule.type, e.lane, e.session, e.windowStart, e.clicks, e.uniqueItems, e.tippedAt, e.evidence),
    );
  }
  for (const e of effects.late) run.late.push(`${e.offset}|${e.lane}|${e.session}|${e.item}|${e.eventTime}`);
}

Deno.test(`step equals a naive recount over ${STREAMS} random streams in batches of 1, 7 and 1,000`, () => {
  let fired = 0, retracted = 0, late = 0;
  for (let seed = 1; seed <= STREAMS; seed++) {
    const stream = steadyArrivals(randomStream(seed));
    const want = recount(stream);
    for (const size of [1, 7, 1000]) {
      const state = new PartitionState(0);
      const run: Run = { anomalies: [], late: [] };
      for (const batch of batches(stream, size)) take(run, state, batch);
      assert.deepEqual(run.anomalies.sort(), want.anomalies, `seed ${seed}, batches of ${size}`);
      assert.deepEqual(run.late, want.late, `seed ${seed}, batches of ${size}`);
    }
    fired += want.anomalies.filter((text) => text.includes("|confirmed|")).length;
    retracted += want.anomalies.filter((text) => text.includes("|retracted|")).length;
    late += want.late.length;
  }
  // The streams have to reach what they are made for.
  assert.ok(fired > STREAMS && retracted > STREAMS / 100 && late > STREAMS, `${fired} confirmed, ${retracted} retracted, ${late} late`);
});

Deno.test(`step goes on from a bookmark anywhere in ${STREAMS} random streams as if there had been no restart`, () => {
  for (let seed = 1; seed <= STREAMS; seed++) {
    const next = random(seed);
    const stream = steadyArrivals(randomStream(seed));
    const want = recount(stream);
    const all = batches(stream, 7);
    const run: Run = { anomalies: [], late: [] };
    let state = new PartitionState(0);
    const restarts = new Set(Array.from({ length: 3 }, () => Math.floor(next() * all.length)));
    let counters = state.counters;
    for (let i = 0; i < all.length; i++) {
      take(run, state, all[i]);
      counters = state.counters;
      if (!restarts.has(i)) continue;
      const bookmark: Bookmark = structuredClone(state.bookmark());
      state = PartitionState.from(bookmark, 0);
      // Other cuts than the first time: batches of 1,000 that reach over the bookmark.
      for (const batch of batches(stream, 1000)) {
        if (batch.firstOffset + batch.count <= state.position || batch.firstOffset >= bookmark.position) continue;
        if (batch.firstOffset + batch.count > bookmark.position) continue;
        if (batch.firstOffset <= state.position) take(run, state, batch);
      }
      for (const batch of all.slice(0, i + 1)) if (batch.firstOffset + batch.count > state.position) take(run, state, batch);
      assert.equal(state.position, bookmark.position, `seed ${seed}`);
      assert.deepEqual(state.counters, counters, `seed ${seed}: counters after a restart`);
    }
    assert.deepEqual(run.anomalies.sort(), want.anomalies, `seed ${seed}, restarts after batches ${[...restarts]}`);
    assert.deepEqual(run.late, want.late, `seed ${seed}, restarts after batches ${[...restarts]}`);
  }
});
