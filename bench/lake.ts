// What archiving costs: synthetic clicks in batches of 4,096, sorted over some days of event time, into part files.
// Run: deno run -P=test bench/lake.ts [rows] [days]; prints CPU seconds per million rows.

import { ColumnBuilder, type EventBatch, LIVE, pendingBatch } from "../src/event/batch.ts";
import process from "node:process";
import { CLICK } from "../src/event/kind.ts";
import { syncFolders } from "../src/lake/atomic_file.ts";
import { Duck } from "../src/lake/duckdb.ts";
import { Gather } from "../src/lake/gather.ts";
import { writePart } from "../src/lake/part.ts";
import { partFile } from "../src/lake/schema.ts";

const BATCH_ROWS = 4096;
const DAYS = Number(Deno.args[1] ?? 3);
const ITEMS = 50_000;
const START = Date.UTC(2014, 3, 7);

let state = 1;
/** A plain generator with a fixed seed: the same rows each run. */
function random(): number {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return state / 2 ** 32;
}

function batchesOf(rows: number): EventBatch[] {
  const batches: EventBatch[] = [];
  const step = DAYS * 86_400_000 / rows;
  for (let first = 0; first < rows; first += BATCH_ROWS) {
    const columns = new ColumnBuilder(BATCH_ROWS);
    const category = columns.code("0");
    for (let row = first; row < Math.min(rows, first + BATCH_ROWS); row++) {
      columns.push(
        CLICK,
        START + Math.floor(row * step),
        Math.imul(row >> 3, 0x9e37) >>> 8,
        214_500_000 + Math.floor(ITEMS * random() ** 3),
        category,
      );
    }
    batches.push({ ...pendingBatch(columns, LIVE, 0), firstOffset: first, arrival: START + first });
  }
  return batches;
}

/** Archives batches as the archiver does, KV apart; prints what it cost unless it is the run that warms up. */
async function archive(batches: readonly EventBatch[], warm: boolean): Promise<void> {
  const lakeFolder = await Deno.makeTempDir();
  const duck = await Duck.open({ lakeFolder, name: "bench" });
  const cpu = process.cpuUsage(), from = performance.now();
  let files = 0, bytes = 0, flushes = 0, rows = 0;
  let gather = new Gather();
  const write = async () => {
    flushes++;
    const changed = new Set<string>();
    for (const group of gather.sorted()) {
      const part = await writePart(
        duck,
        { file: partFile(group.table, group.hourMs, flushes), sequence: flushes, created: 0 },
        group,
        changed,
      );
      files++;
      rows += part.rows;
      bytes += part.bytes;
    }
    await syncFolders(changed);
    gather = new Gather();
  };
  for (const batch of batches) {
    const end = batch.firstOffset + batch.count;
    for (let next = batch.firstOffset; next < end;) {
      next = gather.add(batch, next);
      if (gather.full) await write();
    }
  }
  await write();
  const { user, system } = process.cpuUsage(cpu);
  const wall = (performance.now() - from) * 1000;
  const perMillion = (micros: number) => (micros / rows).toFixed(3);
  if (warm) {
    console.log(`${rows} rows, ${files} files, ${(bytes / 2 ** 20).toFixed(1)} MiB: ${perMillion(user + system)} CPU s per million`);
    console.log(`(${perMillion(user)} user, ${perMillion(system)} system), ${perMillion(wall)} s wall per million`);
  }
  duck.close();
  await Deno.remove(lakeFolder, { recursive: true });
}

const batches = batchesOf(Number(Deno.args[0] ?? 2_000_000));
await archive(batches.slice(0, 50), false);
await archive(batches, true);
