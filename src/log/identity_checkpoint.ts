// Keeps the identity index over a restart: added ids are written behind one another as pages, sources as records, and one small root says
// up to which offsets of the log they reach. What always holds: the root is written last, so a torn checkpoint is the one before it;
// the log still has everything behind the root.

import { GuardianError } from "../errors.ts";
import { limits } from "../limits.ts";
import { commit, deleteAll } from "../store/commit.ts";
import { stateKeys } from "../store/keys.ts";
import { EventIds } from "./event_ids.ts";
import { type AddedIds, type Changes, IdentityIndex } from "./identity.ts";

/** covered: per partition, the offset up to which the pages hold every id. Pages are numbered [firstPage, nextPage). */
interface Root {
  seed: number;
  covered: number[];
  firstPage: number;
  nextPage: number;
  /** Sources that were ever stored. */
  sources?: number;
}

const IDS_PER_PAGE = Math.floor((limits.kvValueBytesMax - 256) / 8);
/** A commit costs more than the bytes in it. */
const PAGES_PER_COMMIT = Math.floor(limits.commitBytesMax / limits.kvValueBytesMax);
const SOURCES_PER_COMMIT = 100;
const HOUR_MS = 3_600_000;

export class IdentityCheckpoint {
  /** Hours and numbers of ids of the stored pages, oldest first. */
  #pageHours: number[] = [];
  #pageIds: number[] = [];
  /** Sources whose stored rows are in the index. */
  readonly #loaded = new Set<string>();

  private constructor(
    private readonly kv: Deno.Kv,
    readonly index: IdentityIndex,
    private root: Root,
    /** A later checkpoint was begun and not finished: pages lie there that this one does not name. */
    readonly torn: boolean,
  ) {}

  /** Loads the index as of its last checkpoint. `absorb` of the log from `covered` on is the caller's. */
  static async load(kv: Deno.Kv, partitions: number, now: number): Promise<IdentityCheckpoint> {
    const root = (await kv.get<Root>(stateKeys.identityRoot())).value ??
      { seed: crypto.getRandomValues(new Uint32Array(1))[0], covered: new Array(partitions).fill(0), firstPage: 0, nextPage: 0 };
    const hour = Math.floor(now / HOUR_MS), hours: number[] = [], counts: number[] = [];
    let ids: EventIds | null = null;
    for (let page = root.firstPage; page < root.nextPage; page++) {
      const { value } = await kv.get<Uint8Array>(stateKeys.identityPage(page));
      if (value === null) throw new GuardianError("corrupt", `Cannot load the identity index: page ${page} is missing`);
      const words = new Uint32Array(value.slice().buffer);
      // A page of an hour to come is of a clock that was ahead.
      const written = Math.min(words[0], hour);
      hours.push(written);
      counts.push((words.length - 2) / 2);
      // The index reaches back as far as its oldest page that is young enough.
      if (written < hour - limits.eventIdsKeepHours) continue;
      ids ??= new EventIds(hour, written);
      for (let at = 2; at < words.length; at += 2) ids.add({ high: words[at], low: words[at + 1] }, written);
    }
    const torn = (await kv.get(stateKeys.identityPage(root.nextPage))).value !== null;
    const checkpoint = new IdentityCheckpoint(kv, new IdentityIndex(partitions, root.seed, ids ?? new EventIds(hour)), root, torn);
    checkpoint.#pageHours = hours;
    checkpoint.#pageIds = counts;
    return checkpoint;
  }

  /** The offset of a partition up to which the stored index reaches: the log must keep what lies behind it. */
  covered(partition: number): number {
    return this.root.covered[partition];
  }

  /** How many sources are remembered. */
  get sources(): number {
    return this.root.sources ?? 0;
  }

  /** Reads the stored rows of a source into the index, once; what the log has shown of it stays. Returns whether anything is known of it. */
  async loadSource(source: string): Promise<boolean> {
    if (!this.#loaded.has(source)) {
      const { value } = await this.kv.get<number[]>(stateKeys.source(source));
      if (value !== null) this.index.load(source, value);
      this.#loaded.add(source);
    }
    return this.index.rowsOf(source) !== null;
  }

  /**
   * Writes what has changed since the last call. covered: per partition, the offset up to which the index knows the log. behind: how far the
   * index's hours are behind the wall clock's, by which pages are dated, ms.
   */
  async save(covered: readonly number[], behind = 0): Promise<void> {
    const changes = this.index.takeChanges();
    try {
      await this.#write(covered.slice(), changes, Math.ceil(behind / HOUR_MS));
    } catch (failure) {
      this.index.giveBack(changes);
      throw failure;
    }
  }

  async #write(covered: number[], { ids, sources, dropped }: Changes, behindHours: number): Promise<void> {
    if (ids.count === 0 && sources.length === 0 && dropped.length === 0 && covered.every((end, p) => end === this.root.covered[p])) return;
    const root: Root = { ...this.root, covered };
    const hours = this.#pageHours.slice(), counts = this.#pageIds.slice();
    const pages = pagesOf(ids);
    for (let from = 0; from < pages.length; from += PAGES_PER_COMMIT) {
      const some = pages.slice(from, from + PAGES_PER_COMMIT);
      await commit(this.kv, {
        sets: some.map((page) => ({ key: stateKeys.identityPage(root.nextPage++), value: dated(page, behindHours) })),
      });
      for (const page of some) {
        hours.push(page[0]);
        counts.push((page.length - 2) / 2);
      }
    }
    for (let from = 0; from < sources.length; from += SOURCES_PER_COMMIT) {
      const some = sources.slice(from, from + SOURCES_PER_COMMIT);
      const sets: { key: Deno.KvKey; value: unknown }[] = [];
      for (const [source, rows] of some) {
        const stored = await this.kv.get<number[]>(stateKeys.source(source));
        if (stored.value === null) root.sources = (root.sources ?? 0) + 1;
        // The log's tail may have shown some partitions of a source alone: what was stored of the others counts as well.
        sets.push({ key: stateKeys.source(source), value: rows.map((row, p) => Math.max(row, stored.value?.[p] ?? 0)) });
      }
      await commit(this.kv, { sets });
    }
    for (const source of dropped) this.#loaded.delete(source);
    await deleteAll(this.kv, dropped.map((source) => stateKeys.source(source)));
    const expired: Deno.KvKey[] = [];
    let kept = counts.reduce((sum, ids) => sum + ids, 0);
    const isExpired = (page: number) => hours[page] < this.index.ids.oldestHour || kept - counts[page] >= limits.eventIdsMax;
    while (expired.length < Math.min(hours.length, 500) && isExpired(expired.length)) {
      kept -= counts[expired.length];
      expired.push(stateKeys.identityPage(root.firstPage++));
    }
    await commit(this.kv, { sets: [{ key: stateKeys.identityRoot(), value: root }], deletes: expired });
    this.root = root;
    this.#pageHours = hours.slice(expired.length);
    this.#pageIds = counts.slice(expired.length);
  }
}

/** Pages of ids, each of one hour: [hour, 0, high, low, high, low, ...]. */
function pagesOf({ count, high, low, hour }: AddedIds): Uint32Array[] {
  const pages: Uint32Array[] = [];
  for (let from = 0; from < count;) {
    let to = from;
    while (to < count && to - from < IDS_PER_PAGE && hour[to] === hour[from]) to++;
    const page = new Uint32Array(2 + 2 * (to - from));
    page[0] = hour[from];
    for (let i = from; i < to; i++) {
      page[2 + 2 * (i - from)] = high[i];
      page[3 + 2 * (i - from)] = low[i];
    }
    pages.push(page);
    from = to;
  }
  return pages;
}

/** A page as it is stored: its hour is the wall clock's, which is all that the next start knows. */
function dated(page: Uint32Array, behindHours: number): Uint8Array {
  const words = new Uint32Array(page);
  words[0] += behindHours;
  return new Uint8Array(words.buffer);
}
