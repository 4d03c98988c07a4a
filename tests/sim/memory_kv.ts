// A Deno KV in memory: what a file of the real one does for the product, with its limits, and nothing of its own. A `KvFile` is what lies on
// the disk and outlives every process; a handle of it is what `Deno.openKv` gives. Every commit is told to who watches the file.
// What always holds: a commit lands whole or not at all; values come out as they went in, and share nothing with what was handed over.
// It knows no time and no faults: those come between the product and this.

import { serialize } from "node:v8";

const KEY_BYTES_MAX = 2048, VALUE_BYTES_MAX = 65_536, MUTATIONS_MAX = 1000, CHECKS_MAX = 10;
const COMMIT_BYTES_MAX = 800 * 1024, COMMIT_KEY_BYTES_MAX = 80 * 1024;
const KEYS_PER_GET_MAX = 10, BATCH_MAX = 500;
/** A value with fewer characters as JSON is not measured: it takes less than a value may. */
const MEASURED_FROM_CHARS = 12_000;

export type Mutation = { readonly key: Deno.KvKey; readonly set: boolean; readonly value?: unknown };

interface Held {
  readonly key: Deno.KvKey;
  readonly value: unknown;
  readonly versionstamp: string;
}

export class KvFile {
  readonly #held = new Map<string, Held>();
  #order: string[] = [];
  #ordered = true;
  #version = 0;
  /** Told of each commit that landed, as it lands. */
  onCommit: (mutations: readonly Mutation[]) => void = () => {};

  /** meaning: what a stored value says, for those who are no process: the judge, and who watches commits. */
  constructor(readonly name: string, private readonly meaning: (key: Deno.KvKey, stored: unknown) => unknown = (_, stored) => stored) {}

  get(key: Deno.KvKey): Held | null {
    return this.#held.get(encodeKey(key)) ?? null;
  }

  /** What a key says, or null. */
  said(key: Deno.KvKey): unknown {
    const held = this.get(key);
    return held === null ? null : this.meaning(key, held.value);
  }

  /** What every key says that begins with `prefix`, in order. */
  allSaid(prefix: Deno.KvKey): unknown[] {
    const held = this.range(encodeKey(prefix) + "\x00", encodeKey(prefix) + "\xff");
    return held.map(({ key, value }) => this.meaning(key, value));
  }

  range(from: string, to: string): Held[] {
    if (!this.#ordered) {
      this.#order = [...this.#held.keys()].sort();
      this.#ordered = true;
    }
    const found: Held[] = [];
    for (let at = this.#firstFrom(from); at < this.#order.length && this.#order[at] < to; at++) {
      found.push(this.#held.get(this.#order[at])!);
    }
    return found;
  }

  commit(checks: readonly Deno.AtomicCheck[], mutations: readonly Mutation[]): Deno.KvCommitResult | Deno.KvCommitError {
    for (const { key, versionstamp } of checks) if ((this.get(key)?.versionstamp ?? null) !== versionstamp) return { ok: false };
    const versionstamp = String(++this.#version).padStart(20, "0");
    for (const { key, set, value } of mutations) {
      const place = encodeKey(key);
      if (this.#held.has(place) !== set) this.#ordered = false;
      if (set) this.#held.set(place, { key: [...key], value: copied(value), versionstamp });
      else this.#held.delete(place);
    }
    this.onCommit(mutations.map(({ key, set, value }) => ({ key, set, value: set ? this.meaning(key, value) : undefined })));
    return { ok: true, versionstamp };
  }

  #firstFrom(from: string): number {
    let low = 0, high = this.#order.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#order[middle] < from) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** A handle of a file, as a process has it. */
export function openMemoryKv(file: KvFile): Deno.Kv {
  const entry = (held: Held | null, key: Deno.KvKey) =>
    held === null
      ? { key, value: null, versionstamp: null }
      : { key: held.key, value: copied(held.value), versionstamp: held.versionstamp };
  const kv = {
    get: async (key: Deno.KvKey) => await entry(file.get(key), key),
    getMany: async (keys: readonly Deno.KvKey[]) => {
      if (keys.length > KEYS_PER_GET_MAX) throw new TypeError(`Too many ranges (max ${KEYS_PER_GET_MAX})`);
      return await keys.map((key) => entry(file.get(key), key));
    },
    set: async (key: Deno.KvKey, value: unknown) => await file.commit([], limited([], [{ key, set: true, value }])),
    delete: async (key: Deno.KvKey) => void await file.commit([], limited([], [{ key, set: false }])),
    list: (selector: Deno.KvListSelector, options: Deno.KvListOptions = {}) => listed(file, selector, options),
    atomic: () => new Atomic(file),
    close: () => {},
    [Symbol.dispose]: () => {},
  };
  return kv as unknown as Deno.Kv;
}

async function* listed(file: KvFile, selector: Deno.KvListSelector, { limit = Infinity, reverse = false, batchSize }: Deno.KvListOptions) {
  if ((batchSize ?? 1) > BATCH_MAX) throw new TypeError(`Too many entries (max ${BATCH_MAX})`);
  const [from, to] = boundsOf(selector);
  if (from > to) throw new TypeError("Start key is greater than end key");
  const found = await file.range(from, to);
  if (reverse) found.reverse();
  for (const { key, value, versionstamp } of found.slice(0, limit)) yield { key, value: copied(value), versionstamp };
}

function boundsOf(selector: Deno.KvListSelector): [string, string] {
  if (!("prefix" in selector)) return [encodeKey(selector.start), encodeKey(selector.end)];
  const prefix = encodeKey(selector.prefix);
  // The prefix itself is no entry of its own list: what follows it begins with the type of a part.
  return [
    "start" in selector ? encodeKey(selector.start) : prefix + "\x00",
    "end" in selector ? encodeKey(selector.end) : prefix + "\xff",
  ];
}

class Atomic {
  readonly #checks: Deno.AtomicCheck[] = [];
  readonly #mutations: Mutation[] = [];

  constructor(private readonly file: KvFile) {}

  check(...checks: Deno.AtomicCheck[]): this {
    this.#checks.push(...checks);
    return this;
  }

  set(key: Deno.KvKey, value: unknown): this {
    this.#mutations.push({ key, set: true, value });
    return this;
  }

  delete(key: Deno.KvKey): this {
    this.#mutations.push({ key, set: false });
    return this;
  }

  async commit(): Promise<Deno.KvCommitResult | Deno.KvCommitError> {
    return await this.file.commit(this.#checks, limited(this.#checks, this.#mutations));
  }
}

/** Throws where the real one would. */
function limited(checks: readonly Deno.AtomicCheck[], mutations: readonly Mutation[]): readonly Mutation[] {
  if (checks.length > CHECKS_MAX) throw new TypeError(`Too many checks (max ${CHECKS_MAX})`);
  if (mutations.length > MUTATIONS_MAX) throw new TypeError(`Too many mutations (max ${MUTATIONS_MAX})`);
  let bytes = 0, keyBytes = 0;
  for (const { key, set, value } of mutations) {
    const keySize = encodeKey(key).length;
    if (keySize > KEY_BYTES_MAX) throw new TypeError(`Key too large for write (max ${KEY_BYTES_MAX} bytes)`);
    const size = set ? sizeOf(value) : 0;
    if (size > VALUE_BYTES_MAX) throw new TypeError(`Value too large (max ${VALUE_BYTES_MAX} bytes)`);
    bytes += keySize + size;
    keyBytes += keySize;
  }
  if (bytes > COMMIT_BYTES_MAX) throw new TypeError(`Total mutation size too large (max ${COMMIT_BYTES_MAX} bytes)`);
  if (keyBytes > COMMIT_KEY_BYTES_MAX) throw new TypeError(`Total key size too large (max ${COMMIT_KEY_BYTES_MAX} bytes)`);
  return mutations;
}

function sizeOf(value: unknown): number {
  if (value instanceof Uint8Array) return value.length + 16;
  if (value === null || typeof value !== "object") return 16;
  const likely = JSON.stringify(value).length;
  return likely < MEASURED_FROM_CHARS ? likely : serialize(value).length;
}

function copied(value: unknown): unknown {
  if (value instanceof Uint8Array) return value.slice();
  return value === null || typeof value !== "object" ? value : structuredClone(value);
}

/** A key as a text that sorts as the key does: parts by type, then by value. */
function encodeKey(key: Deno.KvKey): string {
  let text = "";
  for (const part of key) {
    if (typeof part === "string") text += "\x02" + latin(part).replaceAll("\x00", "\x00\xff") + "\x00";
    else if (typeof part === "number") text += "\x21" + orderedDouble(part);
    else if (typeof part === "boolean") text += part ? "\x27" : "\x26";
    else throw new TypeError(`No key of the product has a part like ${typeof part}`);
  }
  return text;
}

const encoder = new TextEncoder();
const double = new DataView(new ArrayBuffer(8));

/** UTF-8 bytes as a text of one character a byte. */
function latin(text: string): string {
  // deno-lint-ignore no-control-regex
  return /^[\x00-\x7f]*$/.test(text) ? text : String.fromCharCode(...encoder.encode(text));
}

function orderedDouble(value: number): string {
  double.setFloat64(0, value);
  let text = "";
  const negative = double.getUint8(0) >= 0x80;
  for (let at = 0; at < 8; at++) {
    const byte = double.getUint8(at);
    text += String.fromCharCode(negative ? byte ^ 0xff : at === 0 ? byte ^ 0x80 : byte);
  }
  return text;
}
