// Sorted runs of rows on disk while a file that does not fit is brought into order: one file of encoded batches, read back run by run.
// What always holds: the file is gone once the spill is closed, and where the system allows it also when the process is killed before; a batch
// holds few enough rows that one of each run fits in memory.

import { GuardianError, reasonOf } from "../errors.ts";
import { type EventBatch, type EventColumns, LIVE, pendingBatch } from "../event/batch.ts";
import { decode, encode, seal } from "../event/codec.ts";

const LENGTH_BYTES = 4;

/** Where a run lies in its file. */
export interface Run {
  readonly from: number;
  readonly to: number;
}

/** A file of runs. Throws `folder_unusable` when it cannot be written or read back. */
export class Spill {
  /** What is to be deleted at the end; null when nothing is. */
  readonly #path: string | null;
  readonly #file: Deno.FsFile;
  readonly runs: Run[] = [];
  #bytes = 0;
  #runFrom = 0;

  constructor(folder: string | undefined) {
    try {
      const path = Deno.makeTempFileSync({ dir: folder, prefix: "guardian-sort-" });
      this.#file = Deno.openSync(path, { read: true, write: true });
      this.#path = isUnlinked(path) ? null : path;
    } catch (cause) {
      throw failed("write", cause);
    }
  }

  /** Adds rows to the run that is being written. */
  write(columns: EventColumns): void {
    const batch = encode(pendingBatch(columns, LIVE, 0));
    seal(batch, 0, 0);
    const framed = new Uint8Array(LENGTH_BYTES + batch.length);
    new DataView(framed.buffer).setUint32(0, batch.length, true);
    framed.set(batch, LENGTH_BYTES);
    try {
      for (let at = 0; at < framed.length;) at += this.#file.writeSync(framed.subarray(at));
    } catch (cause) {
      throw failed("write", cause);
    }
    this.#bytes += framed.length;
  }

  /** Ends the run that is being written. */
  endRun(): void {
    this.runs.push({ from: this.#runFrom, to: this.#bytes });
    this.#runFrom = this.#bytes;
  }

  /** The batch at `at`, and where the one after it is. */
  read(at: number): { batch: EventBatch; next: number } {
    const length = new DataView(this.#bytesAt(at, LENGTH_BYTES).buffer).getUint32(0, true);
    return { batch: decode(this.#bytesAt(at + LENGTH_BYTES, length)), next: at + LENGTH_BYTES + length };
  }

  /** Deletes the file. */
  close(): void {
    this.#file.close();
    if (this.#path !== null) Deno.removeSync(this.#path);
  }

  #bytesAt(at: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    try {
      this.#file.seekSync(at, Deno.SeekMode.Start);
      for (let got = 0; got < length;) {
        const more = this.#file.readSync(bytes.subarray(got));
        if (more === null) throw new Error("the file is shorter than it was");
        got += more;
      }
    } catch (cause) {
      throw failed("read back", cause);
    }
    return bytes;
  }
}

/** Takes the name from a file that is open: then it goes with the process, however that ends. Windows refuses. */
function isUnlinked(path: string): boolean {
  try {
    Deno.removeSync(path);
    return true;
  } catch {
    return false;
  }
}

function failed(what: string, cause: unknown): GuardianError {
  return new GuardianError("folder_unusable", `Cannot ${what} the rows of a file that is being sorted: ${reasonOf(cause)}`, { cause });
}
