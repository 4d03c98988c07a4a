// The accepted records as schemas, for the API's description and for who checks before sending. Made from the table of names.
// They document; the parser decides. The tests hold the two together.

import { z } from "@hono/zod-openapi";
import { limits } from "../limits.ts";
import { countedStatuses, type FieldName, type FieldNames, fields, placeOf } from "./names.ts";
import { type KindName, kindNames } from "./kind.ts";
import { checkValue, Fault } from "./value.ts";

/** A schema that accepts what the parser accepts for one field, and says so in OpenAPI's words. */
function fieldSchema(name: FieldName): z.ZodType {
  const field: FieldNames = fields[placeOf[name]];
  const most = field.bytesMax === undefined ? "" : `. At most ${field.bytesMax} bytes of UTF-8`;
  return baseSchema(field)
    .refine((value) => value === undefined || !(checkValue(field.value, value, field.bytesMax ?? 0) instanceof Fault))
    .describe(field.meaning + most);
}

function baseSchema(field: FieldNames): z.ZodType {
  switch (field.value) {
    case "id":
      return z.union([z.int().min(0), z.string()]);
    case "time":
      return z.union([z.string(), z.number()]).openapi({ example: "2014-04-07T10:51:09.277Z" });
    case "price":
      return z.union([z.number().min(0).max(limits.priceMax), z.string()]).openapi({ example: "12.50" });
    case "quantity":
      return z.union([z.int().min(0).max(limits.quantityMax), z.string()]).openapi({ example: 1 });
    case "properties":
      return z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]));
    default:
      return z.string();
  }
}

/** An object schema of `names`, all optional but `required`. */
function objectSchema(names: Readonly<Record<string, FieldName>>, required: readonly string[]): z.ZodObject {
  const shape: Record<string, z.ZodType> = {};
  for (const [name, field] of Object.entries(names)) {
    const schema = fieldSchema(field);
    shape[name] = required.includes(name) ? schema.refine((value) => value !== "") : schema.nullish();
  }
  return z.object(shape);
}

function same(...names: FieldName[]): Record<string, FieldName> {
  return Object.fromEntries(names.map((name) => [name, name]));
}

const requiredNames = (kind: KindName): FieldName[] =>
  (fields as readonly FieldNames[]).filter((field) => field.requiredBy?.includes(kind)).map((field) => field.flat as FieldName);

/** One record of each form, as the documentation shows it. */
export const examples = {
  event: {
    session_id: 11,
    timestamp: "2014-04-07T10:51:09.277Z",
    kind: "purchase",
    item_id: 214536502,
    category: "S",
    price: 12.5,
    quantity: 2,
  },
  userEvent: {
    eventId: "e-1",
    userId: "u-7",
    sessionId: "s-11",
    eventType: "ADD_TO_CART",
    timestamp: 1_396_867_869_277,
    properties: { itemId: "214536502", color: "red" },
    context: { userAgent: "Mozilla/5.0", ip: "192.0.2.17", platform: "web", referrer: "https://shop.example/" },
  },
  transaction: {
    transactionId: "t-1",
    userId: "u-7",
    orderItems: [{ productId: "214536502", quantity: 2, price: 12.5, category: "S" }],
    totalAmount: 25,
    currency: "EUR",
    paymentMethod: "card",
    status: "completed",
    timestamp: "2014-04-07T10:51:09.277Z",
  },
};

/** The flat dialect. */
export const eventSchema = objectSchema(
  same(
    "session_id",
    "timestamp",
    "item_id",
    "category",
    "price",
    "quantity",
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
  ),
  ["session_id", "timestamp"],
).extend({ kind: z.enum(kindNames).nullish().describe(fields[placeOf.kind].meaning) }).refine(
  (event) =>
    requiredNames((event.kind as KindName | null) ?? "click").every((name) => ((event as Record<string, unknown>)[name] ?? "") !== ""),
  "click, add_to_cart and purchase need item_id; purchase needs price and quantity",
).openapi("Event", {
  description: "One click, page view, cart addition, search or purchase. Other fields are ignored; `properties` is the place for them.",
  example: examples.event,
});

const contextSchema = objectSchema(
  { userAgent: "user_agent", ip: "ip", platform: "platform", referrer: "referrer", page: "page" },
  [],
).openapi("EventContext");

/** One thing that a user did, in camelCase. */
export const userEventSchema = objectSchema(
  { eventId: "event_id", userId: "user_id", sessionId: "session_id", eventType: "kind", timestamp: "timestamp", properties: "properties" },
  ["sessionId", "timestamp"],
).extend({
  itemId: fieldSchema("item_id").nullish().describe(
    "The item that it was about; may stand in `properties` instead, as category, price and quantity",
  ),
  context: contextSchema.nullish(),
}).openapi("UserEvent", {
  description: "The same as an Event in camelCase. `eventType` is read whatever its case: CLICK, PAGE_VIEW, addToCart.",
  example: examples.userEvent,
});

const orderItemSchema = objectSchema(
  { productId: "item_id", quantity: "quantity", price: "price", category: "category" },
  ["productId", "quantity", "price"],
).openapi("OrderItem");

/** One order, in camelCase. */
export const transactionSchema = objectSchema(
  {
    transactionId: "transaction_id",
    userId: "user_id",
    sessionId: "session_id",
    currency: "currency",
    status: "status",
    timestamp: "timestamp",
  },
  ["timestamp"],
).extend({
  orderItems: z.array(orderItemSchema).min(1).max(limits.orderItemsMax),
  totalAmount: z.unknown().optional().describe("Ignored: the sum of the items counts"),
  paymentMethod: z.unknown().optional().describe("Ignored"),
}).refine((transaction) => transaction.sessionId != null || transaction.userId != null, "sessionId or userId is needed").openapi(
  "Transaction",
  {
    description: `Becomes one purchase per order item. Its status is none, ${countedStatuses.join(" or ")}; others are refused. ` +
      "Without a sessionId its session is `user:<userId>`.",
    example: {
      transactionId: "t-1",
      userId: "u-7",
      orderItems: [{ productId: "214536502", quantity: 2, price: 12.5, category: "S" }],
      totalAmount: 25,
      currency: "EUR",
      paymentMethod: "card",
      status: "completed",
      timestamp: "2014-04-07T10:51:09.277Z",
    },
  },
);

/** Whatever one element of a body may be. */
export const recordSchema = z.union([eventSchema, userEventSchema, transactionSchema]);
