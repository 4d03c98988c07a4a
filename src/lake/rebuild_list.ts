// Makes the list of a day's files anew from the files themselves, where a page of the manifest is damaged.
// What always holds: the files that are found have together the rows and bytes that the manifest's month still says of the day, and agree
// with each other; else nothing is changed. A file that is damaged besides cannot be told from another then, so its day stays unreadable.

import { join } from "node:path";
import { GuardianError } from "../errors.ts";
import { checkSpans } from "./account.ts";
import { fingerprint } from "./atomic_file.ts";
import { type Duck, literal } from "./duckdb.ts";
import { unlistedButKnown } from "./intent.ts";
import { readableParts, restoreDay } from "./manifest.ts";
import type { OffsetSpan, Part } from "./part.ts";
import { type Table, tables } from "./schema.ts";
import { filesInTree } from "./tree.ts";

/** What our own writer calls itself in a file: files of any other were made by compaction. */
const OWN_WRITER = "clickstream-guardian";

/** Rebuilds the list of a UTC day; returns what was done. Throws `corrupt` when the files do not add up to it. */
export async function rebuildList(kv: Deno.Kv, duck: Duck, dt: string): Promise<string> {
  const { day, parts } = await readableParts(kv, dt);
  const known = await unlistedButKnown(kv);
  for (const { file } of parts) known.add(file);
  const missing = (await filesInTree(duck.lakeFolder)).filter((file) => file.includes(`/dt=${dt}/`) && !known.has(file));
  const found: Part[] = [];
  for (const file of missing) found.push(await partOf(duck, file, dt));
  const all = inLogOrder([...parts, ...found]);
  for (const name of ["files", "rows", "bytes"] as const) {
    const sum = name === "files" ? all.length : all.reduce((sum, part) => sum + part[name], 0);
    if (sum !== day[name]) {
      throw new GuardianError("corrupt", `Cannot rebuild the list of ${dt}: there are ${sum} ${name}, and the day had ${day[name]}`);
    }
  }
  const odd = [...Map.groupBy(all, ({ table, hour }) => `${table} ${hour}`).values()].flatMap(checkSpans);
  if (odd.length > 0) throw new GuardianError("corrupt", `Cannot rebuild the list of ${dt}: ${odd[0].file}: ${odd[0].problem}`);
  await restoreDay(kv, dt, all);
  return `Made the list of ${dt} anew from ${all.length} files`;
}

/** An entry by what a file says of itself. Files of compaction come first in their hour: their own number is that of the compaction. */
async function partOf(duck: Duck, file: string, dt: string): Promise<Part> {
  const path = join(duck.lakeFolder, file), from = `read_parquet(${literal(path)}, hive_partitioning = false)`;
  const [, table, hour, number] = /^(\w+)\/dt=[\d-]+\/hour=(\d+)\/(\d+)\.parquet$/.exec(file) ?? [];
  if (!(tables as readonly string[]).includes(table)) {
    throw new GuardianError("corrupt", `Cannot rebuild the list of ${dt}: "${file}" is no part file`);
  }
  const spans = await duck.rows(`SELECT _partition AS partition, min(_offset)::DOUBLE AS first, max(_offset)::DOUBLE AS last,
    count(*)::DOUBLE AS rows, min(epoch_ms("timestamp"))::DOUBLE AS least, max(epoch_ms("timestamp"))::DOUBLE AS most
    FROM ${from} GROUP BY _partition ORDER BY _partition`) as unknown as Record<
    "partition" | "first" | "last" | "rows" | "least" | "most",
    number
  >[];
  const [{ created_by }] = await duck.rows(`SELECT created_by FROM parquet_file_metadata(${literal(path)})`);
  return {
    table: table as Table,
    dt,
    hour: Number(hour),
    file,
    rows: spans.reduce((sum, { rows }) => sum + rows, 0),
    ...await fingerprint(path),
    minTime: Math.min(...spans.map(({ least }) => least)),
    maxTime: Math.max(...spans.map(({ most }) => most)),
    offsets: spans.map(({ partition, first, last, rows }): OffsetSpan => [partition, first, last + 1, rows]),
    sequence: created_by === OWN_WRITER ? Number(number) : 0,
    created: (await Deno.stat(path)).mtime?.getTime() ?? 0,
  };
}

/** In the order of their offsets, where files of one hour have a partition in common. */
function inLogOrder(parts: readonly Part[]): Part[] {
  return parts.toSorted((a, b) => a.sequence - b.sequence || firstOf(a, b) - firstOf(b, a));
}

function firstOf(part: Part, other: Part): number {
  const shared = part.offsets.find(([partition]) => other.offsets.some(([of]) => of === partition));
  return shared === undefined ? part.offsets[0][1] : shared[1];
}
