// The sample shop's place in a data folder: the note that says which shop it holds, whether somebody cleared it, and how it is deleted.
// What always holds: it is given another name before anything in it is deleted, so a crash leaves all of it or something that goes at the
// next start; a note is the first thing in it, and says which shop it is once that is filled, so one that does not is not finished; what
// has no note is not ours, and never touched, a data folder that somebody keeps under this name above all.

import { basename, dirname, join } from "node:path";
import { z } from "zod";
import { GuardianError, reasonOf } from "../errors.ts";
import { paths } from "../folder.ts";
import { exists } from "../lake/atomic_file.ts";
import { commit } from "../store/commit.ts";
import { stateKeys } from "../store/keys.ts";

const NOTE = "sample.json";
/** Version of what a sample folder holds; raised when the shop's events change. */
const SAMPLE_FORMAT = 1;

const noteSchema = z.object({ format: z.literal(SAMPLE_FORMAT), shop: z.string(), timezone: z.string(), since: z.iso.date() });

/** Which shop a sample folder holds, counted in which time zone, since which local day. */
export interface SampleNote {
  readonly shop: string;
  readonly timezone: string;
  readonly since: string;
}

/** The note of a sample folder that is filled, or null: there is none, or one that another version wrote. */
export async function readNote(data: string): Promise<SampleNote | null> {
  try {
    return noteSchema.parse(JSON.parse(await Deno.readTextFile(notePath(data))));
  } catch {
    return null;
  }
}

/** Makes the sample folder of a data folder, and marks it as ours before there is anything else in it. */
export async function claimPlace(data: string): Promise<void> {
  await Deno.mkdir(paths.sample(data), { recursive: true });
  await write(data, {});
}

/** Says that the shop is filled. */
export function writeNote(data: string, note: SampleNote): Promise<void> {
  return write(data, note);
}

async function write(data: string, note: Partial<SampleNote>): Promise<void> {
  const beside = `${notePath(data)}.new`;
  await Deno.writeTextFile(beside, JSON.stringify({ format: SAMPLE_FORMAT, ...note }) + "\n");
  await Deno.rename(beside, notePath(data));
}

function notePath(data: string): string {
  return join(paths.sample(data), NOTE);
}

/** Whether a data folder has a sample shop on disk: finished, or just begun. */
export async function holdsSample(data: string): Promise<boolean> {
  const names = await namesIn(paths.sample(data));
  return names !== null && (names.includes(NOTE) || names.every((name) => name.startsWith(NOTE)));
}

/** Throws `folder_unusable` when somebody else's things lie where the sample shop of a data folder would be. */
export async function requirePlace(data: string): Promise<void> {
  const path = paths.sample(data);
  if (await holdsSample(data) || !(await exists(path))) return;
  throw new GuardianError(
    "folder_unusable",
    `Cannot make a sample shop in "${path}": something is there that is not ours; move it, or name another folder with --data`,
  );
}

/** What is in a folder, or null where there is none. */
async function namesIn(path: string): Promise<string[] | null> {
  try {
    return (await Array.fromAsync(Deno.readDir(path))).map(({ name }) => name);
  } catch {
    return null;
  }
}

/** Deletes the sample shop of a data folder, in which nothing may be open. Returns whether there was one. Throws `storage_failing`. */
export async function discardSample(data: string): Promise<boolean> {
  if (!await holdsSample(data)) return false;
  const aside = paths.discardedSample(data) + crypto.randomUUID();
  try {
    await Deno.rename(paths.sample(data), aside);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return false;
    const why = `${reasonOf(cause)}; see whether the data folder may be written`;
    throw new GuardianError("storage_failing", `Cannot delete the sample shop in "${data}": ${why}`, { cause });
  }
  // What cannot be deleted now goes at the next start.
  await Deno.remove(aside, { recursive: true }).catch(() => {});
  return true;
}

/** Deletes what an earlier deletion left. */
export async function removeDiscarded(data: string): Promise<void> {
  const prefix = paths.discardedSample(data), folder = dirname(prefix);
  for await (const { name } of Deno.readDir(folder)) {
    if (name.startsWith(basename(prefix))) await Deno.remove(join(folder, name), { recursive: true }).catch(() => {});
  }
}

/** Whether somebody cleared the sample shop of the folder that `state` is of. */
export async function isCleared(state: Deno.Kv): Promise<boolean> {
  return (await state.get(stateKeys.sampleCleared())).value !== null;
}

/** Keeps the sample shop from being made again. Throws `storage_failing`. */
export async function markCleared(state: Deno.Kv, at: number): Promise<void> {
  await commit(state, { sets: [{ key: stateKeys.sampleCleared(), value: { at } }] });
}
