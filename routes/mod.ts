// All that the server answers: the table of contents. Where two paths fit a request, the first one here is taken.

import type { Endpoint } from "../src/web/endpoint.ts";
import { anomalies, anomaliesOfSession, anomalyTimeline, anomalyTypeCounts } from "./anomalies.ts";
import { blocklist } from "./blocklist.ts";
import { dashboard, dashboardAsset, dashboardPage } from "./dashboard.ts";
import { deadLetters, postDeadLetterReplay } from "./dead_letters.ts";
import { definitions } from "./definitions.ts";
import { docs, docsFile, openApi, redoc } from "./docs.ts";
import { postEvents } from "./events.ts";
import { exportTable } from "./export.ts";
import { health, live, ready } from "./health.ts";
import { categories, popularItems, trendingItems } from "./items.ts";
import { jobDays } from "./job_days.ts";
import { jobRuns, jobs, postBackfill, postRun } from "./jobs.ts";
import { lateEvents } from "./late_events.ts";
import { liveFeed, liveFigures } from "./live.ts";
import { dailyMetrics, dailyMetricsOfDay, funnelOfDay, summaryOfDays } from "./metrics.ts";
import { root } from "./root.ts";
import { postSampleClear, sample } from "./sample.ts";
import { rules } from "./rules.ts";
import { postSession, postSessionEnd, session } from "./session.ts";
import { postFeedback, sessionEvents } from "./sessions.ts";
import { postDeadLetters, postEnd, postShift, sourceState } from "./sources.ts";
import { stats } from "./stats.ts";
import { postRevoke, postTokens, tokens } from "./tokens.ts";
import { postVerify } from "./verify.ts";

export const endpoints: readonly Endpoint[] = [
  root,
  dashboard,
  dashboardPage,
  dashboardAsset,
  health,
  live,
  ready,
  stats,
  sample,
  postSampleClear,
  postEvents,
  sourceState,
  postEnd,
  postShift,
  postDeadLetters,
  anomalies,
  anomalyTypeCounts,
  anomalyTimeline,
  anomaliesOfSession,
  rules,
  blocklist,
  sessionEvents,
  postFeedback,
  deadLetters,
  postDeadLetterReplay,
  lateEvents,
  liveFeed,
  liveFigures,
  dailyMetrics,
  dailyMetricsOfDay,
  funnelOfDay,
  summaryOfDays,
  popularItems,
  categories,
  trendingItems,
  jobs,
  jobDays,
  jobRuns,
  postRun,
  postBackfill,
  exportTable,
  postVerify,
  session,
  postSession,
  postSessionEnd,
  postTokens,
  tokens,
  postRevoke,
  openApi,
  definitions,
  docs,
  docsFile,
  redoc,
];
