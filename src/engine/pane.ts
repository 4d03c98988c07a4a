// One 30 s pane of event time in one lane: what each session clicked in it. The clicks lie one behind the other in a log; a session has two
// words in a flat table, small enough for the processor's cache, which lead to its latest click, and each click leads to the one before. A
// session that clicks on becomes a HotSession, which is followed click by click. Both built-in windows are made of panes.
// What always holds: a pane's content depends on the clicks and their order alone; codes are signed integers here. Knows no rule, no clock.

import { codeHash } from "../event/code_hash.ts";
import { limits } from "../limits.ts";
import type { HotWindow } from "./hot_window.ts";
import { ItemSet } from "./item_set.ts";

/** ms of event time in a pane, and in each of the parts that short windows are made of. */
export const PANE_MS = 30_000;
export const PART_MS = 10_000;
export const PARTS = PANE_MS / PART_MS;

/** Clicks of a session that are merely noted. With the next one it becomes a HotSession. */
export const NOTED_CLICKS_MAX = 24;

// A slot: session, state. state: the number of clicks in bits 26 to 30, and the place of the latest one in the log; or, below zero, HOT plus
// the place of the session in `hot`.
const STRIDE = 2;
const EMPTY = -1;
const HOT = -0x8000_0000;
const CLICKS_SHIFT = 26;
const ONE_CLICK = 1 << CLICKS_SHIFT;
const PLACE_MASK = ONE_CLICK - 1;
const ALL_NOTED = NOTED_CLICKS_MAX << CLICKS_SHIFT;
/** With so many clicks of its own in a pane a session is not forgotten: enough for any rule, together with as many beside. */
const HEAVY_CLICKS = 50;
/** Clicks beyond which it makes no difference, when sessions are to be forgotten, how many there are. */
const COUNTED_CLICKS = 1024;
const SLOTS_AT_FIRST = 256;
/** Length of a table that is taken to lie in the processor's cache. */
const CACHED_SLOTS = STRIDE * 16_384;
// A click in the log: item, then the place of the session's click before in bits 2 and on, and the part in bits 0 and 1.
const CLICK_WORDS = 2;
const CLICKS_AT_FIRST = 512;

/** A table at its reset that is this many times as long as what was in it needs is made shorter, for a short one stays in the cache. */
const SPARSE = 16;

/** A session that clicked more than some two dozen times in one pane, or is followed because it did in the one beside. */
export class HotSession {
  clicks = 0;
  readonly partClicks = [0, 0, 0];
  /** Different items of each part. */
  readonly partItems: ItemSet[] = [
    new ItemSet(limits.uniqueItemsMax),
    new ItemSet(limits.uniqueItemsMax),
    new ItemSet(limits.uniqueItemsMax),
  ];
  /** The short windows that are followed, by part. */
  readonly short: (HotWindow | null)[] = [null, null, null];
  /** The long windows that are followed: the one that began a pane earlier, and the one that begins here. */
  earlier: HotWindow | null = null;
  own: HotWindow | null = null;
  /** Whether its own clicks made its long windows worth following, here and in the panes beside. */
  busy = false;
  /** Whether it has clicked so often here that it is not forgotten. */
  heavy = false;

  constructor(readonly session: number) {}

  /** Whether a window follows it here because of its clicks in a pane beside. */
  get isLinked(): boolean {
    return this.earlier !== null || this.own !== null;
  }

  /** As if it had never clicked here. */
  clear(): void {
    this.clicks = 0;
    this.busy = false;
    for (let part = 0; part < PARTS; part++) {
      this.partClicks[part] = 0;
      this.partItems[part] = new ItemSet(limits.uniqueItemsMax);
      this.short[part] = null;
    }
  }

  add(part: number, item: number): void {
    this.clicks++;
    this.partClicks[part]++;
    this.partItems[part].add(item);
  }
}

export class Pane {
  start = 0;
  /** Offset of the first event in it: what a restart has to read again. */
  firstOffset = 0;
  hot: HotSession[] = [];
  /** Hot sessions whose long windows are followed. */
  busy: HotSession[] = [];
  #slots: Int32Array = new Int32Array(STRIDE * SLOTS_AT_FIRST);
  #shift = 24;
  /** Slots in use: sessions that clicked here, and those that are followed because of their clicks in the panes beside. */
  #used = 0;
  /**
   * Sessions that clicked here and are not heavy, those of them that are HotSessions by their own clicks, and heavy ones. By these alone it is
   * decided what is forgotten: they depend on the clicks in this pane, where what is followed depends on windows, which may have closed when
   * the log is read again.
   */
  #light = 0;
  #lightHot = 0;
  #heavy = 0;
  /** Times that a session was followed here no more, since such were dropped. */
  #unlinked = 0;
  #clicks: Int32Array = new Int32Array(CLICK_WORDS * CLICKS_AT_FIRST);
  /** Where the next click goes in the log, counted in words. */
  #end = 0;
  /** Of no use but that it is kept, so that what `foresee` does is done. */
  #foreseen = 0;

  /** Makes the pane one for another time, with nothing in it; its tables are kept, so that it need not grow again. */
  reset(start: number, firstOffset: number): void {
    this.start = start;
    this.firstOffset = firstOffset;
    this.hot = [];
    this.busy = [];
    if (this.#slots.length > STRIDE * SLOTS_AT_FIRST && this.#used * STRIDE * SPARSE < this.#slots.length) {
      this.#slots = new Int32Array(this.#slots.length / 2);
      this.#shift++;
      this.#clicks = new Int32Array(Math.max(CLICK_WORDS * CLICKS_AT_FIRST, this.#clicks.length / 2));
    }
    this.#used =
      this.#light =
      this.#lightHot =
      this.#heavy =
      this.#unlinked =
        0;
    this.#end = 0;
    this.#slots.fill(EMPTY);
  }

  /** Lets go of the sessions that are followed: nobody needs them any more, and the tables are all that is used again. */
  close(): void {
    this.hot = [];
    this.busy = [];
  }

  /** Sessions with a click in this pane. */
  get sessions(): number {
    return this.#light + this.#heavy;
  }

  /** Bytes of its tables. */
  get bytes(): number {
    return this.#slots.byteLength + this.#clicks.byteLength;
  }

  /**
   * Notes a click. Returns NEW_SESSION, KNOWN_SESSION, or the HotSession that has to be looked at, to which the click has been added.
   */
  click(session: number, item: number, part: number): HotSession | typeof NEW_SESSION | typeof KNOWN_SESSION {
    const slots = this.#slots, mask = slots.length - 1;
    let at = (codeHash(session) >>> this.#shift) * STRIDE;
    for (let found = slots[at]; found !== session; found = slots[at]) {
      if (found === EMPTY) return this.#first(at, session, item, part);
      at = (at + STRIDE) & mask;
    }
    const state = slots[at + 1];
    if (state >= 0 && state < ALL_NOTED) {
      slots[at + 1] = (state & ~PLACE_MASK) + ONE_CLICK + this.#note(item, ((state & PLACE_MASK) << 2) | part);
      return KNOWN_SESSION;
    }
    const hot = state < 0 ? this.hot[state - HOT] : this.#promote(at);
    hot.add(part, item);
    return hot;
  }

  /** Has to follow each click of a HotSession. heavyMax: heavy ones the pane may have. Returns whether there are more now of those it limits. */
  weigh(hot: HotSession, heavyMax: number): boolean {
    if (hot.heavy) return false;
    if (hot.clicks === 1) this.#light++;
    else if (hot.clicks === NOTED_CLICKS_MAX + 1) this.#lightHot++;
    else {
      if (hot.clicks >= HEAVY_CLICKS && this.#heavy < heavyMax) {
        hot.heavy = true;
        this.#light--;
        this.#lightHot--;
        this.#heavy++;
      }
      return false;
    }
    return true;
  }

  /**
   * Looks up sessions that are about to click. A large table lies outside the processor's cache, and lookups of this kind wait for memory all
   * at once, where those of `click` would wait one after the other.
   */
  foresee(sessions: Uint32Array, from: number, to: number): void {
    const slots = this.#slots, shift = this.#shift;
    if (slots.length <= CACHED_SLOTS) return;
    let seen = 0;
    for (let row = from; row < to; row++) seen ^= slots[(codeHash(sessions[row]) >>> shift) * STRIDE];
    this.#foreseen = seen;
  }

  /** The session as a HotSession, made of what is known of it here; it is followed from now on. */
  follow(session: number): HotSession {
    const at = this.#find(session);
    if (at >= 0) {
      const state = this.#slots[at + 1];
      return state < 0 ? this.hot[state - HOT] : this.#promote(at);
    }
    const hot = new HotSession(session);
    this.#insert(session, HOT + this.hot.length);
    this.hot.push(hot);
    return hot;
  }

  /** What is known of a session that is followed here, or null. */
  hotOf(session: number): HotSession | null {
    const at = this.#find(session), state = at < 0 ? 0 : this.#slots[at + 1];
    return state < 0 ? this.hot[state - HOT] : null;
  }

  /** True when the pane has more than `sessionsMax` sessions that are not heavy, or more than `hotMax` of them hot: `forget` has to follow. */
  isFull(sessionsMax: number, hotMax: number): boolean {
    return this.#light > sessionsMax || this.#lightHot > hotMax;
  }

  /**
   * Forgets the sessions with the fewest clicks until half of what is allowed is left, heavy ones never; where there are too many hot ones
   * alone, those of them with the fewest. leave: called with each hot one; returns whether it is followed here still. Returns how many.
   */
  forget(sessionsMax: number, hotMax: number, leave: (hot: HotSession) => boolean): number {
    const before = this.#light;
    if (this.#light > sessionsMax) this.#keep(1, this.#leastKept(1, sessionsMax / 2), leave);
    const first = NOTED_CLICKS_MAX + 1;
    if (this.#lightHot > hotMax) this.#keep(first, this.#leastKept(first, hotMax / 2), leave);
    this.busy = this.busy.filter(({ busy }) => busy);
    return before - this.#light;
  }

  /**
   * To be told when a session is followed here no more for its clicks in a pane beside: when many are, those that never clicked here are
   * dropped. most: so many may stay at any rate.
   */
  unlink(most: number): void {
    if (++this.#unlinked > Math.min(this.#used / 2, most)) this.#keep(1, 1, () => true);
  }

  /** Calls back with every session and item code that the pane holds. */
  codes(each: (code: number) => void): void {
    const slots = this.#slots, clicks = this.#clicks;
    for (let at = 0; at < slots.length; at += STRIDE) if (slots[at] !== EMPTY) each(slots[at]);
    for (let at = 0; at < this.#end; at += CLICK_WORDS) each(clicks[at]);
    for (const hot of this.hot) {
      for (const items of hot.partItems) items.forEach(each);
      for (const window of [...hot.short, hot.earlier, hot.own]) window?.codes(each);
    }
  }

  #first(at: number, session: number, item: number, part: number): typeof NEW_SESSION {
    const slots = this.#slots;
    slots[at] = session;
    slots[at + 1] = ONE_CLICK + this.#note(item, part);
    this.#light++;
    if (++this.#used * STRIDE * 2 > slots.length) this.#grow();
    return NEW_SESSION;
  }

  /** Adds a click to the log; returns its place. */
  #note(item: number, before: number): number {
    const at = this.#end;
    if (at === this.#clicks.length) this.#clicks = longer(this.#clicks);
    this.#clicks[at] = item;
    this.#clicks[at + 1] = before;
    this.#end = at + CLICK_WORDS;
    return at / CLICK_WORDS;
  }

  /** Puts a session that is not there into the table. */
  #insert(session: number, state: number): void {
    if ((this.#used + 1) * STRIDE * 2 > this.#slots.length) this.#grow();
    const slots = this.#slots, mask = slots.length - 1;
    let at = (codeHash(session) >>> this.#shift) * STRIDE;
    while (slots[at] !== EMPTY) at = (at + STRIDE) & mask;
    slots[at] = session;
    slots[at + 1] = state;
    this.#used++;
  }

  #find(session: number): number {
    const slots = this.#slots, mask = slots.length - 1;
    let at = (codeHash(session) >>> this.#shift) * STRIDE;
    while (slots[at] !== session) {
      if (slots[at] === EMPTY) return -1;
      at = (at + STRIDE) & mask;
    }
    return at;
  }

  /** Makes a HotSession of the session in the slot at `at`. */
  #promote(at: number): HotSession {
    const slots = this.#slots, clicks = this.#clicks, state = slots[at + 1], hot = new HotSession(slots[at]);
    let place = state & PLACE_MASK;
    for (let left = state >> CLICKS_SHIFT; left > 0; left--) {
      const before = clicks[CLICK_WORDS * place + 1];
      hot.add(before & 3, clicks[CLICK_WORDS * place]);
      place = before >> 2;
    }
    slots[at + 1] = HOT + this.hot.length;
    this.hot.push(hot);
    return hot;
  }

  /** The fewest clicks that a session must have so that no more than `most` of those with `first` clicks or more stay. */
  #leastKept(first: number, most: number): number {
    const slots = this.#slots, counts = new Uint32Array(COUNTED_CLICKS + 1);
    let left = 0;
    for (let at = 0; at < slots.length; at += STRIDE) {
      if (slots[at] === EMPTY) continue;
      const state = slots[at + 1], hot = state < 0 ? this.hot[state - HOT] : null;
      const clicks = hot === null ? state >> CLICKS_SHIFT : hot.heavy ? 0 : hot.clicks;
      if (clicks < first) continue;
      counts[Math.min(clicks, COUNTED_CLICKS)]++;
      left++;
    }
    let least = first;
    while (left > most) left -= counts[least++];
    return least > COUNTED_CLICKS ? Infinity : least;
  }

  /** Forgets the sessions with `first` clicks or more, but fewer than `least`, and the clicks of all that are gone. */
  #keep(first: number, least: number, leave: (hot: HotSession) => boolean): void {
    const slots = this.#slots, clicks = this.#clicks, hots = this.hot;
    let length = slots.length;
    // A long table that was made for another pane would be looked through again and again.
    for (; length > STRIDE * SLOTS_AT_FIRST && length > SPARSE * STRIDE * this.#used; length /= 2) this.#shift++;
    this.#slots = new Int32Array(length).fill(EMPTY);
    this.#clicks = new Int32Array(length === slots.length ? clicks.length : CLICK_WORDS * CLICKS_AT_FIRST);
    this.#used = this.#light = this.#lightHot = 0;
    this.#unlinked = 0;
    this.#end = 0;
    this.hot = [];
    for (let at = 0; at < slots.length; at += STRIDE) {
      if (slots[at] === EMPTY) continue;
      const state = slots[at + 1], count = state < 0 ? hots[state - HOT].clicks : state >> CLICKS_SHIFT;
      const stays = count < first || count >= least;
      if (state < 0) this.#keepHot(hots[state - HOT], stays || hots[state - HOT].heavy, leave);
      else if (stays) this.#keepNoted(slots[at], state, clicks);
    }
  }

  #keepHot(hot: HotSession, stays: boolean, leave: (hot: HotSession) => boolean): void {
    if (!stays && leave(hot)) hot.clear();
    else if (!stays || (hot.clicks === 0 && !hot.isLinked)) return;
    this.#insert(hot.session, HOT + this.hot.length);
    this.hot.push(hot);
    if (hot.heavy || hot.clicks === 0) return;
    this.#light++;
    if (hot.clicks > NOTED_CLICKS_MAX) this.#lightHot++;
  }

  #keepNoted(session: number, state: number, clicks: Int32Array): void {
    // Newest first, which is all the same: what counts is how many items each part has.
    let place = state & PLACE_MASK, noted = 0;
    for (let left = state >> CLICKS_SHIFT; left > 0; left--) {
      const before = clicks[CLICK_WORDS * place + 1];
      noted = this.#note(clicks[CLICK_WORDS * place], (noted << 2) | (before & 3));
      place = before >> 2;
    }
    this.#insert(session, (state & ~PLACE_MASK) + noted);
    this.#light++;
  }

  #grow(): void {
    const old = this.#slots;
    const slots = new Int32Array(old.length * 2).fill(EMPTY), mask = slots.length - 1;
    this.#shift--;
    for (let from = 0; from < old.length; from += STRIDE) {
      if (old[from] === EMPTY) continue;
      let at = (codeHash(old[from]) >>> this.#shift) * STRIDE;
      while (slots[at] !== EMPTY) at = (at + STRIDE) & mask;
      slots[at] = old[from];
      slots[at + 1] = old[from + 1];
    }
    this.#slots = slots;
  }
}

export const NEW_SESSION = 0;
export const KNOWN_SESSION = 1;

function longer(column: Int32Array): Int32Array {
  const into = new Int32Array(2 * column.length);
  into.set(column);
  return into;
}
