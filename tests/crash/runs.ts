// Runs of day jobs as `/jobs/runs` tells them, and whether two of them were at work at once. Pure.

export interface JobRun {
  readonly number: number | null;
  readonly job: string;
  readonly date: string;
  readonly state: string;
  readonly started_at: string | null;
  readonly ended_at: string | null;
}

/** Pairs of runs, of any jobs, whose times overlap: one process runs one job at a time. */
export function overlapping(runs: readonly JobRun[]): string[] {
  const sorted = runs.filter(({ started_at }) => started_at !== null).sort((a, b) => a.number! - b.number!);
  const found: string[] = [];
  for (let i = 1; i < sorted.length; i++) {
    const before = sorted[i - 1], run = sorted[i];
    if (before.ended_at === null || before.ended_at > run.started_at!) found.push(`${JSON.stringify(before)} and ${JSON.stringify(run)}`);
  }
  return found;
}
