// Is what is stored what was written? Every file of the lake against its sum and its entry, the offsets of all files together, every batch
// of the log and every value of the store against its checksum.
// What always holds: it changes nothing, and damage is a finding, never an exception.

import { join } from "node:path";
import { reasonOf } from "../errors.ts";
import type { EventLog } from "../log/log.ts";
import { type LostOffsets, lostOffsets } from "../log/lost.ts";
import { checkValues } from "../store/check.ts";
import { keyText } from "../store/sealed.ts";
import { exists } from "./atomic_file.ts";
import { checkOffsets, checkTotals, type Finding } from "./account.ts";
import { type Duck, literal } from "./duckdb.ts";
import { unlistedButKnown } from "./intent.ts";
import { allParts, type Manifest, readManifest } from "./manifest.ts";
import type { Part } from "./part.ts";
import { filesInTree } from "./tree.ts";
import { checkResults, mendOfResult } from "./result_sums.ts";
import { wrongBytes } from "./whole.ts";

export type { Finding } from "./account.ts";

export interface Verified {
  readonly findings: readonly Finding[];
  /** What was checked: listed files, their bytes and rows. */
  readonly files: number;
  readonly bytes: number;
  readonly rows: number;
  /** Files of day jobs whose sums are kept. */
  readonly results: number;
  /** Offsets of the log, and values of the store. */
  readonly offsets: number;
  readonly values: number;
  /** For `repairLake`: listed files that are damaged, files that are not listed, and days whose lists cannot be read. */
  readonly damaged: readonly Part[];
  readonly unlisted: readonly string[];
  readonly unreadable: readonly string[];
}

/** done of `of`, in units of their own. */
export type VerifyProgress = (done: number, of: number, what: string) => void;

export type CheckedLog = Pick<EventLog, "partitions" | "start" | "end" | "read">;

export interface VerifyOptions {
  /** The `state` file. */
  readonly kv: Deno.Kv;
  /** The `log` file, where its values besides the batches are to be checked. */
  readonly logFile?: Deno.Kv;
  readonly duck: Duck;
  /** The log, where there is one: it is read, and says whether a file's rows are still in it. */
  readonly log?: CheckedLog;
  readonly progress?: VerifyProgress;
}

/** What lies in the `log` file besides batches. */
const LOG_PREFIXES: readonly Deno.KvKey[] = [["meta"], ["end"], ["start"], ["note"]];

/** Checks everything. Reads every byte of the lake and of the log once. */
export async function verifyLake(options: VerifyOptions): Promise<Verified> {
  const { kv, logFile, duck, log, progress } = options;
  const inTree = await filesInTree(duck.lakeFolder);
  const { values, damaged: damagedValues } = await checkValues(kv, [[]]);
  const besideBatches = logFile === undefined ? { values: 0, damaged: [] } : await checkValues(logFile, LOG_PREFIXES);
  const findings: Finding[] = [...damagedValues, ...besideBatches.damaged].map(({ key, reason }) => ({
    file: null,
    problem: reason.replace(/; see verify$/, ""),
    mend: mendOfValue(key),
  }));
  let manifest: Manifest;
  const unreadable: string[] = [];
  try {
    manifest = await readManifest(kv, undefined, (dt) => unreadable.push(dt));
  } catch (error) {
    const results = await checkResults(kv, duck.lakeFolder, progress);
    findings.push(...results.findings, rootless(error));
    return { ...nothingChecked, findings, results: results.files, values: values + besideBatches.values };
  }
  const { lost, offsets } = log === undefined ? { lost: [], offsets: 0 } : await checkLog(log, progress);
  findings.push(...lost.map((range) => lostFinding(range, manifest)));
  const parts = allParts(manifest);
  if (unreadable.length === 0) findings.push(...checkOffsets(manifest), ...checkTotals(manifest));
  const damaged: Part[] = [];
  for (const [i, part] of parts.entries()) {
    const problem = await checkFile(duck, part);
    if (problem !== null) {
      findings.push({ file: part.file, problem, mend: mendOf(part, log, lost) });
      damaged.push(part);
    }
    progress?.(i + 1, parts.length, "files");
  }
  const unlisted = await unlistedFiles(options, inTree, parts, unreadable);
  for (const file of unlisted) {
    findings.push({
      file,
      problem: "It is not listed in the manifest",
      mend: "Run verify --repair, or restart: it is moved to .orphans then",
    });
  }
  const results = await checkResults(kv, duck.lakeFolder, progress);
  findings.push(...results.findings);
  const { rows, bytes } = manifest.root;
  return {
    findings,
    results: results.files,
    files: parts.length,
    bytes,
    rows,
    offsets,
    values: values + besideBatches.values,
    damaged,
    unlisted,
    unreadable,
  };
}

const nothingChecked: Verified = {
  findings: [],
  files: 0,
  bytes: 0,
  rows: 0,
  results: 0,
  offsets: 0,
  values: 0,
  damaged: [],
  unlisted: [],
  unreadable: [],
};

function rootless(error: unknown): Finding {
  return {
    file: null,
    problem: `The lake's manifest cannot be read, so that its files were not checked: ${reasonOf(error)}`,
    mend: "Restore the data folder from a backup, and keep this one",
  };
}

/** Reads all of the log; returns the offsets that it cannot give any more. */
async function checkLog(log: CheckedLog, progress?: VerifyProgress): Promise<{ lost: LostOffsets[]; offsets: number }> {
  const lost: LostOffsets[] = [];
  const starts = Array.from({ length: log.partitions }, (_, p) => log.start(p));
  const ends = starts.map((_, p) => log.end(p));
  const all = ends.reduce((sum, end, p) => sum + end - starts[p], 0);
  let done = 0;
  for (let partition = 0; partition < log.partitions; partition++) {
    for (let next = starts[partition]; next < ends[partition];) {
      // Dropped in between, as nobody needs it any more.
      next = Math.max(next, log.start(partition));
      let batches;
      try {
        batches = await log.read(partition, next);
      } catch (error) {
        if (log.start(partition) > next) continue;
        lost.push({ partition, from: next, to: ends[partition], seq: -1, reason: reasonOf(error) });
        break;
      }
      if (batches.length === 0) break;
      for (const { control, firstOffset, count } of batches) {
        const to = firstOffset + count;
        if (control === "lost") lost.push({ partition, from: firstOffset, to, seq: -1, reason: "they cannot be read" });
        done += Math.max(0, to - Math.max(next, firstOffset));
        next = Math.max(next, to);
      }
      progress?.(Math.min(done, all), all, "log");
    }
  }
  return { lost, offsets: all };
}

function lostFinding(range: LostOffsets, { root }: Manifest): Finding {
  const inLake = range.to <= (root.covered[range.partition] ?? 0);
  return {
    file: null,
    problem: `The log is damaged: ${lostOffsets(range)}${range.seq < 0 ? "" : ` (value ${range.seq})`} cannot be read`,
    mend: inLake
      ? "Keep the lake: what came to be in it before the damage is there; the log drops these offsets in time"
      : "Send these events again where their sources still have them, or restore the data folder from a backup",
  };
}

function mendOfValue(key: Deno.KvKey | null): string {
  switch (key?.[0]) {
    case "result_sums":
      return mendOfResult(String(key[1]));
    case "result":
      return `Run that day again: jobs run ${String(key[3])}`;
    case "run":
      return `Run that day again: jobs run ${String(key[1])}`;
    case "run_try":
      return "Nothing needs it but the list of past runs; it goes in time";
    case "manifest_page":
      return "Run verify --repair: the list is made anew from the files";
    case "intent":
    case "compaction_intent":
      return "Restart: what was being written is written anew, from what is stored elsewhere";
    case "end":
    case "start":
      return "Restart: it is found again from the batches of the log";
    default:
      return `Restore the data folder from a backup, and keep this one${key === null ? "" : `: "${keyText(key)}" is left out until then`}`;
  }
}

/** Files that lie in the tree and should not. */
async function unlistedFiles(
  { kv, duck }: VerifyOptions,
  inTree: readonly string[],
  parts: readonly Part[],
  unreadable: readonly string[],
): Promise<string[]> {
  const known = await unlistedButKnown(kv).catch(() => null);
  if (known === null) return [];
  for (const { file } of parts) known.add(file);
  // Asked again, as a file may have come to be listed since.
  for (const { file } of allParts(await readManifest(kv, undefined, () => {}))) known.add(file);
  const unlisted: string[] = [];
  for (const file of inTree) {
    // Nobody knows what a damaged list of files names.
    if (known.has(file) || unreadable.some((dt) => file.includes(`/dt=${dt}`))) continue;
    if (await exists(join(duck.lakeFolder, file))) unlisted.push(file);
  }
  return unlisted;
}

/** What is wrong with the bytes of a listed file, or null. */
export async function checkFile(duck: Duck, part: Part): Promise<string | null> {
  const path = join(duck.lakeFolder, part.file);
  const wrong = await wrongBytes(path, part);
  if (wrong !== null) return wrong;
  try {
    const [{ rows }] = await duck.rows(`SELECT num_rows::DOUBLE AS rows FROM parquet_file_metadata(${literal(path)})`);
    return rows === part.rows ? null : `It has ${rows} rows and is listed with ${part.rows}`;
  } catch (error) {
    return `It cannot be read: ${reasonOf(error)}`;
  }
}

/** Whether the log still has all rows of a part, as far as can be told without reading it. */
export function isInLog({ offsets }: Part, log: CheckedLog | undefined, lost: readonly LostOffsets[] = []): boolean {
  return log !== undefined && offsets.every(([partition, from, to]) =>
    log.start(partition) <= from && log.end(partition) >= to &&
    !lost.some((range) => range.partition === partition && range.from < to && range.to > from)
  );
}

function mendOf(part: Part, log: CheckedLog | undefined, lost: readonly LostOffsets[]): string {
  return isInLog(part, log, lost)
    ? "Run verify --repair: it can be rebuilt from the log"
    : "Put the file back from a backup; the log no longer has its rows, and answers leave them out until then";
}
