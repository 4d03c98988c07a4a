// The lake folder as files: what lies in its tree, and what becomes of files that nobody lists.
// What always holds: nothing here deletes a row. A file that is not listed is moved to `.orphans`, where a person can look at it.

import { dirname, join } from "node:path";
import { ASIDE, exists } from "./atomic_file.ts";
import { tables } from "./schema.ts";

const ORPHANS = ".orphans";

/** Every file below the tables' folders, as paths within the lake folder, in order. */
export async function filesInTree(lakeFolder: string): Promise<string[]> {
  const found: string[] = [];
  for (const table of tables) await walk(lakeFolder, table, found);
  return found.sort();
}

/** Makes the folder, and empties the one for files that are not finished. Returns how many there were. */
export async function tidy(lakeFolder: string): Promise<number> {
  let files = 0;
  const aside = join(lakeFolder, ASIDE);
  await Deno.mkdir(aside, { recursive: true });
  for await (const { name } of Deno.readDir(aside)) {
    await Deno.remove(join(aside, name), { recursive: true });
    files++;
  }
  return files;
}

/** Moves a file out of the tree, never over another one. Returns its new path within the lake folder. */
export async function orphan(lakeFolder: string, file: string): Promise<string> {
  let to = `${ORPHANS}/${file}`;
  for (let again = 1; await exists(join(lakeFolder, to)); again++) to = `${ORPHANS}/${file}.${again}`;
  await Deno.mkdir(dirname(join(lakeFolder, to)), { recursive: true });
  await Deno.rename(join(lakeFolder, file), join(lakeFolder, to));
  return to;
}

/** Deletes a file of the tree, if it is there. */
export async function remove(lakeFolder: string, file: string): Promise<void> {
  try {
    await Deno.remove(join(lakeFolder, file));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

async function walk(lakeFolder: string, folder: string, found: string[]): Promise<void> {
  if (!await exists(join(lakeFolder, folder))) return;
  for await (const { name, isDirectory } of Deno.readDir(join(lakeFolder, folder))) {
    if (isDirectory) await walk(lakeFolder, `${folder}/${name}`, found);
    else found.push(`${folder}/${name}`);
  }
}
