// The benchmarks' own clicks: sessions of very different length, 1% bots of both kinds, near misses on both rules, 2% of the rows displaced by
// up to 8 s. The same seed gives the same clicks. Also what the two rules have to find in them, counted the plain way.

import { random } from "../tests/engine/oracle.ts";

export interface Clicks {
  readonly count: number;
  /** ms since the epoch, in order of arrival. */
  readonly time: Float64Array;
  readonly session: Uint32Array;
  readonly item: Uint32Array;
}

const T0 = Date.UTC(2026, 2, 2);
const ITEMS = 50_000;

/** Makes `count` clicks of `sessions` sessions over `spanMs` of event time. */
export function makeClicks(count: number, sessions: number, spanMs: number, seed = 7): Clicks {
  const next = random(seed);
  const time = new Float64Array(count), session = new Uint32Array(count), item = new Uint32Array(count);
  let at = 0;
  const add = (who: number, ms: number, what: number) => {
    if (at === count) return;
    time[at] = T0 + Math.floor(ms);
    session[at] = 1_000_000 + who;
    item[at++] = 214_500_000 + what;
  };
  const bots = Math.max(2, Math.floor(sessions / 100));
  for (let bot = 0; bot < bots && at < count * 0.12; bot++) {
    if (bot % 2 === 0) { // a burst within one 10 s window, sometimes one click short
      const window = Math.floor(next() * (spanMs / 10_000 - 1)) * 10_000, clicks = bot % 10 === 0 ? 49 : 50 + Math.floor(next() * 200);
      for (let i = 0; i < clicks; i++) add(bot, window + next() * 10_000, Math.floor(next() * ITEMS));
    } else { // patient: a few items again and again, sometimes one item too many
      const start = next() * Math.max(1, spanMs - 200_000),
        items = bot % 15 === 0 ? 6 : 1 + Math.floor(next() * 5),
        gap = 330 + next() * 250;
      for (let i = 0; i < 300; i++) add(bot, start + i * gap, (bot * 131 + (i % items)) % ITEMS);
    }
  }
  // People: a click now and then over the whole span, popular items more often.
  while (at < count) add(bots + Math.floor((sessions - bots) * next() ** 1.5), next() * spanMs, Math.floor(ITEMS * next() ** 3));
  return inOrder(time, session, item, next);
}

/** Orders by time, 2% of the rows up to 8 s later than their time. */
function inOrder(time: Float64Array, session: Uint32Array, item: Uint32Array, next: () => number): Clicks {
  const count = time.length;
  const key = new Float64Array(count);
  for (let i = 0; i < count; i++) key[i] = (time[i] - T0 + (next() < 0.02 ? Math.floor(next() * 8000) : 0)) * 2 ** 24 + i;
  key.sort();
  const clicks = { count, time: new Float64Array(count), session: new Uint32Array(count), item: new Uint32Array(count) };
  for (let i = 0; i < count; i++) {
    const from = key[i] % 2 ** 24;
    clicks.time[i] = time[from];
    clicks.session[i] = session[from];
    clicks.item[i] = item[from];
  }
  return clicks;
}

/** How often each rule fires, by a plain recount: sorted by session, no watermark, no state shared with the engine. */
export function expectedFirings({ count, time, session, item }: Clicks): { HIGH_FREQUENCY: number; BOT_LIKE: number } {
  const windows = new Map<string, { clicks: number; items: Set<number> }>();
  // Only sessions with enough clicks in a minute can fire; the others are not worth a window.
  const perMinute = new Map<number, number>();
  const place = (i: number) => (session[i] - 1_000_000) * 2 ** 21 + Math.floor((time[i] - T0) / 30_000);
  for (let i = 0; i < count; i++) perMinute.set(place(i), (perMinute.get(place(i)) ?? 0) + 1);
  const busy = (key: number) => (perMinute.get(key) ?? 0) >= 49;
  for (let i = 0; i < count; i++) {
    const key = place(i);
    if (!busy(key) && !busy(key - 1) && !busy(key + 1)) continue;
    const t = time[i], half = Math.floor(t / 30_000) * 30_000;
    for (const name of [`H${Math.floor(t / 10_000) * 10_000}`, `B${half}`, `B${half - 30_000}`]) {
      const id = `${name}/${session[i]}`;
      let window = windows.get(id);
      if (window === undefined) windows.set(id, window = { clicks: 0, items: new Set() });
      window.clicks++;
      window.items.add(item[i]);
    }
  }
  let HIGH_FREQUENCY = 0, BOT_LIKE = 0;
  for (const [id, { clicks, items }] of windows) {
    if (id[0] === "H" && clicks >= 50) HIGH_FREQUENCY++;
    if (id[0] === "B" && clicks >= 100 && items.size <= 5) BOT_LIKE++;
  }
  return { HIGH_FREQUENCY, BOT_LIKE };
}

/** Writes clicks as a file in the YOOCHOOSE layout. idOf: how the file names a session. */
export async function writeCsv(clicks: Clicks, path: string, idOf: (session: number) => string = String): Promise<void> {
  using file = await Deno.open(path, { create: true, write: true, truncate: true });
  const encoder = new TextEncoder();
  let lines = "";
  for (let i = 0; i < clicks.count; i++) {
    lines += `${idOf(clicks.session[i])},${new Date(clicks.time[i]).toISOString()},${clicks.item[i]},${i % 7 === 0 ? "S" : i % 12}\n`;
    if (lines.length < 1 << 20 && i < clicks.count - 1) continue;
    const bytes = encoder.encode(lines);
    for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
    lines = "";
  }
}

/** A session's number as 36 characters in the form of a UUID; different numbers give different ones. */
export function uuidOf(session: number): string {
  const hex = (salt: number) => (Math.imul(session ^ salt, 0x9e3779b1) >>> 0).toString(16).padStart(8, "0");
  const [a, b, c] = [hex(0), hex(0x5bd1e995), hex(0x2545f491)], number = session.toString(16).padStart(8, "0");
  return `${a}-${b.slice(0, 4)}-4${b.slice(5)}-8${c.slice(1, 4)}-${c.slice(4)}${number}`;
}
