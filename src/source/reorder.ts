// The reorder buffer: rows that may still be followed by older ones. It gives out what is surely next, and keeps the rest in its own columns.
// What always holds: rows come out by (event time, row), however many are given at a time; what is given out is columns of its own, which
// nothing here changes any more. Knows no file and no reader.

import { ColumnBuilder, type EventColumns } from "../event/batch.ts";
import { ABSENT } from "../event/code.ts";
import { countUntil, timeOrder } from "./order.ts";

/** Words that the buffer's columns may gather before those in use are copied: what was given out shares them all. */
const WORDS_MAX = 131_072;

/** Rows on their way into order. Those of a CSV file are moved column by column; others may have any column, and are copied one by one. */
export class ReorderBuffer {
  /** Where rows are added behind those that are held. */
  rows: ColumnBuilder;
  /** Largest event time seen, ms. */
  newest = -Infinity;
  readonly #plain: boolean;
  readonly #pieceRows: number;

  /** plain: whether rows have no other columns than those of a CSV file. pieceRows: rows given out at a time, at the most. */
  constructor(plain: boolean, pieceRows: number) {
    this.#plain = plain;
    this.#pieceRows = pieceRows;
    this.rows = new ColumnBuilder(2 * pieceRows);
  }

  /** Rows held. */
  get count(): number {
    return this.rows.count;
  }

  /**
   * Takes note of the rows from `added` on and gives out, in pieces, what no later row can come before: all that is `behindMs` older than the
   * newest. Infinity holds all back, -Infinity none. The last piece must have been taken before rows are added again.
   */
  *release(added: number, behindMs: number): Generator<EventColumns> {
    const { rows } = this, { count, eventTime } = rows;
    let newest = this.newest;
    for (let row = added; row < count; row++) if (eventTime[row] > newest) newest = eventTime[row];
    this.newest = newest;
    const order = timeOrder(eventTime, count);
    const ready = behindMs === -Infinity ? count : countUntil(eventTime, count, order, newest - behindMs);
    yield* pieces(rows, order, ready, this.#pieceRows, this.#plain);
    this.#keep(order, ready);
  }

  /** Brings rows `ready` and on, in the order they have now, to the front. */
  #keep(order: Uint32Array | null, ready: number): void {
    const { rows } = this, { count } = rows;
    if (!this.#plain || rows.words.length > WORDS_MAX) {
      this.rows = copied(rows, order, ready, count, 2 * this.#pieceRows);
      return;
    }
    if (ready < count) {
      const { kind, eventTime, session, item, category, purchase } = gathered(rows, order, ready, count);
      rows.kind.set(kind);
      rows.eventTime.set(eventTime);
      rows.session.set(session);
      rows.item.set(item);
      rows.category.set(category);
      rows.purchase?.price.set(purchase!.price);
      rows.purchase?.quantity.set(purchase!.quantity);
    }
    rows.count = count - ready;
  }
}

/** The first `ready` rows of `order`, in pieces of `pieceRows`; at least one, which may be empty. */
export function* pieces(
  rows: ColumnBuilder,
  order: Uint32Array | null,
  ready: number,
  pieceRows: number,
  plain: boolean,
): Generator<EventColumns> {
  let from = 0;
  do {
    const to = Math.min(from + pieceRows, ready);
    yield plain ? gathered(rows, order, from, to) : copied(rows, order, from, to);
    from = to;
  } while (from < ready);
}

/** Rows [from, to) of `order` with the words that they have, with room for `capacity` rows. */
export function copied(columns: ColumnBuilder, order: Uint32Array | null, from: number, to: number, capacity = 1): ColumnBuilder {
  const into = new ColumnBuilder(Math.max(capacity, to - from)), memo = new Uint32Array(columns.words.length);
  for (let place = from; place < to; place++) into.copyRow(columns, order === null ? place : order[place], memo);
  return into;
}

/** Rows [from, to) of `order` as columns of their own, sharing the words. Only the columns that a CSV file fills are looked at. */
export function gathered(columns: ColumnBuilder, order: Uint32Array | null, from: number, to: number): EventColumns {
  const { words, kind, eventTime, session, item, category, purchase } = columns, count = to - from;
  const rows = order === null ? null : order.subarray(from, to);
  return {
    count,
    words,
    kind: rows === null ? kind.slice(from, to) : kind.slice(0, count),
    eventTime: rows === null ? eventTime.slice(from, to) : picked(eventTime, rows, new Float64Array(count)),
    session: rows === null ? session.slice(from, to) : picked(session, rows, new Uint32Array(count)),
    item: rows === null ? item.slice(from, to) : picked(item, rows, new Uint32Array(count)),
    category: rows === null ? category.slice(from, to) : picked(category, rows, new Uint32Array(count)),
    purchase: purchase === null ? null : {
      price: rows === null ? purchase.price.slice(from, to) : picked(purchase.price, rows, new Float64Array(count)),
      quantity: rows === null ? purchase.quantity.slice(from, to) : picked(purchase.quantity, rows, new Float64Array(count)),
      orderId: new Uint32Array(count).fill(ABSENT),
      currency: new Uint32Array(count).fill(ABSENT),
    },
    visitor: null,
    identity: null,
    properties: null,
  };
}

function picked<T extends Float64Array | Uint32Array>(column: T, rows: Uint32Array, into: T): T {
  for (let place = 0; place < rows.length; place++) into[place] = column[rows[place]];
  return into;
}
