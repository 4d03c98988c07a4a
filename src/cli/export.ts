// `export`: a table as a file, or to stdout. What always holds: a file of that name is the whole table or what was there before.

import type { Settings } from "../config.ts";
import { GuardianError, reasonOf } from "../errors.ts";
import { withApi } from "./api.ts";
import { byteBar } from "./progress.ts";
import type { Shell } from "./shell.ts";

const STDOUT = "-";

export interface ExportFlags {
  readonly from?: string;
  readonly to?: string;
  readonly format?: string;
  readonly out: string;
  readonly json?: true;
}

export function exportCommand(table: string, flags: ExportFlags, settings: Settings, shell: Shell): Promise<number> {
  const { from, to, format, out, json } = flags;
  if (json && out === STDOUT) {
    throw new GuardianError("usage", "Cannot write both the table and --json to stdout; name a file with --out");
  }
  return withApi(settings, shell, async (ask) => {
    const asked = new URLSearchParams();
    if (from !== undefined) asked.set("start_date", from);
    if (to !== undefined) asked.set("end_date", to);
    if (format !== undefined) asked.set("format", format);
    const started = performance.now(), bar = byteBar(!json && out !== STDOUT && shell.errorColumns !== null);
    try {
      const answer = await ask("GET", `/export/${encodeURIComponent(table)}?${asked}`);
      const total = Number(answer.headers.get("content-length") ?? 0);
      let bytes = 0;
      const counting = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
        transform(piece, controller) {
          bytes += piece.length;
          bar.update(bytes, Math.max(bytes, total));
          controller.enqueue(piece);
        },
      });
      const body = answer.body!.pipeThrough(counting);
      if (out === STDOUT) { for await (const piece of body) shell.outBytes(piece); }
      else await keep(body, out);
      const seconds = Math.round(performance.now() - started) / 1000;
      if (json) shell.out(JSON.stringify({ table, format, out, bytes, seconds }));
      return 0;
    } finally {
      bar.stop();
    }
  });
}

/** Writes a body beside the file and then puts it in place. Throws `folder_unusable`. */
async function keep(body: ReadableStream<Uint8Array<ArrayBuffer>>, path: string): Promise<void> {
  const aside = `${path}.part`;
  try {
    const file = await Deno.open(aside, { write: true, create: true, truncate: true });
    await body.pipeTo(file.writable);
    await Deno.rename(aside, path);
  } catch (cause) {
    if (!body.locked) await body.cancel().catch(() => {});
    await Deno.remove(aside).catch(() => {});
    throw new GuardianError("folder_unusable", `Cannot write "${path}": ${reasonOf(cause)}; name another file with --out`, { cause });
  }
}
