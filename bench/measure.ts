// Measures a piece of work: wall time, CPU time of this process with all its threads, and its peak memory; and what is said of many waits.
// Makes the lines of the tables that are printed. It knows no benchmark.

import process from "node:process";

/** What one benchmark found. Named values carry their unit in the name: `p99Ms`, `generatorCpuS`. */
export interface Figures {
  readonly name: string;
  readonly events: number;
  readonly wallS: number;
  readonly cpuS: number;
  readonly peakMib: number;
  readonly values?: Values;
}

/** What is not a matter of events a second: waits, sizes, counts. */
export interface Readings {
  readonly name: string;
  readonly values: Values;
}

export type Values = Readonly<Record<string, number>>;

/** Runs `work` and takes the figures of it. peakMib is the process's peak so far. */
export async function measure(name: string, events: number, work: () => void | Promise<void>): Promise<Figures> {
  const cpu = process.cpuUsage(), start = performance.now();
  await work();
  const wallS = (performance.now() - start) / 1000;
  return { name, events, wallS, cpuS: cpuSince(cpu), peakMib: peakMib() };
}

/** CPU seconds of this process with all its threads, since `start` was taken; since it began where that is left out. */
export function cpuSince(start?: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1e6;
}

/**
 * Peak resident memory of this process, MiB. Where the system tells it of the program alone, that is taken: the usual figure begins with what
 * the process that started this one had.
 */
export function peakMib(): number {
  try {
    const { stdout } = new Deno.Command("cat", { args: [`/proc/${Deno.pid}/status`] }).outputSync();
    const peak = /VmHWM:\s*(\d+) kB/.exec(new TextDecoder().decode(stdout));
    if (peak !== null) return Math.round(Number(peak[1]) / 1024);
  } catch {
    // No such program here.
  }
  return Math.round(process.resourceUsage().maxRSS / 1024);
}

/** The value that a share of the sorted values is not above: nearest rank. NaN where there are none. */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  return sorted.length === 0 ? NaN : sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(sorted.length * share) - 1))];
}

/** Median, 99th percentile and the longest of some waits, ms. */
export function waits(values: readonly number[]): { p50Ms: number; p99Ms: number; maxMs: number } {
  const sorted = Float64Array.from(values).sort();
  return { p50Ms: quantile(sorted, 0.5), p99Ms: quantile(sorted, 0.99), maxMs: quantile(sorted, 1) };
}

export const header = "| what | events | events/s | CPU s per 1 M | peak MiB | |\n| --- | --- | --- | --- | --- | --- |";

export function row({ name, values = {}, ...rest }: Figures | Readings): string {
  if (!("events" in rest)) return `| ${name} | | | | | ${told(values)} |`;
  const { events, wallS, cpuS, peakMib } = rest;
  const perSecond = (events / wallS / 1e6).toPrecision(3);
  return `| ${name} | ${events / 1e6} M | ${perSecond} M | ${((cpuS / events) * 1e6).toFixed(3)} | ${peakMib} | ${told(values)} |`;
}

/** How names end, longest first, and the unit that stands for it. */
const UNITS = [["CpuS", " CPU s"], ["Mib", " MiB"], ["Us", " us"], ["Ms", " ms"], ["S", " s"]] as const;

/** Values as words: `p99Ms: 3.14159` as "p99 3.14 ms". */
function told(values: Values): string {
  return Object.entries(values).map(([name, value]) => {
    const [suffix, unit] = UNITS.find(([suffix]) => name.endsWith(suffix)) ?? ["", ""];
    const words = name.slice(0, name.length - suffix.length).replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).trim();
    return `${words} ${short(value)}${unit}`.trim();
  }).join(", ");
}

/** Three digits that count; whole numbers as they are. */
function short(value: number): string {
  return Number.isInteger(value) || value >= 100 ? String(Math.round(value)) : value.toPrecision(3);
}
