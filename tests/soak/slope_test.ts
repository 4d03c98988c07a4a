// The line that a soak is judged by: exact on exact samples, honest about noise.

import assert from "node:assert/strict";
import { random } from "../engine/oracle.ts";
import { goesUp, lineThrough } from "./slope.ts";

const HOUR_MS = 3_600_000;

Deno.test("lineThrough finds slope and rise of samples that lie on a line, without error", () => {
  const { rise, error, perHour } = lineThrough([0, 1, 2, 5].map((hours) => ({ at: hours * HOUR_MS, value: 7 + 3 * hours })));
  assert.ok(Math.abs(rise - 15) < 1e-9 && Math.abs(perHour - 3) < 1e-9 && error < 1e-9, `${rise} ${perHour} ${error}`);
  assert.throws(() => lineThrough([{ at: 0, value: 1 }, { at: 1, value: 2 }]), RangeError);
});

Deno.test("goesUp tells a rise from noise: neither what is small nor what chance may be counts", () => {
  const next = random(3),
    noisy = (rise: number) => lineThrough(Array.from({ length: 40 }, (_, i) => ({ at: i * 1000, value: (rise * i) / 39 + 4 * next() })));
  assert.ok(!goesUp(noisy(0), 1));
  assert.ok(goesUp(noisy(8), 1));
  assert.ok(!goesUp(noisy(8), 20), "less than may be");
  assert.ok(!goesUp({ rise: 8, error: 3, perHour: 0, perHourError: 0 }, 1), "chance may be that much");
});
