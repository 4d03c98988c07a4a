// A disk that forgets what was not synced. The files are real and lie in a temporary folder; beside them is kept what would be there after
// power is lost: bytes of a file as of its last sync, names of a folder as of its last sync. What was not synced may be there, or torn, or not.
// What always holds: a killed process loses nothing that it wrote; power loss keeps all that was synced, under names that were.
// Files of KV are not here: their own engine answers for them. It must not know what the files are for.

import { join } from "node:path";
import type { IoCall } from "../support/io_hooks.ts";
import type { Dice } from "./dice.ts";

interface Name {
  readonly ino: number;
  readonly folder: boolean;
}

/** By name; of a folder that was never synced: nothing. */
type Names = Map<string, Name>;

/** The namespace as it was before anything was put in its place. */
const files = {
  lstat: Deno.lstatSync,
  mkdir: Deno.mkdirSync,
  open: Deno.openSync,
  readDir: Deno.readDirSync,
  readFile: Deno.readFileSync,
  remove: Deno.removeSync,
  writeFile: Deno.writeFileSync,
};

// deno-lint-ignore no-explicit-any
type AnyFunction = (...all: any[]) => any;

export class Disk {
  readonly root: string;
  /** Bytes of files as synced, and names in folders as synced, by inode. */
  #bytes = new Map<number, Uint8Array>();
  #names = new Map<number, Names>();
  readonly #open = new Set<Deno.FsFile>();
  #restores: (() => void)[] = [];

  constructor(private readonly dice: Dice) {
    const dir = isThere("/dev/shm") ? "/dev/shm" : undefined;
    this.root = Deno.makeTempDirSync({ prefix: "guardian-sim-", dir });
  }

  /** Where a file lies that nobody writes but the harness. */
  path(...parts: string[]): string {
    return join(this.root, ...parts);
  }

  /** Takes note of a call that took effect. */
  after({ kind, path }: IoCall): void {
    if (kind === "sync") this.#synced(path);
  }

  #synced(path: string): void {
    const { ino, isDirectory } = files.lstat(path);
    if (isDirectory) this.#names.set(ino!, namesIn(path));
    else this.#bytes.set(ino!, files.readFile(path));
  }

  /** The process is gone: its files are closed, its locks free. With `power` lost, only what was synced is sure to be there. */
  crash(power: boolean): { dropped: number } {
    for (const file of this.#open) closeQuietly(file);
    this.#open.clear();
    if (!power) return { dropped: 0 };
    const left: { path: string; bytes: Uint8Array | null }[] = [];
    const dropped = this.#survivors(this.root, files.lstat(this.root).ino!, left);
    if (dropped > 0) {
      for (const { name } of [...files.readDir(this.root)]) files.remove(join(this.root, name), { recursive: true });
      for (const { path, bytes } of left) {
        if (bytes === null) files.mkdir(path);
        else files.writeFile(path, bytes);
      }
    }
    this.#settle(new Map(left.map(({ path, bytes }) => [path, bytes!])));
    return { dropped };
  }

  /** What is there now is what is on the disk. bytes: of each file, by its path. */
  #settle(bytes: ReadonlyMap<string, Uint8Array>): void {
    this.#bytes = new Map();
    this.#names = new Map();
    const walk = (folder: string) => {
      this.#synced(folder);
      for (const { name, isDirectory } of files.readDir(folder)) {
        const path = join(folder, name);
        if (isDirectory) walk(path);
        else this.#bytes.set(files.lstat(path).ino!, bytes.get(path)!);
      }
    };
    walk(this.root);
  }

  /** Collects what is left below a folder. Returns how many names and files lost something. */
  #survivors(folder: string, ino: number, left: { path: string; bytes: Uint8Array | null }[]): number {
    const synced: Names = this.#names.get(ino) ?? new Map(), now = this.#liveNames(folder);
    let dropped = 0;
    for (const name of new Set([...synced.keys(), ...now.keys()])) {
      const before = synced.get(name) ?? null, after = now.get(name) ?? null;
      const same = before?.ino === after?.ino;
      const kept = same || this.dice.chance(0.5) ? after : before;
      if (!same && kept !== after) dropped++;
      if (kept === null) continue;
      const path = join(folder, name);
      if (kept.folder) {
        left.push({ path, bytes: null });
        dropped += this.#survivors(path, kept.ino, left);
      } else {
        const bytes = this.#surviving(kept.ino, kept === after ? path : null);
        if (bytes.torn) dropped++;
        left.push({ path, bytes: bytes.bytes });
      }
    }
    return dropped;
  }

  #liveNames(folder: string): Names {
    return isThere(folder) ? namesIn(folder) : new Map();
  }

  /** Bytes of a file after power loss. path: where it lies now, or null where its name was taken away. */
  #surviving(ino: number, path: string | null): { bytes: Uint8Array; torn: boolean } {
    const synced = this.#bytes.get(ino);
    const now = path !== null && isThere(path) ? files.readFile(path) : null;
    if (now === null) return { bytes: synced ?? new Uint8Array(0), torn: synced === undefined };
    if (synced !== undefined && same(synced, now)) return { bytes: now, torn: false };
    const fate = this.dice.below(4);
    if (fate === 0) return { bytes: now, torn: false };
    if (fate === 1) return { bytes: synced ?? new Uint8Array(0), torn: true };
    // The length is there and some of its blocks are not; or it ends in the middle.
    const bytes = now.slice(0, fate === 2 ? now.length : this.dice.below(now.length + 1));
    if (fate === 2) bytes.fill(0, this.dice.below(bytes.length + 1));
    return { bytes, torn: true };
  }

  /** Makes file calls of the namespace immediate, so that nothing but the seed decides in which order they take effect. */
  install(): void {
    const replace = (name: string, value: AnyFunction) => {
      const was = Object.getOwnPropertyDescriptor(Deno, name)!;
      Object.defineProperty(Deno, name, { value, configurable: true, enumerable: true, writable: true });
      this.#restores.push(() => Object.defineProperty(Deno, name, was));
    };
    for (
      const name of ["readFile", "readTextFile", "stat", "lstat", "writeFile", "writeTextFile", "rename", "truncate", "mkdir", "remove"]
    ) {
      const sync = Reflect.get(Deno, `${name}Sync`) as AnyFunction;
      replace(name, async (...all) => await sync(...all));
    }
    replace("open", async (...all) => await this.#opened(files.open(...all as Parameters<typeof Deno.openSync>)));
    replace("readDir", async function* (path: string) {
      yield* await [...files.readDir(path)];
    });
  }

  uninstall(): void {
    for (const restore of this.#restores.reverse()) restore();
    this.#restores = [];
  }

  /** Takes the folder away. */
  dispose(): void {
    this.crash(false);
    files.remove(this.root, { recursive: true });
  }

  /** As many files as processes left open. */
  #opened(file: Deno.FsFile): Deno.FsFile {
    this.#open.add(file);
    const own: Record<string, AnyFunction> = {
      read: async (buffer) => await file.readSync(buffer),
      write: async (bytes) => await file.writeSync(bytes),
      stat: async () => await file.statSync(),
      // What is on the disk is kept note of beside it: to wait for the machine's own would only take time.
      sync: async () => await undefined,
      truncate: async (length) => await file.truncateSync(length),
      seek: async (offset, mode) => await file.seekSync(offset, mode),
      tryLock: async (exclusive) => await file.tryLockSync(exclusive),
      close: () => {
        this.#open.delete(file);
        closeQuietly(file);
      },
      [Symbol.dispose]: () => own.close(),
    };
    const close = file.close.bind(file);
    closers.set(file, close);
    for (const name of Reflect.ownKeys(own)) Object.defineProperty(file, name, { value: own[name as string], configurable: true });
    return file;
  }
}

const closers = new WeakMap<Deno.FsFile, () => void>();

function closeQuietly(file: Deno.FsFile): void {
  try {
    closers.get(file)?.();
  } catch {
    // it was closed before
  }
}

function namesIn(folder: string): Names {
  const names: Names = new Map();
  for (const { name, isDirectory } of files.readDir(folder)) {
    names.set(name, { ino: files.lstat(join(folder, name)).ino!, folder: isDirectory });
  }
  return names;
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

function isThere(path: string): boolean {
  try {
    files.lstat(path);
    return true;
  } catch {
    return false;
  }
}
