// `scan`: what the rules say of recorded files, with nothing stored. Each file is a lane of its own, ended with the file.

import { type Anomaly, anomalyTypes } from "../detect/anomaly.ts";
import { type AnomalyEffect, noEffects } from "../engine/effects.ts";
import { PartitionState } from "../engine/step.ts";
import { markBatch, pendingBatch } from "../event/batch.ts";
import type { Reject } from "../event/reject.ts";
import { laneOfSource } from "../source/intake.ts";
import { type ColumnIndexes, indexesOf } from "../source/layout.ts";
import { rowsInOnePass } from "../source/one_pass.ts";
import { type OrderedChunk, orderedRows } from "../source/ordered.ts";
import { closeInput, isParquet, type Prescan, prescanInput, sourceId } from "../source/prescan.ts";
import { anomalyOf, byWindow } from "../store/anomaly_record.ts";
import type { Shell } from "./shell.ts";
import { anomalyLine, byType, counted, grouped, rejectLine, tellEmpty } from "./words.ts";

const REASONS_SHOWN = 5;

/** What the lane of a file is called while its name, which is made of all of the file, is not known. */
const UNNAMED_LANE = "replay";

/**
 * What was found in a file. events: rejected lines among them. Where it was read in brief, anomalies have no evidence, and their ids and lane
 * are not those that a replay of the file gives.
 */
export interface Scanned {
  readonly file: Prescan;
  readonly anomalies: Anomaly[];
  readonly events: number;
  readonly rejected: number;
}

/** Runs the rules over one file that was read before. `now`: ms, becomes `detected_at`. */
export function scanFile(file: Prescan, now: number, onReject: (reject: Reject) => void): Scanned {
  return scanned(twoPasses(file), now, onReject)!;
}

/**
 * As `scanFile`, for a file that was not read before: one of lines that is nearly in order is read once, others twice. refused: the first
 * rejects. brief: whether what anomalyLine shows is enough.
 */
export async function scanPath(
  path: string,
  indexes: ColumnIndexes | null,
  now: number,
  brief = false,
): Promise<Scanned & { readonly refused: readonly Reject[] }> {
  const refused: Reject[] = [], onReject = (reject: Reject) => void (refused.length < REASONS_SHOWN && refused.push(reject));
  if (!isParquet(path)) {
    const found = scanned(rowsInOnePass(path, { indexes, hashed: !brief }), now, onReject, brief);
    if (found !== null) return { ...found, refused };
    refused.length = 0; // The second try meets them again.
  }
  const file = await prescanInput(path, { indexes });
  try {
    return { ...scanFile(file, now, onReject), refused };
  } finally {
    closeInput(file);
  }
}

function* twoPasses(file: Prescan): Generator<OrderedChunk, Prescan> {
  yield* orderedRows(file);
  return file;
}

/** Runs the rules over the chunks of one file; null where they turn out to be void. */
function scanned(
  chunks: Generator<OrderedChunk, Prescan | null>,
  now: number,
  onReject: (reject: Reject) => void,
  brief = false,
): Scanned | null {
  const state = new PartitionState(0, { confirmedAlone: true, withoutEvidence: brief }), confirmed: AnomalyEffect[] = [];
  let offset = 0, rejected = 0;
  const step = (batch: ReturnType<typeof pendingBatch>) => {
    const effects = noEffects();
    state.step({ ...batch, firstOffset: offset, arrival: now }, effects);
    offset += batch.count;
    for (const effect of effects.anomalies) confirmed.push(effect);
  };
  let next = chunks.next();
  for (; !next.done; next = chunks.next()) {
    const { columns, rejects } = next.value;
    for (const reject of rejects) onReject(reject);
    rejected += rejects.length;
    if (columns.count > 0) step(pendingBatch(columns, UNNAMED_LANE, 0));
  }
  const file = next.value;
  if (file === null) return null;
  const events = offset + rejected, lane = brief ? UNNAMED_LANE : laneOfSource(sourceId(file, 0));
  step(markBatch("end_mark", UNNAMED_LANE, 0, 0));
  return { file, anomalies: confirmed.map((effect) => anomalyOf({ ...effect, lane }, now)), events, rejected };
}

export async function scanCommand(
  paths: readonly string[],
  { json, column }: { json?: true; column?: readonly string[] },
  shell: Shell,
): Promise<number> {
  const started = performance.now(), now = Date.now();
  const indexes = column === undefined || column.length === 0 ? null : indexesOf(column);
  const anomalies: Anomaly[] = [], reasons: string[] = [];
  let events = 0, rejected = 0;
  for (const path of paths) {
    const scanned = await scanPath(path, indexes, now, !json);
    tellEmpty([scanned.file], shell);
    for (const reject of scanned.refused) if (reasons.length < REASONS_SHOWN) reasons.push(rejectLine(scanned.file.name, reject));
    events += scanned.events;
    rejected += scanned.rejected;
    for (const anomaly of scanned.anomalies) anomalies.push(anomaly);
  }
  for (const anomaly of anomalies.sort(byWindow)) shell.out(json ? JSON.stringify(anomaly) : anomalyLine(anomaly));
  const seconds = (performance.now() - started) / 1000;
  for (const reason of reasons) shell.err(reason);
  if (rejected > reasons.length) shell.err(`... and ${grouped(rejected - reasons.length)} more`);
  const counts = Object.fromEntries(
    anomalyTypes.map((type) => [type, anomalies.filter(({ anomaly_type }) => anomaly_type === type).length]),
  );
  const rate = `${seconds.toFixed(1)} s, ${grouped(Math.round(events / seconds))} events/s`;
  shell.err(
    `${counted(events, "event")}, ${grouped(rejected)} rejected; ${counted(anomalies.length, "anomaly", "anomalies")}: ${
      byType(counts)
    }; ${rate}`,
  );
  return 0;
}
