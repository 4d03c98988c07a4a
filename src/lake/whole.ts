// Which part files were read and found to be what the manifest lists, so that a question asked twice does not read them twice.
// What always holds: a file is believed only while its size, its times and its number on the disk are those of when it was read, and not
// longer than limits.wholeBelievedMs; a file that is not whole is told, and looked at anew each time.

import { join } from "node:path";
import type { Clock } from "../clock.ts";
import { reasonOf } from "../errors.ts";
import { limits } from "../limits.ts";
import { fingerprint } from "./atomic_file.ts";
import type { Part } from "./part.ts";

/** How long ago a file was changed last before its times tell it from what it is changed to next, ms. */
const SETTLED_MS = 2000;

interface Seen {
  readonly look: string;
  readonly sha256: string;
  readonly at: number;
}

export class WholeFiles {
  readonly #seen = new Map<string, Seen>();

  /**
   * `onChange`: told of each file that was read, with what is wrong with it, or null. `fileNow`: the clock by which the file system tells
   * the times of files, ms.
   */
  constructor(
    private readonly clock: Pick<Clock, "monotonic">,
    private readonly onChange: (file: string, wrong: string | null) => void = () => {},
    private readonly fileNow: () => number = Date.now,
    private readonly most: number = limits.wholeFilesMax,
  ) {}

  /** What is wrong with the bytes of a part file, or null. */
  async wrongWith(lakeFolder: string, part: Part): Promise<string | null> {
    const path = join(lakeFolder, part.file), now = this.clock.monotonic();
    const stat = await statOf(path), look = stat === null ? null : lookOf(stat);
    const seen = this.#seen.get(part.file);
    if (look !== null && seen?.look === look && seen.sha256 === part.sha256 && now - seen.at < limits.wholeBelievedMs) return null;
    this.#seen.delete(part.file);
    const wrong = look === null ? "It is listed and not there" : await wrongBytes(path, part);
    this.onChange(part.file, wrong);
    // Times of files are coarse: one that was just written might be written once more without a trace.
    if (wrong !== null || this.fileNow() - changedAt(stat!) < SETTLED_MS) return wrong;
    this.#seen.set(part.file, { look: look!, sha256: part.sha256, at: now });
    if (this.#seen.size > this.most) this.#seen.delete(this.#seen.keys().next().value!);
    return null;
  }
}

/** Compares a file's bytes with what is listed; reads all of them where its size is right. */
export async function wrongBytes(path: string, part: Pick<Part, "bytes" | "sha256">): Promise<string | null> {
  try {
    const { size } = await Deno.stat(path);
    if (size !== part.bytes) return `It has ${size} bytes and is listed with ${part.bytes}`;
    const { sha256 } = await fingerprint(path);
    return sha256 === part.sha256 ? null : `Its sha-256 is ${sha256} and listed as ${part.sha256}`;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "It is listed and not there";
    return `It cannot be read: ${reasonOf(error)}`;
  }
}

async function statOf(path: string): Promise<Deno.FileInfo | null> {
  try {
    return await Deno.stat(path);
  } catch {
    return null;
  }
}

function lookOf({ size, mtime, ctime, ino, isFile }: Deno.FileInfo): string {
  return isFile ? `${size} ${mtime?.getTime()} ${ctime?.getTime()} ${ino}` : "no file";
}

function changedAt({ mtime, ctime }: Deno.FileInfo): number {
  return Math.max(mtime?.getTime() ?? Infinity, ctime?.getTime() ?? 0);
}
