// daily_metrics: the figures of a day, and the two tables of it (sessions, items) that every other job reads. It alone reads raw events:
// each file of the day once for the sessions and once for the items, in memory bounded by DuckDB's limit and that of rows at once.

import { count, date, money, moneyEach, ratio, rowSchema, seconds } from "../columns.ts";
import { type DayInput, readDayInput, selectDay } from "../day_input.ts";
import dayTables from "../day_tables.sql" with { type: "text" };
import { flaggedSequence, flaggingSpan } from "../flagged.ts";
import { dateLiteral, type DayJob, type Desk, type Outcome, resultFile, type ResultTable } from "../job.ts";
import { GuardianError } from "../../src/errors.ts";
import { literal } from "../../src/lake/duckdb.ts";
import dailyMetricsSql from "./daily_metrics.sql" with { type: "text" };
import itemsSql from "./items.sql" with { type: "text" };
import { makeSeen } from "./seen_sessions.ts";
import sessionsSql from "./sessions.sql" with { type: "text" };

export const dailyMetricsColumns = {
  metric_date: date("The local day, in the shop's time zone"),
  total_clicks: count("clicks", "Events of kind click, and of no other kind"),
  total_purchases: count("purchases", "Purchase events, whatever their price and currency"),
  unique_sessions: count("sessions", "Sessions with a click or a purchase; one that crosses midnight counts on both days"),
  unique_items: count("items", "Items clicked or bought"),
  conversion_rate: ratio("share, 0 to 1", "Sessions with a purchase, divided by unique sessions"),
  avg_session_duration_sec: seconds("Mean time from the first to the last event of a session in the day; one event alone counts 0"),
  avg_clicks_per_session: ratio("clicks per session", "Clicks divided by unique sessions"),
  total_revenue: money("Sum of price times quantity in the shop's currency, exact"),
  avg_order_value: moneyEach("Revenue divided by purchases"),
  avg_basket_value: moneyEach("Revenue divided by sessions with a purchase"),
  purchases_without_price: count("purchases", "Purchases with a price of 0"),
  purchases_other_currency: count("purchases", "Purchases in another than the shop's currency: counted, and left out of revenue"),
};

export const dailyMetricsTable: ResultTable = {
  name: "daily_metrics",
  description: "The figures of a day",
  columns: dailyMetricsColumns,
  schema: rowSchema(dailyMetricsColumns).openapi("DailyMetrics"),
  order: "metric_date",
};

export const dailyMetrics: DayJob = {
  name: "daily_metrics",
  description: "Figures of a day: clicks, purchases, sessions, conversion, revenue",
  dependsOn: [],
  per: "day",
  tables: [dailyMetricsTable],
  async run(desk: Desk): Promise<Outcome> {
    const { context: { kv, flagged }, order: { zone, date }, duck: { lakeFolder } } = desk;
    const span = flaggingSpan(zone, date);
    // The number comes first: a change between it and the set makes the day stale, and is not lost.
    const sequence = flaggedSequence(await flagged.changes(span), span);
    await fillFlagged(desk, flagged.sessions(span));
    const input = await readDayInput(kv, lakeFolder, zone, date, () => desk.goOn());
    const lake = { reads: input.versions, leftOut: input.leftOut, flagged: sequence };
    // A shop that names no currency has but one: then no purchase is in another.
    await desk.run(`CREATE TEMP TABLE shop AS SELECT nullif(${literal(desk.context.settings.currency)}, '') AS shop_currency`);
    await desk.run(dayClock(input.span.start));
    const clicks = ["kind", "session_id", "timestamp", "item_id", "category"];
    const purchases = ["session_id", "timestamp", "item_id", "price", "quantity", "currency"];
    await desk.run(`CREATE TEMP VIEW day_clicks AS ${selectDay(input, "raw_clicks", lakeFolder, clicks)}`);
    await desk.run(`CREATE TEMP VIEW day_purchases AS ${selectDay(input, "raw_purchases", lakeFolder, purchases)}`);
    await desk.context.beforeStep?.("query");
    if (!await makeTables(desk, input)) {
      // Nothing is left of the day, but it had events: what was counted before stays, and the run is told as failed.
      if (input.leftOut.length > 0) throw allDamaged(date, input.leftOut);
      return { results: [], lake };
    }
    return { results: [await desk.result(dailyMetricsTable, dailyMetricsSql)], lake };
  },
};

/** Ids and times of sessions hardly come twice, their counts nearly always. */
const SESSION_DISTINCT_MAX = 64;

function allDamaged(date: string, files: readonly string[]): GuardianError {
  const which = files.length === 1 ? files[0] : `${files[0]} and ${files.length - 1} more`;
  return new GuardianError("corrupt", `Cannot count ${date}: all that the lake holds of it is damaged (${which}); see verify`);
}

/** Event times as whole milliseconds of the day, which fit into 32 bits, and back. */
function dayClock(startMs: number): string {
  return `CREATE TEMP MACRO ms_of_day(t) AS (epoch_ms(t) - ${startMs})::INTEGER;
    CREATE TEMP MACRO time_of_ms(ms) AS make_timestamptz(1000 * (${startMs} + ms))`;
}

/** Writes the tables of the day and puts them in view. Returns whether there is a session at all. */
async function makeTables(desk: Desk, input: DayInput): Promise<boolean> {
  const { date } = desk.order;
  const dated = (select: string) => `SELECT ${dateLiteral(date)} AS metric_date, * FROM (${select})`;
  let items = "";
  await makeSeen(desk, input, async () => items = await desk.write(dated(itemsSql), resultFile("items", date), false));
  await desk.show("sessions", [await desk.write(dated(sessionsSql), resultFile("sessions", date), false, SESSION_DISTINCT_MAX)]);
  const [{ some }] = await desk.rows("SELECT count(*) > 0 AS some FROM sessions");
  if (!some) return false;
  await desk.show("items", [items]);
  await desk.run(dayTables);
  return true;
}

/** The set of flagged sessions as the table `flagged`, each once. An appender takes any text, as SQL does not. */
async function fillFlagged(desk: Desk, chunks: AsyncIterable<readonly string[]>): Promise<void> {
  await desk.run("CREATE TEMP TABLE flagged_often (session_id VARCHAR)");
  const appender = await desk.connection.createAppender("flagged_often");
  for await (const sessions of chunks) {
    for (const session of sessions) {
      appender.appendVarchar(session);
      appender.endRow();
    }
  }
  appender.closeSync();
  await desk.run("CREATE TEMP TABLE flagged AS SELECT DISTINCT session_id FROM flagged_often; DROP TABLE flagged_often");
}
