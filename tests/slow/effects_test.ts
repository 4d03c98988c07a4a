// A log full of late events, and storage that does not answer: the engine has no more effects in hand than its limit and those of a batch.

import assert from "node:assert/strict";
import { setImmediate as nextTurn } from "node:timers/promises";
import { EngineRunner } from "../../src/engine/runner.ts";
import { encode } from "../../src/event/codec.ts";
import { limits } from "../../src/limits.ts";
import { silent } from "../../src/log_line.ts";
import { KvLog } from "../../src/log/kv_log.ts";
import type { AnomalyStore } from "../../src/store/anomalies.ts";
import type { LateEventStore } from "../../src/store/late_events.ts";
import { batches } from "../engine/batches.ts";
import type { StreamEvent } from "../engine/oracle.ts";
import { TestClock } from "../support/clock.ts";

const BATCHES = 16, EVENTS = 1_000, TURNS = 200;
const T0 = Date.UTC(2026, 0, 1);

Deno.test("EngineRunner has no more effects waiting than the limit and those of one batch when storage does not answer", async () => {
  using kv = await Deno.openKv(":memory:");
  const clock = new TestClock(T0), log = await KvLog.open(kv, 1, clock);
  const event = (time: number): StreamEvent => ({ lane: "replay-a", arrival: T0, kind: 0, time, session: "7", item: "1" });
  const stream = [event(T0), ...Array.from({ length: BATCHES * EVENTS }, (_, i) => event(T0 - 3_600_000 + i))];
  for (const batch of batches(stream, EVENTS)) await log.append([{ batch, bytes: encode(batch) }]);
  const gate = Promise.withResolvers<void>();
  let late = 0, most = 0;
  const anomalies = { apply: () => gate.promise } as unknown as AnomalyStore;
  const lateEvents = {
    add: async (_: number, events: readonly unknown[]) => {
      late += events.length;
      await gate.promise;
    },
  } as unknown as LateEventStore;
  using state = await Deno.openKv(":memory:");
  const engine = await EngineRunner.open(log, state, anomalies, lateEvents, clock, silent);
  const caughtUp = (async () => {
    while (engine.position(0) < log.end(0)) await engine.catchUp();
    await engine.bookmark();
  })();
  for (let turn = 0; turn < TURNS; turn++) {
    most = Math.max(most, engine.effectsWaiting);
    await nextTurn();
  }
  assert.ok(most > 0 && most <= limits.effectsWaitingMax + EVENTS, `${most} effects waited`);
  gate.resolve();
  await caughtUp;
  assert.equal(late, BATCHES * EVENTS, "each is stored once");
});
