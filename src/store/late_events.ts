// Clicks that came after a window of theirs had closed: the newest are kept with the reason; the lake has them all.
// Keyed by arrival and offset, so that deriving one again writes it again and adds nothing.

import type { LateEffect } from "../engine/effects.ts";
import { limits } from "../limits.ts";
import { commit } from "./commit.ts";
import { stateKeys } from "./keys.ts";

const PER_COMMIT = 200;

export class LateEventStore {
  /** Keys kept, oldest first, by their text. */
  readonly #keys = new Map<string, Deno.KvKey>();

  private constructor(private readonly kv: Deno.Kv, private readonly most: number) {}

  static async open(kv: Deno.Kv, most: number = limits.lateEventsMax): Promise<LateEventStore> {
    const store = new LateEventStore(kv, most);
    for await (const { key } of kv.list({ prefix: stateKeys.lateEvents() }, { batchSize: 500 })) store.#keys.set(key.join(), key);
    return store;
  }

  get kept(): number {
    return this.#keys.size;
  }

  /** Keeps late events; of more than may be kept, the last ones. */
  async add(events: readonly LateEffect[]): Promise<void> {
    const kept = events.slice(-this.most);
    for (let from = 0; from < kept.length; from += PER_COMMIT) {
      const some = kept.slice(from, from + PER_COMMIT);
      const sets = some.map((event) => ({ key: stateKeys.lateEvent(event.arrival, event.partition, event.offset), value: event }));
      const fresh = sets.filter(({ key }) => !this.#keys.has(key.join()));
      const over = [...this.#keys.values()].slice(0, Math.max(0, this.#keys.size + fresh.length - this.most));
      await commit(this.kv, { sets, deletes: over });
      for (const key of over) this.#keys.delete(key.join());
      for (const { key } of fresh) this.#keys.set(key.join(), key);
    }
  }

  /** One page, newest arrival first; `before`: [arrival, partition, offset] that the page before ended with. */
  async list(
    limit: number,
    before?: readonly [number, number, number],
  ): Promise<{ items: LateEffect[]; next: readonly [number, number, number] | null }> {
    const items: LateEffect[] = [];
    const prefix = stateKeys.lateEvents();
    const selector = before === undefined ? { prefix } : { prefix, end: stateKeys.lateEvent(...before) };
    for await (const { value } of this.kv.list<LateEffect>(selector, { reverse: true, batchSize: 100 })) {
      if (items.length === limit) {
        const { arrival, partition, offset } = items[items.length - 1];
        return { items, next: [arrival, partition, offset] };
      }
      items.push(value);
    }
    return { items, next: null };
  }
}
