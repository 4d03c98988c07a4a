// The engine's meaning, written the slow way: every window of every session as a list of its clicks, recounted at each event.
// Shares no code with the engine. Also makes the random streams that both are run over.

export interface StreamEvent {
  readonly lane: string;
  readonly arrival: number;
  readonly kind: number;
  readonly time: number;
  readonly session: string;
  readonly item: string;
}

export interface StreamMark {
  readonly lane: string;
  readonly mark: "time_mark" | "end_mark";
  readonly time: number;
}

export type StreamEntry = StreamEvent | StreamMark;

/** One effect as a line of text, so that lists of them compare and print well. */
export interface Expected {
  readonly anomalies: string[];
  readonly late: string[];
}

interface OracleWindow {
  type: string;
  session: string;
  start: number;
  end: number;
  clicks: { time: number; item: string; offset: number }[];
  state: "quiet" | "provisional" | "over";
  tippedAt: number;
}

const LATENESS = 10_000;
const AHEAD = 5_000;

export function line(
  offset: number,
  status: string,
  type: string,
  lane: string,
  session: string,
  start: number,
  clicks: number,
  items: number,
  tippedAt: number,
  evidence: readonly { time: number; item: string | null; offset: number }[],
): string {
  return [
    offset,
    status,
    type,
    lane,
    session,
    start,
    clicks,
    items,
    tippedAt,
    evidence.map((e) => `${e.time}/${e.item}/${e.offset}`).join(" "),
  ].join("|");
}

/** What the engine has to say of a stream whose entries have the offsets 0, 1, 2, ... */
export function recount(stream: readonly StreamEntry[]): Expected {
  const anomalies: string[] = [], late: string[] = [];
  const lanes = new Map<string, { newest: number; watermark: number; windows: Map<string, OracleWindow> }>();
  stream.forEach((entry, offset) => {
    let lane = lanes.get(entry.lane);
    if (lane === undefined) {
      if ("mark" in entry) return;
      lanes.set(entry.lane, lane = { newest: -Infinity, watermark: -Infinity, windows: new Map() });
    }
    const tell = (status: string, w: OracleWindow) => {
      const items = new Set(w.clicks.map((click) => click.item)).size;
      anomalies.push(
        line(
          offset,
          status,
          w.type,
          entry.lane,
          w.session,
          w.start,
          w.clicks.length,
          Math.min(items, 256),
          w.tippedAt,
          w.clicks.slice(-20),
        ),
      );
    };
    const reached = "mark" in entry
      ? (entry.mark === "end_mark" ? Infinity : entry.time)
      : entry.lane === "live"
      ? Math.min(entry.time, entry.arrival + AHEAD)
      : entry.time;
    if (reached > lane.newest) {
      lane.newest = reached;
      lane.watermark = reached - LATENESS;
      for (const [key, w] of lane.windows) {
        if (w.end > lane.watermark) continue;
        if (w.state === "provisional") tell("confirmed", w);
        lane.windows.delete(key);
      }
    }
    if ("mark" in entry) {
      if (entry.mark === "end_mark") lanes.delete(entry.lane);
      return;
    }
    if (entry.kind !== 0) return;
    const { time, session, item } = entry;
    let missed = false;
    const at = (start: number, size: number, type: string) => {
      if (start + size <= lane.watermark) {
        missed = true;
        return;
      }
      const key = `${type}|${start}|${session}`;
      let w = lane.windows.get(key);
      if (w === undefined) lane.windows.set(key, w = { type, session, start, end: start + size, clicks: [], state: "quiet", tippedAt: 0 });
      w.clicks.push({ time, item, offset });
      const items = new Set(w.clicks.map((click) => click.item)).size;
      const met = type === "HIGH_FREQUENCY" ? w.clicks.length >= 50 : w.clicks.length >= 100 && items <= 5;
      if (w.state === "quiet" && met) {
        w.state = "provisional";
        w.tippedAt = time;
        tell("provisional", w);
      } else if (w.state === "provisional" && !met) {
        w.state = "over";
        tell("retracted", w);
      }
    };
    at(Math.floor(time / 10_000) * 10_000, 10_000, "HIGH_FREQUENCY");
    at(Math.floor(time / 30_000) * 30_000 - 30_000, 60_000, "BOT_LIKE");
    at(Math.floor(time / 30_000) * 30_000, 60_000, "BOT_LIKE");
    if (missed) late.push(`${offset}|${entry.lane}|${session}|${item}|${time}`);
  });
  return { anomalies: anomalies.sort(), late };
}

/** Deterministic random numbers in [0, 1) (mulberry32). */
export function random(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const T0 = Date.UTC(2014, 3, 7);

/** A random stream of a few hundred entries that keeps close to every edge: limits, window edges, lateness, quiet stretches, two lanes. */
export function randomStream(seed: number): StreamEntry[] {
  const next = random(seed);
  const below = (n: number) => Math.floor(next() * n);
  const stream: StreamEntry[] = [];
  const lanes = next() < 0.5 ? ["live"] : ["live", "replay-a"];
  const clocks = new Map(lanes.map((lane) => [lane, T0 + below(60_000)]));
  const sessions = ["7", "12345", "s-ä", "4294967296", String(2 ** 31), "a".repeat(1 + below(128))];
  const wordy = next() < 0.3;
  const bursts = 2 + below(5);
  for (let burst = 0; burst < bursts; burst++) {
    const lane = lanes[below(lanes.length)];
    const session = sessions[below(sessions.length)];
    const items = next() < 0.2 ? 300 : 1 + below(8), steadyItems = next() < 0.7;
    const clicks = [24, 25, 26, 29, 30, 31, 49, 50, 51, 60, 99, 100, 101, 130, 280][below(15)];
    const span = [50, 50, 3_000, 9_999, 10_000, 20_000, 29_999, 30_001, 45_000, 59_999, 61_000, 120_000][below(12)];
    const shape = below(3); // 0 spread evenly, 1 displaced, 2 crowded at the edges of windows
    let clock = clocks.get(lane)!;
    if (next() < 0.4) clock = Math.ceil(clock / 10_000) * 10_000 + below(3) - 1;
    for (let i = 0; i < clicks; i++) {
      let time = clock + Math.floor((span * i) / clicks + (shape === 0 ? 0 : next() * 8_000 - 4_000));
      if (shape === 2) time = Math.round(time / 10_000) * 10_000 + below(3) - 1;
      if (next() < 0.02) time -= below(25_000);
      if (next() < 0.002) time += below(40_000);
      const arrival = clock + Math.floor((span * i) / clicks) + below(4_000) - 2_000;
      const who = next() < 0.9 ? session : sessions[below(sessions.length)];
      const kind = next() < 0.9 ? 0 : 1 + below(4);
      const which = below(steadyItems && next() < 0.99 ? Math.min(items, 5) : items);
      const item = wordy ? `item ${which}` : String(214_500_000 + which);
      stream.push({ lane, arrival, kind, time, session: who, item });
      if (next() < 0.01) stream.push({ ...(stream[stream.length - 1] as StreamEvent) });
    }
    clock += span + (next() < 0.3 ? below(200_000) : below(15_000));
    clocks.set(lane, clock);
    if (next() < 0.3) stream.push({ lane, mark: "time_mark", time: clock + below(30_000) });
    if (next() < 0.1 && lane !== "live") stream.push({ lane, mark: "end_mark", time: 0 });
  }
  for (const lane of lanes) {
    if (next() < 0.7) stream.push({ lane, mark: lane === "live" ? "time_mark" : "end_mark", time: clocks.get(lane)! + 200_000 });
  }
  return stream;
}
