// Bugs to plant: each is an exact replacement in a named file, of the kind that a tired person makes. The simulation has to find every one;
// one that it passes over says that it does not look there. What always holds: a replacement whose text is not in the source exactly once
// fails loudly, so that no mutant is quietly nothing.

import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

export interface Mutant {
  readonly name: string;
  readonly changes: readonly { readonly file: string; readonly from: string; readonly to: string }[];
}

function mutant(name: string, file: string, from: string, to: string, ...more: Mutant["changes"]): Mutant {
  return { name, changes: [{ file, from, to }, ...more] };
}

const INTENT_DELETED = "with: { deletes: [stateKeys.intent()] }";

export const mutants: readonly Mutant[] = [
  mutant(
    "acknowledged before it is durable",
    "src/source/intake.ts",
    "await this.log.append(group.batches, this.#note(group));",
    "void this.log.append(group.batches, this.#note(group)).catch(() => {});",
  ),
  mutant("bookmark before effects", "src/engine/runner.ts", "await this.#effects.settled();", ""),
  mutant("part file not synced", "src/lake/parquet.ts", "await this.file.sync();", ""),
  mutant("folder not synced after the rename", "src/lake/archiver.ts", "await syncFolders(changed);", ""),
  mutant(
    "folders above a new file not synced",
    "src/lake/atomic_file.ts",
    "if (folder === root || folder === dirname(folder)) return;",
    "return;",
  ),
  mutant(
    "number of partitions not synced",
    "src/folder.ts",
    "await placeFile(data, beside, paths.format(data));",
    "await Deno.rename(beside, paths.format(data));",
    { file: "src/folder.ts", from: "await syncFolders(new Set([data, dirname(resolve(data))]));", to: "" },
  ),
  mutant("window's end belongs to the window", "src/engine/lane.ts", "time - pane.start < PART_MS ? 0", "time - pane.start <= PART_MS ? 0"),
  mutant(
    "event ids not loaded at a restart",
    "src/log/identity_checkpoint.ts",
    "for (let at = 2; at < words.length; at += 2) ids.add(",
    "for (let at = 2; at < 0; at += 2) ids.add(",
  ),
  mutant(
    "idempotency keys not loaded at a restart",
    "src/source/intake.ts",
    "of decodeNotes(note)) keys.add(entry, seq);",
    "of decodeNotes(note)) void [entry, seq];",
  ),
  mutant(
    "files of a flush listed again after a crash",
    "src/lake/archiver.ts",
    INTENT_DELETED,
    "",
    { file: "src/lake/manifest.ts", from: "assert(covered[partition] === from,", to: "assert(true || from," },
  ),
  mutant("identities kept of an append that failed", "src/source/intake.ts", "index.rollback();", ""),
  mutant(
    "lost answer of an append not looked up",
    "src/log/kv_log.ts",
    "    } catch (failure) {\n      this.#uncertain = true;",
    "    } catch (failure) {",
  ),
  mutant(
    "log trimmed past a reader",
    "src/guardian.ts",
    "Math.min(this.engine.needed(p), this.archiver.position(p), this.intake.covered(p))",
    "this.intake.covered(p)",
  ),
  mutant(
    "replayed files move the live watermark",
    "src/engine/step.ts",
    "const lane = this.#lane(batch.lane);",
    "const lane = this.#lane(LIVE);",
  ),
  mutant("a clock ahead moves the watermark", "src/engine/step.ts", "batch.arrival + limits.liveAheadMs", "Infinity"),
  mutant("retraction not stored", "src/engine/lane.ts", 'if (shown) this.report("retracted", window, offset);', ""),
  mutant("feed number used again", "src/store/anomalies.ts", "this.#feed = feed + changes.length;", ""),
  mutant(
    "effects stored again after a crash",
    "src/store/anomalies.ts",
    "return effects.filter((effect) => isAfter(",
    "return effects.filter((effect) => true || isAfter(",
  ),
  mutant(
    "lost commit of anomalies not looked up",
    "src/store/anomalies.ts",
    "    this.#uncertain = true;\n    await (news",
    "    await (news",
  ),
];

/** A copy of the tree with a bug planted in it. Throws when the text that it replaces is not there exactly once. */
export async function plant(tree: URL, { name, changes }: Mutant, into: string): Promise<URL> {
  const from = fileURLToPath(tree);
  for (const folder of ["src", "jobs", "routes", "tests/sim", "tests/support", "tests/jobs"]) {
    await copyTree(join(from, folder), join(into, folder));
  }
  for (const file of ["deno.json", "deno.lock", "static/deno.json"]) {
    await Deno.mkdir(join(into, file, ".."), { recursive: true });
    await Deno.copyFile(join(from, file), join(into, file));
  }
  for (const { file, from, to } of changes) {
    const path = join(into, file), text = await Deno.readTextFile(path), times = text.split(from).length - 1;
    if (times !== 1) {
      throw new Error(`Cannot plant "${name}": ${JSON.stringify(from)} is ${times} times in ${file}; name what stands there now`);
    }
    await Deno.writeTextFile(path, text.replace(from, () => to));
  }
  return pathToFileURL(into + "/");
}

async function copyTree(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copyTree(join(from, name), join(to, name));
    else await Deno.copyFile(join(from, name), join(to, name));
  }
}
