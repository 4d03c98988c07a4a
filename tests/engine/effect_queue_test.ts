// The way of effects into storage: order, what waits together, where the engine has to wait, and what a failure leaves.

import assert from "node:assert/strict";
import { highFrequency } from "../../src/detect/rules.ts";
import { EffectQueue } from "../../src/engine/effect_queue.ts";
import type { AnomalyEffect, Effects, LateEffect } from "../../src/engine/effects.ts";
import { Retries } from "../../src/engine/retries.ts";
import { GuardianError } from "../../src/errors.ts";

function anomaly(offset: number): AnomalyEffect {
  return {
    offset,
    ordinal: 0,
    status: "confirmed",
    rule: highFrequency,
    lane: "live",
    partition: 0,
    session: "s",
    windowStart: 0,
    clicks: 60,
    uniqueItems: 3,
    uniqueItemsCapped: false,
    tippedAt: 0,
    evidence: [],
  };
}

function late(offset: number): LateEffect {
  return { offset, lane: "live", partition: 0, session: "s", item: null, eventTime: 0, watermark: 0, arrival: 0 };
}

/** A queue over stores that note what they are asked, and end when they are told to. */
function lab(most?: number) {
  const asked: unknown[] = [], waiting: { end: () => void; fail: (failure: unknown) => void }[] = [];
  const work = () => new Promise<void>((end, fail) => waiting.push({ end, fail }));
  const anomalies = {
    apply(effects: readonly AnomalyEffect[]) {
      asked.push(effects.map(({ offset }) => offset));
      return work();
    },
  };
  const lateEvents = {
    add(partition: number, events: readonly LateEffect[]) {
      asked.push(["late", partition, ...events.map(({ offset }) => offset)]);
      return work();
    },
  };
  const lines: unknown[] = [];
  const retries = new Retries((...line) => lines.push(line));
  const queue = new EffectQueue(anomalies, lateEvents, retries, [0, 0, 0], most);
  const caused = (given: Partial<Effects>): Effects => ({ anomalies: [], late: [], ...given });
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  return {
    queue,
    asked,
    retries,
    turn,
    add: (partition: number, position: number, given: Partial<Effects> = {}, signal?: AbortSignal) =>
      queue.add(partition, position, caused(given), signal),
    stored: () => [0, 1, 2].map((partition) => queue.stored(partition)),
    /** Ends the oldest piece of work, and lets what follows begin. */
    async end() {
      waiting.shift()!.end();
      await turn();
    },
    async fail(failure: unknown) {
      waiting.shift()!.fail(failure);
      await turn();
    },
  };
}

Deno.test("EffectQueue stores what is alone at once, and what gathers meanwhile together, in the order of each partition", async () => {
  const { queue, asked, add, end, stored } = lab();
  add(2, 5);
  assert.deepEqual([stored(), asked], [[0, 0, 5], []], "nothing caused, nothing to wait for");
  add(0, 10, { anomalies: [anomaly(3)] });
  add(1, 20, { anomalies: [anomaly(12)], late: [late(11)] });
  add(0, 30, { anomalies: [anomaly(15), anomaly(16)] });
  add(1, 40);
  add(2, 6);
  assert.deepEqual([stored(), asked], [[0, 0, 5], [[3]]]);
  await end();
  assert.deepEqual([stored(), asked.slice(1)], [[10, 0, 5], [["late", 1, 11]]], "2 goes on with the lot in which it came");
  await end();
  assert.deepEqual([stored(), asked.slice(2)], [[10, 0, 5], [[12, 15, 16]]]);
  await end();
  await queue.settled();
  assert.deepEqual([stored(), asked.length], [[30, 40, 6], 3]);
});

Deno.test("EffectQueue has room below its limit of effects that wait, and none at it", async () => {
  for (const [waiting, has] of [[3, true], [4, false], [5, false]] as const) {
    const { queue, add, end, turn } = lab(4);
    add(0, 1, { anomalies: [anomaly(0)] });
    add(1, 1, { late: [late(0)] });
    add(1, waiting, { anomalies: Array.from({ length: waiting - 1 }, (_, i) => anomaly(i)) });
    let hasRoom = false;
    const room = queue.room().then(() => hasRoom = true);
    await turn();
    assert.equal(hasRoom, has, `${waiting} wait`);
    for (let i = 0; i < 3; i++) await end();
    await room;
  }
});

Deno.test("EffectQueue tries again what storage refuses, says so meanwhile, and moves on when it works", async () => {
  const { queue, asked, add, end, fail, stored, retries } = lab();
  add(0, 10, { anomalies: [anomaly(3)] });
  await fail(new GuardianError("storage_failing", "Cannot store: the disk is full"));
  assert.deepEqual([stored()[0], retries.failing], [0, "Cannot store: the disk is full"]);
  while (asked.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  await end();
  await queue.settled();
  assert.deepEqual([asked, stored()[0], retries.failing], [[[3], [3]], 10, null]);
});

Deno.test("EffectQueue gives up when the process stops, or when it is no fault of storage, and stores nothing more", async () => {
  for (const stops of [true, false]) {
    const { queue, asked, add, fail, stored } = lab();
    const signal = stops ? AbortSignal.abort() : undefined;
    add(0, 10, { anomalies: [anomaly(3)] }, signal);
    await fail(stops ? new GuardianError("storage_failing", "Cannot store: gone") : new Error("a fault"));
    add(0, 20, { anomalies: [anomaly(13)] }, signal);
    await assert.rejects(queue.room());
    await assert.rejects(queue.settled());
    assert.deepEqual([asked.length, stored()], [1, [0, 0, 0]]);
  }
});
