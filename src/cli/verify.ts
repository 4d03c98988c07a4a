// `verify`: is the lake what its manifest says? A folder that has an owner is checked by it; one that has none is only read.

import { type VerifiedOut, verifiedOut } from "../../routes/verify.ts";
import { systemClock } from "../clock.ts";
import type { Settings } from "../config.ts";
import { Folder, paths } from "../folder.ts";
import { Duck } from "../lake/duckdb.ts";
import { verifyLake } from "../lake/verify.ts";
import { KvLog } from "../log/kv_log.ts";
import { addressOfOwner, requireDataFolder } from "./existing.ts";
import { askServer } from "./remote.ts";
import type { Shell } from "./shell.ts";
import { counted } from "./words.ts";

const FOUND = 1;

export async function verifyCommand(json: boolean, settings: Settings, shell: Shell): Promise<number> {
  const { data, token } = settings;
  requireDataFolder(data);
  const address = await addressOfOwner(data);
  const verified = address === null
    ? await verifyFolder(data)
    : await (await askServer({ url: address, token }, "POST", "/verify")).json() as VerifiedOut;
  if (json) shell.out(JSON.stringify(verified));
  else tell(verified, shell);
  return verified.ok ? 0 : FOUND;
}

function tell({ ok, files, rows, bytes, findings }: VerifiedOut, shell: Shell): void {
  for (const { file, problem, mend } of findings) shell.out(`${file ?? "the lake"}: ${problem}. ${mend}.`);
  const checked = `${counted(files, "file")} with ${counted(rows, "row")} and ${counted(bytes, "byte")}`;
  shell.out(ok ? `All is well: ${checked}.` : `${counted(findings.length, "finding")} in ${checked}.`);
}

async function verifyFolder(data: string): Promise<VerifiedOut> {
  const folder = await Folder.take(data, 1, false);
  const opened: { close(): void }[] = [{ close: () => folder.release() }];
  try {
    const logFile = await Deno.openKv(paths.log(data));
    opened.push(logFile);
    const kv = await Deno.openKv(paths.state(data));
    opened.push(kv);
    const log = await KvLog.open(logFile, folder.partitions, systemClock);
    const duck = await Duck.open({ lakeFolder: paths.lake(data), name: "verify" });
    opened.push(duck);
    return verifiedOut(await verifyLake({ kv, duck, log }));
  } finally {
    for (const part of opened.reverse()) part.close();
  }
}
