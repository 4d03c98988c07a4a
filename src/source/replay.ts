// The driver of a replay: takes rows from scanned files, all files together in event-time order, and hands them to a sink at the speed
// asked for. Each file is a source of its own. Knows nothing of where rows go.
// What always holds: a source's rows are submitted in the fixed order, each once, two submits under way at the most; a source is ended
// only where its file truly ended; events = accepted + duplicates + rejected.

import { setImmediate } from "node:timers";
import type { Clock } from "../clock.ts";
import { GuardianError } from "../errors.ts";
import type { EventColumns } from "../event/batch.ts";
import type { Reject } from "../event/reject.ts";
import { limits } from "../limits.ts";
import { firstRows, type Head } from "./head.ts";
import { type OrderedChunk, orderedRows, type OrderOptions } from "./ordered.ts";
import { Pace } from "./pace.ts";
import { type Prescan, sourceId } from "./prescan.ts";
import { sliced } from "./slice.ts";

/** Submits under way at a time: one that is being stored while the next is parsed. */
const IN_FLIGHT_MAX = 2;

/**
 * Where replayed rows go. Calls for one source come in order, and must take effect in that order; `submit` may be called again before
 * the last one is answered.
 */
export interface ReplaySink {
  /** Takes rows of `source`; `firstRow` is the ordinal of the first one. Rows that are neither accepted nor duplicates count as rejected. */
  submit(source: string, firstRow: number, columns: EventColumns): Promise<{ accepted: number; duplicates: number }>;
  /** Takes lines of the file `name` that were refused, in file order; a second run of the file brings them again. */
  reject(source: string, name: string, refused: Refused): Promise<void>;
  /** The source has no more rows. May come again when a finished source is replayed again. */
  end(source: string): Promise<void>;
}

/** Refused lines of a file. first: how many came before these. beyond: how many come right behind these and are only counted. */
export interface Refused {
  readonly first: number;
  readonly rejects: readonly Reject[];
  readonly beyond: number;
}

/** What is replayed, where to, and how. */
export interface ReplayOptions {
  readonly files: readonly Prescan[];
  readonly sink: ReplaySink;
  readonly clock: Clock;
  /** Waits; comes back early, or throws, when the signal is aborted. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Added to all event times, ms; part of a source's identity. */
  readonly shiftMs?: number;
  /** At most so many events of the whole input, refused lines counted where they are met. */
  readonly maxEvents?: number;
  /** Event time over wall time, above 0. */
  readonly replaySpeed?: number | "max";
  readonly signal?: AbortSignal;
  /** Called after each step: work done and in all, in units of their own, and events up to now. */
  readonly onProgress?: (done: number, total: number, events: number) => void;
  readonly order?: OrderOptions;
}

/** finished: all files were taken to their ends. seconds: wall time. */
export interface ReplayResult {
  readonly events: number;
  readonly accepted: number;
  readonly duplicates: number;
  readonly rejected: number;
  readonly seconds: number;
  readonly finished: boolean;
}

/**
 * Replays files into a sink until their end, `maxEvents`, or an abort; the latter two leave the sources open. Throws `usage` on options
 * that make no sense, `input_unreadable` when a file changed since its scan, and whatever the sink throws.
 */
export async function replay(options: ReplayOptions): Promise<ReplayResult> {
  checkOptions(options);
  const run = new Replay(options);
  try {
    return await run.run();
  } finally {
    run.close();
  }
}

/** One file under way: the chunk that is being submitted, and from which row on. */
class Feed implements Head {
  readonly source: string;
  readonly #chunks: Generator<OrderedChunk>;
  columns: EventColumns | null = null;
  at = 0;
  firstRow = 0;
  linesRead = 0;
  /** Rows and rejects that were taken, and rejects alone. */
  taken = 0;
  refused = 0;
  /** Whether all of the file was read, and whether the sink knows. */
  done = false;
  ended = false;

  constructor(readonly file: Prescan, readonly shiftMs: number, order: OrderOptions) {
    this.source = sourceId(file, shiftMs);
    this.#chunks = orderedRows(file, order);
  }

  /** Brings in the next chunk, and returns the rejects met on the way. */
  advance(): readonly Reject[] {
    const { value, done } = this.#chunks.next();
    if (done) {
      this.done = true;
      return [];
    }
    const { columns } = value;
    this.linesRead = value.linesRead;
    this.firstRow = value.firstRow;
    this.at = 0;
    this.columns = columns.count > 0 ? columns : null;
    if (this.shiftMs !== 0) { for (let row = 0; row < columns.count; row++) columns.eventTime[row] += this.shiftMs; }
    return value.rejects;
  }

  /** Cuts off the next rows. */
  take(rows: number): { firstRow: number; columns: EventColumns } {
    const columns = this.columns!, from = this.at;
    const slice = { firstRow: this.firstRow + from, columns: sliced(columns, from, from + rows) };
    this.at += rows;
    this.taken += rows;
    if (this.at === columns.count) this.columns = null;
    return slice;
  }

  close(): void {
    this.#chunks.return(undefined);
  }
}

class Replay {
  readonly #options: ReplayOptions;
  readonly #sink: ReplaySink;
  readonly #signal: AbortSignal;
  readonly #feeds: Feed[];
  readonly #pace: Pace | null;
  readonly #inFlight = new Set<Promise<void>>();
  /** Events that may still be taken. */
  #budget: number;
  #failure: { thrown: unknown } | null = null;
  #accepted = 0;
  #duplicates = 0;
  #rejected = 0;

  constructor(options: ReplayOptions) {
    const { files, sink, signal, shiftMs = 0, maxEvents = Infinity, replaySpeed = "max", order = {} } = options;
    this.#options = options;
    this.#sink = sink;
    this.#signal = signal ?? new AbortController().signal;
    this.#feeds = files.map((file) => new Feed(file, shiftMs, order));
    this.#pace = replaySpeed === "max" ? null : new Pace(replaySpeed, options.clock);
    this.#budget = maxEvents;
  }

  close(): void {
    for (const feed of this.#feeds) feed.close();
  }

  async run(): Promise<ReplayResult> {
    const startedAt = this.#options.clock.monotonic();
    let finished = false;
    try {
      for (let more = true; more && !this.#signal.aborted;) {
        await this.#refill();
        finished = this.#feeds.every((feed) => feed.ended);
        more = !finished && this.#budget > 0 && !this.#signal.aborted;
        if (more) await this.#step();
        this.#tellProgress();
      }
      await this.#settled();
    } catch (thrown) {
      await Promise.all(this.#inFlight);
      // A sink that was told to stop may well throw; that is a stop, not a failure.
      if (!this.#signal.aborted) throw thrown;
      finished = false;
    }
    this.#tellProgress();
    return { ...this.#counts(), seconds: (this.#options.clock.monotonic() - startedAt) / 1000, finished };
  }

  /** Sees to it that each file that has not ended has rows at hand. */
  async #refill(): Promise<void> {
    for (const feed of this.#feeds) {
      while (feed.columns === null && !feed.done && !this.#signal.aborted) {
        const rejects = feed.advance();
        await turn();
        if (rejects.length > 0) {
          const counted = await this.#refuse(feed, rejects);
          if (counted < rejects.length) return;
        }
        if (feed.done) await this.#end(feed);
        else if (feed.columns === null) this.#tellProgress();
      }
    }
  }

  /** Submits the next rows of all files, up to a time that all files have rows for. */
  async #step(): Promise<void> {
    const heads = this.#feeds.filter((feed) => feed.columns !== null);
    const counts = firstRows(heads, this.#pace, this.#budget);
    const slices = heads.map((feed, at) => ({ feed, rows: counts[at] })).filter(({ rows }) => rows > 0)
      .map(({ feed, rows }) => ({ feed, ...feed.take(rows) }));
    slices.sort((a, b) => a.columns.eventTime[0] - b.columns.eventTime[0]);
    const last = Math.max(...slices.map(({ columns }) => columns.eventTime[columns.count - 1]));
    const waitMs = this.#pace?.waitMs(last) ?? 0;
    if (waitMs > 0) await this.#options.sleep(waitMs, this.#signal);
    for (const { feed, firstRow, columns } of slices) {
      if (this.#signal.aborted) return;
      this.#budget -= columns.count;
      await this.#submit(feed, firstRow, columns);
    }
    // Whether rows are new decides where pacing starts, so that it is known before the next step.
    if (this.#pace !== null && !this.#pace.started) await this.#settled();
    await turn();
  }

  async #submit(feed: Feed, firstRow: number, columns: EventColumns): Promise<void> {
    while (this.#inFlight.size >= IN_FLIGHT_MAX) await Promise.race(this.#inFlight);
    this.#throwFailure();
    const submitted = this.#sink.submit(feed.source, firstRow, columns).then(({ accepted, duplicates }) => {
      this.#accepted += accepted;
      this.#duplicates += duplicates;
      this.#rejected += columns.count - accepted - duplicates;
      this.#pace?.answered(columns, accepted, duplicates);
    }).catch((thrown) => {
      this.#failure ??= { thrown };
    }).finally(() => this.#inFlight.delete(submitted));
    this.#inFlight.add(submitted);
  }

  /** Counts refused lines, passes on those that are kept, and returns how many the budget had room for. */
  async #refuse(feed: Feed, rejects: readonly Reject[]): Promise<number> {
    const counted = rejects.slice(0, this.#budget);
    this.#budget -= counted.length;
    this.#rejected += counted.length;
    feed.taken += counted.length;
    const first = feed.refused;
    const passed = counted.slice(0, Math.max(0, limits.deadLettersPerSourceMax - first));
    feed.refused += counted.length;
    if (counted.length > 0) {
      await this.#sink.reject(feed.source, feed.file.name, { first, rejects: passed, beyond: counted.length - passed.length });
    }
    return counted.length;
  }

  async #end(feed: Feed): Promise<void> {
    await this.#settled();
    if (this.#signal.aborted) return;
    if (feed.file.rows > 0) await this.#sink.end(feed.source);
    feed.ended = true;
  }

  async #settled(): Promise<void> {
    await Promise.all(this.#inFlight);
    this.#throwFailure();
  }

  #throwFailure(): void {
    if (this.#failure !== null) throw this.#failure.thrown;
  }

  #counts(): { events: number; accepted: number; duplicates: number; rejected: number } {
    const [accepted, duplicates, rejected] = [this.#accepted, this.#duplicates, this.#rejected];
    return { events: accepted + duplicates + rejected, accepted, duplicates, rejected };
  }

  #tellProgress(): void {
    const { onProgress, maxEvents = Infinity } = this.#options;
    if (onProgress === undefined) return;
    const { events } = this.#counts();
    const lines = this.#feeds.reduce((sum, { file }) => sum + file.rows + file.rejected, 0);
    if (maxEvents < lines) return onProgress(events, maxEvents, events);
    // Reading a line is half of the work and submitting it the other, so that a sort on disk is seen to move too.
    onProgress(this.#feeds.reduce((sum, { linesRead, taken }) => sum + linesRead + taken, 0), 2 * lines, events);
  }
}

function checkOptions({ files, shiftMs = 0, maxEvents = Infinity, replaySpeed = "max" }: ReplayOptions): void {
  if (replaySpeed !== "max" && !(replaySpeed > 0 && replaySpeed < Infinity)) {
    throw new GuardianError("usage", `Cannot replay at speed ${replaySpeed}: give a number above 0, or "max"`);
  }
  if (!(maxEvents >= 0) || (maxEvents !== Infinity && !Number.isSafeInteger(maxEvents))) {
    throw new GuardianError("usage", `Cannot replay ${maxEvents} events: give a whole number`);
  }
  const seen = new Map<string, string>();
  for (const file of files) {
    const source = sourceId(file, shiftMs), other = seen.get(source);
    if (other !== undefined && file.rows > 0) {
      throw new GuardianError("usage", `Cannot replay "${file.path}": it holds the same as "${other}"; name one of them`);
    }
    seen.set(source, file.path);
    if (file.firstTime + shiftMs < limits.eventTimeMin || file.lastTime + shiftMs > limits.eventTimeMax) {
      throw new GuardianError("usage", `Cannot shift "${file.path}" by ${shiftMs} ms: events must lie in the years 2000 to 9999`);
    }
  }
}

/** Lets others have the event loop. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
