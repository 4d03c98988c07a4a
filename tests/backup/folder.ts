// What a data folder that nobody has open holds, read from its files: the log as lines by partition, the lake's rows as the same lines by
// offset, what people said and what was refused.

import assert from "node:assert/strict";
import { systemClock } from "../../src/clock.ts";
import { columnText } from "../../src/event/batch.ts";
import { kindNames } from "../../src/event/kind.ts";
import { paths } from "../../src/folder.ts";
import { Duck, lakeRows, readManifest, tables, type Verified, verifyLake } from "../../src/lake/mod.ts";
import { KvLog } from "../../src/log/kv_log.ts";
import { DeadLetterStore } from "../../src/store/dead_letters.ts";
import { sealedKv } from "../../src/store/sealed.ts";
import type { ShopEvent } from "../jobs/shop.ts";

export const PARTITIONS = 4;

/** An entry of the log: a line of text that tells it, and the event that it is. */
export interface Entry {
  readonly text: string;
  /** Null: a mark. */
  readonly event: ShopEvent | null;
}

const lineOf = (lane: string, kind: string, time: number, session: unknown, item: unknown) => `${lane}|${kind}|${time}|${session}|${item}`;

/** What is in the log, by partition; an entry's place is its offset. */
export async function logOf(data: string): Promise<Entry[][]> {
  const log = await KvLog.open(sealedKv(await Deno.openKv(paths.log(data))), PARTITIONS, systemClock);
  try {
    const all: Entry[][] = [];
    for (let p = 0; p < PARTITIONS; p++) {
      const entries: Entry[] = [];
      assert.equal(log.start(p), 0, "nothing was trimmed, so that offsets are places");
      while (entries.length < log.end(p)) {
        for (const batch of await log.read(p, entries.length)) {
          for (let row = 0; row < batch.count; row++) {
            const { lane, control, purchase, session, item, category } = batch, kind = batch.kind[row], time = batch.eventTime[row];
            const who = columnText(batch, session, row), what = columnText(batch, item, row);
            const event: ShopEvent = {
              kind,
              time,
              session: who!,
              item: what,
              category: columnText(batch, category, row),
              price: purchase?.price[row] || 0,
              quantity: purchase?.quantity[row] || 0,
              currency: columnText(batch, purchase?.currency, row),
            };
            const isEvent = control === "events";
            entries.push({ text: lineOf(lane, isEvent ? kindNames[kind] : control, time, who, what), event: isEvent ? event : null });
          }
        }
      }
      all.push(entries);
    }
    return all;
  } finally {
    log.close();
  }
}

/** The lake's rows, each as `partition/offset` and its line; and what verify says. */
export async function lakeOf(data: string): Promise<{ rows: Map<string, string>; doubled: number; verified: Verified }> {
  using file = await Deno.openKv(paths.state(data));
  const kv = sealedKv(file), duck = await Duck.open({ lakeFolder: paths.lake(data), name: "test" });
  try {
    const rows = new Map<string, string>();
    let doubled = 0;
    const manifest = await readManifest(kv);
    for (const table of tables) {
      for await (const some of lakeRows(duck, manifest, table)) {
        for (const { _partition, _offset, _lane, kind = "purchase", timestamp, session_id, item_id } of some) {
          const place = `${_partition}/${_offset}`;
          if (rows.has(place)) doubled++;
          rows.set(place, lineOf(String(_lane), String(kind), (timestamp as Date).getTime(), session_id, item_id));
        }
      }
    }
    return { rows, doubled, verified: await verifyLake({ kv, duck }) };
  } finally {
    duck.close();
  }
}

/** Raw texts of dead letters, oldest first, and sessions with a verdict. */
export async function saidOf(data: string): Promise<{ refused: string[]; judged: string[] }> {
  using file = await Deno.openKv(paths.state(data));
  const kv = sealedKv(file), store = await DeadLetterStore.open(kv, systemClock);
  const refused: string[] = [], judged: string[] = [];
  for (let before: number | null = Infinity; before !== null;) {
    const { items, next } = await store.list(1000, before);
    refused.push(...items.map(({ raw }) => new TextDecoder().decode(raw)));
    before = next;
  }
  for await (const { key } of kv.list({ prefix: ["feedback"] })) judged.push(String(key[1]));
  return { refused: refused.reverse(), judged };
}

/** Every file below a folder, as paths within it, in order. */
export function filesBelow(folder: string, within = ""): string[] {
  const found: string[] = [];
  for (const { name, isDirectory } of Deno.readDirSync(`${folder}/${within}`)) {
    const path = within === "" ? name : `${within}/${name}`;
    found.push(...isDirectory ? filesBelow(folder, path) : [path]);
  }
  return found.sort();
}

export const paced = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
