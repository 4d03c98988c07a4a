// `verify`: is what is stored what was written? A folder that has an owner is checked, and repaired, by it; one that has none by this
// process. What always holds: without --repair nothing is changed. The two files of the store are looked at here in either case, as whole
// files of SQLite, for the owner would have to stand still for that.

import { DatabaseSync } from "node:sqlite";
import { type VerifiedOut, verifiedOut } from "../../routes/verify.ts";
import { systemClock } from "../clock.ts";
import type { Settings } from "../config.ts";
import { GuardianError, reasonOf } from "../errors.ts";
import { Folder, paths } from "../folder.ts";
import { Duck } from "../lake/duckdb.ts";
import { repairLake } from "../lake/repair.ts";
import { type Finding, verifyLake } from "../lake/verify.ts";
import { KvLog } from "../log/kv_log.ts";
import { silent } from "../log_line.ts";
import { sealedKv } from "../store/sealed.ts";
import { assertTogether } from "../together.ts";
import { addressOfOwner, requireDataFolder } from "./existing.ts";
import { stepBar, type StepProgress } from "./progress.ts";
import { askServer, linesIn, ownerAt, type Remote } from "./remote.ts";
import type { Shell } from "./shell.ts";
import { counted } from "./words.ts";

const FOUND = 1;
/** Faults that are told of one file; one is enough to know that it needs a backup. */
const FILE_FAULTS_MAX = 3;
/** How long a file of the store may be locked by who is just opening it, ms. */
const BUSY_MS = 5_000;

export interface VerifyFlags {
  readonly json?: true;
  readonly repair?: true;
}

export async function verifyCommand({ json, repair = undefined }: VerifyFlags, settings: Settings, shell: Shell): Promise<number> {
  const { data } = settings;
  requireDataFolder(data);
  const address = await addressOfOwner(data);
  const bar = stepBar(json === undefined && shell.errorColumns !== null);
  let verified: VerifiedOut;
  try {
    const files = [paths.log(data), paths.state(data)].flatMap(checkDatabase);
    const checked = address === null
      ? await verifyFolder(data, repair ?? false, bar)
      : await verifyAt(await ownerAt(address, settings), repair ?? false, bar);
    verified = { ...checked, ok: checked.ok && files.length === 0, findings: [...files, ...checked.findings] };
  } finally {
    bar.stop();
  }
  if (json) shell.out(JSON.stringify(verified));
  else tell(verified, repair ?? false, shell);
  return verified.ok ? 0 : FOUND;
}

function tell({ ok, files, rows, bytes, results, offsets, values, findings, repaired }: VerifiedOut, repair: boolean, shell: Shell): void {
  for (const { file, what } of repaired) shell.out(`${file ?? "the lake"}: ${what}.`);
  for (const { file, problem, mend } of findings) shell.out(`${file ?? "the data folder"}: ${problem}. ${mend}.`);
  const lake = `${counted(files, "file")} with ${counted(rows, "row")} and ${counted(bytes, "byte")}`;
  const checked = `${lake}, ${counted(results, "file")} of day jobs, ${counted(offsets, "offset")} of the log, ${
    counted(values, "value")
  } of the store`;
  const mended = repair ? `${counted(repaired.length, "repair")}, and ` : "";
  shell.out(
    ok
      ? `All is well${repaired.length > 0 ? ` after ${counted(repaired.length, "repair")}` : ""}: ${checked}.`
      : `${mended}${counted(findings.length, "finding")} in ${checked}.`,
  );
}

async function verifyAt(remote: Remote, repair: boolean, bar: StepProgress): Promise<VerifiedOut> {
  const answer = await askServer(remote, "POST", `/verify?progress=true&repair=${repair}`);
  for await (const text of linesIn(answer)) {
    const line = JSON.parse(text) as
      | { type: "progress"; done: number; of: number; what: string }
      | { type: "problem"; detail: string }
      | { type: "done" } & VerifiedOut;
    if (line.type === "problem") throw new GuardianError("storage_failing", line.detail);
    if (line.type === "progress") {
      bar.update(line.done, line.of, line.what);
      continue;
    }
    const { type: _, ...verified } = line;
    return verified;
  }
  throw new GuardianError("server_unreachable", "Cannot say what was found: the answer ended before its last line; ask again");
}

async function verifyFolder(data: string, repair: boolean, bar: StepProgress): Promise<VerifiedOut> {
  const folder = await Folder.take(data, 1, false);
  const opened: { close(): void }[] = [{ close: () => folder.release() }];
  try {
    const logFile = sealedKv(await Deno.openKv(paths.log(data)));
    opened.push(logFile);
    const kv = sealedKv(await Deno.openKv(paths.state(data)));
    opened.push(kv);
    const log = await KvLog.open(logFile, folder.partitions, systemClock);
    await assertTogether(log, kv, paths.lake(data));
    const duck = await Duck.open({ lakeFolder: paths.lake(data), name: "verify" });
    opened.push(duck);
    const options = { kv, logFile, duck, log, clock: systemClock, logLine: silent, progress: bar.update };
    const verified = await verifyLake(options);
    if (!repair) return verifiedOut(verified);
    const { findings, repaired } = await repairLake(options, verified);
    return verifiedOut({ ...verified, findings }, repaired);
  } finally {
    for (const part of opened.reverse()) part.close();
  }
}

/** What SQLite itself finds wrong with one of its files. Only reads, also while another process writes. */
function checkDatabase(path: string): Finding[] {
  const mend = "Restore the data folder from a backup, and keep this one";
  try {
    using database = new DatabaseSync(path, { readOnly: true, timeout: BUSY_MS });
    const rows = database.prepare(`PRAGMA quick_check(${FILE_FAULTS_MAX})`).all() as { quick_check: string }[];
    const faults = rows.map(({ quick_check }) => quick_check).filter((said) => said !== "ok");
    return faults.map((said) => ({ file: null, problem: `SQLite finds "${path}" damaged: ${said}`, mend }));
  } catch (error) {
    return [{ file: null, problem: `SQLite cannot read "${path}": ${reasonOf(error)}`, mend }];
  }
}
