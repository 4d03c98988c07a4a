// What the sample shop's visitors do, into a data folder of their own: the past as fast as it goes, and then what happens, second by second.
// What always holds: rows are numbered, so a stretch that is fed again brings nothing twice; a stretch that failed is fed again.

import { LIVE } from "../event/batch.ts";
import type { Guardian } from "../guardian.ts";
import { SampleShop } from "../sample/mod.ts";
import { stateKeys } from "../store/keys.ts";

/** Chunks that are handed in before their answers are waited for: many of them make one commit. */
const CHUNKS_AT_ONCE = 16;

export class SampleFeed {
  /** All before this is fed, ms since the epoch. */
  until = 0;

  constructor(readonly guardian: Guardian, readonly shop: SampleShop) {}

  /** The time from which on events may be missing: the beginning of the newest row's slot, ms since the epoch; null where there is no row. */
  async place(): Promise<number | null> {
    const { intake, state } = this.guardian;
    await intake.loadSource(this.shop.id);
    // What the log has beyond the stored rows is stored first.
    await intake.checkpoint();
    const { value: rows } = await state.get<number[]>(stateKeys.source(this.shop.id));
    return rows === null ? null : SampleShop.slotStart(Math.max(...rows) - 1);
  }

  /** Feeds [from, to). Throws `shutting_down` when the signal is aborted, and what intake throws. */
  async take(
    from: number,
    to: number,
    signal: AbortSignal,
    onProgress?: (done: number, total: number, events: number) => void,
  ): Promise<void> {
    const chunks = this.shop.chunks(from, to), { intake } = this.guardian;
    for (let events = 0, next = chunks.next(); !next.done;) {
      signal.throwIfAborted();
      const taken: Promise<unknown>[] = [];
      let last = from;
      for (; !next.done && taken.length < CHUNKS_AT_ONCE; next = chunks.next()) {
        const { firstRow, columns } = next.value;
        taken.push(intake.submit({ columns, lane: LIVE, source: this.shop.id, firstRow }));
        events += columns.count;
        last = columns.eventTime[columns.count - 1];
      }
      await Promise.all(taken);
      onProgress?.(last - from, to - from, events);
    }
    this.until = Math.max(this.until, to);
  }
}
