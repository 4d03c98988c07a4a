// What the clients of a simulated shop have to send: sessions that keep close to every limit of the rules, everyday traffic, and files of old
// events; cut into requests, with lines that are no event between them. What always holds: no two events share session and time, so the pair
// names an event wherever it turns up.

import type { Dice } from "./dice.ts";

export interface ShopEvent {
  readonly session: string;
  /** Event time, ms. */
  readonly time: number;
  readonly kind: "click" | "page_view" | "add_to_cart" | "search" | "purchase";
  readonly item: string;
  readonly category: string | null;
  /** Whole cents; null for all but purchases. */
  readonly cents: number | null;
  readonly quantity: number | null;
}

/** How a request can be told from its repetition: by a key, by ids of its events, by both, by rows of a source, or not at all. */
export type Identity = "key" | "ids" | "both" | "none" | "rows";

export interface Request {
  readonly client: number;
  /** World's ms at which it is sent first. */
  readonly due: number;
  readonly identity: Identity;
  readonly events: readonly ShopEvent[];
  /** Lines that are no event. */
  readonly bad: number;
  /** A body that is refused whole, for its media type. */
  readonly refused: boolean;
  /** Of identity `key` and `both`: unique. */
  readonly key: string;
  /** Of identity `rows`. */
  readonly source?: string;
  readonly row?: number;
  /** The last one of its source: the end is told after it. */
  readonly last?: boolean;
}

export const CLIENTS = 5;
const SPAN_MS = 12 * 60_000;
const DAY_MS = 86_400_000;
const BOTS = ["7", "12345", "s-ä", "4294967296", String(2 ** 31), "bot " + "x".repeat(100), "0007", "-1", "Zoë 2", "99", "2147483647", "e"];

export function nameOf({ session, time }: Pick<ShopEvent, "session" | "time">): string {
  return `${session}@${time}`;
}

/** All requests of one seed, `count` events in all. start: wall clock of the world's beginning. */
export function makeTraffic(dice: Dice, count: number, start: number): Request[] {
  const named = new Set<string>();
  const sources = dice.below(3);
  const ofFile = sources === 0 ? 0 : Math.floor(count * (0.05 + dice.next() * 0.1));
  const live: ShopEvent[][] = Array.from({ length: CLIENTS }, () => []);
  for (let made = 0; made < count - sources * ofFile;) {
    const most = count - sources * ofFile - made;
    const events = (dice.chance(0.6) ? burst(dice, start, SPAN_MS) : everyday(dice, start, SPAN_MS)).slice(0, most);
    const client = dice.below(CLIENTS);
    for (const event of events) live[dice.chance(0.95) ? client : dice.below(CLIENTS)].push(unique(event, named));
    made += events.length;
  }
  const requests = live.flatMap((events, client) => cut(dice, events, client, start));
  for (let n = 0; n < sources; n++) requests.push(...file(dice, n, ofFile, start, named));
  return requests.sort((a, b) => a.due - b.due);
}

function unique(event: ShopEvent, named: Set<string>): ShopEvent {
  let { time } = event;
  while (named.has(nameOf({ session: event.session, time }))) time++;
  named.add(nameOf({ session: event.session, time }));
  return { ...event, time };
}

/** Clicks of one session near the limits of the rules. */
function burst(dice: Dice, start: number, spanMs: number): ShopEvent[] {
  const session = dice.pick(BOTS), items = dice.chance(0.2) ? 300 : 1 + dice.below(8), steady = dice.chance(0.7);
  const clicks = dice.pick([24, 26, 29, 31, 49, 50, 51, 60, 99, 100, 101, 110, 130, 130, 280]);
  const span = dice.pick([50, 3_000, 5_000, 8_000, 9_999, 10_000, 20_000, 29_999, 30_001, 45_000, 59_999, 61_000, 120_000]);
  const shape = dice.below(3);
  let first = start + dice.below(spanMs);
  if (dice.chance(0.4)) first = Math.ceil(first / 10_000) * 10_000 + dice.below(3) - 1;
  return Array.from({ length: clicks }, (_, i) => {
    let time = first + Math.floor(span * i / clicks) + (shape === 1 ? dice.below(8_000) - 4_000 : 0);
    if (shape === 2) time = Math.round(time / 10_000) * 10_000 + dice.below(3) - 1;
    if (dice.chance(0.02)) time -= dice.below(25_000);
    if (dice.chance(0.002)) time += dice.below(40_000);
    const item = dice.below(steady && dice.chance(0.99) ? Math.min(items, 5) : items);
    return event(
      dice,
      session,
      time,
      dice.chance(0.95) ? "click" : dice.pick(["page_view", "add_to_cart", "purchase"]),
      `${214_500_000 + item}`,
    );
  });
}

/** A visit of somebody who is no bot. */
function everyday(dice: Dice, start: number, spanMs: number): ShopEvent[] {
  const session = dice.chance(0.5) ? String(1_000 + dice.below(600)) : `visitor ${dice.below(300)}`;
  let time = start + dice.below(spanMs);
  return Array.from({ length: 1 + dice.below(40) }, () => {
    time += dice.below(8_000);
    if (dice.chance(0.01)) time -= dice.below(120_000);
    const kind = dice.chance(0.7) ? "click" : dice.pick(["page_view", "add_to_cart", "search", "purchase"] as const);
    return event(dice, session, time, kind, dice.chance(0.8) ? String(dice.below(80)) : `item ${dice.below(40)}`);
  });
}

function event(dice: Dice, session: string, time: number, kind: ShopEvent["kind"], item: string): ShopEvent {
  const bought = kind === "purchase";
  return {
    session,
    time,
    kind,
    item,
    category: dice.chance(0.2) ? `category ${dice.below(6)}` : null,
    cents: bought ? dice.below(20_000) : null,
    quantity: bought ? 1 + dice.below(4) : null,
  };
}

/** The events of a client as requests, by time with some delay. */
function cut(dice: Dice, events: readonly ShopEvent[], client: number, start: number): Request[] {
  const sorted = events.toSorted((a, b) => a.time - b.time);
  const requests: Request[] = [];
  for (let from = 0; from < sorted.length;) {
    const size = dice.chance(0.05) ? 600 : 1 + dice.below(dice.pick([3, 40, 150]));
    const some = sorted.slice(from, from + size);
    const identity = dice.pick<Identity>(["key", "key", "ids", "both", "none"]);
    const due = Math.max(0, some[some.length - 1].time - start) + dice.below(dice.chance(0.05) ? 15_000 : 1_000);
    const bad = dice.chance(0.15) && identity !== "ids" ? 1 + dice.below(dice.chance(0.1) ? 90 : 4) : 0;
    requests.push({ client, due, identity, events: some, bad, refused: dice.chance(0.02), key: `request ${client}.${requests.length}` });
    from += some.length;
    // Somebody sends events with ids again that another request had.
    if ((identity === "ids" || identity === "both") && dice.chance(0.1)) {
      const again = { ...requests[requests.length - 1], due: due + dice.below(20_000), refused: false, bad: 0, identity: "ids" as const };
      requests.push({ ...again, client: dice.below(CLIENTS), key: `${again.key} again` });
    }
  }
  return requests;
}

/** A file of old events in order, sent chunk by chunk. */
function file(dice: Dice, n: number, count: number, start: number, named: Set<string>): Request[] {
  const source = Array.from({ length: 64 }, () => dice.below(16).toString(16)).join("");
  const begin = start - (1 + dice.below(20)) * DAY_MS, events: ShopEvent[] = [];
  while (events.length < count) {
    const some = dice.chance(0.5) ? burst(dice, begin, SPAN_MS) : everyday(dice, begin, SPAN_MS);
    for (const each of some.slice(0, count - events.length)) events.push(unique(each, named));
  }
  events.sort((a, b) => a.time - b.time);
  const requests: Request[] = [];
  const ends = dice.chance(0.8);
  let due = dice.below(SPAN_MS / 2);
  for (let row = 0; row < events.length;) {
    const some = events.slice(row, row + 50 + dice.below(400));
    const last = row + some.length === events.length && ends;
    requests.push({ client: CLIENTS + n, due, identity: "rows", events: some, bad: 0, refused: false, key: "", source, row, last });
    row += some.length;
    due += dice.below(30_000);
  }
  return requests;
}
