// Which column of a CSV file holds what. Two layouts are known by their number of columns: clicks and buys of the YOOCHOOSE data.
// What always holds: a file has one layout, settled by its first good line.

import { CLICK, PURCHASE } from "../event/kind.ts";
import { GuardianError } from "../errors.ts";
import { didYouMean } from "../nearest.ts";

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

/** What a column can be called where somebody says which it is. */
const columnNames: Readonly<Record<string, keyof ColumnIndexes>> = {
  session_id: "session",
  timestamp: "timestamp",
  item_id: "item",
  category: "category",
  price: "price",
  quantity: "quantity",
};

/** Indexes out of texts like `session_id=2`, counted from 0. Throws `usage` when they make no sense, or one that is needed is not there. */
export function indexesOf(given: readonly string[]): ColumnIndexes {
  const indexes: Partial<Record<keyof ColumnIndexes, number>> = {};
  for (const text of given) {
    const parts = /^([^=]+)=(\d+)$/.exec(text);
    if (parts === null) throw new GuardianError("usage", `Cannot use the column "${text}": write it as name=index, such as session_id=0`);
    const name = columnNames[parts[1]];
    if (name === undefined) {
      const hint = didYouMean(parts[1], Object.keys(columnNames));
      throw new GuardianError("usage", `Cannot use the column "${parts[1]}": no column has that name; ${hint}`);
    }
    if (indexes[name] !== undefined) throw new GuardianError("usage", `Cannot use the column "${text}": ${parts[1]} is given twice`);
    indexes[name] = Number(parts[2]);
  }
  const missing = ["session_id", "timestamp", "item_id"].filter((name) => indexes[columnNames[name]] === undefined);
  if (missing.length > 0) {
    throw new GuardianError("usage", `Cannot tell the columns apart: ${missing.join(", ")} has no index; give each as name=index`);
  }
  checkIndexes(indexes as ColumnIndexes);
  return indexes as ColumnIndexes;
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
