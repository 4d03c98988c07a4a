// Rebuilds what is damaged in the lake from what is whole elsewhere: a part file from the log's rows, a day's list of files from the files.
// What always holds: a part file that takes another's place has exactly the rows that the manifest lists for that one, counted by partition;
// the swap is one step, and the damaged file is moved to `.orphans`, never deleted. What cannot be rebuilt stays listed and damaged, so that
// it is missed: readers leave it out and say so. Nothing is left out of the lake for good by a repair.

import { join } from "node:path";
import type { Clock } from "../clock.ts";
import { GuardianError, reasonOf } from "../errors.ts";
import type { EventBatch } from "../event/batch.ts";
import { PURCHASE } from "../event/kind.ts";
import type { LogLine } from "../log_line.ts";
import type { Finding } from "./account.ts";
import { exists, syncFolders } from "./atomic_file.ts";
import type { Group } from "./gather.ts";
import { unlistedButKnown } from "./intent.ts";
import { allParts, changeManifest, readManifest, takeNumber } from "./manifest.ts";
import { type OffsetSpan, type Part, writePart } from "./part.ts";
import { rebuildList } from "./rebuild_list.ts";
import { HOUR_MS, partFile } from "./schema.ts";
import { writeTables } from "./tables.ts";
import { orphan, remove } from "./tree.ts";
import { type CheckedLog, isInLog, type Verified, type VerifyOptions } from "./verify.ts";

/** What was made whole again. file: path within the lake folder, or null for a list of files. */
export interface Repaired {
  readonly file: string | null;
  readonly what: string;
}

export interface RepairOptions extends VerifyOptions {
  readonly clock: Pick<Clock, "now">;
  readonly logLine: LogLine;
  /** Called before a rebuilt file is listed; whatever it throws fails its repair there. */
  readonly beforeSwap?: () => void | Promise<void>;
}

export interface RepairOutcome {
  readonly repaired: readonly Repaired[];
  /** What is still wrong; of a file that could not be rebuilt, with the reason. */
  readonly findings: readonly Finding[];
}

/** Repairs what `verifyLake` found. A file that cannot be rebuilt is a finding, never an exception. */
export async function repairLake(options: RepairOptions, verified: Verified): Promise<RepairOutcome> {
  const { duck, kv, logLine, progress } = options;
  const repaired: Repaired[] = [];
  const mended = new Set<string>(), reasons = new Map<string, string>();
  const all = verified.unreadable.length + verified.damaged.length + verified.unlisted.length;
  let done = 0;
  const attempt = async (name: string, file: string | null, repair: () => Promise<string>) => {
    try {
      const what = await repair();
      mended.add(name);
      repaired.push({ file, what });
      logLine("info", "repaired", { what: name, how: what });
    } catch (error) {
      reasons.set(name, reasonOf(error));
      logLine("error", "repair_failed", { what: name, reason: reasonOf(error) });
    }
    progress?.(++done, all, "repairs");
  };
  for (const dt of verified.unreadable) await attempt(dt, null, () => rebuildList(kv, duck, dt));
  for (const part of verified.damaged) await attempt(part.file, part.file, () => rebuildPart(options, part));
  for (const file of verified.unlisted) await attempt(file, file, () => setAside(options, file));
  if (repaired.length > 0) await writeTables(kv, duck.lakeFolder);
  return { repaired, findings: verified.findings.filter((finding) => !isMended(finding, mended)).map((finding) => told(finding, reasons)) };
}

function isMended({ file, problem }: Finding, mended: ReadonlySet<string>): boolean {
  if (file !== null) return mended.has(file);
  return [...mended].some((name) => problem.includes(`manifest_page/${name}/`));
}

function told(finding: Finding, reasons: ReadonlyMap<string, string>): Finding {
  const reason = finding.file === null ? undefined : reasons.get(finding.file);
  if (reason === undefined) return finding;
  return { ...finding, problem: `${finding.problem}. It was not rebuilt: ${reason}` };
}

/** Writes the rows of a part anew from the log, and lists that file in the place of the damaged one. */
async function rebuildPart(options: RepairOptions, part: Part): Promise<string> {
  const { kv, duck, clock, log } = options;
  const { table, dt, hour } = part, hourMs = Date.parse(dt) + hour * HOUR_MS;
  if (log === undefined || !isInLog(part, log)) {
    throw new GuardianError("corrupt", "The log no longer has all of its rows; put the file back from a backup");
  }
  const group: Group = { table, hourMs, runs: [], rows: 0 };
  for (const span of part.offsets) await addSpan(log, span, group);
  const number = await takeNumber(kv, () => []);
  const file = partFile(table, hourMs, number);
  try {
    const changed = new Set<string>();
    const add = await writePart(duck, { file, sequence: part.sequence, created: clock.now() }, group, changed);
    await syncFolders(changed);
    await options.beforeSwap?.();
    // As they are listed: whoever reads offsets of this hour by them finds what was there.
    await changeManifest(kv, { add: [{ ...add, offsets: part.offsets }], remove: new Set([part.file]) });
  } catch (error) {
    if (!await isListed(options, dt, file)) await remove(duck.lakeFolder, file);
    throw error;
  }
  const moved = await exists(join(duck.lakeFolder, part.file))
    ? `; the damaged file is now ${await orphan(duck.lakeFolder, part.file)}`
    : "";
  return `Rebuilt from the log as ${file} with ${part.rows} rows${moved}`;
}

/** Adds the rows of a part in one partition to its group. Throws `corrupt` when the log has other rows than are listed. */
async function addSpan(log: CheckedLog, [partition, from, to, rows]: OffsetSpan, group: Group): Promise<void> {
  const before = group.rows;
  for (let next = from; next < to;) {
    const batches = await log.read(partition, next);
    if (batches.length === 0) break;
    for (const batch of batches) {
      if (batch.control === "lost") throw new GuardianError("corrupt", `Offsets of partition ${partition} are damaged in the log too`);
      if (batch.control === "events") {
        addRuns(batch, Math.max(next, from) - batch.firstOffset, Math.min(batch.count, to - batch.firstOffset), group);
      }
      next = Math.max(next, Math.min(to, batch.firstOffset + batch.count));
    }
  }
  const found = group.rows - before;
  if (found === rows) return;
  throw new GuardianError("corrupt", `The log has ${found} rows of it in partition ${partition}, and ${rows} are listed`);
}

/** Adds the rows of a batch, from one to another (exclusive), that are of the group's table and hour. */
function addRuns(batch: EventBatch, from: number, to: number, group: Group): void {
  const { table, hourMs, runs } = group;
  const isOf = (row: number) =>
    (batch.kind[row] === PURCHASE) === (table === "raw_purchases") && batch.eventTime[row] >= hourMs &&
    batch.eventTime[row] < hourMs + HOUR_MS;
  for (let row = from; row < to;) {
    if (!isOf(row)) {
      row++;
      continue;
    }
    let end = row + 1;
    while (end < to && isOf(end)) end++;
    runs.push({ batch, from: row, to: end });
    group.rows += end - row;
    row = end;
  }
}

async function isListed({ kv }: RepairOptions, dt: string, file: string): Promise<boolean> {
  return allParts(await readManifest(kv, (day) => day === dt)).some((part) => part.file === file);
}

/** Moves a file that nothing lists out of the tree, unless it has come to be listed. */
async function setAside({ kv, duck }: RepairOptions, file: string): Promise<string> {
  const known = await unlistedButKnown(kv);
  for (const part of allParts(await readManifest(kv))) known.add(part.file);
  if (known.has(file)) return "It is listed by now";
  return `Moved to ${await orphan(duck.lakeFolder, file)}`;
}
