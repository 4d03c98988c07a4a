// One 30 s pane of event time in one lane: what each session clicked in it. A session's first clicks lie in a flat table that fits the
// processor's cache; one that clicks on becomes a HotSession, which is followed click by click. Both built-in windows are made of panes.
// What always holds: a pane's content depends on the clicks and their order alone. Knows no rule, no clock, no store.

import { limits } from "../limits.ts";
import type { HotWindow } from "./hot_window.ts";

/** ms of event time in a pane, and in each of the parts that short windows are made of. */
export const PANE_MS = 30_000;
export const PART_MS = 10_000;
export const PARTS = PANE_MS / PART_MS;

// A slot: session, state, then the items of up to INLINE clicks. state: bits 0 to 2 clicks, then 2 bits a click for its part;
// or HOT plus the place of the session in `hot`.
const STRIDE = 8;
const INLINE = 6;
const EMPTY = 0xffff_ffff;
const HOT = 0x8000_0000;
const SLOTS_AT_FIRST = 256;

/** A session that clicked more than a handful of times in one pane. */
export class HotSession {
  clicks = 0;
  readonly partClicks = [0, 0, 0];
  /** Distinct items of each part, exact up to limits.uniqueItemsMax + 1. */
  readonly partItems: Set<number>[] = [new Set(), new Set(), new Set()];
  /** The short windows that are followed, by part. */
  readonly short: (HotWindow | null)[] = [null, null, null];
  /** The long windows that are followed: the one that began a pane earlier, and the one that begins here. */
  earlier: HotWindow | null = null;
  own: HotWindow | null = null;
  /** Whether its own clicks made its long windows worth following, here and in the panes beside. */
  busy = false;

  constructor(readonly session: number) {}

  /** Whether a window of it is followed, so that it must not be forgotten. */
  get kept(): boolean {
    return this.busy || this.earlier !== null || this.own !== null || this.short.some((window) => window !== null);
  }

  add(part: number, item: number): void {
    this.clicks++;
    this.partClicks[part]++;
    const items = this.partItems[part];
    if (items.size <= limits.uniqueItemsMax) items.add(item);
  }
}

export class Pane {
  start = 0;
  /** Offset of the first event in it: what a restart has to read again. */
  firstOffset = 0;
  hot: HotSession[] = [];
  /** Hot sessions whose long windows are followed. */
  busy: HotSession[] = [];
  #slots = new Uint32Array(STRIDE * SLOTS_AT_FIRST);
  #shift = 24;
  #used = 0;
  #sessionsMax: number = limits.paneSessionsMax;

  constructor(start: number, firstOffset: number, sessionsMax: number = limits.paneSessionsMax) {
    this.reset(start, firstOffset, sessionsMax);
  }

  /** Empties the pane for another time; its table is kept. */
  reset(start: number, firstOffset: number, sessionsMax: number = limits.paneSessionsMax): void {
    this.start = start;
    this.firstOffset = firstOffset;
    this.hot = [];
    this.busy = [];
    this.#used = 0;
    this.#sessionsMax = sessionsMax;
    const slots = this.#slots;
    for (let at = 0; at < slots.length; at += STRIDE) slots[at] = EMPTY;
  }

  /** Sessions with a click in this pane. */
  get sessions(): number {
    return this.#used;
  }

  /** Bytes of the table, so that large ones are not kept for reuse. */
  get tableBytes(): number {
    return this.#slots.byteLength;
  }

  /**
   * Notes a click. Returns NEW_SESSION, KNOWN_SESSION, or the HotSession that has to be looked at, to which the click has been added.
   */
  click(session: number, item: number, part: number): HotSession | typeof NEW_SESSION | typeof KNOWN_SESSION {
    const slots = this.#slots, mask = slots.length - 1;
    let at = (Math.imul(session, 0x9e3779b1) >>> this.#shift) * STRIDE;
    for (let found = slots[at]; found !== session; found = slots[at]) {
      if (found === EMPTY) return this.#first(at, session, item, part);
      at = (at + STRIDE) & mask;
    }
    const state = slots[at + 1];
    if (state < HOT) {
      const clicks = state & 7;
      if (clicks < INLINE) {
        slots[at + 2 + clicks] = item;
        slots[at + 1] = (state + 1) | (part << (3 + 2 * clicks));
        return KNOWN_SESSION;
      }
      const hot = this.#promote(at);
      hot.add(part, item);
      return hot;
    }
    const hot = this.hot[state - HOT];
    hot.add(part, item);
    return hot;
  }

  /** The session as a HotSession, made of what is known of it here; it is followed from now on. */
  follow(session: number): HotSession {
    const at = this.#find(session);
    if (at >= 0) {
      const state = this.#slots[at + 1];
      return state >= HOT ? this.hot[state - HOT] : this.#promote(at);
    }
    const hot = new HotSession(session);
    this.#insert(session, HOT + this.hot.length);
    this.hot.push(hot);
    return hot;
  }

  /** The HotSession of a session that is followed here, or null. */
  followed(session: number): HotSession | null {
    const at = this.#find(session);
    return at >= 0 && this.#slots[at + 1] >= HOT ? this.hot[this.#slots[at + 1] - HOT] : null;
  }

  /** True when the pane holds more than it may: `forget` has to follow. */
  get full(): boolean {
    return this.#used > this.#sessionsMax || this.hot.length > limits.paneHotSessionsMax;
  }

  /** Forgets the sessions with the fewest clicks until half of what is allowed is left, those with a followed window never. Returns how many. */
  forget(): number {
    const before = this.#used;
    const old = this.#slots, oldHot = this.hot;
    const clicksOf = (at: number) => old[at + 1] >= HOT ? oldHot[old[at + 1] - HOT].clicks : old[at + 1] & 7;
    for (
      let least = 2;
      this.#used > this.#sessionsMax / 2 || this.hot.length > limits.paneHotSessionsMax / 2;
      least = Math.ceil(least * 1.25)
    ) {
      this.#slots = new Uint32Array(old.length);
      for (let at = 0; at < old.length; at += STRIDE) this.#slots[at] = EMPTY;
      this.#used = 0;
      this.hot = [];
      for (let at = 0; at < old.length; at += STRIDE) {
        if (old[at] === EMPTY) continue;
        const hot = old[at + 1] >= HOT ? oldHot[old[at + 1] - HOT] : null;
        if (clicksOf(at) < least && !hot?.kept) continue;
        const to = this.#insert(old[at], hot === null ? old[at + 1] : HOT + this.hot.length);
        if (hot === null) this.#slots.set(old.subarray(at + 2, at + STRIDE), to + 2);
        else this.hot.push(hot);
      }
      if (this.hot.every((hot) => hot.kept) && this.#used === this.hot.length) break;
    }
    return before - this.#used;
  }

  /** Calls back with every session and item code that the pane holds. */
  codes(each: (code: number) => void): void {
    const slots = this.#slots;
    for (let at = 0; at < slots.length; at += STRIDE) {
      if (slots[at] === EMPTY) continue;
      each(slots[at]);
      const state = slots[at + 1];
      if (state < HOT) { for (let i = 0; i < (state & 7); i++) each(slots[at + 2 + i]); }
    }
    for (const hot of this.hot) {
      for (const items of hot.partItems) items.forEach(each);
      for (const window of [...hot.short, hot.earlier, hot.own]) window?.codes(each);
    }
  }

  #first(at: number, session: number, item: number, part: number): typeof NEW_SESSION {
    const slots = this.#slots;
    slots[at] = session;
    slots[at + 1] = 1 | (part << 3);
    slots[at + 2] = item;
    this.#used++;
    if (this.#used * STRIDE * 2 > slots.length) this.#grow();
    return NEW_SESSION;
  }

  /** Puts a session that is not there into the table; returns its place. */
  #insert(session: number, state: number): number {
    if ((this.#used + 1) * STRIDE * 2 > this.#slots.length) this.#grow();
    const slots = this.#slots, mask = slots.length - 1;
    let at = (Math.imul(session, 0x9e3779b1) >>> this.#shift) * STRIDE;
    while (slots[at] !== EMPTY) at = (at + STRIDE) & mask;
    slots[at] = session;
    slots[at + 1] = state;
    this.#used++;
    return at;
  }

  #find(session: number): number {
    const slots = this.#slots, mask = slots.length - 1;
    let at = (Math.imul(session, 0x9e3779b1) >>> this.#shift) * STRIDE;
    while (slots[at] !== session) {
      if (slots[at] === EMPTY) return -1;
      at = (at + STRIDE) & mask;
    }
    return at;
  }

  #promote(at: number): HotSession {
    const slots = this.#slots, state = slots[at + 1];
    const hot = new HotSession(slots[at]);
    for (let i = 0; i < (state & 7); i++) hot.add((state >>> (3 + 2 * i)) & 3, slots[at + 2 + i]);
    slots[at + 1] = HOT + this.hot.length;
    this.hot.push(hot);
    return hot;
  }

  #grow(): void {
    const old = this.#slots;
    const slots = new Uint32Array(old.length * 2), mask = slots.length - 1;
    for (let at = 0; at < slots.length; at += STRIDE) slots[at] = EMPTY;
    this.#shift--;
    for (let from = 0; from < old.length; from += STRIDE) {
      if (old[from] === EMPTY) continue;
      let at = (Math.imul(old[from], 0x9e3779b1) >>> this.#shift) * STRIDE;
      while (slots[at] !== EMPTY) at = (at + STRIDE) & mask;
      for (let i = 0; i < STRIDE; i++) slots[at + i] = old[from + i];
    }
    this.#slots = slots;
  }
}

export const NEW_SESSION = 0;
export const KNOWN_SESSION = 1;
