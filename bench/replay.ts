// CSV replay to durable, detected and archived: a file into an empty data folder, until the last row is in the lake. And the same of NDJSON
// whose events each have an event_id, so that each is looked for among those of the last day.

import assert from "node:assert/strict";
import { join } from "node:path";
import { tmpdir } from "node:os";
import { systemClock } from "../src/clock.ts";
import { Guardian } from "../src/guardian.ts";
import { silent } from "../src/log_line.ts";
import { LocalSink } from "../src/source/local_sink.ts";
import { prescan } from "../src/source/prescan.ts";
import { replay } from "../src/source/replay.ts";
import { random } from "../tests/engine/oracle.ts";
import { type Clicks, expectedFirings, makeClicks } from "./clicks.ts";
import type { BenchFile } from "./files.ts";
import { type Figures, measure } from "./measure.ts";

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

export function benchReplay(file: BenchFile): Promise<Figures> {
  return replayed(`replay to durable, detected and archived (${file.name})`, file);
}

/** The same of `clicks` generated clicks, each with a UUID as its event_id. */
export async function benchReplayIds(clicks: number): Promise<Figures> {
  return await replayed("replay of events with an event_id each", await fileWithIds(clicks));
}

async function replayed(name: string, { path, clicks, firings }: BenchFile): Promise<Figures> {
  const data = await Deno.makeTempDir();
  try {
    const guardian = await Guardian.open({ data, clock: systemClock, logLine: silent, partitions: 4 });
    guardian.start({ shown: false });
    const figures = await measure(name, clicks, async () => {
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

/** A file of NDJSON, made once and kept in the system's folder for temporary files. */
export async function fileWithIds(clicks: number): Promise<BenchFile> {
  const folder = join(tmpdir(), "guardian-bench"), path = join(folder, `clicks-ids-${clicks}.ndjson`), beside = `${path}.json`;
  const name = `${clicks / 1e6} M generated clicks with ids`;
  try {
    return { name, path, clicks, firings: JSON.parse(await Deno.readTextFile(beside)) };
  } catch {
    await Deno.mkdir(folder, { recursive: true });
    const made = makeClicks(clicks, clicks / 100, clicks * 26);
    await writeNdjson(made, path);
    const firings = expectedFirings(made);
    await Deno.writeTextFile(beside, JSON.stringify(firings));
    return { name, path, clicks, firings };
  }
}

async function writeNdjson({ count, session, time, item }: Clicks, path: string): Promise<void> {
  using file = await Deno.open(path, { create: true, write: true, truncate: true });
  const encoder = new TextEncoder(), next = random(11);
  const hex = (digits: number) => Math.floor(next() * 16 ** digits).toString(16).padStart(digits, "0");
  let lines = "";
  for (let i = 0; i < count; i++) {
    const id = `${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${hex(12)}`;
    lines += `{"event_id":"${id}","session_id":${session[i]},"timestamp":"${new Date(time[i]).toISOString()}",` +
      `"item_id":${item[i]},"category":"${i % 7 === 0 ? "S" : i % 12}"}\n`;
    if (lines.length < 1 << 20 && i < count - 1) continue;
    const bytes = encoder.encode(lines);
    for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
    lines = "";
  }
}
