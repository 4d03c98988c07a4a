// What every kind of input file looks like to the two passes over it: rows that come one after the other into columns, in file order.

import type { ColumnBuilder } from "../event/batch.ts";

/** Reads the good rows of one file. The same file gives the same rows and rejects, however they are asked for. */
export interface RowReader {
  /** Lines or rows up to now that are no event. Each was told as a reject, in file order. */
  readonly rejected: number;
  /**
   * Adds rows until `into` has `rowsMax`, or about `rejectsMax` more were refused; false at the end of the file. A line that holds several
   * rows may bring a few more than were asked for.
   */
  fill(into: ColumnBuilder, rowsMax: number, rejectsMax?: number): boolean;
}
