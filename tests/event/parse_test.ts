// The parser: what gets in, what is refused and how that is told, and that a bad piece of a body never harms its neighbours.

import assert from "node:assert/strict";
import { ColumnBuilder } from "../../src/event/batch.ts";
import { parseBody, type ParseOptions } from "../../src/event/parse.ts";
import { type Reject, type RejectCode, rejectCodes } from "../../src/event/reject.ts";
import { eventSchema, examples, recordSchema, transactionSchema, userEventSchema } from "../../src/event/schema.ts";
import { GuardianError } from "../../src/errors.ts";
import { limits } from "../../src/limits.ts";
import { seededRandom } from "./random.ts";
import { type Row, rowsOf } from "./rows.ts";

const NOW = Date.UTC(2024, 5, 1, 12);
const DAY_MS = 86_400_000;
const encoder = new TextEncoder();
const T = "2024-05-31T10:00:00.123Z", TIME = Date.UTC(2024, 4, 31, 10, 0, 0, 123);

interface Parsed {
  form: string;
  rows: Row[];
  rejects: Reject[];
  words: number;
}

function parse(body: string | Uint8Array, options: Partial<ParseOptions> = {}): Parsed {
  const bytes = typeof body === "string" ? encoder.encode(body) : body;
  const before = bytes.slice();
  const columns = new ColumnBuilder(), rejects: Reject[] = [];
  const { form, events, rejected } = parseBody(bytes, columns, (reject) => rejects.push(reject), {
    now: NOW,
    futureMs: DAY_MS,
    ...options,
  });
  assert.equal(events, columns.count);
  assert.equal(rejected, rejects.length);
  assert.deepEqual(bytes, before, "the body is left as it was");
  for (const reject of rejects) checkReject(reject, bytes);
  return { form, rows: rowsOf(columns), rejects, words: columns.words.length };
}

function checkReject(reject: Reject, body: Uint8Array): void {
  assert.ok(rejectCodes.includes(reject.code));
  assert.match(reject.message, /^Cannot [^\p{Cc}\u2028\u2029\u202e]+$/u);
  assert.ok(reject.message.length < 600, reject.message);
  assert.ok((reject.field?.length ?? 0) < 200, reject.field!);
  assert.ok(reject.line >= 1);
  assert.equal(reject.raw.length, Math.min(reject.rawBytes, limits.deadLetterRawBytesMax));
  assert.notEqual(reject.raw.buffer, body.buffer, "raw bytes are a copy");
}

const click = { session_id: 1, timestamp: T, item_id: 2 };
const purchase = { ...click, kind: "purchase", price: "1.5", quantity: 1 };
const userEvent = { sessionId: "s", timestamp: T, eventType: "CLICK", properties: { itemId: "i" } };
const order = { productId: "p", quantity: 1, price: 2 };
const transaction = { transactionId: "t", userId: "u", timestamp: T, orderItems: [order] };
const json = JSON.stringify;
const GOOD = json(click);
const goodRow = { kind: "click", time: TIME, session: "1", item: "2" };

/** Accepted records and their rows. */
const accepted: [string, unknown, Row[]][] = [
  ["a click without a kind", click, [goodRow]],
  ["an unknown field, which it ignores", { ...click, colour: { deep: ["x"] } }, [goodRow]],
  ["null for a field that may be left out", { ...click, kind: null, category: null, properties: null, context: null }, [goodRow]],
  ["an empty text for a field that may be left out", { ...click, kind: "", category: "", referrer: "", event_id: "" }, [goodRow]],
  ["a string id beyond 2^53 as it is", { ...click, session_id: "1152921504606846976" }, [{ ...goodRow, session: "1152921504606846976" }]],
  ["a string id with a leading zero as it is", { ...click, item_id: "007" }, [{ ...goodRow, item: "007" }]],
  ["the largest safe integer as an id", { ...click, item_id: Number.MAX_SAFE_INTEGER }, [{ ...goodRow, item: "9007199254740991" }]],
  ["ids at the border of codes", { ...click, session_id: 2147483647, item_id: 2147483648 }, [{
    ...goodRow,
    session: "2147483647",
    item: "2147483648",
  }]],
  ["a blank as an id", { ...click, session_id: " " }, [{ ...goodRow, session: " " }]],
  ["an id beyond the basic plane", { ...click, session_id: "😀é" }, [{ ...goodRow, session: "😀é" }]],
  ["__proto__ as an id", { ...click, session_id: "__proto__" }, [{ ...goodRow, session: "__proto__" }]],
  ["a time in ms", { ...click, timestamp: TIME }, [goodRow]],
  ["a time in ms as digits", { ...click, timestamp: String(TIME) }, [goodRow]],
  ["a time with an offset", { ...click, timestamp: "2024-05-31T12:00:00.123+02:00" }, [goodRow]],
  ["a page view without an item", { session_id: 1, timestamp: T, kind: "page_view" }, [{ kind: "page_view", time: TIME, session: "1" }]],
  ["a search with an item", { ...click, kind: "search" }, [{ ...goodRow, kind: "search" }]],
  ["prices of other kinds by ignoring them", { ...click, price: "much", quantity: -1, currency: 7, order_id: {} }, [goodRow]],
  ["category 0 as a text", { ...click, category: "0" }, [{ ...goodRow, category: "0" }]],
  ["category 12 as a number", { ...click, category: 12 }, [{ ...goodRow, category: "12" }]],
  ["a purchase", purchase, [{ ...goodRow, kind: "purchase", price: 15_000, quantity: 1 }]],
  ["a purchase of price 0 and quantity 0", { ...purchase, price: 0, quantity: 0 }, [{
    ...goodRow,
    kind: "purchase",
    price: 0,
    quantity: 0,
  }]],
  ["a purchase with all that it may have", { ...purchase, order_id: "o", currency: "EUR", user_id: 5, event_id: "e" }, [{
    ...goodRow,
    kind: "purchase",
    price: 15_000,
    quantity: 1,
    orderId: "o",
    currency: "EUR",
    userId: "5",
    eventId: "e",
  }]],
  ["a quantity as digits", { ...purchase, quantity: "12" }, [{ ...goodRow, kind: "purchase", price: 15_000, quantity: 12 }]],
  ["context fields, the address masked", { ...click, ip: "10.1.2.3", user_agent: "ua", referrer: "r", platform: "web", page: "/p" }, [{
    ...goodRow,
    ip: "10.1.0.0",
    userAgent: "ua",
    referrer: "r",
    platform: "web",
    page: "/p",
  }]],
  ["what is no address by leaving it out", { ...click, ip: "here" }, [goodRow]],
  ["an address of a wrong type by leaving it out", { ...click, ip: 7 }, [goodRow]],
  ["properties as JSON in order", { ...click, properties: { b: "2", a: "1\n", c: 1.5, d: true, e: null } }, [{
    ...goodRow,
    properties: '{"a":"1\\n","b":"2","c":"1.5","d":"true"}',
  }]],
  ["empty properties as none", { ...click, properties: {} }, [goodRow]],
  ["a UserEvent", userEvent, [{ kind: "click", time: TIME, session: "s", item: "i", properties: '{"itemId":"i"}' }]],
  [
    "a UserEvent with all that it may have",
    {
      eventId: "e",
      userId: "u",
      sessionId: "s",
      eventType: "ADD_TO_CART",
      timestamp: T,
      itemId: 9,
      context: { userAgent: "ua", ip: "::ffff:1.2.3.4", platform: "ios", referrer: "r" },
    },
    [{
      kind: "add_to_cart",
      time: TIME,
      session: "s",
      item: "9",
      userId: "u",
      ip: "1.2.0.0",
      userAgent: "ua",
      referrer: "r",
      platform: "ios",
      eventId: "e",
    }],
  ],
  ["a field of the record before one of its context", { ...click, page: "/a", context: { page: "/b" } }, [{ ...goodRow, page: "/a" }]],
  ["a UserEvent purchase with price and quantity in its properties", {
    sessionId: "s",
    timestamp: T,
    eventType: "purchase",
    properties: { product_id: 3, price: "0.1", quantity: 2, category: "c" },
  }, [{
    kind: "purchase",
    time: TIME,
    session: "s",
    item: "3",
    category: "c",
    price: 1000,
    quantity: 2,
    properties: '{"category":"c","price":"0.1","product_id":"3","quantity":"2"}',
  }]],
  ["one field under two names when they agree", { ...click, sessionId: 1 }, [goodRow]],
  ["a transaction", {
    ...transaction,
    currency: "EUR",
    status: "Completed",
    orderItems: [order, { ...order, category: "c", price: "0.5" }],
  }, [
    {
      kind: "purchase",
      time: TIME,
      session: "user:u",
      item: "p",
      orderId: "t",
      currency: "EUR",
      userId: "u",
      eventId: "t#0",
      price: 20_000,
      quantity: 1,
    },
    {
      kind: "purchase",
      time: TIME,
      session: "user:u",
      item: "p",
      category: "c",
      orderId: "t",
      currency: "EUR",
      userId: "u",
      eventId: "t#1",
      price: 5000,
      quantity: 1,
    },
  ]],
  ["a transaction with a session and no id", { timestamp: T, session_id: 4, order_items: [order], status: "PAID" }, [
    { kind: "purchase", time: TIME, session: "4", item: "p", price: 20_000, quantity: 1 },
  ]],
  ["a transaction that only has an event id", { timestamp: T, sessionId: 4, eventId: "e", orderItems: [order] }, [
    { kind: "purchase", time: TIME, session: "4", item: "p", eventId: "e#0", price: 20_000, quantity: 1 },
  ]],
  ["a transaction of a user with a number", { ...transaction, transactionId: 12, userId: 7 }, [
    { kind: "purchase", time: TIME, session: "user:7", item: "p", orderId: "12", userId: "7", eventId: "12#0", price: 20_000, quantity: 1 },
  ]],
];
for (const [what, record, rows] of accepted) {
  Deno.test(`parseBody takes ${what}`, () => {
    const body = json(record);
    const single = parse(body);
    assert.deepEqual(single.rejects, []);
    assert.deepEqual(single.rows, rows);
    assert.equal(single.form, "object");
    const twice = { rows: [...rows, ...rows], rejects: [] };
    assert.deepEqual(pick(parse(`${body}\n${body}\n`)), twice);
    assert.deepEqual(pick(parse(`[${body},${body}]`)), twice);
    assert.deepEqual(pick(parse(json(record, null, 2).replaceAll("\n", "\r\n"))), { rows, rejects: [] });
  });
}

function pick({ rows, rejects }: Parsed) {
  return { rows, rejects };
}

const words: [string, string][] = [
  ["CLICK", "click"],
  ["pageView", "page_view"],
  ["PAGE-VIEW", "page_view"],
  ["page view", "page_view"],
  ["view", "page_view"],
  ["addToCart", "add_to_cart"],
  ["add_to_cart", "add_to_cart"],
  ["Search", "search"],
  ["PURCHASE", "purchase"],
  ["buy", "purchase"],
];
for (const [word, kind] of words) {
  Deno.test(`parseBody reads the kind ${json(word)} as ${kind}`, () => {
    assert.equal(parse(json({ ...purchase, kind: word })).rows[0].kind, kind);
    assert.equal(parse(json({ ...purchase, kind: undefined, eventType: word })).rows[0].kind, kind);
  });
}

const prices: [number | string, number][] = [
  ["0", 0],
  ["0.0", 0],
  ["-0", 0],
  [-0, 0],
  ["12", 120_000],
  ["12.3456", 123_456],
  ["12.34560000", 123_456],
  ["0.0001", 1],
  [0.0001, 1],
  [0.1, 1000],
  [0.3, 3000],
  [1.005, 10_050],
  [4.35, 43_500],
  [1e3, 10_000_000],
  ["007.5", 75_000],
  ["900000000000", 9e15],
  [900000000000, 9e15],
  ["899999999999.9999", 8_999_999_999_999_999],
];
for (const [price, units] of prices) {
  Deno.test(`parseBody reads the price ${json(price)} exactly`, () => {
    assert.equal(parse(json({ ...purchase, price })).rows[0].price, units);
  });
}

type Hostile = [name: string, record: unknown, code: RejectCode, field: string | null, message?: RegExp];
const without = (record: object, name: string) => Object.fromEntries(Object.entries(record).filter(([key]) => key !== name));
const long = (bytes: number) => "x".repeat(bytes);
const nested = (depth: number) => `${"[".repeat(depth)}1${"]".repeat(depth)}`;

/** Records that are refused; each is tried alone, in NDJSON, and in an array. Texts stand for themselves. */
const hostile: Hostile[] = [
  ["no session", without(click, "session_id"), "missing_field", "session_id", /is missing; send/],
  ["no session in camelCase", without(userEvent, "sessionId"), "missing_field", "sessionId"],
  ["no time", without(click, "timestamp"), "missing_field", "timestamp"],
  ["no item in a click", without(click, "item_id"), "missing_field", "item_id"],
  ["no item in a cart addition", { ...without(click, "item_id"), kind: "add_to_cart" }, "missing_field", "item_id"],
  ["no item in a UserEvent", without(userEvent, "properties"), "missing_field", "itemId"],
  ["null for the item", { ...click, item_id: null }, "missing_field", "item_id"],
  ["null for the session", { ...click, session_id: null }, "missing_field", "session_id"],
  ["no price", without(purchase, "price"), "missing_field", "price"],
  ["no quantity", without(purchase, "quantity"), "missing_field", "quantity"],
  ["an empty object", {}, "missing_field", "session_id"],
  ["only unknown fields", { a: 1 }, "missing_field", "session_id"],
  ...[true, false, [], [1], {}, { a: 1 }].flatMap((value): Hostile[] => [
    [`a session ${json(value)}`, { ...click, session_id: value }, "wrong_type", "session_id"],
    [`a time ${json(value)}`, { ...click, timestamp: value }, "wrong_type", "timestamp"],
    [`an item ${json(value)}`, { ...click, item_id: value }, "wrong_type", "item_id"],
    [`a kind ${json(value)}`, { ...click, kind: value }, "wrong_type", "kind"],
    [`a category ${json(value)}`, { ...click, category: value }, "wrong_type", "category"],
    [`a user agent ${json(value)}`, { ...click, user_agent: value }, "wrong_type", "user_agent"],
    [`a price ${json(value)}`, { ...purchase, price: value }, "wrong_type", "price"],
    [`a quantity ${json(value)}`, { ...purchase, quantity: value }, "wrong_type", "quantity"],
    [`an event id ${json(value)}`, { ...click, event_id: value }, "wrong_type", "event_id"],
  ]),
  ...["text", 1, true, []].flatMap((value): Hostile[] => [
    [`properties ${json(value)}`, { ...click, properties: value }, "wrong_type", "properties"],
    [`a context ${json(value)}`, { ...click, context: value }, "wrong_type", "context"],
  ]),
  ["a user agent that is a number", { ...click, context: { userAgent: 5 } }, "wrong_type", "context.userAgent"],
  ["a kind that is a number", { ...click, kind: 1 }, "wrong_type", "kind"],
  ["an unknown kind", { ...click, kind: "hover" }, "invalid_value", "kind", /"hover", no kind of event; send one of click/],
  ["a kind named constructor", { ...click, kind: "constructor" }, "invalid_value", "kind"],
  ["a kind named __proto__", { ...click, eventType: "__proto__" }, "invalid_value", "eventType"],
  ["an empty session", { ...click, session_id: "" }, "invalid_value", "session_id", /is empty/],
  ["an empty item", { ...click, item_id: "" }, "invalid_value", "item_id"],
  ["an empty time", { ...click, timestamp: "" }, "invalid_value", "timestamp"],
  ["an empty price", { ...purchase, price: "" }, "invalid_value", "price"],
  ["an empty quantity", { ...purchase, quantity: "" }, "invalid_value", "quantity"],
  ["a negative session", { ...click, session_id: -1 }, "invalid_value", "session_id", /send it as a string/],
  ["a fractional session", { ...click, session_id: 1.5 }, "invalid_value", "session_id"],
  ["a session of 2^53", { ...click, session_id: 2 ** 53 }, "invalid_value", "session_id", /too large to be exact; send it as a string/],
  ["an item of 1e300", { ...click, item_id: 1e300 }, "invalid_value", "item_id"],
  ["an item of 1e999", `{"session_id":1,"timestamp":${TIME},"item_id":1e999}`, "invalid_value", "item_id"],
  ["a user of 2^60", { ...click, user_id: 2 ** 60 }, "invalid_value", "user_id"],
  ...["a\u0000b", "\u0000", "a\nb", "\t", "\u001f", "a\u007f", "\r"].map((id): Hostile => [
    `a session ${json(id)}`,
    { ...click, session_id: id },
    "invalid_value",
    "session_id",
    /control character/,
  ]),
  ["a control character in an event id", { ...click, event_id: "a\u0001" }, "invalid_value", "event_id"],
  ["half a surrogate pair", `{"session_id":"\\ud800","timestamp":${TIME},"item_id":1}`, "invalid_value", "session_id", /surrogate/],
  ["the other half", `{"session_id":"a\\udc00b","timestamp":${TIME},"item_id":1}`, "invalid_value", "session_id"],
  ["half a pair in a page", `{"session_id":1,"page":"\\ud83d","timestamp":${TIME},"item_id":1}`, "invalid_value", "page"],
  ["a session of 129 bytes", { ...click, session_id: long(129) }, "too_long", "session_id", /longer than 128 bytes/],
  ["a session of 129 digits", { ...click, session_id: "9".repeat(129) }, "too_long", "session_id"],
  ["an item of 43 letters of 3 bytes", { ...click, item_id: "€".repeat(43) }, "too_long", "item_id"],
  ["a category of 65 bytes", { ...click, category: long(65) }, "too_long", "category"],
  ["a category in properties of 65 bytes", { ...click, properties: { category: long(65) } }, "too_long", "properties.category"],
  ["an event id of 65 bytes", { ...click, event_id: long(65) }, "too_long", "event_id"],
  ["a user id of 129 bytes", { ...click, user_id: long(129) }, "too_long", "user_id"],
  ["an order id of 65 bytes", { ...purchase, order_id: long(65) }, "too_long", "order_id"],
  ["a currency of 65 bytes", { ...purchase, currency: long(65) }, "too_long", "currency"],
  ["a user agent of 1025 bytes", { ...click, user_agent: long(1025) }, "too_long", "user_agent"],
  ["a referrer of 1025 bytes", { ...click, context: { referrer: long(1025) } }, "too_long", "context.referrer"],
  ["a time without a zone", { ...click, timestamp: "2024-05-31T10:00:00" }, "invalid_value", "timestamp", /has no time zone/],
  ["30 February", { ...click, timestamp: "2024-02-30T10:00:00Z" }, "invalid_value", "timestamp", /is not a date/],
  ["month 13", { ...click, timestamp: "2024-13-01T10:00:00Z" }, "invalid_value", "timestamp", /no month 13/],
  ["hour 24", { ...click, timestamp: "2024-05-31T24:00:00Z" }, "invalid_value", "timestamp"],
  ["a date alone", { ...click, timestamp: "2024-05-31" }, "invalid_value", "timestamp"],
  ["a time in words", { ...click, timestamp: "yesterday" }, "invalid_value", "timestamp"],
  ["a time of 1e300", { ...click, timestamp: 1e300 }, "invalid_value", "timestamp"],
  ["a time in 1999", { ...click, timestamp: "1999-12-31T23:59:59.999Z" }, "out_of_range", "timestamp", /earlier than 2000/],
  ["a negative time", { ...click, timestamp: -1 }, "out_of_range", "timestamp"],
  ["a time far below all dates", { ...click, timestamp: -9e15 }, "out_of_range", "timestamp"],
  ["a time in seconds", { ...click, timestamp: 1_717_149_600 }, "out_of_range", "timestamp", /seconds; send milliseconds/],
  ["a time in microseconds", { ...click, timestamp: TIME * 1000 }, "out_of_range", "timestamp"],
  ["a time two days ahead", { ...click, timestamp: NOW + 2 * DAY_MS }, "out_of_range", "timestamp", /check the clock/],
  ["a price below 0", { ...purchase, price: -0.01 }, "out_of_range", "price"],
  ["a price text below 0", { ...purchase, price: "-1" }, "out_of_range", "price"],
  ["a price of 5 decimals", { ...purchase, price: "1.00001" }, "invalid_value", "price", /more than 4 decimals/],
  ["a price number of 5 decimals", { ...purchase, price: 0.00001 }, "invalid_value", "price"],
  ["a price number of 8 decimals", { ...purchase, price: 1e-8 }, "invalid_value", "price"],
  ["a price of 0.1 + 0.2", { ...purchase, price: 0.1 + 0.2 }, "invalid_value", "price"],
  ["a price with a comma", { ...purchase, price: "1,50" }, "invalid_value", "price", /with a point/],
  ["a price with a sign", { ...purchase, price: "+1" }, "invalid_value", "price"],
  ["a price with a currency", { ...purchase, price: "€5" }, "invalid_value", "price"],
  ["a price with an exponent", { ...purchase, price: "1e3" }, "invalid_value", "price"],
  ["a price with blanks", { ...purchase, price: " 1" }, "invalid_value", "price"],
  ["a price NaN", { ...purchase, price: "NaN" }, "invalid_value", "price"],
  ["a price without digits before the point", { ...purchase, price: ".5" }, "invalid_value", "price"],
  ["a price above the limit", { ...purchase, price: 900_000_000_000.5 }, "out_of_range", "price"],
  ["a price text above the limit", { ...purchase, price: "900000000000.0001" }, "out_of_range", "price"],
  ["a price of 1e999", json(purchase).replace('"1.5"', "1e999"), "out_of_range", "price"],
  ["a price of 60 digits", { ...purchase, price: "9".repeat(60) }, "invalid_value", "price"],
  ["a quantity below 0", { ...purchase, quantity: -1 }, "out_of_range", "quantity"],
  ["a fractional quantity", { ...purchase, quantity: 1.5 }, "invalid_value", "quantity"],
  ["a quantity in words", { ...purchase, quantity: "two" }, "invalid_value", "quantity"],
  ["a quantity with an exponent", { ...purchase, quantity: "1e2" }, "invalid_value", "quantity"],
  ["a quantity above the limit", { ...purchase, quantity: limits.quantityMax + 1 }, "out_of_range", "quantity"],
  ["a property that is an object", { ...click, properties: { a: { b: 1 } } }, "wrong_type", "properties.a"],
  ["a property that is an array", { ...click, properties: { a: [] } }, "wrong_type", "properties.a"],
  ["a property too large to be exact", { ...click, properties: { a: 2 ** 60 } }, "invalid_value", "properties.a"],
  [
    "17 properties",
    { ...click, properties: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [i, "x"])) },
    "too_large",
    "properties",
  ],
  ["properties of 2 KiB", { ...click, properties: { a: long(2048) } }, "too_large", "properties"],
  ["one field under two names", { ...click, sessionId: 5 }, "duplicate_field", "sessionId", /"session_id" are one field/],
  ["one name twice", `{"session_id":1,"session_id":2,"timestamp":${TIME},"item_id":1}`, "duplicate_field", "session_id"],
  ["one name twice with one value", `{"session_id":1,"session_id":1,"timestamp":${TIME},"item_id":1}`, "duplicate_field", "session_id"],
  [
    "one name twice, once escaped",
    `{"session_id":1,"\\u0073ession_id":1,"timestamp":${TIME},"item_id":1}`,
    "duplicate_field",
    "session_id",
  ],
  [
    "one name twice within properties",
    `{"session_id":1,"timestamp":${TIME},"item_id":1,"properties":{"a":"1","a":"2"}}`,
    "duplicate_field",
    "a",
  ],
  ["an unknown name twice", `{"session_id":1,"timestamp":${TIME},"item_id":1,"x":1,"x":1}`, "duplicate_field", "x"],
  ["__proto__ twice", `{"session_id":1,"timestamp":${TIME},"item_id":1,"__proto__":1,"__proto__":1}`, "duplicate_field", "__proto__"],
  ["a name with quotes twice", `{"a\\"b":1,"a\\"b":1}`, "duplicate_field", 'a"b'],
  ["a name twice in an object within an array", `{"a":[{"b":1,"b":1}]}`, "duplicate_field", "b"],
  ["a status that does not count", { ...transaction, status: "pending" }, "status_not_counted", "status", /"pending"/],
  ["a status refunded", { ...transaction, status: "REFUNDED" }, "status_not_counted", "status"],
  ["a status that is a number", { ...transaction, status: 1 }, "wrong_type", "status"],
  ["a transaction without items", without(transaction, "orderItems"), "missing_field", "orderItems"],
  ["a transaction of no items", { ...transaction, orderItems: [] }, "missing_field", "orderItems"],
  ["order items in an object", { ...transaction, orderItems: { 0: order } }, "wrong_type", "orderItems"],
  ["order items in a text", { ...transaction, orderItems: "p" }, "wrong_type", "orderItems"],
  ["a transaction without user and session", without(transaction, "userId"), "missing_field", "sessionId"],
  ["a transaction without a time", without(transaction, "timestamp"), "missing_field", "timestamp"],
  ["a transaction id of 61 bytes", { ...transaction, transactionId: long(61) }, "too_long", "transactionId"],
  ["a user id of 124 bytes that stands for a session", { ...transaction, userId: long(124) }, "too_long", "userId"],
  ["an order item null", { ...transaction, orderItems: [null] }, "wrong_type", "orderItems[0]"],
  ["an order item that is a text", { ...transaction, orderItems: ["p"] }, "wrong_type", "orderItems[0]"],
  [
    "an order item without an id",
    { ...transaction, orderItems: [without(order, "productId")] },
    "missing_field",
    "orderItems[0].productId",
  ],
  ["an order item without a price", { ...transaction, orderItems: [without(order, "price")] }, "missing_field", "orderItems[0].price"],
  ["an order item with a negative price", { ...transaction, orderItems: [{ ...order, price: -1 }] }, "out_of_range", "orderItems[0].price"],
  ["a number", "5", "not_object", null],
  ["a text in quotes", '"hello"', "not_object", null],
  ["null", "null", "not_object", null],
  ["true", "true", "not_object", null],
  ["bare words", "hello world", "not_json", null],
  ["a truth cut short", "tru", "not_json", null],
  ["single quotes", "{'session_id':1}", "not_json", null],
  ["names without quotes", "{session_id:1}", "not_json", null],
  ["a comma too many", `{"session_id":1,}`, "not_json", null],
  ["no colon", `{"session_id" 1}`, "not_json", null],
  ["NaN", `{"session_id":NaN}`, "not_json", null],
  ["a leading zero", `{"session_id":01}`, "not_json", null],
  ["a hexadecimal number", `{"session_id":0x1}`, "not_json", null],
  ["a comment", `{"session_id":1}//`, "not_json", null],
  ["a brace too many", `${GOOD}}`, "not_json", null],
  ["two objects", `${GOOD}${GOOD}`, "not_json", null],
  ["a NUL byte", `{"session_id":1\u0000}`, "not_json", null],
  ["a NUL byte behind", `${GOOD}\u0000`, "not_json", null],
  ["a tab within a text", `{"session_id":"\t"}`, "not_json", null],
  ["a bad escape", `{"session_id":"\\x41"}`, "not_json", null],
  ["a mark of byte order within", `\ufeff${GOOD}`, "not_json", null],
  ["XML", `<event session="1"/>`, "not_json", null],
  ["CSV", `1;${T};2;0`, "not_json", null],
  ["a form", "session_id=1&item_id=2", "not_json", null],
  ["an override of the reading direction", "\u202eabc", "not_json", null, /\\u202e/],
  ["colours for a terminal", "\u001b[31mred", "not_json", null, /\\u001b/],
  ["nesting 9 deep", `{"a":${nested(8)}}`, "too_deep", null, /9 deep, more than 8/],
  ["nesting 20,000 deep", `{"a":${nested(20_000)}}`, "too_deep", null],
  ["nesting 9 deep in objects", `${'{"a":'.repeat(9)}1${"}".repeat(9)}`, "too_deep", null],
  ["a text longer than a line may be", `{"a":"${long(limits.lineBytesMax)}"}`, "line_too_long", null],
];

/** What an array cannot hold as one element, as it opens a bracket that never closes. */
const notInArray = /colours/;

for (const [what, record, code, field, message] of hostile) {
  Deno.test(`parseBody refuses ${what} and keeps its neighbours`, () => {
    const body = typeof record === "string" ? record : json(record);
    for (const [form, whole] of [["alone", body], ["ndjson", `${GOOD}\n${body}\r\n\n${GOOD}`], ["array", `[${GOOD}, ${body} ,${GOOD}]`]]) {
      if (form === "alone" && body.startsWith("\ufeff")) continue;
      if (form === "array" && notInArray.test(what)) continue;
      const { rows, rejects, words } = parse(whole);
      assert.equal(rejects.length, 1, `${form}: ${json(rejects.map((reject) => reject.message))}`);
      assert.equal(rejects[0].code, code, `${form}: ${rejects[0].message}`);
      assert.equal(rejects[0].field, field);
      if (message) assert.match(rejects[0].message, message);
      assert.equal(rejects[0].line, form === "alone" ? 1 : 2);
      assert.equal(new TextDecoder("utf-8", { ignoreBOM: true }).decode(rejects[0].raw), body.slice(0, rejects[0].raw.length));
      assert.deepEqual(rows, form === "alone" ? [] : [goodRow, goodRow]);
      assert.equal(words, 0, "a refused record leaves no word behind");
    }
  });
}

Deno.test("the list of hostile records has 150 of them", () => assert.ok(hostile.length >= 150, String(hostile.length)));

Deno.test("parseBody refuses each reject code of its own", () => {
  const hit = new Set<string>(hostile.map(([, , code]) => code));
  const elsewhere = ["wrong_columns", "header_line", "not_utf8", "body_truncated"];
  assert.deepEqual(rejectCodes.filter((code) => !hit.has(code)).sort(), elsewhere.sort());
});

/** Limits: the largest value that gets in, one more, and what the latter is refused as. */
const atLimit: [string, (size: number) => unknown, number, RejectCode][] = [
  ["bytes of a session id", (n) => ({ ...click, session_id: long(n) }), limits.idBytesMax, "too_long"],
  ["bytes of an item id", (n) => ({ ...click, item_id: "é".repeat(n >> 1) + long(n & 1) }), limits.idBytesMax, "too_long"],
  ["bytes of a category", (n) => ({ ...click, category: long(n) }), limits.shortTextBytesMax, "too_long"],
  ["bytes of an event id", (n) => ({ ...click, event_id: long(n) }), limits.shortTextBytesMax, "too_long"],
  ["bytes of an order id", (n) => ({ ...purchase, order_id: long(n) }), limits.shortTextBytesMax, "too_long"],
  ["bytes of a currency", (n) => ({ ...purchase, currency: long(n) }), limits.shortTextBytesMax, "too_long"],
  ["bytes of a user id", (n) => ({ ...click, user_id: long(n) }), limits.userIdBytesMax, "too_long"],
  ["bytes of a user agent", (n) => ({ ...click, user_agent: "é" + long(n - 2) }), limits.contextBytesMax, "too_long"],
  ["bytes of a referrer", (n) => ({ ...click, referrer: long(n) }), limits.contextBytesMax, "too_long"],
  ["bytes of a platform", (n) => ({ ...click, platform: long(n) }), limits.contextBytesMax, "too_long"],
  ["bytes of a page", (n) => ({ ...click, page: long(n) }), limits.contextBytesMax, "too_long"],
  [
    "entries of properties",
    (n) => ({ ...click, properties: Object.fromEntries(Array.from({ length: n }, (_, i) => [`k${i}`, "x"])) }),
    limits.propertiesMax,
    "too_large",
  ],
  ["bytes of properties", (n) => ({ ...click, properties: { a: long(n - '{"a":""}'.length) } }), limits.propertiesBytesMax, "too_large"],
  [
    "bytes of properties beyond ASCII",
    (n) => ({ ...click, properties: { a: "é" + long(n - '{"a":"é"}'.length - 1) } }),
    limits.propertiesBytesMax,
    "too_large",
  ],
  ["order items", (n) => ({ ...transaction, orderItems: Array.from({ length: n }, () => order) }), limits.orderItemsMax, "too_large"],
  ["bytes of a line", (n) => `${GOOD.slice(0, -1)},"x":"${long(n - GOOD.length - 7)}"}`, limits.lineBytesMax, "line_too_long"],
  ["depth", (n) => `${GOOD.slice(0, -1)},"x":${nested(n - 1)}}`, limits.jsonDepthMax, "too_deep"],
  ["price", (n) => ({ ...purchase, price: n }), limits.priceMax, "out_of_range"],
  ["quantity", (n) => ({ ...purchase, quantity: n }), limits.quantityMax, "out_of_range"],
  ["time ahead of the clock", (n) => ({ ...click, timestamp: n }), NOW + DAY_MS, "out_of_range"],
];
for (const [what, make, most, code] of atLimit) {
  Deno.test(`parseBody holds the limit of ${what}`, () => {
    for (const size of [most - 1, most, most + 1]) {
      const record = make(size);
      const { rows, rejects } = parse(typeof record === "string" ? record : json(record));
      assert.equal(rejects.length, size > most ? 1 : 0, `${size}: ${rejects[0]?.message}`);
      assert.equal(rows.length > 0, size <= most);
      if (size > most) assert.equal(rejects[0].code, code);
    }
  });
}

Deno.test("parseBody holds the limits of time when the future is open", () => {
  const options = { futureMs: null };
  for (const time of [limits.eventTimeMin, limits.eventTimeMin + 1, limits.eventTimeMax - 1, limits.eventTimeMax]) {
    assert.equal(parse(json({ ...click, timestamp: time }), options).rows[0].time, time);
  }
  for (const time of [limits.eventTimeMin - 1, limits.eventTimeMax + 1]) {
    assert.equal(parse(json({ ...click, timestamp: time }), options).rejects[0].code, "out_of_range");
  }
});

Deno.test("parseBody refuses bad order items one by one and keeps the others", () => {
  const orderItems = [order, { ...order, price: "x" }, order, 5, { ...order, quantity: undefined }, order];
  const { rows, rejects } = parse(`${GOOD}\n${json({ ...transaction, orderItems })}`);
  assert.deepEqual(rows.map((row) => row.eventId), [undefined, "t#0", "t#2", "t#5"]);
  assert.deepEqual(rejects.map((reject) => [reject.line, reject.field]), [
    [2, "orderItems[1].price"],
    [2, "orderItems[3]"],
    [2, "orderItems[4].quantity"],
  ]);
  assert.equal(rejects[0].raw, rejects[2].raw, "one copy of the raw bytes serves all");
});

Deno.test("parseBody is not harmed by names of Object.prototype", () => {
  const body =
    `{"__proto__":{"session_id":9},"constructor":{"prototype":1},"toString":1,"hasOwnProperty":2,"properties":{"__proto__":"p"},` +
    GOOD.slice(1);
  const { rows, rejects } = parse(body);
  assert.deepEqual(rejects, []);
  assert.deepEqual(rows, [{ ...goodRow, properties: '{"__proto__":"p"}' }]);
  assert.equal(({} as Record<string, unknown>).session_id, undefined);
  assert.equal(parse(`{"__proto__":${GOOD}}`).rejects[0].code, "missing_field");
});

Deno.test("parseBody refuses bytes that are not UTF-8 and keeps their neighbours", () => {
  for (const bad of [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xc0, 0x80], [0xf5, 0x80, 0x80, 0x80], [0x80]]) {
    const line = [...encoder.encode('{"session_id":"'), ...bad, ...encoder.encode('"}')];
    const good = encoder.encode(GOOD);
    const { rows, rejects } = parse(Uint8Array.from([...good, 10, ...line, 10, ...good]));
    assert.deepEqual(rejects.map(({ code, line, raw }) => ({ code, line, raw: [...raw] })), [{ code: "not_utf8", line: 2, raw: line }]);
    assert.deepEqual(rows, [goodRow, goodRow]);
  }
});

Deno.test("parseBody skips a byte order mark, blank lines, CRLF and blanks", () => {
  const { rows, rejects, form } = parse(`\ufeff\r\n\n  ${GOOD}  \r\n\t\n${GOOD}\r\nx\r\n`);
  assert.equal(form, "ndjson");
  assert.equal(rows.length, 2);
  assert.deepEqual(rejects.map((reject) => [reject.line, new TextDecoder().decode(reject.raw)]), [[6, "x"]]);
  assert.equal(parse(`\ufeff [\n${GOOD}\n,\n${GOOD}\n]\n`).rows.length, 2);
  assert.equal(parse(`\ufeff\n${json(click, null, 2)}\n\n`).rows.length, 1);
});

for (const body of ["", " ", "\n\r\n\t ", "\ufeff", "\ufeff\n", "[]", " [ ] ", "["]) {
  Deno.test(`parseBody throws bad_request when the body is ${json(body)}`, () => {
    for (const truncated of [false, true]) {
      assert.throws(() => parse(body, { truncated }), (error) => {
        assert.ok(error instanceof GuardianError);
        assert.equal(error.code, "bad_request");
        assert.match(error.message, /^Cannot read the body: .*send one JSON object, a JSON array/);
        return true;
      });
    }
  });
}

const cut: [string, string, boolean, number, [RejectCode, number][]][] = [
  ["NDJSON within a line", `${GOOD}\n${GOOD}\n{"sess`, true, 2, [["body_truncated", 3]]],
  ["NDJSON behind a line", `${GOOD}\n${GOOD}\n`, true, 2, [["body_truncated", 3]]],
  ["NDJSON behind an object", `${GOOD}\n${GOOD}`, true, 2, [["body_truncated", 3]]],
  ["one object", '{"session_id":1', true, 0, [["body_truncated", 1]]],
  ["an object over lines", '{\n  "session_id":1,\n  "item', true, 0, [["body_truncated", 1]]],
  ["plain text", "a\nb", true, 0, [["not_json", 1], ["body_truncated", 2]]],
  ["an array within an element", `[${GOOD},{"sess`, false, 1, [["body_truncated", 2]]],
  ["an array behind an element", `[${GOOD},${GOOD}`, false, 2, [["body_truncated", 3]]],
  ["an array behind a comma", `[${GOOD},`, false, 1, [["body_truncated", 2]]],
  ["an array within a string", `[${GOOD},{"a":"],[`, true, 1, [["body_truncated", 2]]],
  ["an array within an escape", `[${GOOD},{"a":"\\`, true, 1, [["body_truncated", 2]]],
  ["an array in its first element", `[{"a`, true, 0, [["body_truncated", 1]]],
  ["an array behind its end", `[${GOOD}]\n`, true, 1, []],
];
for (const [what, body, truncated, events, rejects] of cut) {
  Deno.test(`parseBody keeps what is whole of a body cut: ${what}`, () => {
    const parsed = parse(body, { truncated });
    assert.equal(parsed.rows.length, events);
    assert.deepEqual(parsed.rejects.map(({ code, line }) => [code, line]), rejects);
  });
}

const pieces: [string, string, string, number, RejectCode[]][] = [
  ["plain text as a reject a line", "hello\nworld\n", "ndjson", 0, ["not_json", "not_json"]],
  ["an object whose text holds a line of braces", json({ ...click, page: "}\n{" }, null, 1), "object", 1, []],
  ["a broken object over lines as one", '{\n  "session_id": 1,\n  "item_id": 2,\n}', "object", 0, ["not_json"]],
  ["a broken first line and a good one", `{"a":\n${GOOD}`, "ndjson", 1, ["not_json"]],
  ["a broken first line and a good indented one", `{"a":\n  ${GOOD}`, "ndjson", 1, ["not_json"]],
  ["an open string in the first line", `{"a":"x\n${GOOD}\n${GOOD}`, "ndjson", 2, ["not_json"]],
  ["lines that balance only together", `{"a":{\n${GOOD}\n}}`, "ndjson", 1, ["not_json", "not_json"]],
  ["an object over lines with objects at the margin", `{"context":\n{"page":"p"}\n,${GOOD.slice(1)}`, "object", 1, []],
  ["an array within NDJSON", `${GOOD}\n[${GOOD}]`, "ndjson", 1, ["not_object"]],
  ["an object with an open bracket in an array", `[{"a":[1},${GOOD}]`, "array", 1, ["not_json"]],
  ["an array within an array", `[[1,2],${GOOD}]`, "array", 1, ["not_object"]],
  ["a stray brace in an array", `[}${GOOD},${GOOD}]`, "array", 1, ["not_json"]],
  ["commas and brackets within texts of an array", `[${json({ ...click, page: '],[{"\\' })},${GOOD}]`, "array", 2, []],
  ["a comma too many in an array", `[${GOOD},]`, "array", 1, ["not_json"]],
  ["nothing but a comma in an array", "[,]", "array", 0, ["not_json", "not_json"]],
  ["an object behind an array", `[${GOOD}]\n${GOOD}`, "array", 2, []],
  ["rubbish behind an array", `[${GOOD}] x ] y`, "array", 1, ["not_json"]],
];
for (const [what, body, form, events, codes] of pieces) {
  Deno.test(`parseBody reads ${what}`, () => {
    const parsed = parse(body);
    assert.deepEqual({ form: parsed.form, codes: parsed.rejects.map(({ code }) => code) }, { form, codes });
    assert.equal(parsed.rows.length, events);
  });
}

Deno.test("parseBody reads bodies across the borders of its windows alike, ASCII or not", () => {
  const line = (i: number) => json({ ...click, session_id: i, page: i % 7 === 0 ? "ü" + long(i % 50) : long(i % 211) });
  const lines = Array.from({ length: 3000 }, (_, i) => i % 500 === 3 ? "bad" : line(i));
  const { rows, rejects } = parse(lines.join("\n"));
  assert.equal(rejects.length, 6);
  assert.deepEqual(rows.map((row) => Number(row.session)), [...lines.keys()].filter((i) => i % 500 !== 3));
  assert.equal(rows[0].page, "ü");
});

Deno.test("parseBody survives any bytes", () => {
  const random = seededRandom("bytes");
  const alphabet = encoder.encode('{}[]",:\\\n\r 01e-tn\u0000é"session_id"');
  for (let i = 0; i < 20_000; i++) {
    const bytes = Uint8Array.from({ length: 1 + random() * 60 }, () => alphabet[Math.floor(random() * alphabet.length)]);
    try {
      parse(bytes, { truncated: random() < 0.5 });
    } catch (error) {
      assert.ok(error instanceof GuardianError, String(error));
    }
  }
});

Deno.test("parseBody keeps all good lines when bytes of others are changed", () => {
  const random = seededRandom("changed bytes");
  for (let i = 0; i < 2000; i++) {
    const bad = encoder.encode(json(random() < 0.5 ? purchase : transaction));
    bad[Math.floor(random() * bad.length)] = Math.floor(random() * 256);
    const good = encoder.encode(json({ ...click, session_id: "good" }) + "\n");
    const { rows } = parse(Uint8Array.from([...good, ...bad, 10, ...good]));
    assert.equal(rows.filter((row) => row.session === "good").length, 2);
  }
});

Deno.test("parseBody puts into the columns what random events say, in each form", () => {
  const random = seededRandom("events");
  const any = <T>(...choices: T[]): T => choices[Math.floor(random() * choices.length)];
  const integer = (below: number) => Math.floor(random() * below);
  const id = () =>
    any<string | number>(integer(100), integer(2 ** 40), String(integer(1e15)), "s-" + integer(9), "0" + integer(9), "ü😀" + integer(9));
  for (let round = 0; round < 200; round++) {
    const events: Record<string, unknown>[] = [], rows: Row[] = [];
    for (let i = 1 + integer(30); i > 0; i--) {
      const kind = any("click", "page_view", "add_to_cart", "search", "purchase");
      const time = limits.eventTimeMin + integer(NOW - limits.eventTimeMin);
      const session = id(), item = id();
      const event: Record<string, unknown> = {
        session_id: session,
        timestamp: any<unknown>(time, new Date(time).toISOString()),
        item_id: item,
      };
      const row: Row = { kind, time, session: String(session), item: String(item) };
      if (kind !== "click" || random() < 0.5) event.kind = kind;
      const texts = [["category", "category"], ["user_id", "userId"], ["user_agent", "userAgent"], ["platform", "platform"], [
        "event_id",
        "eventId",
      ]];
      for (const [name, column] of texts) {
        if (random() < 0.3) row[column] = event[name] = any("7", "x" + integer(99), 'quote"\\', "ß");
      }
      if (kind === "purchase") {
        const units = any(0, integer(100_000), integer(9e15)), quantity = integer(10);
        const text = `${Math.floor(units / 10_000)}.${String(units % 10_000).padStart(4, "0")}`;
        event.price = units < 1e10 ? any<unknown>(text, units / 10_000) : text;
        event.quantity = quantity;
        row.price = units;
        row.quantity = quantity;
      }
      if (random() < 0.2) {
        event.properties = { b: "1", a: "ü\n" };
        row.properties = '{"a":"ü\\n","b":"1"}';
      }
      const names = Object.keys(event).sort(() => random() - 0.5);
      events.push(Object.fromEntries(names.map((name) => [name, event[name]])));
      rows.push(row);
    }
    const bodies = [events.map((event) => json(event)).join("\n"), json(events), json(events, null, 2)];
    for (const body of bodies) assert.deepEqual(pick(parse(body)), { rows, rejects: [] });
  }
});

const schemas = { event: eventSchema, userEvent: userEventSchema, transaction: transactionSchema };
for (const [name, example] of Object.entries(examples)) {
  Deno.test(`the example of ${name} is taken by its schema and by the parser`, () => {
    const read = schemas[name as keyof typeof schemas].safeParse(example);
    assert.ok(read.success, read.error?.message);
    const { rows, rejects } = parse(json(example));
    assert.deepEqual(rejects, []);
    assert.equal(rows.length, 1);
  });
}

Deno.test("recordSchema and the parser agree on random values of the basic fields", () => {
  const random = seededRandom("schema");
  const any = <T>(...choices: T[]): T => choices[Math.floor(random() * choices.length)];
  const value = () =>
    any<unknown>(
      0,
      1,
      -1,
      1.5,
      2 ** 53,
      "",
      "x",
      "7",
      long(65),
      long(129),
      "a\u0000",
      null,
      true,
      [],
      {},
      T,
      TIME,
      "2024-02-30T00:00:00Z",
      "1.5",
      "1.23456",
    );
  for (let i = 0; i < 20_000; i++) {
    const base = any<Record<string, unknown>>(purchase, purchase, { ...click, kind: "page_view" });
    const names = base === purchase
      ? ["session_id", "timestamp", "item_id", "price", "quantity", "category", "event_id"]
      : ["session_id", "item_id"];
    const event = { ...base, [any(...names)]: value(), [any(...names)]: value() };
    if (typeof event.timestamp === "number" && event.timestamp !== TIME) continue;
    if (event.timestamp === "7") continue;
    const { rows, rejects } = parse(json(event));
    assert.equal(eventSchema.safeParse(event).success, rows.length === 1, `${json(event)}: ${rejects[0]?.message}`);
  }
  assert.ok(recordSchema.safeParse(transaction).success);
});
