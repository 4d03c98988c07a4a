// `metrics`: the figures of one day, to read or as JSON.

import { dailyMetricsTable } from "../../jobs/mod.ts";
import type { Settings } from "../config.ts";
import { GuardianError } from "../errors.ts";
import { type Ask, withApi } from "./api.ts";
import type { Shell } from "./shell.ts";

type Row = Record<string, string | number | boolean | null>;

const ITEMS_SHOWN = 5, DIGITS_MAX = 6;
/** Unit of columns of money, whose code the heading need not repeat. */
const MONEY = "currency";

export function metricsCommand(
  date: string,
  { traffic, json }: { traffic?: string; json?: true },
  settings: Settings,
  shell: Shell,
): Promise<number> {
  return withApi(settings, shell, async (ask) => {
    const which = traffic === undefined ? "" : `?traffic=${encodeURIComponent(traffic)}`;
    const day = await rowsAt<Row>(ask, `/metrics/daily/${encodeURIComponent(date)}${which}`);
    if (json) shell.out(JSON.stringify(day));
    else await tell(ask, date, which, day, shell);
    return 0;
  });
}

async function tell(ask: Ask, date: string, which: string, day: Row, shell: Shell): Promise<void> {
  shell.out(`${date}, ${day.traffic === "humans" ? "flagged sessions left out" : "all traffic"}: ${day.state}, counted ${day.finished_at}`);
  const columns = Object.entries(dailyMetricsTable.columns).filter(([, { unit }]) => unit !== null);
  const width = Math.max(...columns.map(([name]) => name.length));
  for (const [name, { unit }] of columns) shell.out(`  ${name.padEnd(width)}  ${shown(day[name])}${unit === MONEY ? "" : ` ${unit}`}`);
  const stages = await rowsIfThere(ask, `/metrics/funnel/${date}${which}`);
  if (stages.length > 0) shell.out("Funnel");
  for (const { funnel_stage, session_count, percentage } of stages) {
    shell.out(`  ${String(funnel_stage).padEnd(width)}  ${shown(session_count)} sessions, ${percentage}%`);
  }
  const items = await rowsIfThere(ask, `/items/popular/${date}${which}`);
  if (items.length > 0) shell.out("Items");
  for (const { rank, item_id, revenue, click_count, purchase_count } of items.slice(0, ITEMS_SHOWN)) {
    const name = `${rank}. ${item_id}`.padEnd(width);
    shell.out(
      `  ${name}  ${shown(revenue)} revenue, ${shown(click_count)} clicks, ${shown(purchase_count)} bought`,
    );
  }
}

function shown(value: Row[string]): string {
  return typeof value === "number" ? value.toLocaleString("en-US", { maximumFractionDigits: DIGITS_MAX }) : String(value);
}

async function rowsAt<T>(ask: Ask, path: string): Promise<T> {
  return await (await ask("GET", path)).json() as T;
}

/** Rows of a job that may not have run yet, while others of the day have. */
async function rowsIfThere(ask: Ask, path: string): Promise<Row[]> {
  try {
    return await rowsAt<Row[]>(ask, path);
  } catch (error) {
    if (error instanceof GuardianError && error.code === "not_found") return [];
    throw error;
  }
}
