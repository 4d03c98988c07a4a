// A replay that stops in the middle of its windows: the log may move on without it, and when it goes on its windows have every click.

import assert from "node:assert/strict";
import { type EventBatch, pendingBatch } from "../../src/event/batch.ts";
import { ColumnBuilder } from "../../src/event/batch.ts";
import { ABSENT } from "../../src/event/code.ts";
import { encode } from "../../src/event/codec.ts";
import { EngineRunner } from "../../src/engine/runner.ts";
import { KvLog } from "../../src/log/kv_log.ts";
import { silent } from "../../src/log_line.ts";
import { limits } from "../../src/limits.ts";
import { AnomalyStore } from "../../src/store/anomalies.ts";
import { stateKeys } from "../../src/store/keys.ts";
import { LateEventStore } from "../../src/store/late_events.ts";
import { TestClock } from "../support/clock.ts";
import { batches } from "./batches.ts";

const T0 = Date.UTC(2014, 3, 7);

function clicks(lane: string, session: string, from: number, count: number, gapMs: number): EventBatch {
  const columns = new ColumnBuilder();
  for (let i = 0; i < count; i++) columns.push(0, from + i * gapMs, columns.code(session), columns.code("item one"), ABSENT);
  return { ...pendingBatch(columns, lane, 0), firstOffset: 0, arrival: 0 };
}

async function shop() {
  const clock = new TestClock(T0);
  const state = await Deno.openKv(":memory:");
  const log = await KvLog.open(await Deno.openKv(":memory:"), 1, clock, { keepMs: -1, keepBytes: 0 });
  const open = async () => {
    const anomalies = await AnomalyStore.open(state, clock);
    const engine = await EngineRunner.open(log, state, anomalies, await LateEventStore.open(state), clock, silent, 50);
    return { anomalies, engine };
  };
  const append = async (batch: EventBatch) => await log.append([{ batch, bytes: encode(batch) }]);
  return { clock, state, log, open, append };
}

async function parkedPages(state: Deno.Kv): Promise<number> {
  let pages = 0;
  for await (const _ of state.list({ prefix: stateKeys.parkedOf(0) })) pages++;
  return pages;
}

for (const crash of ["again and again", "never"] as const) {
  Deno.test(`parked lane goes on with every click, when the process dies ${crash}`, async () => {
    const { clock, state, log, open, append } = await shop();
    let { anomalies, engine } = await open();
    const step = async (survives = false) => {
      await engine.catchUp();
      await engine.bookmark();
      if (crash === "again and again" && !survives) ({ anomalies, engine } = await open());
    };
    const live = async (round: number) => await append(clicks("live", `visitor ${round}`, T0 + round * 120_000, 200, 500));
    await append(clicks("replay-a", "bot", T0, 60, 300));
    await step();
    await live(0);
    await step();
    // Two stops of the same replay, each long enough to be parked; the log is trimmed behind it.
    for (let stop = 0; stop < 2; stop++) {
      const heldBefore = engine.needed(0);
      for (let round = 1; round <= 3; round++) {
        clock.pass(limits.parkAfterMs + 1);
        await live(10 * stop + round);
        await step(round < 3);
      }
      assert.ok(engine.needed(0) > heldBefore + 400, `the log is free behind the stopped replay: ${heldBefore}, ${engine.needed(0)}`);
      assert.ok(await parkedPages(state) > 0);
      await log.trim(0, engine.needed(0));
      await append(clicks("replay-a", "bot", T0 + 18_000 + stop * 6_000, 20, 300));
      await step();
    }
    const end = batches([{ lane: "replay-a", mark: "end_mark", time: 0 }], 1)[0];
    await append(end);
    await step();
    const { items } = await anomalies.list({ limit: 100, statuses: ["confirmed"], order: "window", session: "bot" });
    assert.deepEqual(items.map(({ anomaly_type, click_count }) => [anomaly_type, click_count]), [["BOT_LIKE", 100], ["BOT_LIKE", 100]]);
    await append(clicks("live", "last", T0 + 10_000_000, 1, 1));
    await step();
    assert.equal(await parkedPages(state), 0, "what nobody needs is swept");
    log.close();
    state.close();
  });
}
