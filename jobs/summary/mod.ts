// summary: all finished days together, each session once. It reads the tables of the days, never raw events.

import { count, date, money, moneyEach, ratio, rowSchema, seconds, truth } from "../columns.ts";
import { dateLiteral, type DayJob, type ResultTable } from "../job.ts";
import metOnDay from "./met_on_day.sql" with { type: "text" };
import metOnDays from "./met_on_days.sql" with { type: "text" };
import summarySql from "./summary.sql" with { type: "text" };

export const summaryColumns = {
  first_date: date("The first day with events"),
  last_date: date("The last finished day"),
  days: count("days", "Finished days with events"),
  total_clicks: count("clicks", "Events of kind click, and of no other kind"),
  total_purchases: count("purchases", "Purchase events, whatever their price and currency"),
  unique_sessions: count("sessions", "Sessions with a click or a purchase, each once however many days it lasts"),
  unique_items: count("items", "Items clicked or bought"),
  buying_sessions: count("sessions", "Sessions with a purchase"),
  conversion_rate: ratio("share, 0 to 1", "Sessions with a purchase, divided by unique sessions"),
  avg_session_duration_sec: seconds("Mean time from the first to the last event of a session, over midnight too"),
  avg_clicks_per_session: ratio("clicks per session", "Clicks divided by unique sessions"),
  total_revenue: money("Sum of price times quantity in the shop's currency, exact"),
  avg_order_value: moneyEach("Revenue divided by purchases"),
  avg_basket_value: moneyEach("Revenue divided by sessions with a purchase"),
  purchases_without_price: count("purchases", "Purchases with a price of 0"),
  purchases_other_currency: count("purchases", "Purchases in another than the shop's currency: counted, and left out of revenue"),
  exact: truth("False once days are only known from a sketch of their sessions"),
};

export const summaryTable: ResultTable = {
  name: "summary",
  description: "All finished days together, each session once",
  columns: summaryColumns,
  schema: rowSchema(summaryColumns).openapi("Summary"),
  order: "last_date",
};

export const summary: DayJob = {
  name: "summary",
  description: "All finished days together, each session once",
  dependsOn: ["daily_metrics"],
  per: "lake",
  tables: [summaryTable],
  days: (finished, date) => finished.filter((day) => day <= date),
  async run(desk) {
    const { days } = desk.order;
    await desk.showDays();
    await desk.run(`CREATE TEMP TABLE span AS
      SELECT ${dateLiteral(days[0])} AS first_date, ${dateLiteral(days[days.length - 1])} AS last_date, ${days.length} AS days`);
    await desk.run(days.length === 1 ? metOnDay : metOnDays);
    await desk.context.beforeStep?.("query");
    return { results: [await desk.result(summaryTable, summarySql)] };
  },
};
