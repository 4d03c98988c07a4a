// All day jobs over one generated day, and beside them plain SQL over the same files in DuckDB alone, as one would write it by hand.
// Both are run in turn, with the same memory and threads for DuckDB; the jobs count sessions beside it, in memory of their own. What they have
// in common has to be the same, for both kinds of traffic.

import assert from "node:assert/strict";
import { type Days, openDays } from "../jobs/mod.ts";
import { systemClock } from "../src/clock.ts";
import { Duck } from "../src/lake/duckdb.ts";
import { allParts, readManifest } from "../src/lake/manifest.ts";
import type { Part } from "../src/lake/part.ts";
import { selectParts } from "../src/lake/tables.ts";
import { silent } from "../src/log_line.ts";
import { AnomalyStore } from "../src/store/anomalies.ts";
import { FeedbackStore } from "../src/store/feedback.ts";
import { type Traffic, traffics } from "../src/store/results.ts";
import { DATE, FLAGGED, FLAGGED_STEP, openDayLake } from "./day_lake.ts";
import { type Figures, measure } from "./measure.ts";

/** Items that both ways give, by revenue. */
const ITEMS = 100;

export async function benchDays(clicks: number, rounds: number): Promise<Figures[]> {
  const { kv, lakeFolder, close } = await openDayLake(clicks);
  const duck = await Duck.open({ lakeFolder, name: "bench" });
  try {
    const anomalies = await AnomalyStore.open(kv, systemClock);
    const host = {
      state: kv,
      duck,
      archiver: { flush: () => Promise.resolve() },
      anomalies,
      feedback: await FeedbackStore.open(kv, systemClock),
      options: { clock: systemClock, logLine: silent },
    };
    const days = openDays(host, { timezone: "UTC", runAt: "03:00", currency: "" });
    const parts = allParts(await readManifest(kv));
    const figures: Figures[] = [];
    for (let round = 0; round < rounds; round++) {
      figures.push(
        await measure("all day jobs of one day, both traffics", clicks, async () => {
          const { failed } = await days.runDay(DATE);
          assert.deepEqual(failed, []);
        }),
      );
      let bare: Record<Traffic, PlainFigures> | null = null;
      figures.push(
        await measure("the same by plain SQL in DuckDB alone", clicks, async () => {
          bare = await plainSql(lakeFolder, parts);
        }),
      );
      for (const traffic of traffics) assert.deepEqual(await jobFigures(days, traffic), bare![traffic], traffic);
    }
    await days.close();
    return figures;
  } finally {
    duck.close();
    await close();
  }
}

/** What both ways of counting are compared by: sums of the day, sessions by stage, and the first items' revenue and clicks. */
interface PlainFigures {
  readonly day: readonly number[];
  readonly stages: readonly number[];
  readonly items: readonly (readonly number[])[];
}

async function jobFigures(days: Days, traffic: Traffic): Promise<PlainFigures> {
  const rowsOf = async (table: string) => (await days.results.get(table, DATE, traffic))!.rows;
  const [day] = await rowsOf("daily_metrics");
  const items = (await rowsOf("popular_items")).filter(({ rank }) => Number(rank) <= ITEMS);
  return {
    day: ["unique_sessions", "total_clicks", "total_purchases", "total_revenue", "unique_items"].map((name) => Number(day[name])),
    stages: (await rowsOf("session_funnel")).map(({ session_count }) => Number(session_count)),
    items: items.map(({ revenue, click_count }) => [Number(revenue), Number(click_count)]),
  };
}

/** Daily figures, funnel, 100 items and 20 categories, of all sessions and of those that are not flagged. */
async function plainSql(lakeFolder: string, parts: readonly Part[]): Promise<Record<Traffic, PlainFigures>> {
  const duck = await Duck.open({ lakeFolder, name: "bare" });
  const clicks = selectParts(parts.filter(({ table }) => table === "raw_clicks"), "raw_clicks", lakeFolder);
  const purchases = selectParts(parts.filter(({ table }) => table === "raw_purchases"), "raw_purchases", lakeFolder);
  try {
    return await duck.connected(async (connection) => {
      const { DuckDBConnection } = await import("@duckdb/node-api");
      const db = new DuckDBConnection(connection);
      await db.run(`CREATE TEMP TABLE flagged AS SELECT (i * ${FLAGGED_STEP})::VARCHAR AS session_id FROM range(${FLAGGED}) t(i)`);
      await db.run(`CREATE TEMP TABLE s AS
        WITH c AS (SELECT session_id, count(*) AS clicks, min(timestamp) AS a, max(timestamp) AS b FROM (${clicks}) WHERE kind = 'click' GROUP BY session_id),
        p AS (SELECT session_id, count(*) AS purchases, sum(price * quantity) AS revenue, min(timestamp) AS a, max(timestamp) AS b FROM (${purchases}) GROUP BY session_id)
        SELECT coalesce(c.session_id, p.session_id) AS session_id, coalesce(clicks, 0) AS clicks, coalesce(purchases, 0) AS purchases,
          coalesce(revenue, 0) AS revenue, least(c.a, p.a) AS a, greatest(c.b, p.b) AS b, coalesce(c.session_id, p.session_id) IN (FROM flagged) AS bot
        FROM c FULL JOIN p USING (session_id)`);
      await db.run(`CREATE TEMP TABLE i AS
        WITH c AS (SELECT item_id, category, session_id IN (FROM flagged) AS bot, count(*) AS clicks FROM (${clicks}) WHERE kind = 'click' GROUP BY ALL),
        p AS (SELECT item_id, session_id IN (FROM flagged) AS bot, count(*) AS purchases, sum(price * quantity) AS revenue FROM (${purchases}) GROUP BY ALL)
        SELECT item_id, bot, arg_max(category, clicks) AS category, sum(clicks) AS clicks, any_value(purchases) AS purchases, any_value(revenue) AS revenue
        FROM c FULL JOIN p USING (item_id, bot) GROUP BY item_id, bot`);
      const rows = async (sql: string) => (await db.runAndReadAll(sql)).getRowsJS().map((row) => row.map(Number));
      const figures = async (traffic: string): Promise<PlainFigures> => {
        const [[, , ...day]] = await rows(
          `SELECT avg(epoch(b) - epoch(a)), avg((purchases > 0)::INT), count(*), sum(clicks), sum(purchases), sum(revenue),
            (SELECT count(DISTINCT item_id) FROM i WHERE ${traffic}) FROM s WHERE ${traffic}`,
        );
        const stages = await rows(
          `SELECT CASE WHEN purchases > 0 THEN 3 WHEN clicks = 1 THEN 1 ELSE 2 END AS stage, count(*) FROM s WHERE ${traffic} GROUP BY ALL ORDER BY stage`,
        );
        const items = await rows(
          `SELECT coalesce(sum(revenue), 0) AS r, sum(clicks) AS c, sum(purchases) FROM i WHERE ${traffic}
            GROUP BY item_id ORDER BY r DESC, c DESC, item_id LIMIT ${ITEMS}`,
        );
        await rows(`SELECT sum(clicks), sum(revenue) AS r FROM i WHERE ${traffic} GROUP BY category ORDER BY r DESC LIMIT 20`);
        return { day, stages: stages.map(([, sessions]) => sessions), items: items.map(([revenue, clicks]) => [revenue, clicks]) };
      };
      return { all: await figures("true"), humans: await figures("NOT bot") };
    });
  } finally {
    duck.close();
  }
}

if (import.meta.main) {
  const { header, row } = await import("./measure.ts");
  console.log(header);
  for (const figures of await benchDays(Number(Deno.args[0] ?? 1_000_000), Number(Deno.args[1] ?? 1))) {
    console.log(row(figures), `${figures.wallS.toFixed(2)} s`);
  }
}
