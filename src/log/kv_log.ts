// The embedded log: encoded batches as Deno KV values, one entry a batch, keyed by a sequence number per partition. One process owns it.
// What always holds: an append is one atomic commit, so it is all there or not at all, and durable once it resolves; offsets have no gaps;
// what a reader gets from memory is what a restart would read from the file.

import { assert } from "../assert.ts";
import type { Clock } from "../clock.ts";
import { GuardianError, reasonOf } from "../errors.ts";
import type { EventBatch } from "../event/batch.ts";
import { decode, type Place, placeOf, seal } from "../event/codec.ts";
import { limits } from "../limits.ts";
import { commit } from "../store/commit.ts";
import { logKeys } from "../store/keys.ts";
import type { Appended, EncodedBatch, EventLog } from "./log.ts";
import { TailCache } from "./tail_cache.ts";

/** What the log keeps behind its readers, for recovery and a second look. */
export interface Retention {
  readonly keepMs: number;
  readonly keepBytes: number;
}

/** Stored with every append; `operation` tells whether an append whose answer was lost has landed. */
interface End {
  nextOffset: number;
  nextSeq: number;
  bytes: number;
  operation: string;
}

interface Start {
  firstOffset: number;
  firstSeq: number;
}

interface Partition {
  end: End;
  start: Start;
  /** A batch edge met before: reading on from it needs no search. */
  hint: { offset: number; seq: number };
}

const READ_BATCHES = 16;
const DELETES_PER_COMMIT = 500;

export class KvLog implements EventLog {
  readonly #cache: TailCache;
  #waiting: (() => void)[] = [];
  readonly #signals = new WeakSet<AbortSignal>();
  #uncertain = false;
  #nextNote = 0;

  private constructor(
    private readonly kv: Deno.Kv,
    private readonly clock: Clock,
    private readonly retention: Retention,
    private readonly states: Partition[],
  ) {
    this.#cache = new TailCache(states.length, limits.logCacheBytesMax);
  }

  /** Opens the log of a KV file, making it with `partitions` when it is new. */
  static async open(kv: Deno.Kv, partitions: number, clock: Clock, retention: Retention = defaultRetention): Promise<KvLog> {
    const states: Partition[] = [];
    for (let p = 0; p < partitions; p++) {
      const end = (await kv.get<End>(logKeys.end(p))).value ?? { nextOffset: 0, nextSeq: 0, bytes: 0, operation: "" };
      const start = (await kv.get<Start>(logKeys.start(p))).value ?? { firstOffset: 0, firstSeq: 0 };
      states.push({ end, start, hint: { offset: start.firstOffset, seq: start.firstSeq } });
    }
    const log = new KvLog(kv, clock, retention, states);
    for await (const { key } of kv.list({ prefix: logKeys.notes() }, { reverse: true, limit: 1 })) log.#nextNote = (key[1] as number) + 1;
    return log;
  }

  get partitions(): number {
    return this.states.length;
  }

  end(partition: number): number {
    return this.states[partition].end.nextOffset;
  }

  start(partition: number): number {
    return this.states[partition].start.firstOffset;
  }

  /** Bytes of batches held, all partitions together. */
  get bytes(): Promise<number> {
    return Promise.all(this.states.map(async ({ end }, p) => {
      const first = await this.#place(p, this.states[p].start.firstSeq);
      return first === null ? 0 : end.bytes - first.bytesBefore;
    })).then((all) => all.reduce((sum, bytes) => sum + bytes, 0));
  }

  async append(batches: readonly EncodedBatch[], note?: Uint8Array): Promise<Appended> {
    assert(!this.#uncertain, "resync comes between a failed append and the next one");
    const arrival = this.clock.now();
    const operation = crypto.randomUUID();
    const ends = new Map<number, End>();
    const sets: { key: Deno.KvKey; value: unknown }[] = [];
    const appended: EventBatch[] = [];
    for (const { batch, bytes } of batches) {
      const end = ends.get(batch.partition) ?? { ...this.states[batch.partition].end, operation };
      ends.set(batch.partition, end);
      seal(bytes, end.nextOffset, arrival, end.bytes);
      sets.push({ key: logKeys.batch(batch.partition, end.nextSeq), value: bytes });
      appended.push({ ...batch, firstOffset: end.nextOffset, arrival });
      end.nextOffset += batch.count;
      end.nextSeq++;
      end.bytes += bytes.length;
    }
    for (const [partition, end] of ends) sets.push({ key: logKeys.end(partition), value: end });
    if (note !== undefined) sets.push({ key: logKeys.note(this.#nextNote), value: note });
    try {
      await commit(this.kv, { sets });
    } catch (failure) {
      this.#uncertain = true;
      throw failure;
    }
    if (note !== undefined) this.#nextNote++;
    for (const [partition, end] of ends) this.states[partition].end = end;
    for (const batch of appended) this.#cache.add(batch);
    this.#wake();
    return { firstOffsets: appended.map((batch) => batch.firstOffset), arrival };
  }

  async resync(): Promise<readonly EventBatch[]> {
    if (!this.#uncertain) return [];
    const landed: EventBatch[] = [], ends: End[] = [];
    let nextNote = this.#nextNote;
    try {
      for (let p = 0; p < this.states.length; p++) {
        const end = (await this.kv.get<End>(logKeys.end(p))).value ?? this.states[p].end;
        for (let seq = this.states[p].end.nextSeq; seq < end.nextSeq; seq++) landed.push(await this.#batchAt(p, seq));
        ends.push(end);
      }
      for await (const { key } of this.kv.list({ prefix: logKeys.notes() }, { reverse: true, limit: 1 })) nextNote = (key[1] as number) + 1;
    } catch (cause) {
      throw storageFailing("read the log's end", cause);
    }
    // Nothing changes before all of it is read, so that a failure half-way leaves no hole.
    ends.forEach((end, p) => this.states[p].end = end);
    this.#nextNote = nextNote;
    for (const batch of landed) this.#cache.add(batch);
    this.#uncertain = false;
    if (landed.length > 0) this.#wake();
    return landed;
  }

  async read(partition: number, from: number): Promise<readonly EventBatch[]> {
    const state = this.states[partition];
    if (from >= state.end.nextOffset) return [];
    assert(from >= state.start.firstOffset, `offset ${from} of partition ${partition} is still in the log`);
    const cached = this.#cache.from(partition, from, READ_BATCHES);
    if (cached !== null) return cached;
    const seq = await this.#seqOf(partition, from);
    const batches: EventBatch[] = [];
    try {
      const range = {
        start: logKeys.batch(partition, seq),
        end: logKeys.batch(partition, Math.min(seq + READ_BATCHES, state.end.nextSeq)),
      };
      for await (const entry of this.kv.list<Uint8Array>(range, { batchSize: READ_BATCHES })) batches.push(decode(entry.value));
    } catch (cause) {
      throw storageFailing("read the log", cause);
    }
    assert(batches.length > 0 && batches[0].firstOffset <= from, "a batch holds the offset that was asked for");
    const last = batches[batches.length - 1];
    state.hint = { offset: last.firstOffset + last.count, seq: seq + batches.length };
    return batches;
  }

  grown(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    // One listener a signal: readers ask with the same one each time.
    if (!this.#signals.has(signal)) {
      this.#signals.add(signal);
      signal.addEventListener("abort", () => this.#wake(), { once: true });
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** The number of the newest note. */
  get lastNote(): number {
    return this.#nextNote - 1;
  }

  /** Every note that is kept, oldest first, with its number. */
  async *notes(): AsyncGenerator<{ seq: number; note: Uint8Array }> {
    for await (const { key, value } of this.kv.list<Uint8Array>({ prefix: logKeys.notes() })) yield { seq: key[1] as number, note: value };
  }

  /** Drops notes numbered below `before`. */
  async dropNotes(before: number): Promise<void> {
    const keys: Deno.KvKey[] = [];
    for await (const { key } of this.kv.list({ start: logKeys.note(0), end: logKeys.note(before) }, { limit: DELETES_PER_COMMIT })) {
      keys.push(key);
    }
    if (keys.length > 0) await commit(this.kv, { deletes: keys });
  }

  async trim(partition: number, upTo: number): Promise<void> {
    const state = this.states[partition];
    if (upTo <= state.start.firstOffset) return;
    const oldest = this.clock.now() - this.retention.keepMs;
    const bytesMost = state.end.bytes - this.retention.keepBytes / this.states.length;
    // The first batch to keep: it is needed, or both young enough and within the bytes that are kept.
    const keepSeq = await this.#firstSeq(
      partition,
      (place) => place.firstOffset + place.count > upTo || (place.arrival >= oldest && place.bytesBefore >= bytesMost),
    );
    while (state.start.firstSeq < keepSeq) {
      const firstSeq = Math.min(keepSeq, state.start.firstSeq + DELETES_PER_COMMIT);
      const place = firstSeq < state.end.nextSeq ? await this.#place(partition, firstSeq) : null;
      const start: Start = { firstSeq, firstOffset: place?.firstOffset ?? state.end.nextOffset };
      const deletes = Array.from({ length: firstSeq - state.start.firstSeq }, (_, i) => logKeys.batch(partition, state.start.firstSeq + i));
      await commit(this.kv, { sets: [{ key: logKeys.start(partition), value: start }], deletes });
      state.start = start;
      if (state.hint.seq < firstSeq) state.hint = { offset: start.firstOffset, seq: firstSeq };
    }
  }

  close(): void {
    this.kv.close();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  /** The sequence number of the batch that holds `offset`. */
  #seqOf(partition: number, offset: number): Promise<number> | number {
    const { hint } = this.states[partition];
    return hint.offset === offset ? hint.seq : this.#firstSeq(partition, (place) => place.firstOffset + place.count > offset);
  }

  /** The first batch, by binary search, for which `holds` is true of it and all after it; the end where there is none. */
  async #firstSeq(partition: number, holds: (place: Place) => boolean): Promise<number> {
    const { start, end } = this.states[partition];
    let low = start.firstSeq, high = end.nextSeq;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const place = await this.#place(partition, middle);
      if (place === null || !holds(place)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  async #place(partition: number, seq: number): Promise<Place | null> {
    try {
      const { value } = await this.kv.get<Uint8Array>(logKeys.batch(partition, seq));
      return value === null ? null : placeOf(value);
    } catch (cause) {
      throw storageFailing("read the log", cause);
    }
  }

  async #batchAt(partition: number, seq: number): Promise<EventBatch> {
    const { value } = await this.kv.get<Uint8Array>(logKeys.batch(partition, seq));
    if (value === null) throw new GuardianError("corrupt", `Cannot read batch ${seq} of partition ${partition}: it is not in the log`);
    return decode(value);
  }
}

export const defaultRetention: Retention = { keepMs: limits.logKeepHours * 3_600_000, keepBytes: limits.logKeepBytes };

function storageFailing(what: string, cause: unknown): GuardianError {
  return cause instanceof GuardianError
    ? cause
    : new GuardianError("storage_failing", `Cannot ${what}: ${reasonOf(cause)}`, { cause, retryAfterS: 5 });
}
