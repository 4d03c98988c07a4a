// Anomalies in Deno KV: written from the engine's effects, read by the API. One record per (rule, lane, session, window start).
// What always holds: an effect is applied once, whatever dies in between, because the number of the last one is committed with it; counts
// are of confirmed anomalies, and change in the same commit as the record; `detected_at` stays as first written.

import type { Clock } from "../clock.ts";
import { type Anomaly, type AnomalyStatus, type AnomalyType, anomalyTypes, type FeedbackVerdict } from "../detect/anomaly.ts";
import type { Severity } from "../detect/verdict.ts";
import type { AnomalyEffect } from "../engine/effects.ts";
import { isDamage } from "../errors.ts";
import { LIVE } from "../event/batch.ts";
import { compareIds } from "../event/code.ts";
import { limits } from "../limits.ts";
import { anomalyId, type Stored, toAnomaly, toStored } from "./anomaly_record.ts";
import { commit } from "./commit.ts";
import { stateKeys } from "./keys.ts";
import { Outbox } from "./outbox.ts";
import { keysIn } from "./sealed.ts";
import { Turns } from "./turns.ts";

/** Which anomalies, and how many. Times in ms of window start: since included, until not. */
export interface AnomalyQuery {
  readonly limit: number;
  readonly type?: AnomalyType;
  readonly statuses: readonly AnomalyStatus[];
  readonly severity?: Severity;
  readonly since?: number;
  readonly until?: number;
  readonly session?: string;
  /** `window`: by window start, then id; `detected`: by the wall clock of the first sight. Newest first. */
  readonly order: "window" | "detected";
  /** Where the page before ended: [time, id]. */
  readonly after?: readonly [number, string];
}

/** What lists of sessions need of an anomaly. Times in ms. */
export type AnomalyFacts = Readonly<Pick<Stored, "session" | "type" | "status" | "start" | "end" | "severity" | "score" | "reason">>;

export interface Page<T> {
  readonly items: readonly T[];
  /** Where the next page begins, or null when there is none. */
  readonly next: readonly [number, string] | null;
}

/** A change of an anomaly that is committed. feed: its number; they go up by one, over restarts too. */
export interface AnomalyChange {
  readonly feed: number;
  readonly anomaly: Anomaly;
}

/** The last effect of a partition that is stored. */
type Applied = Pick<AnomalyEffect, "offset" | "ordinal">;

const NOTHING_APPLIED: Applied = { offset: -1, ordinal: -1 };
const HOUR_MS = 3_600_000;
const SWEPT_PER_COMMIT = 60;
const HOURS_CACHED_MAX = 10_000;
/** Bytes of the keys that one anomaly takes, its session's texts apart. */
const KEY_BYTES = 400;
/** Records looked at for one page; a page of a rare filter may be shorter than its limit, and still have a next one. */
const SCANNED_MAX = 20_000;
/** Records that are read at a time, and those that KV gives by their keys. */
const READ_AT_ONCE = 100, GOT_AT_ONCE = 10;

export class AnomalyStore {
  /** Provisional anomalies by id: what a later effect needs of them. */
  readonly #open = new Map<string, { detected: number }>();
  readonly #applied = new Map<number, Applied>();
  #types: Record<string, number> = {};
  /** Counts of hours that changed lately. */
  readonly #hours = new Map<number, number>();
  #feed = 0;
  #kept = 0;
  readonly #listeners = new Set<(change: AnomalyChange) => void>();
  /** Effects that were handed in though they were stored already: after a crash they are derived a second time. */
  passedOver = 0;

  /** What a person has said of a session: shown with its anomalies and never stored in them, so that it is always the newest word. */
  verdictOf: (session: string) => FeedbackVerdict | null = () => null;

  #uncertain = false;
  /** Changes of which nobody knows whether they landed, and the feed's number before them. */
  #doubtful: { readonly feed: number; readonly changes: readonly Stored[] } | null = null;
  /** Partitions share the counts and the feed's number, so their commits come one after the other. */
  readonly #turns = new Turns();

  private constructor(
    private readonly kv: Deno.Kv,
    private readonly clock: Clock,
    private readonly most: number,
    private readonly outbox: Outbox | null,
  ) {}

  /** outbox: where confirmed anomalies of the live lane are put besides, or null. */
  static async open(kv: Deno.Kv, clock: Clock, most: number = limits.anomaliesMax, outbox: Outbox | null = null): Promise<AnomalyStore> {
    const store = new AnomalyStore(kv, clock, most, outbox);
    await store.#load();
    return store;
  }

  /** Takes from KV what memory holds of it: at start, and after a commit of which nobody knows whether it landed. */
  async #load(): Promise<void> {
    this.#types = (await this.kv.get<Record<string, number>>(stateKeys.anomalyTypes())).value ?? {};
    this.#feed = (await this.kv.get<number>(stateKeys.feed())).value ?? 0;
    this.#kept = (await this.kv.get<number>(stateKeys.anomaliesKept())).value ?? 0;
    this.#hours.clear();
    this.#open.clear();
    this.#applied.clear();
    this.#uncertain = false;
    const doubtful = this.#doubtful;
    this.#doubtful = null;
    // They had landed: who follows is told of them now, as their effects are not applied again.
    if (doubtful !== null && this.#feed === doubtful.feed + doubtful.changes.length) this.#tell(doubtful.feed, doubtful.changes);
  }

  /** Stores what the engine found, of each partition in the order of its log; what is stored already is passed over. */
  async apply(effects: readonly AnomalyEffect[]): Promise<void> {
    const fresh = await this.#turns.take(() => this.#freshOf(effects));
    this.passedOver += effects.length - fresh.length;
    for (let from = 0; from < fresh.length;) {
      let to = from, keyBytes = 0;
      while (to < fresh.length && to - from < limits.anomaliesPerCommitMax && keyBytes < limits.commitKeyBytesMax * 0.8) {
        keyBytes += KEY_BYTES + 3 * fresh[to++].session.length;
      }
      await this.#turns.take(() => this.#applySome(fresh.slice(from, to)));
      from = to;
    }
    await this.outbox?.trim();
  }

  /** Effects that are not stored yet. */
  async #freshOf(effects: readonly AnomalyEffect[]): Promise<readonly AnomalyEffect[]> {
    if (this.#uncertain) await this.#load();
    for (const { partition } of effects) {
      if (this.#applied.has(partition)) continue;
      this.#applied.set(partition, (await this.kv.get<Applied>(stateKeys.effects(partition))).value ?? NOTHING_APPLIED);
    }
    return effects.filter((effect) => isAfter(effect, this.#applied.get(effect.partition)!));
  }

  async #applySome(given: readonly AnomalyEffect[]): Promise<void> {
    // A turn that failed in between may have landed all the same.
    const effects = await this.#freshOf(given);
    if (effects.length === 0) return;
    const now = this.clock.now();
    const changed = new Map<string, { stored: Stored; isNew: boolean }>();
    const types = { ...this.#types };
    const hours = new Map<number, number>();
    for (const effect of effects) {
      const id = anomalyId(effect);
      const before = changed.get(id) ?? null;
      const isNew = effect.status === "provisional" || (before?.isNew ?? false);
      const detected = before?.stored.detected ??
        (effect.status === "provisional" ? now : await this.#detectedAt(id, effect.windowStart, now));
      changed.set(id, { stored: toStored(id, effect, detected), isNew });
      if (effect.status !== "confirmed") continue;
      types[effect.rule.type] = (types[effect.rule.type] ?? 0) + 1;
      const hour = Math.floor(effect.windowStart / HOUR_MS) * HOUR_MS;
      hours.set(hour, (hours.get(hour) ?? 0) + 1);
    }
    const sets: { key: Deno.KvKey; value: unknown }[] = [];
    for (const { stored, isNew } of changed.values()) {
      sets.push({ key: stateKeys.anomaly(stored.start, stored.id), value: stored });
      if (!isNew) continue;
      sets.push({ key: stateKeys.anomalyOfSession(stored.session, stored.start, stored.id), value: null });
      sets.push({ key: stateKeys.anomalyByDetection(stored.detected, stored.id), value: stored.start });
    }
    for (const [hour, more] of hours) {
      const before = this.#hours.get(hour) ?? await this.#confirmedIn(hour);
      hours.set(hour, before + more);
      sets.push({ key: stateKeys.anomalyHour(hour), value: before + more });
    }
    const applied = new Map(effects.map(({ partition, offset, ordinal }): [number, Applied] => [partition, { offset, ordinal }]));
    for (const [partition, last] of applied) sets.push({ key: stateKeys.effects(partition), value: last });
    sets.push({ key: stateKeys.anomalyTypes(), value: types });
    sets.push({ key: stateKeys.feed(), value: this.#feed + changed.size });
    const kept = this.#kept + [...changed.values()].filter(({ isNew }) => isNew).length;
    sets.push({ key: stateKeys.anomaliesKept(), value: kept });
    const changes = [...changed.values()].map(({ stored }) => stored), feed = this.#feed;
    const news = this.#news(changes, now);
    sets.push(...news.map(Outbox.entry));
    const write = () => commit(this.kv, { sets });
    this.#doubtful = { feed, changes };
    this.#uncertain = true;
    await (news.length > 0 ? this.outbox!.add(news.map(({ number }) => number), write) : write());
    this.#uncertain = false;
    this.#doubtful = null;
    for (const [partition, last] of applied) this.#applied.set(partition, last);
    this.#types = types;
    this.#kept = kept;
    if (this.#hours.size > HOURS_CACHED_MAX) this.#hours.clear();
    for (const [hour, count] of hours) this.#hours.set(hour, count);
    for (const { id, status, detected } of changes) {
      if (status === "provisional") this.#open.set(id, { detected });
      else this.#open.delete(id);
    }
    this.#feed = feed + changes.length;
    this.#tell(feed, changes);
  }

  /** Tells who follows of changes that are committed. feed: the number before them. */
  #tell(feed: number, changes: readonly Stored[]): void {
    if (this.#listeners.size === 0) return;
    for (const [i, stored] of changes.entries()) {
      const change = { feed: feed + 1 + i, anomaly: this.#shown(stored) };
      for (const listener of this.#listeners) listener(change);
    }
  }

  /** Of changes that take the feed's next numbers, what others are to be told. A replay of old files alarms nobody. now: ms. */
  #news(changes: readonly Stored[], now: number): { number: number; start: number; id: string; confirmedAt: number }[] {
    if (this.outbox === null) return [];
    return changes.map(({ start, id, status, lane }, i) => ({ number: this.#feed + 1 + i, start, id, confirmedAt: now, status, lane }))
      .filter(({ status, lane }) => status === "confirmed" && lane === LIVE);
  }

  /** One anomaly, or null. start: its window's, ms. */
  async get(start: number, id: string): Promise<Anomaly | null> {
    const { value } = await this.kv.get<Stored>(stateKeys.anomaly(start, id));
    return value === null ? null : this.#shown(value);
  }

  /** Tells a listener of every change once it is committed, until the function that is returned is called. It must not throw. */
  subscribe(listener: (change: AnomalyChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Number of the newest change; 0 before the first. */
  get feed(): number {
    return this.#feed;
  }

  /** Anomalies of any status that are kept. */
  get kept(): number {
    return this.#kept;
  }

  /** Forgets the anomalies with the oldest windows when there are too many. The counts are of all that ever were. */
  async sweep(): Promise<void> {
    while (this.#kept > this.most) {
      const before = this.#kept;
      await this.#turns.take(() => this.#forget(Math.min(SWEPT_PER_COMMIT, this.#kept - this.most)));
      if (this.#kept === before) return;
    }
  }

  async #forget(count: number): Promise<void> {
    if (this.#uncertain) await this.#load();
    const deletes: Deno.KvKey[] = [];
    let forgotten = 0;
    for await (const { key, value } of this.kv.list<Stored>({ prefix: stateKeys.anomalies() }, { limit: count })) {
      deletes.push(
        key,
        stateKeys.anomalyOfSession(value.session, value.start, value.id),
        stateKeys.anomalyByDetection(value.detected, value.id),
      );
      forgotten++;
    }
    const kept = this.#kept - forgotten;
    this.#uncertain = true;
    await commit(this.kv, { sets: [{ key: stateKeys.anomaliesKept(), value: kept }], deletes });
    this.#uncertain = false;
    this.#kept = kept;
  }

  /** When an anomaly was first seen; `now` for one that is damaged, or not stored, which only a lost file could cause. */
  async #detectedAt(id: string, start: number, now: number): Promise<number> {
    return this.#open.get(id)?.detected ?? (await this.#stored([stateKeys.anomaly(start, id)]))[0]?.detected ?? now;
  }

  /** How many were confirmed in an hour; where that is damaged, those of them that are there. hour: its start, ms. */
  async #confirmedIn(hour: number): Promise<number> {
    try {
      return (await this.kv.get<number>(stateKeys.anomalyHour(hour))).value ?? 0;
    } catch (failure) {
      if (!isDamage(failure)) throw failure;
      let count = 0;
      for await (const { status } of this.within(hour, hour + HOUR_MS)) if (status === "confirmed") count++;
      return count;
    }
  }

  /** The records under some keys, null for those that are damaged or not there: one that is damaged hides no other. */
  async #stored(keys: readonly Deno.KvKey[]): Promise<(Stored | null)[]> {
    try {
      return (await this.kv.getMany<Stored[]>(keys)).map(({ value }) => value);
    } catch (failure) {
      if (!isDamage(failure)) throw failure;
      if (keys.length === 1) return [null];
      return (await Promise.all(keys.map((key) => this.#stored([key])))).flat();
    }
  }

  /** Confirmed anomalies, all types together. */
  get total(): number {
    return Object.values(this.#types).reduce((sum, count) => sum + count, 0);
  }

  /** Confirmed anomalies of each type, those that never fired included. */
  types(): { anomaly_type: AnomalyType; count: number }[] {
    return anomalyTypes.map((type) => ({ anomaly_type: type, count: this.#types[type] ?? 0 }));
  }

  /** Confirmed anomalies by hour of window start, `hours` of them up to the one that holds `until` (ms), oldest first. */
  async timeline(hours: number, until: number): Promise<{ hour: number; count: number }[]> {
    const last = Math.floor(until / HOUR_MS) * HOUR_MS;
    const first = last - (hours - 1) * HOUR_MS;
    const counts = new Map<number, number>();
    const range = { start: stateKeys.anomalyHour(first), end: stateKeys.anomalyHour(last + 1) };
    for await (const { key, value } of this.kv.list<number>(range)) counts.set(key[1] as number, value);
    return Array.from({ length: hours }, (_, i) => ({ hour: first + i * HOUR_MS, count: counts.get(first + i * HOUR_MS) ?? 0 }));
  }

  /** One page of anomalies, newest first. */
  async list(query: AnomalyQuery): Promise<Page<Anomaly>> {
    const items: Anomaly[] = [];
    let scanned = 0, last: readonly [number, string] | null = null;
    for await (const [place, stored] of this.#records(query)) {
      if (items.length === query.limit || scanned === SCANNED_MAX) return { items, next: last };
      scanned++;
      last = place;
      if (matches(stored, query)) items.push(this.#shown(stored));
    }
    return { items, next: null };
  }

  async *#records(query: AnomalyQuery): AsyncGenerator<[readonly [number, string], Stored]> {
    // What is read beyond the page's end is read in vain, as long as nothing is passed over.
    const reverse = { reverse: true, batchSize: isPicky(query) ? READ_AT_ONCE : Math.min(query.limit + 1, READ_AT_ONCE) };
    if (query.session !== undefined) {
      const prefix = stateKeys.anomaliesOfSession(query.session);
      const end = query.after ? stateKeys.anomalyOfSession(query.session, ...query.after) : undefined;
      for await (const places of chunks(this.kv.list(end ? { prefix, end } : { prefix }, reverse), reverse.batchSize)) {
        yield* this.#at(places.map(({ key }) => ({ place: [key[2] as number, key[3] as string], start: key[2] as number })));
      }
    } else if (query.order === "detected") {
      const prefix = stateKeys.anomaliesByDetection();
      const end = query.after ? stateKeys.anomalyByDetection(...query.after) : undefined;
      for await (const places of chunks(this.kv.list<number>(end ? { prefix, end } : { prefix }, reverse), reverse.batchSize)) {
        yield* this.#at(places.map(({ key, value }) => ({ place: [key[1] as number, key[2] as string], start: value })));
      }
    } else {
      const start: Deno.KvKey = query.since === undefined ? ["anomaly"] : ["anomaly", query.since];
      const latest: Deno.KvKey = query.until === undefined ? ["anomaly", Infinity] : ["anomaly", query.until];
      const end = query.after && (query.until === undefined || query.after[0] < query.until) ? stateKeys.anomaly(...query.after) : latest;
      for await (const { key, value } of this.kv.list<Stored>({ start, end }, reverse)) yield [[key[1] as number, key[2] as string], value];
    }
  }

  /** The records of places in an index, as many at a time as KV gives; those that are gone by now are passed over. */
  async *#at(places: readonly { place: readonly [number, string]; start: number }[]): AsyncGenerator<[readonly [number, string], Stored]> {
    const groups = Array.from({ length: Math.ceil(places.length / GOT_AT_ONCE) }, (_, i) => {
      const group = places.slice(i * GOT_AT_ONCE, (i + 1) * GOT_AT_ONCE);
      return this.#stored(group.map(({ place: [, id], start }) => stateKeys.anomaly(start, id)));
    });
    const found = (await Promise.all(groups)).flat();
    for (const [i, stored] of found.entries()) if (stored !== null) yield [places[i].place, stored];
  }

  #shown(stored: Stored): Anomaly {
    return toAnomaly(stored, this.verdictOf(stored.session));
  }

  /** Anomalies of any status whose windows start from `since` (included) to `until` (not), newest window first. Times in ms. */
  async *within(since: number, until: number): AsyncGenerator<AnomalyFacts> {
    const range = { start: stateKeys.anomaly(since, ""), end: stateKeys.anomaly(until, "") };
    for await (const { value } of this.kv.list<Stored>(range, { reverse: true, batchSize: 200 })) yield value;
  }

  /** The stretches of `stepMs`, by their start in ms, in which windows of a session's anomalies start: newest first, `most` at the most. */
  async startsOf(session: string, stepMs: number, most: number): Promise<number[]> {
    const starts: number[] = [];
    let end = stateKeys.anomalyOfSession(session, Infinity, "");
    while (starts.length < most) {
      const newest = keysIn(this.kv, { prefix: stateKeys.anomaliesOfSession(session), end }, { reverse: true, limit: 1 });
      const { done, value } = await newest.next();
      if (done) break;
      const start = Math.floor((value[2] as number) / stepMs) * stepMs;
      starts.push(start);
      end = stateKeys.anomalyOfSession(session, start, "");
    }
    return starts;
  }

  /** Every anomaly with one of `statuses`, by window start, then session, then type. */
  async *all(statuses: readonly AnomalyStatus[]): AsyncGenerator<Anomaly> {
    let group: Stored[] = [];
    const ordered = () =>
      group.sort((a, b) => compareIds(a.session, b.session) || (a.type < b.type ? -1 : a.type > b.type ? 1 : a.id < b.id ? -1 : 1));
    for await (const { value } of this.kv.list<Stored>({ prefix: stateKeys.anomalies() }, { batchSize: 200 })) {
      if (group.length > 0 && group[0].start !== value.start) {
        for (const stored of ordered()) yield this.#shown(stored);
        group = [];
      }
      if (statuses.includes(value.status)) group.push(value);
    }
    for (const stored of ordered()) yield this.#shown(stored);
  }

  /** Window start of the newest anomaly, ms, or null when there is none. */
  async newest(): Promise<number | null> {
    for await (const key of keysIn(this.kv, { prefix: stateKeys.anomalies() }, { reverse: true, limit: 1 })) return key[1] as number;
    return null;
  }

  /** Confirmed anomalies of some lanes by type, those that never fired included. Looks at every anomaly. */
  async countsOf(lanes: ReadonlySet<string>): Promise<Record<AnomalyType, number>> {
    const counts = Object.fromEntries(anomalyTypes.map((type) => [type, 0])) as Record<AnomalyType, number>;
    for await (const { value } of this.kv.list<Stored>({ prefix: stateKeys.anomalies() }, { batchSize: 500 })) {
      if (value.status === "confirmed" && lanes.has(value.lane)) counts[value.type]++;
    }
    return counts;
  }

  /** Whether a session has an anomaly of any status. */
  async knows(session: string): Promise<boolean> {
    for await (const _ of keysIn(this.kv, { prefix: stateKeys.anomaliesOfSession(session) }, { limit: 1 })) return true;
    return false;
  }
}

function isAfter({ offset, ordinal }: AnomalyEffect, done: Applied): boolean {
  return offset > done.offset || (offset === done.offset && ordinal > done.ordinal);
}

function matches(stored: Stored, query: AnomalyQuery): boolean {
  return query.statuses.includes(stored.status) && (query.type === undefined || stored.type === query.type) &&
    (query.severity === undefined || stored.severity === query.severity) && (query.since === undefined || stored.start >= query.since) &&
    (query.until === undefined || stored.start < query.until);
}

/** Whether many records are passed over because of what is in them; those that are retracted are few. */
function isPicky({ statuses, type, severity, session, since, until, order }: AnomalyQuery): boolean {
  const isRange = order === "window" && session === undefined;
  return statuses.length === 1 || type !== undefined || severity !== undefined ||
    (!isRange && (since !== undefined || until !== undefined));
}

/** The entries of a list, some at a time. */
async function* chunks<T>(entries: AsyncIterable<T>, most: number): AsyncGenerator<T[]> {
  let chunk: T[] = [];
  for await (const entry of entries) {
    if (chunk.push(entry) < most) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}
