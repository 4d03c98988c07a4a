import assert from "node:assert/strict";
import { expectedFirings } from "../../bench/clicks.ts";
import { firingName, liveTraffic, tippingClicks } from "../../bench/live_traffic.ts";

const START = Date.UTC(2026, 4, 5, 6, 7, 8);

Deno.test("live traffic has one click for each slot of time when bots take some of them", () => {
  const { count, time, session } = liveTraffic({ startMs: START, perSecond: 2000, warmS: 1, seconds: 4, burstsPerS: 5, patient: 3 });
  assert.equal(count, 10_000);
  assert.ok(session.every((who) => who > 0));
  assert.deepEqual([...time], Array.from({ length: count }, (_, slot) => Math.floor(START + slot / 2)));
});

Deno.test("live traffic tips nothing before the server is warm, and all bursts after", () => {
  const clicks = liveTraffic({ startMs: START, perSecond: 2000, warmS: 2, seconds: 8, burstsPerS: 4, patient: 2 });
  const places = [...tippingClicks(clicks).values()];
  assert.ok(Math.min(...places) >= 4000);
  assert.ok(places.length >= 32, `${places.length} firings`);
});

Deno.test("tipping clicks are as many as another recount finds when all windows are closed", () => {
  const all = liveTraffic({ startMs: START, perSecond: 4000, warmS: 1, seconds: 12, burstsPerS: 6, patient: 8 });
  // The other recount numbers minutes from a day of its own.
  const clicks = { ...all, time: all.time.map((ms) => ms - START + Date.UTC(2026, 2, 2)) };
  const names = [...tippingClicks(clicks).keys()], count = (type: string) => names.filter((name) => name.startsWith(type)).length;
  assert.deepEqual({ HIGH_FREQUENCY: count("HIGH"), BOT_LIKE: count("BOT") }, expectedFirings(clicks));
});

Deno.test("tipping clicks are the fiftieth of a window, and the hundredth of two when the items are few", () => {
  const count = 120, time = new Float64Array(count).map((_, i) => START + i * 10);
  const clicks = { count, time, session: new Uint32Array(count).fill(7), item: new Uint32Array(count).map((_, i) => i % 5) };
  const half = Math.floor(START / 30_000) * 30_000;
  assert.deepEqual(
    [...tippingClicks(clicks)],
    [
      [firingName("HIGH_FREQUENCY", 7, Math.floor(START / 10_000) * 10_000), 49],
      [firingName("BOT_LIKE", 7, half - 30_000), 99],
      [firingName("BOT_LIKE", 7, half), 99],
    ],
  );
});
