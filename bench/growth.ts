// How the engine's cost grows: both rules over 10 thousand to 1 million sessions that are live at a time, and over 1 to 100 million events.
// Clicks are made slice by slice, each into the same columns, so that time and memory are the engine's. Each point is measured in a process
// of its own, and its firings are held to a recount that is made along the way.

import assert from "node:assert/strict";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { ColumnBuilder, type EventBatch, markBatch, pendingBatch } from "../src/event/batch.ts";
import { noEffects } from "../src/engine/effects.ts";
import { PartitionState } from "../src/engine/step.ts";
import { ABSENT } from "../src/event/code.ts";
import { CLICK } from "../src/event/kind.ts";
import { partitionOfInteger } from "../src/log/partition.ts";
import { random } from "../tests/engine/oracle.ts";
import { cpuSince, type Figures, peakMib } from "./measure.ts";

/** live: sessions with a click in the last minute. */
export interface Load {
  readonly events: number;
  readonly live: number;
}

const PARTITIONS = 4;
const BATCH_ROWS = 1000;
const SLICE_ROWS = 50_000;
const LANE = "replay-bench";
const T0 = Date.UTC(2026, 2, 2), MINUTE = 60_000;
/** Clicks of a live session in a minute. */
const PACE = 2;
const BOT_SESSIONS_FROM = 2 ** 30;

/** Time per event and memory, at 10 million events or `most` if less, then at 100 thousand live sessions. */
export async function benchGrowth(most = 100_000_000): Promise<Figures[]> {
  const loads: Load[] = [];
  for (const live of [10_000, 100_000, 1_000_000]) loads.push({ events: Math.min(10_000_000, most), live });
  for (const events of [1_000_000, 100_000_000]) if (events <= most) loads.push({ events, live: 100_000 });
  const figures: Figures[] = [];
  for (const { events, live } of loads) {
    const { code, stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "-P=test", fileURLToPath(import.meta.url), String(events), String(live)],
      cwd: fileURLToPath(new URL("..", import.meta.url)),
      stderr: "inherit",
    }).output();
    assert.equal(code, 0);
    figures.push(JSON.parse(new TextDecoder().decode(stdout)));
  }
  return figures;
}

/** People who come and go, and bots of both kinds among them: an endless stream in order of arrival, 2% of it up to 8 s late. */
class Shop {
  /** How often each rule has to fire on what was made, once `end` was called. */
  readonly firings = { HIGH_FREQUENCY: 0, BOT_LIKE: 0 };
  readonly #next = random(11);
  readonly #gapMs: number;
  readonly #bursts: number;
  readonly #patient: number;
  #made = 0;
  #window = 0;
  #minute = 0;
  /** Clicks of each bot of the 10 s at hand, and of each of the minute at hand, by its halves. */
  #burstClicks: number[] = [];
  #halves: [number, number][] = [];

  constructor(readonly live: number) {
    this.#gapMs = MINUTE / (live * PACE);
    // A tenth of the clicks each; a burst takes 60 within 10 s, a patient bot 120 within a minute.
    this.#bursts = Math.max(1, Math.floor(live * PACE / 6 / 10 / 60));
    this.#patient = Math.max(1, Math.floor(live * PACE / 10 / 120));
  }

  /** Makes the next click. */
  click(into: (time: number, session: number, item: number) => void): void {
    const next = this.#next, made = this.#made++, time = T0 + Math.floor(made * this.#gapMs);
    if (Math.floor(time / 10_000) !== this.#window) this.#endWindow(Math.floor(time / 10_000));
    if (Math.floor(time / MINUTE) !== this.#minute) this.#endMinute(Math.floor(time / MINUTE));
    if (made % 10 === 0) {
      const bot = (made / 10) % this.#bursts;
      this.#burstClicks[bot] = (this.#burstClicks[bot] ?? 0) + 1;
      into(time, BOT_SESSIONS_FROM + (this.#window * 4096 + bot) % 2 ** 29, made % 50_000);
    } else if (made % 10 === 1) {
      const bot = ((made - 1) / 10) % this.#patient, halves = this.#halves[bot] ??= [0, 0];
      halves[time % MINUTE < MINUTE / 2 ? 0 : 1]++;
      into(time, BOT_SESSIONS_FROM + 2 ** 29 + (this.#minute * 4096 + bot) % 2 ** 29, halves[0] % 3);
    } else {
      // In ten minutes all people are others.
      const first = Math.floor((time - T0) / (10 * MINUTE) * this.live);
      const late = next() < 0.02 ? Math.floor(next() * 8000) : 0;
      into(time - late, first + Math.floor(next() * this.live), 60_000 + Math.floor(50_000 * next() ** 3));
    }
  }

  end(): void {
    this.#endWindow(0);
    this.#endMinute(0);
  }

  #endWindow(window: number): void {
    for (const clicks of this.#burstClicks) if (clicks >= 50) this.firings.HIGH_FREQUENCY++;
    this.#burstClicks = [];
    this.#window = window;
  }

  /** A window of a minute begins every half minute. */
  #endMinute(minute: number): void {
    for (const [early, late] of this.#halves) {
      for (const clicks of [early, early + late, late]) if (clicks >= 100) this.firings.BOT_LIKE++;
    }
    this.#halves = [];
    this.#minute = minute;
  }
}

/** Batches of the partitions' logs, made of clicks as they come; their columns are used again once a slice was stepped. */
class Slice {
  readonly batches: EventBatch[] = [];
  readonly #open = Array.from({ length: PARTITIONS }, () => new ColumnBuilder(BATCH_ROWS));
  readonly #ends = this.#open.map(() => 0);
  readonly #used: ColumnBuilder[] = [];
  readonly #free: ColumnBuilder[] = [];

  readonly add = (time: number, session: number, item: number): void => {
    const partition = partitionOfInteger(session, PARTITIONS), rows = this.#open[partition];
    if (rows.push(CLICK, time, session, item, ABSENT) === BATCH_ROWS - 1) this.#close(partition);
  };

  /** Makes batches of all rows, and the ends of the lane. */
  end(): void {
    for (const [partition, rows] of this.#open.entries()) {
      if (rows.count > 0) this.#close(partition);
      this.batches.push({ ...markBatch("end_mark", LANE, partition, 0), firstOffset: this.#ends[partition], arrival: 0 });
    }
  }

  /** Forgets the batches. */
  clear(): void {
    this.batches.length = 0;
    for (let rows = this.#used.pop(); rows !== undefined; rows = this.#used.pop()) {
      rows.count = 0;
      this.#free.push(rows);
    }
  }

  #close(partition: number): void {
    const rows = this.#open[partition];
    this.batches.push({ ...pendingBatch(rows, LANE, partition), firstOffset: this.#ends[partition], arrival: 0 });
    this.#ends[partition] += rows.count;
    this.#used.push(rows);
    this.#open[partition] = this.#free.pop() ?? new ColumnBuilder(BATCH_ROWS);
  }
}

/** Runs the engine over one load. */
function growthPoint({ events, live }: Load): Figures {
  const shop = new Shop(live), slice = new Slice(), found = { HIGH_FREQUENCY: 0, BOT_LIKE: 0 };
  const states = Array.from({ length: PARTITIONS }, (_, partition) => new PartitionState(partition));
  let wallS = 0, cpuS = 0, evicted = 0;
  for (let made = 0; made < events;) {
    for (const to = Math.min(made + SLICE_ROWS, events); made < to; made++) shop.click(slice.add);
    if (made === events) slice.end();
    const cpu = process.cpuUsage(), start = performance.now();
    for (const batch of slice.batches) {
      const effects = noEffects();
      states[batch.partition].step(batch, effects);
      for (const { status, rule } of effects.anomalies) if (status === "confirmed") found[rule.type]++;
    }
    wallS += (performance.now() - start) / 1000;
    cpuS += cpuSince(cpu);
    slice.clear();
  }
  shop.end();
  for (const { counters } of states) evicted += counters.evicted;
  assert.deepEqual({ ...found, evicted }, { ...shop.firings, evicted: 0 });
  return { name: `engine alone, ${live / 1000} k sessions live at a time`, events, wallS, cpuS, peakMib: peakMib() };
}

if (import.meta.main) console.log(JSON.stringify(growthPoint({ events: Number(Deno.args[0]), live: Number(Deno.args[1]) })));
