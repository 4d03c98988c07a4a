// Which UTC hours the lake holds, with their content versions: what decides which days there are, and which are stale.
// Read from the manifest's months alone, and only when its root has changed.

import { GuardianError } from "../src/errors.ts";
import { type Day, readRoot } from "../src/lake/manifest.ts";
import { stateKeys } from "../src/store/keys.ts";
import { hourOfDay } from "./day_input.ts";

const READS_MAX = 20;

export class LakeHours {
  #version = -1;
  #hours: ReadonlyMap<string, number> = new Map();

  constructor(private readonly kv: Deno.Kv) {}

  /** Content version by hour, such as `2014-04-07T22`. Throws `storage_failing`. */
  async read(): Promise<ReadonlyMap<string, number>> {
    for (let attempt = 0; attempt < READS_MAX; attempt++) {
      const root = await readRoot(this.kv);
      if (root.version === this.#version) return this.#hours;
      const hours = await this.#hoursOf(root.months);
      if (hours === null) continue; // the root was replaced meanwhile
      this.#version = root.version;
      return this.#hours = hours;
    }
    throw new GuardianError("storage_failing", "Cannot read the lake's manifest: its pages are not there", { retryAfterS: 1 });
  }

  async #hoursOf(months: Readonly<Record<string, string>>): Promise<Map<string, number> | null> {
    const hours = new Map<string, number>();
    for (const [month, page] of Object.entries(months)) {
      const { value } = await this.kv.get<Record<string, Day>>(stateKeys.manifestMonth(month, page));
      if (value === null) return null;
      for (const { dt, versions } of Object.values(value)) {
        for (const [hour, version] of Object.entries(versions)) hours.set(hourOfDay(dt, Number(hour)), version);
      }
    }
    return hours;
  }
}
