// The ledger of a replay with made-up anomalies: a file that says what the rules must find.

import { GuardianError, reasonOf } from "../errors.ts";
import { ledger } from "../source/made_up.ts";
import type { Prescan } from "../source/prescan.ts";

/** Lines that are written at a time. */
const LINES = 1000;

/** Where the ledger goes when nobody says: beside the data folder. */
export function ledgerPath(data: string): string {
  return `${data.replace(/(?<![/\\])[/\\]+$/, "")}.ledger.ndjson`;
}

/** Writes what must be found in files that are shifted by `shiftMs`, one JSON object a line, and returns how many they are. */
export function writeLedger(path: string, files: readonly Prescan[], shiftMs: number): number {
  let entries = 0;
  try {
    using file = Deno.openSync(path, { write: true, create: true, truncate: true });
    const encoder = new TextEncoder();
    const write = (lines: string) => {
      const bytes = encoder.encode(lines);
      for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
    };
    let lines = "";
    for (const source of files) {
      for (const entry of ledger(source, shiftMs)) {
        lines += JSON.stringify(entry) + "\n";
        if (++entries % LINES > 0) continue;
        write(lines);
        lines = "";
      }
    }
    write(lines);
  } catch (cause) {
    throw new GuardianError("usage", `Cannot write the ledger "${path}": ${reasonOf(cause)}; name another with --ledger`, { cause });
  }
  return entries;
}
