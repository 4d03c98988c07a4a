// The owner's secret: who can read the data folder as its owner can has all that is in it anyway, and so may order what an admin may. It is
// a file that the server writes at its start and removes at its stop; commands that find the server by the folder show what is in it.
// What always holds: nobody else can read the file at any moment, and a secret is worth nothing once its server has stopped.

import { randomBytes } from "node:crypto";
import { GuardianError, reasonOf } from "../errors.ts";
import { paths } from "../folder.ts";
import { mendOf } from "../storage_failure.ts";

const SECRET_BYTES = 32, OWNER_ONLY = 0o600;

/** Makes a secret anew, and its file. Throws `folder_unusable`. */
export async function makeOwnerSecret(data: string): Promise<string> {
  const path = paths.ownerSecret(data), secret = `cgo_${randomBytes(SECRET_BYTES).toString("base64url")}`;
  try {
    // One that a crash left may be somebody's who had the folder before; a file that is made new is this process's from its first moment.
    await removeOwnerSecret(data);
    await Deno.writeTextFile(path, secret, { createNew: true, mode: OWNER_ONLY });
    return secret;
  } catch (cause) {
    const why = `${reasonOf(cause)}; ${mendOf(reasonOf(cause))}`;
    throw new GuardianError("folder_unusable", `Cannot write "${path}": ${why}`, { cause });
  }
}

/** The secret of the server that has a data folder, or null where it asks for none, or this user may not read it. */
export async function readOwnerSecret(data: string): Promise<string | null> {
  try {
    return (await Deno.readTextFile(paths.ownerSecret(data))).trim() || null;
  } catch {
    return null;
  }
}

export async function removeOwnerSecret(data: string): Promise<void> {
  await Deno.remove(paths.ownerSecret(data)).catch((failure) => {
    if (!(failure instanceof Deno.errors.NotFound)) throw failure;
  });
}
