// One stream of events and the many orders in which it may reach the program: each event displaced by less than the allowed lateness, some
// sent twice, cut into requests of any size. Also says, by a recount of its own, which anomalies the stream has.

import { limits } from "../../src/limits.ts";
import { random } from "../engine/oracle.ts";

/** An event as it is sent. */
export interface Sent {
  readonly session_id: string | number;
  readonly timestamp: number;
  readonly item_id: string | number;
  readonly kind?: string;
  readonly event_id?: string;
  readonly category?: string;
  readonly price?: number;
  readonly quantity?: number;
}

/** A request: its events, and its Idempotency-Key where it has one. */
export interface Request {
  readonly key: string | null;
  readonly events: readonly Sent[];
}

/** Local midnight between the two days of the stream. */
export const MIDNIGHT = Date.UTC(2025, 0, 6);
export const DATES = ["2025-01-05", "2025-01-06"] as const;

/**
 * Some minutes around midnight, at the edges of the rules: sessions with one click less than an anomaly, just as many, and one more; with
 * five items and with six; with clicks on the first and on the last ms of a window.
 */
export function stream(seed: number): Sent[] {
  const next = random(seed), below = (n: number) => Math.floor(next() * n);
  const events: Sent[] = [];
  const burst = (session: string | number, clicks: number, start: number, spanMs: number, items: number, edges = false) => {
    for (let i = 0; i < clicks; i++) {
      const within = edges && i < 2 ? [0, spanMs - 1][i] : below(spanMs);
      events.push({ session_id: session, timestamp: start + within, item_id: 700 + (i % items) });
    }
  };
  for (const [at, start] of [MIDNIGHT - 180_000, MIDNIGHT - 10_000].entries()) {
    burst(`low ${at}`, 49, start, 10_000, 9, true);
    burst(10 + at, 50, start, 10_000, 9, true);
    burst(20 + at, 51, start, 10_000, 40, true);
    burst(`bot-ä ${at}`, 100, start, 60_000, 5, true);
    burst(30 + at, 99, start, 60_000, 5);
    burst(40 + at, 110, start - 15_000, 60_000, 6);
    burst(50 + at, 220, start - 30_000, 120_000, 3);
  }
  for (let i = 0; i < 260; i++) {
    const event = {
      session_id: i % 3 === 0 ? `p${below(30)}` : 1000 + below(40),
      timestamp: MIDNIGHT - 240_000 + below(480_000),
      item_id: 800 + below(25),
    };
    if (i % 6 === 0) events.push({ ...event, kind: "purchase", price: 1 + below(50), quantity: 1 + below(3) });
    else if (i % 6 < 3) events.push({ ...event, event_id: `e-${i}`, category: "S" });
    else events.push(i % 6 === 3 ? { ...event, kind: "view" } : event);
  }
  return events;
}

/** The stream in one order: displaced within the lateness, with events of an id again, and in requests. */
export function order(events: readonly Sent[], seed: number): Request[] {
  const next = random(seed), below = (n: number) => Math.floor(next() * n);
  const reach = [0, 1, 500, 5_000, limits.latenessMs - 1][below(5)];
  const placed = events.map((event) => ({ at: event.timestamp + next() * reach, event }));
  for (const { at, event } of placed.slice()) {
    if (event.event_id !== undefined && next() < 0.4) placed.push({ at: at + next() * 600_000, event });
  }
  // Without a reach, all those of one ms still come in any order.
  const shuffled = placed.map((one) => ({ ...one, tie: next() })).sort((a, b) => a.at - b.at || a.tie - b.tie).map(({ event }) => event);
  const requests: Request[] = [], sizeMax = [1, 7, 60, 400, events.length * 2][below(5)];
  for (let from = 0; from < shuffled.length;) {
    // One event a request costs a commit each: only some do it, and not throughout.
    const size = sizeMax === 1 && requests.length > 100 ? 50 : 1 + below(sizeMax);
    const some = shuffled.slice(from, from += size);
    requests.push({ key: next() < 0.4 ? `k-${seed}-${requests.length}` : null, events: some });
  }
  for (const request of requests.slice()) {
    if (request.key === null || next() < 0.6) continue;
    // Again, as a client does that had no answer: at once, or much later.
    requests.splice(requests.indexOf(request) + 1 + below(next() < 0.5 ? 1 : requests.length), 0, request);
  }
  return requests;
}

/** Confirmed anomalies of the stream once each of its events is counted once: type, session, window start, clicks. */
export function recounted(events: readonly Sent[]): string[] {
  const windows = new Map<string, { clicks: number; items: Set<string> }>();
  for (const { kind = "click", session_id, timestamp, item_id } of events) {
    if (kind !== "click") continue;
    const pane = Math.floor(timestamp / 30_000) * 30_000;
    for (
      const [type, start] of [["HIGH_FREQUENCY", Math.floor(timestamp / 10_000) * 10_000], ["BOT_LIKE", pane], ["BOT_LIKE", pane - 30_000]]
    ) {
      const name = `${type} ${session_id} ${start}`;
      const window = windows.get(name) ?? { clicks: 0, items: new Set() };
      window.clicks++;
      window.items.add(String(item_id));
      windows.set(name, window);
    }
  }
  const found = [...windows].filter(([name, { clicks, items }]) =>
    name.startsWith("HIGH") ? clicks >= 50 : clicks >= 100 && items.size <= 5
  );
  return found.map(([name, { clicks }]) => `${name} ${clicks}`).sort();
}
