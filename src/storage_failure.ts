// Storage that fails, as one kind of error: whatever files, KV or DuckDB threw becomes `storage_failing` with what a person can do about it.
// What always holds: the reason is what was underneath, kept as the cause too; an error that already has a code is passed on as it is.
// It must not know what was being stored.

import { GuardianError, reasonOf } from "./errors.ts";

const RETRY_AFTER_S = 5;

/** What a person can do, by words of the reason: of the operating system, of SQLite below KV, and of DuckDB. */
const mends: readonly (readonly [RegExp, string])[] = [
  [/no space left|disk is full|disk full|quota exceeded|file too large/i, "make room on its disk, and it goes on by itself"],
  [/too many open files/i, "let the process have more open files (ulimit -n), and it goes on once some are free"],
  [/read-?only|permission denied|access is denied|not permitted/i, "let the process write to the data folder, and it goes on by itself"],
];
const MEND = "see whether the disk has room and is sound, and whether its files may be written";
const CODES = new Set(["ENOSPC", "EDQUOT", "EFBIG", "EMFILE", "ENFILE", "EROFS", "EACCES", "EPERM", "EIO", "ESTALE", "ENOMEM"]);
/** What SQLite and DuckDB say of files. */
const WORDS = /^IO Error|database or disk is full|disk I\/O error|readonly database|unable to open database file/i;

/** The error of storage that failed. what: what cannot be done, such as "store". */
export function storageFailing(what: string, cause: unknown): GuardianError {
  if (cause instanceof GuardianError) return cause;
  const reason = reasonOf(cause);
  return new GuardianError("storage_failing", `Cannot ${what}: ${reason}; ${mendOf(reason)}`, { cause, retryAfterS: RETRY_AFTER_S });
}

/** What a person can do about storage that gave this reason. */
export function mendOf(reason: string): string {
  return mends.find(([words]) => words.test(reason))?.[1] ?? MEND;
}

/** Whether what was thrown, or a cause of it, says that storage fails: no fault of what was being done, and over once storage is mended. */
export function isStorageFailure(thrown: unknown): boolean {
  for (let each = thrown, depth = 0; each instanceof Error && depth < 5; each = each.cause, depth++) {
    if (each instanceof GuardianError) {
      if (each.code === "storage_failing") return true;
    } else if (CODES.has((each as { code?: unknown }).code as string) || WORDS.test(each.message)) return true;
  }
  return false;
}
