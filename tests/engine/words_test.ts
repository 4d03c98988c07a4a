// The engine's words against a plain map of texts.

import assert from "node:assert/strict";
import { atOnce } from "../../src/pieces.ts";
import { ColumnBuilder } from "../../src/event/batch.ts";
import { ABSENT, FIRST_WORD } from "../../src/event/code.ts";
import { wordHash } from "../../src/event/word_hash.ts";
import { EngineWords } from "../../src/engine/words.ts";
import { random } from "./oracle.ts";

Deno.test("EngineWords gives one text one code over batches, one by one and together, and drops what is not visited", () => {
  const seed = crypto.getRandomValues(new Uint32Array(1))[0], next = random(seed);
  const words = new EngineWords(500), known = new Map<string, number>();
  let sweeps = 0, sweptTo = 0;
  for (let round = 0; round < 400; round++) {
    const batch = new ColumnBuilder(), spread = 1 + Math.floor(next() * 3000);
    for (let row = 0, rows = 1 + Math.floor(next() * 600); row < rows; row++) {
      const which = Math.floor(next() * spread), text = `${next() < 0.1 ? "é" : "s"}-${which.toString(36)}${"x".repeat(which % 5)}`;
      batch.push(0, row, next() < 0.1 ? ABSENT : next() < 0.1 ? which : batch.code(text), 1, 1);
    }
    const memo = new Uint32Array(batch.words.length), from = Math.floor(next() * batch.count);
    if (next() < 0.8) words.learn(batch, batch.session, from, batch.count, memo);
    for (let row = 0; row < batch.count; row++) {
      const code = batch.session[row], given = words.engineCode(batch, code, memo);
      if (code < FIRST_WORD || code === ABSENT) {
        assert.equal(given, code);
        continue;
      }
      const text = batch.words[code - FIRST_WORD], before = known.get(text);
      if (before !== undefined && before !== given) assert.fail(`seed ${seed}, round ${round}: "${text}" has ${before} and ${given}`);
      known.set(text, given);
      if (words.text(given) !== text) assert.fail(`seed ${seed}, round ${round}: ${given} is "${words.text(given)}" and not "${text}"`);
    }
    assert.equal(new Set(known.values()).size, known.size, `seed ${seed}, round ${round}: no two texts share a code`);
    assert.equal(words.crowded, known.size > Math.max(500, Math.floor(1.5 * sweptTo)), `seed ${seed}, round ${round}`);
    if (!words.crowded) continue;
    sweeps++;
    for (const text of known.keys()) if (next() < 0.7) known.delete(text);
    atOnce(words.sweep(function* (visit) {
      for (const code of known.values()) {
        visit(next() < 0.5 ? code : code | 0);
        yield;
      }
    }));
    sweptTo = known.size;
  }
  assert.ok(sweeps > 3, `seed ${seed}: ${sweeps} sweeps`);
});

Deno.test("wordHash tells alike texts apart, and those that end with zeros", () => {
  const texts = [
    "",
    "\0",
    "\0\0",
    "a",
    "a\0",
    "é",
    "x".repeat(600),
    "x".repeat(601),
    ...Array.from({ length: 5000 }, (_, i) => `sess-${i}`),
  ];
  assert.ok(new Set(texts.map(wordHash)).size > texts.length - 8);
  // The last bits choose a slot: they are spread as well.
  const slots = new Uint32Array(1024);
  for (const text of texts) slots[wordHash(text) & 1023]++;
  assert.ok(Math.max(...slots) < 250, `${Math.max(...slots)} of ${texts.length} texts in one of 1024 slots`);
});
