// Traffic of one hour of event time after the other, as requests on the wire: people with numbers and with names, bots, purchases, event ids,
// keys, and lines that are refused. What always holds: no two events have the same session, time and item, so that an event which is in the
// lake twice is told from two.

import { random } from "../engine/oracle.ts";
import type { WireRequest } from "../../bench/load.ts";

export const EVENTS = 500;
const ITEMS = 50_000, FIRST_ITEM = 214_500_000;
/** Sessions of an hour, and visitors who come back under a name. */
const PEOPLE = 20_000, REGULARS = 2_000;
const BOT_CLICKS = 60, BOT_EVERY = 4, KEY_EVERY = 7, ID_EVERY = 11, REFUSED_EVERY = 5, REFUSED_LINES = 12, PURCHASE_EVERY = 50;
const encoder = new TextEncoder();

/** A request, and what it should be told: events in it, and lines that are refused. */
export interface Made {
  readonly wire: WireRequest;
  readonly events: number;
  readonly refused: number;
}

export class Traffic {
  readonly #next: () => number;
  #events = 0;
  #requests = 0;
  #bots = 0;

  constructor(seed: number) {
    this.#next = random(seed);
  }

  /** The next request. now: event time of its first event, ms. hour: which one this is, from 0. */
  request(now: number, hour: number): Made {
    const number = this.#requests++, timestamp = `"timestamp":"${new Date(now).toISOString()}"`;
    const withIds = number % ID_EVERY === 0, refused = number % REFUSED_EVERY === 0 ? REFUSED_LINES : 0;
    let lines = "", events = 0;
    if (number % BOT_EVERY === 0) {
      const bot = 1_500_000_000 + this.#bots++;
      for (; events < BOT_CLICKS; events++) {
        lines += `{"session_id":${bot},"timestamp":${now + events},"item_id":${FIRST_ITEM + (events % 3)}}\n`;
      }
    }
    for (; events < EVENTS; events++) {
      const n = this.#events++, item = FIRST_ITEM + (n % ITEMS), pick = this.#next();
      const session = pick < 0.05 ? `"regular-${Math.floor(pick * 20 * REGULARS)}"` : String(hour * PEOPLE + Math.floor(pick * PEOPLE));
      const id = withIds ? `,"event_id":"e${n}"` : "";
      lines += n % PURCHASE_EVERY === 0
        ? `{"kind":"purchase","session_id":${session},${timestamp},"item_id":${item},"price":12.5,"quantity":1${id}}\n`
        : `{"session_id":${session},${timestamp},"item_id":${item},"category":"S"${id}}\n`;
    }
    for (let i = 0; i < refused; i++) lines += `{"session_id":1,"timestamp":"never","item_id":${number}}\n`;
    const body = encoder.encode(lines);
    const key = number % KEY_EVERY === 0 ? `idempotency-key: soak-${number}\r\n` : "";
    const head = encoder.encode(
      `POST /events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-ndjson\r\n${key}content-length: ${body.length}\r\n\r\n`,
    );
    const wire = new Uint8Array(head.length + body.length);
    wire.set(head);
    wire.set(body, head.length);
    return { wire, events, refused };
  }
}
