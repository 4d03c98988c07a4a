// The time that a process had, beside a clock that goes on while it stands.

import assert from "node:assert/strict";
import { OwnTime } from "../../src/web/own_time.ts";

Deno.test("own time goes on with the clock, and by one step alone when more passed between two calls", () => {
  for (const by of [-1, 0, 1]) {
    const time = new OwnTime(500, 1000);
    assert.equal(time.at(1400), 1400);
    assert.equal(time.at(1400 + 500 + by), Math.min(1900, 1900 + by), `${by}`);
  }
  const time = new OwnTime(500, 0);
  assert.equal(time.at(3_600_000), 500, "a machine that slept for an hour");
  assert.equal(time.at(3_600_100), 600);
  assert.equal(time.at(3_600_200), 700);
});

Deno.test("own time stands while nothing was timed, and when the clock goes back", () => {
  const time = new OwnTime(500, 0);
  assert.equal(time.at(100), 100);
  time.goOn(1_000_000);
  assert.equal(time.at(1_000_050), 150);
  assert.equal(time.at(7), 150);
  assert.equal(time.at(1_000_051), 151);
});
