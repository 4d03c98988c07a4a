// The reorder buffer: rows that may still be followed by older ones. It gives out what is surely next, and keeps the rest in its own columns.
// What always holds: rows come out by (event time, row), however many are given at a time; what is given out is columns of its own, which
// nothing here changes any more, or, for who asks for it, columns that last until the next ones. Knows no file and no reader.

import { ColumnBuilder, type EventColumns, type IdentityColumns, type PurchaseColumns, type VisitorColumns } from "../event/batch.ts";
import { countUntil, OrderScratch, timeOrder } from "./order.ts";
import { sliced } from "./slice.ts";

/** Words and event ids that the buffer's columns may gather before those in use are copied: what was given out shares them all. */
const WORDS_MAX = 131_072;

/** Rows on their way into order, moved column by column. */
export class ReorderBuffer {
  /** Where rows are added behind those that are held. */
  rows: ColumnBuilder;
  /** Largest event time seen, ms. */
  newest = -Infinity;
  readonly #plain: boolean;
  readonly #pieceRows: number;
  readonly #lent: boolean;
  readonly #scratch = new OrderScratch();
  /** Where rows are gathered that nobody keeps. */
  #room = new ColumnBuilder(1);

  /**
   * plain: whether rows have no other columns than those of a CSV file, all of which each row sets. pieceRows: rows given out at a time, at the most. lent: whether the
   * rows given out need not outlast the next ones, so that their memory can be used again.
   */
  constructor(plain: boolean, pieceRows: number, lent = false) {
    this.#plain = plain;
    this.#pieceRows = pieceRows;
    this.#lent = lent;
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
    const order = timeOrder(eventTime, count, this.#scratch);
    const ready = behindMs === -Infinity ? count : countUntil(eventTime, count, order, newest - behindMs);
    yield* this.#lent ? this.#lentPieces(order, ready) : pieces(rows, order, ready, this.#pieceRows, true);
    this.#keep(order, ready);
  }

  /** As `pieces`, in memory that is used again. */
  *#lentPieces(order: Uint32Array | null, ready: number): Generator<EventColumns> {
    const { rows } = this;
    let from = 0;
    do {
      const to = Math.min(from + this.#pieceRows, ready);
      yield order === null ? sliced(rows, from, to) : gathered(rows, order, from, to, this.#roomFor(to - from));
      from = to;
    } while (from < ready);
  }

  #roomFor(count: number): ColumnBuilder {
    if (this.#room.eventTime.length < count) this.#room = new ColumnBuilder(Math.max(count, this.#pieceRows));
    return this.#room;
  }

  /** Brings rows `ready` and on, in the order they have now, to the front. */
  #keep(order: Uint32Array | null, ready: number): void {
    const { rows } = this, { count } = rows;
    if (rows.words.length + (rows.eventIds?.count ?? 0) > WORDS_MAX) {
      this.rows = copied(rows, order, ready, count, 2 * this.#pieceRows);
      return;
    }
    const left = count - ready;
    if (left > 0) {
      const kept = order === null ? sliced(rows, ready, count) : gathered(rows, order, ready, count, this.#roomFor(left));
      rows.kind.set(kept.kind.subarray(0, left));
      rows.eventTime.set(kept.eventTime.subarray(0, left));
      rows.session.set(kept.session.subarray(0, left));
      rows.item.set(kept.item.subarray(0, left));
      rows.category.set(kept.category.subarray(0, left));
      for (const name of groupNames) setGroup(rows[name], kept[name], left);
      rows.properties?.set(kept.properties!.subarray(0, left));
    }
    // What the rows behind had in columns that few rows set would else be of the next ones.
    if (this.#plain) rows.count = left;
    else rows.cut(left);
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

/**
 * Rows [from, to) of `order` as columns of their own, sharing the words. into: whose columns they become; those of a builder that was not
 * used before are nobody else's.
 */
export function gathered(
  columns: ColumnBuilder,
  order: Uint32Array | null,
  from: number,
  to: number,
  into = new ColumnBuilder(Math.max(1, to - from)),
): EventColumns {
  const count = to - from, rows = order === null ? null : order.subarray(from, to);
  pickKinds(columns.kind, rows, from, count, into.kind);
  pickNumbers(columns.eventTime, rows, from, count, into.eventTime);
  pickCodes(columns.session, rows, from, count, into.session);
  pickCodes(columns.item, rows, from, count, into.item);
  pickCodes(columns.category, rows, from, count, into.category);
  const { purchase, visitor, identity, properties } = columns;
  if (properties !== null) pickCodes(properties, rows, from, count, into.withProperties());
  return {
    count,
    words: columns.words,
    kind: into.kind,
    eventTime: into.eventTime,
    session: into.session,
    item: into.item,
    category: into.category,
    purchase: purchase && pickGroup(purchase, rows, from, count, into.withPurchase()),
    visitor: visitor && pickGroup(visitor, rows, from, count, into.withVisitor()),
    identity: identity && pickGroup(identity, rows, from, count, into.withIdentity()),
    properties: properties && into.properties,
    eventIds: columns.eventIds,
    ascii: columns.ascii,
  };
}

type Group = PurchaseColumns | VisitorColumns | IdentityColumns;
const groupNames = ["purchase", "visitor", "identity"] as const;

/** As `pickNumbers`, for all columns of a group. Returns `into`. */
function pickGroup<T extends Group>(group: T, rows: Uint32Array | null, from: number, count: number, into: T): T {
  for (const [name, column] of Object.entries(group) as [keyof T, Uint32Array | Float64Array][]) {
    if (column instanceof Float64Array) pickNumbers(column, rows, from, count, into[name] as Float64Array);
    else pickCodes(column, rows, from, count, into[name] as Uint32Array);
  }
  return into;
}

/** Sets the first `count` rows of a group, where there is one. */
function setGroup(into: Group | null, from: Group | null, count: number): void {
  if (into === null) return;
  for (const [name, column] of Object.entries(into) as [keyof Group, Uint32Array | Float64Array][]) {
    column.set((from![name] as Uint32Array | Float64Array).subarray(0, count));
  }
}

/** As `pickNumbers`. One function for all kinds of columns would be several times as slow. */
function pickKinds(column: Uint8Array, rows: Uint32Array | null, from: number, count: number, into: Uint8Array): void {
  if (rows === null) into.set(column.subarray(from, from + count));
  else for (let place = 0; place < count; place++) into[place] = column[rows[place]];
}

/** Puts the rows `rows` of a column, or for null `count` of them from `from` on, to the front of another. */
function pickNumbers(column: Float64Array, rows: Uint32Array | null, from: number, count: number, into: Float64Array): void {
  if (rows === null) into.set(column.subarray(from, from + count));
  else for (let place = 0; place < count; place++) into[place] = column[rows[place]];
}

/** As `pickNumbers`. */
function pickCodes(column: Uint32Array, rows: Uint32Array | null, from: number, count: number, into: Uint32Array): void {
  if (rows === null) into.set(column.subarray(from, from + count));
  else for (let place = 0; place < count; place++) into[place] = column[rows[place]];
}
