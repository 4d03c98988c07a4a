// The figures of counted days: one by one, as a funnel, and all together.

import { z } from "@hono/zod-openapi";
import { dailyMetricsTable, dayAfter, sessionFunnelTable, summaryTable } from "../jobs/mod.ts";
import { GuardianError } from "../src/errors.ts";
import { formatTimestamp } from "../src/event/timestamp.ts";
import { limits } from "../src/limits.ts";
import { type Result, traffics } from "../src/store/results.ts";
import { type CursorShape, linkNext, placeOf } from "../src/web/cursor.ts";
import {
  dateInPath,
  dayHeaders,
  newestResult,
  notModified,
  resultOfDay,
  rowsAnswer,
  shownRows,
  trafficParameter,
} from "../src/web/day_answer.ts";
import { DAY_STATE_MEANS, type DayState, dayStates } from "../src/web/day_states.ts";
import { endpoint } from "../src/web/endpoint.ts";
import { settledJson } from "../src/web/etag.ts";
import { cursorParameter, localDate, someDay, wholeNumber } from "../src/web/parameters.ts";

const TAG = "Days";
const DAYS_DEFAULT = 30;
const { ETag } = dayHeaders;

/** What is told of a row besides its figures. */
const standing = {
  traffic: z.enum(traffics).describe("Whose events count"),
  state: z.enum(dayStates).describe(DAY_STATE_MEANS),
  finished_at: z.string().describe("When it was counted"),
};

export const daySchema = dailyMetricsTable.schema.extend(standing).openapi("Day");
export const summarySchema = summaryTable.schema.extend(standing).openapi("SummaryOfDays");
const stageSchema = z.array(sessionFunnelTable.schema).openapi("Funnel");

const dayExample = {
  metric_date: "2014-04-07",
  total_clicks: 121_034,
  total_purchases: 3_120,
  unique_sessions: 35_104,
  unique_items: 9_874,
  conversion_rate: 0.044895,
  avg_session_duration_sec: 382.117,
  avg_clicks_per_session: 3.447869,
  total_revenue: 108_312.5,
  avg_order_value: 34.715545,
  avg_basket_value: 68.726205,
  purchases_without_price: 1_641,
  purchases_other_currency: 0,
  traffic: "all",
  state: "finished",
  finished_at: "2014-04-08T03:00:01.250Z",
};

function shownDay(result: Result, state: DayState): Record<string, unknown> {
  const [row] = shownRows(result);
  return { ...row, traffic: result.traffic, state, finished_at: formatTimestamp(result.meta.finished) };
}

const shape: CursorShape = { list: "metrics-daily", parts: ["string"] };

/** The day that a cursor's page begins with. */
function dayOfCursor(cursor: string): string {
  const last = localDate.safeParse(placeOf(shape, cursor)[0]);
  if (last.success) return dayAfter(last.data, -1);
  throw new GuardianError("invalid_parameter", 'Cannot use "cursor" as given: it names no day; take the next one from the "Link" header');
}

export const dailyMetrics = endpoint({
  method: "get",
  path: "/metrics/daily",
  tag: TAG,
  summary: "Figures of days, newest first",
  description: "Days that are counted, those from `start_date` to `end_date` where these are given, both included. Days without events " +
    "are not in it.",
  query: z.object({
    start_date: someDay({ means: "The first day" }),
    end_date: someDay({ means: "The last day" }),
    limit: wholeNumber(1, limits.pageRowsMax, DAYS_DEFAULT, { means: "Days of one page, at the most" }),
    cursor: cursorParameter,
    traffic: trafficParameter,
  }),
  answers: {
    200: { means: "One page", schema: z.array(daySchema), example: [dayExample], paged: true, headers: { ETag } },
    304: notModified,
  },
  problems: [],
  handle: async ({ c, service, query: { start_date: from, end_date, limit, cursor, traffic = "all" } }) => {
    if (from !== undefined && end_date !== undefined && from > end_date) {
      throw new GuardianError(
        "invalid_parameter",
        'Cannot use "start_date" and "end_date" as given: "start_date" must not be the later one',
      );
    }
    const before = cursor === undefined ? undefined : dayOfCursor(cursor);
    const to = before === undefined || (end_date !== undefined && end_date < before) ? end_date : before;
    // A cursor of a list that began earlier may lie before the first day: then there is nothing left.
    const beyond = from !== undefined && to !== undefined && to < from;
    const asked = { from, to, limit: limit + 1, newestFirst: true };
    const found = beyond ? [] : await service.days.results.list("daily_metrics", traffic, asked);
    const results = found.slice(0, limit);
    const states = await service.dayStates.of(results.map(({ date }) => date));
    linkNext(c, shape, found.length > limit ? [results[results.length - 1].date] : null);
    const settled = results.length > 0 && states.every((state) => state === "finished");
    return settledJson(c, results.map((result, i) => shownDay(result, states[i])), settled);
  },
});

export const dailyMetricsOfDay = endpoint({
  method: "get",
  path: "/metrics/daily/{date}",
  tag: TAG,
  summary: "Figures of one day",
  description: "What is in it is told by `state`. Where there are none, the problem's `reason` says why: `not_run`, `no_data` or `future`.",
  params: z.object({ date: dateInPath }),
  query: z.object({ traffic: trafficParameter }),
  answers: { 200: { means: "The day", schema: daySchema, example: dayExample, headers: { ETag } }, 304: notModified },
  problems: ["not_found"],
  handle: async ({ c, service, path: { date }, query: { traffic } }) => {
    const result = await resultOfDay(service, "daily_metrics", date, traffic);
    const [state] = await service.dayStates.of([date]);
    return settledJson(c, shownDay(result, state), state === "finished");
  },
});

export const funnelOfDay = endpoint({
  method: "get",
  path: "/metrics/funnel/{date}",
  tag: TAG,
  summary: "How far the sessions of a day came",
  description: "Three stages that share no session: Single View, Multi View, Purchase; `reached` adds up the later ones.",
  params: z.object({ date: dateInPath }),
  query: z.object({ traffic: trafficParameter }),
  answers: {
    200: {
      means: "The stages in order",
      schema: stageSchema,
      headers: dayHeaders,
      example: [
        stage("Single View", 400, 40, 0, 1000, 100),
        stage("Multi View", 550, 55, -37.5, 600, 60),
        stage("Purchase", 50, 5, 90.91, 50, 5),
      ],
    },
    304: notModified,
  },
  problems: ["not_found"],
  handle: async ({ c, service, path: { date }, query: { traffic } }) => {
    const result = await resultOfDay(service, "session_funnel", date, traffic);
    const [state] = await service.dayStates.of([date]);
    return rowsAnswer(c, result, state, Infinity);
  },
});

function stage(funnel_stage: string, session_count: number, percentage: number, drop_rate: number, reached: number, reached_rate: number) {
  return { metric_date: "2014-04-07", funnel_stage, session_count, percentage, drop_rate, reached, reached_rate };
}

export const summaryOfDays = endpoint({
  method: "get",
  path: "/metrics/summary",
  tag: TAG,
  summary: "All counted days together",
  description: "Each session counts once, however many days it lasts.",
  query: z.object({ traffic: trafficParameter }),
  answers: {
    200: {
      means: "The sums",
      schema: summarySchema,
      headers: { ETag },
      example: {
        ...Object.fromEntries(Object.entries(dayExample).filter(([name]) => name !== "metric_date")),
        first_date: "2014-04-01",
        last_date: "2014-04-07",
        days: 7,
        buying_sessions: 1_576,
        exact: true,
      },
    },
    304: notModified,
  },
  problems: ["not_found"],
  handle: async ({ c, service, query: { traffic } }) => {
    const { result, state } = await newestResult(service, "summary", traffic);
    return settledJson(c, shownDay(result, state), state === "finished");
  },
});
