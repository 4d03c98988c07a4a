// Which column of a CSV file holds what. Two layouts are known by their number of columns: clicks and buys of the YOOCHOOSE data.
// What always holds: a file has one layout, settled by its first good line.

import { CLICK, PURCHASE } from "../event/kind.ts";
import { GuardianError } from "../errors.ts";

/** Columns of a line that can be used; more are only counted. */
export const COLUMNS_MAX = 1024;

/** Indexes of columns, from 0; -1 where the file has no such column. `columns`: how many each line has. */
export interface CsvLayout {
  readonly kind: typeof CLICK | typeof PURCHASE;
  readonly columns: number;
  readonly session: number;
  readonly timestamp: number;
  readonly item: number;
  readonly category: number;
  readonly price: number;
  readonly quantity: number;
}

/** Where a file of another layout has its columns. With a price it holds purchases, and needs a quantity too. */
export interface ColumnIndexes {
  readonly session: number;
  readonly timestamp: number;
  readonly item: number;
  readonly category?: number;
  readonly price?: number;
  readonly quantity?: number;
}

/** `session_id,timestamp,item_id,category` */
export const CLICKS: CsvLayout = { kind: CLICK, columns: 4, session: 0, timestamp: 1, item: 2, category: 3, price: -1, quantity: -1 };

/** `session_id,timestamp,item_id,price,quantity` */
export const BUYS: CsvLayout = { kind: PURCHASE, columns: 5, session: 0, timestamp: 1, item: 2, category: -1, price: 3, quantity: 4 };

/** The layout of a file whose lines have `columns` columns, or null where there is none. */
export function layoutFor(columns: number, indexes: ColumnIndexes | null): CsvLayout | null {
  if (indexes === null) return columns === CLICKS.columns ? CLICKS : columns === BUYS.columns ? BUYS : null;
  const { session, timestamp, item, category = -1, price = -1, quantity = -1 } = indexes;
  if (Math.max(session, timestamp, item, category, price, quantity) >= columns) return null;
  return { kind: price < 0 ? CLICK : PURCHASE, columns, session, timestamp, item, category, price, quantity };
}

/** Refuses indexes that no file can have. Throws `usage`. */
export function checkIndexes(indexes: ColumnIndexes): void {
  const given = Object.entries(indexes).filter(([, index]) => index !== undefined) as [string, number][];
  const used = new Map<number, string>();
  for (const [name, index] of given) {
    if (!Number.isInteger(index) || index < 0 || index >= COLUMNS_MAX) {
      throw new GuardianError("usage", `Cannot use column ${index} for ${name}: columns count from 0 to ${COLUMNS_MAX - 1}`);
    }
    const other = used.get(index);
    if (other !== undefined) throw new GuardianError("usage", `Cannot use column ${index} for ${name}: it is ${other} already`);
    used.set(index, name);
  }
  if ((indexes.price === undefined) !== (indexes.quantity === undefined)) {
    throw new GuardianError("usage", "Cannot read purchases: name the columns of both price and quantity, or of neither");
  }
}

/** The layout as a text that differs where what is read from a file differs. */
export function layoutText(layout: CsvLayout): string {
  const { columns, session, timestamp, item, category, price, quantity } = layout;
  return `${columns}:${[session, timestamp, item, category, price, quantity].join(",")}`;
}
