import assert from "node:assert/strict";
import { dayRows, type Listed, listPath } from "../../static/pages/daily/days.ts";
import type { Day } from "../../static/shell/answers.ts";

const day = (metric_date: string, total_clicks = 100): Day => ({
  metric_date,
  total_clicks,
  total_purchases: 5,
  unique_sessions: 40,
  unique_items: 30,
  conversion_rate: 0.1,
  avg_session_duration_sec: 60,
  avg_clicks_per_session: 2.5,
  total_revenue: 50,
  avg_order_value: 10,
  avg_basket_value: 12.5,
  purchases_without_price: 0,
  purchases_other_currency: 0,
  state: "finished",
  finished_at: "2026-11-22T03:00:01.000Z",
});

const listed = (dates: string[], more: Partial<Listed> = {}): Listed => ({
  all: dates.map((date) => day(date)),
  humans: dates.map((date) => day(date, 70)),
  traffic: "all",
  range: { from: null, to: null },
  firstDate: dates.at(-1) ?? null,
  lastDate: dates[0] ?? "2026-11-21",
  ...more,
});

const shape = (rows: ReturnType<typeof dayRows>) =>
  rows.map(({ date, until, day }) => `${date}${until === date ? "" : `..${until}`}${day === null ? " gap" : ""}`);

Deno.test("daily rows are oldest first, and a short gap has a row for each of its days", () => {
  assert.deepEqual(shape(dayRows(listed(["2026-11-21", "2026-11-18"]))), [
    "2026-11-18",
    "2026-11-19 gap",
    "2026-11-20 gap",
    "2026-11-21",
  ]);
});

Deno.test("daily rows hold each day of a gap of 7 days, and one row for a gap of 8", () => {
  assert.equal(dayRows(listed(["2026-11-21", "2026-11-13"])).length, 9);
  assert.deepEqual(shape(dayRows(listed(["2026-11-21", "2026-11-12"]))), [
    "2026-11-12",
    "2026-11-13..2026-11-20 gap",
    "2026-11-21",
  ]);
});

Deno.test("daily rows begin with the range where data began before it, and with the data where it began later", () => {
  const dates = ["2026-11-21", "2026-11-20"];
  const before = listed(dates, { range: { from: "2026-11-19", to: null }, firstDate: "2026-11-01" });
  assert.deepEqual(shape(dayRows(before)), ["2026-11-19 gap", "2026-11-20", "2026-11-21"]);
  const after = listed(dates, { range: { from: "2026-11-10", to: null }, firstDate: "2026-11-20" });
  assert.deepEqual(shape(dayRows(after)), ["2026-11-20", "2026-11-21"]);
});

Deno.test("daily rows leave out days before the range, which are only there to compare with", () => {
  const { range: _, ...rest } = listed(["2026-11-21", "2026-11-20", "2026-11-14"]);
  assert.deepEqual(shape(dayRows({ ...rest, range: { from: "2026-11-20", to: null } })), ["2026-11-20", "2026-11-21"]);
});

Deno.test("daily rows end with the days that can have figures, and a long silence is told only when it was asked for", () => {
  const old = ["2014-04-07", "2014-04-06"];
  assert.equal(dayRows(listed(old, { lastDate: "2014-04-09" })).length, 4);
  assert.equal(dayRows(listed(old, { lastDate: "2026-11-21" })).length, 2);
  const asked = listed(old, { lastDate: "2026-11-21", range: { from: null, to: "2026-12-24" } });
  assert.deepEqual(shape(dayRows(asked)).at(-1), "2014-04-08..2026-11-21 gap");
});

Deno.test("daily rows show the chosen traffic, and keep both", () => {
  const [row] = dayRows(listed(["2026-11-21"], { traffic: "humans" }));
  assert.deepEqual([row.day?.total_clicks, row.all?.total_clicks, row.humans?.total_clicks], [70, 100, 70]);
});

Deno.test("daily rows are none when there is no day, whatever the range", () => {
  assert.deepEqual(dayRows(listed([], { range: { from: "2026-11-01", to: "2026-11-20" }, firstDate: "2014-04-01" })), []);
});

Deno.test("daily list asks for a week more than the range, and never for more than a page", () => {
  assert.equal(listPath({ from: null, to: null }, "all"), "/metrics/daily?limit=37");
  assert.equal(
    listPath({ from: "2026-11-08", to: "2026-11-21" }, "humans"),
    "/metrics/daily?start_date=2026-11-01&end_date=2026-11-21&limit=21&traffic=humans",
  );
  assert.equal(listPath({ from: "2014-04-08", to: null }, "all"), "/metrics/daily?start_date=2014-04-01&limit=1000");
});
