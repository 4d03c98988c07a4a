// Bugs are planted in copies of the tree, and the simulation has to find each of them. GUARDIAN_TEST_MUTANTS: how many are tried (0: none,
// as in everyday runs; `all` in CI); GUARDIAN_TEST_MUTANT: the name of the only one. That each can still be planted is looked at always.

import assert from "node:assert/strict";
import { tell } from "../support/proof.ts";
import { runSeeds } from "./many.ts";
import { type Mutant, mutants, plant } from "./mutants.ts";

const tree = new URL("../../", import.meta.url);
const dose = Deno.env.get("GUARDIAN_TEST_MUTANTS") ?? "0";
const only = Deno.env.get("GUARDIAN_TEST_MUTANT");
const SEEDS_MOST = 80;
const EVENTS = 2_500;

async function planted<T>(mutant: Mutant, work: (copy: URL) => Promise<T>): Promise<T> {
  const folder = await Deno.makeTempDir({ prefix: "guardian-mutant-" });
  try {
    return await work(await plant(tree, mutant, folder));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("every planted bug still has its place in the source", async () => {
  for (const { name, changes } of mutants) {
    for (const { file, from, to } of changes) {
      const times = (await Deno.readTextFile(new URL(file, tree))).split(from).length - 1;
      assert.equal(times, 1, `"${name}": ${JSON.stringify(from)} is ${times} times in ${file}`);
      assert.notEqual(from, to, name);
    }
  }
});

Deno.test("planting fails loudly when its text is not in the source", async () => {
  const gone = { name: "gone", changes: [{ file: "src/clock.ts", from: "this text is not there", to: "" }] };
  await assert.rejects(planted(gone, () => Promise.resolve()), /Cannot plant "gone": "this text is not there" is 0 times in src\/clock.ts/);
});

const tried = only !== undefined
  ? mutants.filter(({ name }) => name === only)
  : mutants.slice(0, dose === "all" ? mutants.length : Number(dose));

Deno.test("the simulation finds every planted bug", { ignore: tried.length === 0 }, async () => {
  const missed: string[] = [];
  let seeds = 0;
  const left = tried.values();
  const work = async () => {
    for (const mutant of left) {
      const { found, totals } = await planted(mutant, (copy) => {
        return runSeeds(copy, { first: 0, count: SEEDS_MOST, events: EVENTS, untilFound: true, processes: 1 });
      });
      seeds += totals.seeds ?? 1;
      console.log(`${mutant.name}: ${found.length === 0 ? "NOT FOUND" : `seed ${found[0].seed}: ${found[0].faults[0].slice(0, 160)}`}`);
      if (found.length === 0) missed.push(mutant.name);
    }
  };
  await Promise.all([work(), work()]);
  assert.deepEqual(missed, []);
  tell("planted bugs", { planted: tried.length, found: tried.length - missed.length, seeds_tried: seeds });
});
