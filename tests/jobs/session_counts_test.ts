// Sessions counted by their integer ids: against a Map, and the day jobs' two ways of counting against each other.

import assert from "node:assert/strict";
import { DuckDBConnection } from "@duckdb/node-api";
import type { DayInput } from "../../jobs/day_input.ts";
import type { Desk } from "../../jobs/job.ts";
import { makeSeen } from "../../jobs/daily_metrics/seen_sessions.ts";
import { SessionCounts, timeAndClick } from "../../jobs/daily_metrics/session_counts.ts";
import { type JobContext, resultFile, runJob } from "../../jobs/mod.ts";
import { CLICK, PURCHASE } from "../../src/event/kind.ts";
import type { Part } from "../../src/lake/part.ts";
import { limits } from "../../src/limits.ts";
import { seededRandom } from "../event/random.ts";
import { labTest } from "../lake/lab.ts";
import { append, contextOf, type ShopEvent } from "./shop.ts";

const DATE = "2014-04-07", DAY_MS = 86_400_000, START = Date.parse(`${DATE}T00:00:00Z`);

/** `session clicks first last` of each, in order. */
function told(counts: SessionCounts, most: number): string[] {
  const rows: string[] = [];
  for (const { count, session, clicks, firstMs, lastMs } of counts.counted(most)) {
    assert.ok(count > 0 && count <= most);
    for (let i = 0; i < count; i++) rows.push(`${session[i]} ${clicks[i]} ${firstMs[i]} ${lastMs[i]}`);
  }
  return rows.sort();
}

Deno.test("session counts are those of a Map when sessions are few, many, next to each other or far apart", () => {
  const random = seededRandom("session counts");
  const below = (n: number) => Math.floor(random() * n);
  for (
    const [rows, sessions, step] of [[0, 1, 1], [1, 1, 1], [5000, 3, 1], [40_000, 1, 1], [60_000, 50_000, 1], [60_000, 20_000, 65_536], [
      9,
      9,
      2 ** 28,
    ]]
  ) {
    const counts = new SessionCounts(3 + below(11)), expected = new Map<number, [clicks: number, first: number, last: number]>();
    for (let left = rows; left > 0;) {
      const some = Math.min(left, 1 + below(3000));
      const codes = Int32Array.from({ length: some }, () => Math.min(2 ** 31 - 1, step * below(sessions)));
      const values = Int32Array.from(codes, (session) => {
        const ms = below(25 * 3_600_000), isClick = random() < 0.7;
        const [clicks, first, last] = expected.get(session) ?? [0, Infinity, -1];
        expected.set(session, [clicks + (isClick ? 1 : 0), Math.min(first, ms), Math.max(last, ms)]);
        return timeAndClick(ms, isClick);
      });
      assert.equal(counts.add(codes, values), true);
      left -= some;
    }
    assert.equal(counts.rows, rows);
    const want = [...expected].map(([session, figures]) => `${session} ${figures.join(" ")}`).sort();
    assert.deepEqual(told(counts, 1 + below(2048)), want, `${rows} rows of ${sessions} sessions`);
  }
});

Deno.test("session counts refuse rows when an id is no integer", () => {
  assert.equal(new SessionCounts().add(Int32Array.of(1, -1), Int32Array.of(2, 3)), false);
});

labTest("day jobs write the same sessions when ids are integers, in one pass or in several, and when DuckDB groups texts", async (lab) => {
  const random = seededRandom("sessions by integers and by texts");
  const below = (n: number) => Math.floor(random() * n);
  await lab.archiver().recover();
  const events = Array.from({ length: 20_000 }, (): ShopEvent => {
    const kind = random() < 0.1 ? PURCHASE : random() < 0.8 ? CLICK : 1 + below(3);
    return {
      kind,
      time: START - 3_600_000 + below(DAY_MS + 7_200_000),
      session: String(below(2) === 0 ? below(6000) : 2 ** 31 - 1 - below(3000)),
      item: String(below(50)),
      category: null,
      price: 10_000 * below(3),
      quantity: 1 + below(2),
      currency: null,
    };
  });
  append(lab, events);
  const flagged = ["7", "07", "2147483640", "not there", "-1"];
  const sessionsOf = async (given: Partial<JobContext> = {}) => {
    await runJob("daily_metrics", DATE, contextOf(lab, { zone: "UTC", currency: "EUR", flagged }, given));
    const file = `${lab.lakeFolder}/${resultFile("sessions", DATE)}`;
    const types = await lab.duck.rows(`SELECT name, type FROM parquet_schema('${file}')`);
    return [types, await lab.duck.rows(`SELECT COLUMNS(*)::VARCHAR FROM '${file}' ORDER BY session_id`)] as const;
  };
  await lab.archiver().flush();
  const [types, rows] = await sessionsOf();
  assert.equal(rows.length, new Set(events.filter(inDay).map(({ session }) => session)).size);
  assert.deepEqual(await sessionsOf({ sessionRowsAtOnce: 3000 }), [types, rows]);
  // One event that is in no figure, of a session that is no integer, and all are grouped as texts.
  append(lab, [{ ...events[0], kind: 1, session: "a text", time: START + 1 }]);
  await lab.archiver().flush();
  assert.deepEqual(await sessionsOf(), [types, rows]);
});

labTest("sessions that cannot all be read fail their day, and nothing else", async (lab) => {
  // Each file is told to have so many rows that it is read by a query of its own, ahead of the rows of the one before.
  const parts = ["1", "2"].map((file): Part => ({
    file: `${file}.parquet`,
    table: "raw_clicks",
    dt: DATE,
    hour: 1,
    rows: limits.sessionRowsReadMax,
    bytes: 1,
    sha256: "",
    minTime: START,
    maxTime: START + DAY_MS - 1,
    created: 0,
    sequence: 1,
    offsets: [],
  }));
  await lab.duck.run(
    `COPY (SELECT 'click' AS kind, (i % 1000)::VARCHAR AS session_id, TIMESTAMPTZ '${DATE} 01:00:00+00' AS timestamp FROM range(400000) t(i))
    TO '${lab.lakeFolder}/1.parquet' (FORMAT parquet)`,
  );
  await lab.duck.connected(async (low) => {
    const connection = new DuckDBConnection(low);
    const desk = {
      duck: lab.duck,
      context: contextOf(lab, { zone: "UTC", currency: "EUR", flagged: [] }),
      goOn() {},
      run: (sql: string) => connection.run(sql),
      rows: async (sql: string) => (await connection.runAndReadAll(sql)).getRowObjectsJS(),
    } as unknown as Desk;
    await desk.run(
      "CREATE TEMP VIEW day_clicks AS SELECT 1; CREATE TEMP VIEW day_purchases AS SELECT NULL::VARCHAR AS session_id WHERE false",
    );
    const input = { span: { start: START, end: START + DAY_MS }, parts, versions: {}, leftOut: [] } as unknown as DayInput;
    // A rejection that nobody handles would end this process.
    await assert.rejects(makeSeen(desk, input, async () => {}), /2\.parquet/);
  });
});

function inDay({ time, kind }: ShopEvent): boolean {
  return time >= START && time < START + DAY_MS && (kind === CLICK || kind === PURCHASE);
}
