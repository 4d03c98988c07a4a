// Lines of a file as spans of one reused buffer, read synchronously: no line becomes a string or an object here.
// What always holds: memory is the buffer alone, however long a line is; line numbers count every line, empty ones too.
// A parser may take lines itself: it moves `at` past whole lines within [at, end) and adds them to `line`.

import { GuardianError, reasonOf } from "../errors.ts";
import { limits } from "../limits.ts";

const BUFFER_BYTES = 256 * 1024;
/** A parser may look this far past `end` without leaving the buffer; what it finds there means nothing. */
export const SLACK_BYTES = 512;
const LF = 10, CR = 13;

/** How lines are read; what is not given is as in limits. */
export interface LineOptions {
  readonly lineBytesMax?: number;
  /** Bytes kept of a line that is too long. */
  readonly keptBytesMax?: number;
  readonly bufferBytes?: number;
  /** Sees every byte of the file, in order, in pieces that are valid during the call only. */
  readonly onBytes?: (bytes: Uint8Array) => void;
}

/** Reads a file line by line. Throws `input_unreadable` where the file is missing, not a plain file, or fails while it is read. */
export class LineReader {
  readonly bytes: Uint8Array;
  /** What is read and not taken yet lies in [at, end). */
  at = 0;
  end = 0;
  /** Number of the line taken last, from 1. */
  line = 0;
  /** The line taken last, without its line end; valid until the next call. Of one that is too long: the first bytes. */
  lineStart = 0;
  lineEnd = 0;
  /** Length of the line taken last, and whether it is more than a line may have. */
  lineBytes = 0;
  tooLong = false;
  /** Bytes of the file read up to now. */
  fileBytes = 0;
  readonly #path: string;
  readonly #file: Deno.FsFile;
  readonly #lineBytesMax: number;
  readonly #keptBytesMax: number;
  readonly #bufferBytes: number;
  readonly #onBytes: ((bytes: Uint8Array) => void) | undefined;
  #atEnd = false;

  constructor(path: string, options: LineOptions = {}) {
    this.#path = path;
    this.#lineBytesMax = options.lineBytesMax ?? limits.lineBytesMax;
    this.#keptBytesMax = Math.min(options.keptBytesMax ?? limits.deadLetterRawBytesMax, this.#lineBytesMax);
    // Two line ends and one byte more than a line may have, so that a full buffer without a line end is a line that is too long.
    this.#bufferBytes = Math.max(options.bufferBytes ?? BUFFER_BYTES, this.#lineBytesMax + 4);
    this.#onBytes = options.onBytes;
    this.bytes = new Uint8Array(this.#bufferBytes + SLACK_BYTES);
    this.#file = openPlainFile(path);
    try {
      this.#fill();
    } catch (failure) {
      this.close();
      throw failure;
    }
    if (this.bytes[0] === 0xef && this.bytes[1] === 0xbb && this.bytes[2] === 0xbf && this.end >= 3) this.at = 3;
  }

  /** Takes the next line that is not empty; false at the end of the file. */
  next(): boolean {
    for (;;) {
      let newline = this.#newline(this.at);
      while (newline < 0 && !this.#atEnd && this.end - this.at < this.#bufferBytes) {
        const searched = this.end - this.at;
        this.#fill();
        newline = this.#newline(this.at + searched);
      }
      if (newline < 0 && !this.#atEnd) {
        this.#skipLong();
        return true;
      }
      if (newline < 0 && this.at === this.end) return false;
      const stop = newline < 0 ? this.end : newline;
      this.lineStart = this.at;
      this.lineEnd = stop > this.at && this.bytes[stop - 1] === CR ? stop - 1 : stop;
      this.at = newline < 0 ? stop : stop + 1;
      this.line++;
      this.lineBytes = this.lineEnd - this.lineStart;
      this.tooLong = this.lineBytes > this.#lineBytesMax;
      if (this.tooLong) this.lineEnd = this.lineStart + this.#keptBytesMax;
      if (this.lineBytes > 0) return true;
    }
  }

  /** A copy of the line taken last, cut at the bytes kept of any line. */
  copyLine(): Uint8Array {
    return this.bytes.slice(this.lineStart, Math.min(this.lineEnd, this.lineStart + this.#keptBytesMax));
  }

  close(): void {
    this.#file.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #newline(from: number): number {
    const found = this.bytes.indexOf(LF, from);
    return found >= this.end ? -1 : found;
  }

  /** Moves what is left to the front and reads as much as fits. */
  #fill(): void {
    if (this.at > 0) {
      this.bytes.copyWithin(0, this.at, this.end);
      this.end -= this.at;
      this.at = 0;
    }
    this.end += this.#read(this.end);
  }

  #read(at: number): number {
    const room = this.bytes.subarray(at, this.#bufferBytes);
    let got: number | null;
    try {
      got = this.#file.readSync(room);
    } catch (cause) {
      throw new GuardianError("input_unreadable", `Cannot read "${this.#path}": ${reasonOf(cause)}`, { cause });
    }
    if (got === null) {
      this.#atEnd = true;
      return 0;
    }
    this.fileBytes += got;
    this.#onBytes?.(room.subarray(0, got));
    return got;
  }

  /** Keeps the first bytes of a line that fills the buffer, and reads over the rest of it. */
  #skipLong(): void {
    this.bytes.copyWithin(0, this.at, this.at + this.#keptBytesMax);
    let length = this.end - this.at, last = this.bytes[this.end - 1], newline = -1;
    this.at = this.end = this.#keptBytesMax;
    while (newline < 0 && !this.#atEnd) {
      const got = this.#read(this.at);
      this.end = this.at + got;
      newline = this.#newline(this.at);
      const stop = newline < 0 ? this.end : newline;
      length += stop - this.at;
      if (stop > this.at) last = this.bytes[stop - 1];
    }
    this.lineStart = 0;
    this.lineEnd = this.#keptBytesMax;
    this.lineBytes = last === CR ? length - 1 : length;
    this.tooLong = true;
    this.line++;
    this.at = newline < 0 ? this.end : newline + 1;
  }
}

function openPlainFile(path: string): Deno.FsFile {
  try {
    const info = Deno.statSync(path);
    if (info.isDirectory) throw new GuardianError("input_unreadable", `Cannot read "${path}": it is a folder, name a file in it`);
    if (!info.isFile) throw new GuardianError("input_unreadable", `Cannot read "${path}": it is not a plain file, and it is read twice`);
    return Deno.openSync(path, { read: true });
  } catch (cause) {
    if (cause instanceof GuardianError) throw cause;
    const why = cause instanceof Deno.errors.NotFound
      ? "there is no such file"
      : cause instanceof Deno.errors.PermissionDenied || cause instanceof Deno.errors.NotCapable
      ? "this process may not read it"
      : reasonOf(cause);
    throw new GuardianError("input_unreadable", `Cannot read "${path}": ${why}`, { cause });
  }
}
