// Is the lake what its manifest says? Every file's bytes against its sum, its rows against its footer, and the offsets of all files together.
// What always holds: it changes nothing, and a damaged file is a finding, never an exception.

import { join } from "node:path";
import { reasonOf } from "../errors.ts";
import { exists, fingerprint } from "./atomic_file.ts";
import { type Duck, literal } from "./duckdb.ts";
import { unlistedButKnown } from "./intent.ts";
import { allParts, type Manifest, readManifest } from "./manifest.ts";
import type { Part } from "./part.ts";
import { filesInTree } from "./tree.ts";

export interface Finding {
  /** Path within the lake folder, or null when the finding is about the lake as a whole. */
  readonly file: string | null;
  readonly problem: string;
  /** What a person can do. */
  readonly mend: string;
}

export interface Verified {
  readonly findings: readonly Finding[];
  /** What was checked: listed files, their bytes and rows. */
  readonly files: number;
  readonly bytes: number;
  readonly rows: number;
}

export interface VerifyOptions {
  /** The `state` file. */
  readonly kv: Deno.Kv;
  readonly duck: Duck;
  /** The log, where there is one: says whether a file's rows are still in it. */
  readonly log?: { start(partition: number): number };
  /** Called after each file. */
  readonly progress?: (done: number, of: number) => void;
}

/** Checks all of the lake. Reads every byte of it once. */
export async function verifyLake({ kv, duck, log, progress }: VerifyOptions): Promise<Verified> {
  const inTree = await filesInTree(duck.lakeFolder);
  const known = await unlistedButKnown(kv);
  const manifest = await readManifest(kv);
  const parts = allParts(manifest);
  const findings: Finding[] = [...checkOffsets(manifest), ...checkTotals(manifest)];
  for (const [i, part] of parts.entries()) {
    const problem = await checkFile(duck, part);
    if (problem !== null) findings.push({ file: part.file, problem, mend: mendOf(part, log) });
    progress?.(i + 1, parts.length);
  }
  for (const { file } of parts) known.add(file);
  // Asked again, as a file may have come to be known otherwise while the manifest was read.
  for (const file of await unlistedButKnown(kv)) known.add(file);
  for (const file of inTree) {
    if (known.has(file) || !await exists(join(duck.lakeFolder, file))) continue;
    findings.push({
      file,
      problem: "It is not listed in the manifest",
      mend: "Restart: files that are not listed are moved to .orphans then",
    });
  }
  return { findings, files: parts.length, bytes: manifest.root.bytes, rows: manifest.root.rows };
}

/** What is wrong with the bytes of a listed file, or null. */
async function checkFile(duck: Duck, part: Part): Promise<string | null> {
  const path = join(duck.lakeFolder, part.file);
  try {
    if (!await exists(path)) return "It is listed and not there";
    const { bytes, sha256 } = await fingerprint(path);
    if (bytes !== part.bytes) return `It has ${bytes} bytes and is listed with ${part.bytes}`;
    if (sha256 !== part.sha256) return `Its sha-256 is ${sha256} and listed as ${part.sha256}`;
    const [{ rows }] = await duck.rows(`SELECT num_rows::DOUBLE AS rows FROM parquet_file_metadata(${literal(path)})`);
    return rows === part.rows ? null : `It has ${rows} rows and is listed with ${part.rows}`;
  } catch (error) {
    return `It cannot be read: ${reasonOf(error)}`;
  }
}

function mendOf(part: Part, log: VerifyOptions["log"]): string {
  const inLog = log !== undefined && part.offsets.every(([partition, from]) => log.start(partition) <= from);
  return inLog
    ? "Keep the folder as it is: its rows can still be had from the log"
    : "Restore it from a backup; the log no longer has its rows";
}

/** Each covered offset is a row of one part or counted as none; the parts of one table and hour never share an offset. */
function checkOffsets({ root, days }: Manifest): Finding[] {
  const findings: Finding[] = [];
  const rows = root.covered.map(() => 0);
  for (const { parts } of days) {
    for (const neighbours of Map.groupBy(parts, ({ table, hour }) => `${table} ${hour}`).values()) findings.push(...checkSpans(neighbours));
    for (const { file, offsets } of parts) {
      for (const [partition, , to, count] of offsets) {
        if (to > (root.covered[partition] ?? 0)) {
          findings.push(finding(file, `It has offsets up to ${to} of partition ${partition}, of which less is covered`));
        } else rows[partition] += count;
      }
    }
  }
  root.covered.forEach((covered, partition) => {
    const listed = rows[partition] + root.rowless[partition];
    if (listed === covered) return;
    findings.push(finding(null, `Partition ${partition} is covered to offset ${covered}, and ${listed} offsets are accounted for`));
  });
  return findings;
}

/** Parts of one table and hour, in sequence. */
function checkSpans(parts: readonly Part[]): Finding[] {
  const findings: Finding[] = [];
  const ends = new Map<number, number>();
  for (const { file, offsets, rows } of parts) {
    for (const [partition, from, to, count] of offsets) {
      if (from < (ends.get(partition) ?? 0)) {
        findings.push(finding(file, `Its offsets of partition ${partition} are in an earlier file too`));
      }
      if (count > to - from) findings.push(finding(file, `It is listed with more rows than offsets of partition ${partition}`));
      ends.set(partition, to);
    }
    const sum = offsets.reduce((sum, [, , , count]) => sum + count, 0);
    if (sum !== rows) findings.push(finding(file, `It is listed with ${rows} rows, and ${sum} by partition`));
  }
  return findings;
}

function checkTotals({ root, days }: Manifest): Finding[] {
  const findings: Finding[] = [];
  for (const { dt, parts, ...day } of days) {
    for (const name of ["rows", "bytes"] as const) {
      const sum = parts.reduce((sum, part) => sum + part[name], 0);
      if (sum !== day[name]) findings.push(finding(null, `The day ${dt} has ${sum} ${name} and is listed with ${day[name]}`));
    }
  }
  for (const name of ["rows", "files", "bytes"] as const) {
    const sum = days.reduce((sum, day) => sum + day[name], 0);
    if (sum !== root[name]) findings.push(finding(null, `The days have ${sum} ${name} together and the root says ${root[name]}`));
  }
  return findings;
}

function finding(file: string | null, problem: string): Finding {
  return { file, problem, mend: "Restore the data folder from a backup, and keep this one: the manifest is at odds with itself" };
}
