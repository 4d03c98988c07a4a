// A checksum over every value of a KV file, laid around it on the way in and looked at on the way out.
// What always holds: a value whose bytes are not those that were written, or that lies under another key, is never given out. `get` throws
// `corrupt`; `list` passes it over and tells it, so that one damaged record does not hide the others. Values that were written before there
// were checksums are read as they are. It knows nothing of what the values mean.

import { Buffer } from "node:buffer";
import { deserialize, serialize } from "node:v8";
import { crc32 } from "node:zlib";
import { GuardianError, reasonOf } from "../errors.ts";

/** Told of each damaged value that is met. */
export type OnDamage = (key: Deno.KvKey, reason: string) => void;

/** Keys whose values have a checksum of their own, and are left as they are. */
const OWN_CHECKSUM = new Set<Deno.KvKeyPart>(["log", "parked"]);

// Magic (3 bytes), form, checksum u32 little endian over the key, the form and the payload, payload.
const MAGIC = [0xc5, 0x5e, 0xa1];
const FORM_AT = 3, CHECKSUM_AT = 4, PAYLOAD_AT = 8;
/** What the payload is: the bytes given, JSON, or what v8 makes of any value. */
const BYTES = 0, JSON_TEXT = 1, V8 = 2;
/** Characters of JSON beyond which a value is stored as v8 has it: that is never larger than what the limits of values were reckoned with. */
const JSON_CHARS_MAX = 16_384;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The same KV file with sealed values. `onDamage` is told of what `get` throws for as well. */
export function sealedKv(kv: Deno.Kv, onDamage: OnDamage = () => {}): Deno.Kv {
  const opened = (entry: Deno.KvEntryMaybe<unknown>) =>
    entry.value === null ? entry : { ...entry, value: openValue(entry.key, entry.value, onDamage) };
  const replaced: Partial<Record<keyof Deno.Kv, unknown>> = {
    get: async (key: Deno.KvKey, options?: { consistency?: Deno.KvConsistencyLevel }) => opened(await kv.get(key, options)),
    getMany: async (keys: readonly Deno.KvKey[]) => (await kv.getMany([...keys])).map(opened),
    set: (key: Deno.KvKey, value: unknown) => kv.set(key, sealValue(key, value)),
    list: (selector: Deno.KvListSelector, options?: Deno.KvListOptions) => listed(kv, selector, options, onDamage),
    atomic: () => sealedAtomic(kv.atomic()),
  };
  const proxy = new Proxy(kv, {
    get(target, name) {
      const own = replaced[name as keyof Deno.Kv];
      if (own !== undefined) return own;
      const member = target[name as keyof Deno.Kv];
      return typeof member === "function" ? (member as () => void).bind(target) : member;
    },
  });
  raws.set(proxy, kv);
  return proxy;
}

const raws = new WeakMap<Deno.Kv, Deno.Kv>();

/** A KV file as it is stored, without its seals. */
export function rawKv(kv: Deno.Kv): Deno.Kv {
  return raws.get(kv) ?? kv;
}

/**
 * The keys of a list, also of values that are damaged: where the next number or the oldest one goes by the keys alone, one that is passed over
 * would be given a second time, and never be dropped.
 */
export async function* keysIn(kv: Deno.Kv, selector: Deno.KvListSelector, options?: Deno.KvListOptions): AsyncGenerator<Deno.KvKey> {
  for await (const { key } of rawKv(kv).list(selector, options)) yield key;
}

async function* listed(kv: Deno.Kv, selector: Deno.KvListSelector, options: Deno.KvListOptions | undefined, onDamage: OnDamage) {
  for await (const entry of kv.list(selector, options)) {
    let value: unknown;
    try {
      value = openValue(entry.key, entry.value, onDamage);
    } catch (error) {
      if (error instanceof GuardianError && error.code === "corrupt") continue;
      throw error;
    }
    yield { ...entry, value };
  }
}

function sealedAtomic(atomic: Deno.AtomicOperation): Deno.AtomicOperation {
  const set = atomic.set.bind(atomic);
  atomic.set = (key: Deno.KvKey, value: unknown, options?: { expireIn?: number }) => {
    set(key, sealValue(key, value), options);
    return atomic;
  };
  return atomic;
}

/** What is stored of a value. */
export function sealValue(key: Deno.KvKey, value: unknown): unknown {
  if (OWN_CHECKSUM.has(key[0])) return value;
  if (value instanceof Uint8Array) return sealed(key, BYTES, value);
  const json = isPlain(value) ? JSON.stringify(value) : null;
  return json !== null && json.length <= JSON_CHARS_MAX ? sealed(key, JSON_TEXT, encoder.encode(json)) : sealed(key, V8, serialize(value));
}

/** The value of what is stored. Throws `corrupt`. */
export function openValue(key: Deno.KvKey, stored: unknown, onDamage: OnDamage = () => {}): unknown {
  if (OWN_CHECKSUM.has(key[0]) || !(stored instanceof Uint8Array)) return stored;
  try {
    return isSealed(stored) ? unsealed(key, stored) : unsealedBefore(key, stored);
  } catch (cause) {
    onDamage(key, reasonOf(cause));
    throw new GuardianError("corrupt", `Cannot read what is stored under ${keyText(key)}: ${reasonOf(cause)}; see verify`, { cause });
  }
}

/** A key as people and log lines see it. */
export function keyText(key: Deno.KvKey): string {
  return key.map((part) => part instanceof Uint8Array ? Buffer.from(part).toString("hex") : String(part)).join("/");
}

function isSealed(stored: Uint8Array): boolean {
  return stored.length >= PAYLOAD_AT && MAGIC.every((byte, i) => stored[i] === byte);
}

function sealed(key: Deno.KvKey, form: number, payload: Uint8Array): Uint8Array {
  const stored = new Uint8Array(PAYLOAD_AT + payload.length);
  stored.set(MAGIC);
  stored[FORM_AT] = form;
  stored.set(payload, PAYLOAD_AT);
  new DataView(stored.buffer).setUint32(CHECKSUM_AT, checksum(key, stored), true);
  return stored;
}

function unsealed(key: Deno.KvKey, stored: Uint8Array): unknown {
  const given = new DataView(stored.buffer, stored.byteOffset).getUint32(CHECKSUM_AT, true);
  if (given !== checksum(key, stored)) throw new Error("its checksum does not match");
  const payload = stored.subarray(PAYLOAD_AT);
  if (stored[FORM_AT] === BYTES) return payload.slice();
  return stored[FORM_AT] === JSON_TEXT ? JSON.parse(decoder.decode(payload)) : deserialize(Buffer.from(payload));
}

/** Bytes from before there were checksums: only these keys had any, and their own layout tells them from a seal that is damaged. */
function unsealedBefore(key: Deno.KvKey, stored: Uint8Array): Uint8Array {
  const word = (at: number) => new DataView(stored.buffer, stored.byteOffset).getUint32(at, true);
  if (key[0] === "identity" && stored.length >= 8 && stored.length % 8 === 0 && word(4) === 0) return stored;
  if (key[0] === "note" && stored.length % 33 === 0) return stored;
  throw new Error("it does not begin as it should");
}

function checksum(key: Deno.KvKey, stored: Uint8Array): number {
  return crc32(stored.subarray(PAYLOAD_AT), crc32(stored.subarray(FORM_AT, FORM_AT + 1), crc32(keyText(key))));
}

/** Whether JSON gives a value back as it is. */
function isPlain(value: unknown): boolean {
  switch (typeof value) {
    case "string":
      return value.isWellFormed();
    case "boolean":
      return true;
    case "number":
      return Number.isFinite(value) && !Object.is(value, -0);
    case "object":
      if (value === null) return true;
      if (Array.isArray(value)) return isPlainArray(value);
      return isPlainObject(value);
    default:
      return false;
  }
}

function isPlainArray(values: readonly unknown[]): boolean {
  for (let i = 0; i < values.length; i++) if (!(i in values) || !isPlain(values[i])) return false;
  return true;
}

function isPlainObject(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  if ("__proto__" in value && Object.hasOwn(value, "__proto__")) return false;
  for (const name in value) {
    const member = (value as Record<string, unknown>)[name];
    if (!isPlain(member)) return false;
  }
  return true;
}
