// From the bytes of a request to the verdict, without network and storage: a body of NDJSON is parsed into columns and stepped through the
// engine, one after the other.

import assert from "node:assert/strict";
import { ColumnBuilder, markBatch, pendingBatch } from "../src/event/batch.ts";
import { parseBody } from "../src/event/parse.ts";
import { type Effects, noEffects } from "../src/engine/effects.ts";
import { PartitionState } from "../src/engine/step.ts";
import { expectedFirings } from "./clicks.ts";
import { linesFrom, liveClicks } from "./http.ts";
import { type Figures, measure, peakMib, waits } from "./measure.ts";

const PER_BATCH = 1000, LANE = "replay-bench";
/** Bodies are made some at a time, beside what is measured: all of them at once would be for the garbage collector to go through. */
const BODIES = 50;
/** The first batches are told apart: the code is not compiled yet. */
const WARM = 200;

export async function benchDecode(batches: number): Promise<Figures> {
  const clicks = liveClicks(batches * PER_BATCH), found = { HIGH_FREQUENCY: 0, BOT_LIKE: 0 };
  const encoder = new TextEncoder(), state = new PartitionState(0), took: number[] = [];
  const count = ({ anomalies }: Effects) => {
    for (const { status, rule } of anomalies) if (status === "confirmed") found[rule.type]++;
  };
  let cpuS = 0;
  for (let first = 0; first < batches; first += BODIES) {
    const bodies = Array.from({ length: BODIES }, (_, i) => encoder.encode(linesFrom(clicks, (first + i) * PER_BATCH, PER_BATCH)));
    const group = await measure("", BODIES * PER_BATCH, () => {
      for (const [i, body] of bodies.entries()) {
        const start = performance.now(), columns = new ColumnBuilder(PER_BATCH), effects = noEffects();
        parseBody(body, columns, ({ message }) => assert.fail(message), { now: start, futureMs: null });
        state.step({ ...pendingBatch(columns, LANE, 0), firstOffset: (first + i) * PER_BATCH, arrival: 0 }, effects);
        took.push(performance.now() - start);
        count(effects);
      }
    });
    cpuS += group.cpuS;
  }
  const effects = noEffects();
  state.step({ ...markBatch("end_mark", LANE, 0, 0), firstOffset: clicks.count, arrival: 0 }, effects);
  count(effects);
  assert.deepEqual(found, expectedFirings(clicks));
  const cold = waits(took.slice(0, WARM));
  return {
    name: `decode to verdict, batches of ${PER_BATCH}`,
    events: clicks.count,
    wallS: took.reduce((sum, ms) => sum + ms, 0) / 1000,
    cpuS,
    peakMib: peakMib(),
    values: { ...waits(took.slice(WARM)), firstP99Ms: cold.p99Ms, firstMaxMs: cold.maxMs },
  };
}
