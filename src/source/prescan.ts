// The first of two passes over a file: what it is (its hash), how its lines are laid out, and how far its rows are out of order.
// The second pass (ordered.ts) relies on these figures; both use one parser, so that they agree on every line. A Parquet file is unpacked
// on the way, and what was unpacked is what the second pass reads.

import { createHash } from "node:crypto";
import { basename } from "node:path";
import { assert } from "../assert.ts";
import { GuardianError, reasonOf } from "../errors.ts";
import { ColumnBuilder } from "../event/batch.ts";
import { ABSENT } from "../event/code.ts";
import { quoted } from "../event/quoted.ts";
import type { Reject } from "../event/reject.ts";
import { CsvReader } from "./csv.ts";
import { formOf } from "./form.ts";
import { checkIndexes, type ColumnIndexes, type CsvLayout, layoutText } from "./layout.ts";
import { LineReader } from "./lines.ts";
import type { MadeUp } from "./made_up.ts";
import { NdjsonReader } from "./ndjson.ts";
import { type UnpackedRows, unpackParquet } from "./parquet_rows.ts";
import type { RowReader } from "./row_reader.ts";
import type { Texts } from "./word_table.ts";

/** Rows parsed at a time: few enough that their columns stay in the processor's cache. */
const STEP_ROWS = 4096;

/** Words that the scan's columns may gather before they are made anew. */
const STEP_WORDS_MAX = 16_384;

/** Texts that nobody reads: only times are looked at here. */
const unread: Texts = { code: () => ABSENT, put: () => {}, settle: () => {} };

/** First lines that an error shows. */
const SHOWN_LINES = 3;

const lenient = new TextDecoder();

const EXPECTED = "Expected lines as 1,2014-04-07T10:51:09.277Z,214536502,0 (session, time, item, category), " +
  "1,2014-04-07T10:51:09.277Z,214536502,1625,1 (session, time, item, price, quantity) " +
  'or {"session_id":1,"timestamp":"2014-04-07T10:51:09.277Z","item_id":214536502}';

/** Bytes of a file that its form is told by. */
const FORM_BYTES = 1024;

/** Bytes of a file that are hashed between two turns of the event loop. */
const HASHED_BYTES = 1024 * 1024;

/**
 * A file that was read once. sha256: hex, of all bytes; empty where it was not asked for. layout: of CSV; null for other files and those without lines. rows: events.
 * rejected: lines or rows that are no event. firstTime, lastTime: smallest and largest event time, ms since the epoch, NaN without rows.
 * displacementMs: how far a row lies behind the largest time before it, at the most. form: not there for CSV. unpacked: the rows of a
 * Parquet file, for the owner to close. madeUp: anomalies that are put among its rows; `rows` counts theirs.
 */
export interface Prescan {
  readonly path: string;
  readonly name: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly layout: CsvLayout | null;
  readonly rows: number;
  readonly rejected: number;
  readonly firstTime: number;
  readonly lastTime: number;
  readonly displacementMs: number;
  readonly form?: "ndjson" | "parquet";
  readonly unpacked?: UnpackedRows;
  readonly madeUp?: MadeUp;
}

/** How a file is scanned. */
export interface PrescanOptions {
  /** Where the columns are, when they are not as in the two known layouts. */
  readonly indexes?: ColumnIndexes | null;
  /** Called now and then with the bytes read. */
  readonly onProgress?: (bytes: number) => void;
}

/** One pass over a file of lines, CSV or NDJSON: its rows as they stand, and what there is to tell of it in the end. */
export class LinesPass {
  /** Whether rows have no other columns than those of a CSV file. */
  readonly plain: boolean;
  readonly #path: string;
  readonly #hash: ReturnType<typeof createHash> | null;
  readonly #lines: LineReader;
  readonly #csv: CsvReader | null;
  readonly #reader: RowReader;
  readonly #times = new Times();
  /** The first rejects. */
  readonly #first: Reject[] = [];

  /**
   * texts: as of CsvReader. hashed: whether its hash is asked for, which takes as long as to read the file. Throws `input_unreadable` when the
   * file cannot be read or has another form, `usage` for impossible indexes.
   */
  constructor(
    path: string,
    indexes: ColumnIndexes | null,
    onReject: (reject: Reject) => void = () => {},
    { texts, hashed = true }: { readonly texts?: Texts; readonly hashed?: boolean } = {},
  ) {
    if (indexes !== null) checkIndexes(indexes);
    this.#path = path;
    const hash = this.#hash = hashed ? createHash("sha256") : null;
    const lines = this.#lines = new LineReader(path, hash === null ? {} : { onBytes: (bytes) => hash.update(bytes) });
    const report = (reject: Reject) => {
      if (this.#first.length < SHOWN_LINES) this.#first.push(reject);
      onReject(reject);
    };
    try {
      const form = formOf(path, lines.bytes.subarray(0, Math.min(lines.end, FORM_BYTES)));
      if (form === "parquet") throw new GuardianError("input_unreadable", `Cannot read "${path}" line by line: it is a Parquet file`);
      this.plain = form === "csv";
      this.#csv = this.plain ? new CsvReader(lines, null, report, indexes, texts) : null;
      this.#reader = this.#csv ?? new NdjsonReader(lines, report, texts === unread);
    } catch (failure) {
      lines.close();
      throw failure;
    }
  }

  /** As `RowReader.fill`. */
  fill(into: ColumnBuilder, rowsMax: number, rejectsMax: number): boolean {
    const from = into.count, more = this.#reader.fill(into, rowsMax, rejectsMax);
    this.#times.take(into, from);
    return more;
  }

  /** Bytes of the file, rows and lines without one, up to now. */
  get bytes(): number {
    return this.#lines.fileBytes;
  }

  get rejected(): number {
    return this.#reader.rejected;
  }

  get displacementMs(): number {
    return this.#times.displacementMs;
  }

  /** What was read, once all of it was. Throws `input_unreadable` when there are lines and not one is good. */
  file(): Prescan {
    const path = this.#path, { rejected, bytes } = this, figures = this.#times.figures();
    if (figures.rows === 0 && rejected > 0) throw nothingGood(path, this.#first, "line");
    const layout = this.#csv?.layout ?? null, sha256 = this.#hash?.digest("hex") ?? "";
    const file = { path, name: basename(path), sha256, bytes, layout, rejected, ...figures };
    return this.plain ? file : { ...file, form: "ndjson" };
  }

  close(): void {
    this.#lines.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * Reads a file of lines once: CSV or NDJSON. Throws `input_unreadable` when it cannot be read, or has lines and not one is good; `usage`
 * for impossible indexes.
 */
export function prescan(path: string, options: PrescanOptions = {}): Prescan {
  using pass = new LinesPass(path, options.indexes ?? null, () => {}, { texts: unread });
  let columns = new ColumnBuilder(STEP_ROWS);
  for (let more = true; more;) {
    more = pass.fill(columns, STEP_ROWS, STEP_ROWS);
    options.onProgress?.(pass.bytes);
    if (columns.words.length > STEP_WORDS_MAX) columns = new ColumnBuilder(STEP_ROWS);
    columns.count = 0;
  }
  return pass.file();
}

/** Where a Parquet file is unpacked, besides what `prescan` needs. */
export interface InputOptions extends PrescanOptions {
  /** The system's folder for temporary files if not given. */
  readonly spillFolder?: string;
}

/**
 * Reads a file once, whatever its form: CSV, NDJSON or Parquet, told apart by its first bytes. `closeInput` gives free what it holds.
 * Throws as `prescan` does, and `folder_unusable` where a Parquet file cannot be unpacked for want of room.
 */
export async function prescanInput(path: string, options: InputOptions = {}): Promise<Prescan> {
  if (!isParquet(path)) return prescan(path, options);
  const { sha256, bytes } = await fileHash(path), times = new Times();
  const onRows = (columns: ColumnBuilder, share: number) => {
    times.take(columns);
    options.onProgress?.(share * bytes);
  };
  const unpacked = await unpackParquet(path, { spillFolder: options.spillFolder, onRows });
  try {
    const { rejected, rejects } = unpacked;
    if (times.rows === 0 && rejected > 0) throw nothingGood(path, rejects.slice(0, SHOWN_LINES), "row");
    if ((await fileHash(path)).sha256 !== sha256) {
      throw new GuardianError("input_unreadable", `Cannot read "${path}" to its end: it changed while it was read; start again`);
    }
    return { path, name: basename(path), sha256, bytes, layout: null, rejected, ...times.figures(), form: "parquet", unpacked };
  } catch (failure) {
    unpacked.close();
    throw failure;
  }
}

/** Gives free what a file that was read holds on disk. */
export function closeInput(file: Prescan): void {
  file.unpacked?.close();
}

/** Rows, the bounds of their times, and how far they are out of order. */
class Times {
  rows = 0;
  displacementMs = 0;
  #first = Infinity;
  #last = -Infinity;

  /** Takes rows from `from` on. */
  take({ count, eventTime }: ColumnBuilder, from = 0): void {
    let first = this.#first, last = this.#last, { displacementMs } = this;
    for (let row = from; row < count; row++) {
      const time = eventTime[row];
      if (time >= last) last = time;
      else displacementMs = Math.max(displacementMs, last - time);
      if (time < first) first = time;
    }
    this.rows += count - from;
    this.#first = first;
    this.#last = last;
    this.displacementMs = displacementMs;
  }

  figures(): Pick<Prescan, "rows" | "firstTime" | "lastTime" | "displacementMs"> {
    const { rows, displacementMs } = this;
    return rows === 0
      ? { rows, firstTime: NaN, lastTime: NaN, displacementMs }
      : { rows, firstTime: this.#first, lastTime: this.#last, displacementMs };
  }
}

/** Whether a file's first bytes are those of Parquet; false where it cannot be read, which is told by who reads it. */
export function isParquet(path: string): boolean {
  const bytes = new Uint8Array(FORM_BYTES);
  try {
    if (!Deno.statSync(path).isFile) return false;
    using file = Deno.openSync(path, { read: true });
    return formOf(path, bytes.subarray(0, file.readSync(bytes) ?? 0)) === "parquet";
  } catch (failure) {
    if (failure instanceof GuardianError) throw failure;
    return false;
  }
}

async function fileHash(path: string): Promise<{ sha256: string; bytes: number }> {
  const hash = createHash("sha256"), buffer = new Uint8Array(HASHED_BYTES);
  let bytes = 0;
  try {
    using file = await Deno.open(path, { read: true });
    for (let got = await file.read(buffer); got !== null; got = await file.read(buffer)) {
      hash.update(buffer.subarray(0, got));
      bytes += got;
    }
  } catch (cause) {
    throw new GuardianError("input_unreadable", `Cannot read "${path}": ${reasonOf(cause)}`, { cause });
  }
  return { sha256: hash.digest("hex"), bytes };
}

/** The id of what is read from a file: the same bytes, columns, shift and made-up anomalies give the same id. Hex. */
export function sourceId(file: Pick<Prescan, "sha256" | "layout" | "madeUp">, shiftMs: number): string {
  assert(file.sha256 !== "", "a source is named by all of its file");
  const layout = file.layout === null ? "" : layoutText(file.layout);
  const madeUp = file.madeUp === undefined ? "" : `\nmade up every ${file.madeUp.intervalS} s`;
  return createHash("sha256").update(`${file.sha256}\n${layout}\n${shiftMs}${madeUp}`).digest("hex");
}

/** What a file without a good line or row looks like, and what was expected. */
function nothingGood(path: string, first: readonly Reject[], what: "line" | "row"): GuardianError {
  const shown = first.map(({ line, raw }) => `${what} ${line} is ${quoted(lenient.decode(raw))}`).join(", ");
  const why = `no ${what} is an event; ${shown} (${first[0].message})`;
  return new GuardianError("input_unreadable", `Cannot read "${path}": ${why}. ${EXPECTED}`);
}
