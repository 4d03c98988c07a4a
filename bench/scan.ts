// CSV to verdicts with nothing stored: what `scan` does with a file.

import assert from "node:assert/strict";
import { scanPath } from "../src/cli/scan.ts";
import type { BenchFile } from "./files.ts";
import { type Figures, measure } from "./measure.ts";

export async function benchScan({ path, clicks, firings, name }: BenchFile): Promise<Figures> {
  const found = { HIGH_FREQUENCY: 0, BOT_LIKE: 0 };
  const figures = await measure(`CSV to verdicts, nothing stored (${name})`, clicks, async () => {
    const { anomalies, events } = await scanPath(path, null, Date.now());
    assert.equal(events, clicks);
    for (const { anomaly_type } of anomalies) found[anomaly_type]++;
  });
  assert.deepEqual(found, firings);
  return figures;
}
