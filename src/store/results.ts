// Results of day jobs in Deno KV: the rows of one table, day and traffic, as pages with what is told of all of them on the first.
// What always holds: a result is replaced whole, in one commit that its writer makes together with its own records; a reader sees the old
// one or the new one, never both; writing the same result again changes nothing that can be seen.

import { serialize } from "node:v8";
import { GuardianError, isDamage } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Mutations } from "./commit.ts";
import { stateKeys } from "./keys.ts";
import { keysIn } from "./sealed.ts";

export const traffics = ["all", "humans"] as const;
/** Whose events count: everybody's, or those of sessions that are not flagged as bots. */
export type Traffic = (typeof traffics)[number];

/** A row as it is stored: figures unrounded, exact decimals as texts, ids and dates as texts. */
export type ResultRow = Readonly<Record<string, string | number | boolean | null>>;

/** What is told of a result besides its rows. */
export interface ResultMeta {
  /** Number of the run that made it: another run, another number. */
  readonly run: number;
  /** Wall clock, ms since the epoch. */
  readonly finished: number;
  /** Part files that were damaged and left out; empty for a whole result. */
  readonly leftOut: readonly string[];
  /** Sequence number of the set of flagged sessions that it knows. */
  readonly flagged: number;
}

export interface Result {
  readonly table: string;
  readonly date: string;
  readonly traffic: Traffic;
  readonly meta: ResultMeta;
  readonly rows: readonly ResultRow[];
}

interface Page {
  readonly pages: number;
  readonly meta: ResultMeta;
  readonly rows: readonly ResultRow[];
}

export interface ResultQuery {
  /** First and last local day, both included. */
  readonly from?: string;
  readonly to?: string;
  readonly limit: number;
  readonly newestFirst?: boolean;
}

const META_BYTES = 4096;
const KEYS_PER_READ = 10;
const READS_MAX = 20;
/** Sorts behind every date. */
const AFTER_DATES = "~";

export class ResultStore {
  constructor(private readonly kv: Deno.Kv) {}

  /** One result, or null when there is none. */
  async get(table: string, date: string, traffic: Traffic): Promise<Result | null> {
    for (let attempt = 0; attempt < READS_MAX; attempt++) {
      const first = (await this.kv.get<Page>(stateKeys.resultPage(table, traffic, date, 0))).value;
      if (first === null) return null;
      const rows = await this.#rest(table, date, traffic, first);
      if (rows !== null) return { table, date, traffic, meta: first.meta, rows: [...first.rows, ...rows] };
    }
    throw new GuardianError("storage_failing", `Cannot read ${table} of ${date}: it keeps being replaced`, { retryAfterS: 1 });
  }

  /** Results of one table, by day. One that is damaged is passed over, and hides no other. */
  async list(table: string, traffic: Traffic, query: ResultQuery): Promise<Result[]> {
    const results: Result[] = [];
    let dates: string[] = [];
    const orNone = (failure: unknown) => {
      if (isDamage(failure)) return null;
      throw failure;
    };
    const read = async () => {
      const some = await Promise.all(dates.map((date) => this.get(table, date, traffic).catch(orNone)));
      results.push(...some.filter((result) => result !== null));
      dates = [];
    };
    for await (const date of this.dates(table, traffic, query)) {
      if (results.length + dates.push(date) < query.limit) continue;
      await read();
      if (results.length === query.limit) break;
    }
    await read();
    return results;
  }

  /** The days that have a result, be it a damaged one: whoever reads it is told, and none is left out unseen. */
  async *dates(
    table: string,
    traffic: Traffic = "all",
    { from, to, newestFirst = false }: Partial<ResultQuery> = {},
  ): AsyncGenerator<string> {
    const prefix = stateKeys.resultsOf(table, traffic);
    const range = { start: [...prefix, from ?? ""], end: [...prefix, to === undefined ? AFTER_DATES : to + AFTER_DATES] };
    for await (const key of keysIn(this.kv, range, { reverse: newestFirst, batchSize: 200 })) {
      if (key[4] === 0) yield key[3] as string;
    }
  }

  /** What a commit has to do to put rows in the place of those that are there. Throws `internal` when they are too many. */
  async replacing(
    table: string,
    date: string,
    traffic: Traffic,
    meta: ResultMeta,
    rows: readonly ResultRow[],
  ): Promise<Required<Mutations>> {
    const pages = packed(rows);
    if (pages.length > limits.resultPagesMax) {
      throw new GuardianError("internal", `Cannot store ${table} of ${date}: it takes ${pages.length} pages of ${limits.resultPagesMax}`);
    }
    const sets = pages.map((rows, page) => ({
      key: stateKeys.resultPage(table, traffic, date, page),
      value: { pages: pages.length, meta, rows } satisfies Page,
    }));
    const deletes = (await this.#keysOf(table, date, traffic)).slice(pages.length);
    return { checks: [], sets, deletes };
  }

  /** What a commit has to do to drop a result. */
  async dropping(table: string, date: string, traffic: Traffic): Promise<Required<Mutations>> {
    return { checks: [], sets: [], deletes: await this.#keysOf(table, date, traffic) };
  }

  async #keysOf(table: string, date: string, traffic: Traffic): Promise<Deno.KvKey[]> {
    const pages = await this.kv.get<Page>(stateKeys.resultPage(table, traffic, date, 0)).then(({ value }) => value?.pages ?? 0, (error) => {
      // A damaged result is replaced like any other.
      if (isDamage(error)) return limits.resultPagesMax;
      throw error;
    });
    return Array.from({ length: pages }, (_, page) => stateKeys.resultPage(table, traffic, date, page));
  }

  /** Rows of the pages after the first, or null when they are of another run by now. */
  async #rest(table: string, date: string, traffic: Traffic, first: Page): Promise<ResultRow[] | null> {
    const rows: ResultRow[] = [];
    const keys = Array.from({ length: first.pages - 1 }, (_, i) => stateKeys.resultPage(table, traffic, date, i + 1));
    for (let from = 0; from < keys.length; from += KEYS_PER_READ) {
      for (const { value } of await this.kv.getMany<Page[]>(keys.slice(from, from + KEYS_PER_READ))) {
        if (value === null || value.meta.run !== first.meta.run) return null;
        rows.push(...value.rows);
      }
    }
    return rows;
  }
}

/** Rows as pages, each within limits.kvValueBytesMax with its share of the meta. At least one. */
function packed(rows: readonly ResultRow[]): ResultRow[][] {
  const pages: ResultRow[][] = [[]];
  let bytes = META_BYTES;
  for (const row of rows) {
    const size = serialize(row).byteLength;
    if (bytes + size > limits.kvValueBytesMax) {
      pages.push([]);
      bytes = META_BYTES;
    }
    bytes += size;
    pages[pages.length - 1].push(row);
  }
  return pages;
}
