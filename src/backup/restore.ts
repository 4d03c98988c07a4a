// A restore: a backup becomes a data folder. Every file is copied into `restoring` within the folder, its sum checked on the way, and moved
// to its place once all are whole; `format.json`, which makes a folder a data folder, comes last. What always holds: a restore that was cut
// short leaves a folder that nothing but another restore takes; nothing of a backup that is damaged is put in place unasked.

import { join } from "node:path";
import { GuardianError } from "../errors.ts";
import { ownerOf, paths } from "../folder.ts";
import { exists, syncPath } from "../lake/atomic_file.ts";
import { Copies, forEach, Tally, Unreadable, writingFailed } from "./copy.ts";
import { type Damage, type ListedFile, readSheet, type Sheet } from "./sheet.ts";

export interface RestoreOptions {
  /** The backup. */
  readonly folder: string;
  /** The data folder that it becomes: one that is not there, or is empty. */
  readonly data: string;
  /** Files of the lake that are damaged in the backup are left out; otherwise they are a reason to refuse it. */
  readonly leaveOutDamaged?: boolean;
  readonly onProgress?: (done: number, total: number) => void;
  /** Called before each step; whatever it throws fails the restore there, as a kill would. */
  readonly beforeStep?: (step: RestoreStep) => void | Promise<void>;
}

export type RestoreStep = "copy" | "place" | "format";

export interface Restored {
  readonly sheet: Sheet;
  readonly bytes: number;
  /** Files of the backup that are damaged, and were left out. */
  readonly leftOut: readonly Damage[];
}

/** In the order in which they get their places. */
const TOP = ["lake", "state.kv", "log.kv"];
const FORMAT = "format.json";
/** A disk that is mounted has it. */
const NOT_OURS = ["lost+found"];
const NAMED_MAX = 5;

/** Restores a backup. Throws what `readSheet` throws, `corrupt`, `folder_in_use`, `folder_unusable`, `storage_failing`. */
export async function restore(options: RestoreOptions): Promise<Restored> {
  const { folder, data, onProgress, beforeStep } = options;
  const sheet = await readSheet(folder);
  try {
    using _lock = await takeEmpty(data);
    const tally = new Tally(onProgress);
    tally.total = sheet.files.reduce((sum, { bytes }) => sum + bytes, 0);
    await beforeStep?.("copy");
    const leftOut = await copyAll(options, sheet, tally);
    await beforeStep?.("place");
    await putInPlace(data, () => beforeStep?.("format"));
    return { sheet, leftOut, bytes: tally.done };
  } catch (cause) {
    throw writingFailed(`restore "${folder}" to "${data}"`, cause);
  }
}

/** Locks a folder that is empty, or holds what an earlier restore left, which is removed. */
async function takeEmpty(data: string): Promise<Deno.FsFile> {
  const refuse = (why: string) => new GuardianError("folder_unusable", `Cannot restore to "${data}": ${why}; name another with --data`);
  if (await exists(data) && !(await Deno.stat(data)).isDirectory) throw refuse("it is a file");
  await Deno.mkdir(data, { recursive: true });
  const owner = await ownerOf(data);
  const wasCutShort = await exists(paths.restoring(data)) && !await exists(paths.format(data));
  const ours = [...wasCutShort ? [...TOP, "restoring"] : [], "lock"];
  if (owner === null) {
    for await (const { name } of Deno.readDir(data)) {
      if (!ours.includes(name) && !NOT_OURS.includes(name)) throw refuse("it is not empty");
    }
  }
  const lock = await Deno.open(paths.lock(data), { create: true, read: true, write: true });
  if (owner !== null || !await lock.tryLock(true)) {
    lock.close();
    const who = owner === null || owner.pid === 0 ? "another process" : `process ${owner.pid}`;
    throw new GuardianError("folder_in_use", `Cannot restore to "${data}": ${who} has it; stop that first, or name another with --data`);
  }
  try {
    if (wasCutShort) { for (const name of ours) if (name !== "lock") await remove(join(data, name)); }
    await lock.truncate(0);
    // Who opens the folder next is told that nobody stopped here: it was put there.
    await lock.write(new TextEncoder().encode(JSON.stringify({ pid: Deno.pid, address: null, since: new Date().toISOString() }) + "\n"));
    return lock;
  } catch (failure) {
    lock.close();
    throw failure;
  }
}

/** Copies all files aside and checks them. Returns the damaged ones that were left out. Throws `corrupt`; then nothing is left. */
async function copyAll({ folder, data, leaveOutDamaged = false }: RestoreOptions, sheet: Sheet, tally: Tally): Promise<Damage[]> {
  const aside = paths.restoring(data);
  const copies = new Copies(aside, tally), damaged: Damage[] = [];
  await copies.makeFolder("lake");
  try {
    await forEach(sheet.files, async (file) => {
      const problem = await copyChecked(copies, folder, file);
      if (problem === null) return;
      damaged.push({ path: file.path, problem });
      await remove(join(aside, file.path));
    });
    damaged.sort((a, b) => a.path < b.path ? -1 : 1);
    if (damaged.length > 0 && !(leaveOutDamaged && damaged.every(({ path }) => path.startsWith("lake/")))) throw refused(folder, damaged);
    for (const name of [...TOP, FORMAT]) {
      if (!await exists(join(aside, name))) throw refused(folder, [{ path: name, problem: "It is not in the backup" }]);
    }
    await copies.sync();
    return damaged;
  } catch (failure) {
    await Deno.remove(aside, { recursive: true }).catch(() => {});
    throw failure;
  }
}

async function copyChecked(copies: Copies, folder: string, { path, bytes, sha256 }: ListedFile): Promise<string | null> {
  try {
    const copy = await copies.copy(join(folder, path), path);
    if (copy.bytes !== bytes) return `It has ${copy.bytes} bytes and is listed with ${bytes}`;
    return copy.sha256 === sha256 ? null : `Its sha-256 is ${copy.sha256} and listed as ${sha256}`;
  } catch (failure) {
    if (failure instanceof Unreadable) return failure.message;
    throw failure;
  }
}

function refused(folder: string, damaged: readonly Damage[]): GuardianError {
  const named = damaged.slice(0, NAMED_MAX).map(({ path, problem }) => `${path} (${problem})`).join(", ");
  const more = damaged.length > NAMED_MAX ? ` and ${damaged.length - NAMED_MAX} more` : "";
  const mend = damaged.every(({ path }) => path.startsWith("lake/"))
    ? "use another backup, or leave these out with --leave-out-damaged"
    : "use another backup";
  return new GuardianError("corrupt", `Cannot restore "${folder}": ${damaged.length} of its files damaged: ${named}${more}; ${mend}`);
}

async function putInPlace(data: string, beforeFormat: () => void | Promise<void> | undefined): Promise<void> {
  const aside = paths.restoring(data);
  for (const name of TOP) await Deno.rename(join(aside, name), join(data, name));
  await syncPath(data);
  await beforeFormat();
  await Deno.rename(join(aside, FORMAT), join(data, FORMAT));
  await syncPath(data);
  await Deno.remove(aside);
  await syncPath(data);
}

async function remove(path: string): Promise<void> {
  if (await exists(path)) await Deno.remove(path, { recursive: true });
}
