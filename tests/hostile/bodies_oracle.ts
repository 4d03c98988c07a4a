// What must become of one line of a body, worked out a second time and plainly: a JSON reader of its own, whose objects are maps, and the
// rules for events as docs tell them. It shares no code with the product but the numbers in src/limits.ts.
// Where several things are wrong with a line, any of them may be told; so a verdict has all codes that would be right.

import { limits } from "../../src/limits.ts";

/** rows: events that get in. refusals: for each reject that must be told, the codes that are right. */
export interface Verdict {
  rows: number;
  refusals: Set<string>[];
}

type Json = null | boolean | number | string | Json[] | Map<string, Json>;
type Members = Map<string, Json>;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }), encoder = new TextEncoder();
const refused = (...codes: string[]): Verdict => ({ rows: 0, refusals: [new Set(codes)] });

/** The verdict on a line, or null for one that is blank. latest: the latest time of an event, ms. */
export function verdictOf(line: Uint8Array, latest: number): Verdict | null {
  let from = 0, to = line.length;
  while (from < to && isBlank(line[from])) from++;
  while (to > from && isBlank(line[to - 1])) to--;
  if (from === to) return null;
  if (to - from > limits.lineBytesMax) return refused("line_too_long");
  let text: string;
  try {
    text = utf8.decode(line.subarray(from, to));
  } catch {
    return refused("not_utf8");
  }
  if (nesting(text) > limits.jsonDepthMax) return refused("too_deep");
  const reader = new Reader(text);
  let value: Json;
  try {
    value = reader.whole();
  } catch {
    return refused("not_json");
  }
  if (!(value instanceof Map)) return refused("not_object");
  return reader.repeated ? refused("duplicate_field") : recordVerdict(value, latest);
}

function isBlank(byte: number): boolean {
  return [9, 10, 13, 32].includes(byte);
}

/** How deep brackets go outside of strings, whether or not they close. */
function nesting(text: string): number {
  let depth = 0, deepest = 0;
  for (const token of text.replace(/"(?:[^"\\]|\\[^])*(?:"|$)/g, "")) {
    if (token === "{" || token === "[") deepest = Math.max(deepest, ++depth);
    if (token === "}" || token === "]") depth--;
  }
  return deepest;
}

/** Reads JSON as RFC 8259 has it. */
class Reader {
  repeated = false;
  #at = 0;

  constructor(private readonly text: string) {}

  whole(): Json {
    const value = this.#value();
    this.#blank();
    if (this.#at < this.text.length) throw new Error("more");
    return value;
  }

  #blank(): void {
    while (/[ \t\n\r]/.test(this.text.charAt(this.#at))) this.#at++;
  }

  #match(pattern: RegExp): string | null {
    const found = new RegExp(pattern.source, "y");
    found.lastIndex = this.#at;
    const text = found.exec(this.text)?.[0] ?? null;
    if (text !== null) this.#at += text.length;
    return text;
  }

  #need(text: string): void {
    this.#blank();
    if (!this.text.startsWith(text, this.#at)) throw new Error(`no ${text}`);
    this.#at += text.length;
  }

  #value(): Json {
    this.#blank();
    const first = this.text[this.#at];
    if (first === "{") return this.#object();
    if (first === "[") return this.#list();
    if (first === '"') return this.#string();
    const word = this.#match(/true|false|null/);
    if (word !== null) return word === "null" ? null : word === "true";
    const number = this.#match(/-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/);
    if (number === null) throw new Error("no value");
    return Number(number);
  }

  #string(): string {
    // deno-lint-ignore no-control-regex
    const quoted = this.#match(/"(?:[^"\\\u0000-\u001f]|\\(?:["\\\/bfnrt]|u[0-9a-fA-F]{4}))*"/);
    if (quoted === null) throw new Error("no string");
    const short: Record<string, string> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };
    return quoted.slice(1, -1).replace(
      /\\(u(....)|.)/g,
      (_, escape: string, hex?: string) => hex === undefined ? short[escape] ?? escape : String.fromCharCode(parseInt(hex, 16)),
    );
  }

  #list(): Json[] {
    const list: Json[] = [];
    this.#need("[");
    this.#blank();
    if (this.text[this.#at] === "]") return this.#at++, list;
    for (;;) {
      list.push(this.#value());
      this.#blank();
      if (this.text[this.#at] === "]") return this.#at++, list;
      this.#need(",");
    }
  }

  #object(): Members {
    const members: Members = new Map();
    this.#need("{");
    this.#blank();
    if (this.text[this.#at] === "}") return this.#at++, members;
    for (;;) {
      this.#blank();
      const name = this.#string();
      this.#need(":");
      if (members.has(name)) this.repeated = true;
      members.set(name, this.#value());
      this.#blank();
      if (this.text[this.#at] === "}") return this.#at++, members;
      this.#need(",");
    }
  }
}

/** Names of the fields of a record, of its context, of its properties, and of an order item. */
const record: Record<string, string[]> = {
  session: ["session_id", "sessionId"],
  time: ["timestamp"],
  kind: ["kind", "eventType"],
  item: ["item_id", "itemId", "productId", "product_id"],
  category: ["category"],
  price: ["price"],
  quantity: ["quantity"],
  order: ["order_id", "orderId"],
  currency: ["currency"],
  event: ["event_id", "eventId"],
  user: ["user_id", "userId"],
  agent: ["user_agent", "userAgent"],
  ip: ["ip"],
  referrer: ["referrer"],
  platform: ["platform"],
  page: ["page"],
  properties: ["properties"],
  context: ["context"],
  items: ["order_items", "orderItems"],
  transaction: ["transaction_id", "transactionId"],
  status: ["status"],
};
const ofContext = ["agent", "ip", "referrer", "platform", "page"], ofItem = ["item", "category", "price", "quantity"];

function recordVerdict(members: Members, latest: number): Verdict {
  const given: Record<string, Json | undefined> = {};
  for (const [field, names] of Object.entries(record)) {
    const values = names.map((name) => members.get(name) ?? null).filter((value) => value !== null);
    if (values.some((value) => value !== values[0])) return refused("duplicate_field");
    given[field] = values[0];
  }
  if (given.context !== undefined && !(given.context instanceof Map)) return refused("wrong_type");
  fill(given, given.context, ofContext);
  fill(given, given.properties, ofItem);
  const isTransaction = given.items !== undefined || (given.transaction !== undefined && given.kind === undefined);
  return isTransaction ? transactionVerdict(given, latest) : eventVerdict(given, latest);
}

/** Takes fields from a structure where the record has none; the first of several names counts. */
function fill(given: Record<string, Json | undefined>, structure: Json | undefined, fields: readonly string[]): void {
  if (!(structure instanceof Map)) return;
  for (const field of fields) {
    if (given[field] !== undefined) continue;
    for (const [name, value] of structure) {
      if (value === null || !record[field].includes(name)) continue;
      given[field] = value;
      break;
    }
  }
}

function eventVerdict(given: Record<string, Json | undefined>, latest: number): Verdict {
  const kind = kindOf(given.kind);
  if (kind === null) return refused(typeof given.kind === "string" ? "invalid_value" : "wrong_type");
  const isPurchase = kind === "purchase";
  if (isPurchase) given.order ??= given.transaction;
  else {given.price =
      given.quantity =
      given.order =
      given.currency =
        undefined;}
  const required = [
    "session",
    "time",
    ...["click", "addtocart"].includes(kind) ? ["item"] : isPurchase ? ["item", "price", "quantity"] : [],
  ];
  const faults = [...missing(given, required), ...common(given, latest), ...ofItem.flatMap((field) => fault(field, given[field]))];
  return faults.length === 0 ? { rows: 1, refusals: [] } : refused(...faults);
}

function transactionVerdict(given: Record<string, Json | undefined>, latest: number): Verdict {
  const { items, status } = given, faults: string[] = [];
  if (status !== undefined && typeof status !== "string") faults.push("wrong_type");
  else if (status && !["completed", "paid"].includes(status.toLowerCase())) faults.push("status_not_counted");
  if (items === undefined) faults.push("missing_field");
  else if (!Array.isArray(items)) faults.push("wrong_type");
  else if (items.length === 0) faults.push("missing_field");
  else if (items.length > limits.orderItemsMax) faults.push("too_large");
  // `#` and up to three digits are added to the id.
  faults.push(...idFault(given.transaction ?? given.event, limits.shortTextBytesMax - 4));
  given.order ??= given.transaction;
  if (given.session === undefined && given.user !== undefined && given.user !== "") {
    faults.push(...idFault(given.user, limits.idBytesMax - "user:".length));
    given.session = "by user";
  }
  faults.push(...missing(given, ["session", "time"]), ...common(given, latest));
  if (faults.length > 0) return refused(...faults);
  const verdict: Verdict = { rows: 0, refusals: [] };
  for (const item of items as Json[]) {
    const own: Record<string, Json | undefined> = {};
    fill(own, item, ofItem);
    const wrong = item instanceof Map
      ? [...missing(own, ["item", "price", "quantity"]), ...ofItem.flatMap((field) => fault(field, own[field]))]
      : ["wrong_type"];
    if (wrong.length === 0) verdict.rows++;
    else verdict.refusals.push(new Set(wrong));
  }
  return verdict;
}

/** The kind that a word names; null when it names none. */
function kindOf(word: Json | undefined): string | null {
  if (word === undefined || word === "") return "click";
  if (typeof word !== "string") return null;
  const bare = word.toLowerCase().split(/[-_ ]/).join(""),
    kind = ({ view: "pageview", buy: "purchase" } as Record<string, string>)[bare] ?? bare;
  return ["click", "pageview", "addtocart", "search", "purchase"].includes(kind) ? kind : null;
}

function missing(given: Record<string, Json | undefined>, fields: readonly string[]): string[] {
  return fields.flatMap((field) => given[field] === undefined ? ["missing_field"] : given[field] === "" ? ["invalid_value"] : []);
}

function common(given: Record<string, Json | undefined>, latest: number): string[] {
  const fields = ["session", "order", "currency", "event", "user", "agent", "referrer", "platform", "page", "properties"];
  return [...fields.flatMap((field) => fault(field, given[field])), ...timeFault(given.time, latest)];
}

function fault(field: string, value: Json | undefined): string[] {
  if (value === undefined) return [];
  if (field === "session" || field === "item") return idFault(value, limits.idBytesMax);
  if (field === "user") return idFault(value, limits.userIdBytesMax);
  if (["category", "order", "currency", "event"].includes(field)) return idFault(value, limits.shortTextBytesMax);
  if (field === "price") return priceFault(value);
  if (field === "quantity") return quantityFault(value);
  return field === "properties" ? propertiesFault(value) : textFault(value, limits.contextBytesMax);
}

function idFault(value: Json | undefined, bytesMax: number): string[] {
  if (value === undefined) return [];
  if (typeof value === "number") return Number.isSafeInteger(value) && value >= 0 ? [] : ["invalid_value"];
  // deno-lint-ignore no-control-regex
  if (typeof value === "string" && /[\u0000-\u001f\u007f]/.test(value)) return ["invalid_value"];
  return textFault(value, bytesMax);
}

function textFault(value: Json, bytesMax: number): string[] {
  if (typeof value !== "string") return ["wrong_type"];
  if (/[\ud800-\udfff]/u.test(value)) return ["invalid_value"];
  return encoder.encode(value).length > bytesMax ? ["too_long"] : [];
}

function priceFault(value: Json): string[] {
  if (typeof value !== "number" && typeof value !== "string") return ["wrong_type"];
  const text = typeof value === "string" ? value : plain(value);
  if (!/^-?\d{1,400}(\.\d{1,400})?$/.test(text) || (typeof value === "string" && !/^-?\d{1,20}(\.\d{1,20})?$/.test(text))) {
    return value === Infinity || value === -Infinity ? ["out_of_range"] : ["invalid_value"];
  }
  const units = Number(text);
  return [
    ...text.startsWith("-") && units !== 0 ? ["out_of_range"] : [],
    ...Math.abs(units) > limits.priceMax ? ["out_of_range"] : [],
    ...(text.split(".")[1] ?? "").slice(4).match(/[1-9]/) ? ["invalid_value"] : [],
  ];
}

/** A number in digits alone. */
function plain(value: number): string {
  const [, sign, whole, fraction = "", exponent] = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(value)) ?? [];
  if (whole === undefined) return "";
  const digits = whole + fraction, point = whole.length + Number(exponent ?? 0);
  const text = point <= 0 ? "0".repeat(1 - point) + digits : digits.padEnd(point, "0"), at = Math.max(1, point);
  return sign + text.slice(0, at) + (at < text.length ? "." + text.slice(at) : "");
}

function quantityFault(value: Json): string[] {
  if (typeof value !== "number" && typeof value !== "string") return ["wrong_type"];
  if (typeof value === "string" && !/^-?\d{1,15}$/.test(value)) return ["invalid_value"];
  const count = Number(value);
  return !Number.isInteger(count) ? ["invalid_value"] : count < 0 || count > limits.quantityMax ? ["out_of_range"] : [];
}

function propertiesFault(value: Json): string[] {
  if (!(value instanceof Map)) return ["wrong_type"];
  const members = [...value].filter(([, member]) => member !== null), faults: string[] = [];
  for (const [, member] of members) {
    if (typeof member === "number") {
      if (!Number.isFinite(member) || (Number.isInteger(member) && !Number.isSafeInteger(member))) faults.push("invalid_value");
    } else if (typeof member !== "string" && typeof member !== "boolean") faults.push("wrong_type");
  }
  const texts = members.map(([name, member]) => [name, String(member)]).map(([name, text]) =>
    `${JSON.stringify(name)}:${JSON.stringify(text)}`
  );
  const bytes = encoder.encode(`{${texts.join(",")}}`).length;
  if (members.length > limits.propertiesMax || bytes > limits.propertiesBytesMax) faults.push("too_large");
  return faults;
}

const ISO = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?(?:[Zz]|([+-])(\d\d):?(\d\d)?)$/;

function timeFault(value: Json | undefined, latest: number): string[] {
  if (value === undefined || value === "") return [];
  if (typeof value !== "number" && typeof value !== "string") return ["wrong_type"];
  const time = typeof value === "string" && !/^-?\d+$/.test(value) ? readIso(value) : Math.floor(Number(value));
  if (!(Math.abs(time) <= Number.MAX_SAFE_INTEGER)) return ["invalid_value"];
  return time < limits.eventTimeMin || time > latest ? ["out_of_range"] : [];
}

/** ms, or NaN where the text is no moment. */
function readIso(text: string): number {
  const parts = ISO.exec(text);
  if (parts === null || /[+-]\d\d:$/.test(text)) return NaN;
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map((part) => Number(part ?? 0));
  const moment = new Date(0);
  moment.setUTCFullYear(year, month - 1, day);
  if (moment.getUTCMonth() !== month - 1 || moment.getUTCDate() !== day) return NaN;
  const [zoneHour, zoneMinute] = [Number(parts[9] ?? 0), Number(parts[10] ?? 0)];
  if (hour > 23 || minute > 59 || second > 59 || zoneHour > 23 || zoneMinute > 59) return NaN;
  const ms = Math.floor(Number(`0.${parts[7] ?? 0}`.slice(0, 5)) * 1000 + 0.5);
  const zone = (zoneHour * 60 + zoneMinute) * (parts[8] === "-" ? -1 : 1);
  return moment.getTime() + ((hour * 60 + minute - zone) * 60 + second) * 1000 + ms;
}
