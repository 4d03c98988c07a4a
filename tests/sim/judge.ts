// Says whether what a simulated product left behind is what its clients were told and what the rules make of its own log. Reads part files
// with a DuckDB of its own, and everything else as it lies in KV. What always holds: nothing that the product counted is believed.

import { DuckDBInstance } from "@duckdb/node-api";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { decode } from "../../src/event/codec.ts";
import { readManifest } from "../../src/lake/manifest.ts";
import type { Part } from "../../src/lake/part.ts";
import { sealedKv } from "../../src/store/sealed.ts";
import type { Clients } from "./clients.ts";
import type { Ledger } from "./ledger.ts";
import { type KvFile, openMemoryKv } from "./memory_kv.ts";
import { nameOf, type ShopEvent } from "./traffic.ts";
import { type Entry, recountWindows, type Window } from "./windows.ts";

/** A row of the lake: the event, and its place. */
export interface LakeRow extends Entry {
  readonly partition: number;
  readonly event: ShopEvent;
}

export interface Evidence {
  readonly clients: Clients;
  readonly ledger: Ledger;
  readonly log: KvFile;
  readonly state: KvFile;
  readonly lakeFolder: string;
}

export interface Judged {
  readonly faults: string[];
  readonly rows: readonly LakeRow[];
  readonly anomalies: number;
}

const FAULTS_MOST = 20;
const SEPARATOR = "\x1f";

export async function judge(evidence: Evidence): Promise<Judged> {
  const faults = [...evidence.ledger.faults];
  const fault = (what: string) => void (faults.length < FAULTS_MOST && faults.push(what));
  const parts = await listedParts(evidence, fault);
  const rows = await lakeRows(evidence.lakeFolder, parts, fault);
  judgeFates(evidence.clients, rows, fault);
  const entries = judgeOffsets(evidence, rows, fault);
  const anomalies = judgeAnomalies(evidence, entries, fault);
  judgeLetters(evidence, fault);
  return { faults, rows, anomalies };
}

type Fault = (what: string) => void;

/** Part files that the manifest lists, each whole and listed once. */
async function listedParts({ state, lakeFolder }: Evidence, fault: Fault): Promise<Part[]> {
  const { days } = await readManifest(sealedKv(openMemoryKv(state)));
  const parts = days.flatMap(({ parts }) => parts), seen = new Set<string>();
  return parts.filter(({ file, sha256 }) => {
    if (seen.has(file)) fault(`${file} is listed twice`);
    seen.add(file);
    try {
      if (createHash("sha256").update(Deno.readFileSync(join(lakeFolder, file))).digest("hex") === sha256) return true;
      fault(`${file} is listed with another sha-256 than it has`);
    } catch (error) {
      fault(`${file} is listed and cannot be read: ${error}`);
    }
    return false;
  });
}

let reader: ReturnType<typeof DuckDBInstance.create> | null = null;

/** All rows of the files, in no order. */
async function lakeRows(lakeFolder: string, parts: readonly Part[], fault: Fault): Promise<LakeRow[]> {
  const connection = await (await (reader ??= DuckDBInstance.create(":memory:"))).connect();
  const rows: LakeRow[] = [];
  try {
    for (const table of ["raw_clicks", "raw_purchases"]) {
      const files = parts.filter((part) => part.table === table).map(({ file }) => `'${join(lakeFolder, file)}'`);
      if (files.length === 0) continue;
      const own = table === "raw_clicks" ? "kind, '', ''" : "'purchase', price::VARCHAR, quantity::VARCHAR";
      const read = await connection.runAndReadAll(
        `SELECT concat_ws(chr(31), _partition, _offset, epoch_ms(_arrival), _lane, session_id, epoch_ms(timestamp), coalesce(item_id, ''),
          coalesce(category, ''), ${own}) AS line FROM read_parquet([${files.join()}])`,
      );
      for (const line of read.getColumns()[0]) rows.push(rowOf(String(line)));
    }
  } catch (error) {
    fault(`the lake cannot be read: ${error}`);
  } finally {
    connection.closeSync();
  }
  return rows;
}

function rowOf(line: string): LakeRow {
  const [partition, offset, arrival, lane, session, time, item, category, kind, price, quantity] = line.split(SEPARATOR);
  const event: ShopEvent = {
    session,
    time: Number(time),
    kind: kind as ShopEvent["kind"],
    item,
    category: category === "" ? null : category,
    cents: price === "" ? null : Math.round(100 * Number(price)),
    quantity: quantity === "" ? null : Number(quantity),
  };
  return {
    partition: Number(partition),
    offset: Number(offset),
    arrival: Number(arrival),
    time: event.time,
    lane,
    mark: null,
    click: kind === "click",
    session,
    item: item === "" ? null : item,
    event,
  };
}

/** Each event is in the lake as often as its client may think. */
function judgeFates({ fates }: Clients, rows: readonly LakeRow[], fault: Fault): void {
  const found = new Map<string, number>();
  for (const { event, lane } of rows) {
    const name = nameOf(event), sent = fates.get(name);
    found.set(name, (found.get(name) ?? 0) + 1);
    if (sent === undefined) fault(`${name} is in the lake, and nobody sent it`);
    else if (JSON.stringify(sent.event) !== JSON.stringify(event)) {
      fault(`${name} was sent as ${JSON.stringify(sent.event)}, not ${JSON.stringify(event)}`);
    } else if (sent.lane !== lane) fault(`${name} was sent to lane ${sent.lane}, and is in ${lane}`);
  }
  for (const [name, { fate }] of fates) {
    const times = found.get(name) ?? 0;
    if (fate === "acknowledged" && times === 0) fault(`${name} was acknowledged, and is lost`);
    else if (times > 1) fault(`${name} is ${times} times in the lake (${fate})`);
    else if ((fate === "refused" || fate === "unsent") && times > 0) fault(`${name} is in the lake, and was ${fate}`);
  }
}

/** Rows and marks together are each offset of the log once. Returns them by partition, in order. */
function judgeOffsets({ ledger }: Evidence, rows: readonly LakeRow[], fault: Fault): Entry[][] {
  const ofPartition = Map.groupBy(rows, ({ partition }) => partition);
  return ledger.batches.map((batches, partition) => {
    const entries: Entry[] = [...ofPartition.get(partition) ?? []];
    let end = 0;
    for (const { firstOffset, count, control, lane, arrival, eventTime } of batches.map((bytes) => decode(bytes))) {
      if (firstOffset !== end) fault(`partition ${partition} has a batch at ${firstOffset} behind offset ${end}`);
      end = firstOffset + count;
      if (control === "events") continue;
      if (control === "lost") {
        fault(`partition ${partition} lost its batch at ${firstOffset}`);
        continue;
      }
      entries.push({ offset: firstOffset, lane, arrival, time: eventTime[0], mark: control, click: false, session: "", item: null });
    }
    entries.sort((a, b) => a.offset - b.offset);
    const wrong = entries.findIndex(({ offset }, i) => offset !== i);
    if (wrong >= 0) fault(`offset ${wrong} of partition ${partition} is ${entries[wrong].offset > wrong ? "lost" : "doubled"} in the lake`);
    else if (entries.length !== end) fault(`partition ${partition} ends at ${end}, and the lake at ${entries.length}`);
    return entries;
  });
}

interface StoredAnomaly {
  session: string;
  type: string;
  lane: string;
  partition: number;
  status: string;
  clicks: number;
  items: number;
  start: number;
  end: number;
  tipped: number;
  evidence: [number, string | null, number][];
}

/** What is stored of anomalies is what the rules make of the log, and so is all that is counted of them. */
function judgeAnomalies({ state, ledger }: Evidence, entries: readonly Entry[][], fault: Fault): number {
  const expected = new Map<string, string>(),
    late = new Set<string>(),
    types: Record<string, number> = {},
    hours = new Map<number, number>();
  let windows = 0;
  entries.forEach((own, partition) => {
    const { told, late: offsets } = recountWindows(own);
    for (const offset of offsets) late.add(`${partition} ${offset}`);
    for (const window of told) {
      windows++;
      expected.set(placeOf(window), toldOf(window, partition));
      if (window.status !== "confirmed") continue;
      types[window.type] = (types[window.type] ?? 0) + 1;
      const hour = Math.floor(window.start / 3_600_000) * 3_600_000;
      hours.set(hour, (hours.get(hour) ?? 0) + 1);
    }
  });
  const stored = state.allSaid(["anomaly"]) as StoredAnomaly[];
  for (const anomaly of stored) {
    const place = placeOf(anomaly), is = storedOf(anomaly), should = expected.get(place);
    if (should !== is) fault(`the anomaly ${place} is stored as ${is}, and should be ${should ?? "none"}`);
    expected.delete(place);
  }
  for (const [place, should] of expected) fault(`the anomaly ${place} is not stored, and should be ${should}`);
  const counted = (key: Deno.KvKey) => state.said(key) ?? 0;
  compare("anomalies that are kept", counted(["anomalies_kept"]), windows, fault);
  compare("confirmed anomalies by type", sorted((counted(["anomaly_types"]) || {}) as Record<string, number>), sorted(types), fault);
  for (const [hour, count] of hours) compare(`confirmed anomalies of the hour ${hour}`, counted(["anomaly_hour", hour]), count, fault);
  compare("the feed's number", counted(["feed"]), ledger.changes, fault);
  judgeLate(state, late, fault);
  return windows;
}

function judgeLate(state: KvFile, late: ReadonlySet<string>, fault: Fault): void {
  const left = new Set(late);
  for (const page of state.allSaid(["late"]) as { partition: number; offset: number }[][]) {
    for (const { partition, offset } of page) {
      if (!left.delete(`${partition} ${offset}`)) {
        fault(`the late click ${offset} of partition ${partition} is kept twice, or was not late`);
      }
    }
  }
  for (const place of left) fault(`the late click ${place} (partition, offset) is not kept`);
}

function placeOf({ type, lane, session, start }: Pick<Window, "lane" | "session" | "start"> & { type: string }): string {
  return `${type} of ${session} in ${lane} at ${start}`;
}

function toldOf(window: Window, partition: number): string {
  const { status, end, clicks, toldClicks, toldItems, tipped } = window;
  const evidence = clicks.slice(0, toldClicks).slice(-20).map(({ time, item, offset }) => [time, item, offset]);
  return JSON.stringify([partition, status, end, toldClicks, Math.min(toldItems, 256), tipped, evidence]);
}

function storedOf({ partition, status, end, clicks, items, tipped, evidence }: StoredAnomaly): string {
  return JSON.stringify([partition, status, end, clicks, items, tipped, evidence]);
}

/** Refused lines are kept once for each request that can be told from its repetition. */
function judgeLetters({ state, clients: { letters } }: Evidence, fault: Fault): void {
  const kept = state.allSaid(["dead"]).length, counted = Number(state.said(["dead_counts"]) ?? 0);
  if (kept !== counted) fault(`${kept} dead letters are kept, and ${counted} counted`);
  if (kept < letters.least || kept > letters.most) {
    fault(`${kept} dead letters are kept, and there should be ${letters.least} to ${letters.most}`);
  }
  for (const [key, bad] of letters.ofKey) {
    const source = `key-${createHash("sha256").update(key).digest("hex").slice(0, 32)}`;
    const { count } = (state.said(["dead_of", source]) ?? { count: 0 }) as { count: number };
    compare(`dead letters of ${key}`, count, bad, fault);
  }
}

export function compare(what: string, is: unknown, should: unknown, fault: Fault): void {
  if (JSON.stringify(is) !== JSON.stringify(should)) fault(`${what}: ${JSON.stringify(is)}, and should be ${JSON.stringify(should)}`);
}

function sorted(counts: Record<string, number>): [string, number][] {
  return Object.entries(counts).sort(([a], [b]) => a < b ? -1 : 1);
}
