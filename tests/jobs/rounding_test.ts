// Rounding is half away from zero, by the digits that people read.

import assert from "node:assert";
import { roundDecimal, roundHalfAway } from "../../jobs/mod.ts";
import { seededRandom } from "../event/random.ts";

const cases: [number, number, number][] = [
  [0.5, 0, 1],
  [-0.5, 0, -1],
  [1.5, 0, 2],
  [2.5, 0, 3],
  [1.005, 2, 1.01],
  [-1.005, 2, -1.01],
  [1.004_999_9, 2, 1],
  [0.000_000_5, 6, 0.000_001],
  [0.000_000_49, 6, 0],
  [-0.000_000_4, 6, 0],
  [1e-7, 6, 0],
  [1.5e-10, 3, 0],
  [1e21, 2, 1e21],
  [1.234e22, 2, 1.234e22],
  [33.333_333_333, 2, 33.33],
  [66.666_666_666, 2, 66.67],
  [99.995, 2, 100],
  [0, 6, 0],
  [-0, 6, 0],
  [12, 3, 12],
  [9_007_199_254_740_991, 6, 9_007_199_254_740_991],
];

for (const [value, digits, expected] of cases) {
  Deno.test(`roundHalfAway makes ${expected} of ${value} when it keeps ${digits} decimals`, () => {
    assert.ok(Object.is(roundHalfAway(value, digits), expected));
  });
}

Deno.test("roundHalfAway agrees with whole numbers when a share is a half", () => {
  const random = seededRandom("halves");
  for (let i = 0; i < 2000; i++) {
    const units = Math.floor(random() * 1e6);
    assert.equal(roundHalfAway((2 * units + 1) / 2_000_000, 6), (units + 1) / 1_000_000);
  }
});

Deno.test("roundHalfAway refuses when there is no number", () => {
  for (const value of [NaN, Infinity, -Infinity]) assert.throws(() => roundHalfAway(value, 2), /Cannot round .*: it is not finite/);
});

Deno.test("roundDecimal is exact when a double is not", () => {
  assert.equal(roundDecimal("123456789012345678901234567890.12345", 4), "123456789012345678901234567890.1235");
  assert.equal(roundDecimal("-0.00005", 4), "-0.0001");
  assert.equal(roundDecimal("-0.00004", 4), "0");
  assert.equal(roundDecimal("10.5000", 4), "10.5");
  assert.equal(roundDecimal("100", 4), "100");
  assert.throws(() => roundDecimal("1,5", 2), /"1,5": it is no decimal number/);
});
