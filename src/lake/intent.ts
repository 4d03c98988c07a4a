// What is about to be written, committed before the first byte of it: the archiver's flush, and a compaction.
// What always holds: while an intent is stored, its files may be whole, half or not there; the manifest does not list them yet.

import { stateKeys } from "../store/keys.ts";
import type { Group, OffsetRange } from "./gather.ts";
import { partFile, type Table } from "./schema.ts";

/** One flush: which offsets, and which file each table and hour of them goes to. */
export interface FlushIntent {
  readonly number: number;
  readonly ranges: readonly OffsetRange[];
  readonly files: readonly string[];
  /** Wall clock, ms since the epoch: becomes `created` of the parts. */
  readonly at: number;
}

/** One compaction: the file to make from others, which stay listed until it is. */
export interface CompactionIntent {
  readonly number: number;
  readonly file: string;
  readonly from: readonly string[];
  readonly table: Table;
}

/** Files that compaction replaced; readers may still have them open or named. */
export interface Retired {
  readonly files: readonly string[];
}

/** The intent of a flush: the same groups under the same number give the same names. */
export function flushIntent(number: number, ranges: Iterable<OffsetRange>, groups: readonly Group[], at: number): FlushIntent {
  return {
    number,
    ranges: [...ranges].map((range) => ({ ...range })),
    files: groups.map(({ table, hourMs }) => partFile(table, hourMs, number)),
    at,
  };
}

/** Files that lie in the tree rightly without being listed: about to be, or not any more. */
export async function unlistedButKnown(kv: Deno.Kv): Promise<Set<string>> {
  const known = new Set<string>();
  for (const file of (await kv.get<FlushIntent>(stateKeys.intent())).value?.files ?? []) known.add(file);
  const compaction = (await kv.get<CompactionIntent>(stateKeys.compactionIntent())).value;
  if (compaction !== null) known.add(compaction.file);
  for await (const { value } of kv.list<Retired>({ prefix: stateKeys.allRetired() })) value.files.forEach((file) => known.add(file));
  return known;
}
