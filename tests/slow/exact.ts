// What a data folder must hold once all is quiet: each event that was acknowledged once in the log and once in the lake, and the anomalies
// that a plain recount of the log finds, no more and no other.

import assert from "node:assert/strict";
import { systemClock } from "../../src/clock.ts";
import { anomalyStatuses } from "../../src/detect/anomaly.ts";
import { columnText } from "../../src/event/batch.ts";
import { paths } from "../../src/folder.ts";
import { allParts, Duck, readManifest, selectParts } from "../../src/lake/mod.ts";
import { KvLog } from "../../src/log/kv_log.ts";
import { AnomalyStore } from "../../src/store/anomalies.ts";
import { sealedKv } from "../../src/store/sealed.ts";
import { recount, type StreamEntry } from "../engine/oracle.ts";

/** The other end of the range of kinds: what is no click moves time, and is in no window. */
const NO_CLICK = 1;
/** Clicks below which no window of a session can fire. */
const FEW = 50;

/** Checks a folder that nobody has open. events: items 0 to events - 1, each of one event. Returns how many anomalies there are. */
export async function assertExact(data: string, events: number, partitions: number): Promise<number> {
  const state = sealedKv(await Deno.openKv(paths.state(data))),
    duck = await Duck.open({ lakeFolder: paths.lake(data), name: "test" });
  try {
    const parts = allParts(await readManifest(state)).filter(({ table }) => table === "raw_clicks");
    const [rows] = await duck.rows(
      `SELECT count(*)::DOUBLE AS rows, count(DISTINCT item_id)::DOUBLE AS items, max(item_id::BIGINT)::DOUBLE AS last
       FROM (${selectParts(parts, "raw_clicks", paths.lake(data))})`,
    );
    assert.deepEqual(rows, { rows: events, items: events, last: events - 1 }, "each event is in the lake once");
    const anomalies = await AnomalyStore.open(state, systemClock), found: string[] = [];
    for await (const { anomaly_type, session_id, window_start, status, click_count, unique_items } of anomalies.all(anomalyStatuses)) {
      found.push([anomaly_type, session_id, Date.parse(window_start), status, click_count, unique_items].join("|"));
    }
    assert.deepEqual(found.sort(), (await recounted(data, partitions)).sort(), "anomalies are those of the log");
    return found.length;
  } finally {
    duck.close();
    state.close();
  }
}

/** What a recount of the log says of each window that fired. */
async function recounted(data: string, partitions: number): Promise<string[]> {
  const file = sealedKv(await Deno.openKv(paths.log(data))), log = await KvLog.open(file, partitions, systemClock);
  const last = new Map<string, string>();
  for (let p = 0; p < partitions; p++) {
    for (const effect of recount(await entriesOf(log, p)).anomalies.toSorted((a, b) => parseInt(a) - parseInt(b))) {
      const [, status, type, , session, start, clicks, items] = effect.split("|");
      last.set([type, session, start].join("|"), [type, session, start, status, clicks, items].join("|"));
    }
  }
  log.close();
  return [...last.values()];
}

/** The log of a partition. Clicks of sessions that have few are no clicks here: the recount keeps every window of every session. */
async function entriesOf(log: KvLog, partition: number): Promise<StreamEntry[]> {
  const entries: StreamEntry[] = [], clicks = new Map<string, number>();
  for (let next = 0; next < log.end(partition);) {
    for (const batch of await log.read(partition, next)) {
      assert.equal(batch.firstOffset, next, "the log has no gap");
      next += batch.count;
      assert.ok(batch.control !== "lost", "the log holds all that it was given");
      if (batch.control !== "events") {
        entries.push({ lane: batch.lane, mark: batch.control, time: batch.eventTime[0] });
        continue;
      }
      for (let row = 0; row < batch.count; row++) {
        const session = columnText(batch, batch.session, row)!, item = columnText(batch, batch.item, row)!;
        clicks.set(session, (clicks.get(session) ?? 0) + 1);
        entries.push({ lane: batch.lane, arrival: batch.arrival, kind: batch.kind[row], time: batch.eventTime[row], session, item });
      }
    }
  }
  return entries.map((entry) => "mark" in entry || clicks.get(entry.session)! >= FEW ? entry : { ...entry, kind: NO_CLICK });
}
