// The embedded log: encoded batches as Deno KV values, one entry a batch, keyed by a sequence number per partition. One process owns it.
// What always holds: an append is one atomic commit, so it is all there or not at all, and durable once it resolves; offsets have no gaps;
// what a reader gets from memory is what a restart would read from the file.

import { assert } from "../assert.ts";
import type { Clock } from "../clock.ts";
import { GuardianError, isDamage } from "../errors.ts";
import type { EventBatch } from "../event/batch.ts";
import { decode, type Place, placeOf, seal } from "../event/codec.ts";
import { limits } from "../limits.ts";
import { storageFailing } from "../storage_failure.ts";
import { commit } from "../store/commit.ts";
import { logKeys } from "../store/keys.ts";
import { keysIn } from "../store/sealed.ts";
import type { Appended, EncodedBatch, EventLog } from "./log.ts";
import { Mender, type OnLost } from "./lost.ts";
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
  /** Offsets before it are being dropped, or are gone. */
  leaving: number;
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
    private readonly onLost: OnLost,
  ) {
    this.#cache = new TailCache(states.length, limits.logCacheBytesMax);
  }

  /** Opens the log of a KV file, making it with `partitions` when it is new. onLost: told, each time, of offsets that are read and damaged. */
  static async open(
    kv: Deno.Kv,
    partitions: number,
    clock: Clock,
    retention: Retention = defaultRetention,
    onLost: OnLost = () => {},
  ): Promise<KvLog> {
    const states: Partition[] = [];
    for (let p = 0; p < partitions; p++) {
      const end = await orFound(kv.get<End>(logKeys.end(p)), () => endFound(kv, p)) ??
        { nextOffset: 0, nextSeq: 0, bytes: 0, operation: "" };
      const start = await orFound(kv.get<Start>(logKeys.start(p)), () => startFound(kv, p)) ?? { firstOffset: 0, firstSeq: 0 };
      states.push({ end, start, leaving: start.firstOffset, hint: { offset: start.firstOffset, seq: start.firstSeq } });
    }
    const log = new KvLog(kv, clock, retention, states, onLost);
    log.#nextNote = await log.#noteAfterLast(0);
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

  /** Bytes of decoded batches in memory, all partitions together. */
  get cachedBytes(): number {
    return this.#cache.bytes;
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
      nextNote = await this.#noteAfterLast(nextNote);
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
    const { nextSeq, nextOffset } = state.end;
    const mender = new Mender(partition, from);
    let seq = await this.#seqOf(partition, from);
    // Beyond a damaged batch until one is found that says where it begins.
    for (let to = seq; seq < nextSeq && (mender.open || mender.batches.length === 0);) {
      to = Math.min(to + READ_BATCHES, nextSeq);
      const values = await this.#valuesOf(partition, seq, to);
      for (; seq < to; seq++) mender.take(seq, values.get(seq) ?? null);
    }
    if (mender.open && seq === nextSeq) mender.end(nextOffset, seq);
    const { batches, lost } = mender;
    if (lost.length > 0 && state.leaving > from) {
      throw new GuardianError("storage_failing", `Cannot read offset ${from} of partition ${partition}: it is being dropped`);
    }
    lost.forEach(this.onLost);
    assert(batches.length > 0 && batches[0].firstOffset <= from, "a batch holds the offset that was asked for");
    const last = batches[batches.length - 1];
    state.hint = { offset: last.firstOffset + last.count, seq };
    return batches;
  }

  /** Stored batches of sequence numbers `from` to `to` (exclusive), those that are there. */
  async #valuesOf(partition: number, from: number, to: number): Promise<Map<number, Uint8Array>> {
    const values = new Map<number, Uint8Array>();
    try {
      const range = { start: logKeys.batch(partition, from), end: logKeys.batch(partition, to) };
      for await (const { key, value } of this.kv.list<Uint8Array>(range, { batchSize: READ_BATCHES })) values.set(key[2] as number, value);
    } catch (cause) {
      throw storageFailing("read the log", cause);
    }
    return values;
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

  /** The number after that of the last note, damaged or not; `none` where there is no note. */
  async #noteAfterLast(none: number): Promise<number> {
    for await (const key of keysIn(this.kv, { prefix: logKeys.notes() }, { reverse: true, limit: 1 })) return (key[1] as number) + 1;
    return none;
  }

  /** Every note that is kept, oldest first, with its number. */
  async *notes(): AsyncGenerator<{ seq: number; note: Uint8Array }> {
    for await (const { key, value } of this.kv.list<Uint8Array>({ prefix: logKeys.notes() })) yield { seq: key[1] as number, note: value };
  }

  /** Drops notes numbered below `before`. */
  async dropNotes(before: number): Promise<void> {
    const keys: Deno.KvKey[] = [];
    for await (const key of keysIn(this.kv, { start: logKeys.note(0), end: logKeys.note(before) }, { limit: DELETES_PER_COMMIT })) {
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
      let firstSeq = Math.min(keepSeq, state.start.firstSeq + DELETES_PER_COMMIT);
      let place = firstSeq < state.end.nextSeq ? await this.#place(partition, firstSeq) : null;
      // The log begins at a batch that says where it begins: a damaged one stays behind one that is whole.
      while (place === null && firstSeq < state.end.nextSeq && firstSeq > state.start.firstSeq) {
        place = await this.#place(partition, --firstSeq);
      }
      if (firstSeq === state.start.firstSeq) break;
      const start: Start = { firstSeq, firstOffset: place?.firstOffset ?? state.end.nextOffset };
      const deletes = Array.from({ length: firstSeq - state.start.firstSeq }, (_, i) => logKeys.batch(partition, state.start.firstSeq + i));
      state.leaving = start.firstOffset;
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
      // A damaged batch counts as the next one that is whole; those behind the last whole one hold.
      let at = middle, place = await this.#place(partition, at);
      while (place === null && at + 1 < high) place = await this.#place(partition, ++at);
      if (place === null || holds(place)) high = middle;
      else low = at + 1;
    }
    return low;
  }

  async #place(partition: number, seq: number): Promise<Place | null> {
    try {
      const { value } = await this.kv.get<Uint8Array>(logKeys.batch(partition, seq));
      return value === null ? null : placeOf(value);
    } catch (cause) {
      if (isDamage(cause)) return null;
      throw storageFailing("read the log", cause);
    }
  }

  async #batchAt(partition: number, seq: number): Promise<EventBatch> {
    const { value } = await this.kv.get<Uint8Array>(logKeys.batch(partition, seq));
    if (value === null) throw new GuardianError("corrupt", `Cannot read batch ${seq} of partition ${partition}: it is not in the log`);
    return decode(value);
  }
}

/** What is stored of an edge of the log or, where that is damaged, what the batches say. */
async function orFound<T>(stored: Promise<Deno.KvEntryMaybe<T>>, found: () => Promise<T>): Promise<T | null> {
  try {
    return (await stored).value;
  } catch (failure) {
    if (!isDamage(failure)) throw failure;
    return await found();
  }
}

/** The end as the last batch has it, with which it was committed. Throws `corrupt` when that is damaged or not there. */
async function endFound(kv: Deno.Kv, partition: number): Promise<End> {
  const [seq, value] = await edgeOf(kv, partition, true);
  const { firstOffset, count, bytesBefore } = placeOf(value);
  return { nextOffset: firstOffset + count, nextSeq: seq + 1, bytes: bytesBefore + value.length, operation: "" };
}

/** The start as the first batch that is there has it. Throws `corrupt` as `endFound`. */
async function startFound(kv: Deno.Kv, partition: number): Promise<Start> {
  const [seq, value] = await edgeOf(kv, partition, false);
  return { firstOffset: placeOf(value).firstOffset, firstSeq: seq };
}

async function edgeOf(kv: Deno.Kv, partition: number, reverse: boolean): Promise<[seq: number, value: Uint8Array]> {
  for await (const { key, value } of kv.list<Uint8Array>({ prefix: logKeys.batches(partition) }, { reverse, limit: 1 })) {
    return [key[2] as number, value];
  }
  const why = "what is stored of it is damaged, and no batch is there that tells; restore the data folder from a backup";
  throw new GuardianError("corrupt", `Cannot tell where partition ${partition} of the log ${reverse ? "ends" : "begins"}: ${why}`);
}

export const defaultRetention: Retention = { keepMs: limits.logKeepHours * 3_600_000, keepBytes: limits.logKeepBytes };
