// The lake that the benchmark of day jobs reads: one generated day as part files, with sessions that are flagged.
// `GUARDIAN_BENCH_DAY=FOLDER` keeps it: made there by the first run, and read by those after it, which then measure the jobs alone.

import { join } from "node:path";
import { systemClock } from "../src/clock.ts";
import { highFrequency } from "../src/detect/rules.ts";
import { ColumnBuilder, pendingBatch } from "../src/event/batch.ts";
import { CLICK, PURCHASE } from "../src/event/kind.ts";
import { exists, syncFolders } from "../src/lake/atomic_file.ts";
import { Duck } from "../src/lake/duckdb.ts";
import { Gather } from "../src/lake/gather.ts";
import { changeManifest } from "../src/lake/manifest.ts";
import { type Part, writePart } from "../src/lake/part.ts";
import { partFile } from "../src/lake/schema.ts";
import { AnomalyStore } from "../src/store/anomalies.ts";
import { random } from "../tests/engine/oracle.ts";

export const DATE = "2026-03-02";
/** Sessions `0`, `7`, `14` and so on, so many of them, are flagged. */
export const FLAGGED = 5000, FLAGGED_STEP = 7;
const START = Date.parse(`${DATE}T00:00:00Z`), DAY_MS = 86_400_000;
const BATCH = 4096;
const CLICKS_PER_SESSION = 3.6;

export interface DayLake {
  readonly kv: Deno.Kv;
  readonly lakeFolder: string;
  close(): Promise<void>;
}

/** The lake of a day of `clicks` clicks, made unless it is kept from before. */
export async function openDayLake(clicks: number): Promise<DayLake> {
  const kept = Deno.env.get("GUARDIAN_BENCH_DAY");
  const folder = kept === undefined ? await Deno.makeTempDir() : join(kept, `clicks-${clicks}`);
  const lakeFolder = join(folder, "lake"), note = join(folder, "made");
  const isMade = await exists(note);
  if (!isMade && await exists(folder)) await Deno.remove(folder, { recursive: true });
  await Deno.mkdir(folder, { recursive: true });
  const kv = await Deno.openKv(join(folder, "state.kv"));
  if (!isMade) {
    await writeDay(kv, lakeFolder, clicks);
    await flagSessions(kv);
    await Deno.writeTextFile(note, "");
  }
  return {
    kv,
    lakeFolder,
    async close() {
      kv.close();
      if (kept === undefined) await Deno.remove(folder, { recursive: true });
    },
  };
}

/** Writes a day of clicks, and a purchase for every thirtieth of them, as part files. */
async function writeDay(kv: Deno.Kv, lakeFolder: string, clicks: number): Promise<void> {
  const duck = await Duck.open({ lakeFolder, name: "bench" });
  const next = random(11);
  const sessions = Math.floor(clicks / CLICKS_PER_SESSION);
  let gather = new Gather(), offset = 0, written = 0, sequence = 0;
  const write = async () => {
    sequence++;
    const add: Part[] = [], changed = new Set<string>();
    for (const group of gather.sorted()) {
      add.push(await writePart(duck, { file: partFile(group.table, group.hourMs, sequence), sequence, created: 0 }, group, changed));
    }
    await syncFolders(changed);
    await changeManifest(kv, { add, covered: [{ partition: 0, from: written, to: offset, rowless: 0 }] });
    written = offset;
    gather = new Gather();
  };
  for (let from = 0; from < clicks; from += BATCH) {
    const columns = new ColumnBuilder(BATCH + BATCH / 16);
    for (let i = from; i < Math.min(clicks, from + BATCH); i++) {
      const time = START + Math.floor((i / clicks) * DAY_MS), session = Math.floor(next() * sessions);
      const item = 214_500_000 + Math.floor(50_000 * next() ** 3);
      columns.push(CLICK, time, session, item, columns.code(i % 3 === 0 ? "S" : String(i % 13)));
      if (i % 30 !== 0) continue;
      const row = columns.push(PURCHASE, time, session, item, columns.code("0"));
      const purchase = columns.withPurchase();
      purchase.price[row] = i % 60 === 0 ? 0 : 10_000 * (1 + (item % 97));
      purchase.quantity[row] = 1 + (i % 3);
    }
    const batch = { ...pendingBatch(columns, "live", 0), firstOffset: offset, arrival: START };
    offset += columns.count;
    for (let at = batch.firstOffset; at < offset;) {
      at = gather.add(batch, at);
      if (gather.full) await write();
    }
  }
  await write();
  duck.close();
}

async function flagSessions(kv: Deno.Kv): Promise<void> {
  const anomalies = await AnomalyStore.open(kv, systemClock);
  await anomalies.apply(
    Array.from({ length: FLAGGED }, (_, i) =>
      (["provisional", "confirmed"] as const).map((status, step) => ({
        offset: 2 * i + step,
        ordinal: 0,
        status,
        rule: highFrequency,
        lane: "live",
        partition: 0,
        session: String(i * FLAGGED_STEP),
        windowStart: START + 10_000 * i,
        clicks: 60,
        uniqueItems: 9,
        uniqueItemsCapped: false,
        tippedAt: START + 10_000 * i,
        evidence: [],
      }))).flat(),
  );
}
