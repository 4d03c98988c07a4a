// The only door to Deno KV for writes. Keeps within what one commit may hold, turns KV's faults into `storage_failing`, and never
// leaves a caller to guess: a commit that was refused by its checks says so, one that failed may or may not have landed.

import { assert } from "../assert.ts";
import { limits } from "../limits.ts";
import { storageFailing } from "../storage_failure.ts";

export interface Mutations {
  /** Keys whose version must be as read; null: the key must not exist. */
  checks?: readonly { key: Deno.KvKey; versionstamp: string | null }[];
  sets?: readonly { key: Deno.KvKey; value: unknown }[];
  deletes?: readonly Deno.KvKey[];
}

/** Bytes that a key takes in KV, at the most. */
function keyBytes(key: Deno.KvKey): number {
  let bytes = 0;
  for (const part of key) bytes += typeof part === "string" ? 3 * part.length + 2 : part instanceof Uint8Array ? 2 * part.length + 2 : 10;
  return bytes;
}

/**
 * Commits all mutations or none. Returns true when it landed, false when a check failed and nothing changed.
 * Throws `storage_failing` when KV did: then it may have landed.
 */
export async function commit(kv: Deno.Kv, { checks = [], sets = [], deletes = [] }: Mutations): Promise<boolean> {
  assert(checks.length <= limits.commitChecksMax, "a commit has at most 10 checks");
  assert(sets.length + deletes.length <= limits.commitMutationsMax, "a commit has at most 1,000 mutations");
  let bytes = 0;
  for (const { key } of sets) bytes += keyBytes(key);
  for (const key of deletes) bytes += keyBytes(key);
  assert(bytes <= limits.commitKeyBytesMax, "a commit has at most 80 KiB of keys");
  const atomic = kv.atomic();
  for (const check of checks) atomic.check(check);
  for (const { key, value } of sets) atomic.set(key, value);
  for (const key of deletes) atomic.delete(key);
  try {
    return (await atomic.commit()).ok;
  } catch (cause) {
    throw storageFailing("store", cause);
  }
}

/** Deletes any number of keys, in as many commits as it takes. */
export async function deleteAll(kv: Deno.Kv, keys: readonly Deno.KvKey[]): Promise<void> {
  const most = 400;
  for (let from = 0; from < keys.length;) {
    let to = from, bytes = 0;
    while (to < keys.length && to - from < most && (bytes += keyBytes(keys[to])) <= limits.commitKeyBytesMax) to++;
    await commit(kv, { deletes: keys.slice(from, to) });
    from = to;
  }
}
