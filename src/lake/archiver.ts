// The archiver: a reader of the log that writes the lake. It gathers batches and flushes them: intent, part files, then the manifest.
// What always holds: each offset is in the lake exactly once, whatever crashes between two steps; `position` is what the manifest covers,
// so the log is never trimmed past it. After any failure it forgets what it gathered, and starts again from what is stored.

import { dirname } from "node:path";
import { assert } from "../assert.ts";
import type { Clock } from "../clock.ts";
import { GuardianError, isDamage, reasonOf } from "../errors.ts";
import { limits } from "../limits.ts";
import type { EventLog, Progress } from "../log/log.ts";
import type { LogLine } from "../log_line.ts";
import { isStorageFailure, storageFailing } from "../storage_failure.ts";
import { commit } from "../store/commit.ts";
import { stateKeys } from "../store/keys.ts";
import { standBack } from "../turn.ts";
import { syncFolders } from "./atomic_file.ts";
import type { Duck } from "./duckdb.ts";
import { Gather, type GatherLimits, type Group, type OffsetRange } from "./gather.ts";
import { type CompactionIntent, type FlushIntent, flushIntent, unlistedButKnown } from "./intent.ts";
import { allParts, changeManifest, readManifest, readRoot, sweepPages, takeNumber } from "./manifest.ts";
import { type Part, writePart } from "./part.ts";
import { filesInTree, orphan, remove, tidy } from "./tree.ts";
import { writeTables } from "./tables.ts";

/** Points of a flush between which a crash leaves different things behind. */
export type FlushStep = "intent" | "part" | "manifest" | "tables";

/** What a reader needs of the log. */
export type FollowedLog = Pick<EventLog, "partitions" | "start" | "end" | "read" | "grown">;

export interface ArchiverOptions {
  readonly log: FollowedLog;
  /** The `state` file. */
  readonly kv: Deno.Kv;
  readonly duck: Duck;
  readonly clock: Clock;
  readonly logLine: LogLine;
  /** Longest time that a row waits to be archived, ms. */
  readonly intervalMs?: number;
  readonly gather?: Partial<GatherLimits>;
  /** Called before each step of a flush; whatever it throws fails the flush there. */
  readonly beforeStep?: (step: FlushStep) => void | Promise<void>;
}

/** What the archiver has done since it was made, and how it is. */
export interface ArchiverState {
  readonly rows: number;
  readonly files: number;
  readonly bytes: number;
  readonly flushes: number;
  /** Rows gathered and not yet written. */
  readonly gathered: number;
  readonly gatheredBytes: number;
  /** Wall clock of the last flush, ms since the epoch. */
  readonly lastFlush: number | null;
  readonly lastError: string | null;
  /** Why the last flush failed, until one succeeds. */
  readonly failing: string | null;
}

/** What a start found unfinished in the lake, and what became of it. */
export interface LakeRecovery {
  /** The flush that was begun and is finished now. */
  flushFinished: { files: number; rows: number } | null;
  compactionDropped: boolean;
  /** Files beside the tree that were never finished, and are deleted. */
  unfinishedFiles: number;
  /** Files in the tree that nothing lists, and are moved out of it. */
  unlistedFiles: number;
  /** Offsets that the log no longer has, and the lake never got. */
  offsetsLost: number;
}

const INTERVAL_MS = 60_000;
const RETRY_FIRST_MS = 1000;
const RETRY_MAX_MS = 60_000;
const PAUSE_MS = 1000;
const FILES_AT_ONCE = 4;

export class Archiver implements Progress {
  #covered: number[] = [];
  #next: number[] = [];
  #gather: Gather;
  #gatherLimits: GatherLimits;
  #gatheredSince: number | null = null;
  #recovered = false;
  #retryAt = -Infinity;
  #retryMs = RETRY_FIRST_MS;
  #tablesAt = -Infinity;
  #tablesBehind = false;
  #turn: Promise<unknown> = Promise.resolve();
  #state = {
    rows: 0,
    files: 0,
    bytes: 0,
    flushes: 0,
    lastFlush: null as number | null,
    lastError: null as string | null,
    failing: null as string | null,
  };

  /** What has been mended since the archiver was made, most of it by `recover`. */
  readonly recovery: LakeRecovery = {
    flushFinished: null,
    compactionDropped: false,
    unfinishedFiles: 0,
    unlistedFiles: 0,
    offsetsLost: 0,
  };

  constructor(private readonly options: ArchiverOptions) {
    const { rows = limits.partRowsMax, bytes = limits.gatheredBytesMax, groups = limits.partsPerFlushMax } = options.gather ?? {};
    this.#gatherLimits = { rows, bytes, groups };
    this.#gather = new Gather(this.#gatherLimits);
  }

  get state(): ArchiverState {
    return { ...this.#state, gathered: this.#gather.rows, gatheredBytes: this.#gather.bytes };
  }

  /** The next offset of a partition that the lake does not have. */
  position(partition: number): number {
    return this.#covered[partition] ?? 0;
  }

  /** Finishes what a crash interrupted and puts the folder in order. Comes before everything else. */
  recover(): Promise<void> {
    return this.#inTurn(async () => {
      const { kv, duck } = this.options;
      this.recovery.unfinishedFiles = await tidy(duck.lakeFolder);
      await syncFolders(new Set([dirname(duck.lakeFolder)]));
      await this.#reload(true);
      await this.#dropCompaction();
      await this.#moveOrphans();
      await sweepPages(kv);
      await this.#writeTables();
    });
  }

  /** Follows the log until the signal aborts; what is gathered then stays in the log. */
  async run(signal: AbortSignal): Promise<void> {
    let grown: Promise<void> | null = null, wake = () => {};
    const beat = setInterval(() => wake(), PAUSE_MS);
    try {
      while (!signal.aborted) {
        // Asked for before the step, so that nothing that comes meanwhile is missed.
        const waiting = grown ??= this.options.log.grown(signal).then(() => void (grown = null));
        if (!await this.step()) await Promise.race([waiting, new Promise<void>((resolve) => wake = resolve)]);
      }
    } finally {
      clearInterval(beat);
    }
  }

  /** Gathers what the log has and flushes if it is time. Returns whether there may be more to do at once. Never throws: see `state`. */
  step(): Promise<boolean> {
    return this.#inTurn(async () => {
      if (this.options.clock.monotonic() < this.#retryAt) return false;
      try {
        if (!this.#recovered) await this.#reload();
        await this.#gatherMore();
        const full = this.#gather.full;
        if (full || this.#due()) await this.#flushGathered();
        await this.#writeTablesIfDue();
        this.#succeeded();
        return full;
      } catch (error) {
        this.#failed(error);
        return false;
      }
    });
  }

  /** Archives everything that the log has now. Throws when that fails; the place is kept. */
  flush(): Promise<void> {
    return this.#inTurn(async () => {
      try {
        if (!this.#recovered) await this.#reload();
        const ends = Array.from({ length: this.options.log.partitions }, (_, partition) => this.options.log.end(partition));
        do {
          await this.#gatherMore();
          await this.#flushGathered();
        } while (ends.some((end, partition) => this.position(partition) < end));
        if (this.#tablesBehind) await this.#writeTables();
        this.#succeeded();
      } catch (error) {
        this.#failed(error);
        throw isStorageFailure(error) ? storageFailing("archive what is in the log", error) : error;
      }
    });
  }

  /** One `read` of each partition in turn, until the log has no more or the gather is full. */
  async #gatherMore(): Promise<void> {
    const { log, clock } = this.options;
    for (let grew = true; grew && !this.#gather.full;) {
      grew = false;
      for (let partition = 0; partition < log.partitions && !this.#gather.full; partition++) {
        if (this.#next[partition] >= log.end(partition)) continue;
        for (const batch of await log.read(partition, this.#next[partition])) {
          this.#next[partition] = this.#gather.add(batch, this.#next[partition]);
          grew = true;
          if (this.#gather.full) break;
        }
      }
      await standBack();
    }
    if (!this.#gather.empty) this.#gatheredSince ??= clock.monotonic();
  }

  #due(): boolean {
    const { clock, intervalMs = INTERVAL_MS } = this.options;
    return this.#gatheredSince !== null && clock.monotonic() - this.#gatheredSince >= intervalMs;
  }

  async #flushGathered(): Promise<void> {
    if (this.#gather.empty) return;
    const { kv, clock } = this.options;
    const groups = this.#gather.sorted();
    const ranges = [...this.#gather.ranges.values()];
    this.#recovered = false;
    await this.#before("intent");
    let intent: FlushIntent | undefined;
    await takeNumber(kv, (number) => {
      intent = flushIntent(number, ranges, groups, clock.now());
      return [{ key: stateKeys.intent(), value: intent }];
    });
    await this.#finish(intent!, groups);
    this.#recovered = true;
  }

  /** Writes the files of an intent, over what a crash left of them, and lists them. */
  async #finish(intent: FlushIntent, groups: readonly Group[]): Promise<void> {
    const { kv, clock } = this.options;
    const { files } = flushIntent(intent.number, [], groups, intent.at);
    assert(files.join() === intent.files.join(), "the log gives the same hours again for the offsets of a flush");
    const add = await this.#writeParts(intent, groups);
    await this.#before("manifest");
    const root = await changeManifest(kv, { add, covered: intent.ranges, with: { deletes: [stateKeys.intent()] } });
    this.#startFrom(root.covered);
    this.#tablesBehind = true;
    this.#state.flushes++;
    this.#state.lastFlush = clock.now();
    this.#state.files += add.length;
    for (const { rows, bytes } of add) {
      this.#state.rows += rows;
      this.#state.bytes += bytes;
    }
  }

  /** Some files at a time: while one is synced the next is encoded. Returns, or throws, once none is being written any more. */
  async #writeParts(intent: FlushIntent, groups: readonly Group[]): Promise<Part[]> {
    const { duck } = this.options;
    const parts: Part[] = new Array(groups.length);
    const changed = new Set<string>();
    const left = groups.entries();
    let failed = false;
    const write = async () => {
      for (const [i, group] of left) {
        if (failed) return;
        try {
          await this.#before("part");
          parts[i] = await writePart(duck, { file: intent.files[i], sequence: intent.number, created: intent.at }, group, changed);
        } catch (error) {
          failed = true;
          throw error;
        }
      }
    };
    for (const done of await Promise.allSettled(Array.from({ length: FILES_AT_ONCE }, write))) {
      if (done.status === "rejected") throw done.reason;
    }
    await syncFolders(changed);
    return parts;
  }

  /** Takes the position from what is stored, and finishes the intent that is, if any. atStart: another process has left it. */
  async #reload(atStart = false): Promise<void> {
    const { kv, logLine } = this.options;
    this.#startFrom((await readRoot(kv)).covered);
    const intent = await this.#intent<FlushIntent>(stateKeys.intent());
    if (intent !== null) {
      const gather = await this.#regather(intent.ranges);
      if (gather === null) {
        logLine("error", "archive_intent_lost", { number: intent.number, files: intent.files.length });
        await commit(kv, { deletes: [stateKeys.intent()] });
      } else {
        const groups = gather.sorted(), rows = gather.rows;
        await this.#finish(intent, groups);
        if (atStart) this.recovery.flushFinished = { files: intent.files.length, rows };
      }
    }
    await this.#passLost();
    this.#recovered = true;
  }

  /** What was about to be written, or null. One that is damaged is dropped: what it was for is stored elsewhere, and its files are moved out. */
  async #intent<Intent>(key: Deno.KvKey): Promise<Intent | null> {
    const { kv, logLine } = this.options;
    try {
      return (await kv.get<Intent>(key)).value;
    } catch (failure) {
      if (!isDamage(failure)) throw failure;
      logLine("error", "intent_damaged", { reason: reasonOf(failure) });
      await commit(kv, { deletes: [key] });
      return null;
    }
  }

  /** Reads the offsets of an intent again, or returns null when the log no longer has them all. */
  async #regather(ranges: readonly OffsetRange[]): Promise<Gather | null> {
    const { log } = this.options;
    const gather = new Gather({ rows: Infinity, bytes: Infinity, groups: Infinity });
    for (const { partition, from, to } of ranges) {
      if (log.start(partition) > from || log.end(partition) < to) return null;
      for (let next = from; next < to;) {
        for (const batch of await log.read(partition, next)) {
          // What was flushed to cannot be made again; what is left is gathered anew.
          if (batch.control === "lost") return null;
          if (next < to) next = gather.add(batch, next, to);
        }
      }
    }
    return gather;
  }

  /** Moves past offsets that the log has dropped unarchived, which a log that keeps its promise never has. */
  async #passLost(): Promise<void> {
    const { log, kv, logLine } = this.options;
    const lost: OffsetRange[] = [];
    for (let partition = 0; partition < log.partitions; partition++) {
      const from = this.position(partition), to = log.start(partition);
      if (to > from) lost.push({ partition, from, to, rowless: to - from });
    }
    if (lost.length === 0) return;
    for (const { partition, from, to } of lost) {
      logLine("error", "offsets_lost", { partition, from, to });
      this.recovery.offsetsLost += to - from;
    }
    this.#startFrom((await changeManifest(kv, { covered: lost })).covered);
  }

  #startFrom(covered: readonly number[]): void {
    this.#covered = [...covered];
    this.#next = Array.from({ length: this.options.log.partitions }, (_, partition) => covered[partition] ?? 0);
    this.#gather = new Gather(this.#gatherLimits);
    this.#gatheredSince = null;
  }

  async #dropCompaction(): Promise<void> {
    const { kv, duck } = this.options;
    const intent = await this.#intent<CompactionIntent>(stateKeys.compactionIntent());
    if (intent === null) return;
    await remove(duck.lakeFolder, intent.file);
    await commit(kv, { deletes: [stateKeys.compactionIntent()] });
    this.recovery.compactionDropped = true;
  }

  async #moveOrphans(): Promise<void> {
    const { kv, duck, logLine } = this.options;
    const known = await unlistedButKnown(kv);
    const unreadable: string[] = [];
    for (const { file } of allParts(await readManifest(kv, undefined, (dt) => unreadable.push(dt)))) known.add(file);
    for (const file of await filesInTree(duck.lakeFolder)) {
      // Nobody knows what a damaged list of files names.
      if (known.has(file) || unreadable.some((dt) => file.includes(`/dt=${dt}`))) continue;
      this.recovery.unlistedFiles++;
      logLine("warn", "file_not_listed", { file, moved_to: await orphan(duck.lakeFolder, file) });
    }
  }

  async #writeTablesIfDue(): Promise<void> {
    if (this.#tablesBehind && this.options.clock.monotonic() - this.#tablesAt >= limits.tablesEveryMs) await this.#writeTables();
  }

  async #writeTables(): Promise<void> {
    await this.#before("tables");
    await writeTables(this.options.kv, this.options.duck.lakeFolder);
    this.#tablesAt = this.options.clock.monotonic();
    this.#tablesBehind = false;
  }

  async #before(step: FlushStep): Promise<void> {
    await this.options.beforeStep?.(step);
  }

  #succeeded(): void {
    if (this.#state.failing !== null) this.options.logLine("info", "archive_works_again");
    this.#state.failing = null;
    this.#retryMs = RETRY_FIRST_MS;
    this.#retryAt = -Infinity;
  }

  #failed(error: unknown): void {
    const { clock, logLine } = this.options;
    const reason = reasonOf(error);
    this.#recovered = false;
    this.#gather = new Gather(this.#gatherLimits);
    this.#gatheredSince = null;
    this.#state.failing = this.#state.lastError = reason;
    this.#retryAt = clock.monotonic() + this.#retryMs;
    logLine(error instanceof GuardianError && !error.kind.retry ? "error" : "warn", "archive_failing", {
      reason,
      retry_in_ms: this.#retryMs,
    });
    this.#retryMs = Math.min(2 * this.#retryMs, RETRY_MAX_MS);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }
}
