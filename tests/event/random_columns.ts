// Columns of random rows, with any groups that events can have.

import { ColumnBuilder } from "../../src/event/batch.ts";
import { PURCHASE } from "../../src/event/kind.ts";

export const TIME = Date.UTC(2014, 3, 7);

/** Columns of random rows; groups: bits for purchase, visitor, identity and properties; variety: how many values a column is likely to have. */
export function randomColumns(random: () => number, count: number, variety: number, groups: number): ColumnBuilder {
  const columns = new ColumnBuilder(1 + Math.floor(random() * 100));
  const integer = (below: number) => Math.floor(random() * below);
  const text = () => {
    const n = integer(variety);
    return ["word-" + n, String(n), "ü😀" + n, "0" + n, String(2 ** 31 + n), "\ufeff" + n][integer(6)];
  };
  const code = () => columns.code(text());
  for (let i = 0; i < count; i++) {
    const kind = integer(5);
    const row = columns.push(kind, TIME + integer(variety * 1000), code(), code(), code());
    if (groups & 1 && kind === PURCHASE) {
      const purchase = columns.withPurchase();
      purchase.price[row] = integer(9e15);
      purchase.quantity[row] = integer(variety);
      purchase.orderId[row] = code();
    }
    if (groups & 2 && random() < 0.7) {
      const visitor = columns.withVisitor();
      visitor.ip[row] = code();
      visitor.page[row] = code();
    }
    if (groups & 4 && random() < 0.7) {
      const identity = columns.withIdentity();
      identity.source[row] = columns.code("source");
      identity.row[row] = i;
      const id = text();
      identity.eventId[row] = random() < 0.6 ? columns.code(id) : columns.eventIdCode(id);
    }
    if (groups & 8 && random() < 0.7) columns.withProperties()[row] = code();
  }
  return columns;
}
