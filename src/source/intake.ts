// The one way into the log. Requests and replays hand in columns; intake drops what the log has already, splits the rest by partition,
// and appends many submissions in one commit. What always holds: a submission is answered when all of it is durable; the order of
// submissions is the order of the log; no event with an identity is appended twice. It knows nothing of HTTP or files.

import { type Clock, PatientClock } from "../clock.ts";
import { GuardianError, reasonOf } from "../errors.ts";
import {
  ColumnBuilder,
  columnText,
  type EventBatch,
  type EventColumns,
  LIVE,
  markBatch,
  pendingBatch,
  PLAIN_ROW_BYTES_MOST,
} from "../event/batch.ts";
import { ABSENT, FIRST_WORD } from "../event/code.ts";
import { encode } from "../event/codec.ts";
import { limits } from "../limits.ts";
import { IdentityCheckpoint } from "../log/identity_checkpoint.ts";
import { decodeNotes, encodeNotes, type KeyNote, KeysSeen, NOTES_MAX } from "../log/keys_seen.ts";
import type { KvLog } from "../log/kv_log.ts";
import type { EncodedBatch, Progress } from "../log/log.ts";
import { Partitioner } from "../log/partition.ts";
import type { LogLine } from "../log_line.ts";

/** Events to append, with no identity of their own but event ids. `source` and `firstRow` give each its identity (source, firstRow + row); `key` marks an idempotent request. */
export interface Submission {
  readonly columns: EventColumns;
  readonly lane: string;
  readonly source?: string;
  readonly firstRow?: number;
  readonly key?: { readonly key: string; readonly body: string };
}

/** What became of a submission. Both counts together are its rows. */
export interface Taken {
  readonly accepted: number;
  readonly duplicates: number;
}

/** What the start read of the log, behind the checkpoint of the identity index. */
export interface IntakeRecovery {
  readonly events: number;
  readonly batches: number;
  /** A later checkpoint was begun and not finished. */
  readonly checkpointTorn: boolean;
}

interface Waiting {
  readonly submission: Submission;
  readonly marks: readonly EncodedBatch[] | null;
  nextRow: number;
  accepted: number;
  duplicates: number;
  begun: boolean;
  readonly resolve: (taken: Taken) => void;
  readonly reject: (failure: unknown) => void;
}

/** Rows of one lane on their way into one batch of one partition. */
interface Shard {
  readonly lane: string;
  readonly partition: number;
  readonly columns: ColumnBuilder;
  /** Codes here of the words of `memoOf`; null where those are looked up one by one. */
  memo: Uint32Array | null;
  memoOf: EventColumns | null;
  /** Events of one batch, by what those before took. */
  readonly rowsMax: number;
}

/** What goes into one commit. */
interface Group {
  readonly batches: EncodedBatch[];
  /** By lane and partition. */
  readonly shards: Map<string, (Shard | null)[]>;
  readonly notes: KeyNote[];
  readonly finished: Waiting[];
  bytes: number;
}

const noWords = new Uint32Array(0);
/** Events from which on rows without groups are taken column by column; of fewer each is taken by itself, and its words looked up. */
const COLUMN_WISE_EVENTS = 64;
/** Words of a row without groups, and what each can take in an encoded batch. */
const WORDS_BYTES_MOST = 2 * limits.idBytesMax + limits.shortTextBytesMax + 3 * 2;
/** What an event id adds to such a row: its bytes, its code, and a code of the source. */
const ID_BYTES_MOST = limits.shortTextBytesMax + 2 + 2 * 4;
/** Share of a log value up to which a batch is filled: one more row may be of several kilobytes. */
const BATCH_FILL = 0.9;
/** Rows without groups that fit into one batch whatever they are like; so many tell how many bytes the next ones will take. */
const BATCH_ROWS_LEAST = Math.floor((limits.batchBytesMax * BATCH_FILL) / (PLAIN_ROW_BYTES_MOST + WORDS_BYTES_MOST + ID_BYTES_MOST));
/** Room in a commit, by what its rows take at the most, below which they are encoded to see what they do take; and the least to go on with. */
const ROOM_BYTES_WATCHED = 32 * 1024, ROOM_BYTES_LEAST = 96 * 1024;
/** Mask of rows without groups, each of a few hundred bytes at the most, between two looks at how full a commit is. */
const PLAIN_ROWS_UNWATCHED = 15;
const LAG_CHECK_MS = 5;
/** How long identities are remembered at the most. */
const REMEMBERED_MS = Math.max(limits.eventIdsKeepHours, limits.idempotencyKeysKeepHours) * 3_600_000;
/** Rows that a shard has room for at first, beyond its even share of what waits. */
const SHARE = 1.25, ROWS_AT_FIRST = 16;
/** Bytes that a row of the first batch of a kind is taken for; those that come after know more. */
const ROW_BYTES_AT_FIRST = 17;

/** The source of a request's events: its Idempotency-Key, hashed. */
export function sourceOfKey(key: string): string {
  return `key-${key}`;
}

/** The lane of a replay source. */
export function laneOfSource(source: string): string {
  return `replay-${source.slice(0, 16)}`;
}

function hasGroups({ purchase, visitor, properties }: EventColumns): boolean {
  return purchase !== null || visitor !== null || properties !== null;
}

export class Intake {
  readonly #queue: Waiting[] = [];
  readonly #partitioner: Partitioner;
  /** By which keys grow old: each has the wall clock's time of its arrival. */
  readonly #age: PatientClock;
  /** By which event ids arrive and grow old. It never follows a jump: what came before and what came since would be as far apart as that. */
  readonly #idAge: PatientClock;
  readonly #runningKeys = new Set<string>();
  #working: Promise<void> | null = null;
  #closed = false;
  /** When the last commit ended, and what ends the wait for more to go into the next one. */
  #committedAt = -Infinity;
  #wake: (() => void) | null = null;
  /** Events accepted and duplicates dropped since the process started. */
  accepted = 0;
  duplicates = 0;
  /** Monotonic time of the last append to the live lane, by partition. */
  readonly lastLive: number[];
  /** Per partition, the offset up to which the identity index knows the log. */
  readonly #known: number[] = [];
  /** Bytes that rows of the last full batch took. */
  #rowBytes = ROW_BYTES_AT_FIRST;
  /** By partition, where words of `#guessesOf` may be in its batches. */
  #guesses: Uint32Array[] = [];
  #guessesOf: readonly string[] = [];
  /** Why appends fail at present, or null. */
  failing: string | null = null;
  /** What the start had to read again. */
  recovery: IntakeRecovery = { events: 0, batches: 0, checkpointTorn: false };

  private constructor(
    private readonly log: KvLog,
    private readonly identity: IdentityCheckpoint,
    private readonly keys: KeysSeen,
    private readonly clock: Clock,
    private readonly readers: readonly Progress[],
    private readonly logLine: LogLine,
    private readonly lingerMs: number,
  ) {
    this.#partitioner = new Partitioner(log.partitions);
    this.#age = new PatientClock(clock, REMEMBERED_MS);
    this.#idAge = new PatientClock(clock, Infinity);
    this.lastLive = new Array(log.partitions).fill(clock.monotonic());
  }

  /** Loads what the log holds of identities and keys: the checkpoint, then the log behind it. */
  static async open(
    log: KvLog,
    state: Deno.Kv,
    clock: Clock,
    readers: readonly Progress[],
    logLine: LogLine,
    lingerMs: number = limits.lingerMs,
  ): Promise<Intake> {
    const identity = await IdentityCheckpoint.load(state, log.partitions, clock.now());
    const keys = new KeysSeen();
    for await (const { seq, note } of log.notes()) for (const entry of decodeNotes(note)) keys.add(entry, seq);
    const intake = new Intake(log, identity, keys, clock, readers, logLine, lingerMs);
    let events = 0, read = 0;
    for (let p = 0; p < log.partitions; p++) {
      let from = Math.max(identity.covered(p), log.start(p));
      for (let batches = await log.read(p, from); batches.length > 0; batches = await log.read(p, from)) {
        for (const batch of batches) intake.#absorb(batch);
        const last = batches[batches.length - 1];
        events += last.firstOffset + last.count - from;
        read += batches.length;
        from = last.firstOffset + last.count;
      }
    }
    intake.recovery = { events, batches: read, checkpointTorn: identity.torn };
    intake.#noteEnds();
    return intake;
  }

  /** Takes a submission; resolves when all its events are durable. Throws `storage_failing`, `key_reused`, `key_in_progress`. */
  async submit(submission: Submission): Promise<Taken> {
    const { key } = submission;
    if (key === undefined) return await this.#enqueue(submission, null);
    if (this.#runningKeys.has(key.key)) {
      throw new GuardianError("key_in_progress", "Cannot take this request: one with the same Idempotency-Key is still running", {
        retryAfterS: 1,
      });
    }
    const seen = this.keys.get(key.key);
    if (seen !== null && seen.body !== key.body) {
      throw new GuardianError(
        "key_reused",
        "Cannot take this request: its Idempotency-Key was used with another body; use a new key for new events",
      );
    }
    if (seen?.done) {
      this.duplicates += submission.columns.count;
      return { accepted: 0, duplicates: submission.columns.count };
    }
    this.#runningKeys.add(key.key);
    try {
      if (seen !== null) await this.identity.loadSource(sourceOfKey(key.key));
      return await this.#enqueue({ ...submission, source: sourceOfKey(key.key), firstRow: 0 }, null);
    } finally {
      this.#runningKeys.delete(key.key);
    }
  }

  /** Appends an end mark to a lane in every partition, behind all that was submitted before. */
  async end(lane: string): Promise<void> {
    const marks = Array.from({ length: this.log.partitions }, (_, p) => markBatch("end_mark", lane, p, 0));
    await this.#enqueue({ columns: new ColumnBuilder(1), lane }, marks.map((batch) => ({ batch, bytes: encode(batch) })));
  }

  /** Appends a time mark to the live lane of one partition. */
  async mark(partition: number, time: number): Promise<void> {
    const batch = markBatch("time_mark", LIVE, partition, time);
    await this.#enqueue({ columns: new ColumnBuilder(1), lane: LIVE }, [{ batch, bytes: encode(batch) }]);
  }

  /** Reads what is known of a source, so that rows of it which the log has are told from new ones. */
  loadSource(source: string): Promise<boolean> {
    return this.identity.loadSource(source);
  }

  /** How many sources are remembered. */
  get sources(): number {
    return this.identity.sources;
  }

  /** Events that the slower reader is behind, in the partition where it is furthest. */
  get lag(): number {
    let lag = 0;
    for (const reader of this.readers) {
      for (let p = 0; p < this.log.partitions; p++) lag = Math.max(lag, this.log.end(p) - reader.position(p));
    }
    return lag;
  }

  /** Events that the slower reader is behind, all partitions together. */
  get behind(): number {
    let most = 0;
    for (const reader of this.readers) {
      let behind = 0;
      for (let p = 0; p < this.log.partitions; p++) behind += this.log.end(p) - reader.position(p);
      most = Math.max(most, behind);
    }
    return most;
  }

  /** Submissions that wait for a commit of theirs. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** What `/health` tells of identities. */
  get identities(): { event_ids: number; span_hours: number; idempotency_keys: number } {
    const { count, spanHours } = this.identity.index.ids;
    return { event_ids: count, span_hours: spanHours, idempotency_keys: this.keys.count };
  }

  /** Offset up to which the identity index is checkpointed, which the log must keep. */
  covered(partition: number): number {
    return this.identity.covered(partition);
  }

  /** Writes the identity index's checkpoint, and drops keys that have had their day. */
  async checkpoint(): Promise<void> {
    this.#idAge.now();
    await this.identity.save(this.#known, this.#idAge.behind);
    const { forgotten, oldestNote } = this.keys.sweep(this.#age.now());
    for (const key of forgotten) this.identity.index.drop(sourceOfKey(key));
    if (forgotten.length > 0 && oldestNote !== Infinity) await this.log.dropNotes(oldestNote);
  }

  /** Takes no more, and resolves when what was taken is durable or has failed. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#wake?.();
    await this.#working;
  }

  #enqueue(submission: Submission, marks: readonly EncodedBatch[] | null): Promise<Taken> {
    if (this.#closed) throw new GuardianError("shutting_down", "Cannot take events: the server is shutting down", { retryAfterS: 5 });
    return new Promise((resolve, reject) => {
      this.#queue.push({ submission, marks, nextRow: 0, accepted: 0, duplicates: 0, begun: false, resolve, reject });
      if (this.#working === null) this.#working = this.#work();
      else if (this.#wake !== null && this.#enough()) this.#wake();
    });
  }

  /** Whether what waits is worth a commit at once: much, or nothing that comes in small pieces. */
  #enough(): boolean {
    let events = 0;
    for (const { submission, marks } of this.#queue) {
      if (marks !== null || submission.lane !== LIVE || (events += submission.columns.count) >= limits.lingerEvents) return true;
    }
    return this.#closed;
  }

  /** Waits for more live events, once a commit has just been made: those that it answered are about to send again. */
  async #linger(): Promise<void> {
    const left = this.#committedAt + this.lingerMs - this.clock.monotonic();
    if (!(left > 0) || this.#enough()) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, left);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = null;
  }

  async #work(): Promise<void> {
    while (this.#queue.length > 0) {
      // Readers that fall far behind hold intake up, so that what is between them and the log's end stays bounded.
      while (this.lag > limits.readerLagEventsMax && !this.#closed) await new Promise((resolve) => setTimeout(resolve, LAG_CHECK_MS));
      await this.#linger();
      const index = this.identity.index;
      const group: Group = { batches: [], shards: new Map(), notes: [], finished: [], bytes: 0 };
      try {
        for (const batch of await this.log.resync()) this.#absorb(batch);
        index.begin();
        this.#gather(group);
        if (group.batches.length > 0 || group.notes.length > 0) await this.log.append(group.batches, this.#note(group));
        index.keep();
        this.#noteEnds();
        this.failing = null;
        this.#committedAt = this.clock.monotonic();
        this.#settle(group);
      } catch (failure) {
        index.rollback();
        this.failing = reasonOf(failure);
        this.logLine("error", "append_failed", { reason: this.failing, waiting: this.#queue.length });
        // Whoever has something in the failed commit, or waits behind it, is told; a retry with a key or event ids is safe.
        for (const waiting of [...group.finished, ...this.#queue.splice(0)]) waiting.reject(failure);
      }
    }
    this.#working = null;
  }

  /** Fills one commit from the queue, in order. What does not fit stays at the head of the queue. */
  #gather(group: Group): void {
    const now = this.clock.now(), age = this.#idAge.now();
    while (this.#queue.length > 0) {
      const waiting = this.#queue[0];
      if (waiting.marks !== null) {
        this.#sealAll(group);
        for (const mark of waiting.marks) this.#put(group, mark);
      } else if (!this.#gatherRows(group, waiting, age)) {
        this.#begin(group, waiting, now);
        break;
      } else {
        const { key } = waiting.submission;
        if (key !== undefined) group.notes.push({ ...key, done: true, time: now });
      }
      group.finished.push(this.#queue.shift()!);
      if (this.#isFull(group)) break;
      if (group.notes.length >= NOTES_MAX - 1 || group.batches.length > limits.commitMutationsMax / 2) break;
    }
    this.#sealAll(group);
  }

  /** A request that takes several commits is noted with its first one, so that its key cannot be used for another body meanwhile. */
  #begin(group: Group, waiting: Waiting, now: number): void {
    const { key } = waiting.submission;
    if (key === undefined || waiting.begun) return;
    waiting.begun = true;
    group.notes.push({ ...key, done: false, time: now });
  }

  /** Adds rows of a submission to the group. Returns false when the group is full before its last row. */
  #gatherRows(group: Group, waiting: Waiting, now: number): boolean {
    const { columns, lane, source, firstRow = 0 } = waiting.submission;
    const index = this.identity.index;
    const { words, session } = columns;
    const { identity } = columns;
    const eventIds = identity?.eventId ?? null;
    const bare = !hasGroups(columns);
    const plain = bare && identity === null && source === undefined;
    if (bare && columns.count >= COLUMN_WISE_EVENTS) return this.#gatherColumns(group, waiting, now);
    const shards = this.#shardsOf(group, lane);
    for (let row = waiting.nextRow; row < columns.count; row++) {
      // Rows with groups can have kilobytes each.
      if ((!plain || (row & PLAIN_ROWS_UNWATCHED) === 0) && this.#isFull(group)) {
        waiting.nextRow = row;
        return false;
      }
      const partition = this.#partitioner.of(words, session[row]);
      let shard = shards[partition] ??= this.#shard(lane, partition);
      if (shard.columns.count >= limits.batchEventsMax || shard.columns.bytesLikely > limits.batchBytesMax * BATCH_FILL) {
        this.#seal(group, shard);
        shard = shards[partition] = this.#shard(lane, partition);
      }
      if (shard.memoOf !== columns) {
        shard.memoOf = columns;
        shard.memo = plain ? null : columns.words.length === 0 ? noWords : new Uint32Array(columns.words.length);
      }
      if (plain) {
        shard.columns.copyPlainRow(columns, row, shard.memo);
        waiting.accepted++;
        continue;
      }
      if (source !== undefined && !index.admitRow(source, partition, firstRow + row)) {
        waiting.duplicates++;
        continue;
      }
      if (eventIds !== null && eventIds[row] !== ABSENT) {
        const who = session[row] < FIRST_WORD ? String(session[row]) : words[session[row] - FIRST_WORD];
        if (!index.admitId(who, columnText(columns, eventIds, row)!, now)) {
          waiting.duplicates++;
          continue;
        }
      }
      const at = shard.columns.copyRow(columns, row, shard.memo!);
      if (source !== undefined) {
        const to = shard.columns.withIdentity();
        to.source[at] = shard.columns.code(source);
        to.row[at] = firstRow + row;
      }
      waiting.accepted++;
    }
    waiting.nextRow = columns.count;
    return true;
  }

  /** As `#gatherRows`, for rows without groups but event ids: column by column, as many at a time as surely fit. */
  #gatherColumns(group: Group, waiting: Waiting, now: number): boolean {
    const { columns, lane, source, firstRow = 0 } = waiting.submission;
    const guesses = this.#guessesFor(columns.words);
    // In a batch that has groups a row without any takes more than is reckoned with here.
    for (const shard of this.#shardsOf(group, lane)) if (shard !== null && hasGroups(shard.columns)) this.#seal(group, shard);
    const rowBytes = PLAIN_ROW_BYTES_MOST + (columns.words.length > 0 ? WORDS_BYTES_MOST : 0) +
      (columns.identity === null ? 0 : ID_BYTES_MOST);
    while (waiting.nextRow < columns.count) {
      const from = waiting.nextRow, room = this.#rowsOfRoom(group, rowBytes);
      if (room === 0) return false;
      const to = waiting.nextRow = Math.min(columns.count, from + room);
      const { rows, starts } = this.#partitioner.split(columns.words, columns.session, from, to);
      for (let partition = 0; partition < this.log.partitions; partition++) {
        let next = starts[partition];
        let last = starts[partition + 1];
        const given = last - next;
        if (source !== undefined) next += this.identity.index.admitRows(source, partition, firstRow, rows, next, last);
        if (columns.identity !== null) last = this.identity.index.admitIds(columns, rows, next, last, now);
        waiting.duplicates += given - (last - next);
        waiting.accepted += last - next;
        this.#spread(group, waiting.submission, partition, rows, next, last, guesses[partition]);
      }
    }
    return true;
  }

  /** Adds rows `rows[next]` to `rows[last]` (exclusive) of a submission to batches of a partition. */
  #spread(
    group: Group,
    { columns, lane, source, firstRow }: Submission,
    partition: number,
    rows: Uint32Array,
    next: number,
    last: number,
    guesses: Uint32Array,
  ): void {
    const shards = this.#shardsOf(group, lane);
    while (next < last) {
      const shard = shards[partition] ??= this.#shard(lane, partition, last - next);
      const more = Math.min(last - next, Math.max(0, shard.rowsMax - shard.columns.count));
      if (more > 0) shard.columns.copyPlainRows(columns, rows, next, next += more, guesses, source, firstRow);
      if (shard.columns.count >= shard.rowsMax) this.#seal(group, shard);
    }
  }

  /** Rows of `rowBytes` at the most that surely fit into the commit; 0 when it is full. */
  #rowsOfRoom(group: Group, rowBytes: number): number {
    if (group.batches.length > limits.commitMutationsMax / 2) return 0;
    let room = this.#room(group);
    if (room < ROOM_BYTES_WATCHED) {
      this.#sealAll(group);
      room = this.#room(group);
      if (room < ROOM_BYTES_LEAST) return 0;
    }
    return Math.floor(room / rowBytes);
  }

  #guessesFor(words: readonly string[]): readonly Uint32Array[] {
    if (words !== this.#guessesOf || words.length > this.#guesses[0].length) {
      this.#guesses = Array.from({ length: this.log.partitions }, () => new Uint32Array(words.length));
      this.#guessesOf = words;
    }
    return this.#guesses;
  }

  #shardsOf(group: Group, lane: string): (Shard | null)[] {
    let shards = group.shards.get(lane);
    if (shards === undefined) group.shards.set(lane, shards = new Array(this.log.partitions).fill(null));
    return shards;
  }

  /** atHand: rows that are known to be of this partition, besides those that wait. */
  #shard(lane: string, partition: number, atHand = 0): Shard {
    let rows = 0;
    for (const { submission, nextRow } of this.#queue) if (submission.lane === lane) rows += submission.columns.count - nextRow;
    const rowsLikely = Math.floor((limits.batchBytesMax * BATCH_FILL) / this.#rowBytes);
    const rowsMax = Math.max(BATCH_ROWS_LEAST, Math.min(limits.batchEventsMax, rowsLikely));
    const capacity = Math.min(rowsMax, atHand + ROWS_AT_FIRST + Math.ceil((SHARE * rows) / this.log.partitions));
    return { lane, partition, columns: new ColumnBuilder(capacity), memo: noWords, memoOf: null, rowsMax };
  }

  /** Whether the group might be more than a commit may hold if it got more, whatever its rows are like. */
  #isFull(group: Group): boolean {
    return this.#room(group) < 0;
  }

  /** Bytes that a commit has room for beyond what it may have already, whatever its rows are like. */
  #room(group: Group): number {
    let room = limits.commitBytesMax - group.bytes;
    for (const shards of group.shards.values()) {
      for (const shard of shards) if (shard !== null && shard.columns.count > 0) room -= shard.columns.bytesMost;
    }
    return room;
  }

  #sealAll(group: Group): void {
    for (const shards of group.shards.values()) for (const shard of shards) if (shard !== null) this.#seal(group, shard);
  }

  #seal(group: Group, shard: Shard): void {
    if (shard.columns.count > 0) this.#encodeInto(group, shard.columns, shard.lane, shard.partition);
    group.shards.get(shard.lane)![shard.partition] = null;
  }

  /** Encodes rows as one batch, or as several where the bytes of one would be too many. */
  #encodeInto(group: Group, columns: EventColumns, lane: string, partition: number): void {
    const batch = pendingBatch(columns, lane, partition);
    const bytes = encode(batch);
    if (columns.count >= BATCH_ROWS_LEAST) this.#rowBytes = bytes.length / columns.count;
    if (bytes.length <= limits.batchBytesMax || columns.count === 1) return this.#put(group, { batch, bytes });
    const half = columns.count >> 1;
    for (const [from, to] of [[0, half], [half, columns.count]]) {
      const part = new ColumnBuilder(to - from);
      const memo = new Uint32Array(columns.words.length);
      for (let row = from; row < to; row++) part.copyRow(columns, row, memo);
      this.#encodeInto(group, part, lane, partition);
    }
  }

  #put(group: Group, encoded: EncodedBatch): void {
    group.batches.push(encoded);
    group.bytes += encoded.bytes.length;
  }

  #note(group: Group): Uint8Array | undefined {
    return group.notes.length === 0 ? undefined : encodeNotes(group.notes);
  }

  #settle(group: Group): void {
    for (const note of group.notes) {
      this.keys.add(note, this.log.lastNote);
      if (note.done) this.identity.index.drop(sourceOfKey(note.key));
    }
    const monotonic = this.clock.monotonic();
    for (const { batch } of group.batches) if (batch.lane === LIVE) this.lastLive[batch.partition] = monotonic;
    for (const { accepted, duplicates, resolve } of group.finished) {
      this.accepted += accepted;
      this.duplicates += duplicates;
      resolve({ accepted, duplicates });
    }
  }

  #noteEnds(): void {
    for (let p = 0; p < this.log.partitions; p++) this.#known[p] = this.log.end(p);
  }

  #absorb(batch: EventBatch): void {
    const isComplete = (source: string) => source.startsWith("key-") && this.keys.get(source.slice(4))?.done === true;
    this.identity.index.absorb(batch, this.#idAge.now(), isComplete);
  }
}
