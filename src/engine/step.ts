// The speed layer's core: a batch of one partition in, effects out. No I/O, and no clock but event time and the arrival in the batch.
// What always holds: the effects depend on the log alone, however it is cut into batches and wherever a restart falls.
// The state is changed in place, for speed; it is owned by one caller.

import { CLICK, kindNames } from "../event/kind.ts";
import { ABSENT, FIRST_WORD } from "../event/code.ts";
import { type EventBatch, LIVE } from "../event/batch.ts";
import { limits } from "../limits.ts";
import { atOnce, type InPieces } from "../pieces.ts";
import type { AnomalyEffect, Effects } from "./effects.ts";
import type { HotWindow } from "./hot_window.ts";
import { Lane, type LaneMost, type WindowReport } from "./lane.ts";
import { mix, Sketch, textHash } from "./sketch.ts";
import { EngineWords } from "./words.ts";

/**
 * Where one lane stood when the bookmark was made. newest: ms of event time. oldestOffset: null when no window needs the log.
 * parked: numbers [from, to) of the batches that are kept outside the log.
 */
export interface LaneBookmark {
  readonly lane: string;
  readonly newest: number;
  readonly oldestOffset: number | null;
  readonly parked: { readonly from: number; readonly to: number };
}

/** What a restart needs besides the log. */
export interface Bookmark {
  /** The next offset to read. */
  readonly position: number;
  readonly lanes: readonly LaneBookmark[];
  readonly counters: Counters;
  readonly sessions: Uint8Array;
}

/** Events read, by kind and fate, since the folder was made. */
export interface Counters {
  kinds: number[];
  late: number;
  evicted: number;
}

/** How a partition's state is limited, and what it tells; what is not given is as in limits. */
export interface StateOptions extends Partial<LaneMost> {
  readonly wordsMax?: number;
  /** Whether confirmed anomalies are all that is asked for: evidence of what may yet change is dear to gather. */
  readonly confirmedAlone?: boolean;
  /** Whether nobody asks for the clicks that are the evidence. */
  readonly withoutEvidence?: boolean;
}

export class PartitionState {
  readonly lanes = new Map<string, Lane>();
  readonly words: EngineWords;
  position = 0;
  counters: Counters = { kinds: kindNames.map(() => 0), late: 0, evicted: 0 };
  sessions = new Sketch();
  /** Effects are taken in only from this offset on: what lies before it was done by an earlier run. */
  #quietUntil = 0;
  /** What is known of the words of the latest batches: neighbours may share one list, which grows. By place: code here, and hash. */
  #memoOf: readonly string[] = [];
  #memo = new Uint32Array(0);
  #hashes = new Uint32Array(0);
  /** Of no use but that it is kept, so that what is read ahead is read. */
  #foreseen = 0;
  #effects: Effects | null = null;
  /** The offset of the latest effect, and which of that offset it is. */
  #offset = -1;
  #ordinal = 0;

  constructor(readonly partition: number, private readonly options: StateOptions = {}) {
    this.words = new EngineWords(options.wordsMax);
  }

  /** The state after a restart: lanes stand where the bookmark says, and their open windows fill again from `position` on. */
  static from(bookmark: Bookmark, partition: number, options: StateOptions = {}): PartitionState {
    const state = new PartitionState(partition, options);
    state.counters = structuredClone(bookmark.counters) as Counters;
    state.sessions = new Sketch(bookmark.sessions.slice());
    state.#quietUntil = bookmark.position;
    state.position = bookmark.position;
    for (const { lane: name, newest, oldestOffset, parked } of bookmark.lanes) {
      const lane = state.#lane(name);
      lane.resume(newest, oldestOffset ?? Infinity);
      lane.parked = { ...parked };
      if (oldestOffset !== null && oldestOffset < state.position) state.position = oldestOffset;
    }
    return state;
  }

  bookmark(): Bookmark {
    const lanes = [...this.lanes.values()].map((lane) => ({
      lane: lane.name,
      newest: lane.newest,
      oldestOffset: lane.oldestNeeded,
      parked: { ...lane.parked },
    }));
    return { position: this.position, lanes, counters: structuredClone(this.counters), sessions: this.sessions.registers.slice() };
  }

  /** The oldest offset that the log must keep for this state. */
  get oldestNeeded(): number {
    let oldest = this.position;
    for (const lane of this.lanes.values()) oldest = Math.min(oldest, lane.oldestNeeded ?? oldest);
    return oldest;
  }

  /** Fills the windows of a lane again with a batch that was kept outside the log. Comes right after `from`. */
  refill(batch: EventBatch): void {
    this.#effects = null;
    this.#events(batch, 0, batch.count, null);
    const lane = this.lanes.get(batch.lane)!;
    lane.releaseBefore(Math.min(lane.fillsFrom, this.#quietUntil));
  }

  /** Takes the events of `batch` from `position` on, and adds what they cause to `effects`. */
  step(batch: EventBatch, effects: Effects): void {
    const from = this.position - batch.firstOffset;
    if (from >= batch.count) return;
    // A batch may reach over the end of what an earlier run has done: its two parts are taken one after the other.
    const quiet = Math.max(from, Math.min(batch.count, this.#quietUntil - batch.firstOffset));
    if (from < quiet) this.#range(batch, from, quiet, null);
    if (quiet < batch.count) this.#range(batch, quiet, batch.count, effects);
    this.position = batch.firstOffset + batch.count;
    if (this.words.full) atOnce(this.tidy());
  }

  /** Whether it is time to `tidy`; where nobody does, `step` does it at once before long. */
  get crowded(): boolean {
    return this.words.crowded;
  }

  /** Forgets texts that no window holds. Nothing may be stepped meanwhile. */
  *tidy(): InPieces<void> {
    yield* this.words.sweep(this.#codes.bind(this));
    this.#memo.fill(0);
  }

  *#codes(visit: (code: number) => void): InPieces<void> {
    for (const lane of this.lanes.values()) yield* lane.codes(visit);
  }

  /** `effects` is null while windows fill again after a restart: then nothing is counted twice, and only lanes that were open matter. */
  #range(batch: EventBatch, from: number, to: number, effects: Effects | null): void {
    if (effects === null) from = Math.max(from, (this.lanes.get(batch.lane)?.fillsFrom ?? Infinity) - batch.firstOffset);
    if (from >= to) return;
    this.#effects = effects;
    if (batch.control === "events") this.#events(batch, from, to, effects);
    else if (effects !== null && batch.control !== "lost") this.#mark(batch);
  }

  #mark(batch: EventBatch): void {
    const lane = this.lanes.get(batch.lane);
    if (lane === undefined) return;
    if (batch.control === "time_mark") return lane.advance(batch.eventTime[0], batch.firstOffset);
    lane.end(batch.firstOffset);
    this.lanes.delete(batch.lane);
  }

  #events(batch: EventBatch, from: number, to: number, effects: Effects | null): void {
    const lane = this.#lane(batch.lane);
    const { kind, eventTime, session, item, words } = batch;
    const ahead = batch.lane === LIVE ? batch.arrival + limits.liveAheadMs : Infinity;
    lane.begin(batch, ahead);
    const memo = words.length > 0 ? this.#memoFor(words) : this.#memo;
    const evicted = lane.evicted;
    let clicks = 0;
    for (let row = from, foreseen = from; row < to; row++) {
      if (row === foreseen) {
        foreseen = Math.min(row + FORESEEN_ROWS, to);
        lane.foresee(session, row, foreseen);
        if (memo.length > CACHED_MEMO) this.#foresee(session, row, foreseen, memo);
        if (words.length > 0) {
          this.words.learn(batch, session, row, foreseen, memo);
          this.words.learn(batch, item, row, foreseen, memo);
        }
      }
      const time = eventTime[row];
      lane.reach(row);
      const who = session[row];
      if (kind[row] !== CLICK) {
        if (effects !== null) this.#count(kind[row], who, batch);
        continue;
      }
      clicks++;
      if (time < lane.lateBefore && effects !== null) this.#late(batch, row, lane, effects);
      let what = item[row];
      if (what >= FIRST_WORD && what !== ABSENT) what = this.words.engineCode(batch, what, memo);
      const known = who < FIRST_WORD ? who : this.words.engineCode(batch, who, memo);
      if (lane.click(row, known | 0, what | 0) && effects !== null) this.#seen(who, batch);
    }
    if (effects === null) return;
    this.counters.kinds[CLICK] += clicks;
    this.counters.evicted += lane.evicted - evicted;
  }

  /** As `Lane.foresee`, for what is known of the words of sessions. */
  #foresee(session: Uint32Array, from: number, to: number, memo: Uint32Array): void {
    const hashes = this.#hashes;
    let seen = 0;
    for (let row = from; row < to; row++) {
      const at = session[row] - FIRST_WORD;
      if (at >= 0) seen ^= memo[at] ^ hashes[at];
    }
    this.#foreseen = seen;
  }

  #count(kind: number, session: number, batch: EventBatch): void {
    this.counters.kinds[kind]++;
    this.#seen(session, batch);
  }

  #seen(session: number, batch: EventBatch): void {
    this.sessions.add(
      session < FIRST_WORD ? mix(session) : (this.#hashes[session - FIRST_WORD] ||= textHash(batch.words[session - FIRST_WORD])),
    );
  }

  /** Codes of words, 0 where not looked up yet; hashes beside them. */
  #memoFor(words: readonly string[]): Uint32Array {
    const same = words === this.#memoOf;
    if (same && words.length <= this.#memo.length) return this.#memo;
    const length = same ? 2 * words.length : words.length;
    this.#memo = resized(this.#memo, length, same);
    this.#hashes = resized(this.#hashes, length, same);
    this.#memoOf = words;
    return this.#memo;
  }

  #late(batch: EventBatch, row: number, lane: Lane, effects: Effects): void {
    this.counters.late++;
    effects.late.push({
      offset: batch.firstOffset + row,
      lane: lane.name,
      partition: this.partition,
      session: textIn(batch, batch.session[row])!,
      item: textIn(batch, batch.item[row]),
      eventTime: batch.eventTime[row],
      watermark: lane.watermark,
      arrival: batch.arrival,
    });
  }

  #lane(name: string): Lane {
    let lane = this.lanes.get(name);
    if (lane === undefined) {
      const report: WindowReport = (status, window, offset) => this.#report(name, status, window, offset);
      lane = new Lane(name, report, { ...limits, ...this.options });
      this.lanes.set(name, lane);
    }
    return lane;
  }

  #report(lane: string, status: AnomalyEffect["status"], window: HotWindow, offset: number): void {
    if (this.#effects === null || (this.options.confirmedAlone && status !== "confirmed")) return;
    this.#ordinal = offset === this.#offset ? this.#ordinal + 1 : 0;
    this.#offset = offset;
    this.#effects.anomalies.push({
      offset,
      ordinal: this.#ordinal,
      status,
      rule: window.rule,
      lane,
      partition: this.partition,
      session: this.words.text(window.session >>> 0)!,
      windowStart: window.start,
      clicks: window.clicks,
      uniqueItems: window.uniqueItems,
      uniqueItemsCapped: window.uniqueItemsCapped,
      tippedAt: window.tippedAt,
      evidence: this.options.withoutEvidence
        ? []
        : window.evidence().map(({ time, item, offset }) => ({ time, item: this.words.text(item >>> 0), offset })),
    });
  }
}

/** Rows whose sessions are looked up at a time: what that brings into the processor's first cache stays there until it is used. */
const FORESEEN_ROWS = 256;

/** Words of which so much is known that it lies outside the processor's cache. */
const CACHED_MEMO = 32_768;

/** Zeros, behind what is kept of a column. */
function resized(column: Uint32Array<ArrayBuffer>, length: number, keep: boolean): Uint32Array<ArrayBuffer> {
  const into = new Uint32Array(length);
  if (keep) into.set(column);
  return into;
}

function textIn(batch: EventBatch, code: number): string | null {
  return code === ABSENT ? null : code < FIRST_WORD ? String(code) : batch.words[code - FIRST_WORD];
}
