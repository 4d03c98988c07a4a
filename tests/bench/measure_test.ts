import assert from "node:assert/strict";
import { quantile, row, waits } from "../../bench/measure.ts";
import { stallsOf } from "../../bench/stall_watch.ts";

Deno.test("quantile takes the nearest rank, and the ends when the share is 0 or 1", () => {
  const values = [1, 2, 3, 4];
  assert.deepEqual([0, 0.25, 0.5, 0.51, 0.99, 1].map((share) => quantile(values, share)), [1, 1, 2, 3, 4, 4]);
  assert.ok(Number.isNaN(quantile([], 0.5)));
});

Deno.test("waits are told by their order when they come in any", () => {
  const values = Array.from({ length: 200 }, (_, i) => (i * 77) % 200);
  assert.deepEqual(waits(values), { p50Ms: 99, p99Ms: 197, maxMs: 199 });
});

Deno.test("row has units from names when values are named", () => {
  const values = { p99Ms: 3.14159, perRequestUs: 261.4, generatorCpuS: 0.5, residentMib: 180, timesScan: 8.888 };
  const told = "p99 3.14 ms, per request 261 us, generator 0.500 CPU s, resident 180 MiB, times scan 8.89";
  assert.equal(row({ name: "what", values }), `| what | | | | | ${told} |`);
  const figures = { name: "what", events: 2e6, wallS: 4, cpuS: 3, peakMib: 99, values: { startMs: 1 } };
  assert.equal(row(figures), "| what | 2 M | 0.500 M | 1.500 | 99 | start 1 ms |");
});

Deno.test("stalls are counted over 10 and 15 ms alone, and the longest come first", () => {
  const stalls = stallsOf([[100, 0.1], [200, 10], [300, 10.1], [400, 15], [500, 15.1]]);
  assert.deepEqual([stalls.ticks, stalls.stallsOver10, stalls.stallsOver15, stalls.maxMs, stalls.p50Ms], [5, 3, 1, 15.1, 10.1]);
  assert.deepEqual(stalls.longest.map(([endMs]) => endMs), [500, 400, 300, 200, 100]);
});
