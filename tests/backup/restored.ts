// What must hold of a restored folder: it is what the data folder was at the moment that the backup names, no more and no less, and it goes
// on from there to what a naive recount of its log says.

import assert from "node:assert/strict";
import { openDays, presented, resultFile, resultTables } from "../../jobs/mod.ts";
import type { Sheet } from "../../src/backup/mod.ts";
import { systemClock } from "../../src/clock.ts";
import { paths } from "../../src/folder.ts";
import { Guardian } from "../../src/guardian.ts";
import { Duck, literal } from "../../src/lake/mod.ts";
import { silent } from "../../src/log_line.ts";
import { ResultStore } from "../../src/store/results.ts";
import { sealedKv } from "../../src/store/sealed.ts";
import { laneOfSource } from "../../src/source/intake.ts";
import { checkWindows } from "../crash/checks.ts";
import { SOURCE } from "../crash/load.ts";
import { SHOP_DATE } from "../crash/shop_day.ts";
import { recountFigures, recountFunnel } from "../jobs/recount.ts";
import type { ShopEvent } from "../jobs/shop.ts";
import type { Done } from "./chain.ts";
import { type Entry, lakeOf, logOf, saidOf } from "./folder.ts";

/** As whoever owns a data folder is called in the lease of the day jobs. */
const HOLDER = "owner of the data folder";
const days = { timezone: "UTC", runAt: "03:00", currency: "EUR" };

/** The log is the beginning of the original's that the sheet names; the state has what the chain had done, neither more nor less. */
export async function checkMoment(data: string, sheet: Sheet, original: readonly Entry[][], before: Done, after: Done): Promise<Entry[][]> {
  const log = await logOf(data);
  for (const [p, { end, archived }] of sheet.partitions.entries()) {
    assert.ok(archived <= end, `the lake is not ahead of the log: ${archived} of ${end}`);
    assert.deepEqual(log[p].map(({ text }) => text), original[p].slice(0, end).map(({ text }) => text), `the log of partition ${p}`);
  }
  const chained = log.flat().filter(({ event }) => event?.session === "chain").length;
  const said = await saidOf(data);
  const refused = said.refused.filter((raw) => raw.includes("chain-"));
  const done: Done = { events: chained, refused: refused.length, judged: said.judged.length };
  assert.deepEqual(refused, Array.from(refused, (_, i) => `{"session_id":"chain-${i}"}`), "refused lines in their order");
  assert.ok(done.events - done.refused === 0 || done.events - done.refused === 1, `one moment: ${JSON.stringify(done)}`);
  for (const name of ["events", "refused", "judged"] as const) {
    assert.ok(before[name] <= done[name] && done[name] <= after[name] + 1, `${name}: ${before[name]} <= ${done[name]} <= ${after[name]}`);
  }
  assert.ok(done.judged <= done.refused, `a verdict follows a refused line: ${JSON.stringify(done)}`);
  await checkLake(data, log, sheet.partitions.map(({ archived }) => archived));
  return log;
}

/** The lake has the rows of these offsets of the log, each once, and verify finds nothing. */
async function checkLake(data: string, log: readonly Entry[][], ends: readonly number[]): Promise<void> {
  const { rows, doubled, verified } = await lakeOf(data);
  assert.deepEqual([doubled, verified.findings], [0, []]);
  const want = new Map(
    log.flatMap((entries, p) =>
      entries.slice(0, ends[p]).flatMap(({ text, event }, offset) => event === null ? [] : [[`${p}/${offset}`, text] as const])
    ),
  );
  assert.deepEqual([...rows].sort(), [...want].sort(), "rows of the lake");
}

/** Files of results are those that the record names. Returns how many were compared. */
export async function checkResults(data: string): Promise<number> {
  using file = await Deno.openKv(paths.state(data));
  const store = new ResultStore(sealedKv(file)), duck = await Duck.open({ lakeFolder: paths.lake(data), name: "test" });
  let compared = 0;
  try {
    for (const table of ["daily_metrics", "session_funnel"]) {
      for await (const date of store.dates(table)) {
        const run = (await sealedKv(file).get<{ state: string }>(["run", date, table])).value;
        if (run?.state === "running") continue; // its files are of the run before, or of that one
        const { rows } = (await store.get(table, date, "all"))!;
        const names = Object.keys(rows[0]).filter((name) => typeof rows[0][name] === "number");
        const path = literal(`${paths.lake(data)}/${resultFile(table, date)}`);
        const stored = await duck.rows(`SELECT ${names.map((name) => `${name}::DOUBLE AS ${name}`).join(", ")} FROM read_parquet(${path})
          WHERE traffic = 'all' ORDER BY ${names.join(", ")}`);
        const text = (row: Record<string, unknown>) => names.map((name) => Number(row[name])).join("|");
        assert.deepEqual(stored.map(text).sort(), rows.map(text).sort(), `${table} of ${date}`);
        compared++;
      }
    }
    return compared;
  } finally {
    duck.close();
  }
}

/** Opens the folder, lets it catch up, and compares windows, lake and a day's figures with recounts. */
export async function checkGoesOn(data: string, told: string): Promise<{ anomalies: number; figures: number }> {
  const guardian = await Guardian.open({ data, clock: systemClock, logLine: silent, partitions: 1 });
  let shown: Record<string, unknown>[][] = [];
  try {
    while (await guardian.engine.catchUp());
    const jobs = openDays(guardian, days, { holder: HOLDER });
    const { failed } = await jobs.runDay(SHOP_DATE);
    assert.deepEqual(failed, []);
    shown = await Promise.all(["daily_metrics", "session_funnel"].map(async (table) => {
      const result = await jobs.results.get(table, SHOP_DATE, "all");
      return result!.rows.map((row) => presented(resultTables[table].columns, row));
    }));
    await jobs.close();
    await guardian.archiver.flush();
  } finally {
    await guardian.stop();
  }
  const log = await logOf(data);
  await checkLake(data, log, log.map((entries) => entries.length));
  const ofDay = log.flat().filter(isOfDay).map(({ event }) => event as ShopEvent);
  const { metric_date: _, ...figures } = shown[0][0];
  assert.deepEqual(figures, recountFigures(ofDay, days.currency), `${told}: figures of the day`);
  assert.deepEqual(shown[1], recountFunnel(ofDay, SHOP_DATE), `${told}: the funnel of the day`);
  const { anomalies } = await checkWindows(data, log.length, told);
  return { anomalies, figures: Object.keys(figures).length };
}

function isOfDay({ text, event }: Entry): boolean {
  return event !== null && text.startsWith(laneOfSource(SOURCE)) && new Date(event.time).toISOString().startsWith(SHOP_DATE);
}
