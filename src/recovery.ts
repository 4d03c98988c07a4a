// What a start found and did, as one value: how the last owner of the folder ended, what it had left unfinished, what was read again, and how
// long that took. Told in a log line and in `/health`. What always holds: each figure is what the part that did the work has counted.
// It decides nothing and reads nothing.

import type { EngineRecovery } from "./engine/runner.ts";
import type { LastEnd } from "./folder.ts";
import type { LakeRecovery } from "./lake/archiver.ts";
import type { IntakeRecovery } from "./source/intake.ts";

/** The steps of a start, in order. */
export const startSteps = ["files", "lake", "stores", "engine", "identity"] as const;
export type StartStep = (typeof startSteps)[number];

/** What a start found and did. Times in seconds, offsets as in the log. */
export interface Recovery {
  readonly last_end: LastEnd;
  readonly seconds: number;
  readonly seconds_by_step: Readonly<Record<StartStep, number>>;
  readonly events_read_again: number;
  readonly batches_read_again: number;
  readonly partitions: readonly {
    readonly partition: number;
    readonly read_from: number;
    readonly bookmark: number;
    readonly log_end: number;
  }[];
  readonly catch_up: { readonly events: number; readonly effects_passed_over: number; readonly seconds: number | null };
  readonly identity: { readonly events_read_again: number; readonly batches_read_again: number; readonly checkpoint_torn: boolean };
  readonly lake: {
    readonly flush_finished: { readonly files: number; readonly rows: number } | null;
    readonly compaction_dropped: boolean;
    readonly unfinished_files_removed: number;
    readonly unlisted_files_moved: number;
    readonly offsets_lost: number;
  };
  readonly runs_interrupted: number;
}

/** What the parts have counted while they were opened. */
export interface Opened {
  readonly lastEnd: LastEnd;
  readonly engine: EngineRecovery;
  readonly intake: IntakeRecovery;
  readonly lake: LakeRecovery;
  readonly runsInterrupted: number;
  /** Monotonic times, ms: of the beginning, and of the end of each step. */
  readonly began: number;
  readonly ended: Readonly<Record<StartStep, number>>;
}

/** What is told of a start; the engine has yet to catch up with the log. */
export function recoveryOf({ lastEnd, engine, intake, lake, runsInterrupted, began, ended }: Opened): Recovery {
  const times = [began, ...startSteps.map((step) => ended[step])];
  const took = startSteps.map((step, i) => [step, seconds(times[i + 1] - times[i])] as const);
  return {
    last_end: lastEnd,
    seconds: seconds(times[times.length - 1] - began),
    seconds_by_step: Object.fromEntries(took) as Record<StartStep, number>,
    events_read_again: engine.events,
    batches_read_again: engine.batches,
    partitions: engine.partitions.map(({ from, bookmark, end }, partition) => ({ partition, read_from: from, bookmark, log_end: end })),
    catch_up: {
      events: engine.partitions.reduce((sum, { bookmark, end }) => sum + end - bookmark, 0),
      effects_passed_over: 0,
      seconds: null,
    },
    identity: { events_read_again: intake.events, batches_read_again: intake.batches, checkpoint_torn: intake.checkpointTorn },
    lake: {
      flush_finished: lake.flushFinished,
      compaction_dropped: lake.compactionDropped,
      unfinished_files_removed: lake.unfinishedFiles,
      unlisted_files_moved: lake.unlistedFiles,
      offsets_lost: lake.offsetsLost,
    },
    runs_interrupted: runsInterrupted,
  };
}

/** The same in the bounded fields of a log line. */
export function recoveryFields(recovery: Recovery): Record<string, string | number | boolean> {
  const { lake, identity, catch_up } = recovery;
  return {
    last_end: recovery.last_end,
    seconds: recovery.seconds,
    events_read_again: recovery.events_read_again,
    batches_read_again: recovery.batches_read_again,
    events_to_catch_up: catch_up.events,
    ids_events_read_again: identity.events_read_again,
    checkpoint_torn: identity.checkpoint_torn,
    flush_finished_files: lake.flush_finished?.files ?? 0,
    flush_finished_rows: lake.flush_finished?.rows ?? 0,
    compaction_dropped: lake.compaction_dropped,
    unfinished_files_removed: lake.unfinished_files_removed,
    unlisted_files_moved: lake.unlisted_files_moved,
    offsets_lost: lake.offsets_lost,
    runs_interrupted: recovery.runs_interrupted,
  };
}

/** Milliseconds as seconds, to the millisecond. */
export function seconds(ms: number): number {
  return Math.round(ms) / 1000;
}
