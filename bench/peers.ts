// What somebody might use instead, on the same file and the same rules, in turn with `scan`: a script written by hand, and DuckDB alone. Each is
// a process of its own, counted from its start to its end; each has to find exactly what the others find.

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { BenchFile } from "./files.ts";
import type { Figures } from "./measure.ts";
import type { Contender } from "./peers/tell.ts";

const contenders = [
  { name: "scan", script: "ours.ts", args: [] },
  { name: "script written by hand, Maps, nothing stored", script: "by_hand.ts", args: [] },
  { name: "DuckDB alone, plain SQL from CSV", script: "duckdb_rules.ts", args: ["plain"] },
  { name: "DuckDB alone, careful SQL from CSV", script: "duckdb_rules.ts", args: ["careful"] },
] as const;

type Run = Contender & { readonly wallS: number };

/** Runs all contenders, one after the other, `rounds` times; of each the round with the least CPU time is told. */
export async function benchPeers(file: BenchFile, rounds: number): Promise<Figures[]> {
  const runs: Run[][] = contenders.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, { script, args }] of contenders.entries()) runs[i].push(await contend(script, [file.path, ...args], file));
  }
  assert.equal(new Set(runs.flat().map(({ digest }) => digest)).size, 1, "all find the same");
  return contenders.map(({ name }, i) => {
    const { cpuS, wallS, peakMib } = runs[i].reduce((least, run) => run.cpuS < least.cpuS ? run : least);
    const ratios = runs[i].map((run, round) => [`timesScanRound${round + 1}`, run.cpuS / runs[0][round].cpuS]);
    return { name: `${name} (${file.name})`, events: file.clicks, wallS, cpuS, peakMib, values: i === 0 ? {} : Object.fromEntries(ratios) };
  });
}

async function contend(script: string, args: readonly string[], { clicks, firings }: BenchFile): Promise<Run> {
  const start = performance.now();
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-P=test", fileURLToPath(new URL(`./peers/${script}`, import.meta.url)), ...args],
    cwd: fileURLToPath(new URL("..", import.meta.url)),
    stderr: "inherit",
  }).output();
  const wallS = (performance.now() - start) / 1000;
  assert.equal(code, 0, script);
  const told: Contender = JSON.parse(new TextDecoder().decode(stdout));
  assert.deepEqual(told.firings, firings, script);
  if (told.clicks !== null) assert.equal(told.clicks, clicks, script);
  return { ...told, wallS };
}
