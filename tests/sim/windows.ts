// What the rules say of a stream, counted the plain way: each window of each session as the list of its clicks. Shares no code with the
// product, nor with its other recounts; it is quicker than those, as thousands of streams are counted.

/** One entry of a partition of the log, in its order. mark: null for an event. */
export interface Entry {
  readonly offset: number;
  readonly lane: string;
  readonly arrival: number;
  readonly time: number;
  readonly mark: "time_mark" | "end_mark" | null;
  readonly click: boolean;
  readonly session: string;
  readonly item: string | null;
}

export interface Window {
  readonly type: "HIGH_FREQUENCY" | "BOT_LIKE";
  readonly lane: string;
  readonly session: string;
  readonly start: number;
  readonly end: number;
  readonly clicks: Entry[];
  readonly items: Set<string | null>;
  status: "quiet" | "provisional" | "confirmed" | "retracted";
  tipped: number;
  /** How many clicks, and how many different items, it had when its status changed last: what is told of it. */
  toldClicks: number;
  toldItems: number;
}

interface Lane {
  newest: number;
  readonly open: Map<string, Window>;
}

const STEP = 10_000;

/** Windows that were ever provisional, as they are at the end, and the offsets of late clicks. */
export function recountWindows(entries: readonly Entry[]): { told: Window[]; late: number[]; changes: number } {
  const lanes = new Map<string, Lane>(), told: Window[] = [], late: number[] = [];
  let changes = 0;
  for (const entry of entries) {
    let lane = lanes.get(entry.lane);
    if (lane === undefined) {
      if (entry.mark !== null) continue;
      lanes.set(entry.lane, lane = { newest: -Infinity, open: new Map() });
    }
    const reached = entry.mark === "end_mark"
      ? Infinity
      : entry.mark === null && entry.lane === "live"
      ? Math.min(entry.time, entry.arrival + 5_000)
      : entry.time;
    if (reached > lane.newest) {
      const crosses = Math.floor((reached - 10_000) / STEP) > Math.floor((lane.newest - 10_000) / STEP) || lane.newest === -Infinity;
      lane.newest = reached;
      if (crosses) {
        for (const [key, window] of lane.open) {
          if (window.end > reached - 10_000) continue;
          lane.open.delete(key);
          if (window.status !== "provisional") continue;
          changeTo(window, "confirmed");
          changes++;
        }
      }
    }
    if (entry.mark === "end_mark") lanes.delete(entry.lane);
    if (entry.mark !== null || !entry.click) continue;
    const watermark = lane.newest - 10_000;
    let missed = false;
    const half = Math.floor(entry.time / 30_000) * 30_000;
    for (
      const [type, start, size] of [
        ["HIGH_FREQUENCY", Math.floor(entry.time / 10_000) * 10_000, 10_000],
        ["BOT_LIKE", half - 30_000, 60_000],
        ["BOT_LIKE", half, 60_000],
      ] as const
    ) {
      if (start + size <= watermark) missed = true;
      else changes += counted(lane, entry, type, start, size, told);
    }
    if (missed) late.push(entry.offset);
  }
  return { told, late, changes };
}

/** Adds a click to a window. Returns how many changes of its status that made. */
function counted(lane: Lane, entry: Entry, type: Window["type"], start: number, size: number, told: Window[]): number {
  const key = `${type} ${start} ${entry.session}`;
  let window = lane.open.get(key);
  if (window === undefined) {
    const { session, lane: name } = entry;
    const told = { tipped: 0, toldClicks: 0, toldItems: 0 };
    window = { type, lane: name, session, start, end: start + size, clicks: [], items: new Set(), status: "quiet", ...told };
    lane.open.set(key, window);
  }
  if (window.status === "retracted") return 0;
  window.clicks.push(entry);
  window.items.add(entry.item);
  const holds = type === "HIGH_FREQUENCY" ? window.clicks.length >= 50 : window.clicks.length >= 100 && window.items.size <= 5;
  if (window.status === "quiet" && holds) {
    changeTo(window, "provisional");
    window.tipped = entry.time;
    told.push(window);
    return 1;
  }
  if (window.status !== "provisional" || holds) return 0;
  changeTo(window, "retracted");
  return 1;
}

function changeTo(window: Window, status: Window["status"]): void {
  window.status = status;
  window.toldClicks = window.clicks.length;
  window.toldItems = window.items.size;
}
