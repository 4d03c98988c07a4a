// The funnel of a day as steps that people take, out of the stages of the API, and the days that are laid side by side. Pure functions.

import type { FunnelStage } from "../../shell/answers.ts";
import { count, percent } from "../../shell/format.ts";

/** Days laid side by side, the chosen one among them: more could not be told apart in a chart. */
export const DAYS_MAX = 4;

export interface Step {
  readonly stage: string;
  /** What the sessions that came this far did. */
  readonly name: string;
  /** What the sessions did that are in this stage and no other. */
  readonly ended: string;
  readonly count: number;
  /** Percent of all sessions. */
  readonly percentage: number;
  readonly reached: number;
  /** Percent of all sessions. */
  readonly reachedRate: number;
  /** Sessions that came to the step before and not to this one. */
  readonly lost: number;
  /** Part of the step before, 0 to 1; null where nobody came there. */
  readonly lostShare: number | null;
}

const names: Record<string, [reached: string, ended: string]> = {
  "Single View": ["All sessions", "Looked once and left"],
  "Multi View": ["Looked more than once, or bought", "Looked more than once, did not buy"],
  "Purchase": ["Bought", "Bought"],
};

export function stepsOf(stages: readonly FunnelStage[]): Step[] {
  return stages.map((stage, i) => {
    const before = i === 0 ? stage.reached : stages[i - 1].reached;
    const [name, ended] = names[stage.funnel_stage] ?? [stage.funnel_stage, stage.funnel_stage];
    const lost = before - stage.reached;
    return {
      stage: stage.funnel_stage,
      name,
      ended,
      count: stage.session_count,
      percentage: stage.percentage,
      reached: stage.reached,
      reachedRate: stage.reached_rate,
      lost,
      lostShare: before === 0 ? null : lost / before,
    };
  });
}

/** A percentage as the API tells it, 0 to 100. */
export function rate(percentage: number | null | undefined): string {
  return percent(percentage === null || percentage === undefined ? null : percentage / 100, 2);
}

/** How far the sessions of a day came, in a sentence. */
export function funnelInWords([all, on, bought]: readonly Step[]): string {
  if (all === undefined || on === undefined || bought === undefined || all.reached === 0) return "No session clicked or bought.";
  return `Of ${count(all.reached)} sessions ${count(on.reached)} (${rate(on.reachedRate)}) looked more than once or bought, and ` +
    `${count(bought.reached)} (${rate(bought.reachedRate)}) bought.`;
}

/** Where sessions were lost, one sentence for each step between two stages. */
export function lossesInWords([all, on, bought]: readonly Step[]): string[] {
  if (all === undefined || on === undefined || bought === undefined) return [];
  const told: string[] = [];
  if (on.lostShare !== null) {
    told.push(`${count(on.lost)} of ${count(all.reached)} sessions (${percent(on.lostShare)}) looked once and left.`);
  }
  if (bought.lostShare !== null) {
    told.push(`${count(bought.lost)} of the ${count(on.reached)} that went on (${percent(bought.lostShare)}) left without buying.`);
  }
  return told;
}

/** The days of an address like `2026-11-20,2026-11-19` that a day is compared with: each once, and no more than fit. */
export function comparedDays(text: string | null, day: string): string[] {
  const dates = (text ?? "").split(",").filter((date) => /^\d{4}-\d{2}-\d{2}$/.test(date) && !Number.isNaN(Date.parse(date)));
  return [...new Set(dates)].filter((date) => date !== day).slice(0, DAYS_MAX - 1);
}
