// A replay that was stopped in the middle leaves windows open, for nobody knows when it goes on. So that their clicks do not hold the whole
// log behind them, the few batches that open windows need are copied into `state`, and a restart reads them from there.
// What always holds: the bookmark names them by number, and no number is used twice; what no bookmark names is swept.

import { decode, encode, seal } from "../event/codec.ts";
import type { EventBatch } from "../event/batch.ts";
import type { EventLog } from "../log/log.ts";
import { commit, deleteAll } from "../store/commit.ts";
import { stateKeys } from "../store/keys.ts";
import type { Lane } from "./lane.ts";
import type { PartitionState } from "./step.ts";

const PAGES_PER_COMMIT = 8;

/** Copies what the open windows of a lane need out of the log. The bookmark that follows makes it count. */
export async function park(kv: Deno.Kv, log: EventLog, state: PartitionState, lane: Lane): Promise<void> {
  const { partition } = state;
  const batches = (await parkedBatches(kv, partition, lane)).filter((batch) => reaches(batch, lane));
  for (let at = lane.oldestNeeded ?? state.position; at < state.position;) {
    const read = await log.read(partition, at);
    for (const batch of read) if (batch.lane === lane.name && batch.control === "events" && reaches(batch, lane)) batches.push(batch);
    const last = read[read.length - 1];
    at = last.firstOffset + last.count;
  }
  for (let from = 0; from < batches.length; from += PAGES_PER_COMMIT) {
    const sets = batches.slice(from, from + PAGES_PER_COMMIT).map((batch, i) => ({
      key: stateKeys.parked(partition, lane.name, lane.parked.to + from + i),
      value: stored(batch),
    }));
    await commit(kv, { sets });
  }
  lane.parked = { from: lane.parked.to, to: lane.parked.to + batches.length };
  lane.releaseBefore(state.position);
}

/** Fills the windows of all parked lanes again after a restart. */
export async function refillParked(kv: Deno.Kv, state: PartitionState): Promise<void> {
  for (const lane of state.lanes.values()) for (const batch of await parkedBatches(kv, state.partition, lane)) state.refill(batch);
}

/** Deletes the pages of a partition that its lanes do not name. */
export async function sweepParked(kv: Deno.Kv, state: PartitionState): Promise<void> {
  const gone: Deno.KvKey[] = [];
  for await (const { key } of kv.list({ prefix: stateKeys.parkedOf(state.partition) })) {
    const lane = state.lanes.get(key[2] as string);
    const number = key[3] as number;
    if (lane === undefined || number < lane.parked.from || number >= lane.parked.to) gone.push(key);
  }
  await deleteAll(kv, gone);
}

async function parkedBatches(kv: Deno.Kv, partition: number, lane: Lane): Promise<EventBatch[]> {
  const batches: EventBatch[] = [];
  for (let page = lane.parked.from; page < lane.parked.to; page++) {
    const { value } = await kv.get<Uint8Array>(stateKeys.parked(partition, lane.name, page));
    if (value !== null) batches.push(decode(value));
  }
  return batches;
}

function reaches(batch: EventBatch, lane: Lane): boolean {
  for (let row = 0; row < batch.count; row++) if (batch.eventTime[row] >= lane.oldestOpen) return true;
  return false;
}

function stored(batch: EventBatch): Uint8Array {
  const bytes = encode(batch);
  seal(bytes, batch.firstOffset, batch.arrival);
  return bytes;
}
