// Looks at every value of a KV file for whether it is what was written. It knows nothing of what the values mean, and changes nothing.

import { GuardianError } from "../errors.ts";
import { keyText, openValue, rawKv } from "./sealed.ts";

/** A value that is not what was written, or storage that cannot give it. key: null where that is not known. */
export interface DamagedValue {
  readonly key: Deno.KvKey | null;
  readonly reason: string;
}

/** Checks the values below some prefixes; returns how many there are, and those that are damaged. */
export async function checkValues(kv: Deno.Kv, prefixes: readonly Deno.KvKey[]): Promise<{ values: number; damaged: DamagedValue[] }> {
  let values = 0;
  const damaged: DamagedValue[] = [];
  for (const prefix of prefixes) {
    try {
      for await (const { key, value } of rawKv(kv).list({ prefix }, { batchSize: 200 })) {
        values++;
        try {
          openValue(key, value);
        } catch (error) {
          if (!(error instanceof GuardianError)) throw error;
          damaged.push({ key, reason: error.message });
        }
      }
    } catch (error) {
      damaged.push({ key: null, reason: `Cannot read what is stored below "${keyText(prefix)}": ${error}` });
    }
  }
  return { values, damaged };
}
