// Dead letters: what was refused, with its raw bytes and the reason. Bounded in number and age; the oldest go first.
// What always holds: a refused line of a source is kept once, however often the source is sent again.

import type { Clock } from "../clock.ts";
import { maskAddressesIn } from "../event/mask.ts";
import type { Reject, RejectCode } from "../event/reject.ts";
import { limits } from "../limits.ts";
import { commit, deleteAll } from "./commit.ts";
import { stateKeys } from "./keys.ts";
import { Turns } from "./turns.ts";

/** A refused line. raw: its first bytes, with addresses masked; rawBytes: how long it was. time: ms. */
export interface DeadLetter {
  readonly seq: number;
  readonly time: number;
  readonly source: string;
  readonly line: number;
  readonly code: RejectCode;
  readonly field: string | null;
  readonly message: string;
  readonly raw: Uint8Array;
  readonly rawBytes: number;
}

interface OfSource {
  count: number;
  time: number;
}

const PER_COMMIT = 40;
const HOUR_MS = 3_600_000;

export class DeadLetterStore {
  #next = 0;
  #first = 0;
  #refused = 0;
  #forgotAt = -Infinity;
  readonly #turns = new Turns();

  private constructor(private readonly kv: Deno.Kv, private readonly clock: Clock) {}

  static async open(kv: Deno.Kv, clock: Clock): Promise<DeadLetterStore> {
    const store = new DeadLetterStore(kv, clock);
    for await (const { key } of kv.list({ prefix: stateKeys.deadLetters() }, { limit: 1, reverse: true })) {
      store.#next = (key[1] as number) + 1;
    }
    store.#first = store.#next;
    for await (const { key } of kv.list({ prefix: stateKeys.deadLetters() }, { limit: 1 })) store.#first = key[1] as number;
    store.#refused = (await kv.get<number>(stateKeys.deadLetterCounts())).value ?? 0;
    return store;
  }

  /** Dead letters that are kept. */
  get kept(): number {
    return this.#next - this.#first;
  }

  /** Lines refused since the folder was made, kept or not. */
  get refused(): number {
    return this.#refused;
  }

  /**
   * Keeps refused lines. `name` says where they came from. `source` is the identity of what they came in with, or null: then `first` is
   * the number of refused lines of it before these, and what was kept before is passed over. `beyond`: refused lines that are only counted.
   */
  add(name: string, source: string | null, first: number, rejects: readonly Reject[], beyond = 0): Promise<void> {
    return this.#turns.take(() => this.#add(name, source, first, rejects, beyond));
  }

  async #add(name: string, source: string | null, first: number, rejects: readonly Reject[], beyond: number): Promise<void> {
    const time = this.clock.now();
    const had = source === null ? 0 : (await this.kv.get<OfSource>(stateKeys.deadLettersOf(source))).value?.count ?? 0;
    const fresh = source === null ? rejects : rejects.slice(Math.max(0, had - first));
    const end = first + rejects.length + beyond;
    const counted = Math.max(0, end - Math.max(had, first)) - fresh.length;
    for (let from = 0; from < fresh.length || (from === 0 && counted > 0); from += PER_COMMIT) {
      const some = fresh.slice(from, from + PER_COMMIT);
      const isLast = from + PER_COMMIT >= fresh.length;
      const refused = this.#refused + some.length + (isLast ? counted : 0);
      const sets: { key: Deno.KvKey; value: unknown }[] = some.map(({ line, code, field, message, raw, rawBytes }, i) => ({
        key: stateKeys.deadLetter(this.#next + i),
        value: { time, source: name, line, code, field, message, raw: maskAddressesIn(raw), rawBytes },
      }));
      sets.push({ key: stateKeys.deadLetterCounts(), value: refused });
      if (source !== null) {
        const count = isLast ? end : first + (rejects.length - fresh.length) + from + some.length;
        sets.push({ key: stateKeys.deadLettersOf(source), value: { count: Math.max(had, count), time } satisfies OfSource });
      }
      await commit(this.kv, { sets });
      this.#next += some.length;
      this.#refused = refused;
    }
    if (this.kept > limits.deadLettersMax) await this.#dropBefore(this.#next - limits.deadLettersMax);
  }

  /** One dead letter by its number, or null. */
  async get(seq: number): Promise<DeadLetter | null> {
    const { value } = await this.kv.get<Omit<DeadLetter, "seq">>(stateKeys.deadLetter(seq));
    return value === null ? null : { seq, ...value };
  }

  /** Takes dead letters away that have become events. */
  remove(seqs: readonly number[]): Promise<void> {
    return this.#turns.take(() => deleteAll(this.kv, seqs.map((seq) => stateKeys.deadLetter(seq))));
  }

  /** Drops what is older than it may be. */
  sweep(): Promise<void> {
    const oldest = this.clock.now() - limits.deadLettersKeepDays * 86_400_000;
    return this.#turns.take(async () => {
      let before = this.#first;
      for await (const { key, value } of this.kv.list<DeadLetter>({ prefix: stateKeys.deadLetters() }, { batchSize: 100 })) {
        if (value.time >= oldest) break;
        before = (key[1] as number) + 1;
      }
      await this.#dropBefore(before);
      await this.#forgetSources(oldest);
    });
  }

  /** Forgets how many dead letters a source had, once those are too old to be kept; at most hourly. */
  async #forgetSources(oldest: number): Promise<void> {
    if (this.clock.now() - this.#forgotAt < HOUR_MS) return;
    this.#forgotAt = this.clock.now();
    const old: Deno.KvKey[] = [];
    for await (const { key, value } of this.kv.list<OfSource>({ prefix: stateKeys.sourcesOfDeadLetters() }, { batchSize: 500 })) {
      if (value.time < oldest) old.push(key);
    }
    await deleteAll(this.kv, old);
  }

  async #dropBefore(before: number): Promise<void> {
    await deleteAll(this.kv, Array.from({ length: before - this.#first }, (_, i) => stateKeys.deadLetter(this.#first + i)));
    this.#first = before;
  }

  /** One page, newest first; `before`: the number that the page before ended with. */
  async list(limit: number, before = Infinity, code?: RejectCode): Promise<{ items: DeadLetter[]; next: number | null }> {
    const items: DeadLetter[] = [];
    const range = { start: stateKeys.deadLetter(0), end: stateKeys.deadLetter(before) };
    let last = before;
    for await (const { key, value } of this.kv.list<Omit<DeadLetter, "seq">>(range, { reverse: true, batchSize: 100 })) {
      if (items.length === limit) return { items, next: last };
      last = key[1] as number;
      if (code === undefined || value.code === code) items.push({ seq: last, ...value });
    }
    return { items, next: null };
  }
}
