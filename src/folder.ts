// The data folder: one folder holds everything, and one process owns it at a time. The lock is the operating system's, on an open file, so
// it goes with the process however that ends; the file tells others where the owner listens. Also checks the folder's format version.

import { join } from "node:path";
import { GuardianError, reasonOf } from "./errors.ts";
import { limits } from "./limits.ts";

/** Version of the folder's layout. A program refuses a larger one. */
export const FOLDER_FORMAT = 1;

interface Format {
  format: number;
  partitions: number;
}

/** What the lock file says of the owner. address: where it answers HTTP, or null. */
export interface Owner {
  readonly pid: number;
  readonly address: string | null;
  readonly since: string;
}

/** Paths within a data folder. */
export const paths = {
  lock: (data: string) => join(data, "lock"),
  format: (data: string) => join(data, "format.json"),
  log: (data: string) => join(data, "log.kv"),
  state: (data: string) => join(data, "state.kv"),
  lake: (data: string) => join(data, "lake"),
  spill: (data: string) => join(data, "spill"),
  /** A data folder of its own, with a sample shop; and how its name begins once it is to be deleted. */
  sample: (data: string) => join(data, "sample"),
  discardedSample: (data: string) => join(data, "sample.discarded-"),
};

export class Folder {
  private constructor(readonly data: string, readonly partitions: number, private readonly lock: Deno.FsFile) {}

  /**
   * Takes the folder, making it with `partitions` where there is none and `make` allows it.
   * Throws `folder_in_use`, `newer_format`, `folder_unusable`.
   */
  static async take(data: string, partitions: number, make = true): Promise<Folder> {
    try {
      if (await isFile(data)) {
        throw new GuardianError("folder_unusable", `Cannot use the data folder "${data}": it is a file; name a folder with --data`);
      }
      if (!make && !(await isFolder(data))) {
        throw new GuardianError("folder_unusable", `Cannot use the data folder "${data}": it does not exist; name another with --data`);
      }
      await Deno.mkdir(data, { recursive: true });
      const lock = await Deno.open(paths.lock(data), { create: true, read: true, write: true });
      if (!(await lock.tryLock(true))) {
        lock.close();
        throw inUse(data, await readOwner(data));
      }
      try {
        const format = await readFormat(data) ?? await writeFormat(data, partitions);
        const folder = new Folder(data, format.partitions, lock);
        await folder.tell(null);
        return folder;
      } catch (failure) {
        lock.close();
        throw failure;
      }
    } catch (cause) {
      if (cause instanceof GuardianError) throw cause;
      throw new GuardianError("folder_unusable", `Cannot use the data folder "${data}": ${reasonOf(cause)}`, { cause });
    }
  }

  /** Writes into the lock file where the owner answers. */
  async tell(address: string | null): Promise<void> {
    const owner: Owner = { pid: Deno.pid, address, since: new Date().toISOString() };
    await this.lock.truncate(0);
    await this.lock.seek(0, Deno.SeekMode.Start);
    await this.lock.write(new TextEncoder().encode(JSON.stringify(owner) + "\n"));
  }

  /** Gives the folder free. */
  release(): void {
    this.lock.close();
  }
}

/** The owner of a data folder, or null when nobody has it. */
export async function ownerOf(data: string): Promise<Owner | null> {
  let lock: Deno.FsFile;
  try {
    lock = await Deno.open(paths.lock(data), { read: true, write: true });
  } catch {
    return null;
  }
  const free = await lock.tryLock(true);
  lock.close();
  return free ? null : await readOwner(data) ?? { pid: 0, address: null, since: "" };
}

function inUse(data: string, owner: Owner | null): GuardianError {
  const who = owner === null ? "another process" : `process ${owner.pid}${owner.address === null ? "" : ` at ${owner.address}`}`;
  return new GuardianError(
    "folder_in_use",
    `Cannot use the data folder "${data}": ${who} has it; stop that first, or name another with --data`,
  );
}

async function readOwner(data: string): Promise<Owner | null> {
  try {
    return JSON.parse(await Deno.readTextFile(paths.lock(data)));
  } catch {
    return null; // being written, or of a process that ended before it wrote
  }
}

async function readFormat(data: string): Promise<Format | null> {
  let text: string;
  try {
    text = await Deno.readTextFile(paths.format(data));
  } catch (failure) {
    if (failure instanceof Deno.errors.NotFound) return null;
    throw failure;
  }
  let format: Format;
  try {
    format = JSON.parse(text);
  } catch (cause) {
    throw new GuardianError(
      "folder_unusable",
      `Cannot use the data folder "${data}": its format.json is not JSON; restore it from a backup`,
      { cause },
    );
  }
  if (format.format > FOLDER_FORMAT) {
    throw new GuardianError(
      "newer_format",
      `Cannot use the data folder "${data}": it has format ${format.format}, and this program knows up to ${FOLDER_FORMAT}; use the newer program that wrote it`,
    );
  }
  if (!Number.isInteger(format.partitions) || format.partitions < 1 || format.partitions > limits.partitionsMax) {
    throw new GuardianError(
      "folder_unusable",
      `Cannot use the data folder "${data}": its format.json names ${format.partitions} partitions; restore it from a backup`,
    );
  }
  return format;
}

/** Written beside and renamed, so that it is there whole or not at all. */
async function writeFormat(data: string, partitions: number): Promise<Format> {
  const format: Format = { format: FOLDER_FORMAT, partitions };
  const beside = `${paths.format(data)}.new`;
  await Deno.writeTextFile(beside, JSON.stringify(format) + "\n");
  await Deno.rename(beside, paths.format(data));
  return format;
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch {
    return false;
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isDirectory;
  } catch {
    return false;
  }
}
