// The files that benchmarks read, made once and kept in the system's folder for temporary files.

import { join } from "node:path";
import { tmpdir } from "node:os";
import { expectedFirings, makeClicks, uuidOf, writeCsv } from "./clicks.ts";

/** A file of clicks, and how often each rule has to fire on it. */
export interface BenchFile {
  readonly name: string;
  readonly path: string;
  readonly clicks: number;
  readonly firings: { HIGH_FREQUENCY: number; BOT_LIKE: number };
}

/** A generated file of `clicks` clicks; `GUARDIAN_BENCH_CLICKS` and `GUARDIAN_BENCH_FIRINGS` name another file and its answer. */
export async function benchFile(clicks: number): Promise<BenchFile> {
  const given = Deno.env.get("GUARDIAN_BENCH_CLICKS"), answer = Deno.env.get("GUARDIAN_BENCH_FIRINGS");
  if (given !== undefined && answer !== undefined) {
    const rules = (await Deno.readTextFile(answer)).trimEnd().split("\n").map((line) => line.replaceAll('"', "").split(",")[0]);
    const count = (rule: string) => rules.filter((name) => name === rule).length;
    return {
      name: "given file",
      path: given,
      clicks: await lines(given),
      firings: { HIGH_FREQUENCY: count("HIGH_FREQUENCY"), BOT_LIKE: count("BOT_LIKE") },
    };
  }
  return await madeFile(`clicks-${clicks}.csv`, `${clicks / 1e6} M generated clicks`, clicks);
}

/** The generated clicks with sessions named by texts of 36 characters. */
export function benchTextFile(clicks: number): Promise<BenchFile> {
  return madeFile(`clicks-${clicks}-texts.csv`, `${clicks / 1e6} M generated clicks, session ids of 36 characters`, clicks, uuidOf);
}

async function madeFile(file: string, name: string, clicks: number, idOf?: (session: number) => string): Promise<BenchFile> {
  const folder = join(tmpdir(), "guardian-bench");
  await Deno.mkdir(folder, { recursive: true });
  const path = join(folder, file), beside = `${path}.json`;
  try {
    return { name, path, clicks, firings: JSON.parse(await Deno.readTextFile(beside)) };
  } catch {
    const made = makeClicks(clicks, clicks / 100, clicks * 26);
    const firings = expectedFirings(made);
    await writeCsv(made, path, idOf);
    await Deno.writeTextFile(beside, JSON.stringify(firings));
    return { name, path, clicks, firings };
  }
}

async function lines(path: string): Promise<number> {
  let count = 0;
  using file = await Deno.open(path);
  const buffer = new Uint8Array(1 << 20);
  for (let read = file.readSync(buffer); read !== null; read = file.readSync(buffer)) {
    for (let i = 0; i < read; i++) if (buffer[i] === 10) count++;
  }
  return count;
}
