// The events of one session: those in the lake, and those that only the log has yet.
// What always holds: each event is told once, also while a flush or a compaction is under way, because one state of the manifest names the
// files and the offset from which the log goes on. Text of a request never becomes SQL, and no file is read that is not listed. Addresses
// and user agents are not told.

import { columnText, type EventBatch } from "../event/batch.ts";
import { FIRST_WORD, idOut, integerCode } from "../event/code.ts";
import { kindNames } from "../event/kind.ts";
import { PRICE_UNITS } from "../event/price.ts";
import { formatTimestamp } from "../event/timestamp.ts";
import { GuardianError, reasonOf } from "../errors.ts";
import { limits } from "../limits.ts";
import type { EventLog } from "../log/log.ts";
import { lostOffsets } from "../log/lost.ts";
import { partitionOfText } from "../log/partition.ts";
import type { Duck, Row } from "./duckdb.ts";
import { allParts, readManifest } from "./manifest.ts";
import type { Part } from "./part.ts";
import type { Table } from "./schema.ts";
import { selectParts } from "./tables.ts";
import { WholeFiles } from "./whole.ts";

export interface SessionEvent {
  readonly timestamp: string;
  readonly kind: (typeof kindNames)[number];
  readonly item_id: number | string | null;
  readonly category: string | null;
  readonly price: number | null;
  readonly quantity: number | null;
  readonly page: string | null;
  readonly partition: number;
  readonly offset: number;
  readonly lane: string;
}

/** Event times in ms: since included, until not. */
export interface SessionQuery {
  readonly session: string;
  readonly since: number;
  readonly until: number;
  readonly limit: number;
}

/** The first `limit` events by time. more: there are others in that time. leftOut: files and offsets of the log that are damaged or gone. */
export interface SessionEvents {
  readonly events: readonly SessionEvent[];
  readonly more: boolean;
  readonly leftOut: readonly string[];
}

export interface SessionSource {
  /** The `state` file. */
  readonly kv: Deno.Kv;
  readonly duck: Duck;
  readonly log: Pick<EventLog, "partitions" | "start" | "end" | "read">;
  /** Files that were found whole before; without it, each is read whole each time. */
  readonly whole?: WholeFiles;
}

/** An event with what it is sorted by; the text of its time is made for those that are told. */
interface Found extends Omit<SessionEvent, "timestamp"> {
  readonly time: number;
}

const STATES_MAX = 5;

/** Reads the events. Throws `invalid_parameter` when that takes too many files, and `storage_failing`. */
export async function readSessionEvents(source: SessionSource, query: SessionQuery): Promise<SessionEvents> {
  const partition = partitionOfText(query.session, source.log.partitions);
  for (let state = 0; state < STATES_MAX; state++) {
    const { root, parts } = await partsOf(source, query, partition);
    const lost: string[] = [];
    const inLog = await logEvents(source.log, query, partition, root.covered[partition] ?? 0, lost);
    // The log was trimmed behind the archiver meanwhile, so a newer state of the manifest has what is missing.
    if (inLog === null) continue;
    const { found: inLake, leftOut } = await lakeEvents(source, query, parts);
    const all = [...inLake, ...inLog].sort(byTime);
    const events = all.slice(0, query.limit).map(({ time, ...event }) => ({ timestamp: formatTimestamp(time), ...event }));
    return { events, more: all.length > query.limit, leftOut: [...leftOut, ...lost] };
  }
  throw new GuardianError("storage_failing", "Cannot read the events: the log keeps being trimmed meanwhile", { retryAfterS: 1 });
}

function byTime(a: Found, b: Found): number {
  return a.time - b.time || a.offset - b.offset;
}

async function partsOf({ kv }: SessionSource, { since, until }: SessionQuery, partition: number) {
  const first = formatTimestamp(since).slice(0, 10), last = formatTimestamp(until - 1).slice(0, 10);
  const manifest = await readManifest(kv, (dt) => dt >= first && dt <= last);
  const parts = allParts(manifest).filter(({ minTime, maxTime, offsets }) =>
    maxTime >= since && minTime < until && offsets.some(([of]) => of === partition)
  );
  if (parts.length > limits.sessionEventsFilesMax) {
    const why = `the lake has ${parts.length} files of that time, and ${limits.sessionEventsFilesMax} are read at the most`;
    throw new GuardianError("invalid_parameter", `Cannot use "since" and "until" as given: ${why}; ask for less time`);
  }
  return { root: manifest.root, parts };
}

/** The first events by time of what the log holds from an offset on; null when it no longer goes back that far. `lost` gets what is damaged. */
async function logEvents(
  log: SessionSource["log"],
  query: SessionQuery,
  partition: number,
  from: number,
  lost: string[],
): Promise<Found[] | null> {
  let found: Found[] = [];
  for (let next = from; next < log.end(partition);) {
    if (log.start(partition) > next) return null;
    let batches: readonly EventBatch[];
    try {
      batches = await log.read(partition, next);
    } catch (failure) {
      if (log.start(partition) > next) return null;
      throw failure;
    }
    for (const batch of batches) {
      if (batch.control === "lost") lost.push(lostOffsets({ partition, from: batch.firstOffset, to: batch.firstOffset + batch.count }));
      addFrom(batch, query, from, found);
      next = batch.firstOffset + batch.count;
    }
    if (found.length > 4 * query.limit) found = found.sort(byTime).slice(0, query.limit + 1);
  }
  return found;
}

/** Adds the events of the session in a batch from an offset on. */
function addFrom(batch: EventBatch, { session, since, until }: SessionQuery, from: number, found: Found[]): void {
  if (batch.control !== "events") return;
  const code = codeIn(batch, session);
  if (code === null) return;
  const { purchase, visitor, partition, firstOffset, lane } = batch;
  for (let row = Math.max(0, from - firstOffset); row < batch.count; row++) {
    const time = batch.eventTime[row];
    if (batch.session[row] !== code || time < since || time >= until) continue;
    const item = columnText(batch, batch.item, row), price = purchase?.price[row] ?? NaN, quantity = purchase?.quantity[row] ?? NaN;
    found.push({
      time,
      kind: kindNames[batch.kind[row]],
      item_id: item === null ? null : idOut(item),
      category: columnText(batch, batch.category, row),
      price: isNaN(price) ? null : price / PRICE_UNITS,
      quantity: isNaN(quantity) ? null : quantity,
      page: columnText(batch, visitor?.page, row),
      partition,
      offset: firstOffset + row,
      lane,
    });
  }
}

/** How a text stands in the columns of a batch; null where it does not. */
function codeIn({ words }: EventBatch, text: string): number | null {
  const integer = integerCode(text);
  if (integer >= 0) return integer;
  const place = words.indexOf(text);
  return place < 0 ? null : FIRST_WORD + place;
}

/**
 * The first events by time of listed files, of those whose sums are right: a flipped bit in a page of Parquet is most often another value
 * that nothing else would notice. A file that was read lately is not read for that again.
 */
async function lakeEvents(
  source: SessionSource,
  query: SessionQuery,
  parts: readonly Part[],
): Promise<{ found: Found[]; leftOut: string[] }> {
  const { duck, whole = new WholeFiles(standingClock) } = source;
  const fit: Part[] = [], leftOut: string[] = [];
  for (const part of parts) {
    if (await whole.wrongWith(duck.lakeFolder, part) === null) fit.push(part);
    else leftOut.push(part.file);
  }
  try {
    return { found: await selectEvents(duck, query, fit), leftOut };
  } catch (cause) {
    throw new GuardianError("storage_failing", `Cannot read the lake: ${reasonOf(cause)}`, { cause, retryAfterS: 5 });
  }
}

/** For a source without a memory of files: nothing in it is ever asked twice. */
const standingClock = { monotonic: () => 0 };

async function selectEvents(duck: Duck, { session, since, until, limit }: SessionQuery, parts: readonly Part[]): Promise<Found[]> {
  if (parts.length === 0) return [];
  const place = 'page, _partition AS partition, _offset::DOUBLE AS "offset", _lane AS lane';
  const from = (table: Table, own: string) =>
    `SELECT timestamp, item_id, category, ${own}, ${place} FROM (${
      selectParts(parts.filter((part) => part.table === table), table, duck.lakeFolder)
    }) WHERE session_id = $1 AND timestamp >= $2::TIMESTAMPTZ AND timestamp < $3::TIMESTAMPTZ`;
  const sql = `SELECT epoch_ms(timestamp)::DOUBLE AS time, * EXCLUDE (timestamp) FROM (
      ${from("raw_clicks", "kind, NULL::DOUBLE AS price, NULL::DOUBLE AS quantity")}
      UNION ALL
      ${from("raw_purchases", "'purchase' AS kind, price::DOUBLE AS price, quantity::DOUBLE AS quantity")}
    ) ORDER BY time, "offset" LIMIT $4`;
  const rows = await duck.rows(sql, [session, formatTimestamp(since), formatTimestamp(until), limit + 1]);
  return rows.map(foundIn);
}

function foundIn(row: Row): Found {
  const { item_id, ...rest } = row as unknown as Found & { item_id: string | null };
  return { ...rest, item_id: item_id === null ? null : idOut(item_id) };
}
