import assert from "node:assert/strict";
import { ColumnBuilder } from "../../src/event/batch.ts";
import { limits } from "../../src/limits.ts";
import type { Submission } from "../../src/source/intake.ts";
import { LocalSink, type ReplayTarget } from "../../src/source/local_sink.ts";

/** A target that notes what comes to it; `behind` is asked for how far its readers are behind. */
function target(behind: () => number): { target: ReplayTarget; rows: number[] } {
  const rows: number[] = [];
  const intake = {
    get behind() {
      return behind();
    },
    sources: 0,
    loadSource: () => Promise.resolve(true),
    submit: ({ columns, firstRow }: Submission) => {
      rows.push(firstRow!);
      return Promise.resolve({ accepted: columns.count, duplicates: 0 });
    },
  };
  return { target: { intake, engine: { lanes: 0, hasLane: () => false } } as unknown as ReplayTarget, rows };
}

Deno.test("local sink waits while readers are further behind than the limit -1, 0, +1", async () => {
  for (const beyond of [-1, 0, 1]) {
    const asked: number[] = [];
    const { target: to, rows } = target(() => {
      // Nothing may have come in while the readers were too far behind.
      asked.push(rows.length);
      return limits.replayLagEventsMax + (asked.length <= 3 ? beyond : 0);
    });
    await new LocalSink(to).submit("source", 0, new ColumnBuilder(1));
    assert.deepEqual(asked, beyond > 0 ? [0, 0, 0, 0] : [0]);
    assert.deepEqual(rows, [0]);
  }
});

Deno.test("local sink keeps the order of rows that waited for readers", async () => {
  let asked = 0;
  const { target: to, rows } = target(() => ++asked === 1 || asked === 3 ? Infinity : 0);
  const sink = new LocalSink(to);
  await Promise.all([0, 1, 2, 3].map((row) => sink.submit("source", row, new ColumnBuilder(1))));
  assert.deepEqual(rows, [0, 1, 2, 3]);
});
