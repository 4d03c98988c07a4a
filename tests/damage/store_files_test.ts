// The two files of the store themselves, cut short and with flipped bits, as a disk would: a start over them, and what is asked after it,
// refuses by name or answers as before; `verify` names the file or what lies in it.

import assert from "node:assert/strict";
import { loadSettings } from "../../src/config.ts";
import { verifyCommand } from "../../src/cli/verify.ts";
import { GuardianError, reasonOf } from "../../src/errors.ts";
import { paths } from "../../src/folder.ts";
import { tell } from "../support/proof.ts";
import {
  type Answer,
  answersOf,
  copyOf,
  DAY_QUESTIONS,
  doseOf,
  flips,
  makeShop,
  openShop,
  randomFrom,
  servedAsGood,
  truncations,
} from "./shop_folder.ts";

const SEED = 20_140_409;
/** What a refusal says: what is damaged, or what storage said of itself. */
const NAMED = /damaged|malformed|not a database|checksum|cannot be read|does not begin|disk image|Cannot (open|read|load|store|tell)/i;

Deno.test("a file of the store that is cut short or has a flipped bit is named, and never served as good", async () => {
  const random = randomFrom(SEED), data = await makeShop();
  const cuts = truncations(doseOf(32)), bits = flips(doseOf(40), random);
  let starts_refused = 0, named_by_verify = 0, harmless = 0;
  try {
    const good = await asked(await copyOf(data), null);
    assert.ok(good !== null);
    for (const [i, make] of [...cuts, ...bits].entries()) {
      const copy = await copyOf(data), path = i % 2 === 0 ? paths.state(copy) : paths.log(copy);
      try {
        const whole = await Deno.readFile(path), harm = make(whole.length), told = `${path.slice(-8)}: ${harm.what}`;
        await Deno.writeFile(path, harm.apply(whole));
        const isNamed = await verify(copy, told);
        if (isNamed) named_by_verify++;
        const answers = await asked(copy, good, told);
        if (answers === null) {
          starts_refused++;
          assert.ok(isNamed, `${told}: a start that is refused, and verify finds nothing`);
        }
        if (!isNamed) {
          harmless++;
          assert.deepEqual(answers, good, told);
        }
      } finally {
        await Deno.remove(copy, { recursive: true });
      }
    }
  } finally {
    await Deno.remove(data, { recursive: true });
  }
  tell("files damaged: files of the store", {
    truncated: cuts.length,
    bits_flipped: bits.length,
    named_by_verify,
    harmless_and_answers_equal: harmless,
    starts_refused,
    served_as_good: 0,
  });
});

/** Whether `verify` names something. What it throws is an answer too, if it is one of ours. */
async function verify(data: string, told: string): Promise<boolean> {
  const lines: string[] = [];
  const shell = { out: (line: string) => lines.push(line), err: () => {}, environment: {}, errorColumns: null };
  const settings = loadSettings({ flags: { data }, environment: {} });
  try {
    return await verifyCommand({ json: true }, settings, shell as unknown as Parameters<typeof verifyCommand>[2]) !== 0;
  } catch (error) {
    assert.match(reasonOf(error), NAMED, told);
    return true;
  }
}

/** What a start over a folder answers; null when it is refused by name. */
async function asked(
  data: string,
  good: ReadonlyMap<string, Answer> | null,
  told = "",
): Promise<Map<string, Answer> | null> {
  let shop;
  try {
    shop = await openShop(data, false);
  } catch (error) {
    assert.ok(error instanceof GuardianError, `${told}: ${error}`);
    assert.match(error.message, NAMED, told);
    return null;
  }
  try {
    const answers = await answersOf(shop, DAY_QUESTIONS);
    if (good !== null) {
      assert.deepEqual(servedAsGood(shop, answers, good, NAMED), [], told);
    }
    return answers;
  } finally {
    await shop.close().catch(() => {});
  }
}
