// The sessions of a day's clicks as the relation `seen` (session_key, clicks, first_ms, last_ms), in one of two ways with the same rows.
// Where all ids are canonical integers below 2^31, they are read as such and counted here: DuckDB takes three times as long to group
// millions of them. Else DuckDB groups the texts. The macro session_key(id) gives the key of an id, NULL where it can be in no event.

import duckdb from "@duckdb/node-bindings";
import { integerColumns, IntegerRows } from "../../src/lake/duckdb.ts";
import type { Part } from "../../src/lake/part.ts";
import { limits } from "../../src/limits.ts";
import { giveWay, isTurnOver } from "../../src/turn.ts";
import { type DayInput, selectDay } from "../day_input.ts";
import type { Desk } from "../job.ts";
import seenSql from "./seen.sql" with { type: "text" };
import { SessionCounts } from "./session_counts.ts";

/** Rows of a chunk, as DuckDB makes them. */
const CHUNK_ROWS = 2048;

/** Makes `seen` and the macro. Reads day_clicks and day_purchases. `meanwhile` has the desk to itself while sessions are counted here. */
export async function makeSeen(desk: Desk, input: DayInput, meanwhile: () => Promise<unknown>): Promise<void> {
  await desk.run(
    `CREATE OR REPLACE TEMP MACRO session_key(id) AS CASE WHEN try_cast(id AS INTEGER)::VARCHAR = id THEN try_cast(id AS INTEGER) END;
    CREATE TABLE seen_integers (session_key INTEGER, clicks INTEGER, first_ms INTEGER, last_ms INTEGER)`,
  );
  const [{ others }] = await desk.rows("SELECT count(*) > 0 AS others FROM day_purchases WHERE session_key(session_id) IS NULL");
  // Both have ended before a failure of one is told, as the desk may not be cleared under the other.
  const [counted, done] = await Promise.allSettled([others ? false : countIntegers(desk, input), meanwhile()]);
  if (done.status === "rejected") throw done.reason;
  if (counted.status === "rejected") throw counted.reason;
  if (counted.value) {
    await desk.run("CREATE TEMP VIEW seen AS FROM seen_integers");
  } else {
    await desk.run(`CREATE OR REPLACE TEMP MACRO session_key(id) AS id; CREATE TEMP VIEW seen AS ${seenSql}`);
  }
}

/** Counts in so many passes over the files that the rows of one fit into memory. Returns false where there are other ids than integers. */
async function countIntegers(desk: Desk, input: DayInput): Promise<boolean> {
  const { duck, context } = desk;
  const parts = input.parts.filter(({ table }) => table === "raw_clicks"), groups = groupsOf(parts);
  const passes = Math.ceil(parts.reduce((sum, { rows }) => sum + rows, 0) / (context.sessionRowsAtOnce ?? limits.sessionRowsAtOnceMax));
  return await duck.connected((one) =>
    duck.connected(async (other) => {
      for (let pass = 0; pass < passes; pass++) {
        const which = passes === 1 ? "" : `WHERE code < 0 OR code % ${passes} = ${pass}`;
        const counts = new SessionCounts();
        if (!await readInto(counts, desk, groups.map((parts) => integersSql(desk, input, parts, which)), [one, other])) return false;
        await append(counts, desk, one);
      }
      return true;
    })
  );
}

async function append(counts: SessionCounts, desk: Desk, connection: duckdb.Connection): Promise<void> {
  const rows = new IntegerRows(connection, "seen_integers", 4);
  try {
    for (const { count, session, clicks, firstMs, lastMs } of counts.counted(CHUNK_ROWS)) {
      rows.append(count, [session, clicks, firstMs, lastMs]);
      if (!isTurnOver()) continue;
      desk.goOn();
      await giveWay();
    }
  } finally {
    rows.close();
  }
}

/** Files that are read by one query: of so few rows that what is read ahead stays small. */
function groupsOf(parts: readonly Part[]): Part[][] {
  const groups: Part[][] = [];
  let rows = Infinity;
  for (const part of parts) {
    if (rows + part.rows > limits.sessionRowsReadMax) {
      groups.push([]);
      rows = 0;
    }
    groups[groups.length - 1].push(part);
    rows += part.rows;
  }
  return groups;
}

/** Adds the rows of queries. Connections take turns: DuckDB reads the next files while the rows of the ones before are taken. */
async function readInto(counts: SessionCounts, desk: Desk, queries: string[], connections: duckdb.Connection[]): Promise<boolean> {
  const read = (n: number) => {
    if (n >= queries.length) return null;
    const query = duckdb.query(connections[n % connections.length], queries[n]);
    query.catch(() => {}); // thrown where it is awaited
    return query;
  };
  let next = read(0);
  for (let n = 0; next !== null; n++) {
    const result: duckdb.Result = await next;
    next = read(n + 1);
    let isWhole = false;
    try {
      isWhole = await takeRows(counts, desk, result);
    } finally {
      // A connection may not be closed under its query.
      if (!isWhole) await Promise.allSettled([next]);
    }
    if (!isWhole) return false;
  }
  return true;
}

async function takeRows(counts: SessionCounts, desk: Desk, result: duckdb.Result): Promise<boolean> {
  for (const [codes, values] of integerColumns(result)) {
    if (!counts.add(codes, values)) return false;
    if (!isTurnOver()) continue;
    desk.goOn();
    await giveWay();
  }
  return true;
}

/** Ids as integers, -1 for any other text, with values as `timeAndClick` makes them. */
function integersSql(desk: Desk, { span, ...input }: DayInput, parts: readonly Part[], which: string): string {
  const clicks = selectDay({ ...input, span, parts }, "raw_clicks", desk.duck.lakeFolder, ["kind", "session_id", "timestamp"]);
  return `SELECT code, (2 * (epoch_ms(timestamp) - ${span.start}) + (kind = 'click')::INTEGER)::INTEGER AS value
    FROM (
      SELECT CASE WHEN read::VARCHAR = session_id THEN read ELSE -1 END AS code, timestamp, kind
      FROM (SELECT try_cast(session_id AS INTEGER) AS read, session_id, timestamp, kind FROM (${clicks}))
    ) ${which}`;
}
