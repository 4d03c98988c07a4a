// A made-up day of a shop as a replayed source: chunks of rows in event-time order, with sessions that click too fast, bots that keep to a few
// items, and bots that turn out to be people. Deterministic by seed; knows nothing of servers.

import { CLICK, PURCHASE } from "../../src/event/kind.ts";
import type { ShopEvent } from "../jobs/shop.ts";

/** The UTC day that the rows begin in. */
export const SHOP_DATE = "2026-01-05";
const START = Date.parse(`${SHOP_DATE}T06:00:00Z`);
/** Event time of a chunk. It is the slide of the longest windows, so that a bot of two chunks is within one of them. */
const CHUNK_MS = 30_000;
const PEOPLE = 60;

/** Rows of chunk `number`, in event-time order. */
export function chunkOf(number: number, next: () => number): ShopEvent[] {
  const start = START + number * CHUNK_MS, events: ShopEvent[] = [];
  const add = (session: string, time: number, item: number, kind = CLICK) =>
    events.push({
      kind,
      time: Math.floor(time),
      session,
      item: String(item),
      category: null,
      ...soldAs(kind, item),
      currency: null,
    });
  for (let i = 0; i < PEOPLE; i++) {
    const kind = next() < 0.1 ? PURCHASE : CLICK;
    add(`p${Math.floor(number / 4)}-${Math.floor(next() * 20)}`, start + next() * CHUNK_MS, Math.floor(next() * 200), kind);
  }
  // Too fast for people: 45 to 69 clicks within a few seconds, not always enough.
  const clicks = 45 + Math.floor(next() * 25), from = start + next() * 20_000;
  for (let i = 0; i < clicks; i++) add(`fast-${number}`, from + i * 100, Math.floor(next() * 40));
  // A bot over two chunks on three items; one in three looks at a sixth item in the end.
  const bot = Math.floor(number / 2);
  for (let i = 0; i < 60; i++) {
    const late = number % 2 === 1 && i > 54 && bot % 3 === 0;
    add(`bot-${bot}`, start + (i * CHUNK_MS) / 60, late ? 500 + i : i % 3);
  }
  return events.sort((a, b) => a.time - b.time);
}

/** Price (in 1/10,000) and quantity of an event; both 0 where nothing is sold. */
export function soldAs(kind: number, item: number): { price: number; quantity: number } {
  return kind === PURCHASE ? { price: 10_000 * (1 + item % 90), quantity: 1 + item % 3 } : { price: 0, quantity: 0 };
}
