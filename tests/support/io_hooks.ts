// Replaces the functions of the `Deno` namespace that reach files and KV, for the time of a test: the whole product runs over it
// unchanged. A hook may count, wait, fail a call before it happens, or lose its answer after it took effect.
//
// Only what lies below one folder is hooked; everything else goes by untouched. What was opened under a hook stays hooked until it is
// closed, also when the hook was taken away meanwhile. DuckDB opens its files itself and is not seen here; locks and close() are not
// hooked. Sync functions call the hooks too, but cannot wait for one: a hook that answers with a promise must not be used on them.

import { resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";

export type IoKind =
  | "open"
  | "read"
  | "write"
  | "truncate"
  | "sync"
  | "rename"
  | "mkdir"
  | "remove"
  | "kv_open"
  | "kv_get"
  | "kv_list"
  | "kv_commit";

/** path: of the file (of a rename: where to), or of the KV file. */
export interface IoCall {
  readonly kind: IoKind;
  readonly path: string;
}

export interface IoHooks {
  /** Called before each call; a throw is its failure. */
  before?(call: IoCall): void | Promise<void>;
  /** Called after it took effect; a throw is an answer that was lost. */
  after?(call: IoCall): void | Promise<void>;
  /** Opens KV in place of the real one (for a simulated one). */
  openKv?(path: string): Promise<Deno.Kv>;
  /** Only paths below this folder are hooked. */
  readonly under: string;
}

// deno-lint-ignore no-explicit-any
type AnyFunction = (...values: any[]) => any;

/** Functions of the namespace, by what they do; each has a sync twin, and its path at the place given. */
const namespaceCalls: Record<string, { kind: IoKind; at: number }> = {
  open: { kind: "open", at: 0 },
  create: { kind: "open", at: 0 },
  readFile: { kind: "read", at: 0 },
  readTextFile: { kind: "read", at: 0 },
  stat: { kind: "read", at: 0 },
  lstat: { kind: "read", at: 0 },
  writeFile: { kind: "write", at: 0 },
  writeTextFile: { kind: "write", at: 0 },
  copyFile: { kind: "write", at: 1 },
  link: { kind: "rename", at: 1 },
  rename: { kind: "rename", at: 1 },
  truncate: { kind: "truncate", at: 0 },
  mkdir: { kind: "mkdir", at: 0 },
  remove: { kind: "remove", at: 0 },
};

const fileCalls: Record<string, IoKind> = {
  read: "read",
  stat: "read",
  write: "write",
  truncate: "truncate",
  sync: "sync",
  syncData: "sync",
};

/** Hooks the namespace until disposed of. Hooks may be nested: the last one is asked first, and must be disposed of first. */
export function hookIo(hooks: IoHooks): Disposable {
  const under = resolve(hooks.under);
  const call = new Calls(hooks);
  const pathOf = (path: unknown): string | null => {
    if (typeof path !== "string" && !(path instanceof URL)) return null;
    const whole = resolve(typeof path === "string" ? path : fileURLToPath(path));
    return whole === under || whole.startsWith(under + sep) ? whole : null;
  };
  const restores: (() => void)[] = [];
  const replace = (name: string, wrapped: (original: AnyFunction) => AnyFunction) => {
    const was = Object.getOwnPropertyDescriptor(Deno, name)!;
    Object.defineProperty(Deno, name, { value: wrapped(Reflect.get(Deno, name)), configurable: true, enumerable: true, writable: true });
    restores.push(() => Object.defineProperty(Deno, name, was));
  };
  for (const [name, { kind, at }] of Object.entries(namespaceCalls)) {
    replace(name, (original) => async (...values) => {
      const path = pathOf(values[at]);
      if (path === null) return await original(...values);
      return await call.async({ kind, path }, async () => hookedFile(await original(...values), path, call));
    });
    replace(`${name}Sync`, (original) => (...values) => {
      const path = pathOf(values[at]);
      return path === null ? original(...values) : call.sync({ kind, path }, () => hookedFile(original(...values), path, call));
    });
  }
  for (const name of ["makeTempFile", "makeTempDir"]) {
    const kind = name === "makeTempFile" ? "open" : "mkdir";
    replace(name, (original) => async (options) => {
      const path = pathOf(options?.dir);
      return await (path === null ? original(options) : call.async({ kind, path }, () => original(options)));
    });
    replace(`${name}Sync`, (original) => (options) => {
      const path = pathOf(options?.dir);
      return path === null ? original(options) : call.sync({ kind, path }, () => original(options));
    });
  }
  replace("readDir", (original) => (folder) => {
    const path = pathOf(folder);
    return path === null ? original(folder) : (async function* () {
      await call.async({ kind: "read", path }, () => Promise.resolve());
      yield* original(folder);
    })();
  });
  replace("readDirSync", (original) => (folder) => {
    const path = pathOf(folder);
    return path === null ? original(folder) : call.sync({ kind: "read", path }, () => original(folder));
  });
  replace("openKv", (original) => async (file) => {
    const path = pathOf(file);
    if (path === null) return await original(file);
    const open = hooks.openKv?.bind(hooks) ?? original;
    return await call.async({ kind: "kv_open", path }, async () => hookedKv(await open(file), path, call));
  });
  return {
    [Symbol.dispose]() {
      for (const restore of restores.reverse()) restore();
    },
  };
}

/** Makes calls between their hooks. A call that fails for the caller must not leave what it opened behind. */
class Calls {
  constructor(private readonly hooks: IoHooks) {}

  async async<T>(about: IoCall, make: () => Promise<T>): Promise<T> {
    await this.hooks.before?.(about);
    const made = await make();
    try {
      await this.hooks.after?.(about);
    } catch (lost) {
      closeLost(made);
      throw lost;
    }
    return made;
  }

  sync<T>(about: IoCall, make: () => T): T {
    this.hooks.before?.(about);
    const made = make();
    try {
      this.hooks.after?.(about);
    } catch (lost) {
      closeLost(made);
      throw lost;
    }
    return made;
  }
}

function closeLost(made: unknown): void {
  if (made !== null && typeof made === "object" && "close" in made) (made as { close(): void }).close();
}

/** The same file with hooked calls; anything but a file is returned as it is. */
function hookedFile<T>(opened: T, path: string, call: Calls): T {
  return opened instanceof Deno.FsFile ? hookFile(opened, path, call) as T : opened;
}

function hookFile(opened: Deno.FsFile, path: string, call: Calls): Deno.FsFile {
  const members = new Map<string | symbol, unknown>();
  for (const [name, kind] of Object.entries(fileCalls)) {
    const original = (Reflect.get(opened, name) as AnyFunction).bind(opened);
    const twin = (Reflect.get(opened, `${name}Sync`) as AnyFunction).bind(opened);
    members.set(name, (...values: unknown[]) => call.async({ kind, path }, () => original(...values)));
    members.set(`${name}Sync`, (...values: unknown[]) => call.sync({ kind, path }, () => twin(...values)));
  }
  const hookedPiece = (kind: IoKind) =>
    new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
      transform: (piece, out) => call.async({ kind, path }, () => Promise.resolve(out.enqueue(piece))),
    });
  return new Proxy(opened, {
    get(file, name) {
      if (members.has(name)) return members.get(name);
      if (name === "readable") return file.readable.pipeThrough(hookedPiece("read"));
      if (name === "writable") {
        const { readable, writable } = hookedPiece("write");
        readable.pipeTo(file.writable).catch(() => {}); // whoever writes meets the failure at `writable`
        return writable;
      }
      const member = Reflect.get(file, name, file);
      return typeof member === "function" ? member.bind(file) : member;
    },
  });
}

/** The same KV with hooked calls. Also a commit whose checks did not hold has its answer lost when `after` says so. */
function hookedKv(kv: Deno.Kv, path: string, call: Calls): Deno.Kv {
  const get = <T>(make: () => Promise<T>) => call.async({ kind: "kv_get", path }, make);
  const commit = <T>(make: () => Promise<T>) => call.async({ kind: "kv_commit", path }, make);
  const members: Partial<Record<keyof Deno.Kv, AnyFunction>> = {
    get: (key, options) => get(() => kv.get(key, options)),
    getMany: (keys, options) => get(() => kv.getMany(keys, options)),
    set: (key, value, options) => commit(() => kv.set(key, value, options)),
    delete: (key) => commit(() => kv.delete(key)),
    list: (selector, options) => hookedList(kv.list(selector, options), path, call),
    atomic() {
      const atomic = kv.atomic();
      const original = atomic.commit.bind(atomic);
      atomic.commit = () => commit(original);
      return atomic;
    },
  };
  return new Proxy(kv, {
    get(target, name) {
      const member = members[name as keyof Deno.Kv] ?? Reflect.get(target, name, target);
      return typeof member === "function" && !Object.hasOwn(members, name) ? member.bind(target) : member;
    },
  });
}

/** One list is one call, made at its first entry. */
function hookedList<T>(entries: Deno.KvListIterator<T>, path: string, call: Calls): Deno.KvListIterator<T> {
  let first = true;
  const next = async () => {
    if (!first) return await entries.next();
    first = false;
    return await call.async({ kind: "kv_list", path }, () => entries.next());
  };
  return new Proxy(entries, {
    get(target, name) {
      if (name === "next") return next;
      if (name === Symbol.asyncIterator) {
        return function (this: Deno.KvListIterator<T>) {
          return this;
        };
      }
      const member = Reflect.get(target, name, target);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}
