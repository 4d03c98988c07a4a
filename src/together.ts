// Do the log, the store and the lake of a folder belong together? Looked at before anything is opened for work: a file of the store that
// was emptied, lost or put back from another time would else be taken for a new one, and all that it had would be missed by nobody.
// What always holds: it changes nothing; what a crash leaves at any moment passes.

import { GuardianError } from "./errors.ts";
import { readRoot } from "./lake/manifest.ts";
import { filesInTree } from "./lake/tree.ts";
import type { EventLog } from "./log/log.ts";
import { stateKeys } from "./store/keys.ts";

const MEND = "restore the data folder from a backup, and keep this one";

/** Throws `corrupt` when one of the three lacks what another shows that it had. */
export async function assertTogether(
  log: Pick<EventLog, "partitions" | "start" | "end">,
  state: Deno.Kv,
  lakeFolder: string,
): Promise<void> {
  const { covered, nextNumber } = await readRoot(state);
  for (let p = 0; p < log.partitions; p++) {
    const position = (await state.get<{ position: number }>(stateKeys.engine(p))).value?.position ?? 0;
    const read = Math.max(position, covered[p] ?? 0), end = log.end(p), start = log.start(p);
    if (read > end) {
      throw apart(`the log of partition ${p} ends at offset ${end}, and ${read} was read already: "log.kv" is not the one that was here`);
    }
    if (start > read) {
      throw apart(`the log of partition ${p} begins at offset ${start}, and ${read} was read: "state.kv" is not the one that was here`);
    }
  }
  // A number is taken before the first file is written.
  if (nextNumber > 1) return;
  const [file] = await filesInTree(lakeFolder);
  if (file !== undefined) throw apart(`"state.kv" lists no file of the lake, and "${file}" is there: it is not the one that was here`);
}

function apart(why: string): GuardianError {
  return new GuardianError("corrupt", `Cannot open the data folder: it is damaged: ${why}; ${MEND}`);
}
