// Rows as NDJSON in the flat dialect, with all that an event can have: what a server takes, and what a file of events is made of.
// What always holds: the same rows give the same bytes, and reading them gives the same rows.

import { columnText, type EventColumns } from "../event/batch.ts";
import { ABSENT, FIRST_ID, FIRST_WORD, idOut } from "../event/code.ts";
import { CLICK, kindNames, PURCHASE } from "../event/kind.ts";
import { PRICE_UNITS } from "../event/price.ts";

/** How a time stands in a line: as JSON. */
export type TimeJson = (ms: number) => string | number;

/** One line per row: ids as numbers where they are canonical integers, prices exact, event times as ms unless `time` says otherwise. */
export function flatLines(columns: EventColumns, time: TimeJson = (ms) => ms): string {
  const { count, words, kind, eventTime, session, item, category, purchase, visitor, identity, properties } = columns;
  const json = new WordJson(words);
  let lines = "";
  for (let row = 0; row < count; row++) {
    const isPurchase = kind[row] === PURCHASE;
    lines += `{"session_id":${json.id(session[row])},"timestamp":${time(eventTime[row])}`;
    if (item[row] !== ABSENT) lines += `,"item_id":${json.id(item[row])}`;
    if (category[row] !== ABSENT) lines += `,"category":${json.id(category[row])}`;
    if (kind[row] !== CLICK) lines += `,"kind":"${kindNames[kind[row]]}"`;
    if (isPurchase && purchase !== null) {
      lines += `,"price":${priceJson(purchase.price[row])},"quantity":${purchase.quantity[row]}`;
      if (purchase.orderId[row] !== ABSENT) lines += `,"order_id":${json.id(purchase.orderId[row])}`;
      if (purchase.currency[row] !== ABSENT) lines += `,"currency":${json.id(purchase.currency[row])}`;
    }
    if (identity !== null && identity.eventId[row] !== ABSENT) lines += `,"event_id":${json.eventId(columns, row)}`;
    if (visitor !== null) {
      if (visitor.userId[row] !== ABSENT) lines += `,"user_id":${json.id(visitor.userId[row])}`;
      if (visitor.ip[row] !== ABSENT) lines += `,"ip":${json.text(visitor.ip[row])}`;
      if (visitor.userAgent[row] !== ABSENT) lines += `,"user_agent":${json.text(visitor.userAgent[row])}`;
      if (visitor.referrer[row] !== ABSENT) lines += `,"referrer":${json.text(visitor.referrer[row])}`;
      if (visitor.platform[row] !== ABSENT) lines += `,"platform":${json.text(visitor.platform[row])}`;
      if (visitor.page[row] !== ABSENT) lines += `,"page":${json.text(visitor.page[row])}`;
    }
    // The column holds JSON already.
    if (properties !== null && properties[row] !== ABSENT) lines += `,"properties":${words[properties[row] - FIRST_WORD]}`;
    lines += "}\n";
  }
  return lines;
}

/** Codes as JSON. A word is in many rows: its JSON is made once. */
class WordJson {
  readonly #words: readonly string[];
  readonly #ids: string[];
  readonly #texts: string[];

  constructor(words: readonly string[]) {
    this.#words = words;
    this.#ids = new Array(words.length).fill("");
    this.#texts = new Array(words.length).fill("");
  }

  id(code: number): string | number {
    if (code < FIRST_WORD) return code;
    const place = code - FIRST_WORD;
    return this.#ids[place] ||= JSON.stringify(idOut(this.#words[place]));
  }

  /** As `id`, for the event id of a row, which has one. */
  eventId(columns: EventColumns, row: number): string | number {
    const { eventId } = columns.identity!, code = eventId[row];
    return code < FIRST_ID ? this.id(code) : JSON.stringify(idOut(columnText(columns, eventId, row)!));
  }

  /** As `id`, for fields that take texts alone. */
  text(code: number): string {
    if (code < FIRST_WORD) return `"${code}"`;
    const place = code - FIRST_WORD;
    return this.#texts[place] ||= JSON.stringify(this.#words[place]);
  }
}

/** Event times as ISO 8601 in UTC. The second is written once for all events within it. */
export function isoJson(): TimeJson {
  let second = NaN, head = "";
  return (ms) => {
    const within = ms % 1000;
    if (ms - within !== second) {
      second = ms - within;
      head = new Date(second).toISOString().slice(0, 20);
    }
    return `"${head}${within < 10 ? "00" : within < 100 ? "0" : ""}${within}Z"`;
  };
}

/** Units above which a price with decimals may not survive as a double. */
const DOUBLE_UNITS_MAX = 1e13;

/** A price as JSON: a number, or a text where a number would not be exact. */
function priceJson(units: number): string {
  return units < DOUBLE_UNITS_MAX ? String(units / PRICE_UNITS) : `"${priceText(units)}"`;
}

/** A price as a decimal, exact: `12.5`, `0`. */
export function priceText(units: number): string {
  const part = units % PRICE_UNITS, whole = (units - part) / PRICE_UNITS;
  return part === 0 ? String(whole) : `${whole}.${String(part).padStart(4, "0").replace(/(?<!0)0+$/, "")}`;
}
