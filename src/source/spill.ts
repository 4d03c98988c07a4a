// Sorted runs of rows on disk while a file that does not fit is brought into order: one file of encoded batches, read back run by run.
// What always holds: the file is gone once the spill is closed; a batch holds few enough rows that one of each run fits in memory.

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
  readonly #path: string;
  readonly #file: Deno.FsFile;
  readonly runs: Run[] = [];
  #bytes = 0;
  #runFrom = 0;

  constructor(folder: string | undefined) {
    try {
      this.#path = Deno.makeTempFileSync({ dir: folder, prefix: "guardian-sort-" });
      this.#file = Deno.openSync(this.#path, { read: true, write: true });
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
    Deno.removeSync(this.#path);
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

function failed(what: string, cause: unknown): GuardianError {
  return new GuardianError("folder_unusable", `Cannot ${what} the rows of a file that is being sorted: ${reasonOf(cause)}`, { cause });
}
