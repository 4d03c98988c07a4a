// `export`: a table as a file, or to stdout. What always holds: a file of that name is the whole table or what was there before.

import type { Settings } from "../config.ts";
import { GuardianError, reasonOf } from "../errors.ts";
import { withApi } from "./api.ts";
import type { Shell } from "./shell.ts";

const STDOUT = "-";

export interface ExportFlags {
  readonly from?: string;
  readonly to?: string;
  readonly format?: string;
  readonly out: string;
}

export function exportCommand(table: string, { from, to, format, out }: ExportFlags, settings: Settings, shell: Shell): Promise<number> {
  return withApi(settings, shell, async (ask) => {
    const asked = new URLSearchParams();
    if (from !== undefined) asked.set("start_date", from);
    if (to !== undefined) asked.set("end_date", to);
    if (format !== undefined) asked.set("format", format);
    const answer = await ask("GET", `/export/${encodeURIComponent(table)}?${asked}`);
    if (out === STDOUT) { for await (const bytes of answer.body!) shell.outBytes(bytes); }
    else await keep(answer, out);
    return 0;
  });
}

/** Writes an answer beside the file and then puts it in place. Throws `folder_unusable`. */
async function keep(answer: Response, path: string): Promise<void> {
  const aside = `${path}.part`;
  try {
    const file = await Deno.open(aside, { write: true, create: true, truncate: true });
    await answer.body!.pipeTo(file.writable);
    await Deno.rename(aside, path);
  } catch (cause) {
    await answer.body?.cancel().catch(() => {});
    await Deno.remove(aside).catch(() => {});
    throw new GuardianError("folder_unusable", `Cannot write "${path}": ${reasonOf(cause)}; name another file with --out`, { cause });
  }
}
