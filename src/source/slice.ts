// A stretch of rows as columns of their own that share memory with the whole. Cuts and copies nothing, whatever column groups there are.

import type { EventColumns } from "../event/batch.ts";

type Column = Uint8Array | Uint32Array | Float64Array;

/** Rows [from, to). What is changed in one is changed in the other. */
export function sliced(columns: EventColumns, from: number, to: number): EventColumns {
  if (from === 0 && to === columns.count) return columns;
  const { words, kind, eventTime, session, item, category, purchase, visitor, identity, properties, eventIds, ascii } = columns;
  return {
    count: to - from,
    words,
    kind: kind.subarray(from, to),
    eventTime: eventTime.subarray(from, to),
    session: session.subarray(from, to),
    item: item.subarray(from, to),
    category: category.subarray(from, to),
    purchase: purchase && slicedGroup(purchase, from, to),
    visitor: visitor && slicedGroup(visitor, from, to),
    identity: identity && slicedGroup(identity, from, to),
    properties: properties && properties.subarray(from, to),
    eventIds,
    ascii,
  };
}

function slicedGroup<Group extends object>(group: Group, from: number, to: number): Group {
  return Object.fromEntries(Object.entries(group).map(([name, column]) => [name, (column as Column).subarray(from, to)])) as Group;
}
