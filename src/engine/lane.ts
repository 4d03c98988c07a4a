// The windows of one lane in one partition: watermark, open panes, and the windows that are near a limit. Time moves by events and marks
// alone. What always holds: a window closes once, when the watermark reaches its end; it is then reported with all clicks that were not late.

import { botLike, highFrequency, holds, type WindowRule } from "../detect/rules.ts";
import { limits } from "../limits.ts";
import { type HotSession, KNOWN_SESSION, NEW_SESSION, Pane, PANE_MS, PART_MS } from "./pane.ts";
import { HotWindow } from "./hot_window.ts";

/** Half of a short window's limit: from here on its clicks are kept as evidence. */
const FOLLOW_SHORT = highFrequency.clicksMin / 2;
/** Clicks in one pane from which its long windows are followed: two panes with fewer stay 40 clicks below the limit. */
const FOLLOW_LONG = 30;
const POOL_MAX = 8;
const POOL_TABLE_BYTES_MAX = 1 << 20;

/** What a lane reports of a window. `session` and items are the engine's codes. */
export type WindowReport = (status: "provisional" | "confirmed" | "retracted", window: HotWindow) => void;

export class Lane {
  /** Largest event time seen, ms; -Infinity before the first. */
  newest = -Infinity;
  watermark = -Infinity;
  /** Event times before this are late: a short window of theirs has closed. */
  lateBefore = -Infinity;
  /** After a restart: the offset of the first event that an open window needs. */
  fillsFrom = 0;
  /** Batches of this lane that are kept outside the log, because its windows stay open: numbers [from, to). */
  parked = { from: 0, to: 0 };
  #nextClose = -Infinity;
  readonly #panes = new Map<number, Pane>();
  #recent: Pane | null = null;
  #followed: HotWindow[] = [];
  #pool: Pane[] = [];
  /** Sessions forgotten because a pane was full, and clicks not counted because there were too many panes. */
  evicted = 0;

  constructor(
    readonly name: string,
    private readonly report: WindowReport,
    private readonly paneSessionsMax: number = limits.paneSessionsMax,
  ) {}

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

  /** Event time moves to `time` if that is later; windows that this ends are closed. */
  advance(time: number): void {
    if (time <= this.newest) return;
    this.newest = time;
    this.watermark = time - limits.latenessMs;
    if (this.watermark >= this.#nextClose) this.#close();
  }

  /** Closes every window: the lane has ended. */
  end(): void {
    this.newest = this.watermark = Infinity;
    this.#close();
  }

  /** Sets the time that a bookmark remembers, before the log is read again from `fillsFrom` on: what had closed by then stays closed. */
  resume(newest: number, fillsFrom: number): void {
    this.fillsFrom = fillsFrom;
    this.newest = newest;
    this.watermark = newest - limits.latenessMs;
    this.lateBefore = Math.floor(this.watermark / PART_MS) * PART_MS;
    this.#nextClose = this.lateBefore + PART_MS;
  }

  /** Counts a click in each of its windows that is open. Returns whether the session is new in its pane. */
  click(time: number, session: number, item: number, offset: number): boolean {
    let pane = this.#recent;
    if (pane === null || time < pane.start || time >= pane.start + PANE_MS) {
      const start = Math.floor(time / PANE_MS) * PANE_MS;
      if (start + botLike.sizeMs <= this.watermark) return true; // all windows of it have closed
      const found = this.#panes.get(start) ?? this.#openPane(start, offset);
      if (found === null) {
        this.evicted++;
        return true;
      }
      this.#recent = pane = found;
    }
    const part = time - pane.start < PART_MS ? 0 : time - pane.start < 2 * PART_MS ? 1 : 2;
    const seen = pane.click(session, item, part);
    if (seen === KNOWN_SESSION) return false;
    if (seen !== NEW_SESSION) this.#follow(pane, seen, time, item, part, offset);
    if (pane.full) this.evicted += pane.forget();
    return seen === NEW_SESSION;
  }

  /** Calls back with every code that an open window holds. */
  codes(each: (code: number) => void): void {
    for (const pane of this.#panes.values()) pane.codes(each);
    for (const window of this.#followed) window.codes(each);
  }

  #follow(pane: Pane, hot: HotSession, time: number, item: number, part: number, offset: number): void {
    const short = hot.short[part];
    if (short !== null) this.#add(short, time, item, offset);
    else if (hot.partClicks[part] >= FOLLOW_SHORT) {
      const start = pane.start + part * PART_MS;
      if (start + PART_MS > this.watermark) hot.short[part] = this.#newWindow(highFrequency, hot.session, start, [hot], part);
    }
    if (hot.earlier !== null) this.#add(hot.earlier, time, item, offset);
    if (hot.own !== null) this.#add(hot.own, time, item, offset);
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
    const window = early?.own ?? late?.earlier ?? this.#newWindow(botLike, session, start, [early, late]);
    if (early !== null) early.own = window;
    if (late !== null) late.earlier = window;
  }

  #newWindow(rule: WindowRule, session: number, start: number, parts: readonly (HotSession | null)[], part?: number): HotWindow {
    const window = new HotWindow(rule, session, start);
    for (const hot of parts) {
      if (hot === null) continue;
      if (part !== undefined) window.takeOver(hot.partClicks[part], hot.partItems[part]);
      else for (let i = 0; i < hot.partClicks.length; i++) window.takeOver(hot.partClicks[i], hot.partItems[i]);
    }
    this.#followed.push(window);
    return window;
  }

  #add(window: HotWindow, time: number, item: number, offset: number): void {
    if (window.end <= this.watermark) return;
    window.add(time, item, offset);
    if (window.state === "over") return;
    const met = holds(window.rule, window.clicks, window.uniqueItems);
    if (window.state === "quiet" && met) {
      window.state = "provisional";
      window.tippedAt = time;
      this.report("provisional", window);
    } else if (window.uniqueItems > window.rule.itemsMax) {
      const shown = window.state === "provisional";
      window.state = "over";
      if (shown) this.report("retracted", window);
    }
  }

  #openPane(start: number, offset: number): Pane | null {
    if (this.#panes.size >= limits.panesMax) return null;
    const pane = this.#pool.pop() ?? new Pane(start, offset, this.paneSessionsMax);
    pane.reset(start, offset, this.paneSessionsMax);
    this.#panes.set(start, pane);
    for (const hot of this.#panes.get(start - PANE_MS)?.busy ?? []) this.#linkNeighbour(pane, hot, start - PANE_MS);
    for (const hot of this.#panes.get(start + PANE_MS)?.busy ?? []) this.#linkNeighbour(pane, hot, start);
    return pane;
  }

  #linkNeighbour(pane: Pane, hot: HotSession, windowStart: number): void {
    const window = windowStart === pane.start ? hot.earlier : hot.own;
    if (window === null || window.end <= this.watermark) return;
    const here = pane.follow(hot.session);
    if (windowStart === pane.start) here.own = window;
    else here.earlier = window;
  }

  #close(): void {
    this.lateBefore = Math.floor(this.watermark / PART_MS) * PART_MS;
    this.#nextClose = this.lateBefore + PART_MS;
    if (this.#followed.length > 0) this.#closeWindows();
    for (const [start, pane] of this.#panes) {
      if (start + botLike.sizeMs > this.watermark) continue;
      this.#panes.delete(start);
      if (this.#recent === pane) this.#recent = null;
      if (this.#pool.length < POOL_MAX && pane.tableBytes <= POOL_TABLE_BYTES_MAX) this.#pool.push(pane);
    }
  }

  #closeWindows(): void {
    const closing = this.#followed.filter((window) => window.end <= this.watermark);
    if (closing.length === 0) return;
    this.#followed = this.#followed.filter((window) => window.end > this.watermark);
    // By end, then rule; equal ones stay in the order in which the log made them worth following.
    closing.sort((a, b) => a.end - b.end || (a.rule.type < b.rule.type ? -1 : a.rule.type > b.rule.type ? 1 : 0));
    for (const window of closing) if (window.state === "provisional") this.report("confirmed", window);
  }
}
