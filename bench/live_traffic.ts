// Traffic of a live shop for benchmarks: clicks at a steady rate whose event time is the time they are sent, with bots among the people whose
// tipping clicks are known. What has to fire, and by which click, is recounted the plain way from the clicks alone.

import { random } from "../tests/engine/oracle.ts";
import type { Clicks } from "./clicks.ts";

export interface TrafficOptions {
  /** Event time of the first click, ms since the epoch. */
  readonly startMs: number;
  readonly perSecond: number;
  /** Seconds in which nobody but people clicks, so that the server is warm; and those after. */
  readonly warmS: number;
  readonly seconds: number;
  /** Bots that burst, a second, and patient ones in all. */
  readonly burstsPerS: number;
  readonly patient: number;
}

const ITEMS = 50_000, FIRST_ITEM = 214_500_000, FIRST_SESSION = 1_000_000;
/** How often a person clicks, on average. */
const CLICKS_PER_PERSON_S = 0.1;
const BURST = 50, BURST_WINDOW_MS = 10_000, BURST_MIN_MS = 1_000;
const PATIENT = 110, PATIENT_ITEMS = 3;

/** Makes the clicks, one for each slot of time. */
export function liveTraffic(options: TrafficOptions): Clicks {
  const { startMs, perSecond, warmS, seconds, burstsPerS, patient } = options;
  const count = perSecond * (warmS + seconds), next = random(23);
  const clicks = { count, time: new Float64Array(count), session: new Uint32Array(count), item: new Uint32Array(count) };
  for (let slot = 0; slot < count; slot++) clicks.time[slot] = Math.floor(startMs + (slot * 1000) / perSecond);
  let bots = FIRST_SESSION;
  const put = (session: number, ms: number, item: number) => {
    let slot = Math.floor(((ms - startMs) * perSecond) / 1000);
    while (slot < count && clicks.session[slot] !== 0) slot++;
    if (slot >= count) return;
    clicks.session[slot] = session;
    clicks.item[slot] = FIRST_ITEM + item;
  };
  const warmUntil = startMs + warmS * 1000, lastMs = warmUntil + seconds * 1000;
  for (let i = 0; i < patient; i++) {
    const session = bots++, from = warmUntil + next() * 150 * seconds, gap = (800 * seconds) / PATIENT;
    for (let click = 0; click < PATIENT; click++) put(session, from + click * gap, i + (click % PATIENT_ITEMS));
  }
  for (let i = 0; i < burstsPerS * seconds; i++) {
    const session = bots++, to = warmUntil + BURST_MIN_MS + next() * (lastMs - warmUntil - BURST_MIN_MS);
    // Within one window: from its start at the earliest.
    const window = Math.floor(to / BURST_WINDOW_MS) * BURST_WINDOW_MS, from = Math.max(to - BURST_MIN_MS - next() * 4000, window);
    for (let click = 0; click < BURST; click++) put(session, from + ((to - from) * click) / BURST, Math.floor(next() * ITEMS));
  }
  const people = Math.ceil(perSecond / CLICKS_PER_PERSON_S);
  for (let slot = 0; slot < count; slot++) {
    if (clicks.session[slot] !== 0) continue;
    clicks.session[slot] = bots + Math.floor(next() * people);
    clicks.item[slot] = FIRST_ITEM + Math.floor(ITEMS * next() ** 3);
  }
  return clicks;
}

/** A firing's name: type, session and window start in ms. */
export function firingName(type: string, session: number | string, windowStartMs: number): string {
  return `${type} ${session} ${windowStartMs}`;
}

/** What has to fire by the time the last click is in, and the place of the click that tips it. Clicks in order of time, none late. */
export function tippingClicks({ count, time, session, item }: Clicks): Map<string, number> {
  const clicksOf = new Map<number, number>();
  for (let i = 0; i < count; i++) clicksOf.set(session[i], (clicksOf.get(session[i]) ?? 0) + 1);
  const windows = new Map<string, { clicks: number; items: Set<number> }>(), tipped = new Map<string, number>();
  const count1 = (name: string, i: number) => {
    let window = windows.get(name);
    if (window === undefined) windows.set(name, window = { clicks: 0, items: new Set() });
    window.clicks++;
    window.items.add(item[i]);
    return window;
  };
  for (let i = 0; i < count; i++) {
    if (clicksOf.get(session[i])! < 50) continue;
    const burst = firingName("HIGH_FREQUENCY", session[i], Math.floor(time[i] / 10_000) * 10_000);
    if (count1(burst, i).clicks === 50) tipped.set(burst, i);
    for (const start of [Math.floor(time[i] / 30_000) * 30_000 - 30_000, Math.floor(time[i] / 30_000) * 30_000]) {
      const patient = firingName("BOT_LIKE", session[i], start), { clicks, items } = count1(patient, i);
      if (clicks >= 100 && items.size <= 5 && !tipped.has(patient)) tipped.set(patient, i);
    }
  }
  return tipped;
}
