// session_funnel: how far the sessions of a day came, as three disjoint stages and as the share that reached each.

import { count, date, percent, rowSchema, word } from "../columns.ts";
import type { DayJob, ResultTable } from "../job.ts";
import sessionFunnelSql from "./session_funnel.sql" with { type: "text" };

export const funnelStages = ["Single View", "Multi View", "Purchase"] as const;

export const sessionFunnelColumns = {
  metric_date: date("The local day, in the shop's time zone"),
  funnel_stage: word(
    funnelStages,
    "Single View: one click and no purchase; Purchase: a purchase; Multi View: the rest. A session is in one stage",
  ),
  session_count: count("sessions", "Sessions in this stage and no other"),
  percentage: percent("Share of all sessions of the day that are in this stage"),
  drop_rate: percent("How many fewer sessions than in the stage before; negative when more; 0 for the first and after an empty stage"),
  reached: count("sessions", "Sessions that came at least this far: all, then those in Multi View or Purchase, then Purchase"),
  reached_rate: percent("Share of all sessions that came at least this far"),
};

export const sessionFunnelTable: ResultTable = {
  name: "session_funnel",
  description: "How far the sessions of a day came",
  columns: sessionFunnelColumns,
  schema: rowSchema(sessionFunnelColumns).openapi("FunnelStage"),
  order: "stage_order",
};

export const sessionFunnel: DayJob = {
  name: "session_funnel",
  description: "Sessions of a day by how far they came: one view, several, a purchase",
  dependsOn: ["daily_metrics"],
  per: "day",
  tables: [sessionFunnelTable],
  async run(desk) {
    await desk.showDays();
    await desk.context.beforeStep?.("query");
    return { results: [await desk.result(sessionFunnelTable, sessionFunnelSql)] };
  },
};
