// `backup`: all of a data folder as it is at one moment, as a folder of its own. It needs no server and disturbs none: it reads the files of
// the data folder itself, so that nobody can have a server write somewhere. What always holds: the folder named is a whole backup or not there.

import { backUp } from "../backup/mod.ts";
import type { Settings } from "../config.ts";
import { requireDataFolder } from "./existing.ts";
import { byteBar } from "./progress.ts";
import type { Shell } from "./shell.ts";
import { counted, sized } from "./words.ts";

const FOUND = 1;

/** What `--json` tells. */
export interface BackupOut {
  readonly ok: boolean;
  readonly folder: string;
  readonly moment: string;
  readonly partitions: readonly { readonly first: number; readonly end: number; readonly archived: number }[];
  readonly files: number;
  readonly bytes: number;
  readonly damaged: readonly { readonly path: string; readonly problem: string }[];
  readonly seconds: number;
}

export async function backupCommand(folder: string, json: boolean, { data }: Settings, shell: Shell): Promise<number> {
  requireDataFolder(data);
  const started = performance.now(), bar = byteBar(!json && shell.errorColumns !== null);
  const { sheet, bytes } = await backUp({ data, folder, onProgress: (done, total) => bar.update(done, total) }).finally(() => bar.stop());
  const { moment, partitions, damaged, files } = sheet;
  const seconds = Math.round(performance.now() - started) / 1000, ok = damaged.length === 0;
  const out: BackupOut = { ok, folder, moment, partitions, files: files.length, bytes, damaged, seconds };
  if (json) shell.out(JSON.stringify(out));
  else tell(data, out, shell);
  return ok ? 0 : FOUND;
}

function tell(data: string, { folder, moment, partitions, files, bytes, damaged, seconds }: BackupOut, shell: Shell): void {
  for (const { path, problem } of damaged) shell.err(`${path}: ${problem}. It is in the backup as it was found.`);
  const offsets = partitions.reduce((sum, { end }) => sum + end, 0);
  shell.out(`"${data}" as it was at ${moment}, with ${counted(offsets, "offset")} of the log, is in "${folder}":`);
  shell.out(`${counted(files, "file")} with ${sized(bytes)}, in ${seconds} s.`);
  if (damaged.length > 0) {
    shell.out(`${counted(damaged.length, "file")} of the data folder ${damaged.length === 1 ? "is" : "are"} damaged: see verify.`);
  }
}
