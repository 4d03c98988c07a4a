// Effects on their way from the engine's steps into storage. While one lot is being stored the next one gathers, of all partitions, and
// shares commits: alone each goes at once, under load many go together.
// What always holds: effects of a partition are stored in the order of its log, and `stored` moves past an offset only when all that was
// caused before it is stored. It must not know what a step is, nor bookmarks.

import { limits } from "../limits.ts";
import type { AnomalyStore } from "../store/anomalies.ts";
import type { LateEventStore } from "../store/late_events.ts";
import type { Effects } from "./effects.ts";
import type { Retries } from "./retries.ts";

/** What steps of one partition up to `position` have caused. */
interface Caused extends Effects {
  position: number;
}

export class EffectQueue {
  /** By partition. */
  #waiting = new Map<number, Caused>();
  #count = 0;
  #storing: Promise<void> | null = null;
  #hasFailed = false;
  readonly #stored: number[];

  /** stored: offsets up to which everything is stored, by partition. most: effects that may wait before `room` does. */
  constructor(
    private readonly anomalies: Pick<AnomalyStore, "apply">,
    private readonly lateEvents: Pick<LateEventStore, "add">,
    private readonly retries: Retries,
    stored: readonly number[],
    private readonly most: number = limits.effectsWaitingMax,
  ) {
    this.#stored = [...stored];
  }

  /** The offset of a partition up to which all effects are stored. */
  stored(partition: number): number {
    return this.#stored[partition];
  }

  /** Effects that wait while others are being stored. */
  get waiting(): number {
    return this.#count;
  }

  /** Takes what steps up to `position` have caused, be it nothing. Once the signal aborts, what storage refuses is not tried again. */
  add(partition: number, position: number, { anomalies, late }: Effects, signal?: AbortSignal): void {
    const count = anomalies.length + late.length, before = this.#waiting.get(partition);
    this.#count += count;
    if (before !== undefined) {
      before.position = position;
      for (const effect of anomalies) before.anomalies.push(effect);
      for (const effect of late) before.late.push(effect);
    } else if (count === 0 && this.#storing === null) this.#stored[partition] = position;
    else this.#waiting.set(partition, { position, anomalies, late });
    if (this.#storing !== null || this.#waiting.size === 0) return;
    this.#storing = this.#store(signal);
    this.#storing.catch(() => this.#hasFailed = true); // thrown where it is awaited
  }

  /** Resolves when so few effects wait that more may come. Throws what storing threw. */
  async room(): Promise<void> {
    if (this.#hasFailed || this.#count >= this.most) await this.settled();
  }

  /** Resolves when everything is stored. Throws what storing threw; then nothing more is stored. */
  async settled(): Promise<void> {
    await this.#storing;
  }

  async #store(signal?: AbortSignal): Promise<void> {
    while (this.#waiting.size > 0) {
      const lot = [...this.#waiting];
      this.#waiting = new Map();
      this.#count = 0;
      for (const [partition, { late }] of lot) {
        if (late.length > 0) await this.retries.run(() => this.lateEvents.add(partition, late), signal);
      }
      const found = lot.flatMap(([, { anomalies }]) => anomalies);
      if (found.length > 0) await this.retries.run(() => this.anomalies.apply(found), signal);
      for (const [partition, { position }] of lot) this.#stored[partition] = position;
    }
    this.#storing = null;
  }
}
