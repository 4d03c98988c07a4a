// Files copied with their sum taken on the way, some at a time, and what a whole copy has to sync. What always holds: a copy that is
// returned is durable once its folders are synced; a fault of reading is told apart from one of writing.

import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { GuardianError, reasonOf } from "../errors.ts";
import { syncFolders } from "../lake/atomic_file.ts";
import { limits } from "../limits.ts";

const READ_BYTES = 1024 * 1024;

/** A file that cannot be read, so that a copy of it is not to be had. */
export class Unreadable extends Error {
  override readonly name = "Unreadable";
}

/** What was done of how much, in bytes. */
export class Tally {
  done = 0;
  total = 0;

  constructor(private readonly told: (done: number, total: number) => void = () => {}) {}

  add(bytes: number): void {
    this.done += bytes;
    this.told(Math.min(this.done, this.total), this.total);
  }
}

/** Copies into one folder, and knows which of the folders below it are to be synced. */
export class Copies {
  readonly #folders = new Set<string>();

  constructor(readonly root: string, private readonly tally: Tally) {}

  /** Copies a file to `path` within the root. Throws `Unreadable`, and what writing throws. */
  async copy(from: string, path: string): Promise<{ bytes: number; sha256: string }> {
    const to = join(this.root, path);
    await this.makeFolder(dirname(path));
    using source = await reading(() => Deno.open(from));
    using target = await Deno.open(to, { write: true, createNew: true });
    const hash = createHash("sha256"), buffer = new Uint8Array(READ_BYTES);
    let bytes = 0;
    for (let read; (read = await reading(() => source.read(buffer))) !== null;) {
      const piece = buffer.subarray(0, read);
      hash.update(piece);
      for (let at = 0; at < read;) at += await target.write(piece.subarray(at));
      bytes += read;
      this.tally.add(read);
    }
    await target.sync();
    return { bytes, sha256: hash.digest("hex") };
  }

  /** Makes a folder within the root, and all on the way to it. */
  async makeFolder(path: string): Promise<void> {
    const folder = join(this.root, path);
    if (!this.#folders.has(folder)) await Deno.mkdir(folder, { recursive: true });
    for (let at = folder; at.length > this.root.length; at = dirname(at)) this.#folders.add(at);
    this.#folders.add(this.root);
  }

  /** Makes the names of all copies survive power loss. */
  sync(): Promise<void> {
    return syncFolders(this.#folders);
  }
}

/** Does `work` for each, some at a time. Returns, or throws, once none is at work any more. */
export async function forEach<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const left = all.values();
  let failed = false;
  const next = async () => {
    for (const one of left) {
      if (failed) return;
      try {
        await work(one);
      } catch (failure) {
        failed = true;
        throw failure;
      }
    }
  };
  for (const done of await Promise.allSettled(Array.from({ length: limits.backupFilesAtOnce }, next))) {
    if (done.status === "rejected") throw done.reason;
  }
}

/** What goes wrong while files are written, as an error that a person can act on. */
export function writingFailed(what: string, cause: unknown): GuardianError {
  if (cause instanceof GuardianError) return cause;
  const why = `${reasonOf(cause)}; see whether there is room on the disk, and whether the folder may be written`;
  return new GuardianError("storage_failing", `Cannot ${what}: ${why}`, { cause });
}

async function reading<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new Unreadable(cause instanceof Deno.errors.NotFound ? "It is listed and not there" : `It cannot be read: ${reasonOf(cause)}`, {
      cause,
    });
  }
}
