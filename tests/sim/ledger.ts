// Watches what lands in both KV files while a simulated product runs, and says at once what must never be there: a feed number twice, an
// anomaly that forgets when it was first seen, a hole or an overlap in the log, a position that goes back.

import type { Mutation } from "./memory_kv.ts";

type Stored = { id: string; detected: number };
type End = { nextOffset: number; nextSeq: number };

export class Ledger {
  /** What was found wrong. */
  readonly faults: string[] = [];
  /** Every batch that ever was in the log, by partition and number; trimming takes nothing away here. */
  readonly batches: Uint8Array[][] = [];
  /** Changes of anomalies that were committed. */
  changes = 0;
  readonly #detected = new Map<string, number>();
  readonly #ends: End[] = [];
  readonly #told = new Map<number, string>();
  #feed = 0;
  #positions = new Map<string, number>();

  /** A commit of the log's file. */
  log(mutations: readonly Mutation[]): void {
    for (const { key, set, value } of mutations) {
      const [what, partition, seq] = key as [string, number, number];
      if (!set || (what !== "log" && what !== "end")) continue;
      if (what === "log") {
        const batches = this.batches[partition] ??= [];
        if (seq !== batches.length) this.#fault(`batch ${seq} of partition ${partition} was appended, and ${batches.length} is the next`);
        batches.push((value as Uint8Array).slice());
      } else {
        const end = value as End, before = this.#ends[partition] ?? { nextOffset: 0, nextSeq: 0 };
        if (end.nextOffset <= before.nextOffset) {
          this.#fault(`the end of partition ${partition} went from ${before.nextOffset} to ${end.nextOffset}`);
        }
        this.#ends[partition] = { ...end };
      }
    }
  }

  /** A commit of the other file. */
  state(mutations: readonly Mutation[]): void {
    let changes = 0, feed: number | null = null;
    for (const { key, set, value } of mutations) {
      if (!set) continue;
      const what = key[0];
      if (what === "feed") feed = value as number;
      else if (what === "engine") this.#position(`bookmark of partition ${String(key[1])}`, (value as { position: number }).position);
      else if (what === "manifest") {
        (value as { covered: number[] }).covered.forEach((covered, p) => this.#position(`lake of partition ${p}`, covered));
      } else if (what === "anomaly") {
        changes++;
        const { id, detected } = value as Stored, before = this.#detected.get(id) ?? detected;
        if (before !== detected) this.#fault(`anomaly ${id} was first seen at ${before}, and then at ${detected}`);
        this.#detected.set(id, detected);
      }
    }
    if (changes === 0 && feed === null) return;
    if (feed !== this.#feed + changes) this.#fault(`${changes} changes of anomalies took the feed from ${this.#feed} to ${feed}`);
    this.changes += changes;
    this.#feed = feed ?? this.#feed;
  }

  /** A change that a follower of the feed was told. */
  told(feed: number, what: string): void {
    const before = this.#told.get(feed);
    if (before !== undefined) this.#fault(`the feed's number ${feed} was told for ${before} and for ${what}`);
    if (feed > this.#feed) this.#fault(`the feed's number ${feed} was told before it was stored`);
    this.#told.set(feed, what);
  }

  #position(what: string, to: number): void {
    if (to < (this.#positions.get(what) ?? 0)) this.#fault(`the ${what} went back from ${this.#positions.get(what)} to ${to}`);
    this.#positions.set(what, to);
  }

  #fault(what: string): void {
    if (this.faults.length < 20) this.faults.push(what);
  }
}
