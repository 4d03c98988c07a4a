// The whole product over simulated storage, clock and network, with faults. One seed can be run again: GUARDIAN_TEST_SIM_SEED=17.
// GUARDIAN_TEST_SIM_SEEDS: how many (10; 300 in CI, 10,000 at length). GUARDIAN_TEST_SIM_EVENTS: events of each (10,000).

import assert from "node:assert/strict";
import { tell } from "../support/proof.ts";
import { KvFile, openMemoryKv } from "./memory_kv.ts";
import { runSeeds } from "./many.ts";
import { hasDays, simulate } from "./simulation.ts";

const seeds = Number(Deno.env.get("GUARDIAN_TEST_SIM_SEEDS") ?? 10);
const events = Number(Deno.env.get("GUARDIAN_TEST_SIM_EVENTS") ?? 10_000);
const one = Deno.env.get("GUARDIAN_TEST_SIM_SEED");
const root = new URL("../../", import.meta.url);

Deno.test("a simulated product loses nothing and doubles nothing whatever fails", { ignore: one !== undefined }, async () => {
  const { found, totals } = await runSeeds(root, { first: 0, count: seeds, events });
  assert.deepEqual(found, [], `run one again with GUARDIAN_TEST_SIM_SEED=${found[0]?.seed} GUARDIAN_TEST_SIM_EVENTS=${events}`);
  assert.equal(totals.seeds, seeds);
  assert.ok(totals.crashes + totals.kills + totals.powerLosses > 0 && totals.rows > 0, "the runs had something to survive");
  tell("simulation", {
    seeds,
    events: totals.events,
    rows: totals.rows,
    anomalies: totals.anomalies,
    starts: totals.starts,
    kills: totals.kills,
    power_losses: totals.powerLosses,
    writes_lost_by_power: totals.dropped,
    stops: totals.stops,
    calls_failed: totals.errors,
    calls_done_but_failed: totals.lost,
    calls_delayed: totals.delays,
    outages: totals.outages,
    clock_jumps: totals.jumps,
    requests_lost: totals.lostRequests,
    answers_lost: totals.lostAnswers,
    requests_doubled: totals.twice,
    divergences: found.length,
  });
});

Deno.test("a simulated product holds its promises at the seed that is asked for", { ignore: one === undefined }, async () => {
  const { faults, counts } = await simulate({ seed: Number(one), events, days: hasDays(Number(one)) });
  console.log(counts);
  assert.deepEqual(faults, []);
});

Deno.test("a simulated run takes the same course when its seed is run again", async () => {
  // One with kills and one with losses of power; none with day jobs, as DuckDB's threads are nobody's to order.
  for (const seed of [3, 16]) {
    const [first, second] = [await simulate({ seed, events: 1_500 }), await simulate({ seed, events: 1_500 })];
    assert.deepEqual(second, first);
    assert.ok(first.counts.crashes > 0, `seed ${seed} has crashes`);
  }
  assert.notEqual((await simulate({ seed: 4, events: 500 })).course, (await simulate({ seed: 5, events: 500 })).course);
});

Deno.test("the simulated KV refuses what the real one refuses when a commit is too much", async () => {
  const kv = openMemoryKv(new KvFile("any"));
  const commit = (count: number, value: unknown) => {
    const atomic = kv.atomic();
    for (let i = 0; i < count; i++) atomic.set(["key", i], value);
    return atomic.commit();
  };
  assert.equal((await commit(1000, 1)).ok, true);
  await assert.rejects(commit(1001, 1), /Too many mutations/);
  await assert.rejects(commit(1, new Uint8Array(65_537)), /Value too large/);
  await assert.rejects(commit(14, new Uint8Array(60_000)), /Total mutation size too large/);
  await assert.rejects(kv.getMany(Array.from({ length: 11 }, (_, i) => ["key", i])), /Too many ranges/);
});

Deno.test("the simulated KV answers as the real one when keys are listed and checks fail", async () => {
  using real = await Deno.openKv(":memory:");
  const simulated = openMemoryKv(new KvFile("any"));
  const told: unknown[][] = [];
  for (const kv of [real, simulated]) {
    const own: unknown[] = [];
    const keys: Deno.KvKey[] = [["a"], ["a", -1.5], ["a", 0], ["a", 2], ["a", 10], ["a", "x"], ["a", "x\0y"], ["a", "x", 1], ["ab"], [
      "a",
      "ä",
    ]];
    for (const key of keys) await kv.set(key, { key: key.length });
    for await (const { key, value } of kv.list({ prefix: ["a"] })) own.push([key, value]);
    for await (const { key } of kv.list({ start: ["a", "x"], end: ["a", 2] }, { reverse: true, limit: 3 })) own.push(key);
    for await (const { key } of kv.list({ prefix: ["a"], end: ["a", 10] })) own.push(key);
    own.push((await kv.atomic().check({ key: ["a"], versionstamp: null }).set(["b"], 1).commit()).ok);
    own.push((await kv.get(["b"])).value);
    await kv.delete(["a", 2]);
    await assert.rejects(kv.list({ start: ["b"], end: ["a"] }).next(), /Start key is greater than end key/);
    own.push((await kv.getMany([["a", 2], ["a", 10]])).map(({ value }) => value));
    told.push(own);
  }
  assert.deepEqual(told[1], told[0]);
});
