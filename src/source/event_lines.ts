// Rows as NDJSON in the flat dialect, as a server takes them. Rows of files have no other columns than those written here.
// What always holds: the same rows give the same bytes.

import type { EventColumns } from "../event/batch.ts";
import { ABSENT, FIRST_WORD, idOut } from "../event/code.ts";
import { PURCHASE } from "../event/kind.ts";
import { PRICE_UNITS } from "../event/price.ts";

/** One line per row: ids as numbers where they are canonical integers, event times as ms, prices exact. */
export function eventLines(columns: EventColumns): string {
  const { count, words, kind, eventTime, session, item, category, purchase } = columns;
  // A word is in many rows: its JSON is made once.
  const known: string[] = new Array(words.length).fill("");
  const value = (code: number) => code < FIRST_WORD ? code : known[code - FIRST_WORD] ||= JSON.stringify(idOut(words[code - FIRST_WORD]));
  let lines = "";
  for (let row = 0; row < count; row++) {
    lines += `{"session_id":${value(session[row])},"timestamp":${eventTime[row]},"item_id":${value(item[row])}`;
    if (category[row] !== ABSENT) lines += `,"category":${value(category[row])}`;
    if (purchase !== null && kind[row] === PURCHASE) {
      lines += `,"kind":"purchase","price":${priceJson(purchase.price[row])},"quantity":${purchase.quantity[row]}`;
    }
    lines += "}\n";
  }
  return lines;
}

/** Units above which a price with decimals may not survive as a double. */
const DOUBLE_UNITS_MAX = 1e13;

/** A price as JSON: a number, or a text where a number would not be exact. */
function priceJson(units: number): string {
  if (units < DOUBLE_UNITS_MAX) return String(units / PRICE_UNITS);
  const part = units % PRICE_UNITS;
  return `"${(units - part) / PRICE_UNITS}.${String(part).padStart(4, "0")}"`;
}
