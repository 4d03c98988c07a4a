import assert from "node:assert/strict";
import { comparison, flaggedInWords, ratePercent } from "../../static/shell/comparison.ts";

Deno.test("comparison tells what flagged sessions make of a count", () => {
  assert.equal(flaggedInWords(1000, 704, "all"), "29.6% by flagged bots");
  assert.equal(flaggedInWords(1000, 704, "humans"), "all traffic: 1,000; 29.6% by flagged bots");
  assert.equal(flaggedInWords(20_000, 19_990, "all"), "0.05% by flagged bots");
  assert.equal(flaggedInWords(1000, 500, "humans", (value) => `€${value}`), "all traffic: €1000; 50% by flagged bots");
  assert.equal(flaggedInWords(1000, 1000, "all"), "none by flagged bots");
  assert.equal(flaggedInWords(1000, 1000, "humans"), "none by flagged bots");
  assert.equal(flaggedInWords(0, 0, "all"), null);
  assert.equal(flaggedInWords(1000, undefined, "all"), null);
});

Deno.test("comparison tells counts in percent and rates in points", () => {
  assert.equal(comparison(120, 100, "count"), "+20%");
  assert.equal(comparison(120, 0, "count"), null);
  assert.equal(comparison(0.05, 0.0483, "rate"), "+0.17 points");
  assert.equal(comparison(0.0483, 0.05, "rate"), "-0.17 points");
  assert.equal(comparison(0.05, 0.05, "rate"), "0 points");
  assert.equal(comparison(0.05, undefined, "rate"), null);
});

Deno.test("comparison shows rates with two digits, and a dash where there is none", () => {
  assert.deepEqual([0.05005, 0.042, 0, 1, null].map(ratePercent), ["5.01%", "4.20%", "0.00%", "100.00%", "–"]);
});
