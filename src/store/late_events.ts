// Clicks that came after a window of theirs had closed: the newest are kept with the reason; the lake has them all.
// Kept as pages of many, for a stream that is late may be late throughout. What always holds: the offset of the last one kept is committed
// with its page, so deriving it again after a crash adds nothing.

import type { LateEffect } from "../engine/effects.ts";
import { limits } from "../limits.ts";
import { commit } from "./commit.ts";
import { stateKeys } from "./keys.ts";
import { Turns } from "./turns.ts";

/** Events in a page: at most 0.8 KiB each. */
const PAGE_EVENTS = 64;
const PAGES_PER_COMMIT = 8;

/** Where a page of a list ended: arrival of the stored page (ms), partition, offset of the event. */
export type LatePlace = readonly [number, number, number];

interface StoredPage {
  readonly key: Deno.KvKey;
  readonly events: number;
}

export class LateEventStore {
  /** Pages kept, oldest first. */
  #pages: StoredPage[] = [];
  #kept = 0;
  readonly #marks = new Map<number, number>();
  /** Partitions share the list of pages. */
  readonly #turns = new Turns();

  private constructor(private readonly kv: Deno.Kv, private readonly most: number) {}

  static async open(kv: Deno.Kv, most: number = limits.lateEventsMax): Promise<LateEventStore> {
    const store = new LateEventStore(kv, most);
    for await (const { key, value } of kv.list<LateEffect[]>({ prefix: stateKeys.lateEvents() }, { batchSize: 50 })) {
      store.#pages.push({ key, events: value.length });
      store.#kept += value.length;
    }
    return store;
  }

  get kept(): number {
    return this.#kept;
  }

  /** Keeps late events of one partition, which come in the order of its log; of more than may be kept, the last ones. */
  add(partition: number, events: readonly LateEffect[]): Promise<void> {
    return this.#turns.take(() => this.#add(partition, events));
  }

  async #add(partition: number, events: readonly LateEffect[]): Promise<void> {
    const mark = this.#marks.get(partition) ?? (await this.kv.get<number>(stateKeys.lateMark(partition))).value ?? -1;
    this.#marks.set(partition, mark);
    const fresh = events.filter(({ offset }) => offset > mark).slice(-this.most);
    const step = PAGE_EVENTS * PAGES_PER_COMMIT;
    for (let from = 0; from < fresh.length; from += step) await this.#commit(partition, fresh.slice(from, from + step));
  }

  async #commit(partition: number, events: readonly LateEffect[]): Promise<void> {
    const sets: { key: Deno.KvKey; value: unknown }[] = [];
    const pages: StoredPage[] = [];
    for (let from = 0; from < events.length; from += PAGE_EVENTS) {
      const page = events.slice(from, from + PAGE_EVENTS);
      const key = stateKeys.lateEvent(page[0].arrival, partition, page[0].offset);
      sets.push({ key, value: page });
      pages.push({ key, events: page.length });
    }
    let over = 0, kept = this.#kept + events.length;
    while (over < this.#pages.length && kept - this.#pages[over].events >= this.most) kept -= this.#pages[over++].events;
    const { offset } = events[events.length - 1];
    sets.push({ key: stateKeys.lateMark(partition), value: offset });
    await commit(this.kv, { sets, deletes: this.#pages.slice(0, over).map(({ key }) => key) });
    this.#marks.set(partition, offset);
    this.#pages = [...this.#pages.slice(over), ...pages];
    this.#kept = kept;
  }

  /** One page of a list, newest arrival first; `before`: where the one before ended. */
  async list(limit: number, before?: LatePlace): Promise<{ items: LateEffect[]; next: LatePlace | null }> {
    const items: LateEffect[] = [];
    const prefix = stateKeys.lateEvents();
    const selector = before === undefined ? { prefix } : { prefix, end: stateKeys.lateEvent(...before) };
    let last: LatePlace | null = null;
    for await (const { key, value } of this.kv.list<LateEffect[]>(selector, { reverse: true, batchSize: 20 })) {
      const arrival = key[1] as number, partition = key[2] as number;
      // The page that holds `before` is met again: what comes after it there has been told.
      const resumed = before !== undefined && arrival === before[0] && partition === before[1];
      for (const event of value.toReversed()) {
        if (resumed && event.offset >= before[2]) continue;
        if (items.length === limit) return { items, next: last };
        items.push(event);
        last = [arrival, partition, event.offset];
      }
    }
    return { items, next: null };
  }
}
