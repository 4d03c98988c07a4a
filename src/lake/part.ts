// A part file: the rows of one table and UTC hour as Parquet with Snappy, in the order of the log, written aside and then put in place.
// What always holds: what is told of a file (rows, times, offsets, sha-256) was taken from what was written into it.

import { join } from "node:path";
import { ASIDE, fingerprint, moveInto, withAside } from "./atomic_file.ts";
import type { Duck } from "./duckdb.ts";
import type { Group, Run } from "./gather.ts";
import { writeParquet } from "./parquet.ts";
import { hourOf, type Table } from "./schema.ts";

/** Offsets `from` to `to` (exclusive) of a partition between which the file has all `rows` of its table and hour. */
export type OffsetSpan = readonly [partition: number, from: number, to: number, rows: number];

/** A part file as the manifest lists it. */
export interface Part {
  readonly table: Table;
  /** UTC day (`2014-04-07`) and hour of event time. */
  readonly dt: string;
  readonly hour: number;
  /** Path within the lake folder. */
  readonly file: string;
  readonly rows: number;
  readonly bytes: number;
  /** Of the whole file, hex. */
  readonly sha256: string;
  /** Least and largest event time, ms since the epoch. */
  readonly minTime: number;
  readonly maxTime: number;
  readonly offsets: readonly OffsetSpan[];
  /** Number of the first flush whose rows it holds: parts of an hour in this order are in the order of the log. */
  readonly sequence: number;
  /** Wall clock, ms since the epoch. */
  readonly created: number;
}

/** Whether a part file is there with as many bytes as the manifest says: quick, and no proof. */
export async function hasSize(lakeFolder: string, { file, bytes }: Part): Promise<boolean> {
  try {
    return (await Deno.stat(join(lakeFolder, file))).size === bytes;
  } catch {
    return false;
  }
}

/** Whether a part file's bytes are as the manifest says. Reads them all. */
export async function isWhole(lakeFolder: string, part: Part): Promise<boolean> {
  try {
    return await hasSize(lakeFolder, part) && (await fingerprint(join(lakeFolder, part.file))).sha256 === part.sha256;
  } catch {
    return false;
  }
}

let written = 0;

/**
 * Writes a group as the part file `file` (a path within the lake folder), over what was there, and returns its entry.
 * Adds to `changed` the folders to sync before the file may be listed.
 */
export async function writePart(
  duck: Duck,
  intent: { file: string; sequence: number; created: number },
  group: Group,
  changed: Set<string>,
): Promise<Part> {
  const { file, sequence, created } = intent;
  const path = join(duck.lakeFolder, ASIDE, `part_${++written}.parquet`);
  const sum = await withAside(path, async () => {
    const sum = await writeParquet(path, group.table, group.runs);
    await moveInto(duck.lakeFolder, path, join(duck.lakeFolder, file), changed);
    return sum;
  });
  return {
    table: group.table,
    ...hourOf(group.hourMs),
    file,
    rows: group.rows,
    ...sum,
    offsets: spansOf(group),
    sequence,
    created,
  };
}

/** One span a partition; the runs of a group are in order. */
function spansOf(group: Group): OffsetSpan[] {
  const spans: OffsetSpan[] = [];
  let rows = 0, from = 0;
  group.runs.forEach((run, i) => {
    if (rows === 0) from = firstOf(run);
    rows += run.to - run.from;
    if (group.runs[i + 1]?.batch.partition === run.batch.partition) return;
    spans.push([run.batch.partition, from, run.batch.firstOffset + run.to, rows]);
    rows = 0;
  });
  return spans;
}

function firstOf(run: Run): number {
  return run.batch.firstOffset + run.from;
}
