// A file's rows in the fixed order by reading it once, for who need not know it beforehand. It works where rows are out of order by no more
// than the reorder buffer mends; where that turns out not to be so, it says so and all that it gave is void.
// What always holds: the rows, their order and the figures are those that two passes (prescan.ts, ordered.ts) give.

import type { Reject } from "../event/reject.ts";
import { limits } from "../limits.ts";
import type { ColumnIndexes } from "./layout.ts";
import type { OrderedChunk, OrderOptions } from "./ordered.ts";
import { LinesPass, type Prescan } from "./prescan.ts";
import { ReorderBuffer } from "./reorder.ts";

/** Rows of one chunk: few enough that their columns stay in the processor's cache from parsing to the last look. */
const CHUNK_ROWS_MAX = 16_384;

/** Rejects of one chunk: a megabyte with the bytes that each keeps. */
const CHUNK_REJECTS_MAX = 128;

/** How a file is read once; what is not given is as in limits. */
export interface OnePassOptions extends Pick<OrderOptions, "reorderMs" | "sortRowsMax" | "chunkRowsMax"> {
  /** Where the columns are, when they are not as in the two known layouts. */
  readonly indexes?: ColumnIndexes | null;
  /** Whether the file's hash is asked for; it is, if not given. */
  readonly hashed?: boolean;
}

/**
 * Yields the rows of a file of lines in order, and returns what `prescan` would; or null where the file has to be read twice: then what was
 * yielded means nothing. Columns last until the next ones are asked for. Throws as `prescan` does.
 */
export function* rowsInOnePass(path: string, options: OnePassOptions = {}): Generator<OrderedChunk, Prescan | null> {
  const { reorderMs = limits.reorderMs, sortRowsMax = limits.sortRowsMax } = options;
  const heldMax = Math.floor(sortRowsMax / 2), chunkRows = Math.min(options.chunkRowsMax ?? CHUNK_ROWS_MAX, heldMax);
  let rejects: Reject[] = [], firstRow = 0, parsed = 0;
  using pass = new LinesPass(path, options.indexes ?? null, (reject) => rejects.push(reject), { hashed: options.hashed });
  const buffer = new ReorderBuffer(pass.plain, chunkRows, true);
  for (let more = true; more;) {
    const carried = buffer.count;
    if (carried > heldMax / 2) return null;
    more = pass.fill(buffer.rows, Math.min(carried + Math.max(carried, chunkRows), heldMax), CHUNK_REJECTS_MAX);
    if (pass.displacementMs > reorderMs) return null;
    parsed += buffer.count - carried;
    for (const columns of buffer.release(carried, more ? reorderMs : -Infinity)) {
      yield { firstRow, columns, rejects, linesRead: parsed + pass.rejected };
      firstRow += columns.count;
      rejects = [];
    }
  }
  return pass.file();
}
