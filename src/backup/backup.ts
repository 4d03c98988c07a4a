// A backup: all of a data folder as it was at one moment, copied while its owner goes on, whoever that is. It names the moment and what it
// holds in `backup.json`. What always holds: log, state and lake of a backup belong to the moment; what was damaged is copied as it is,
// and named; nothing in the data folder is changed; the sample shop, which is made up, is left out.

import { join } from "node:path";
import { systemClock } from "../clock.ts";
import { GuardianError, reasonOf } from "../errors.ts";
import { FOLDER_FORMAT, paths } from "../folder.ts";
import { exists, fingerprint, syncPath } from "../lake/atomic_file.ts";
import { allParts, hold, type Part, readManifest } from "../lake/mod.ts";
import { filesInTree } from "../lake/tree.ts";
import { KvLog } from "../log/kv_log.ts";
import { stateKeys } from "../store/keys.ts";
import { keyText, sealedKv } from "../store/sealed.ts";
import { VERSION } from "../version.ts";
import { Copies, forEach, Tally, Unreadable, writingFailed } from "./copy.ts";
import { Moment, settle } from "./moment.ts";
import { Place } from "./place.ts";
import { type Damage, type ListedFile, SHEET, type Sheet, sheetText } from "./sheet.ts";

export interface BackupOptions {
  /** The data folder, whose format is known to be ours. */
  readonly data: string;
  /** Where the backup goes: a folder that is not there, or is empty. */
  readonly folder: string;
  /** Bytes done of those known so far. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Called before each step; whatever it throws fails the backup there. */
  readonly beforeStep?: (step: BackupStep) => void | Promise<void>;
}

export type BackupStep = "moment" | "results" | "state" | "log" | "parts" | "name";

export interface BackedUp {
  readonly sheet: Sheet;
  readonly bytes: number;
  /** How often a moment was looked for. */
  readonly tries: number;
}

/** Where the log stands, and the parts that the lake has, at the moment. */
interface Stand {
  readonly partitions: Sheet["partitions"];
  readonly parts: readonly Part[];
  /** Files of days whose list is damaged. */
  readonly unlisted: readonly string[];
  readonly damaged: readonly Damage[];
}

/** Makes a backup. Throws `folder_unusable`, `folder_in_use`, `storage_failing`, `corrupt`; then there is none. */
export async function backUp(options: BackupOptions): Promise<BackedUp> {
  const { data, folder, onProgress } = options;
  const { format } = JSON.parse(await Deno.readTextFile(paths.format(data)));
  if (format > FOLDER_FORMAT) {
    throw new GuardianError(
      "newer_format",
      `Cannot make a backup of "${data}": it has format ${format}, and this program knows up to ${FOLDER_FORMAT}; use the newer program`,
    );
  }
  await using place = await Place.take(folder, data);
  try {
    return await new Backup(options, format, place, new Tally(onProgress)).make();
  } catch (cause) {
    throw writingFailed(`make a backup of "${data}" in "${folder}"`, cause);
  }
}

class Backup {
  readonly #lake: string;
  readonly #copies: Copies;
  readonly #files: ListedFile[] = [];
  readonly #damaged: Damage[] = [];

  constructor(
    private readonly options: BackupOptions,
    private readonly folderFormat: number,
    private readonly place: Place,
    private readonly tally: Tally,
  ) {
    this.#lake = paths.lake(options.data);
    this.#copies = new Copies(place.aside, tally);
  }

  async make(): Promise<BackedUp> {
    const { data } = this.options;
    using _parts = await hold(this.#lake, "parts");
    await this.#copyFile(paths.format(data), "format.json");
    const { at, tries, stand } = await this.#copyMoment();
    this.#damaged.push(...stand.damaged);
    await this.#before("parts");
    await forEach(stand.parts, (part) => this.#copyPart(part));
    for (const file of stand.unlisted) await this.#copyUnsummed(`lake/${file}`);
    await this.#before("name");
    const sheet = this.#sheet(at, stand.partitions);
    await Deno.writeTextFile(join(this.place.aside, SHEET), sheetText(sheet));
    await syncPath(join(this.place.aside, SHEET));
    await this.#copies.sync();
    await this.place.name();
    return { sheet, tries, bytes: sheet.files.reduce((sum, { bytes }) => sum + bytes, 0) };
  }

  /** All that may change: results of day jobs, which stay until they are copied, and the KV files, whose moment is pinned until they are. */
  async #copyMoment(): Promise<{ at: number; tries: number; stand: Stand }> {
    let results: Disposable | null = await hold(this.#lake, "results");
    try {
      await this.#before("moment");
      using moment = Moment.find(this.options.data);
      this.tally.total += moment.state.bytes + moment.log.bytes;
      await this.#before("results");
      for (const path of await filesBelow(this.options.data, "lake/results")) await this.#copyUnsummed(path);
      results[Symbol.dispose]();
      results = null;
      await this.#before("state");
      await this.#copyKv(moment.state, "state.kv");
      await this.#before("log");
      await this.#copyKv(moment.log, "log.kv");
      const stand = await readStand(this.place.aside, this.options.data);
      this.tally.total += stand.parts.reduce((sum, { bytes }) => sum + bytes, 0);
      for (const name of ["state.kv", "log.kv"]) await this.#settle(name);
      return { at: moment.at, tries: moment.tries, stand };
    } finally {
      results?.[Symbol.dispose]();
    }
  }

  async #copyKv(file: Moment["log"], name: string): Promise<void> {
    let before = 0;
    await file.copyTo(join(this.place.aside, name), (done) => {
      this.tally.add(done - before);
      before = done;
    });
    file.letGo();
  }

  async #settle(name: string): Promise<void> {
    const path = join(this.place.aside, name);
    const problem = settle(path);
    if (problem !== null) this.#damaged.push({ path: name, problem: `Its pages are at odds: ${problem}` });
    await syncPath(path);
    this.#files.push({ path: name, ...await fingerprint(path) });
  }

  async #copyPart(part: Part): Promise<void> {
    const path = `lake/${part.file}`;
    const copy = await this.#copyFile(join(this.#lake, part.file), path);
    if (copy === null) return;
    if (copy.bytes !== part.bytes) {
      this.#damaged.push({ path, problem: `It has ${copy.bytes} bytes and is listed with ${part.bytes}` });
    } else if (copy.sha256 !== part.sha256) {
      this.#damaged.push({ path, problem: `Its sha-256 is ${copy.sha256} and listed as ${part.sha256}` });
    }
  }

  /** A file whose sum nobody knows: copied as it is. */
  async #copyUnsummed(path: string): Promise<void> {
    this.tally.total += (await Deno.stat(join(this.options.data, path))).size;
    await this.#copyFile(join(this.options.data, path), path);
  }

  /** Copies a file and lists it; one that cannot be read is damaged, and left out. */
  async #copyFile(from: string, path: string): Promise<{ bytes: number; sha256: string } | null> {
    try {
      const copy = await this.#copies.copy(from, path);
      this.#files.push({ path, ...copy });
      return copy;
    } catch (failure) {
      if (!(failure instanceof Unreadable)) throw failure;
      await Deno.remove(join(this.place.aside, path)).catch(() => {});
      this.#damaged.push({ path, problem: failure.message });
      return null;
    }
  }

  #sheet(at: number, partitions: Sheet["partitions"]): Sheet {
    const byPath = (a: { path: string }, b: { path: string }) => a.path < b.path ? -1 : a.path > b.path ? 1 : 0;
    return {
      format: 1,
      program: VERSION,
      folder_format: this.folderFormat,
      moment: new Date(at).toISOString(),
      partitions,
      damaged: this.#damaged.toSorted(byPath),
      files: this.#files.toSorted(byPath),
    };
  }

  async #before(step: BackupStep): Promise<void> {
    await this.options.beforeStep?.(step);
  }
}

/** Reads from the copies what the moment is. Throws `corrupt` when they cannot be read. */
async function readStand(aside: string, data: string): Promise<Stand> {
  try {
    using logFile = await Deno.openKv(join(aside, "log.kv"));
    using stateFile = await Deno.openKv(join(aside, "state.kv"));
    const { partitions: count } = JSON.parse(await Deno.readTextFile(paths.format(aside)));
    const damaged: Damage[] = [], unreadable: string[] = [];
    const kept = (path: string) => (key: Deno.KvKey, reason: string) => damaged.push({ path, problem: `Under ${keyText(key)}: ${reason}` });
    const log = await KvLog.open(sealedKv(logFile, kept("log.kv")), count, systemClock);
    const state = sealedKv(stateFile, kept("state.kv"));
    const manifest = await readManifest(state, undefined, (dt) => unreadable.push(dt));
    const partitions = [];
    for (let p = 0; p < count; p++) {
      const first = log.start(p), end = log.end(p), archived = manifest.root.covered[p] ?? 0;
      const engine = (await state.get<{ position: number }>(stateKeys.engine(p))).value?.position ?? 0;
      partitions.push({ first, end, archived });
      if (Math.max(archived, engine) > end) {
        damaged.push({
          path: "log.kv",
          problem: `Partition ${p} ends at offset ${end}, and ${Math.max(archived, engine)} was read already`,
        });
      }
    }
    // What a damaged list names is not known: then all of its days is copied.
    const unlisted = (await filesInTree(paths.lake(data))).filter((file) => unreadable.some((dt) => file.includes(`/dt=${dt}`)));
    return { partitions, parts: allParts(manifest), unlisted, damaged };
  } catch (cause) {
    if (cause instanceof GuardianError && cause.code !== "corrupt") throw cause;
    const mend = "see verify, or restore the data folder from an earlier backup";
    throw new GuardianError("corrupt", `Cannot make a backup of "${data}": it cannot be read: ${reasonOf(cause)}; ${mend}`, { cause });
  }
}

/** Paths within a data folder of all files below one of its folders, hidden ones left out. */
async function filesBelow(data: string, folder: string): Promise<string[]> {
  const found: string[] = [];
  if (!await exists(join(data, folder))) return found;
  for await (const { name, isDirectory } of Deno.readDir(join(data, folder))) {
    if (name.startsWith(".")) continue;
    if (isDirectory) found.push(...await filesBelow(data, `${folder}/${name}`));
    else found.push(`${folder}/${name}`);
  }
  return found.sort();
}
