// Compaction: many small files of one hour become one. Rows and content versions stay as they are; only the files change.
// What always holds: the manifest swaps old for new in one step, and the old files stay for an hour, for readers that still name them.
// A damaged file is never compacted: its bytes are checked before they are read. One compaction runs at a time.

import { join } from "node:path";
import type { Clock } from "../clock.ts";
import { GuardianError, reasonOf } from "../errors.ts";
import { limits } from "../limits.ts";
import type { LogLine } from "../log_line.ts";
import { commit } from "../store/commit.ts";
import { stateKeys } from "../store/keys.ts";
import { ASIDE, fingerprint, placeFile, withAside } from "./atomic_file.ts";
import { type Duck, literal } from "./duckdb.ts";
import { ifFree } from "./hold.ts";
import type { CompactionIntent, Retired } from "./intent.ts";
import { changeManifest, type Day, type DayParts, readManifest, takeNumber } from "./manifest.ts";
import type { OffsetSpan, Part } from "./part.ts";
import { HOUR_MS, partFile } from "./schema.ts";
import { selectParts, writeTables } from "./tables.ts";
import { remove } from "./tree.ts";

/** Version 2 has the delta encoding of numbers: smaller, and quicker to write. */
const PARQUET = "FORMAT parquet, COMPRESSION snappy, PARQUET_VERSION v2";

export type CompactionStep = "intent" | "file" | "manifest" | "tables";

export interface CompactOptions {
  /** The `state` file. */
  readonly kv: Deno.Kv;
  readonly duck: Duck;
  readonly clock: Clock;
  readonly logLine: LogLine;
  /** Compact hours whatever their age, and from two files on. */
  readonly force?: boolean;
  readonly beforeStep?: (step: CompactionStep) => void | Promise<void>;
}

export interface Compacted {
  /** Files that are listed no longer, and files made from them. */
  readonly replaced: number;
  readonly made: number;
  /** Groups of files that could not be compacted; the log says why. */
  readonly failed: number;
}

/** Compacts every hour that needs it. A group that fails is left as it was and told in a log line. */
export async function compactLake(options: CompactOptions): Promise<Compacted> {
  const { kv, duck, clock, logLine, force = false } = options;
  let replaced = 0, made = 0, failed = 0;
  for (const day of (await readManifest(kv, undefined, () => {})).days) {
    for (const parts of planCompaction(day, clock.now(), force)) {
      try {
        await compact(options, parts);
        replaced += parts.length;
        made++;
      } catch (error) {
        failed++;
        logLine("error", "compaction_failed", { first_file: parts[0].file, files: parts.length, reason: reasonOf(error) });
      }
    }
  }
  if (made > 0) {
    await options.beforeStep?.("tables");
    await writeTables(kv, duck.lakeFolder);
  }
  return { replaced, made, failed };
}

/** The groups of parts of a day that become one file each: neighbours in the log's order, of one table and hour. */
export function planCompaction(day: DayParts, now: number, force: boolean): Part[][] {
  const crowded = isCrowded(day);
  const groups: Part[][] = [];
  for (const parts of Map.groupBy(day.parts, ({ table, hour }) => `${table} ${hour}`).values()) {
    const age = now - Math.max(...parts.map(({ created }) => created));
    // A file of a time to come was made before the clock was set back: nobody waits for that.
    const settled = age >= limits.compactAfterMs || age < 0;
    if (!force && (parts.length <= limits.partsPerHourMax || !(settled || crowded))) continue;
    groups.push(...neighbours(parts));
  }
  return groups;
}

/** Deletes files that were replaced long enough ago, unless a backup holds them. Returns how many. */
export async function deleteRetired({ kv, duck, clock }: CompactOptions): Promise<number> {
  let files = 0;
  await ifFree(duck.lakeFolder, "parts", async () => {
    for await (const { key, value } of kv.list<Retired>({ prefix: stateKeys.allRetired() })) {
      if ((key[1] as number) + limits.retiredKeepMs > clock.now()) break;
      for (const file of value.files) await remove(duck.lakeFolder, file);
      files += value.files.length;
      await commit(kv, { deletes: [key] });
    }
  });
  return files;
}

/** A day nears its limit of files: then its hours do not wait until they are settled. */
function isCrowded(day: Day): boolean {
  return day.files > limits.partsPerDayMax / 2;
}

function neighbours(parts: readonly Part[]): Part[][] {
  const groups: Part[][] = [];
  let rows = Infinity;
  for (const part of parts.toSorted((a, b) => a.sequence - b.sequence)) {
    rows += part.rows;
    if (rows > limits.compactedRowsMax) {
      groups.push([]);
      rows = part.rows;
    }
    groups[groups.length - 1].push(part);
  }
  return groups.filter((group) => group.length > 1);
}

async function compact(options: CompactOptions, parts: readonly Part[]): Promise<void> {
  const { kv, duck, clock } = options;
  const { table, dt, hour } = parts[0];
  for (const part of parts) await checkSum(duck, part);
  await options.beforeStep?.("intent");
  const from = parts.map(({ file }) => file);
  let intent: CompactionIntent | undefined;
  const number = await takeNumber(kv, (number) => {
    intent = { number, table, from, file: partFile(table, Date.parse(dt) + hour * HOUR_MS, number) };
    return [{ key: stateKeys.compactionIntent(), value: intent }];
  });
  const { file } = intent!;
  try {
    await options.beforeStep?.("file");
    const sum = await writeMerged(duck, parts, file, number);
    const add: Part = { ...parts[0], ...sum, ...merged(parts), file, created: clock.now() };
    await options.beforeStep?.("manifest");
    const retired = { key: stateKeys.retired(clock.now(), number), value: { files: from } satisfies Retired };
    await changeManifest(kv, { add: [add], remove: new Set(from), with: { sets: [retired], deletes: [stateKeys.compactionIntent()] } });
  } catch (error) {
    // Whether the swap landed is known only by reading: the file goes only when it is not listed.
    const listed = (await readManifest(kv, (day) => day === dt)).days.some((day) => day.parts.some((part) => part.file === file));
    if (!listed) await remove(duck.lakeFolder, file);
    throw error;
  }
}

async function checkSum(duck: Duck, part: Part): Promise<void> {
  const { sha256 } = await fingerprint(join(duck.lakeFolder, part.file));
  if (sha256 !== part.sha256) throw new GuardianError("corrupt", `Cannot compact "${part.file}": its sha-256 is not the one listed`);
}

async function writeMerged(duck: Duck, parts: readonly Part[], file: string, number: number): Promise<{ bytes: number; sha256: string }> {
  const aside = join(duck.lakeFolder, ASIDE, `compacted_${number}.parquet`);
  const select = `${selectParts(parts, parts[0].table, duck.lakeFolder)} ORDER BY _partition, _offset`;
  return await withAside(aside, async () => {
    await duck.run(`COPY (${select}) TO ${literal(aside)} (${PARQUET})`);
    const [{ rows }] = await duck.rows(`SELECT num_rows::DOUBLE AS rows FROM parquet_file_metadata(${literal(aside)})`);
    const expected = parts.reduce((sum, part) => sum + part.rows, 0);
    if (rows !== expected) {
      throw new GuardianError("corrupt", `Cannot compact ${parts.length} files: they have ${rows} rows and are listed with ${expected}`);
    }
    const sum = await fingerprint(aside);
    await placeFile(duck.lakeFolder, aside, join(duck.lakeFolder, file));
    return sum;
  });
}

/** What neighbours say of themselves together. */
function merged(parts: readonly Part[]): Pick<Part, "rows" | "minTime" | "maxTime" | "offsets" | "sequence"> {
  const spans = new Map<number, OffsetSpan>();
  for (const [partition, from, to, rows] of parts.flatMap(({ offsets }) => offsets)) {
    const [, least, most, before] = spans.get(partition) ?? [partition, from, to, 0];
    spans.set(partition, [partition, Math.min(least, from), Math.max(most, to), before + rows]);
  }
  return {
    rows: parts.reduce((sum, { rows }) => sum + rows, 0),
    minTime: Math.min(...parts.map(({ minTime }) => minTime)),
    maxTime: Math.max(...parts.map(({ maxTime }) => maxTime)),
    offsets: [...spans.values()].sort((a, b) => a[0] - b[0]),
    sequence: Math.min(...parts.map(({ sequence }) => sequence)),
  };
}
