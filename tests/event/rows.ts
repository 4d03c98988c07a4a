// Columns as plain rows, so that tests can say what they expect.

import { columnText, type EventColumns } from "../../src/event/batch.ts";
import { kindNames } from "../../src/event/kind.ts";

export type Row = Record<string, string | number>;

/** The rows of columns; fields that a row does not have are left out. */
export function rowsOf(columns: EventColumns): Row[] {
  return Array.from({ length: columns.count }, (_, row) => {
    const { purchase, visitor, identity } = columns;
    const texts = {
      session: columns.session,
      item: columns.item,
      category: columns.category,
      orderId: purchase?.orderId,
      currency: purchase?.currency,
      ...visitor,
      source: identity?.source,
      eventId: identity?.eventId,
      properties: columns.properties ?? undefined,
    };
    const found: Row = { kind: kindNames[columns.kind[row]], time: columns.eventTime[row] };
    for (const [name, column] of Object.entries(texts)) {
      const text = columnText(columns, column, row);
      if (text !== null) found[name] = text;
    }
    if (purchase && !isNaN(purchase.price[row])) found.price = purchase.price[row];
    if (purchase && !isNaN(purchase.quantity[row])) found.quantity = purchase.quantity[row];
    if (identity && identity.row[row] >= 0) found.row = identity.row[row];
    return found;
  });
}
