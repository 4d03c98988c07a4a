// The first of two passes over a file: what it is (its hash), how its lines are laid out, and how far its rows are out of order.
// The second pass (ordered.ts) relies on these figures; both use one parser, so that they agree on every line.

import { createHash } from "node:crypto";
import { basename } from "node:path";
import { GuardianError } from "../errors.ts";
import { ColumnBuilder } from "../event/batch.ts";
import { quoted } from "../event/quoted.ts";
import type { Reject } from "../event/reject.ts";
import { CsvReader } from "./csv.ts";
import { checkIndexes, type ColumnIndexes, type CsvLayout, layoutText } from "./layout.ts";
import { LineReader } from "./lines.ts";

/** Rows parsed at a time: few enough that their columns stay in the processor's cache. */
const STEP_ROWS = 4096;

/** Words that the scan's columns may gather before they are made anew. */
const STEP_WORDS_MAX = 16_384;

/** First lines that an error shows. */
const SHOWN_LINES = 3;

const lenient = new TextDecoder();

const EXPECTED = "Expected lines as 1,2014-04-07T10:51:09.277Z,214536502,0 (session, time, item, category) " +
  "or 1,2014-04-07T10:51:09.277Z,214536502,1625,1 (session, time, item, price, quantity)";

/**
 * A file that was read once. sha256: hex, of all bytes. layout: null for a file without lines. rows: good lines. rejected: lines that are
 * no event. firstTime, lastTime: smallest and largest event time, ms since the epoch, NaN without rows. displacementMs: how far a row
 * lies behind the largest time before it, at the most.
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
}

/** How a file is scanned. */
export interface PrescanOptions {
  /** Where the columns are, when they are not as in the two known layouts. */
  readonly indexes?: ColumnIndexes | null;
  /** Called now and then with the bytes read. */
  readonly onProgress?: (bytes: number) => void;
}

/** Reads a file once. Throws `input_unreadable` when it cannot be read, or has lines and not one is good; `usage` for impossible indexes. */
export function prescan(path: string, options: PrescanOptions = {}): Prescan {
  const indexes = options.indexes ?? null;
  if (indexes !== null) checkIndexes(indexes);
  const hash = createHash("sha256");
  let rows = 0, firstTime = Infinity, lastTime = -Infinity, displacementMs = 0;
  using lines = new LineReader(path, { onBytes: (bytes) => hash.update(bytes) });
  const first: Reject[] = [];
  const csv = new CsvReader(lines, null, (reject) => first.length < SHOWN_LINES && first.push(reject), indexes);
  let columns = new ColumnBuilder(STEP_ROWS);
  for (let more = true; more;) {
    more = csv.fill(columns, STEP_ROWS, STEP_ROWS);
    const { count, eventTime } = columns;
    for (let row = 0; row < count; row++) {
      const time = eventTime[row];
      if (time >= lastTime) lastTime = time;
      else displacementMs = Math.max(displacementMs, lastTime - time);
      if (time < firstTime) firstTime = time;
    }
    rows += count;
    options.onProgress?.(lines.fileBytes);
    if (columns.words.length > STEP_WORDS_MAX) columns = new ColumnBuilder(STEP_ROWS);
    columns.count = 0;
  }
  if (rows === 0 && csv.rejected > 0) throw nothingGood(path, first);
  const times = rows > 0 ? { firstTime, lastTime } : { firstTime: NaN, lastTime: NaN };
  const { layout, rejected } = csv, sha256 = hash.digest("hex");
  return { path, name: basename(path), sha256, bytes: lines.fileBytes, layout, rows, rejected, ...times, displacementMs };
}

/** The id of what is read from a file: the same bytes, columns and shift give the same id. Hex. */
export function sourceId(file: Pick<Prescan, "sha256" | "layout">, shiftMs: number): string {
  const layout = file.layout === null ? "" : layoutText(file.layout);
  return createHash("sha256").update(`${file.sha256}\n${layout}\n${shiftMs}`).digest("hex");
}

/** What a file without a good line looks like, and what was expected. */
function nothingGood(path: string, first: readonly Reject[]): GuardianError {
  const shown = first.map(({ line, raw }) => `line ${line} is ${quoted(lenient.decode(raw))}`).join(", ");
  const why = `no line is an event; ${shown} (${first[0].message})`;
  return new GuardianError("input_unreadable", `Cannot read "${path}": ${why}. ${EXPECTED}`);
}
