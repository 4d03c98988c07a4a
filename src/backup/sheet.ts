// `backup.json`: what a backup holds. It is the last file to be written, so a folder without it is no backup.
// What always holds: it lists every file with its size and sha-256, and carries the sum of itself; a path in it leads to a place within a
// data folder that this program writes, whatever somebody put into the file.

import { createHash } from "node:crypto";
import { join } from "node:path";
import { z } from "zod";
import { GuardianError, reasonOf } from "../errors.ts";
import { FOLDER_FORMAT } from "../folder.ts";

export const SHEET = "backup.json";
/** Version of a backup's layout. A program refuses a larger one. */
const BACKUP_FORMAT = 1;

const count = z.int().min(0);
const damagedSchema = z.object({ path: z.string(), problem: z.string() });
const contentSchema = z.object({
  format: z.literal(BACKUP_FORMAT),
  program: z.string(),
  folder_format: z.int(),
  /** Wall clock just before it: what was acknowledged by then is in the backup. */
  moment: z.iso.datetime(),
  /** The log at the moment: offsets `first` to `end` (exclusive), of which those below `archived` are in the lake. */
  partitions: z.array(z.object({ first: count, end: count, archived: count })),
  /** What of it was damaged in the data folder already, and so is in the backup. */
  damaged: z.array(damagedSchema),
  files: z.array(z.object({ path: z.string(), bytes: count, sha256: z.string().regex(/^[0-9a-f]{64}$/) })),
});

/** What a backup holds. */
export type Sheet = z.infer<typeof contentSchema>;
export type ListedFile = Sheet["files"][number];
export type Damage = z.infer<typeof damagedSchema>;

/** The text of a sheet: its content with the sum of it as the last field. */
export function sheetText(sheet: Sheet): string {
  return JSON.stringify({ ...sheet, sha256: sumOf(sheet) }, null, 1) + "\n";
}

/** The sheet of a backup folder. Throws `input_unreadable`, `newer_format`, and `corrupt` where it is not as it was written. */
export async function readSheet(folder: string): Promise<Sheet> {
  let text: string;
  try {
    text = await Deno.readTextFile(join(folder, SHEET));
  } catch (cause) {
    const why = cause instanceof Deno.errors.NotFound
      ? `it has no ${SHEET}; name a folder that a backup came to its end in`
      : reasonOf(cause);
    throw new GuardianError("input_unreadable", `Cannot read the backup "${folder}": ${why}`, { cause });
  }
  const { sha256, ...content } = parsed(folder, text);
  if (sha256 !== sumOf(content)) throw damagedSheet(folder);
  for (const name of ["format", "folder_format"] as const) {
    const known = name === "format" ? BACKUP_FORMAT : FOLDER_FORMAT;
    if (Number(content[name]) <= known) continue;
    throw new GuardianError(
      "newer_format",
      `Cannot read the backup "${folder}": it has ${name} ${content[name]}, and this program knows up to ${known}; use the newer program`,
    );
  }
  const checked = contentSchema.safeParse(content);
  if (!checked.success || !checked.data.files.every(({ path }) => isOurs(path))) throw damagedSheet(folder);
  return checked.data;
}

function parsed(folder: string, text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch {
    // Told below.
  }
  throw damagedSheet(folder);
}

function damagedSheet(folder: string): GuardianError {
  return new GuardianError("corrupt", `Cannot read the backup "${folder}": its ${SHEET} is damaged; use another backup`);
}

/** Whether a path is one of a data folder's: its own files, or one below the lake that is not hidden. */
function isOurs(path: string): boolean {
  if (["log.kv", "state.kv", "format.json"].includes(path)) return true;
  const [top, ...below] = path.split("/");
  return top === "lake" && below.length > 0 && below.every((name) => /^[\w=-][\w.=-]*$/.test(name));
}

function sumOf(content: object): string {
  return createHash("sha256").update(JSON.stringify(content)).digest("hex");
}
