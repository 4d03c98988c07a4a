// What waits to be sent to the webhook: an entry for each anomaly that was confirmed in the live lane, by the number of that change.
// What always holds: an entry is written in the commit that confirms the anomaly, and leaves in the commit that counts what became of it,
// so no crash loses or doubles one, and effects that are derived again add none; entries have a limit, and the oldest make room.
// It must not know how a message is sent.

import { assert } from "../assert.ts";
import type { Clock } from "../clock.ts";
import { limits } from "../limits.ts";
import type { LogLine } from "../log_line.ts";
import { commit, type Mutations } from "./commit.ts";
import { stateKeys } from "./keys.ts";
import { Turns } from "./turns.ts";

/** How the tries of a message went. nextAt: ms. aside: it is tried beside the others, and holds up none. */
export interface Tried {
  readonly tries: number;
  readonly nextAt: number;
  readonly aside: boolean;
}

/** A message that waits. number: its place in the order. start and id: of the anomaly. confirmedAt: ms. */
export interface Waiting extends Tried {
  readonly number: number;
  readonly start: number;
  readonly id: string;
  readonly confirmedAt: number;
}

/** What became of all messages since the folder was made. Times in ms. target: what they are sent to, as a digest. */
interface Counts {
  delivered: number;
  failed: number;
  dropped: number;
  skipped: number;
  lastDeliveredAt: number | null;
  lastError: string | null;
  lastErrorAt: number | null;
  target: string;
}

const NOTHING_YET = { delivered: 0, failed: 0, dropped: 0, skipped: 0, lastDeliveredAt: null, lastError: null, lastErrorAt: null };
const DROPPED_PER_COMMIT = 400;
/** Least time between two log lines on dropped messages, ms. */
const DROPPED_TOLD_MS = 60_000;

export interface OutboxOptions {
  readonly clock: Clock;
  readonly logLine: LogLine;
  /** A digest of where messages go: for a new one, all tries begin again. */
  readonly target: string;
  readonly most?: number;
}

export class Outbox {
  /** Told when there is something new. */
  onAdded: (() => void) | null = null;

  /** Numbers of messages that were not tried yet, oldest first. */
  readonly #fresh = new Set<number>();
  /** Those that were: at most one that holds up the others, and a bounded number aside. */
  readonly #tried = new Map<number, Tried>();
  /** The message that is being sent: it does not make room for others. */
  #held = -1;
  #counts: Counts = { ...NOTHING_YET, target: "" };
  #untold = 0;
  #toldAt = -Infinity;
  /** Whether a commit may have landed of which memory knows nothing. */
  #uncertain = true;
  /** Every commit that touches the outbox takes its turn, so that what memory holds is what KV holds. */
  readonly #turns = new Turns();

  private constructor(private readonly kv: Deno.Kv, private readonly options: OutboxOptions) {}

  static async open(kv: Deno.Kv, options: OutboxOptions): Promise<Outbox> {
    const outbox = new Outbox(kv, options);
    await outbox.#turns.take(async () => {
      await outbox.#known();
      await outbox.#aim();
    });
    await outbox.trim();
    return outbox;
  }

  /** Takes from KV what memory holds of it, if that is not sure. */
  async #known(): Promise<void> {
    if (!this.#uncertain) return;
    this.#counts = (await this.kv.get<Counts>(stateKeys.webhookCounts())).value ?? { ...NOTHING_YET, target: "" };
    this.#fresh.clear();
    this.#tried.clear();
    for await (const { key, value } of this.kv.list<Omit<Waiting, "number">>({ prefix: stateKeys.webhookMessages() }, { batchSize: 500 })) {
      this.#place(key[1] as number, value);
    }
    this.#uncertain = false;
    this.onAdded?.();
  }

  #place(number: number, { tries, nextAt, aside }: Tried): void {
    if (tries === 0) this.#fresh.add(number);
    else this.#tried.set(number, { tries, nextAt, aside });
  }

  /** Lets all tries begin again where messages go somewhere else than before: the old receiver's failures say nothing of the new one. */
  async #aim(): Promise<void> {
    const { target } = this.options;
    if (this.#counts.target === target) return;
    const sets: { key: Deno.KvKey; value: unknown }[] = [];
    for (const number of this.#tried.keys()) {
      const key = stateKeys.webhookMessage(number);
      const { value } = await this.kv.get<Omit<Waiting, "number">>(key);
      sets.push({ key, value: { ...value, tries: 0, nextAt: 0, aside: false } });
    }
    await this.#write({ sets }, { ...this.#counts, target });
    // They belong among the others again, in order.
    this.#uncertain = true;
    await this.#known();
  }

  /** Messages that wait, those that were tried included. */
  get waiting(): number {
    return this.#fresh.size + this.#tried.size;
  }

  /** Whether one more message may be put aside. */
  get hasRoomAside(): boolean {
    return this.#tried.size < limits.webhookAsideMax;
  }

  /** Whether a message waits that holds up the others. */
  get isBlocked(): boolean {
    return this.#blocking() !== null;
  }

  /** When the next message that was tried is tried again, ms, or null. */
  get nextTryAt(): number | null {
    const [next] = this.#blocking() ?? this.#firstAside() ?? [null];
    return next === null ? null : this.#tried.get(next)!.nextAt;
  }

  get counts(): Readonly<Omit<Counts, "target">> {
    return this.#counts;
  }

  #blocking(): [number, Tried] | null {
    for (const entry of this.#tried) if (!entry[1].aside) return entry;
    return null;
  }

  #firstAside(): [number, Tried] | null {
    let first: [number, Tried] | null = null;
    for (const entry of this.#tried) if (first === null || entry[1].nextAt < first[1].nextAt) first = entry;
    return first;
  }

  /** What a commit has to set for a new message. */
  static entry({ number, start, id, confirmedAt }: Omit<Waiting, keyof Tried>): { key: Deno.KvKey; value: unknown } {
    return { key: stateKeys.webhookMessage(number), value: { start, id, confirmedAt, tries: 0, nextAt: 0, aside: false } };
  }

  /** Runs `write`, the commit that holds the entries of these numbers. Throws what it throws; then they may be there or not. */
  add(numbers: readonly number[], write: () => Promise<unknown>): Promise<void> {
    return this.#turns.take(async () => {
      await this.#known();
      this.#uncertain = true;
      await write();
      this.#uncertain = false;
      for (const number of numbers) this.#fresh.add(number);
      this.onAdded?.();
    });
  }

  /** Lets go of the oldest messages when there are too many, and counts them. */
  trim(): Promise<void> {
    return this.#turns.take(async () => {
      await this.#known();
      const { most = limits.webhookOutboxMax } = this.options;
      for (let over = this.waiting - most; over > 0; over = this.waiting - most) {
        const dropped = this.#oldest(Math.min(over, DROPPED_PER_COMMIT));
        if (dropped.length === 0) return;
        const counts = { ...this.#counts, dropped: this.#counts.dropped + dropped.length };
        await this.#write({ deletes: dropped.map((number) => stateKeys.webhookMessage(number)) }, counts);
        for (const number of dropped) this.#forget(number);
        this.#tellDropped(dropped.length);
      }
    });
  }

  /** The oldest numbers, up to `count`. The one whose turn it is stays: without its schedule, the next one would be tried at once. */
  #oldest(count: number): number[] {
    const aside = [...this.#tried].filter(([, { aside }]) => aside).map(([number]) => number);
    const fresh: number[] = [];
    for (const number of this.#fresh) {
      if (fresh.length > count) break;
      fresh.push(number);
    }
    return [...aside, ...fresh].filter((number) => number !== this.#held).sort((a, b) => a - b).slice(0, count);
  }

  #tellDropped(count: number): void {
    const now = this.options.clock.monotonic();
    this.#untold += count;
    if (now - this.#toldAt < DROPPED_TOLD_MS) return;
    const reason = "more messages wait than are kept; see why the receiver does not take them";
    this.options.logLine("error", "webhook_messages_dropped", { messages: this.#untold, waiting: this.waiting, reason });
    this.#untold = 0;
    this.#toldAt = now;
  }

  /** The message whose turn it is, or how long to wait for one, ms; null: until one is added. now: ms. latest: no wait is longer. */
  next(now: number, latestMs: number): Promise<Waiting | number | null> {
    return this.#turns.take(async () => {
      await this.#known();
      const number = this.#due(now, latestMs);
      if (number === null) {
        const at = this.nextTryAt;
        return at === null ? null : at - now;
      }
      this.#held = number;
      const { value } = await this.kv.get<Omit<Waiting, "number">>(stateKeys.webhookMessage(number));
      assert(value !== null, "what waits in memory is stored");
      return { number, ...value };
    });
  }

  #due(now: number, latestMs: number): number | null {
    const isDue = ({ nextAt }: Tried) => nextAt <= now || nextAt > now + latestMs;
    const blocking = this.#blocking();
    if (blocking !== null) return isDue(blocking[1]) ? blocking[0] : null;
    for (const [number, tried] of this.#tried) if (isDue(tried)) return number;
    for (const number of this.#fresh) return number;
    return null;
  }

  /** Takes a message out with what became of it. Once, however often this is called. */
  settle({ number }: Waiting, as: "delivered" | "failed" | "skipped", error?: string): Promise<void> {
    return this.#turns.take(async () => {
      await this.#known();
      if (!this.#fresh.has(number) && !this.#tried.has(number)) return;
      const counts = { ...this.#counts, [as]: this.#counts[as] + 1 }, now = this.options.clock.now();
      if (as === "delivered") counts.lastDeliveredAt = now;
      if (error !== undefined) Object.assign(counts, { lastError: error, lastErrorAt: now });
      await this.#write({ deletes: [stateKeys.webhookMessage(number)] }, counts);
      this.#forget(number);
    });
  }

  /** Keeps a message for another try. */
  postpone({ number, start, id, confirmedAt }: Waiting, tried: Tried, error: string): Promise<void> {
    return this.#turns.take(async () => {
      await this.#known();
      const value = { start, id, confirmedAt, ...tried };
      const counts = { ...this.#counts, lastError: error, lastErrorAt: this.options.clock.now() };
      await this.#write({ sets: [{ key: stateKeys.webhookMessage(number), value }] }, counts);
      this.#forget(number);
      this.#place(number, tried);
    });
  }

  #forget(number: number): void {
    this.#fresh.delete(number);
    this.#tried.delete(number);
  }

  async #write({ sets = [], deletes = [] }: Mutations, counts: Counts): Promise<void> {
    this.#uncertain = true;
    await commit(this.kv, { sets: [...sets, { key: stateKeys.webhookCounts(), value: counts }], deletes });
    this.#uncertain = false;
    this.#counts = counts;
  }
}
