// All that the server answers: the table of contents. Where two paths fit a request, the first one here is taken.

import type { Endpoint } from "../src/web/endpoint.ts";
import { anomalies, anomaliesOfSession, anomalyTimeline, anomalyTypeCounts } from "./anomalies.ts";
import { deadLetters, postDeadLetterReplay } from "./dead_letters.ts";
import { docs, docsFile, openApi, redoc } from "./docs.ts";
import { postEvents } from "./events.ts";
import { exportTable } from "./export.ts";
import { health, live, ready } from "./health.ts";
import { categories, popularItems, trendingItems } from "./items.ts";
import { jobRuns, jobs, postBackfill, postRun } from "./jobs.ts";
import { lateEvents } from "./late_events.ts";
import { dailyMetrics, dailyMetricsOfDay, funnelOfDay, summaryOfDays } from "./metrics.ts";
import { root } from "./root.ts";
import { postDeadLetters, postEnd, postShift, sourceState } from "./sources.ts";
import { stats } from "./stats.ts";
import { postVerify } from "./verify.ts";

export const endpoints: readonly Endpoint[] = [
  root,
  health,
  live,
  ready,
  stats,
  postEvents,
  sourceState,
  postEnd,
  postShift,
  postDeadLetters,
  anomalies,
  anomalyTypeCounts,
  anomalyTimeline,
  anomaliesOfSession,
  deadLetters,
  postDeadLetterReplay,
  lateEvents,
  dailyMetrics,
  dailyMetricsOfDay,
  funnelOfDay,
  summaryOfDays,
  popularItems,
  categories,
  trendingItems,
  jobs,
  jobRuns,
  postRun,
  postBackfill,
  exportTable,
  postVerify,
  openApi,
  docs,
  docsFile,
  redoc,
];
