// Where a backup goes: it grows in `DIR.part` beside its place, and gets its name when it is whole and synced. What always holds: a folder
// of that name is a whole backup; what a backup that was cut off left is removed by the next one to the same place, and nothing else is.

import { basename, dirname, join, resolve } from "node:path";
import { GuardianError } from "../errors.ts";
import { exists, syncPath } from "../lake/atomic_file.ts";
import { writingFailed } from "./copy.ts";
import { SHEET } from "./sheet.ts";

const PART = ".part";
/** Marks the growing folder as ours, and is locked while somebody is at work in it. */
const MARK = ".growing";

export class Place implements AsyncDisposable {
  #done = false;

  private constructor(readonly folder: string, readonly aside: string, private readonly mark: Deno.FsFile) {}

  /** Takes the place for a backup of `data`. Throws `folder_unusable`, `folder_in_use`, `storage_failing`. */
  static async take(given: string, data: string): Promise<Place> {
    const folder = resolve(given), aside = folder + PART;
    await requireFree(folder, given);
    try {
      await Deno.mkdir(dirname(folder), { recursive: true });
      await requireOutside(folder, data, given);
      const mark = await takeMark(aside, given);
      for await (const { name } of Deno.readDir(aside)) if (name !== MARK) await Deno.remove(join(aside, name), { recursive: true });
      return new Place(folder, aside, mark);
    } catch (cause) {
      throw writingFailed(`make a backup in "${given}"`, cause);
    }
  }

  /** Names the backup, all files of which are written and synced. */
  async name(): Promise<void> {
    await Deno.remove(join(this.aside, MARK));
    await syncPath(this.aside);
    await Deno.rename(this.aside, this.folder);
    this.#done = true;
    await syncPath(dirname(this.folder));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#done) await Deno.remove(this.aside, { recursive: true }).catch(() => {});
    this.mark.close();
  }
}

async function requireFree(folder: string, given: string): Promise<void> {
  const refuse = (why: string) => new GuardianError("folder_unusable", `Cannot make a backup in "${given}": ${why}; name another folder`);
  let found: Deno.FileInfo;
  try {
    found = await Deno.stat(folder);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw writingFailed(`make a backup in "${given}"`, error);
  }
  if (!found.isDirectory) throw refuse("it is a file");
  for await (const _ of Deno.readDir(folder)) throw refuse("it is not empty");
  const above = await Deno.stat(dirname(folder));
  if (above.dev !== found.dev || folder === dirname(folder)) {
    throw refuse("a disk is mounted there, and a backup gets its name when it is whole");
  }
}

/** Refuses a place within the data folder, and one that the data folder is within. */
async function requireOutside(folder: string, data: string, given: string): Promise<void> {
  const place = join(await Deno.realPath(dirname(folder)), basename(folder)), source = await Deno.realPath(data);
  if (place !== source && !`${place}/`.startsWith(`${source}/`) && !`${source}/`.startsWith(`${place}/`)) return;
  const why = `it lies within the data folder "${data}", and would be lost with it`;
  throw new GuardianError("folder_unusable", `Cannot make a backup in "${given}": ${why}; name a folder elsewhere`);
}

async function takeMark(aside: string, given: string): Promise<Deno.FsFile> {
  const path = join(aside, MARK);
  if (!await exists(aside)) await Deno.mkdir(aside);
  // A whole one that was cut off before it got its name has no mark any more.
  else if (!await exists(path) && !await exists(join(aside, SHEET)) && !await isEmpty(aside)) {
    const why = `"${aside}", where it would grow, is there and not ours`;
    throw new GuardianError("folder_unusable", `Cannot make a backup in "${given}": ${why}; move that, or name another folder`);
  }
  const mark = await Deno.open(path, { create: true, read: true, write: true });
  if (await mark.tryLock(true)) return mark;
  mark.close();
  throw new GuardianError(
    "folder_in_use",
    `Cannot make a backup in "${given}": another one is being made there; wait for it, or name another folder`,
  );
}

async function isEmpty(folder: string): Promise<boolean> {
  for await (const _ of Deno.readDir(folder)) return false;
  return true;
}
