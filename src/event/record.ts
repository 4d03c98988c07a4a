// One JSON record to rows of columns: a flat event, a UserEvent, or a Transaction with a purchase per order item.
// What always holds: all fields of a row are checked before anything of it enters the columns, so that a refused event leaves no trace.
// A field that is null counts as left out, and so does an empty text where the field may be left out.

import { limits } from "../limits.ts";
import type { ColumnBuilder } from "./batch.ts";
import { ABSENT } from "./code.ts";
import { CLICK, kindNames, PURCHASE } from "./kind.ts";
import { camelNames, type FieldNames, fields, namesIn, placeOf } from "./names.ts";
import { quoted } from "./quoted.ts";
import type { RejectCode } from "./reject.ts";
import { formatTimestamp } from "./timestamp.ts";
import { checkValue, Fault, isObject, wanted, wrongType } from "./value.ts";

/** Takes what is wrong with a record, or with one of its order items. */
export type FaultSink = (code: RejectCode, field: string | null, message: string) => void;

export interface RecordOptions {
  /** Wall clock, ms since the epoch. */
  readonly now: number;
  /** How far ahead of `now` an event may be, ms; null: up to limits.eventTimeMax. */
  readonly futureMs: number | null;
  /** Event ids are only checked, for who does not look at them. */
  readonly withoutEventIds?: boolean;
}

type JsonObject = Record<string, unknown>;

const table: readonly FieldNames[] = fields;
const recordNames = namesIn("record"), contextNames = namesIn("context");
const propertyNames = namesIn("properties"), orderItemNames = namesIn("order_item");

/** Places of fields, by what is done with them. */
const requiredOf = kindNames.map((kind) => placesWhere((field) => field.requiredBy?.includes(kind) ?? false));
const itemPlaces = placesWhere((field) => field.inOrderItem !== undefined);
const requiredOfItem = requiredOf[PURCHASE].filter((place) => itemPlaces.includes(place));
const requiredOfTransaction = requiredOf[PURCHASE].filter((place) => !itemPlaces.includes(place));
const purchasePlaces = [placeOf.price, placeOf.quantity, placeOf.order_id, placeOf.currency];
const commonPlaces = ([
  "session_id",
  "timestamp",
  "order_id",
  "currency",
  "event_id",
  "user_id",
  "user_agent",
  "ip",
  "referrer",
  "platform",
  "page",
  "properties",
] as const).map((field) => placeOf[field]);
const visitorColumns = [
  [placeOf.user_id, "userId"],
  [placeOf.ip, "ip"],
  [placeOf.user_agent, "userAgent"],
  [placeOf.referrer, "referrer"],
  [placeOf.platform, "platform"],
  [placeOf.page, "page"],
] as const;

/** The id of a transaction, with `#` and the number of an order item, is an event id. */
const transactionIdBytesMax = limits.shortTextBytesMax - 1 - String(limits.orderItemsMax - 1).length;
const USER_SESSION = "user:";

function placesWhere(holds: (field: FieldNames) => boolean): number[] {
  return [...table.keys()].filter((place) => holds(table[place]));
}

/** Reads records into the columns `into`, one after the other. Its methods return whether a record or an item of it got in. */
export class RecordReader {
  readonly #into: ColumnBuilder;
  readonly #latest: number;
  readonly #withEventIds: boolean;
  readonly #onFault: FaultSink;
  /** Values of the record at hand by their place in the table: as sent, then as checked. */
  readonly #values: unknown[] = new Array(table.length).fill(undefined);
  /** The name that each was given under. */
  readonly #spelt: string[] = new Array(table.length).fill("");
  #camel = false;

  constructor(into: ColumnBuilder, options: RecordOptions, onFault: FaultSink) {
    this.#into = into;
    this.#latest = Math.min(options.futureMs === null ? Infinity : options.now + options.futureMs, limits.eventTimeMax);
    this.#withEventIds = options.withoutEventIds !== true;
    this.#onFault = onFault;
  }

  /** Adds the events of one record, or says what is wrong with it. */
  read(record: JsonObject): boolean {
    const values = this.#values;
    values.fill(undefined);
    this.#camel = false;
    if (!this.#gather(record)) return false;
    const context = values[placeOf.context], properties = values[placeOf.properties];
    if (context !== undefined) {
      if (!isObject(context)) return this.#fail(placeOf.context, wrongType("context", context));
      this.#gatherWithin(context, contextNames, this.#spelt[placeOf.context] + ".");
    }
    if (isObject(properties)) this.#gatherWithin(properties, propertyNames, this.#spelt[placeOf.properties] + ".");
    const isTransaction = values[placeOf.order_items] !== undefined ||
      (values[placeOf.transaction_id] !== undefined && values[placeOf.kind] === undefined);
    return isTransaction ? this.#readTransaction() : this.#readEvent();
  }

  /** Takes the fields of the record itself; false when one is given under two names. */
  #gather(record: JsonObject): boolean {
    const values = this.#values;
    for (const name in record) {
      const place = recordNames.get(name);
      if (place === undefined) continue;
      const value = record[name];
      if (value === null) continue;
      if (values[place] !== undefined && values[place] !== value) {
        const why = `and ${quoted(this.#spelt[place])} are one field and differ; send one of them`;
        this.#spelt[place] = name;
        return this.#fail(place, new Fault("duplicate_field", why));
      }
      values[place] = value;
      this.#spelt[place] = name;
      if (camelNames.has(name)) this.#camel = true;
    }
    return true;
  }

  /** Takes fields from a structure within the record, where the record itself has none. */
  #gatherWithin(structure: JsonObject, names: Map<string, number>, path: string): void {
    for (const name in structure) {
      const place = names.get(name);
      if (place === undefined || structure[name] === null || this.#values[place] !== undefined) continue;
      this.#values[place] = structure[name];
      this.#spelt[place] = path + name;
    }
  }

  #readEvent(): boolean {
    const values = this.#values;
    if (!this.#check(placeOf.kind)) return false;
    const kind = values[placeOf.kind] as number ?? CLICK;
    if (kind !== PURCHASE) { for (const place of purchasePlaces) values[place] = undefined; }
    else if (values[placeOf.order_id] === undefined) this.#takeFrom(placeOf.transaction_id, placeOf.order_id);
    return this.#checkRequired(requiredOf[kind], "") && this.#checkAll(commonPlaces) && this.#isTimely() && this.#checkAll(itemPlaces) &&
      this.#push(kind);
  }

  #readTransaction(): boolean {
    const values = this.#values, items = values[placeOf.order_items];
    if (!this.#check(placeOf.status)) return false;
    if (items === undefined) return this.#missing(placeOf.order_items, "");
    if (!Array.isArray(items)) return this.#fail(placeOf.order_items, wrongType("order_items", items));
    const size = items.length;
    if (size === 0) return this.#fail(placeOf.order_items, new Fault("missing_field", "is empty; send what was bought"));
    if (size > limits.orderItemsMax) {
      const why = `has ${size} items, more than ${limits.orderItemsMax}; send several transactions`;
      return this.#fail(placeOf.order_items, new Fault("too_large", why));
    }
    // Each of its purchases needs an event id of its own: the transaction's, or else the one given for the whole, with a number.
    const base = values[placeOf.transaction_id] === undefined ? placeOf.event_id : placeOf.transaction_id;
    if (!this.#check(base, transactionIdBytesMax)) return false;
    if (values[placeOf.order_id] === undefined) this.#takeFrom(placeOf.transaction_id, placeOf.order_id);
    if (values[placeOf.session_id] === undefined && !this.#giveSession()) return false;
    if (!this.#checkRequired(requiredOfTransaction, "") || !this.#checkAll(commonPlaces) || !this.#isTimely()) return false;
    const path = this.#spelt[placeOf.order_items], id = values[base];
    for (let i = 0; i < size; i++) {
      if (id !== undefined) values[placeOf.event_id] = `${id}#${i}`;
      this.#readOrderItem(items[i], `${path}[${i}]`);
    }
    return true;
  }

  #readOrderItem(item: unknown, path: string): boolean {
    for (const place of itemPlaces) this.#values[place] = undefined;
    if (!isObject(item)) {
      this.#spelt[placeOf.order_items] = path;
      return this.#fail(placeOf.order_items, new Fault("wrong_type", `is ${quoted(item)}; send an object`));
    }
    this.#gatherWithin(item, orderItemNames, path + ".");
    return this.#checkRequired(requiredOfItem, path + ".") && this.#checkAll(itemPlaces) && this.#push(PURCHASE);
  }

  #takeFrom(from: number, to: number): void {
    this.#values[to] = this.#values[from];
    this.#spelt[to] = this.#spelt[from];
  }

  /** A transaction without a session belongs to the one named after its user. */
  #giveSession(): boolean {
    if (!this.#check(placeOf.user_id, limits.idBytesMax - USER_SESSION.length)) return false;
    const user = this.#values[placeOf.user_id];
    if (user !== undefined) this.#values[placeOf.session_id] = USER_SESSION + user;
    return true;
  }

  #checkRequired(places: readonly number[], path: string): boolean {
    for (const place of places) {
      const value = this.#values[place];
      if (value === undefined) return this.#missing(place, path);
      if (value === "") return this.#fail(place, new Fault("invalid_value", `is empty; send ${wanted[table[place].value]}`));
    }
    return true;
  }

  #checkAll(places: readonly number[]): boolean {
    for (const place of places) if (!this.#check(place)) return false;
    return true;
  }

  #check(place: number, bytesMax = table[place].bytesMax ?? 0): boolean {
    const value = this.#values[place];
    if (value === undefined) return true;
    const checked = checkValue(table[place].value, value, bytesMax);
    if (checked instanceof Fault) return this.#fail(place, checked);
    this.#values[place] = checked;
    return true;
  }

  #isTimely(): boolean {
    const time = this.#values[placeOf.timestamp] as number;
    if (time >= limits.eventTimeMin && time <= this.#latest) return true;
    const said = inCalendar(time) ? formatTimestamp(time) : `${time} ms`;
    const why = time > this.#latest
      ? `later than ${formatTimestamp(this.#latest)}; check the clock that it came from`
      : time * 1000 >= limits.eventTimeMin && time * 1000 <= this.#latest
      ? "which looks like seconds; send milliseconds since the epoch"
      : `earlier than ${formatTimestamp(limits.eventTimeMin)}; send the time of the event`;
    return this.#fail(placeOf.timestamp, new Fault("out_of_range", `is ${said}, ${why}`));
  }

  /** Adds the row that the checked values make. */
  #push(kind: number): boolean {
    const values = this.#values, into = this.#into;
    const time = values[placeOf.timestamp] as number;
    const row = into.push(kind, time, this.#code(placeOf.session_id), this.#code(placeOf.item_id), this.#code(placeOf.category));
    if (kind === PURCHASE) {
      const purchase = into.withPurchase();
      purchase.price[row] = values[placeOf.price] as number;
      purchase.quantity[row] = values[placeOf.quantity] as number;
      purchase.orderId[row] = this.#code(placeOf.order_id);
      purchase.currency[row] = this.#code(placeOf.currency);
    }
    for (const [place, column] of visitorColumns) {
      if (values[place] !== undefined) into.withVisitor()[column][row] = this.#code(place);
    }
    if (values[placeOf.event_id] !== undefined && this.#withEventIds) {
      const id = values[placeOf.event_id];
      into.withIdentity().eventId[row] = typeof id === "number" ? id : into.eventIdCode(id as string);
    }
    if (values[placeOf.properties] !== undefined) into.withProperties()[row] = this.#code(placeOf.properties);
    return true;
  }

  #code(place: number): number {
    const value = this.#values[place];
    return value === undefined ? ABSENT : typeof value === "number" ? value : this.#into.wordCode(value as string);
  }

  /** Tells of a field that is not there, by the name that it has in the dialect of the record at hand. */
  #missing(place: number, path: string): boolean {
    const { flat, camel, inOrderItem, value } = table[place];
    this.#spelt[place] = path + (path !== "" ? inOrderItem?.[0] : this.#camel ? camel[0] ?? flat : flat);
    return this.#fail(place, new Fault("missing_field", `is missing; send ${wanted[value]}`));
  }

  #fail(place: number, fault: Fault): boolean {
    const name = this.#spelt[place] + fault.within;
    this.#onFault(fault.code, name, `Cannot take this event: ${quoted(name)} ${fault.problem}`);
    return false;
  }
}

/** Whether a date exists for `time`; a number of ms may go far beyond. */
function inCalendar(time: number): boolean {
  return Math.abs(time) <= 8.64e15;
}
