// What the folders of the fixtures are made of: requests and a file with a little of everything that is stored. A fixture keeps no copy of
// it, so what is here never changes; what a new format needs besides is added in requests of its own at the end of `more`.

/** One POST to /events. */
export interface Request {
  readonly key: string | null;
  readonly body: string;
}

/** Rows of the file that a replay takes in before it is interrupted; the file has twice as many. */
export const REPLAYED_FIRST = 300;

/** A window of 10 s of session 99 has so many clicks when the program is killed, and needs 50 to be an anomaly. */
export const OPEN_CLICKS = 40;
export const OPEN_AT = Date.UTC(2025, 0, 7, 10, 5);

const DAY_A = Date.UTC(2025, 0, 5, 10), DAY_B = Date.UTC(2025, 0, 6, 15), DAY_C = Date.UTC(2025, 0, 7, 10);

export function clicks(session: string | number, count: number, start: number, gapMs: number, items: number): object[] {
  return Array.from({ length: count }, (_, i) => ({ session_id: session, timestamp: start + i * gapMs, item_id: 700 + (i % items) }));
}

/** People who look at things, with all fields that an event may have, and some who buy. */
function people(start: number, count: number, ids: string): object[] {
  return Array.from({ length: count }, (_, i) => {
    const event = {
      session_id: i % 3 === 0 ? `visitor-${i % 7}` : 20 + (i % 11),
      timestamp: start + i * 900,
      item_id: i % 5 === 0 ? `sku ${i % 4}` : 800 + (i % 9),
    };
    if (i % 8 === 7) {
      return { ...event, kind: "purchase", price: 12.5 + (i % 4), quantity: 1 + (i % 3), order_id: `order-${ids}-${i}`, currency: "EUR" };
    }
    if (i % 4 === 1) return { ...event, event_id: `${ids}-${i}`, category: "S" };
    if (i % 4 === 2) {
      return {
        ...event,
        user_id: `user ${i % 5}`,
        ip: "203.0.113.77",
        user_agent: "Mozilla/5.0",
        referrer: "https://example.org/",
        page: "/shop",
        platform: "web",
      };
    }
    return i % 4 === 3 ? { ...event, properties: { colour: "blue", n: i } } : event;
  });
}

const ndjson = (...events: object[]) => events.map((event) => JSON.stringify(event)).join("\n") + "\n";

/** The requests of a fixture, in order: the last one is sent when the days are finished, and is not archived. */
export function requests(): Request[] {
  const bad = '{"session_id":1,"timestamp":"yesterday","item_id":1}\nno json\n{"session_id":2,"timestamp":1736071200000}\n';
  return [
    {
      key: "fixture-1",
      body:
        ndjson(...clicks(11, 60, DAY_A, 100, 3), ...clicks("bot-ä", 120, DAY_A + 60_000, 250, 2), ...people(DAY_A + 120_000, 120, "a")) +
        bad,
    },
    { key: "fixture-2", body: ndjson(...people(DAY_B, 90, "b"), ...clicks(12, 70, DAY_B + 90_000, 100, 9)) },
    { key: null, body: ndjson(...people(DAY_C, 60, "c")) },
    {
      key: "fixture-4",
      body: ndjson(
        ...clicks(99, OPEN_CLICKS, OPEN_AT, 100, 4),
        ...clicks(98, 70, OPEN_AT, 100, 4),
        ...Array.from({ length: 200 }, (_, i) => ({ session_id: 1000 + i, timestamp: OPEN_AT + i, item_id: i, event_id: `open-${i}` })),
      ),
    },
  ];
}

/** The file whose replay is interrupted: session 5 has 80 clicks in one window of 10 s, half of them before the interruption. */
export function clicksFile(): string {
  const start = Date.UTC(2014, 3, 7, 10);
  const rows = Array.from({ length: 2 * REPLAYED_FIRST }, (_, i) => {
    const burst = i >= REPLAYED_FIRST - 40 && i < REPLAYED_FIRST + 40;
    const time = burst ? start + 290_000 + (i - REPLAYED_FIRST + 40) * 100 : start + i * 1000 + (i >= REPLAYED_FIRST ? 600_000 : 0);
    return `${burst ? 5 : 100 + (i % 40)},${new Date(time).toISOString()},${214_536_500 + (i % 30)},${i % 4 === 0 ? "S" : "0"}`;
  });
  return rows.join("\n") + "\n";
}
