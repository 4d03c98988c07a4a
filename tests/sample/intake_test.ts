// The sample shop through the product's own way in: past days, a stop, and on without a seam.

import assert from "node:assert/strict";
import { LIVE } from "../../src/event/batch.ts";
import { Guardian } from "../../src/guardian.ts";
import { silent } from "../../src/log_line.ts";
import { SampleShop } from "../../src/sample/mod.ts";
import { TestClock } from "../support/clock.ts";

const NOW = Date.UTC(2026, 2, 5, 12, 3, 20), HOUR = 3_600_000;

Deno.test("a sample shop that is taken in again brings nothing twice, and goes on where it stopped", async () => {
  const data = await Deno.makeTempDir({ prefix: "guardian-sample-" }), clock = new TestClock(NOW);
  const shop = new SampleShop({ visitorsPerDay: 4000 });
  const run = async (stretches: [number, number][]) => {
    const guardian = await Guardian.open({ data, clock, logLine: silent, partitions: 2 });
    let accepted = 0, duplicates = 0;
    try {
      guardian.start();
      await guardian.intake.loadSource(shop.id);
      for (const [from, to] of stretches) {
        for (const { firstRow, columns } of shop.chunks(from, to)) {
          const taken = await guardian.intake.submit({ columns, lane: LIVE, source: shop.id, firstRow });
          accepted += taken.accepted;
          duplicates += taken.duplicates;
        }
      }
      await guardian.caughtUp();
      return { accepted, duplicates, late: guardian.engine.counters.late };
    } finally {
      await guardian.stop();
    }
  };
  const count = (from: number, to: number) => [...shop.chunks(from, to)].reduce((sum, { columns }) => sum + columns.count, 0);
  try {
    const past = count(NOW - 24 * HOUR, NOW), more = count(NOW, NOW + HOUR);
    assert.deepEqual(await run([[NOW - 24 * HOUR, NOW]]), { accepted: past, duplicates: 0, late: 0 });
    clock.pass(HOUR);
    const ticks = Array.from({ length: 60 }, (_, at): [number, number] => [NOW + at * 60_000, NOW + (at + 1) * 60_000]);
    const again = await run([[NOW - 24 * HOUR, NOW], ...ticks]);
    assert.deepEqual(again, { accepted: more, duplicates: past, late: 0 });
  } finally {
    await Deno.remove(data, { recursive: true });
  }
});
