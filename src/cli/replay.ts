// `replay`: recorded files into a data folder, or into a running server. Stopping it and starting it again goes on where it stopped.

import { createHash } from "node:crypto";
import { systemClock } from "../clock.ts";
import type { Settings } from "../config.ts";
import { anomalyTypes } from "../detect/anomaly.ts";
import { GuardianError } from "../errors.ts";
import { ownerOf } from "../folder.ts";
import type { Guardian } from "../guardian.ts";
import { HttpSink } from "../source/http_sink.ts";
import { laneOfSource } from "../source/intake.ts";
import { forgetShift, keptShift, LocalSink } from "../source/local_sink.ts";
import { type Prescan, sourceId } from "../source/prescan.ts";
import { replay, type ReplayResult, type ReplaySink } from "../source/replay.ts";
import { type InputFlags, Inputs } from "./inputs.ts";
import { ledgerPath, writeLedger } from "./ledger.ts";
import { progressBar } from "./progress.ts";
import { quietLogLine } from "./quiet.ts";
import { askServer, headersFor, type Remote, serverAt } from "./remote.ts";
import { openGuardian } from "./serve.ts";
import { type Shell, sleep } from "./shell.ts";
import { byType, counted, grouped, tellEmpty } from "./words.ts";

export interface ReplayFlags extends InputFlags {
  readonly url?: string;
  readonly maxEvents?: string;
  readonly replaySpeed?: string;
  readonly csvPath?: string;
  readonly rebase?: string;
  readonly ledger?: string;
  readonly json?: true;
}

/** Where rows go, and what is asked there before and after. */
interface Target {
  readonly sink: ReplaySink;
  /** Late events counted there, ever. */
  late(): Promise<number>;
  /** Resolves when all that was sent is processed. */
  settled(): Promise<void>;
  /** Confirmed anomalies of sources, by type. */
  anomalies(sources: readonly string[]): Promise<Record<string, number>>;
  /** The shift for files whose last event is at `lastTime`, ms; `files` names them. */
  shift(files: string, lastTime: number): Promise<number>;
  finished(files: string, lastTime: number): Promise<void>;
}

const INTERRUPTED = 130;
const SETTLE_MS = 100, SETTLE_TRIES = 300;

export async function replayCommand(given: readonly string[], flags: ReplayFlags, settings: Settings, shell: Shell): Promise<number> {
  const paths = flags.csvPath === undefined ? given : [...given, flags.csvPath];
  if (paths.length === 0) throw new GuardianError("usage", "Cannot replay: no file is named; give one or several");
  const options = { maxEvents: maxEventsOf(flags.maxEvents), replaySpeed: speedOf(flags.replaySpeed) };
  if (flags.rebase !== undefined && flags.rebase !== "now") {
    throw new GuardianError("usage", `Cannot rebase to "${flags.rebase}": the one word here is now`);
  }
  if (flags.ledger !== undefined && flags.anomalyInterval === undefined) {
    throw new GuardianError("usage", "Cannot write a ledger: it is of made-up anomalies, which --anomaly-interval asks for");
  }
  using inputs = await Inputs.open(paths, flags);
  const { files } = inputs;
  tellEmpty(files, shell);
  const stop = new AbortController();
  let signals = 0;
  const unhandle = shell.onStop(() => {
    if (++signals > 1) shell.exitNow(INTERRUPTED);
    stop.abort(new GuardianError("shutting_down", "Cannot go on: stopped by a signal"));
  });
  const bar = progressBar(flags.json === undefined && shell.errorColumns !== null);
  const run = async (target: Target) => {
    const rebase = flags.rebase !== undefined;
    const ledger = flags.anomalyInterval === undefined ? null : flags.ledger ?? ledgerPath(settings.data);
    const { result, figures } = await replayInto(target, files, rebase, ledger, {
      ...options,
      signal: stop.signal,
      onProgress: bar.update,
    });
    bar.stop();
    if (flags.json) shell.out(JSON.stringify(figures));
    else tell(result, figures, flags, settings, shell);
    return stop.signal.aborted ? INTERRUPTED : 0;
  };
  try {
    if (flags.url !== undefined) return await run(serverTarget(await serverAt(flags.url, settings), stop.signal));
    return await withFolder(settings, shell, (guardian) => run(folderTarget(guardian)));
  } finally {
    bar.stop();
    unhandle();
  }
}

interface Figures {
  readonly events: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly duplicates: number;
  readonly late: number;
  readonly anomalies: Record<string, number>;
  readonly seconds: number;
}

async function replayInto(
  target: Target,
  files: readonly Prescan[],
  rebase: boolean,
  ledger: string | null,
  options: Pick<Parameters<typeof replay>[0], "maxEvents" | "replaySpeed" | "signal" | "onProgress">,
): Promise<{ result: ReplayResult; figures: Figures }> {
  const names = createHash("sha256").update(files.map((file) => sourceId(file, 0)).sort().join()).digest("hex");
  const lastTime = Math.max(...files.filter(({ rows }) => rows > 0).map(({ lastTime }) => lastTime));
  const shiftMs = rebase && lastTime > -Infinity ? await target.shift(names, lastTime) : 0;
  // Before the first row goes, so that it is there whatever happens on the way.
  if (ledger !== null) writeLedger(ledger, files, shiftMs);
  const started = performance.now(), lateBefore = await target.late();
  const result = await replay({ files, sink: target.sink, clock: systemClock, sleep, shiftMs, ...options });
  await target.settled();
  if (result.finished && rebase) await target.finished(names, lastTime);
  const { events, accepted, rejected, duplicates } = result;
  const late = await target.late() - lateBefore;
  const anomalies = await target.anomalies(files.map((file) => sourceId(file, shiftMs)));
  const seconds = Math.round(performance.now() - started) / 1000;
  return { result, figures: { events, accepted, rejected, duplicates, late, anomalies, seconds } };
}

async function withFolder<T>(settings: Settings, shell: Shell, work: (guardian: Guardian) => Promise<T>): Promise<T> {
  const owner = await ownerOf(settings.data);
  if (owner !== null && owner.address !== null) {
    throw new GuardianError(
      "folder_in_use",
      `Cannot replay into the data folder "${settings.data}": a server at ${owner.address} has it; send to that with --url ${owner.address}`,
    );
  }
  const guardian = await openGuardian(settings, quietLogLine(settings, shell));
  try {
    guardian.start({ shown: false });
    return await work(guardian);
  } finally {
    await guardian.stop();
  }
}

function folderTarget(guardian: Guardian): Target {
  return {
    sink: new LocalSink(guardian),
    late: () => Promise.resolve(guardian.engine.counters.late),
    settled: () => guardian.caughtUp(),
    anomalies: (sources) => guardian.anomalies.countsOf(new Set(sources.map(laneOfSource))),
    shift: (files, lastTime) => keptShift(guardian.state, files, lastTime, systemClock),
    finished: (files) => forgetShift(guardian.state, files),
  };
}

/** A server that is sent the rows keeps the shift as a folder does. */
function serverTarget(remote: Remote, signal: AbortSignal): Target {
  const sink = new HttpSink({ url: remote.url, clock: systemClock, sleep, signal, headers: headersFor(remote) });
  return {
    sink,
    late: async () => (await (await askServer(remote, "GET", "/stats")).json()).late_events,
    async settled() {
      // Figures are asked for when the engine there has seen all that was sent, or seems to be unable to.
      for (let tries = 0; tries < SETTLE_TRIES && !signal.aborted; tries++) {
        const { lag_events } = await (await askServer(remote, "GET", "/health")).json();
        if (lag_events.engine === 0) return;
        await sleep(SETTLE_MS, signal);
      }
    },
    anomalies: async (sources) => {
      const sums: Record<string, number> = Object.fromEntries(anomalyTypes.map((type) => [type, 0]));
      for (const source of sources) {
        const response = await askServer(remote, "GET", `/sources/${source}`).catch((thrown) => {
          // Nothing of an empty file is there.
          if (thrown instanceof GuardianError && thrown.code === "not_found") return null;
          throw thrown;
        });
        for (const [type, count] of Object.entries<number>((await response?.json())?.anomalies ?? {})) sums[type] += count;
      }
      return sums;
    },
    shift: async (files, lastTime) =>
      (await (await askServer(remote, "POST", `/sources/${files}/shift?last_event_time=${lastTime}`)).json()).shift_ms,
    finished: async (files, lastTime) => {
      await (await askServer(remote, "POST", `/sources/${files}/shift?last_event_time=${lastTime}&finished=true`)).body?.cancel();
    },
  };
}

function maxEventsOf(given: string | undefined): number | undefined {
  if (given === undefined) return undefined;
  if (/^\d{1,15}$/.test(given)) return Number(given);
  throw new GuardianError("usage", `Cannot replay "${given}" events: give --max-events a whole number`);
}

function speedOf(given: string | undefined): number | "max" {
  if (given === undefined || given === "max") return "max";
  if (/^\d+(\.\d+)?$/.test(given) && Number(given) > 0) return Number(given);
  throw new GuardianError("usage", `Cannot replay at speed "${given}": give --replay-speed a number above 0, or max`);
}

function tell(result: ReplayResult, figures: Figures, flags: ReplayFlags, settings: Settings, shell: Shell): void {
  const { events, accepted, rejected, duplicates, late, anomalies, seconds } = figures;
  const rate = grouped(Math.round(events / Math.max(seconds, 0.001)));
  shell.out(`Replayed ${counted(events, "event")} in ${seconds.toFixed(1)} s, ${rate} a second.`);
  shell.out(`${grouped(accepted)} accepted, ${grouped(duplicates)} there already, ${grouped(rejected)} rejected, ${grouped(late)} late.`);
  if (rejected > 0) shell.out("Rejected lines are kept with the reason: GET /dead_letters of a server on that data folder shows them.");
  shell.out(`Anomalies: ${byType(anomalies)}.`);
  if (flags.anomalyInterval !== undefined) shell.out(`Those that were made up: ${flags.ledger ?? ledgerPath(settings.data)}`);
  const where = flags.url === undefined
    ? `deno task start anomalies --data ${settings.data}`
    : `${flags.url.replace(/(?<!\/)\/+$/, "")}/anomalies`;
  shell.out(
    result.finished
      ? `See them: ${where}`
      : flags.maxEvents === undefined
      ? "It stopped before the end of the input; the same command goes on from there."
      : `It took the first ${flags.maxEvents} events; the same command with more of them, or without --max-events, goes on from there.`,
  );
}
