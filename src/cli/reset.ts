// `reset`: deletes what this program made in a data folder, and nothing else. What always holds: the mark that makes it a data folder goes
// last, so that a reset that was cut short can be done again.

import type { Settings } from "../config.ts";
import { GuardianError, reasonOf } from "../errors.ts";
import { Folder, paths } from "../folder.ts";
import { discardSample, removeDiscarded } from "../web/sample_folder.ts";
import { requireDataFolder } from "./existing.ts";
import type { Shell } from "./shell.ts";

const KV_SUFFIXES = ["", "-wal", "-shm", "-journal"];

export async function resetCommand(yes: boolean, { data }: Settings, shell: Shell): Promise<number> {
  requireDataFolder(data);
  const folder = await Folder.take(data, 1, false);
  try {
    if (!yes && !confirmed(data, shell)) {
      shell.err("Nothing was deleted.");
      return 1;
    }
    const kvFiles = [paths.log(data), paths.state(data)].flatMap((path) => KV_SUFFIXES.map((suffix) => path + suffix));
    await discardSample(data);
    await removeDiscarded(data);
    for (const path of [...kvFiles, paths.lake(data), paths.spill(data), paths.format(data)]) await remove(path);
  } finally {
    folder.release();
  }
  await remove(paths.lock(data));
  const left = [...Deno.readDirSync(data)].map(({ name }) => name);
  const gone = left.length === 0 && await removedFolder(data);
  shell.out(
    gone
      ? `Deleted "${data}".`
      : left.length === 0
      ? `Deleted all that was in "${data}"; the folder itself stays, for something else holds it.`
      : `Deleted the data in "${data}"; left there, as it is not ours: ${left.slice(0, 5).join(", ")}.`,
  );
  return 0;
}

function confirmed(data: string, shell: Shell): boolean {
  const answer = shell.ask(`Delete all events, anomalies and files of the lake in "${data}"? Type yes:`);
  if (answer === null) throw new GuardianError("usage", `Cannot ask whether to delete "${data}": there is no terminal; say so with --yes`);
  return answer.trim().toLowerCase() === "yes";
}

/** Whether the empty folder could be deleted too: one that is mounted cannot. */
async function removedFolder(data: string): Promise<boolean> {
  try {
    await Deno.remove(data);
    return true;
  } catch {
    return false;
  }
}

async function remove(path: string): Promise<void> {
  try {
    await Deno.remove(path, { recursive: true });
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return;
    throw new GuardianError("folder_unusable", `Cannot delete "${path}": ${reasonOf(cause)}`, { cause });
  }
}
