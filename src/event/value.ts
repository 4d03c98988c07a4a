// One value of one field, as it was sent: turned into what the columns take, or into what is wrong with it. Knows no other field.
// What always holds: a text that is a canonical integer below 2^31 comes out as that number, so that 7 and "7" are one id.

import { FIRST_WORD, integerCode } from "./code.ts";
import { limits } from "../limits.ts";
import { kindNames } from "./kind.ts";
import { maskIp } from "./mask.ts";
import { bareWord, countedStatuses, kindWords, type ValueKind } from "./names.ts";
import { parsePrice, type PriceFault, priceOfNumber } from "./price.ts";
import { quoted } from "./quoted.ts";
import type { RejectCode } from "./reject.ts";
import { parseTimestamp, timestampFault } from "./timestamp.ts";

/** What is wrong with a value. `problem` goes behind the field's name in a sentence; `within` is the way to the part of the value meant. */
export class Fault {
  constructor(readonly code: RejectCode, readonly problem: string, readonly within = "") {}
}

/** A code below FIRST_WORD or a figure, a text, or undefined where the value counts as left out. */
export type Checked = number | string | undefined;

type JsonObject = Record<string, unknown>;

/** What to send in a field of each kind, for messages. */
export const wanted: Record<ValueKind, string> = {
  kind: `one of ${kindNames.join(", ")}`,
  id: "an integer or a string",
  text: "a string",
  ip: "an IPv4 or IPv6 address",
  time: "ISO 8601 with a time zone, like 2014-04-07T10:51:09.277Z, or milliseconds since the epoch",
  price: "a decimal of 0 or more, as a number or a string",
  quantity: "an integer of 0 or more",
  properties: "an object of strings",
  context: "an object",
  order_items: "an array of objects",
  status: "a string",
};

/** Checks a value of a kind; `bytesMax` is for texts. */
export function checkValue(kind: ValueKind, value: unknown, bytesMax: number): Checked | Fault {
  switch (kind) {
    case "id":
      return checkId(value, bytesMax);
    case "text":
      return checkText(value, bytesMax);
    case "time":
      return checkTime(value);
    case "ip":
      return typeof value === "string" ? maskIp(value) ?? undefined : undefined;
    case "price":
      return checkPrice(value);
    case "quantity":
      return checkQuantity(value);
    case "kind":
      return checkKind(value);
    case "status":
      return checkStatus(value);
    case "properties":
      return checkProperties(value, bytesMax);
    default:
      return wrongType(kind, value);
  }
}

function checkId(value: unknown, bytesMax: number): Checked | Fault {
  if (typeof value === "number") {
    if (Number.isSafeInteger(value) && value >= 0) return value < FIRST_WORD ? value : String(value);
    const why = Number.isInteger(value) && value > 0 ? "an integer too large to be exact" : "not an integer of 0 or more";
    return new Fault("invalid_value", `is ${quoted(value)}, ${why}; send it as a string`);
  }
  if (typeof value === "string" && hasControl(value)) {
    return new Fault("invalid_value", `is ${quoted(value)}, which holds a control character; take it out`);
  }
  return typeof value === "string" ? checkText(value, bytesMax) : wrongType("id", value);
}

function checkText(value: unknown, bytesMax: number): Checked | Fault {
  if (typeof value !== "string") return wrongType("text", value);
  const code = integerCode(value);
  if (code >= 0) return code;
  if (value === "") return undefined;
  if (!value.isWellFormed()) {
    return new Fault("invalid_value", `is ${quoted(value)}, which holds half of a surrogate pair; send whole characters`);
  }
  if (utf8BytesAbove(value, bytesMax)) {
    return new Fault("too_long", `is ${quoted(value)}, longer than ${bytesMax} bytes of UTF-8; send a shorter one`);
  }
  return value;
}

function checkTime(value: unknown): Checked | Fault {
  if (typeof value !== "string" && typeof value !== "number") return wrongType("time", value);
  return parseTimestamp(value) ?? new Fault("invalid_value", `is ${quoted(value)}, which ${timestampFault(value)}; send ${wanted.time}`);
}

const priceFaults: Record<PriceFault, readonly [RejectCode, string]> = {
  not_decimal: ["invalid_value", "not a decimal; send digits with a point, like 12.50"],
  negative: ["out_of_range", "less than 0; send returns some other way"],
  decimals: ["invalid_value", "with more than 4 decimals; round it where it is made"],
  too_large: ["out_of_range", `more than ${limits.priceMax}; send the price of one piece`],
};

function checkPrice(value: unknown): Checked | Fault {
  if (typeof value !== "number" && typeof value !== "string") return wrongType("price", value);
  const price = typeof value === "number" ? priceOfNumber(value) : parsePrice(value);
  if (typeof price === "number") return price;
  const [code, why] = priceFaults[price];
  return new Fault(code, `is ${quoted(value)}, ${why}`);
}

const INTEGER = /^-?\d{1,15}$/;

function checkQuantity(value: unknown): Checked | Fault {
  if (typeof value !== "number" && typeof value !== "string") return wrongType("quantity", value);
  const quantity = typeof value === "number" ? value : INTEGER.test(value) ? Number(value) : NaN;
  if (!Number.isInteger(quantity)) {
    return new Fault("invalid_value", `is ${quoted(value)}, not an integer; send how many pieces were bought`);
  }
  if (quantity < 0) return new Fault("out_of_range", `is ${quoted(value)}, less than 0; send returns some other way`);
  if (quantity <= limits.quantityMax) return quantity + 0;
  return new Fault("out_of_range", `is ${quoted(value)}, more than ${limits.quantityMax}; send how many pieces were bought`);
}

function checkKind(value: unknown): Checked | Fault {
  if (typeof value !== "string") return wrongType("kind", value);
  if (value === "") return undefined;
  return kindWords.get(value) ?? kindWords.get(bareWord(value)) ??
    new Fault("invalid_value", `is ${quoted(value)}, no kind of event; send ${wanted.kind}`);
}

function checkStatus(value: unknown): Checked | Fault {
  if (typeof value !== "string") return wrongType("status", value);
  if (value === "" || countedStatuses.includes(value.toLowerCase())) return value;
  const counted = countedStatuses.map((word) => quoted(word)).join(" or ");
  return new Fault("status_not_counted", `is ${quoted(value)}, so that it does not count yet; send it once it is ${counted}`);
}

/** The properties as JSON with their names in order, as RFC 8785 has it. */
function checkProperties(value: unknown, bytesMax: number): Checked | Fault {
  if (!isObject(value)) return wrongType("properties", value);
  const names = Object.keys(value).filter((name) => value[name] !== null).sort();
  if (names.length === 0) return undefined;
  if (names.length > limits.propertiesMax) {
    return new Fault("too_large", `has ${names.length} entries, more than ${limits.propertiesMax}; send fewer`);
  }
  const members: string[] = [];
  for (const name of names) {
    const text = propertyText(value[name]);
    if (text instanceof Fault) return new Fault(text.code, text.problem, `.${name.slice(0, 60)}`);
    members.push(`${JSON.stringify(name)}:${JSON.stringify(text)}`);
  }
  const json = `{${members.join(",")}}`;
  return utf8BytesAbove(json, bytesMax) ? new Fault("too_large", `has more than ${bytesMax} bytes as JSON; send less`) : json;
}

function propertyText(value: unknown): string | Fault {
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return String(value);
  if (typeof value !== "number") return wrongType("text", value);
  const exact = Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value));
  return exact ? String(value) : new Fault("invalid_value", `is ${quoted(value)}, too large to be exact; send it as a string`);
}

export function wrongType(kind: ValueKind, value: unknown): Fault {
  return new Fault("wrong_type", `is ${typeName(value)}; send ${wanted[kind]}`);
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function typeName(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : typeof value === "boolean" ? String(value) : `a ${typeof value}`;
}

/** Whether a text holds a C0 control or DEL. */
function hasControl(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (char < 32 || char === 127) return true;
  }
  return false;
}

const encoder = new TextEncoder();

function utf8BytesAbove(text: string, bytesMax: number): boolean {
  if (3 * text.length <= bytesMax) return false;
  return text.length > bytesMax || encoder.encode(text).length > bytesMax;
}
