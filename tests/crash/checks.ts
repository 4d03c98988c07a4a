// What has to be true of a data folder once all clients have been answered, whatever died meanwhile: read from the folder itself and counted
// another way. Windows are those of the naive recount over the log as it lies in the file.

import assert from "node:assert/strict";
import { systemClock } from "../../src/clock.ts";
import { anomalyTypes } from "../../src/detect/anomaly.ts";
import { columnText, LIVE } from "../../src/event/batch.ts";
import { CLICK, kindNames } from "../../src/event/kind.ts";
import { paths } from "../../src/folder.ts";
import { Duck, lakeRows, readManifest, tables } from "../../src/lake/mod.ts";
import { KvLog } from "../../src/log/kv_log.ts";
import { laneOfSource } from "../../src/source/intake.ts";
import { AnomalyStore } from "../../src/store/anomalies.ts";
import { DeadLetterStore } from "../../src/store/dead_letters.ts";
import { sealedKv } from "../../src/store/sealed.ts";
import { type Expected, line, recount, type StreamEntry } from "../engine/oracle.ts";
import { type Load, type Promised, type Refused, SOURCE } from "./load.ts";

const statuses = ["provisional", "confirmed", "retracted"] as const;

/** What is in the log, by partition, in its order. */
async function streamsOf(data: string, partitions: number): Promise<StreamEntry[][]> {
  const kv = sealedKv(await Deno.openKv(paths.log(data)));
  const log = await KvLog.open(kv, partitions, systemClock);
  try {
    const streams: StreamEntry[][] = [];
    for (let p = 0; p < partitions; p++) {
      const stream: StreamEntry[] = [];
      assert.equal(log.start(p), 0, "nothing was trimmed, so that offsets are places in the stream");
      while (stream.length < log.end(p)) {
        for (const batch of await log.read(p, stream.length)) {
          const { lane, arrival, control, count, kind, eventTime, session, item } = batch;
          assert.ok(control !== "lost", "nothing of the log is lost");
          if (control !== "events") stream.push({ lane, mark: control, time: eventTime[0] });
          else {
            for (let row = 0; row < count; row++) {
              const who = columnText(batch, session, row)!, what = columnText(batch, item, row) ?? "";
              stream.push({ lane, arrival, kind: kind[row], time: eventTime[row], session: who, item: what });
            }
          }
        }
      }
      streams.push(stream);
    }
    return streams;
  } finally {
    log.close();
  }
}

/** The last word on each window, as lines; in order. */
function lastWords({ anomalies }: Expected): string[] {
  const last = new Map<string, { offset: number; text: string }>();
  for (const text of anomalies) {
    const [at, , type, lane, session, start] = text.split("|");
    const key = [type, lane, session, start].join("|"), offset = Number(at);
    if (offset >= (last.get(key)?.offset ?? -1)) last.set(key, { offset, text: text.slice(at.length + 1) });
  }
  return [...last.values()].map(({ text }) => text).sort();
}

/** What was found in windows. */
export interface WindowFigures {
  readonly anomalies: number;
  readonly confirmed: number;
  readonly provisional: number;
  readonly retracted: number;
  readonly late: number;
  /** Sessions of the source that have a confirmed anomaly. */
  readonly flagged: ReadonlySet<string>;
}

/**
 * Anomalies of any status, their evidence and the counts of confirmed ones are those of a naive recount of the log. long: there was enough for
 * both rules to have fired.
 */
export async function checkWindows(data: string, partitions: number, told: string, long = true): Promise<WindowFigures> {
  const expected = (await streamsOf(data, partitions)).map(recount);
  const want = expected.flatMap(lastWords).sort();
  const state = sealedKv(await Deno.openKv(paths.state(data)));
  try {
    const store = await AnomalyStore.open(state, systemClock);
    const found: string[] = [], counts = { confirmed: 0, provisional: 0, retracted: 0 };
    const flagged = new Set<string>();
    for await (const anomaly of store.all(statuses)) {
      const { status, anomaly_type: type, lane, session_id, window_start, click_count, unique_items, event_time, evidence } = anomaly;
      const shown = evidence.map(({ timestamp, item_id, offset }) => ({ time: Date.parse(timestamp), item: String(item_id), offset }));
      const start = Date.parse(window_start), tipped = Date.parse(event_time);
      found.push(line(0, status, type, lane, String(session_id), start, click_count, unique_items, tipped, shown).slice("0|".length));
      counts[status]++;
      if (status === "confirmed" && lane === laneOfSource(SOURCE)) flagged.add(String(session_id));
    }
    assert.deepEqual(found.sort(), want, `${told}: windows`);
    assert.equal(store.total, counts.confirmed, `${told}: the counter of confirmed anomalies`);
    for (const { anomaly_type: type, count } of store.types()) {
      assert.ok(anomalyTypes.includes(type) && (count > 0 || !long), `${told}: both rules have fired`);
      const of = want.filter((text) => text.startsWith(`confirmed|${type}|`)).length;
      assert.equal(count, of, `${told}: the counter of ${type}`);
    }
    return { anomalies: found.length, ...counts, late: expected.reduce((sum, { late }) => sum + late.length, 0), flagged };
  } finally {
    state.close();
  }
}

const asLine = ({ session, time, item, kind, lane }: Promised) => `${lane}|${session}|${time}|${item}|${kindNames[kind]}`;

/** Every promised event is in the lake once, and nothing else is. Returns how many rows there are, and how many are wrong. */
export async function checkLake(
  data: string,
  promised: readonly Promised[],
  told: string,
): Promise<{ rows: number; lost: number; doubled: number }> {
  const kv = sealedKv(await Deno.openKv(paths.state(data)));
  const duck = await Duck.open({ lakeFolder: paths.lake(data), name: "test" });
  try {
    const found: string[] = [];
    for (const table of tables) {
      for await (const rows of lakeRows(duck, await readManifest(kv), table)) {
        for (const { session_id, timestamp, item_id, kind = "purchase", _lane } of rows) {
          const lane = _lane === LIVE ? LIVE : "source";
          found.push(`${lane}|${session_id}|${(timestamp as Date).getTime()}|${item_id}|${kind}`);
        }
      }
    }
    const left = new Map<string, number>();
    for (const event of promised) left.set(asLine(event), (left.get(asLine(event)) ?? 0) + 1);
    for (const row of found) left.set(row, (left.get(row) ?? 0) - 1);
    const wrong = [...left].filter(([, count]) => count !== 0);
    const lost = wrong.filter(([, count]) => count > 0), doubled = wrong.filter(([, count]) => count < 0);
    assert.deepEqual([lost.slice(0, 3), doubled.slice(0, 3)], [[], []], `${told}: ${lost.length} lost, ${doubled.length} doubled`);
    return { rows: found.length, lost: lost.length, doubled: doubled.length };
  } finally {
    duck.close();
    kv.close();
  }
}

/** A refused line of a request with a key is kept once; of one without, at least once and at most as often as it was sent. */
export async function checkDeadLetters(data: string, refused: readonly Refused[], told: string): Promise<number> {
  const kv = sealedKv(await Deno.openKv(paths.state(data)));
  try {
    const store = await DeadLetterStore.open(kv, systemClock);
    const kept = new Map<string, number>(), page = 1000;
    for (let before: number | null = Infinity; before !== null;) {
      const { items, next } = await store.list(page, before);
      for (const { raw } of items) {
        const text = new TextDecoder().decode(raw);
        kept.set(text, (kept.get(text) ?? 0) + 1);
      }
      before = next;
    }
    let all = 0;
    for (const { raw, keyed, tries } of refused) {
      const count = kept.get(raw) ?? 0;
      all += count;
      assert.ok(keyed ? count === 1 : count >= 1 && count <= tries, `${told}: ${raw} was sent ${tries} times and is kept ${count} times`);
    }
    assert.equal([...kept.values()].reduce((sum, count) => sum + count, 0), all, `${told}: no other dead letter`);
    assert.equal(store.refused, all, `${told}: the counter of refused lines`);
    return all;
  } finally {
    kv.close();
  }
}

/** What the server counts of events is what was promised. Returns how many it calls late. */
export async function checkStats(url: string, { promised }: Load, told: string): Promise<number> {
  const stats = await (await fetch(`${url}/stats`)).json();
  const clicks = promised.filter(({ kind }) => kind === CLICK).length;
  assert.deepEqual(
    [stats.total_events, stats.total_clicks, stats.total_purchases],
    [promised.length, clicks, promised.length - clicks],
    `${told}: totals`,
  );
  return stats.late_events;
}
