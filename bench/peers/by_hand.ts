// The two rules as somebody would write them in an afternoon: lines from a file, maps of windows, nothing stored, nothing recovered.
// It shares no code with the product. Usage: by_hand.ts FILE; the last line tells what was found and what it cost.

import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { tell } from "./tell.ts";

const LATENESS_MS = 10_000;
const fast = new Map<number, Map<string, number>>();
const patient = new Map<number, Map<string, { clicks: number; items: Set<string> }>>();
const found: string[] = [];
let newest = 0, closedUpTo = 0, clicks = 0;

function closeUpTo(time: number): void {
  for (const [start, sessions] of fast) {
    if (start + 10_000 > time) continue;
    for (const [session, clicks] of sessions) if (clicks >= 50) found.push(`HIGH_FREQUENCY ${session} ${start}`);
    fast.delete(start);
  }
  for (const [start, sessions] of patient) {
    if (start + 60_000 > time) continue;
    for (const [session, { clicks, items }] of sessions) {
      if (clicks >= 100 && items.size <= 5) found.push(`BOT_LIKE ${session} ${start}`);
    }
    patient.delete(start);
  }
  closedUpTo = time;
}

for await (const line of createInterface({ input: createReadStream(Deno.args[0]) })) {
  const [session, timestamp, item] = line.split(",");
  const time = Date.parse(timestamp);
  clicks++;
  const tens = Math.floor(time / 10_000) * 10_000, half = Math.floor(time / 30_000) * 30_000;
  let counts = fast.get(tens);
  if (counts === undefined) fast.set(tens, counts = new Map());
  counts.set(session, (counts.get(session) ?? 0) + 1);
  for (const start of [half - 30_000, half]) {
    let sessions = patient.get(start);
    if (sessions === undefined) patient.set(start, sessions = new Map());
    const window = sessions.get(session);
    if (window === undefined) sessions.set(session, { clicks: 1, items: new Set([item]) });
    else {
      window.clicks++;
      window.items.add(item);
    }
  }
  newest = Math.max(newest, time);
  if (newest - LATENESS_MS >= closedUpTo + 10_000) closeUpTo(newest - LATENESS_MS);
}
closeUpTo(Infinity);
tell(clicks, found);
