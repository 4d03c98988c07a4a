// The record of runs: for each day job and local day how its newest run stands, and the last finished tries of all.
// What always holds: how a run stands is written before its work begins and again with its results, in one commit; what a run read is told
// with it, so that anybody can say whether its results are still what the lake holds. Only the holder of the jobs' lease writes here.

import { GuardianError } from "../errors.ts";
import { limits } from "../limits.ts";
import { commit, type Mutations } from "./commit.ts";
import { stateKeys } from "./keys.ts";

export const runStates = ["waiting", "running", "succeeded", "failed", "skipped", "interrupted"] as const;
/**
 * waiting: for its next try. failed: after its last one. skipped: there was nothing to count. interrupted: its process ended in it, and it is
 * tried again.
 */
export type RunState = (typeof runStates)[number];

export const runTriggers = ["schedule", "hand"] as const;
export type RunTrigger = (typeof runTriggers)[number];

/** Settings that decide what a day is and what its figures mean. */
export interface RunSettings {
  readonly timezone: string;
  readonly currency: string;
}

/** The newest run of a job for a day. Times: wall clock, ms since the epoch. */
export interface Run {
  /** Number of its last try, unique over all jobs and days; results name it. */
  readonly number: number;
  readonly job: string;
  readonly date: string;
  readonly state: RunState;
  readonly trigger: RunTrigger;
  /** Tries begun. */
  readonly tries: number;
  /** Of the last try. */
  readonly started: number;
  readonly ended: number | null;
  /** When the next try begins; null: none is planned. */
  readonly retryAt: number | null;
  /** Rows of results written, both kinds of traffic together. */
  readonly rows: number | null;
  readonly error: string | null;
  /** Content version of each UTC hour that it read, such as { "2014-04-07T22": 3 }; empty for jobs that read other jobs' tables. */
  readonly reads: Readonly<Record<string, number>>;
  /** Which runs of other jobs it read; null for jobs that read the lake. */
  readonly inputs: string | null;
  /** Sequence number of the set of flagged sessions that it was given. */
  readonly flagged: number;
  readonly settings: RunSettings;
  /** Part files that were damaged and left out; then the day is incomplete. */
  readonly leftOut: readonly string[];
  /** Who ran it. */
  readonly holder: string;
  /** Number of the last try that made the results which are there; null or absent: there are none. Outlives tries that fail. */
  readonly served?: number | null;
}

/** The newest runs, by day and job. */
export class RunBook {
  readonly #days = new Map<string, Map<string, Run>>();

  constructor(runs: Iterable<Run> = []) {
    for (const run of runs) this.put(run);
  }

  get(date: string, job: string): Run | undefined {
    return this.#days.get(date)?.get(job);
  }

  put(run: Run): void {
    let day = this.#days.get(run.date);
    if (day === undefined) this.#days.set(run.date, day = new Map());
    day.set(run.job, run);
  }

  /** Days that have a run, in no order. */
  dates(): Iterable<string> {
    return this.#days.keys();
  }

  *all(): Generator<Run> {
    for (const day of this.#days.values()) yield* day.values();
  }
}

/** A key that must be as it was for a write to count: what fences off a holder whose lease has gone to another. */
export interface Fence {
  readonly key: Deno.KvKey;
  readonly versionstamp: string;
}

export interface RunPage {
  readonly items: readonly Run[];
  /** Number to go on before, or null when there are no more. */
  readonly next: number | null;
}

export class RunStore {
  constructor(private readonly kv: Deno.Kv) {}

  /** All newest runs. */
  async book(): Promise<RunBook> {
    const book = new RunBook();
    for await (const { value } of this.kv.list<Run>({ prefix: stateKeys.runs() }, { batchSize: 500 })) book.put(value);
    return book;
  }

  /** The newest runs of one day. */
  async ofDay(date: string): Promise<RunBook> {
    const book = new RunBook();
    for await (const { value } of this.kv.list<Run>({ prefix: stateKeys.runsOf(date) })) book.put(value);
    return book;
  }

  /** How many runs a process has left under way that ended in them. Reads no more than the lease, where that was given back. */
  async interrupted(): Promise<number> {
    const lease = (await this.kv.get<{ until: number }>(stateKeys.jobLease())).value;
    if (lease === null || lease.until === 0) return 0;
    return [...(await this.book()).all()].filter(({ state }) => state === "running").length;
  }

  async get(date: string, job: string): Promise<Run | null> {
    return (await this.kv.get<Run>(stateKeys.run(date, job))).value;
  }

  /** Writes that a try has begun, and gives it its number. Returns null when the fence has fallen. */
  async begin(run: Omit<Run, "number">, fence: Fence): Promise<Run | null> {
    const { value, versionstamp } = await this.kv.get<number>(stateKeys.runNumber());
    const begun: Run = { ...run, number: (value ?? 0) + 1 };
    const landed = await commit(this.kv, {
      checks: [fence, { key: stateKeys.runNumber(), versionstamp }],
      sets: [{ key: stateKeys.runNumber(), value: begun.number }, { key: stateKeys.run(run.date, run.job), value: begun }],
    });
    return landed || await this.#stands(begun) ? begun : null;
  }

  /** Writes how a try ended, together with its results. Returns false when the fence has fallen and nothing was written. */
  async end(run: Run, fence: Fence, also: Mutations = {}): Promise<boolean> {
    const landed = await commit(this.kv, {
      checks: [fence, ...also.checks ?? []],
      sets: [
        { key: stateKeys.run(run.date, run.job), value: run },
        { key: stateKeys.runTry(run.number), value: run },
        ...also.sets ?? [],
      ],
      deletes: [stateKeys.runTry(run.number - limits.runTriesMax), ...also.deletes ?? []],
    });
    return landed || await this.#stands(run);
  }

  /** Finished tries, newest first; `before`: where the page before ended. */
  async tries(query: { limit: number; before?: number; job?: string; date?: string; states?: readonly RunState[] }): Promise<RunPage> {
    if (query.limit < 1) throw new GuardianError("invalid_parameter", `Cannot list ${query.limit} runs: it must be 1 or more`);
    const items: Run[] = [];
    const prefix = stateKeys.runTries();
    const selector = query.before === undefined ? { prefix } : { prefix, end: stateKeys.runTry(query.before) };
    for await (const { value } of this.kv.list<Run>(selector, { reverse: true, batchSize: 200 })) {
      if (query.job !== undefined && value.job !== query.job) continue;
      if (query.date !== undefined && value.date !== query.date) continue;
      if (query.states !== undefined && !query.states.includes(value.state)) continue;
      if (items.length === query.limit) return { items, next: items[items.length - 1].number };
      items.push(value);
    }
    return { items, next: null };
  }

  /** Whether a record is there though its commit was refused: a shared KV sends a commit again whose answer was lost. */
  async #stands(run: Run): Promise<boolean> {
    const stored = await this.get(run.date, run.job);
    return stored?.number === run.number && stored.state === run.state && stored.holder === run.holder && stored.ended === run.ended;
  }
}
