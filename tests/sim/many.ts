// Many seeds, in processes of their own over two cores, from the tree that is named: this one, or a copy with a bug planted in it.

import { fileURLToPath } from "node:url";

export interface Seeds {
  readonly first: number;
  readonly count: number;
  readonly events: number;
  /** End at the first seed that diverges. */
  readonly untilFound?: boolean;
  readonly processes?: number;
}

/** Real time that a process may take before it counts as one that stands still, ms: in virtual time it would stand still for ever. */
const STANDS_STILL_MS = 90_000;

export interface Found {
  readonly seed: number;
  readonly faults: readonly string[];
}

/** Runs seeds and gathers what they found. Throws when a process ends otherwise than it should. */
export async function runSeeds(tree: URL, { first, count, events, untilFound = false, processes = 2 }: Seeds) {
  const each = Math.ceil(count / processes), found: Found[] = [], totals: Record<string, number> = {};
  const shares = Array.from({ length: processes }, (_, i) => [first + i * each, Math.min(each, count - i * each)]).filter(([, own]) =>
    own > 0
  );
  await Promise.all(shares.map(async ([from, own]) => {
    const args = [
      "run",
      "--quiet",
      "--no-check",
      // Without all of them Deno lets nobody into /dev/shm, where nothing waits for a disk.
      "--allow-all",
      "--v8-flags=--min-semi-space-size=16,--max-semi-space-size=64",
      "tests/sim/main.ts",
      `${from}`,
      `${own}`,
      `${events}`,
      ...untilFound ? ["until"] : [],
    ];
    // Only where a bug is planted: it may be one for which the product never comes back.
    const signal = untilFound ? AbortSignal.timeout(STANDS_STILL_MS) : undefined;
    const command = new Deno.Command(Deno.execPath(), { args, cwd: fileURLToPath(tree), stdin: "null", signal });
    const { code, stdout, stderr } = await command.output();
    if (signal?.aborted) return void found.push({ seed: from, faults: ["the product stands still and never comes back"] });
    const lines = new TextDecoder().decode(stdout).trim().split("\n");
    if (code !== 0) throw new Error(`Seeds from ${from} ended with ${code}: ${new TextDecoder().decode(stderr).slice(-2000)}`);
    for (const line of lines) {
      const told = JSON.parse(line) as Found & { totals?: Record<string, number> };
      if (told.totals === undefined) found.push(told);
      else for (const [name, value] of Object.entries(told.totals)) totals[name] = (totals[name] ?? 0) + value;
    }
  }));
  return { found: found.sort((a, b) => a.seed - b.seed), totals };
}
