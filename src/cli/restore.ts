// `restore`: a backup becomes a data folder. What always holds: the folder is a whole data folder, or none that anything but another
// restore takes; what was there before is never written over.

import { restore } from "../backup/mod.ts";
import type { Settings } from "../config.ts";
import { byteBar } from "./progress.ts";
import type { Shell } from "./shell.ts";
import { counted, sized } from "./words.ts";

const FOUND = 1;

export interface RestoreFlags {
  readonly leaveOutDamaged?: true;
  readonly json?: true;
}

export async function restoreCommand(
  folder: string,
  { leaveOutDamaged, json }: RestoreFlags,
  { data }: Settings,
  shell: Shell,
): Promise<number> {
  const started = performance.now(), bar = byteBar(!json && shell.errorColumns !== null);
  const onProgress = (done: number, total: number) => bar.update(done, total);
  const { sheet, leftOut, bytes } = await restore({ folder, data, leaveOutDamaged, onProgress }).finally(() => bar.stop());
  const { moment, partitions, damaged } = sheet;
  const seconds = Math.round(performance.now() - started) / 1000, ok = damaged.length + leftOut.length === 0;
  const files = sheet.files.length - leftOut.length;
  if (json) shell.out(JSON.stringify({ ok, data, moment, partitions, files, bytes, damaged, left_out: leftOut, seconds }));
  else {
    for (const { path, problem } of damaged) shell.err(`${path}: damaged before the backup was made. ${problem}.`);
    for (const { path, problem } of leftOut) shell.err(`${path}: damaged in the backup, and left out. ${problem}.`);
    shell.out(`"${data}" is what was backed up at ${moment}: ${counted(files, "file")} with ${sized(bytes)}, in ${seconds} s.`);
    if (!ok) shell.out("Not all of it is whole: verify says what can be done.");
  }
  return ok ? 0 : FOUND;
}
