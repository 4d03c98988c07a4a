// Holding still for a backup, which copies files of the lake from another process: while it lists and copies results, day jobs put none in
// place; while it copies parts, none that were replaced are deleted. What always holds: a hold is the operating system's lock on an open
// file, so it ends with the process that has it, however that ends; and whoever must wait for it waits for a bounded time.
// It must not know what a backup is: only that somebody reads.

import { join } from "node:path";
import { GuardianError } from "../errors.ts";
import { limits } from "../limits.ts";

/** `results`: files of day jobs, replaced under the same name. `parts`: part files, deleted once they were replaced long enough ago. */
export type Held = "results" | "parts";

const LOOK_AGAIN_MS = 20;

/** Keeps these files of a lake as they are until it is disposed of. Several may hold at a time. Throws `storage_failing`, `folder_unusable`. */
export async function hold(lakeFolder: string, held: Held): Promise<Disposable> {
  const file = await openLock(lakeFolder, held);
  if (file === null) throw new GuardianError("folder_unusable", `Cannot hold the lake still: there is no folder "${lakeFolder}"`);
  return await locked(file, false, () => `Cannot hold the ${held} of the lake still: they keep being changed; try again later`);
}

/** Changes such files once nobody holds them. Throws `storage_failing` when that takes too long, and whatever `goOn` throws meanwhile. */
export async function whenFree<T>(lakeFolder: string, held: Held, change: () => Promise<T>, goOn: () => void = () => {}): Promise<T> {
  const file = await openLock(lakeFolder, held);
  if (file === null) return await change();
  using _changing = await locked(
    file,
    true,
    () => `Cannot change the ${held} of the lake: a backup holds them; try again when it is done`,
    goOn,
  );
  return await change();
}

/** Changes such files unless somebody holds them. Returns whether it did. */
export async function ifFree(lakeFolder: string, held: Held, change: () => Promise<void>): Promise<boolean> {
  using file = await openLock(lakeFolder, held);
  if (file !== null && !await file.tryLock(true)) return false;
  await change();
  return true;
}

/** The lock's file, or null where there is no lake, and so nobody who reads it. */
async function openLock(lakeFolder: string, held: Held): Promise<Deno.FsFile | null> {
  const path = join(lakeFolder, `.hold_${held}`);
  try {
    return await Deno.open(path, { create: true, read: true, write: true });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    // A backup that root made may have made the file; to be locked it need not be written.
    if (error instanceof Deno.errors.PermissionDenied) return await Deno.open(path, { read: true });
    throw error;
  }
}

async function locked(file: Deno.FsFile, exclusive: boolean, sentence: () => string, goOn = () => {}): Promise<Deno.FsFile> {
  const until = performance.now() + limits.holdWaitMs;
  try {
    while (!await file.tryLock(exclusive)) {
      goOn();
      if (performance.now() >= until) throw new GuardianError("storage_failing", sentence());
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
    }
    return file;
  } catch (failure) {
    file.close();
    throw failure;
  }
}
