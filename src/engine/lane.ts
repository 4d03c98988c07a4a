// The windows of one lane in one partition: watermark, open panes, and the windows that are near a limit. Time moves by events and marks
// alone. What always holds: a window closes once, when the watermark reaches its end; it is then reported with all clicks that were not late.

import { botLike, highFrequency, holds, type WindowRule } from "../detect/rules.ts";
import type { EventBatch } from "../event/batch.ts";
import { limits } from "../limits.ts";
import type { InPieces } from "../pieces.ts";
import { assert } from "../assert.ts";
import { HotWindow } from "./hot_window.ts";
import { ItemSet } from "./item_set.ts";
import { type HotSession, KNOWN_SESSION, NEW_SESSION, NOTED_CLICKS_MAX, Pane, PANE_MS, PART_MS } from "./pane.ts";

/** Half of a short window's limit: from here on its clicks are kept as evidence. */
const FOLLOW_SHORT = highFrequency.clicksMin / 2;
/** Clicks in one pane from which its long windows are followed: two panes with fewer stay 40 clicks below the limit. */
const FOLLOW_LONG = 30;
/** A pane that begins so much later than its clicks arrive has little room, ms. */
const AHEAD_MS = 5 * 60_000;
/** None begins later than this, ms: so there are never too many, whichever of them have closed. */
const AHEAD_MOST_MS = (limits.panesMax - 64) * PANE_MS;
/** Hot sessions of such a pane, as a share of the sessions it may have: each takes as much as a hundred others. */
const AHEAD_HOT = 1 / 16;
/** Sessions that are followed in a pane no more, as a share of the hot ones it may have, that may stay in it until they are dropped. */
const UNLINKED = 4;
assert(NOTED_CLICKS_MAX < Math.min(FOLLOW_SHORT, FOLLOW_LONG), "a session that is merely noted has no window worth following");

/** What a lane reports of a window at an offset. `session` and items are the engine's codes, as signed integers. */
export type WindowReport = (status: "provisional" | "confirmed" | "retracted", window: HotWindow, offset: number) => void;

/** Limits of one lane. */
export interface LaneMost {
  readonly paneSessionsMax: number;
  readonly paneHotSessionsMax: number;
  readonly paneAheadSessionsMax: number;
}

export class Lane {
  /** Largest event time seen, ms; -Infinity before the first. */
  newest = -Infinity;
  /** Event times before this are late: a short window of theirs has closed. */
  lateBefore = -Infinity;
  /** After a restart: the offset of the first event that an open window needs. */
  fillsFrom = 0;
  /** Batches of this lane that are kept outside the log, because its windows stay open: numbers [from, to). */
  parked = { from: 0, to: 0 };
  /** The event time that closes the next window, ms. */
  #closesAt = -Infinity;
  readonly #panes = new Map<number, Pane>();
  #recent: Pane | null = null;
  #followed: HotWindow[] = [];
  /** Windows among them that were dropped since they were last sorted out: so many at the most. */
  #dropped = 0;
  /** The batch at hand: times of its rows, their first offset, and how far they may move time. */
  #times: Float64Array = new Float64Array(0);
  #firstOffset = 0;
  #mostTime = Infinity;
  /** Panes that have closed, for reuse with their tables, and the bytes of those. */
  readonly #pool: Pane[] = [];
  #poolBytes = 0;
  /** Sessions forgotten because a pane was full, and clicks not counted because there were too many panes. */
  evicted = 0;

  constructor(
    readonly name: string,
    private readonly report: WindowReport,
    private readonly most: LaneMost = limits,
  ) {}

  get watermark(): number {
    return this.newest - limits.latenessMs;
  }

  /** Whether a window is open that an event has reached. */
  get open(): boolean {
    return this.#panes.size > 0;
  }

  get panes(): number {
    return this.#panes.size;
  }

  get sessions(): number {
    let sessions = 0;
    for (const pane of this.#panes.values()) sessions += pane.sessions;
    return sessions;
  }

  /** Event time from which on open windows hold clicks, ms; Infinity when none is open. */
  get oldestOpen(): number {
    let oldest = Infinity;
    for (const { start } of this.#panes.values()) if (start < oldest) oldest = start;
    return oldest;
  }

  /** Clicks before `offset` are kept elsewhere from now on: the log need not keep them for this lane. */
  releaseBefore(offset: number): void {
    for (const pane of this.#panes.values()) if (pane.firstOffset < offset) pane.firstOffset = offset;
  }

  /** The oldest offset that an open window needs, or null. */
  get oldestNeeded(): number | null {
    let oldest: number | null = null;
    for (const { firstOffset } of this.#panes.values()) if (oldest === null || firstOffset < oldest) oldest = firstOffset;
    return oldest;
  }

  /** Event time moves to `time` at `offset` if that is later; windows that this ends are closed. */
  advance(time: number, offset: number): void {
    if (time <= this.newest) return;
    this.newest = time;
    if (time >= this.#closesAt) this.#close(offset);
  }

  /** Closes every window: the lane has ended. */
  end(offset: number): void {
    this.newest = Infinity;
    this.#close(offset);
  }

  /** Sets the time that a bookmark remembers, before the log is read again from `fillsFrom` on: what had closed by then stays closed. */
  resume(newest: number, fillsFrom: number): void {
    this.fillsFrom = fillsFrom;
    this.newest = newest;
    this.#closeUntilNow();
  }

  /**
   * Rows of `batch` follow, which are spoken of by their numbers: a time or an offset handed over click by click would need memory of its own.
   * mostTime: how far they may move event time, ms.
   */
  begin(batch: EventBatch, mostTime: number): void {
    this.#times = batch.eventTime;
    this.#firstOffset = batch.firstOffset;
    this.#mostTime = mostTime;
  }

  /** Event time moves to that of a row, if it is later. */
  reach(row: number): void {
    const time = this.#times[row];
    if (time > this.newest) this.advance(time < this.#mostTime ? time : this.#mostTime, this.#firstOffset + row);
  }

  /** Gets ready for clicks of `sessions` from row `from` to `to`, which will mostly belong to the pane of the click before. */
  foresee(sessions: Uint32Array, from: number, to: number): void {
    this.#recent?.foresee(sessions, from, to);
  }

  /**
   * Counts a row's click in each of its windows that is open. session, item: codes as signed integers, for the same reason. Returns whether the
   * session is new in its pane.
   */
  click(row: number, session: number, item: number): boolean {
    const time = this.#times[row];
    let pane = this.#recent;
    if (pane === null || time < pane.start || time >= pane.start + PANE_MS) {
      const start = Math.floor(time / PANE_MS) * PANE_MS;
      if (start + botLike.sizeMs <= this.watermark) return true; // all windows of it have closed
      const found = this.#panes.get(start) ?? this.#openPane(start, this.#firstOffset + row);
      if (found === null) {
        this.evicted++;
        return true;
      }
      this.#recent = pane = found;
    }
    const part = time - pane.start < PART_MS ? 0 : time - pane.start < 2 * PART_MS ? 1 : 2;
    const seen = pane.click(session, item, part);
    if (seen === KNOWN_SESSION) return false;
    // By the arrival, which is in the log: the same clicks are forgotten when it is read again.
    const isAhead = pane.start > this.#mostTime + AHEAD_MS;
    const sessionsMax = isAhead ? this.most.paneAheadSessionsMax : this.most.paneSessionsMax;
    const hotMax = isAhead ? Math.ceil(AHEAD_HOT * sessionsMax) : this.most.paneHotSessionsMax;
    if (seen !== NEW_SESSION) {
      const hasMore = pane.weigh(seen, hotMax);
      this.#follow(pane, seen, item, part, time, this.#firstOffset + row);
      if (!hasMore) return false;
    }
    if (pane.isFull(sessionsMax, hotMax)) this.#forget(pane, sessionsMax, hotMax);
    return seen === NEW_SESSION;
  }

  /** Calls back with every code that an open window holds. */
  *codes(each: (code: number) => void): InPieces<void> {
    for (const pane of this.#panes.values()) {
      pane.codes(each);
      yield;
    }
    for (const window of this.#followed) window.codes(each);
  }

  #forget(pane: Pane, sessionsMax: number, hotMax: number): void {
    const beside = [this.#panes.get(pane.start - PANE_MS), this.#panes.get(pane.start + PANE_MS)] as const;
    let hasLeft = false;
    this.evicted += pane.forget(sessionsMax, hotMax, (hot) => {
      hasLeft = true;
      return this.#leave(hot, ...beside);
    });
    if (!hasLeft) return;
    // Not each time, as there may be many more of others.
    if (2 * this.#dropped > this.#followed.length) {
      this.#followed = this.#followed.filter(({ isDropped }) => !isDropped);
      this.#dropped = 0;
    }
  }

  /** Follows a session no more for its clicks in a pane. Returns whether it is followed there still for its clicks in the panes beside. */
  #leave(hot: HotSession, before: Pane | undefined, after: Pane | undefined): boolean {
    for (const window of hot.short) if (window !== null) this.#drop(window);
    const earlier = before?.hotOf(hot.session) ?? null, later = after?.hotOf(hot.session) ?? null;
    if (hot.earlier !== null && !earlier?.busy) {
      if (earlier !== null) this.#unlink(before!, earlier, "own");
      this.#drop(hot.earlier);
      hot.earlier = null;
    }
    if (hot.own !== null && !later?.busy) {
      if (later !== null) this.#unlink(after!, later, "earlier");
      this.#drop(hot.own);
      hot.own = null;
    }
    return hot.isLinked;
  }

  #unlink(pane: Pane, hot: HotSession, window: "own" | "earlier"): void {
    hot[window] = null;
    pane.unlink(UNLINKED * this.most.paneHotSessionsMax);
  }

  /** One that is provisional has closed, or its session is heavy in a pane of it, and is not forgotten there. */
  #drop(window: HotWindow): void {
    if (window.state === "provisional" || window.isDropped) return;
    window.isDropped = true;
    this.#dropped++;
  }

  #follow(pane: Pane, hot: HotSession, item: number, part: number, time: number, offset: number): void {
    const short = hot.short[part];
    if (short !== null) this.#add(short, hot, time, item, offset);
    else if (hot.partClicks[part] >= FOLLOW_SHORT) {
      const start = pane.start + part * PART_MS;
      if (start + PART_MS > this.watermark) {
        // The session's items of this part are the window's.
        hot.short[part] = this.#newWindow(highFrequency, hot.session, start, hot.partItems[part], hot.partClicks[part]);
      }
    }
    if (hot.earlier !== null) this.#addLong(hot.earlier, hot, time, item, offset);
    if (hot.own !== null) this.#addLong(hot.own, hot, time, item, offset);
    if (!hot.busy && hot.clicks >= FOLLOW_LONG) this.#followLong(pane, hot);
  }

  /** From now on both long windows of a session in this pane are followed, and the session in the panes beside it. */
  #followLong(pane: Pane, hot: HotSession): void {
    hot.busy = true;
    pane.busy.push(hot);
    this.#linkLong(this.#panes.get(pane.start - PANE_MS) ?? null, pane, pane.start - PANE_MS, hot.session);
    this.#linkLong(pane, this.#panes.get(pane.start + PANE_MS) ?? null, pane.start, hot.session);
  }

  /** The long window over two panes is followed; a pane that is not there yet is linked when it opens. */
  #linkLong(first: Pane | null, second: Pane | null, start: number, session: number): void {
    if (start + botLike.sizeMs <= this.watermark) return;
    const early = first?.follow(session) ?? null, late = second?.follow(session) ?? null;
    const window = early?.own ?? late?.earlier ?? this.#newLongWindow(session, start, [early, late]);
    if (early !== null) early.own = window;
    if (late !== null) late.earlier = window;
  }

  #newWindow(rule: WindowRule, session: number, start: number, items: ItemSet, clicks: number): HotWindow {
    const window = new HotWindow(rule, session, start, items);
    window.clicks = clicks;
    this.#followed.push(window);
    return window;
  }

  /** The window over two panes: more items than the rule allows are not counted, as it is over with one more. */
  #newLongWindow(session: number, start: number, panes: readonly (HotSession | null)[]): HotWindow {
    const items = new ItemSet(botLike.itemsMax);
    let clicks = 0;
    for (const hot of panes) {
      if (hot === null) continue;
      clicks += hot.clicks;
      for (const part of hot.partItems) part.forEach((item) => items.add(item));
    }
    return this.#newWindow(botLike, session, start, items, clicks);
  }

  #addLong(window: HotWindow, hot: HotSession, time: number, item: number, offset: number): void {
    if (window.end > this.watermark) window.items.add(item);
    this.#add(window, hot, time, item, offset);
  }

  /** Whether the session of a window is heavy in a pane of it, and so is not forgotten before the window closes. hot: what it is in one. */
  #isKept({ start, rule, session }: HotWindow, hot: HotSession): boolean {
    if (hot.heavy) return true;
    if (rule !== botLike) return false;
    return [start, start + PANE_MS].some((pane) => this.#panes.get(pane)?.hotOf(session)?.heavy);
  }

  /** Counts a click, which is among the window's items already if it is a short one. */
  #add(window: HotWindow, hot: HotSession, time: number, item: number, offset: number): void {
    if (window.state === "over" || window.end <= this.watermark) return;
    window.add(time, item, offset);
    const { rule } = window;
    if (window.items.size > rule.itemsMax) {
      const shown = window.state === "provisional";
      window.state = "over";
      if (shown) this.report("retracted", window, offset);
    } else if (window.state === "quiet" && holds(rule, window.clicks, window.uniqueItems) && this.#isKept(window, hot)) {
      window.state = "provisional";
      window.tippedAt = time;
      this.report("provisional", window, offset);
    }
  }

  #openPane(start: number, offset: number): Pane | null {
    if (this.#panes.size >= limits.panesMax || start > this.#mostTime + AHEAD_MOST_MS) return null;
    const pane = this.#pooled() ?? new Pane();
    pane.reset(start, offset);
    this.#panes.set(start, pane);
    for (const hot of this.#panes.get(start - PANE_MS)?.busy ?? []) this.#linkNeighbour(pane, hot, start - PANE_MS);
    for (const hot of this.#panes.get(start + PANE_MS)?.busy ?? []) this.#linkNeighbour(pane, hot, start);
    return pane;
  }

  #pooled(): Pane | undefined {
    const pane = this.#pool.pop();
    if (pane !== undefined) this.#poolBytes -= pane.bytes;
    return pane;
  }

  #linkNeighbour(pane: Pane, hot: HotSession, windowStart: number): void {
    const window = windowStart === pane.start ? hot.earlier : hot.own;
    if (window === null || window.end <= this.watermark) return;
    const here = pane.follow(hot.session);
    if (windowStart === pane.start) here.own = window;
    else here.earlier = window;
  }

  #close(offset: number): void {
    this.#closeUntilNow();
    if (this.#followed.length > 0) this.#closeWindows(offset);
    for (const [start, pane] of this.#panes) {
      if (start + botLike.sizeMs > this.watermark) continue;
      this.#panes.delete(start);
      if (this.#recent === pane) this.#recent = null;
      if (this.#poolBytes + pane.bytes > limits.paneReuseBytesMax) continue;
      this.#poolBytes += pane.bytes;
      pane.close();
      this.#pool.push(pane);
    }
  }

  /** Takes note of what the watermark has passed. */
  #closeUntilNow(): void {
    this.lateBefore = Math.floor(this.watermark / PART_MS) * PART_MS;
    this.#closesAt = this.lateBefore + PART_MS + limits.latenessMs;
  }

  #closeWindows(offset: number): void {
    const closing = this.#followed.filter((window) => window.end <= this.watermark);
    if (closing.length === 0) return;
    this.#followed = this.#followed.filter((window) => window.end > this.watermark);
    // By end, then rule; equal ones stay in the order in which the log made them worth following.
    closing.sort((a, b) => a.end - b.end || (a.rule.type < b.rule.type ? -1 : a.rule.type > b.rule.type ? 1 : 0));
    for (const window of closing) if (window.state === "provisional") this.report("confirmed", window, offset);
  }
}
