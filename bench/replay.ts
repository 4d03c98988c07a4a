// CSV replay to durable, detected and archived: a file into an empty data folder, until the last row is in the lake.

import assert from "node:assert/strict";
import { systemClock } from "../src/clock.ts";
import { Guardian } from "../src/guardian.ts";
import { silent } from "../src/log_line.ts";
import { LocalSink } from "../src/source/local_sink.ts";
import { prescan } from "../src/source/prescan.ts";
import { replay } from "../src/source/replay.ts";
import type { BenchFile } from "./files.ts";
import { type Figures, measure } from "./measure.ts";

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

export async function benchReplay({ path, clicks, firings, name }: BenchFile): Promise<Figures> {
  const data = await Deno.makeTempDir();
  try {
    const guardian = await Guardian.open({ data, clock: systemClock, logLine: silent, partitions: 4 });
    guardian.start({ shown: false });
    const figures = await measure(`replay to durable, detected and archived (${name})`, clicks, async () => {
      const { accepted } = await replay({ files: [prescan(path)], sink: new LocalSink(guardian), clock: systemClock, sleep });
      assert.equal(accepted, clicks);
      await guardian.caughtUp();
      await guardian.archiver.flush();
    });
    assert.deepEqual(Object.fromEntries(guardian.anomalies.types().map(({ anomaly_type, count }) => [anomaly_type, count])), firings);
    assert.equal((await guardian.stats()).lake.rows, clicks);
    await guardian.stop();
    return figures;
  } finally {
    await Deno.remove(data, { recursive: true });
  }
}
