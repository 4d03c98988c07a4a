// Part files of the lake, cut short and with flipped bits, one damage at a time over a product that runs: each is named by `verify`, and no
// reader takes any of it as good. Once the bytes are back, all answers are those of before.

import assert from "node:assert/strict";
import { readDayInput } from "../../jobs/day_input.ts";
import { Zone } from "../../jobs/mod.ts";
import { type Part, verifyLake } from "../../src/lake/mod.ts";
import { tell } from "../support/proof.ts";
import {
  type Answer,
  answersOf,
  DAYS,
  doseOf,
  flips,
  type Harm,
  makeShop,
  openShop,
  partsOf,
  randomFrom,
  servedAsGood,
  type Shop,
  truncations,
} from "./shop_folder.ts";

const SEED = 20_140_407;
/** Every so many damages all questions are asked, of which else one in turn; and the readers that take long as well. */
const ALL_EVERY = 10, SLOW_EVERY = 40;

interface Tally {
  named: number;
  answers: number;
  days: number;
  exports: number;
}

Deno.test("a part file that is cut short or has a flipped bit is named, and never served as good", async () => {
  const random = randomFrom(SEED), data = await makeShop();
  const shop = await openShop(data, false);
  const tally: Tally = { named: 0, answers: 0, days: 0, exports: 0 };
  const cuts = truncations(doseOf(144)), bits = flips(doseOf(200), random);
  try {
    const good = await answersOf(shop), parts = await partsOf(shop);
    assert.ok(parts.length >= 8, "several parts");
    for (const [i, make] of [...cuts, ...bits].entries()) {
      const part = parts[i % parts.length], path = `${shop.guardian.duck.lakeFolder}/${part.file}`;
      const whole = await Deno.readFile(path), harm = make(whole.length);
      await Deno.writeFile(path, harm.apply(whole));
      try {
        await checkDamaged(shop, part, harm, good, tally, i);
      } finally {
        await Deno.writeFile(path, whole);
      }
    }
    assert.deepEqual(await answersOf(shop), good, "as before once the bytes are back");
    assert.deepEqual((await verifyLake(optionsOf(shop))).findings, []);
    assert.equal(shop.guardian.health().status, "ok", "what is whole again is no longer told");
  } finally {
    await shop.close();
    await Deno.remove(data, { recursive: true });
  }
  tell("files damaged: parts of the lake", { truncated: cuts.length, bits_flipped: bits.length, ...tally, served_as_good: 0 });
});

function optionsOf({ guardian: { state: kv, duck, log, logFile } }: Shop) {
  return { kv, duck, log, logFile };
}

async function checkDamaged(
  shop: Shop,
  part: Part,
  { what }: Harm,
  good: ReadonlyMap<string, Answer>,
  tally: Tally,
  turn: number,
): Promise<void> {
  const slow = turn % SLOW_EVERY === 0, all = slow || turn % ALL_EVERY === 0;
  const asked = all ? undefined : [turn];
  const told = `${part.file}: ${what}`, named = new RegExp(part.file.replaceAll(".", "\\."));
  const { findings } = await verifyLake(optionsOf(shop));
  assert.deepEqual(findings.map(({ file }) => file), [part.file], told);
  assert.match(findings[0].mend, /from the log/);
  tally.named++;
  const answers = await answersOf(shop, [], asked);
  assert.deepEqual(servedAsGood(shop, answers, good, named), [], told);
  tally.answers += answers.size;
  const health = shop.guardian.health();
  const read = [...answers.values()].some(({ body }) => named.test(body));
  if (read) assert.ok(health.status === "degraded" && health.damage.pieces.some(({ what }) => what === part.file), told);
  const input = await readDayInput(shop.guardian.state, shop.guardian.duck.lakeFolder, new Zone("UTC"), part.dt);
  assert.deepEqual(input.leftOut, [part.file], told);
  assert.ok(input.parts.every(({ file }) => file !== part.file), told);
  if (!slow) return;
  const exported = await shop.fetch(`/export/${part.table}?format=ndjson&start_date=${part.dt}&end_date=${part.dt}`);
  assert.equal(exported.status, 503, told);
  assert.match(await exported.text(), named);
  const other = DAYS.find((date) => date !== part.dt)!;
  const whole = await shop.fetch(`/export/${part.table}?format=ndjson&start_date=${other}&end_date=${other}`);
  assert.equal(whole.status, 200, `${told}: the other day goes on`);
  await whole.body?.cancel();
  tally.exports++;
  const [run] = (await shop.service.days.runDay(part.dt)).runs;
  assert.ok(run.state !== "succeeded" || run.leftOut.includes(part.file), told);
  tally.days++;
}
