// Which events are in the log already: rows of a source by a high-water mark per partition, event ids by their hashes of the last day.
// The index is asked and changed in the order of the log, by the one who appends. What always holds: once loaded it answers for every event
// in the log; what an append that failed had put in is taken out again.

import type { EventBatch, EventColumns } from "../event/batch.ts";
import { ABSENT, FIRST_ID_SIGNED, FIRST_WORD, ID_PLACES } from "../event/code.ts";
import { columnText } from "../event/batch.ts";
import { type EventIds, type Hash64, hashEventId, hashEventIdAt } from "./event_ids.ts";

const IDS_AT_FIRST = 64;
/** Event ids that are hashed before the first of them is looked for, so that their places can be read ahead. */
const IDS_TOGETHER = 128;

/** Hashes that were added, each with its hour, in the order in which they came: what the checkpoint writes down. */
export class AddedIds {
  count = 0;
  high = new Uint32Array(IDS_AT_FIRST);
  low = new Uint32Array(IDS_AT_FIRST);
  hour = new Uint32Array(IDS_AT_FIRST);

  add(high: number, low: number, hour: number): void {
    if (this.count === this.high.length) this.#grow(2 * this.count);
    this.high[this.count] = high;
    this.low[this.count] = low;
    this.hour[this.count++] = hour;
  }

  addAll({ count, high, low, hour }: AddedIds): void {
    if (this.count + count > this.high.length) this.#grow(2 * (this.count + count));
    this.high.set(high.subarray(0, count), this.count);
    this.low.set(low.subarray(0, count), this.count);
    this.hour.set(hour.subarray(0, count), this.count);
    this.count += count;
  }

  #grow(length: number): void {
    for (const name of ["high", "low", "hour"] as const) {
      const larger = new Uint32Array(length);
      larger.set(this[name]);
      this[name] = larger;
    }
  }
}

export class IdentityIndex {
  /** Next row of a source by partition. */
  readonly #rows = new Map<string, number[]>();
  readonly #dirty = new Set<string>();
  readonly #dropped = new Set<string>();
  #added = new AddedIds();
  /** What an append that is under way has put in, and the rows of its sources before: null where there were none. */
  #journal: { ids: AddedIds; rows: Map<string, number[] | null> } | null = null;
  /** The journal's, whose memory is used again. */
  readonly #journalIds = new AddedIds();
  readonly #hash: Hash64 = { high: 0, low: 0 };
  /** Hashes of rows that are looked for together, and the rows. */
  readonly #high = new Uint32Array(IDS_TOGETHER);
  readonly #low = new Uint32Array(IDS_TOGETHER);

  constructor(private readonly partitions: number, private readonly seed: number, readonly ids: EventIds) {}

  /** Takes what was stored of a source; what the log has shown since stays. */
  load(source: string, rows: readonly number[]): void {
    const known = this.#rows.get(source);
    this.#rows.set(source, rows.map((row, p) => Math.max(row, known?.[p] ?? 0)));
  }

  /** Next row of a source by partition, or null when nothing of it is known. */
  rowsOf(source: string): readonly number[] | null {
    return this.#rows.get(source) ?? null;
  }

  /** From here on changes can be taken back by `rollback`, until `keep`. */
  begin(): void {
    this.#journalIds.count = 0;
    this.#journal = { ids: this.#journalIds, rows: new Map() };
  }

  keep(): void {
    if (this.#journal !== null) this.#added.addAll(this.#journal.ids);
    this.#journal = null;
  }

  rollback(): void {
    if (this.#journal === null) return;
    const { count, high, low } = this.#journal.ids;
    for (let i = 0; i < count; i++) this.ids.remove({ high: high[i], low: low[i] });
    for (const [source, rows] of this.#journal.rows) {
      if (rows === null) this.#rows.delete(source);
      else this.#rows.set(source, rows);
    }
    this.#journal = null;
  }

  /** Notes row `row` of a source in a partition. Returns false when the log has it already. */
  admitRow(source: string, partition: number, row: number): boolean {
    let rows = this.#rows.get(source);
    if (this.#journal !== null && !this.#journal.rows.has(source)) this.#journal.rows.set(source, rows?.slice() ?? null);
    if (rows === undefined) this.#rows.set(source, rows = new Array(this.partitions).fill(0));
    if (row < rows[partition]) return false;
    rows[partition] = row + 1;
    this.#dirty.add(source);
    return true;
  }

  /**
   * As `admitRow`, for `first + rows[from]` to `first + rows[to]` (exclusive), which rise. Returns how many of the first the log has already;
   * it has none of those behind them.
   */
  admitRows(source: string, partition: number, first: number, rows: Uint32Array, from: number, to: number): number {
    if (from === to) return 0;
    const next = this.#rows.get(source)?.[partition] ?? 0;
    let known = from;
    while (known < to && first + rows[known] < next) known++;
    if (known < to) this.admitRow(source, partition, first + rows[to - 1]);
    return known - from;
  }

  /** Notes an event id of a session that arrived at `arrival` (ms). Returns false when the log has it already. */
  admitId(session: string, eventId: string, arrival: number): boolean {
    hashEventId(this.seed, session, eventId, this.#hash);
    const hour = this.ids.hourFor(arrival);
    if (!this.ids.add(this.#hash, hour)) return false;
    (this.#journal?.ids ?? this.#added).add(this.#hash.high, this.#hash.low, hour);
    return true;
  }

  /**
   * As `admitId`, for the event ids of rows `rows[first]` to `rows[last]` (exclusive) that have one. Leaves out of `rows` those that the log
   * has already, and returns the new `last`.
   */
  admitIds(columns: EventColumns, rows: Uint32Array, first: number, last: number, arrival: number): number {
    const { words, session: sessions, eventIds } = columns, { eventId } = columns.identity!, hour = this.ids.hourFor(arrival);
    const hash = this.#hash, highs = this.#high, lows = this.#low, added = this.#journal?.ids ?? this.#added;
    let kept = first;
    for (let from = first; from < last; from += IDS_TOGETHER) {
      const to = Math.min(last, from + IDS_TOGETHER);
      let hashes = 0;
      for (let place = from; place < to; place++) {
        const row = rows[place], id = eventId[row] | 0, who = sessions[row] | 0;
        // Signed, words are below 0, event ids between them and none, which is -1: so no code is looked at as a double.
        if (id === -1) continue;
        const session = who >= 0 ? who : words[who & 0x7fff_ffff];
        if (id >= FIRST_ID_SIGNED && id < 0) hashEventIdAt(this.seed, session, eventIds!, id & ID_PLACES, hash);
        else hashEventId(this.seed, session, id >= 0 ? String(id) : words[id & ID_PLACES], hash);
        highs[hashes] = hash.high;
        lows[hashes++] = hash.low;
      }
      this.ids.foresee(highs, lows, hashes);
      for (let place = from, at = 0; place < to; place++) {
        const row = rows[place];
        if (eventId[row] !== ABSENT) {
          const high = highs[at], low = lows[at++];
          if (!this.ids.addHalves(high, low, hour)) continue;
          added.add(high, low, hour);
        }
        rows[kept++] = row;
      }
    }
    return kept;
  }

  /**
   * Notes all that a batch of the log holds; one that arrived later than `now` (ms) came when the clock was ahead. `known` names sources that
   * need no mark, because they are complete.
   */
  absorb(batch: EventBatch, now: number, known: (source: string) => boolean): void {
    const { identity, count, words, session } = batch;
    if (identity === null || batch.control !== "events") return;
    for (let row = 0; row < count; row++) {
      if (identity.eventId[row] !== ABSENT) {
        const who = session[row] < FIRST_WORD ? String(session[row]) : words[session[row] - FIRST_WORD];
        this.admitId(who, columnText(batch, identity.eventId, row)!, Math.min(batch.arrival, now));
      }
      const source = identity.source[row] === ABSENT ? null : columnText(batch, identity.source, row)!;
      if (source !== null && !known(source)) this.admitRow(source, batch.partition, identity.row[row]);
    }
  }

  /** Forgets the marks of a source that is complete, the stored ones too. */
  drop(source: string): void {
    if (!this.#rows.delete(source)) return;
    this.#dirty.delete(source);
    this.#dropped.add(source);
  }

  /** What has changed since the last call and is in the log: ids added, and sources with their rows. For the checkpoint. */
  takeChanges(): Changes {
    const ids = this.#added;
    this.#added = new AddedIds();
    const sources: [string, number[]][] = [];
    for (const source of this.#dirty) {
      const before = this.#journal?.rows.get(source);
      const rows = before === undefined ? this.#rows.get(source) : before;
      if (before === undefined) this.#dirty.delete(source);
      if (rows) sources.push([source, rows.slice()]);
    }
    const dropped = [...this.#dropped];
    this.#dropped.clear();
    return { ids, sources, dropped };
  }

  /** Takes changes back that could not be written down. */
  giveBack({ ids, sources, dropped }: Changes): void {
    for (const source of dropped) this.#dropped.add(source);
    const since = this.#added;
    this.#added = ids;
    ids.addAll(since);
    for (const [source] of sources) if (this.#rows.has(source)) this.#dirty.add(source);
  }
}

/** What a checkpoint writes: ids, next rows of sources by partition, and sources that are complete. */
export interface Changes {
  readonly ids: AddedIds;
  readonly sources: [string, number[]][];
  readonly dropped: string[];
}
