// CSV to verdicts with nothing stored: what `scan` does with a file.

import assert from "node:assert/strict";
import { scanPath } from "../src/cli/scan.ts";
import { type BenchFile, benchTextFile } from "./files.ts";
import { type Figures, measure } from "./measure.ts";

export async function benchScan({ path, clicks, firings, name }: BenchFile): Promise<Figures> {
  const found = { HIGH_FREQUENCY: 0, BOT_LIKE: 0 };
  const figures = await measure(`CSV to verdicts, nothing stored, without evidence (${name})`, clicks, async () => {
    const { anomalies, events } = await scanPath(path, null, Date.now(), true);
    assert.equal(events, clicks);
    for (const { anomaly_type } of anomalies) found[anomaly_type]++;
  });
  assert.deepEqual(found, firings);
  return figures;
}

/** As `benchScan`, where each session is named by a text of 36 characters. The file is made before anything is measured. */
export async function benchScanTexts(clicks: number): Promise<Figures> {
  return await benchScan(await benchTextFile(clicks));
}
