// The data folder: one folder holds everything, and one process owns it at a time. The lock is the operating system's, on an open file, so
// it goes with the process however that ends; the file tells others where the owner listens. Also checks the folder's format version.

import { dirname, join, resolve } from "node:path";
import { GuardianError, reasonOf } from "./errors.ts";
import { placeFile, syncFolders } from "./lake/atomic_file.ts";
import { limits } from "./limits.ts";
import { mendOf } from "./storage_failure.ts";

/**
 * Version of the folder's layout. A program refuses a larger one, and takes a smaller one over by writing its own number before anything
 * else, so that no older program meets what it cannot read. 2: values in both KV files carry checksums; those without are read as they are.
 */
export const FOLDER_FORMAT = 2;

interface Format {
  format: number;
  partitions: number;
}

/**
 * What the lock file says of the owner. address: where it answers HTTP on this machine, or null. url: where it answers everybody, where that
 * is told. ended: when it gave the folder free, null until then.
 */
export interface Owner {
  readonly pid: number;
  readonly address: string | null;
  readonly url?: string;
  readonly since: string;
  readonly ended: string | null;
}

export const lastEnds = ["new", "stopped", "crashed", "unknown"] as const;
/**
 * How the owner before this one ended. new: there was none. stopped: in good order. crashed: without a word, as when it is killed or the
 * power fails. unknown: the folder was put there by hand, or its owner was a program that did not tell.
 */
export type LastEnd = (typeof lastEnds)[number];

/** Paths within a data folder. */
export const paths = {
  lock: (data: string) => join(data, "lock"),
  format: (data: string) => join(data, "format.json"),
  log: (data: string) => join(data, "log.kv"),
  state: (data: string) => join(data, "state.kv"),
  lake: (data: string) => join(data, "lake"),
  spill: (data: string) => join(data, "spill"),
  /** What a restore has brought so far; gone once the folder is whole. */
  restoring: (data: string) => join(data, "restoring"),
  /** What lets commands on this machine in, while there is a server that asks for tokens. */
  ownerSecret: (data: string) => join(data, "owner_secret"),
  /** A data folder of its own, with a sample shop; and how its name begins once it is to be deleted. */
  sample: (data: string) => join(data, "sample"),
  discardedSample: (data: string) => join(data, "sample.discarded-"),
};

export class Folder {
  readonly #since = new Date().toISOString();

  private constructor(
    readonly data: string,
    readonly partitions: number,
    readonly lastEnd: LastEnd,
    private readonly lock: Deno.FsFile,
    private readonly before: Partial<Owner> | null,
  ) {}

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
      // Before there is a lock file: the folder of a newer program is left as it is, to the byte.
      await readFormat(data).catch(async (failure) => {
        // What looks unfinished may be at work: a restore, or a newer program.
        const owner = await ownerOf(data);
        throw owner === null ? failure : inUse(data, owner);
      });
      await Deno.mkdir(data, { recursive: true });
      const hadLock = await isFile(paths.lock(data));
      const lock = await Deno.open(paths.lock(data), { create: true, read: true, write: true });
      if (!(await lock.tryLock(true))) {
        lock.close();
        throw inUse(data, await readOwner(data));
      }
      try {
        const had = await readFormat(data);
        const before = await readOwner(data);
        const lastEnd = had === null ? "new" : hadLock ? endOf(before) : "unknown";
        const format = had !== null && had.format === FOLDER_FORMAT ? had : await writeFormat(data, had?.partitions ?? partitions);
        // Also what was there before: whoever made it may have died before it was synced.
        await syncFolders(new Set([data, dirname(resolve(data))]));
        const folder = new Folder(data, format.partitions, lastEnd, lock, hadLock ? before : {});
        await folder.tell(null);
        // A power cut must not bring back the word of the owner before, which may have stopped in good order.
        await lock.sync();
        return folder;
      } catch (failure) {
        lock.close();
        throw failure;
      }
    } catch (cause) {
      if (cause instanceof GuardianError) throw cause;
      throw new GuardianError("folder_unusable", `Cannot use the data folder "${data}": ${reasonOf(cause)}; ${mendOf(reasonOf(cause))}`, {
        cause,
      });
    }
  }

  /** Writes into the lock file where the owner answers. */
  tell(address: string | null, url?: string): Promise<void> {
    return this.#write({ pid: Deno.pid, address, url, since: this.#since, ended: null });
  }

  /** Gives the folder free. The lock file then says to the next owner that this one stopped in good order. */
  async giveBack(): Promise<void> {
    try {
      await this.#write({ pid: Deno.pid, address: null, since: this.#since, ended: new Date().toISOString() });
    } finally {
      this.lock.close();
    }
  }

  /** Gives the folder free as one that changed nothing: the lock file says again what it said before. */
  release(): void {
    try {
      this.lock.truncateSync(0);
      this.lock.seekSync(0, Deno.SeekMode.Start);
      if (this.before !== null) this.lock.writeSync(bytesOf(this.before));
    } catch {
      // Then the next owner takes this one for crashed, and does what it would do anyway.
    } finally {
      this.lock.close();
    }
  }

  async #write(owner: Owner): Promise<void> {
    await this.lock.truncate(0);
    await this.lock.seek(0, Deno.SeekMode.Start);
    await this.lock.write(bytesOf(owner));
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
  return free ? null : await readOwner(data) ?? { pid: 0, address: null, since: "", ended: null };
}

function inUse(data: string, owner: Owner | null): GuardianError {
  const who = owner === null ? "another process" : `process ${owner.pid}${owner.address === null ? "" : ` at ${owner.address}`}`;
  return new GuardianError(
    "folder_in_use",
    `Cannot use the data folder "${data}": ${who} has it; stop that first, or name another with --data`,
  );
}

function restoreCutShort(data: string): GuardianError {
  return new GuardianError(
    "folder_unusable",
    `Cannot use the data folder "${data}": a restore into it did not come to its end; run that again, or empty the folder`,
  );
}

async function readOwner(data: string): Promise<Owner | null> {
  try {
    return JSON.parse(await Deno.readTextFile(paths.lock(data)));
  } catch {
    return null; // being written, or of a process that ended before it wrote
  }
}

function bytesOf(owner: Partial<Owner>): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify(owner) + "\n");
}

/** What a lock file that nobody holds tells of its last owner; null: it was cut off while writing. */
function endOf(owner: Owner | null): LastEnd {
  if (owner === null) return "crashed";
  return owner.ended === undefined ? "unknown" : owner.ended === null ? "crashed" : "stopped";
}

async function readFormat(data: string): Promise<Format | null> {
  let text: string;
  try {
    text = await Deno.readTextFile(paths.format(data));
  } catch (failure) {
    if (!(failure instanceof Deno.errors.NotFound)) throw failure;
    if (await isFolder(paths.restoring(data))) throw restoreCutShort(data);
    return null;
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
  // All that is acknowledged later depends on it.
  {
    using file = await Deno.open(beside);
    await file.sync();
  }
  await placeFile(data, beside, paths.format(data));
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
