// Many seeds, in processes of their own over two cores, from the tree that is named: this one, or a copy with a bug planted in it.

import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";

export interface Seeds {
  readonly first: number;
  readonly count: number;
  readonly events: number;
  /** End at the first seed that diverges. */
  readonly untilFound?: boolean;
  readonly processes?: number;
}

/** Real time that one seed may take before its product counts as one that stands still, ms: in virtual time it would do so for ever. */
const STANDS_STILL_MS = 90_000;
/** Seeds that one process runs: its memory grows with each. */
const SEEDS_OF_PROCESS = 50;

export interface Found {
  readonly seed: number;
  readonly faults: readonly string[];
}

interface Gathered {
  readonly found: Found[];
  readonly totals: Record<string, number>;
}

/** What a process says, line by line. */
type Line = { readonly begins: number } | Found | { readonly totals: Readonly<Record<string, number>> };

/** Runs seeds and gathers what they found. Throws when a process ends otherwise than it should. */
export async function runSeeds(tree: URL, { first, count, events, untilFound = false, processes = 2 }: Seeds): Promise<Gathered> {
  const gathered: Gathered = { found: [], totals: {} }, end = first + count;
  let next = first;
  const lane = async () => {
    while (next < end && !(untilFound && gathered.found.length > 0)) {
      const from = next;
      next = Math.min(end, from + SEEDS_OF_PROCESS);
      await runProcess(tree, [`${from}`, `${next - from}`, `${events}`, ...untilFound ? ["until"] : []], gathered);
    }
  };
  await Promise.all(Array.from({ length: processes }, lane));
  gathered.found.sort((a, b) => a.seed - b.seed);
  return gathered;
}

async function runProcess(tree: URL, seeds: readonly string[], { found, totals }: Gathered): Promise<void> {
  const flags = ["--quiet", "--no-check", "--v8-flags=--min-semi-space-size=16,--max-semi-space-size=64"];
  // Without all permissions Deno lets nobody into /dev/shm, where nothing waits for a disk.
  const args = ["run", ...flags, "--allow-all", "tests/sim/main.ts", ...seeds], cwd = fileURLToPath(tree);
  const process = new Deno.Command(Deno.execPath(), { args, cwd, stdin: "null", stdout: "piped", stderr: "piped" }).spawn();
  const failure = new Response(process.stderr).text();
  let at = Number(seeds[0]), stoodStill = false;
  let patience: ReturnType<typeof setTimeout> | undefined;
  for await (const line of createInterface({ input: Readable.fromWeb(process.stdout) })) {
    const told = JSON.parse(line) as Line;
    if ("begins" in told) {
      at = told.begins;
      clearTimeout(patience);
      patience = setTimeout(() => {
        stoodStill = true;
        process.kill("SIGKILL");
      }, STANDS_STILL_MS);
    } else if ("totals" in told) {
      for (const [name, value] of Object.entries(told.totals)) totals[name] = (totals[name] ?? 0) + value;
    } else found.push(told);
  }
  clearTimeout(patience);
  const { code } = await process.status;
  if (stoodStill) found.push({ seed: at, faults: ["the product stands still and never comes back"] });
  else if (code !== 0) throw new Error(`Seeds from ${at} ended with ${code}: ${(await failure).slice(-2000)}`);
}
