// Dead letters: what was refused, with its raw bytes and the reason. Bounded in number and age; the oldest go first.
// What always holds: a refused line of a source is kept once, however often the source is sent again.

import type { Clock } from "../clock.ts";
import { maskAddressesIn } from "../event/mask.ts";
import type { Reject, RejectCode } from "../event/reject.ts";
import { limits } from "../limits.ts";
import { commit, deleteAll } from "./commit.ts";
import { stateKeys } from "./keys.ts";
import { keysIn } from "./sealed.ts";
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
/** How the source of a request with a key begins. */
const KEY_PREFIX = "key-";

export class DeadLetterStore {
  #next = 0;
  #first = 0;
  #refused = 0;
  #forgotAt = -Infinity;
  /** Whether a commit may have landed of which memory knows nothing. */
  #uncertain = false;
  /** Sources noted since some were last forgotten. */
  #newSources = 0;
  readonly #turns = new Turns();

  private constructor(private readonly kv: Deno.Kv, private readonly clock: Clock, private readonly sourcesMax: number) {}

  static async open(kv: Deno.Kv, clock: Clock, sourcesMax: number = limits.deadLetterSourcesMax): Promise<DeadLetterStore> {
    const store = new DeadLetterStore(kv, clock, sourcesMax);
    await store.#load();
    return store;
  }

  /** Takes from KV what memory holds of it: at start, and after a commit of which nobody knows whether it landed. */
  async #load(): Promise<void> {
    let next = 0;
    for await (const key of keysIn(this.kv, { prefix: stateKeys.deadLetters() }, { limit: 1, reverse: true })) {
      next = (key[1] as number) + 1;
    }
    let first = next;
    for await (const key of keysIn(this.kv, { prefix: stateKeys.deadLetters() }, { limit: 1 })) first = key[1] as number;
    this.#refused = (await this.kv.get<number>(stateKeys.deadLetterCounts())).value ?? 0;
    this.#next = next;
    this.#first = first;
    this.#uncertain = false;
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
    if (this.#uncertain) await this.#load();
    const time = this.clock.now();
    const had = source === null ? 0 : (await this.kv.get<OfSource>(stateKeys.deadLettersOf(source))).value?.count ?? 0;
    const fresh = source === null ? rejects : rejects.slice(Math.max(0, had - first));
    const end = first + rejects.length + beyond;
    const counted = Math.max(0, end - Math.max(had, first)) - fresh.length;
    for (let from = 0; from < fresh.length || (from === 0 && counted > 0); from += PER_COMMIT) {
      const some = fresh.slice(from, from + PER_COMMIT);
      const isLast = from + PER_COMMIT >= fresh.length;
      const refused = Math.min(this.#refused + some.length + (isLast ? counted : 0), Number.MAX_SAFE_INTEGER);
      const sets: { key: Deno.KvKey; value: unknown }[] = some.map(({ line, code, field, message, raw, rawBytes }, i) => ({
        key: stateKeys.deadLetter(this.#next + i),
        value: { time, source: name, line, code, field, message, raw: maskAddressesIn(raw), rawBytes },
      }));
      sets.push({ key: stateKeys.deadLetterCounts(), value: refused });
      if (source !== null) {
        const count = isLast ? end : first + (rejects.length - fresh.length) + from + some.length;
        sets.push({ key: stateKeys.deadLettersOf(source), value: { count: Math.max(had, count), time } satisfies OfSource });
      }
      this.#uncertain = true;
      await commit(this.kv, { sets });
      this.#uncertain = false;
      this.#next += some.length;
      this.#refused = refused;
    }
    if (source !== null && had === 0) this.#newSources++;
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

  /**
   * Forgets how many dead letters a source had, once those are too old to be kept, or its key is too old to be known again; and the oldest
   * where there are too many. Hourly, or once many are new.
   */
  async #forgetSources(oldest: number): Promise<void> {
    const now = this.clock.now();
    if (now - this.#forgotAt < HOUR_MS && this.#newSources <= this.sourcesMax / 10) return;
    const oldestKey = now - limits.idempotencyKeysKeepHours * HOUR_MS;
    const old: Deno.KvKey[] = [], kept: { key: Deno.KvKey; time: number }[] = [];
    for await (const { key, value } of this.kv.list<OfSource>({ prefix: stateKeys.sourcesOfDeadLetters() }, { batchSize: 500 })) {
      const isKey = (key[1] as string).startsWith(KEY_PREFIX);
      if (value.time < (isKey ? Math.max(oldest, oldestKey) : oldest)) old.push(key);
      else kept.push({ key, time: value.time });
    }
    const over = kept.sort((a, b) => a.time - b.time).slice(0, Math.max(0, kept.length - this.sourcesMax));
    await deleteAll(this.kv, [...old, ...over.map(({ key }) => key)]);
    this.#forgotAt = now;
    this.#newSources = 0;
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
