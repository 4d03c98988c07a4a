// Day jobs: yesterday counted, from the lake alone, by SQL in DuckDB; and the scheduler that knows when. This is the folder's face.
//
//   daily_metrics -> session_funnel, popular_items (with categories)      for each day
//                 -> trending, summary                                     over many days, once for the newest

import type { Clock } from "../src/clock.ts";
import type { LogLine } from "../src/log_line.ts";
import type { AnomalyStore } from "../src/store/anomalies.ts";
import type { FeedbackStore } from "../src/store/feedback.ts";
import { flaggedByAnomalies } from "./flagged.ts";
import { type DayJob, type DaySettings, jobNames, type ResultTable } from "./job.ts";
import { dayJobs } from "./run.ts";
import { Days, type DaysOptions } from "./scheduler.ts";

export { type Column, type Columns, type ColumnType, presented, rowSchema, type StoredRow } from "./columns.ts";
export { dailyMetricsColumns, dailyMetricsTable } from "./daily_metrics/mod.ts";
export { type Due, due, type DueJob, isStale, type Reason, type Scene } from "./due.ts";
export { flaggedByAnomalies, type FlaggedSessions } from "./flagged.ts";
export {
  type DayJob,
  type DaySettings,
  type JobContext,
  type JobName,
  jobNames,
  type JobStep,
  type Outcome,
  resultFile,
  type ResultTable,
} from "./job.ts";
export { datesBetween, dayAfter, parseClockTime, parseDate, type Span, Zone } from "./local_day.ts";
export { categoriesColumns, categoriesTable, popularItemsColumns, popularItemsTable } from "./popular_items/mod.ts";
export { roundDecimal, roundHalfAway } from "./rounding.ts";
export { dayJobs, jobsPerDay, jobsPerLake, type Ran, runJob, type RunOptions } from "./run.ts";
export { type Backfilled, type BackfillProgress, Days, type DaysOptions, type DayStatus } from "./scheduler.ts";
export { funnelStages, sessionFunnelColumns, sessionFunnelTable } from "./session_funnel/mod.ts";
export { summaryColumns, summaryTable } from "./summary/mod.ts";
export { trendingColumns, trendingTable } from "./trending/mod.ts";

/** The jobs in the order in which they run. */
export const jobTable: readonly DayJob[] = jobNames.map((name) => dayJobs[name]);

/** Every table of results, by name. */
export const resultTables: Readonly<Record<string, ResultTable>> = Object.fromEntries(
  jobTable.flatMap(({ tables }) => tables).map((table) => [table.name, table]),
);

/** What day jobs need of the running product. */
export interface Host {
  readonly state: Deno.Kv;
  readonly duck: { readonly lakeFolder: string };
  readonly archiver: { flush(): Promise<void> };
  readonly anomalies: AnomalyStore;
  readonly feedback: FeedbackStore;
  readonly options: { readonly clock: Clock; readonly logLine: LogLine };
}

/** The day jobs of a running product. Call `tick` every minute, and `close` before the host stops. Throws `invalid_setting`. */
export function openDays(host: Host, settings: DaySettings, options?: DaysOptions): Days {
  const { state: kv, duck, archiver, anomalies, feedback } = host, { clock, logLine } = host.options;
  const flagged = flaggedByAnomalies(kv, anomalies, feedback);
  return new Days({ kv, lakeFolder: duck.lakeFolder, clock, logLine, settings, flagged, flush: () => archiver.flush() }, options);
}
