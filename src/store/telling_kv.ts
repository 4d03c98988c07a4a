// A KV file whose reads tell as `storage_failing` what goes wrong below them, as its commits do by way of `commit`. So whoever reads need
// not know KV's own errors, and whoever tries again what storage refused does so for reads too.
// It must not know what is stored.

import { storageFailing } from "../storage_failure.ts";

/** The same KV file. Its `get`, `getMany` and `list` throw `storage_failing`. */
export function tellingKv(kv: Deno.Kv): Deno.Kv {
  const failed = (cause: unknown) => {
    throw storageFailing("read stored data", cause);
  };
  const replaced: Partial<Record<keyof Deno.Kv, unknown>> = {
    get: (key: Deno.KvKey, options?: { consistency?: Deno.KvConsistencyLevel }) => kv.get(key, options).catch(failed),
    getMany: (keys: readonly Deno.KvKey[]) => kv.getMany([...keys]).catch(failed),
    list: (selector: Deno.KvListSelector, options?: Deno.KvListOptions) => told(kv, selector, options, failed),
  };
  return new Proxy(kv, {
    get(target, name) {
      const own = replaced[name as keyof Deno.Kv];
      if (own !== undefined) return own;
      const member = target[name as keyof Deno.Kv];
      return typeof member === "function" ? (member as () => void).bind(target) : member;
    },
  });
}

async function* told(
  kv: Deno.Kv,
  selector: Deno.KvListSelector,
  options: Deno.KvListOptions | undefined,
  failed: (cause: unknown) => never,
): AsyncGenerator<Deno.KvEntry<unknown>> {
  // Not around the yields: what the reader throws is its own.
  const entries = kv.list(selector, options);
  while (true) {
    const { done, value } = await entries.next().catch(failed);
    if (done) return;
    yield value;
  }
}
