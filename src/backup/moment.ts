// One moment of both KV files, from another process than the one that writes them. Each is opened read-only and its snapshot pinned; the
// moment is one if `state` did not change while `log` was pinned, which is looked up and not hoped for. Nobody is paused: SQLite's
// write-ahead log keeps what is written meanwhile apart, and grows until the snapshots are let go.
// What always holds: nothing is written to the files. The layout inside is Deno KV's affair: pages are copied, whatever they mean.
// In the process that owns the files they must never be opened by other means: closing them would take away SQLite's locks.

import { backup, DatabaseSync } from "node:sqlite";
import { GuardianError, reasonOf } from "../errors.ts";
import { paths } from "../folder.ts";
import { limits } from "../limits.ts";

/** How long SQLite waits for a lock that a writer has for an instant, ms. */
const BUSY_MS = 5_000;

export class Moment implements Disposable {
  private constructor(
    /** Wall clock just before, ms since the epoch. */
    readonly at: number,
    /** How often it was looked for. */
    readonly tries: number,
    readonly log: PinnedFile,
    readonly state: PinnedFile,
  ) {}

  /** Finds one moment of the KV files in a data folder. Throws `folder_unusable`, `storage_failing`. */
  static find(data: string): Moment {
    using opened = new DisposableStack();
    const log = opened.use(new PinnedFile(paths.log(data))), state = opened.use(new PinnedFile(paths.state(data)));
    using witness = new PinnedFile(paths.state(data));
    for (let tries = 1; tries <= limits.momentTriesMax; tries++) {
      const at = Date.now(), before = witness.version();
      state.pin();
      log.pin();
      if (witness.version() === before) {
        opened.move();
        return new Moment(at, tries, log, state);
      }
      state.letGo();
      log.letGo();
    }
    const why = `its state changed each of the ${limits.momentTriesMax} times that it was looked at; try again when less is going on`;
    throw new GuardianError("storage_failing", `Cannot find one moment of "${data}": ${why}`);
  }

  [Symbol.dispose](): void {
    this.log[Symbol.dispose]();
    this.state[Symbol.dispose]();
  }
}

/** One KV file, read-only. */
class PinnedFile implements Disposable {
  readonly #database: DatabaseSync;
  #pinned = false;

  constructor(readonly path: string) {
    try {
      this.#database = new DatabaseSync(path, { readOnly: true, timeout: BUSY_MS });
      this.version();
    } catch (cause) {
      const mend = "run this as the user, and on the machine, that the server runs as; a folder of which files are gone needs a restore";
      throw new GuardianError("folder_unusable", `Cannot open "${path}": ${reasonOf(cause)}; ${mend}`, { cause });
    }
  }

  /** Another number than before when somebody else committed since. */
  version(): unknown {
    return this.#database.prepare("PRAGMA data_version").get()!.data_version;
  }

  /** Sees the file as it is now until it is let go. */
  pin(): void {
    this.#database.exec("BEGIN");
    // A snapshot is taken by the first look.
    this.#database.prepare("SELECT count(*) FROM sqlite_master").get();
    this.#pinned = true;
  }

  letGo(): void {
    if (this.#pinned) this.#database.exec("ROLLBACK");
    this.#pinned = false;
  }

  get bytes(): number {
    return this.#pragma("page_count") * this.#pragma("page_size");
  }

  /** Copies what is pinned, page by page, to a file that is not there yet. onBytes: told how many are done. */
  async copyTo(path: string, onBytes: (done: number) => void): Promise<void> {
    const pageBytes = this.#pragma("page_size");
    const rate = Math.max(1, Math.floor(limits.backupSliceBytes / pageBytes));
    await backup(this.#database, path, {
      rate,
      progress: ({ totalPages, remainingPages }: { totalPages: number; remainingPages: number }) =>
        onBytes((totalPages - remainingPages) * pageBytes),
    });
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }

  #pragma(name: "page_count" | "page_size"): number {
    return Number(this.#database.prepare(`PRAGMA ${name}`).get()![name]);
  }
}

/** Makes a copied KV file one file without companions, and checks it. Returns what is wrong with it, or null. */
export function settle(path: string): string | null {
  const database = new DatabaseSync(path, { timeout: BUSY_MS });
  try {
    database.exec("PRAGMA journal_mode = DELETE");
    const found = database.prepare("PRAGMA quick_check(1)").all().map((row) => String(row.quick_check));
    return found.join() === "ok" ? null : found.join("; ");
  } finally {
    database.close();
  }
}
