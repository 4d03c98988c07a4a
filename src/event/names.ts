// The one table of the fields of an event: how each is called in the flat dialect and in the camelCase records, what value it takes, how
// large that may be, and what it means. The parser, the schemas and the documentation are made from it.
// A name that is not here is ignored: `properties` is the place for what else an event should keep.

import { limits } from "../limits.ts";
import { kindNames } from "./kind.ts";

/**
 * What a field takes. id: a non-negative integer, or a text without control characters. text: any text. ip: an address, kept masked.
 * time: ISO 8601 with a zone, or ms since the epoch. price: a decimal of 0 or more with 4 decimals at the most. quantity: an integer of 0 or more.
 * properties: a flat map of short texts. The rest are structures of the camelCase records.
 */
export type ValueKind = "kind" | "id" | "text" | "ip" | "time" | "price" | "quantity" | "properties" | "context" | "order_items" | "status";

/** One field. Where several names of one field are given, a name further left and a place further up this list wins. */
export interface FieldNames {
  /** Name in the flat dialect, and in messages. */
  readonly flat: string;
  /** Names in a UserEvent or Transaction. */
  readonly camel: readonly string[];
  /** Names within `context`, within `properties`, and within one of `orderItems`. */
  readonly inContext?: readonly string[];
  readonly inProperties?: readonly string[];
  readonly inOrderItem?: readonly string[];
  readonly value: ValueKind;
  /** Bytes of UTF-8 that a text may have. */
  readonly bytesMax?: number;
  /** Kinds of event that must have it; all others may. */
  readonly requiredBy?: readonly string[];
  readonly meaning: string;
}

export const fields = [
  {
    flat: "session_id",
    camel: ["sessionId"],
    value: "id",
    bytesMax: limits.idBytesMax,
    requiredBy: kindNames,
    meaning: "What the shop calls one visit",
  },
  {
    flat: "timestamp",
    camel: ["timestamp"],
    value: "time",
    requiredBy: kindNames,
    meaning: "When it happened: ISO 8601 with a time zone, or milliseconds since the epoch; from the year 2000, to the millisecond",
  },
  {
    flat: "kind",
    camel: ["eventType"],
    value: "kind",
    meaning: "What happened; a click where it is left out",
  },
  {
    flat: "item_id",
    camel: ["itemId", "productId", "product_id"],
    inProperties: ["itemId", "item_id", "productId", "product_id"],
    inOrderItem: ["productId", "product_id", "itemId", "item_id"],
    value: "id",
    bytesMax: limits.idBytesMax,
    requiredBy: ["click", "add_to_cart", "purchase"],
    meaning: "The item that it was about",
  },
  {
    flat: "category",
    camel: [],
    inProperties: ["category"],
    inOrderItem: ["category"],
    value: "id",
    bytesMax: limits.shortTextBytesMax,
    meaning: "Category of the item",
  },
  {
    flat: "price",
    camel: [],
    inProperties: ["price"],
    inOrderItem: ["price"],
    value: "price",
    requiredBy: ["purchase"],
    meaning: "Price of one piece in `currency`, 0 or more, with 4 decimals at the most; ignored unless it is a purchase",
  },
  {
    flat: "quantity",
    camel: [],
    inProperties: ["quantity"],
    inOrderItem: ["quantity"],
    value: "quantity",
    requiredBy: ["purchase"],
    meaning: "Pieces bought, 0 or more; ignored unless it is a purchase",
  },
  {
    flat: "order_id",
    camel: ["orderId"],
    value: "id",
    bytesMax: limits.shortTextBytesMax,
    meaning: "The order that a purchase belongs to; ignored unless it is a purchase",
  },
  {
    flat: "currency",
    camel: [],
    value: "id",
    bytesMax: limits.shortTextBytesMax,
    meaning: "Currency of the price, as the shop writes it; the shop's own where it is left out; ignored unless it is a purchase",
  },
  {
    flat: "event_id",
    camel: ["eventId"],
    value: "id",
    bytesMax: limits.shortTextBytesMax,
    meaning: "Names the event, so that sending it again counts once",
  },
  {
    flat: "user_id",
    camel: ["userId"],
    value: "id",
    bytesMax: limits.userIdBytesMax,
    meaning: "The person, where the shop knows",
  },
  {
    flat: "user_agent",
    camel: ["userAgent"],
    inContext: ["userAgent", "user_agent"],
    value: "text",
    bytesMax: limits.contextBytesMax,
    meaning: "The browser's name for itself",
  },
  {
    flat: "ip",
    camel: [],
    inContext: ["ip"],
    value: "ip",
    meaning: "IPv4 or IPv6 address; only its first two bytes, or its /48, are kept; what is no address is left out",
  },
  {
    flat: "referrer",
    camel: [],
    inContext: ["referrer"],
    value: "text",
    bytesMax: limits.contextBytesMax,
    meaning: "The page that led here",
  },
  {
    flat: "platform",
    camel: [],
    inContext: ["platform"],
    value: "text",
    bytesMax: limits.contextBytesMax,
    meaning: "Kind of device or app",
  },
  {
    flat: "page",
    camel: [],
    inContext: ["page"],
    value: "text",
    bytesMax: limits.contextBytesMax,
    meaning: "The page it happened on",
  },
  {
    flat: "properties",
    camel: [],
    value: "properties",
    bytesMax: limits.propertiesBytesMax,
    meaning: "Anything else: a flat map of texts; numbers and booleans are kept as their JSON text",
  },
  {
    flat: "context",
    camel: [],
    value: "context",
    meaning: "Where the event came from: userAgent, ip, platform, referrer, page",
  },
  {
    flat: "order_items",
    camel: ["orderItems"],
    value: "order_items",
    meaning: "What was bought: each item becomes one purchase",
  },
  {
    flat: "transaction_id",
    camel: ["transactionId"],
    value: "id",
    bytesMax: limits.shortTextBytesMax,
    meaning: "The order's id; item number i becomes the event `<transactionId>#<i>`, so that sending it again counts once",
  },
  {
    flat: "status",
    camel: [],
    value: "status",
    meaning: "State of a transaction: only `completed`, `paid` or none counts",
  },
] as const satisfies readonly FieldNames[];

export type FieldName = (typeof fields)[number]["flat"];

/** The place of each field in `fields`. */
export const placeOf = Object.fromEntries(fields.map((field, place) => [field.flat, place])) as Record<FieldName, number>;

/** Where names are looked up: in the record itself, and within the structures that it may have. */
export type Place = "record" | "context" | "properties" | "order_item";

/** Name to place in `fields`, for one place where names stand. */
export function namesIn(place: Place): Map<string, number> {
  const names = new Map<string, number>();
  for (const [at, field] of (fields as readonly FieldNames[]).entries()) {
    const here = place === "record"
      ? [field.flat, ...field.camel]
      : place === "context"
      ? field.inContext
      : place === "properties"
      ? field.inProperties
      : field.inOrderItem;
    for (const name of here ?? []) names.set(name, at);
  }
  return names;
}

/** Names that only a camelCase record has: one of them makes messages speak that dialect. */
export const camelNames: ReadonlySet<string> = new Set(
  (fields as readonly FieldNames[]).flatMap((field) => field.camel.filter((name) => name !== field.flat && !name.includes("_"))),
);

/** The words for each kind of event, as they are compared: lower case, without `_`, `-` and blanks. */
export const kindWords: ReadonlyMap<string, number> = new Map([
  ...kindNames.map((name, kind): [string, number] => [bareWord(name), kind]),
  ["view", kindNames.indexOf("page_view")],
  ["buy", kindNames.indexOf("purchase")],
]);

/** A word in the form in which kinds are compared. */
export function bareWord(word: string): string {
  return word.toLowerCase().replace(/[-_ ]/g, "");
}

/** States in which a transaction counts, in lower case. */
export const countedStatuses: readonly string[] = ["completed", "paid"];
