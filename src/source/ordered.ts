// The second of two passes over a file: its rows in the fixed order (event time, then row), in bounded memory. How far rows are displaced
// is known from the first pass. Up to `reorderMs` a carry-over buffer mends it; a file beyond that is sorted in memory where it fits,
// else by runs on disk.
// What always holds: the rows and their order depend on the file and its layout alone, not on limits nor on the way taken.

import { assert } from "../assert.ts";
import { GuardianError } from "../errors.ts";
import { ColumnBuilder, type EventColumns } from "../event/batch.ts";
import type { Reject } from "../event/reject.ts";
import { limits } from "../limits.ts";
import { CsvReader } from "./csv.ts";
import { LineReader } from "./lines.ts";
import { withMadeUpRows } from "./made_up.ts";
import { mergeRuns } from "./merge.ts";
import { NdjsonReader } from "./ndjson.ts";
import { timeOrder } from "./order.ts";
import type { Prescan } from "./prescan.ts";
import { copied, gathered, pieces, ReorderBuffer } from "./reorder.ts";
import type { RowReader } from "./row_reader.ts";
import { Spill } from "./spill.ts";

/** Rows of one chunk: a few milliseconds of work between two turns of the event loop. */
const CHUNK_ROWS_MAX = 65_536;

/** Rejects of one chunk: a megabyte with the bytes that each keeps. */
const CHUNK_REJECTS_MAX = 128;

/** How a file is brought into order; what is not given is as in limits. */
export interface OrderOptions {
  readonly reorderMs?: number;
  readonly sortRowsMax?: number;
  readonly chunkRowsMax?: number;
  readonly chunkRejectsMax?: number;
  /** Where a file that is sorted on disk is kept meanwhile; the system's folder for temporary files if not given. */
  readonly spillFolder?: string;
  /** Called with the number of rows in memory, whenever it was at a peak. */
  readonly onHeld?: (rows: number) => void;
}

/**
 * What comes next of a file: rows, which may be none, and the rejects met on the way to them. firstRow: ordinal of the first row in the
 * fixed order, counted from 0 over good rows. linesRead: lines of the file that were read up to here, rows and rejects.
 */
export interface OrderedChunk {
  readonly firstRow: number;
  readonly columns: EventColumns;
  readonly rejects: readonly Reject[];
  readonly linesRead: number;
}

/** Yields a file's rows in order. Throws `input_unreadable` when the file is not what it was at the first pass. */
export function* orderedRows(file: Prescan, options: OrderOptions = {}): Generator<OrderedChunk> {
  const { madeUp } = file, rows = new OrderedFile(madeUp?.file ?? file, options);
  try {
    yield* madeUp === undefined ? rows.chunks() : withMadeUpRows(rows.chunks(), madeUp);
  } finally {
    rows.close();
  }
}

class OrderedFile {
  readonly #file: Prescan;
  /** Null where the rows were unpacked by the first pass. */
  readonly #lines: LineReader | null;
  readonly #reader: RowReader;
  /** Whether rows have no other columns than those of a CSV file, all of which each row sets. */
  readonly #plain: boolean;
  readonly #reorderMs: number;
  readonly #sortRowsMax: number;
  readonly #chunkRows: number;
  readonly #chunkRejects: number;
  readonly #spillFolder: string | undefined;
  readonly #onHeld: (rows: number) => void;
  #spill: Spill | null = null;
  #rejects: Reject[] = [];
  /** Rows yielded, the time of the last one, and rows parsed. */
  #yielded = 0;
  #yieldedTime = -Infinity;
  #parsed = 0;

  constructor(file: Prescan, options: OrderOptions) {
    this.#file = file;
    this.#reorderMs = options.reorderMs ?? limits.reorderMs;
    this.#sortRowsMax = options.sortRowsMax ?? limits.sortRowsMax;
    assert(this.#sortRowsMax >= SORT_ROWS_LEAST, "a sort has room for its parts");
    this.#chunkRows = Math.min(options.chunkRowsMax ?? CHUNK_ROWS_MAX, Math.floor(this.#sortRowsMax / 8));
    this.#chunkRejects = options.chunkRejectsMax ?? CHUNK_REJECTS_MAX;
    this.#spillFolder = options.spillFolder;
    this.#onHeld = options.onHeld ?? (() => {});
    this.#plain = file.form === undefined;
    const report = (reject: Reject) => this.#rejects.push(reject);
    this.#lines = file.unpacked === undefined ? new LineReader(file.path) : null;
    this.#reader = this.#lines === null
      ? file.unpacked!.reader(report)
      : file.form === "ndjson"
      ? new NdjsonReader(this.#lines, report)
      : new CsvReader(this.#lines, file.layout, report);
  }

  close(): void {
    this.#lines?.close();
    this.#spill?.close();
    this.#spill = null;
  }

  *chunks(): Generator<OrderedChunk> {
    if (this.#file.displacementMs === 0) yield* this.#asItStands();
    else if (this.#file.displacementMs <= this.#reorderMs) yield* this.#carried();
    else yield* this.#sorted(new ColumnBuilder(this.#chunkRows));
    const bytes = this.#lines?.fileBytes ?? this.#file.bytes;
    if (bytes !== this.#file.bytes || this.#yielded !== this.#file.rows) throw this.#changed();
  }

  *#asItStands(): Generator<OrderedChunk> {
    for (let more = true; more;) {
      const columns = new ColumnBuilder(this.#chunkRows);
      more = this.#fill(columns, this.#chunkRows);
      if (timeOrder(columns.eventTime, columns.count) !== null) throw this.#changed();
      this.#onHeld(columns.count);
      yield this.#chunk(columns);
    }
  }

  /** A row can only be followed by rows that are `displacementMs` older at the most, so all that is older than that may go. */
  *#carried(): Generator<OrderedChunk> {
    const heldMax = Math.floor(this.#sortRowsMax / 2), buffer = new ReorderBuffer(this.#plain, this.#chunkRows);
    for (let more = true; more;) {
      const carried = buffer.count;
      if (carried > heldMax / 2) return yield* this.#sorted(buffer.rows);
      // As many new rows as carried ones at least, so that no row is carried on more than twice on average.
      more = this.#fill(buffer.rows, Math.min(carried + Math.max(carried, this.#chunkRows), heldMax));
      this.#onHeld(buffer.count + Math.min(buffer.count, this.#chunkRows));
      for (const piece of buffer.release(carried, more ? this.#file.displacementMs : -Infinity)) yield this.#chunk(piece);
    }
  }

  /** Sorts `held` and all that is still in the file. What was yielded before comes before all of it. */
  *#sorted(held: ColumnBuilder): Generator<OrderedChunk> {
    const heldMax = this.#sortRowsMax - this.#chunkRows;
    const batchRows = Math.max(1, Math.floor(this.#sortRowsMax / BATCHES_IN_MEMORY));
    let more = true;
    while (more) {
      while (more && held.count < heldMax) {
        more = this.#fill(held, Math.min(held.count + this.#chunkRows, heldMax));
        // No rows yet, but a turn for the caller, and what was refused.
        if (more) yield this.#chunk(new ColumnBuilder(1));
      }
      const order = timeOrder(held.eventTime, held.count);
      if (!more && this.#spill === null) return yield* this.#pieces(held, order, held.count);
      this.#spill ??= new Spill(this.#spillFolder);
      this.#onHeld(held.count + Math.min(batchRows, held.count));
      for (let from = 0; from < held.count; from += batchRows) {
        const to = Math.min(from + batchRows, held.count);
        const shared = this.#plain && held.words.length <= SHARED_WORDS_MAX;
        const batch = shared ? gathered(held, order, from, to) : copied(held, order, from, to);
        this.#spill.write(batch);
      }
      if (held.count > 0) this.#spill.endRun();
      // Columns that have grown are used again; words would pile up, and columns that few rows set would keep what others left.
      if (!this.#plain || held.words.length > KEPT_WORDS_MAX) held = new ColumnBuilder(this.#chunkRows);
      held.count = 0;
    }
    yield* this.#merged(batchRows);
  }

  *#merged(batchRows: number): Generator<OrderedChunk> {
    const runsMax = Math.floor((this.#sortRowsMax - this.#chunkRows) / batchRows);
    // Neighbours are merged into longer runs until the rest can be merged at once.
    while (this.#spill!.runs.length > runsMax) {
      const from = this.#spill!, longer = new Spill(this.#spillFolder);
      this.#spill = longer;
      try {
        for (let first = 0; first < from.runs.length; first += runsMax) {
          for (const batch of mergeRuns(from, from.runs.slice(first, first + runsMax), batchRows, this.#onHeld)) {
            longer.write(batch);
            yield this.#chunk(new ColumnBuilder(1));
          }
          longer.endRun();
        }
      } finally {
        from.close();
      }
    }
    for (const columns of mergeRuns(this.#spill!, this.#spill!.runs, this.#chunkRows, this.#onHeld)) yield this.#chunk(columns);
  }

  /** Parses rows until `into` has `rowsMax`, or as many rejects as a chunk may have; false at the end of the file. */
  #fill(into: ColumnBuilder, rowsMax: number): boolean {
    const before = into.count;
    const more = this.#reader.fill(into, rowsMax, this.#chunkRejects - this.#rejects.length);
    this.#parsed += into.count - before;
    return more;
  }

  /** The first `ready` rows of `order`, as chunks. */
  *#pieces(columns: ColumnBuilder, order: Uint32Array | null, ready: number): Generator<OrderedChunk> {
    this.#onHeld(columns.count + Math.min(ready, this.#chunkRows));
    for (const piece of pieces(columns, order, ready, this.#chunkRows, this.#plain)) yield this.#chunk(piece);
  }

  #chunk(columns: EventColumns): OrderedChunk {
    const { count, eventTime } = columns;
    // Out of order can only mean that the file is not the one that was scanned.
    if (count > 0 && eventTime[0] < this.#yieldedTime) throw this.#changed();
    const chunk = { firstRow: this.#yielded, columns, rejects: this.#rejects, linesRead: this.#parsed + this.#reader.rejected };
    if (count > 0) this.#yieldedTime = eventTime[count - 1];
    this.#yielded += count;
    this.#rejects = [];
    return chunk;
  }

  #changed(): GuardianError {
    return new GuardianError("input_unreadable", `Cannot read "${this.#file.path}" to its end: it changed while it was read; start again`);
  }
}

/** Words that columns may bring along when they are used again. */
const KEPT_WORDS_MAX = 4096;

/** Words so few that each batch may carry all of them; copying those in use takes longer than writing them. */
const SHARED_WORDS_MAX = 64;

/** Batches that a sort holds in memory at a time, of all runs together. */
const BATCHES_IN_MEMORY = 512;

/** Rows below which a sort has no room for a chunk and two runs. */
const SORT_ROWS_LEAST = 8;
