// Event ids as bytes, against the strings that they are.

import assert from "node:assert/strict";
import { IdTexts } from "../../src/event/id_texts.ts";
import { random } from "../engine/oracle.ts";

const encoder = new TextEncoder();

Deno.test("IdTexts keeps every text, however it was added", () => {
  const seed = crypto.getRandomValues(new Uint32Array(1))[0], next = random(seed);
  for (let round = 0; round < 50; round++) {
    const ids = new IdTexts(round % 3), other = new IdTexts(1), expected: string[] = [], others: string[] = [];
    const text = () => (next() < 0.1 ? "é😀" : "abcdefgh").repeat(9).slice(0, Math.floor(next() * 40)).toWellFormed();
    for (let step = 0; step < 60; step++) {
      const given = text(), bytes = encoder.encode(`<${given}>`);
      const place = next() < 0.5 ? ids.addText(given) : ids.add(new DataView(bytes.buffer), 1, bytes.length - 1);
      assert.equal(place, expected.push(given) - 1);
      others.push(text());
      other.addText(others[step]);
      if (next() < 0.8) continue;
      const places = Uint32Array.from({ length: 9 }, () => Math.floor(next() * others.length)), count = Math.floor(next() * 10);
      ids.addAll(other, places, count);
      for (let i = 0; i < count; i++) expected.push(others[places[i]]);
    }
    assert.equal(ids.count, expected.length);
    assert.deepEqual(expected.map((_, place) => ids.text(place)), expected, `seed ${seed}, round ${round}`);
    assert.equal(ids.end, encoder.encode(expected.join("")).length);
    const shared = IdTexts.within(ids.bytes.subarray(0, ids.end), ids.ends.slice(0, ids.count));
    assert.deepEqual(expected.map((_, place) => shared.text(place)), expected, `seed ${seed}, round ${round}`);
  }
});
