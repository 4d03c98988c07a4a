// Measures a piece of work: wall time, CPU time of this process with all its threads, and its peak memory. Prints one line of a table.

import process from "node:process";

export interface Figures {
  readonly name: string;
  readonly events: number;
  readonly wallS: number;
  readonly cpuS: number;
  readonly peakMib: number;
}

/** Runs `work` and takes the figures of it. peakMib is the process's peak so far. */
export async function measure(name: string, events: number, work: () => void | Promise<void>): Promise<Figures> {
  const cpu = process.cpuUsage(), start = performance.now();
  await work();
  const wallS = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return { name, events, wallS, cpuS: (user + system) / 1e6, peakMib: peakMib() };
}

/** Peak resident memory of this process, MiB. */
export function peakMib(): number {
  return Math.round(process.resourceUsage().maxRSS / 1024);
}

export const header = "| what | events | events/s | CPU s per 1 M | peak MiB |\n| --- | --- | --- | --- | --- |";

export function row({ name, events, wallS, cpuS, peakMib }: Figures): string {
  const perSecond = (events / wallS / 1e6).toFixed(2);
  return `| ${name} | ${(events / 1e6).toFixed(1)} M | ${perSecond} M | ${((cpuS / events) * 1e6).toFixed(3)} | ${peakMib} |`;
}
