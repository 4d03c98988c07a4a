// `scan`: what the rules say of recorded files, with nothing stored. Each file is a lane of its own, ended with the file.

import { type Anomaly, anomalyTypes } from "../detect/anomaly.ts";
import { noEffects } from "../engine/effects.ts";
import { PartitionState } from "../engine/step.ts";
import { markBatch, pendingBatch } from "../event/batch.ts";
import type { Reject } from "../event/reject.ts";
import { laneOfSource } from "../source/intake.ts";
import { orderedRows } from "../source/ordered.ts";
import { type Prescan, sourceId } from "../source/prescan.ts";
import { anomalyOf, byWindow } from "../store/anomalies.ts";
import { Inputs } from "./inputs.ts";
import type { Shell } from "./shell.ts";
import { anomalyLine, byType, counted, grouped, rejectLine, tellEmpty } from "./words.ts";

const REASONS_SHOWN = 5;

/** What was found in a file. events: rejected lines among them. */
export interface Scanned {
  readonly anomalies: Anomaly[];
  readonly events: number;
  readonly rejected: number;
}

/** Runs the rules over one file. `now`: ms, becomes `detected_at`. */
export function scanFile(file: Prescan, now: number, onReject: (reject: Reject) => void): Scanned {
  const state = new PartitionState(0), lane = laneOfSource(sourceId(file, 0));
  const anomalies: Anomaly[] = [];
  let offset = 0, rejected = 0;
  const step = (batch: ReturnType<typeof pendingBatch>) => {
    const effects = noEffects();
    state.step({ ...batch, firstOffset: offset, arrival: now }, effects);
    offset += batch.count;
    for (const effect of effects.anomalies) if (effect.status === "confirmed") anomalies.push(anomalyOf(effect, now));
  };
  for (const { columns, rejects } of orderedRows(file)) {
    for (const reject of rejects) onReject(reject);
    rejected += rejects.length;
    if (columns.count > 0) step(pendingBatch(columns, lane, 0));
  }
  const events = offset + rejected;
  step(markBatch("end_mark", lane, 0, 0));
  return { anomalies, events, rejected };
}

export async function scanCommand(
  paths: readonly string[],
  { json, column }: { json?: true; column?: readonly string[] },
  shell: Shell,
): Promise<number> {
  const started = performance.now(), now = Date.now();
  using inputs = await Inputs.open(paths, { column });
  const { files } = inputs;
  tellEmpty(files, shell);
  const anomalies: Anomaly[] = [], reasons: string[] = [];
  let events = 0, rejected = 0;
  for (const file of files) {
    const scanned = scanFile(file, now, (reject) => reasons.length < REASONS_SHOWN && reasons.push(rejectLine(file.name, reject)));
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
