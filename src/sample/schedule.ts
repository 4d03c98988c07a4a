// Steps of visits on their way into event-time order: visits are played when they begin, and their steps wait in the slot that they fall into.
// What always holds: steps of a slot are complete once its own visitors have been played; steps at one time keep the order of the visits.
// Memory: the steps of one longest visit ahead, whatever stretch is made.

import { SLOT_MS } from "./crowd.ts";
import { VISIT_MS_MAX } from "./visits.ts";

/** Slots that a visit can reach into, its own included. */
export const SLOTS_AHEAD = VISIT_MS_MAX / SLOT_MS + 1;

/** Sessions of a slot, at the most: an owner is a slot's place in the ring and a session's number in one integer. */
export const SESSIONS_MAX = 1_000_000;
const SESSION_BITS = 20;

/** Steps of one slot, as columns. owner: see `ownerOf`. */
export class SlotSteps {
  count = 0;
  time = new Float64Array(1024);
  kind = new Uint8Array(1024);
  item = new Int16Array(1024);
  detail = new Uint16Array(1024);
  owner = new Uint32Array(1024);

  add(time: number, kind: number, item: number, detail: number, owner: number): void {
    if (this.count === this.time.length) this.#grow();
    const at = this.count++;
    this.time[at] = time;
    this.kind[at] = kind;
    this.item[at] = item;
    this.detail[at] = detail;
    this.owner[at] = owner;
  }

  /** Places of the steps by (time, place). `slot`: the one that they lie in. */
  order(slot: number): Uint32Array {
    const places = 2 ** Math.ceil(Math.log2(Math.max(2, this.count))), from = slot * SLOT_MS;
    // Time and place in one double that sorts by itself, several times as fast as comparing by a function.
    const keys = new Float64Array(this.count);
    for (let at = 0; at < this.count; at++) keys[at] = (this.time[at] - from) * places + at;
    keys.sort();
    // The remainder without `%`, which is dear for doubles; exact, as `places` is a power of two.
    return Uint32Array.from(keys, (key) => key - Math.floor(key / places) * places);
  }

  #grow(): void {
    for (const name of ["time", "kind", "item", "detail", "owner"] as const) {
      const larger = new (this[name].constructor as Float64ArrayConstructor)(2 * this.count);
      larger.set(this[name]);
      (this[name] as unknown) = larger;
    }
  }
}

/** The steps of the slots from the one at hand on. */
export class Schedule {
  readonly #ring = Array.from({ length: SLOTS_AHEAD }, () => new SlotSteps());
  /** The first slot that is wanted: steps before it are dropped. */
  readonly #first: number;

  constructor(firstSlot: number) {
    this.#first = firstSlot;
  }

  /** The steps that fall into a slot, up to now. */
  of(slot: number): SlotSteps {
    return this.#ring[slot % SLOTS_AHEAD];
  }

  add(time: number, kind: number, item: number, detail: number, owner: number): void {
    const slot = Math.floor(time / SLOT_MS);
    if (slot >= this.#first) this.of(slot).add(time, kind, item, detail, owner);
  }
}

/** One integer for session `number` of the visitors that came in `slot`. */
export function ownerOf(slot: number, number: number): number {
  return ((slot % SLOTS_AHEAD) << SESSION_BITS) | number;
}

/** The place in a ring of SLOTS_AHEAD, and the number of the session. */
export function ringOf(owner: number): number {
  return owner >>> SESSION_BITS;
}

export function numberOf(owner: number): number {
  return owner & ((1 << SESSION_BITS) - 1);
}
