// Rows of an NDJSON file: one event in each line, or one transaction with several, read by the parser that reads requests.
// Flat lines are read where they lie, as nearly all of a file are; whatever else there is goes through the whole parser.
// What always holds: the same line gives the same rows here and there; lines are handed over many at a time, and no line can change what
// becomes of another.

import type { ColumnBuilder } from "../event/batch.ts";
import { FlatScan } from "../event/flat_scan.ts";
import { parseBody, type ParseOptions } from "../event/parse.ts";
import type { Reject, RejectSink } from "../event/reject.ts";
import { limits } from "../limits.ts";
import type { LineReader } from "./lines.ts";
import type { RowReader } from "./row_reader.ts";

const OPEN = 123, CLOSE = 125, LF = 10, SPACE = 32, TAB = 9;

/** Bytes and lines that go through the parser at a time: one where flat lines were met, and more the longer there are none. So few that the rows of one go beyond what was asked for by two thousand at most. */
const TAKEN_BYTES_MAX = 64 * 1024, TAKEN_LINES_MAX = 512;

/** A replayed event may lie in the future, as it has its own lane of time. */
const readOptions = { now: 0, futureMs: null }, scanOptions = { ...readOptions, withoutEventIds: true };

export class NdjsonReader implements RowReader {
  rejected = 0;
  readonly #lines: LineReader;
  readonly #report: RejectSink;
  readonly #options: ParseOptions;
  /** Lines on their way into the parser, with their numbers in the file. */
  readonly #taken = new Uint8Array(TAKEN_BYTES_MAX + limits.lineBytesMax + 1);
  readonly #numbers: number[] = [];
  #bytes = 0;
  #linesMax = 1;
  /** Reads flat lines into `#flatInto`. */
  #flat: FlatScan | null = null;
  #flatInto: ColumnBuilder | null = null;

  /** scanned: whether the rows are only looked at, so that their event ids need not be in the columns. */
  constructor(lines: LineReader, report: RejectSink, scanned = false) {
    this.#options = scanned ? scanOptions : readOptions;
    this.#lines = lines;
    this.#report = report;
  }

  fill(into: ColumnBuilder, rowsMax: number, rejectsMax = Infinity): boolean {
    const rejectedMax = this.rejected + rejectsMax;
    while (into.count < rowsMax && this.rejected < rejectedMax) {
      this.#linesMax = this.#takeFlat(into, rowsMax) ? 1 : Math.min(TAKEN_LINES_MAX, 2 * this.#linesMax);
      if (into.count >= rowsMax) break;
      const linesMax = Math.min(this.#linesMax, rowsMax - into.count, rejectedMax - this.rejected);
      let more = true;
      while (this.#numbers.length < linesMax && this.#bytes < TAKEN_BYTES_MAX && (more = this.#lines.next())) {
        if (!this.#lines.tooLong && this.#takeObject()) continue;
        // By itself, so that what it is taken for does not depend on its neighbours.
        this.#parseTaken(into);
        if (this.#lines.tooLong) this.#refuseLong();
        else this.#take(this.#lines.lineStart, this.#lines.lineEnd);
        break;
      }
      this.#parseTaken(into);
      if (!more) return false;
    }
    return true;
  }

  /** Adds the events of flat lines, up to the first that is none or is not read to its end. Returns whether there was one. */
  #takeFlat(into: ColumnBuilder, rowsMax: number): boolean {
    if (into !== this.#flatInto) {
      this.#flat = new FlatScan(into, this.#options);
      this.#flatInto = into;
    }
    const lines = this.#lines, flat = this.#flat!, from = lines.at;
    if (from === lines.end) return false;
    const end = lines.bytes.lastIndexOf(LF, lines.end - 1) + 1, bytes = lines.bytes.subarray(0, end);
    while (lines.at < end && into.count < rowsMax) {
      const next = flat.takeLines(bytes, lines.at, rowsMax);
      if (next < 0) break;
      lines.line += flat.lines;
      lines.at = next;
    }
    return lines.at > from;
  }

  /** Takes the line if it begins and ends as an object does: several such lines can be nothing but one object each. */
  #takeObject(): boolean {
    const { bytes } = this.#lines;
    let from = this.#lines.lineStart, to = this.#lines.lineEnd;
    while (from < to && isBlank(bytes[from])) from++;
    while (to > from && isBlank(bytes[to - 1])) to--;
    if (bytes[from] !== OPEN || bytes[to - 1] !== CLOSE) return false;
    this.#take(from, to);
    return true;
  }

  /** Puts bytes [from, to) of the line at hand before the parser. */
  #take(from: number, to: number): void {
    const { bytes, line } = this.#lines;
    this.#taken.set(bytes.subarray(from, to), this.#bytes);
    this.#bytes += to - from;
    this.#taken[this.#bytes++] = LF;
    this.#numbers.push(line);
  }

  #parseTaken(into: ColumnBuilder): void {
    const numbers = this.#numbers;
    if (numbers.length === 0) return;
    const body = this.#taken.subarray(0, this.#bytes);
    const tell = (reject: Reject) => this.#refuse({ ...reject, line: numbers.length === 1 ? numbers[0] : numbers[reject.line - 1] });
    if (!body.every(isBlank)) parseBody(body, into, tell, this.#options);
    numbers.length = 0;
    this.#bytes = 0;
  }

  #refuseLong(): void {
    const { line, lineBytes } = this.#lines;
    const message = `Cannot take this event: it has ${lineBytes} bytes, more than ${limits.lineBytesMax}; send a smaller one`;
    this.#refuse({ line, code: "line_too_long", field: null, message, raw: this.#lines.copyLine(), rawBytes: lineBytes });
  }

  #refuse(reject: Reject): void {
    this.rejected++;
    this.#report(reject);
  }
}

function isBlank(byte: number): boolean {
  return byte === SPACE || byte === TAB || byte === LF;
}
