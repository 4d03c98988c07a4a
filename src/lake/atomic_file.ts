// Files that are there whole or not at all, also after power loss: written aside, synced, renamed, and the folder synced.
// What always holds: a name in the lake's tree never shows half a file.

import { createHash } from "node:crypto";
import { dirname, join } from "node:path";

const READ_BYTES = 1024 * 1024;
const SYNCS_AT_ONCE = 4;

/** Folder within the lake for files that are not finished; emptied at start. */
export const ASIDE = ".tmp";

/** Moves a finished file to its place and makes both durable. Folders on the way are made below `root`, which must exist. */
export async function placeFile(root: string, from: string, to: string): Promise<void> {
  await syncPath(from);
  const changed = new Set<string>();
  await moveInto(root, from, to, changed);
  await syncFolders(changed);
}

/** As `placeFile` for a file that is synced already; adds to `changed` the folders to sync before anybody may rely on it. */
export async function moveInto(root: string, from: string, to: string, changed: Set<string>): Promise<void> {
  await Deno.mkdir(dirname(to), { recursive: true });
  await Deno.rename(from, to);
  // All of them, also those that were there: whoever made one may have died, or failed, before it was synced.
  for (let folder = dirname(to);; folder = dirname(folder)) {
    changed.add(folder);
    if (folder === root || folder === dirname(folder)) return;
  }
}

/** Makes renames and new folders in these folders survive power loss. */
export async function syncFolders(folders: ReadonlySet<string>): Promise<void> {
  const left = folders.values();
  const sync = async () => {
    for (const folder of left) await syncPath(folder);
  };
  await Promise.all(Array.from({ length: SYNCS_AT_ONCE }, sync));
}

/** Writes a small text at `name` within `root`, replacing what was there in one step. */
export async function writeWhole(root: string, name: string, text: string): Promise<void> {
  await Deno.mkdir(join(root, ASIDE), { recursive: true });
  const aside = join(root, ASIDE, `${crypto.randomUUID()}.text`);
  await withAside(aside, async () => {
    await Deno.writeTextFile(aside, text);
    await placeFile(root, aside, join(root, name));
  });
}

/** Makes a file aside and puts it in place. Of work that fails nothing is left aside: a full disk must not get fuller with every try. */
export async function withAside<T>(aside: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (failure) {
    await Deno.remove(aside).catch(() => {});
    throw failure;
  }
}

/** Makes what was written to a file, or renamed within a folder, survive power loss. */
export async function syncPath(path: string): Promise<void> {
  using file = await Deno.open(path);
  await file.sync();
}

/** Size and sha-256 (hex) of a file, read in small pieces. */
export async function fingerprint(path: string): Promise<{ bytes: number; sha256: string }> {
  using file = await Deno.open(path);
  const hash = createHash("sha256");
  const { size } = await file.stat();
  const buffer = new Uint8Array(Math.min(READ_BYTES, Math.max(size, 1)));
  let bytes = 0;
  for (let read = await file.read(buffer); read !== null; read = await file.read(buffer)) {
    hash.update(buffer.subarray(0, read));
    bytes += read;
  }
  return { bytes, sha256: hash.digest("hex") };
}

/** Whether anything has that name. */
export async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
