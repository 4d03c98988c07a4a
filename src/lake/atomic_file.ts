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
  for (const folder of await makeFolders(root, dirname(to))) changed.add(dirname(folder));
  await Deno.rename(from, to);
  changed.add(dirname(to));
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
  await Deno.writeTextFile(aside, text);
  await placeFile(root, aside, join(root, name));
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

/** Makes the folders missing between `root` and `folder`; returns those that were made, outermost last. */
async function makeFolders(root: string, folder: string): Promise<string[]> {
  const missing: string[] = [];
  for (let at = folder; at !== root && !await exists(at); at = dirname(at)) missing.push(at);
  if (missing.length > 0) await Deno.mkdir(folder, { recursive: true });
  return missing;
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
