// `jobs`: runs day jobs for one day or for many, and shows what there is, what is due and how runs went.

import type { JobsOut, RunOut } from "../../routes/jobs.ts";
import type { BackfillLine, BackfillOutcome } from "../web/day_orders.ts";
import type { Settings } from "../config.ts";
import { GuardianError } from "../errors.ts";
import { type Ask, withApi } from "./api.ts";
import { dayBar } from "./progress.ts";
import { linesIn } from "./remote.ts";
import type { Shell } from "./shell.ts";
import { counted } from "./words.ts";

const FAILED = 1, INTERRUPTED = 130;
const FAILURES_SHOWN = 10;

export interface BackfillFlags {
  readonly from?: string;
  readonly to?: string;
  readonly json?: true;
}

/** Runs all jobs for each day that the lake holds, from one to another where these are given. */
export function backfillCommand({ from, to, json }: BackfillFlags, settings: Settings, shell: Shell): Promise<number> {
  return withApi(settings, shell, async (ask) => {
    const outcome = await backfilled(ask, { from, to }, json ?? false, shell);
    if (outcome === null) return INTERRUPTED;
    if (json) shell.out(JSON.stringify(outcome));
    else tellOutcome(outcome, shell);
    return outcome.ok ? 0 : FAILED;
  });
}

/** Runs all jobs for a day, or one with what it needs and what depends on it. */
export function runCommand(date: string, { job, json }: { job?: string; json?: true }, settings: Settings, shell: Shell): Promise<number> {
  if (job === undefined) return backfillCommand({ from: date, to: date, json }, settings, shell);
  return withApi(settings, shell, async (ask) => {
    const answer = await ask("POST", `/jobs/${encodeURIComponent(job)}/runs?wait=true`, { date });
    const run = await answer.json() as RunOut;
    shell.out(json ? JSON.stringify(run) : runLine(run));
    return run.state === "succeeded" || run.state === "skipped" ? 0 : FAILED;
  });
}

export function listCommand(json: boolean, settings: Settings, shell: Shell): Promise<number> {
  return withApi(settings, shell, async (ask) => {
    const { jobs, timezone, run_at, next_run, due, ...rest } = await (await ask("GET", "/jobs")).json() as JobsOut;
    if (json) {
      shell.out(JSON.stringify({ timezone, run_at, next_run, due, jobs, ...rest }));
      return 0;
    }
    for (const { job, description, depends_on, last_run } of jobs) {
      const after = depends_on.length === 0 ? "" : ` (after ${depends_on.join(", ")})`;
      const last = last_run === null ? "never ran" : `${last_run.state} for ${last_run.date}`;
      shell.out(`${job.padEnd(NAME_WIDTH)}  ${last.padEnd(STATE_WIDTH)}  ${description}${after}`);
    }
    shell.out(`Next: ${next_run.date}, at ${next_run.at} (${run_at} in ${timezone}).`);
    const names = due?.jobs.map(({ job, reason }) => `${job} (${reason})`).join(", ");
    shell.out(due === null ? "Nothing is due." : `Due now: ${due.date}: ${names}.`);
    return 0;
  });
}

const NAME_WIDTH = "session_funnel".length, STATE_WIDTH = "succeeded for 2014-04-07".length;

export interface RunsFlags {
  readonly limit?: string;
  readonly job?: string;
  readonly date?: string;
  readonly state?: string;
  readonly json?: true;
}

export function runsCommand({ json, ...filters }: RunsFlags, settings: Settings, shell: Shell): Promise<number> {
  return withApi(settings, shell, async (ask) => {
    const asked = new URLSearchParams();
    for (const name of ["limit", "job", "date", "state"] as const) if (filters[name] !== undefined) asked.set(name, filters[name]);
    const runs = await (await ask("GET", `/jobs/runs?${asked}`)).json() as RunOut[];
    for (const run of runs) shell.out(json ? JSON.stringify(run) : runLine(run));
    return 0;
  });
}

function runLine({ number, job, date, state, tries, started_at, ended_at, rows, error }: RunOut): string {
  const took = started_at === null || ended_at === null ? "" : `${Date.parse(ended_at) - Date.parse(started_at)} ms`;
  const how = [took, rows === null ? "" : counted(rows, "row"), tries > 1 ? `try ${tries}` : "", error ?? ""].filter((text) => text !== "");
  return `${String(number ?? "-").padStart(5)}  ${date}  ${job.padEnd(NAME_WIDTH)}  ${state.padEnd(9)}  ${how.join(", ")}`.trimEnd();
}

/** Runs many days with a bar. Returns null when a signal stopped it. */
async function backfilled(
  ask: Ask,
  range: { from?: string; to?: string },
  json: boolean,
  shell: Shell,
): Promise<BackfillOutcome | null> {
  const bar = dayBar(!json && shell.errorColumns !== null);
  let signals = 0, stop = () => {};
  const stopped = new Promise<null>((resolve) => stop = () => resolve(null));
  const unhandle = shell.onStop(() => {
    if (++signals > 1) shell.exitNow(INTERRUPTED);
    stop();
  });
  try {
    const answer = await Promise.race([ask("POST", "/jobs/backfill", range), stopped]);
    if (answer === null) return null;
    const lines = linesIn(answer);
    for (;;) {
      const next = await Promise.race([lines.next(), stopped]);
      if (next === null) return null;
      if (next.done) throw new GuardianError("internal", "Cannot say how the days went: the answer ended before its last line");
      const line = JSON.parse(next.value) as BackfillLine | { type: "problem"; detail: string };
      if (line.type === "done") return line;
      if (line.type === "problem") throw new GuardianError("internal", line.detail);
      bar.update(line.done, line.of, line.date);
    }
  } finally {
    bar.stop();
    unhandle();
  }
}

function tellOutcome({ days, succeeded, failed, not_run }: BackfillOutcome, shell: Shell): void {
  if (days.length === 0) return shell.out("No day was run: the lake holds none that has ended.");
  const span = days.length === 1 ? days[0] : `${days[0]} to ${days[days.length - 1]}`;
  const bad = failed.length + not_run.length === 0 ? "" : `, ${failed.length} failed, ${not_run.length} not run`;
  shell.out(`${counted(days.length, "day")} (${span}): ${counted(succeeded, "run")} succeeded${bad}.`);
  for (const { job, date, state, error } of failed.slice(0, FAILURES_SHOWN)) shell.err(`${date} ${job}: ${state}: ${error}`);
  for (const { job, date } of not_run.slice(0, FAILURES_SHOWN)) shell.err(`${date} ${job}: did not run`);
}
