// `results.json`: what was measured last, benchmark by benchmark, with the machine and the command, so that figures can be compared. A run
// of some benchmarks replaces their entries and leaves the others.

import { cpus, totalmem } from "node:os";
import type { Figures, Readings } from "./measure.ts";

/** What a benchmark returns; a text is a table of its own. */
export type Told = readonly (Figures | Readings)[] | string;

/** What it was measured on. */
export interface Machine {
  readonly cores: number;
  readonly processor: string;
  readonly memoryGib: number;
  readonly os: string;
  readonly deno: string;
}

export interface Entry {
  readonly at: string;
  readonly command: string;
  readonly machine: Machine;
  readonly figures: readonly object[];
}

export function thisMachine(): Machine {
  const processors = cpus();
  return {
    cores: processors.length,
    processor: processors[0]?.model ?? "unknown",
    memoryGib: Math.round(totalmem() / 2 ** 30),
    os: `${Deno.build.os} ${Deno.build.arch}`,
    deno: Deno.version.deno,
  };
}

/** An entry of what a benchmark told; `at` in ms. */
export function entryOf(told: Exclude<Told, string>, command: string, machine: Machine, at: number): Entry {
  return { at: new Date(at).toISOString(), command, machine, figures: told.map(figuresOf) };
}

/** Figures with what they are compared by: per second and per million, four digits that count. */
function figuresOf(figures: Figures | Readings): object {
  if (!("events" in figures)) return { name: figures.name, ...rounded(figures.values) };
  const { name, events, wallS, cpuS, peakMib, values = {} } = figures;
  const compared = { eventsPerS: Math.round(events / wallS), cpuSPerMillion: (cpuS / events) * 1e6 };
  return { name, events, ...rounded({ wallS, cpuS, ...compared, peakMib, ...values }) };
}

function rounded(values: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, Number.isInteger(value) ? value : Number(value.toPrecision(4))]),
  );
}

/** The entries with those of one run put in their places, in the order of `names`; what is not among the names is dropped. */
export function withEntries(
  before: Readonly<Record<string, Entry>>,
  measured: Readonly<Record<string, Entry>>,
  names: readonly string[],
): Record<string, Entry> {
  const all = { ...before, ...measured };
  return Object.fromEntries(names.filter((name) => name in all).map((name) => [name, all[name]]));
}

/** The entries of a file; none where it is not there, or is of another layout. */
export async function readEntries(path: URL): Promise<Record<string, Entry>> {
  try {
    const entries = JSON.parse(await Deno.readTextFile(path));
    return Array.isArray(entries) ? {} : entries;
  } catch (failure) {
    if (failure instanceof Deno.errors.NotFound) return {};
    throw failure;
  }
}

export async function writeEntries(path: URL, entries: Readonly<Record<string, Entry>>): Promise<void> {
  await Deno.writeTextFile(path, JSON.stringify(entries, null, 2) + "\n");
}
