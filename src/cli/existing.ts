// Data folders that a command finds: whether one is ours, and whom to ask when it has an owner.

import { GuardianError } from "../errors.ts";
import { ownerOf, paths } from "../folder.ts";

/** Throws `folder_unusable` when `data` is not a data folder of this program. */
export function requireDataFolder(data: string): void {
  let format: unknown = null;
  try {
    format = JSON.parse(Deno.readTextFileSync(paths.format(data)))?.format;
  } catch {
    // Told below.
  }
  if (typeof format === "number") return;
  throw new GuardianError(
    "folder_unusable",
    `Cannot use "${data}": it is no data folder of this program, as it has no format.json; name another with --data`,
  );
}

/** Address at which the owner of a data folder answers, or null when it has no owner. Throws `folder_in_use` when the owner answers nowhere. */
export async function addressOfOwner(data: string): Promise<string | null> {
  const owner = await ownerOf(data);
  if (owner === null) return null;
  if (owner.address !== null) return owner.address;
  const who = owner.pid === 0 ? "another process" : `process ${owner.pid}`;
  throw new GuardianError("folder_in_use", `Cannot use the data folder "${data}": ${who} is at work on it; try again when it is done`);
}
