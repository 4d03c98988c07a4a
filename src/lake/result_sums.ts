// Sizes and sha-256 of the files of day jobs, so that one that is damaged is told and never read as good.
// What always holds: a file's sum is kept before the file is put in its place, and the one before it until that is done: whatever a crash
// leaves there is known. A file whose sum was never kept, as it was written before there were any, is taken as it is.

import { join } from "node:path";
import { GuardianError } from "../errors.ts";
import { limits } from "../limits.ts";
import { stateKeys } from "../store/keys.ts";
import type { Finding } from "./account.ts";
import { fingerprint } from "./atomic_file.ts";
import { wrongBytes } from "./whole.ts";

interface Sum {
  readonly bytes: number;
  readonly sha256: string;
}

/** Keeps the sum of a file that is about to be put at `file` within the lake folder; returns what to call once it is there. */
export async function expectResult(kv: Deno.Kv, aside: string, file: string): Promise<() => Promise<void>> {
  const sum = await fingerprint(aside), key = stateKeys.resultSums(file);
  const before = await sumsOf(kv, file).catch(() => null) ?? [];
  await kv.set(key, [sum, ...before.filter(({ sha256 }) => sha256 !== sum.sha256)].slice(0, limits.resultSumsMax));
  return async () => void await kv.set(key, [sum]);
}

/** Forgets the sum of a file that is about to be removed. */
export async function forgetResult(kv: Deno.Kv, file: string): Promise<void> {
  await kv.delete(stateKeys.resultSums(file));
}

/** What is wrong with a file of day jobs, or null. Reads all of it. */
export async function wrongWithResult(kv: Deno.Kv, lakeFolder: string, file: string): Promise<string | null> {
  try {
    for (let sums = await sumsOf(kv, file);;) {
      const wrong = await wrongWithAll(join(lakeFolder, file), sums);
      if (wrong === null) return null;
      // A run may have put another file in its place meanwhile.
      const now = await sumsOf(kv, file);
      if (now?.[0].sha256 === sums?.[0].sha256) return wrong;
      sums = now;
    }
  } catch (error) {
    if (error instanceof GuardianError && error.code === "corrupt") return "What is kept of its sum is damaged, so that nobody can tell";
    throw error;
  }
}

/** What is wrong with a file by the newest of its sums, or null where it has one of them, or none is kept. */
async function wrongWithAll(path: string, sums: readonly Sum[] | null): Promise<string | null> {
  let newest: string | null = null;
  for (const sum of sums ?? []) {
    const wrong = await wrongBytes(path, sum);
    if (wrong === null) return null;
    newest ??= wrong;
  }
  return newest;
}

/** Checks every file of day jobs whose sum is kept. */
export async function checkResults(
  kv: Deno.Kv,
  lakeFolder: string,
  progress?: (done: number, of: number, what: string) => void,
): Promise<{ files: number; findings: Finding[] }> {
  const files: string[] = [], findings: Finding[] = [];
  for await (const { key } of kv.list({ prefix: stateKeys.allResultSums() }, { batchSize: 200 })) files.push(String(key[1]));
  for (const [i, file] of files.entries()) {
    const problem = await wrongWithResult(kv, lakeFolder, file);
    if (problem !== null) findings.push({ file, problem, mend: mendOfResult(file) });
    progress?.(i + 1, files.length, "results");
  }
  return { files: files.length, findings };
}

async function sumsOf(kv: Deno.Kv, file: string): Promise<readonly Sum[] | null> {
  return (await kv.get<readonly Sum[]>(stateKeys.resultSums(file))).value;
}

/** Tables of jobs over many days, which a run of a whole day makes for the newest day alone; each has the name of its job. */
const OF_MANY_DAYS = new Set(["trending", "summary"]);

/** What a person can do about a damaged file of day jobs. */
export function mendOfResult(file: string): string {
  const [, table, date] = /^results\/(\w+)\/dt=([\d-]+)\//.exec(file) ?? [];
  return `Run that day again: jobs run ${date ?? "DATE"}${OF_MANY_DAYS.has(table) ? ` --job ${table}` : ""}`;
}
