// The engine over a real log and real stores: whatever crashes or fails on the way, what is stored in the end is what the oracle says,
// each change once, and `detected_at` as first written.

import assert from "node:assert/strict";
import { EngineRunner } from "../../src/engine/runner.ts";
import { encode } from "../../src/event/codec.ts";
import { KvLog } from "../../src/log/kv_log.ts";
import { silent } from "../../src/log_line.ts";
import { AnomalyStore } from "../../src/store/anomalies.ts";
import { LateEventStore } from "../../src/store/late_events.ts";
import type { Anomaly } from "../../src/detect/anomaly.ts";
import { TestClock } from "../support/clock.ts";
import { failingKv, type Faults } from "../support/failing_kv.ts";
import { batches } from "./batches.ts";
import { random, randomStream, recount, type StreamEntry } from "./oracle.ts";

const STREAMS = Math.min(200, Number(Deno.env.get("GUARDIAN_TEST_STREAMS") ?? 1000) / 10);

/** The last word of the oracle on each window: status, clicks, items, the click that tipped it. */
function lastWords(anomalies: readonly string[]): Map<string, string> {
  const last = new Map<string, [number, string]>();
  for (const text of anomalies) {
    const [offset, status, type, lane, session, start, clicks, items, tipped] = text.split("|");
    const key = [type, lane, session, start].join("|");
    if ((last.get(key)?.[0] ?? -1) <= Number(offset)) last.set(key, [Number(offset), [status, clicks, items, tipped].join("|")]);
  }
  return new Map([...last].map(([key, [, words]]) => [key, words]));
}

function wordsOf(anomaly: Anomaly): [string, string] {
  const { anomaly_type, lane, session_id, window_start, status, click_count, unique_items, event_time } = anomaly;
  return [
    [anomaly_type, lane, session_id, Date.parse(window_start)].join("|"),
    [status, click_count, unique_items, Date.parse(event_time)].join("|"),
  ];
}

/** A process over the file: what it has in memory, how storage fails it, and how it dies. */
async function process(file: Deno.Kv, log: KvLog, clock: TestClock) {
  const faults: Faults = { fail: "no" }, state = failingKv(file, faults);
  const store = await AnomalyStore.open(state, clock), late = await LateEventStore.open(state);
  const engine = await EngineRunner.open(log, state, store, late, clock, silent, 50);
  return { faults, store, late, engine, dies: new AbortController() };
}

Deno.test(`runner stores what the oracle says over ${STREAMS} streams with crashes and failing commits`, async () => {
  let crashes = 0, failures = 0, anomalies = 0;
  for (let seed = 1; seed <= STREAMS; seed++) {
    const next = random(seed);
    const stream: StreamEntry[] = randomStream(seed).map((entry) => "mark" in entry ? entry : { ...entry, arrival: 0 });
    const clock = new TestClock(1_700_000_000_000);
    const file = await Deno.openKv(":memory:");
    const log = await KvLog.open(await Deno.openKv(":memory:"), 1, clock);
    // The log gives the arrival, so the oracle has to be told the same one.
    const arrivals: StreamEntry[] = [];
    let { faults, store, late, engine, dies } = await process(file, log, clock);
    const detected = new Map<string, string>();
    for (const batch of batches(stream, 1 + Math.floor(next() * 40))) {
      clock.wall = Math.max(1_400_000_000_000, batch.eventTime[0] + Math.floor(next() * 4_000));
      clock.passed += next() < 0.05 ? 700_000 : Math.floor(next() * 400);
      const { arrival } = await log.append([{ batch, bytes: encode(batch) }]);
      for (const entry of stream.slice(batch.firstOffset, batch.firstOffset + batch.count)) {
        arrivals.push("mark" in entry ? entry : { ...entry, arrival });
      }
      if (next() < 0.7) {
        if (next() < 0.05) faults.fail = next() < 0.5 ? "before" : "after";
        const working = engine.catchUp(dies.signal);
        if (faults.fail !== "no") {
          failures++;
          const failing = faults;
          setTimeout(() => failing.fail = "no", 1);
        }
        await working;
        faults.fail = "no";
      }
      if (next() < 0.03) {
        // A crash: all memory is gone, with or without a bookmark made just before, and nothing of it reaches the file any more.
        crashes++;
        if (next() < 0.5) await engine.bookmark();
        else await new Promise((resolve) => setTimeout(resolve, 1));
        faults.fail = "before";
        dies.abort();
        ({ faults, store, late, engine, dies } = await process(file, log, clock));
      }
      for await (const anomaly of store.all(["provisional", "confirmed", "retracted"])) {
        assert.equal(detected.get(anomaly.anomaly_id) ?? anomaly.detected_at, anomaly.detected_at, `seed ${seed}: detected_at stays`);
        detected.set(anomaly.anomaly_id, anomaly.detected_at);
      }
    }
    await engine.catchUp();
    await engine.bookmark();
    const want = recount(arrivals);
    const stored = new Map<string, string>();
    for await (const anomaly of store.all(["provisional", "confirmed", "retracted"])) stored.set(...wordsOf(anomaly));
    assert.deepEqual(new Map([...stored].sort()), new Map([...lastWords(want.anomalies)].sort()), `seed ${seed}`);
    const confirmed = [...stored.values()].filter((words) => words.startsWith("confirmed")).length;
    assert.equal(store.total, confirmed, `seed ${seed}: counts are of confirmed ones, each once`);
    assert.equal(engine.counters.late, want.late.length, `seed ${seed}`);
    assert.equal(late.kept, want.late.length, `seed ${seed}: late events are kept once`);
    anomalies += stored.size;
    log.close();
    file.close();
  }
  assert.ok(
    crashes > STREAMS / 2 && failures > STREAMS / 2 && anomalies > STREAMS,
    `${crashes} crashes, ${failures} failures, ${anomalies} anomalies`,
  );
});
