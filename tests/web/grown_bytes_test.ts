// Bytes in one piece of memory that grows, and that is given back.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { GrownBytes } from "../../src/web/grown_bytes.ts";

const MIB = 2 ** 20;

Deno.test("grown bytes are those that were added, however they came, up to the most at -1, 0 and +1", () => {
  const whole = Uint8Array.from({ length: 3 * MIB + 5 }, (_, i) => i * 7 + (i >> 8));
  for (const pieceBytes of [16_384, 100_003, whole.length]) {
    for (const by of [-1, 0, 1]) {
      const grown = new GrownBytes(whole.length - by);
      const add = () => {
        for (let at = 0; at < whole.length; at += pieceBytes) grown.add(whole.subarray(at, at + pieceBytes));
      };
      if (by > 0) {
        assert.throws(add, RangeError);
        grown.drop();
        continue;
      }
      add();
      const got = grown.handOver();
      assert.deepEqual([got.length, Buffer.compare(got, whole)], [whole.length, 0], `${pieceBytes} ${by}`);
      assert.equal((got.buffer as ArrayBuffer).resizable, false);
      grown.drop();
      assert.equal(got.length, whole.length, "what was handed over stays");
    }
  }
});

Deno.test("grown bytes give their memory back at once when they are dropped", () => {
  const before = Deno.memoryUsage().external, grown = new GrownBytes(64 * MIB);
  for (let piece = 0; piece < 64; piece++) grown.add(new Uint8Array(MIB).fill(1));
  assert.ok(Deno.memoryUsage().external >= before + 64 * MIB);
  const held = Deno.memoryUsage().external;
  grown.drop();
  grown.drop();
  assert.ok(Deno.memoryUsage().external <= held - 60 * MIB, "no collection was needed");
});
