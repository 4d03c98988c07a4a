import assert from "node:assert/strict";
import { ItemSet } from "../../src/engine/item_set.ts";
import { limits } from "../../src/limits.ts";
import { random } from "./oracle.ts";

Deno.test("item set counts as a Set does up to the most, and then says one more", () => {
  for (let seed = 1; seed <= 300; seed++) {
    const next = random(seed), below = (n: number) => Math.floor(next() * n);
    const most = [1, 5, 8, 9, 33, limits.uniqueItemsMax][below(6)], different = 1 + below(400);
    const set = new ItemSet(most), plain = new Set<number>();
    for (let i = 0; i < 600; i++) {
      // Small integers, words, and no item at all.
      const item = [below(different), (0x8000_0000 + below(different)) | 0, -1][below(3)];
      if (plain.size <= most) plain.add(item);
      set.add(item);
      assert.equal(set.size, plain.size, `seed ${seed}`);
    }
    const told: number[] = [];
    set.forEach((item) => told.push(item));
    assert.deepEqual(told.sort(), [...plain].sort(), `seed ${seed}`);
  }
});
