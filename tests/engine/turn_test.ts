// Who goes on when in a turn of the event loop.

import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { limits } from "../../src/limits.ts";
import { giveWay, isTurnOver, standBack } from "../../src/turn.ts";

/** What is noted until all of `work` is done, with a bar for each turn of the loop. */
async function noted(...work: ((note: (text: string) => void) => Promise<void>)[]): Promise<string> {
  let notes = "", left = work.length;
  for (const one of work) void one((text) => notes += text).then(() => left--);
  while (left > 0) {
    await setImmediate();
    notes += "|";
  }
  return notes;
}

Deno.test("of those that give way one goes on in a turn, in their order, when several do", async () => {
  const twice = (name: string) => async (note: (text: string) => void) => {
    for (let i = 0; i < 2; i++) {
      await giveWay();
      note(name);
    }
  };
  const notes = await noted(twice("a"), twice("b"), twice("c"));
  assert.equal(notes.replaceAll("|", ""), "abcabc");
  assert.doesNotMatch(notes, /[abc]{2}/);
});

Deno.test("one that stands back does go on when others give way for long", async () => {
  const notes = await noted(
    async (note) => {
      await standBack();
      note("s");
    },
    async (note) => {
      for (let i = 0; i < 30; i++) {
        await giveWay();
        note("g");
      }
    },
  );
  assert.equal(notes.replaceAll("|", "").split("").sort().join(""), `${"g".repeat(30)}s`);
  assert.ok(notes.indexOf("s") < notes.lastIndexOf("g"), "before the others have ended");
});

Deno.test("a turn is over when it has lasted as long as it may", async () => {
  await giveWay();
  const began = performance.now();
  while (performance.now() - began < limits.turnMs);
  assert.equal(isTurnOver(), true);
});
