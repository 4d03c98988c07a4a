// The running product over one data folder: it owns the log, both readers and the stores, starts them in the right order, and stops them so
// that nothing is left half done. It knows nothing of HTTP or of the command line.

import { Tokens } from "./access/tokens.ts";
import type { Clock } from "./clock.ts";
import { Damage, type Damaged } from "./damage.ts";
import { GuardianError, reasonOf } from "./errors.ts";
import { CLICK, kindNames, PURCHASE } from "./event/kind.ts";
import { EngineRunner } from "./engine/runner.ts";
import { IdleMarks } from "./engine/idle_marks.ts";
import { Folder, paths } from "./folder.ts";
import { Archiver } from "./lake/archiver.ts";
import { compactLake, deleteRetired } from "./lake/compact.ts";
import { Duck } from "./lake/duckdb.ts";
import { readRoot } from "./lake/manifest.ts";
import { WholeFiles } from "./lake/whole.ts";
import type { Progress } from "./log/log.ts";
import { LiveShop } from "./live/shop.ts";
import { defaultRetention, KvLog, type Retention } from "./log/kv_log.ts";
import { type LostOffsets, lostOffsets } from "./log/lost.ts";
import { limits } from "./limits.ts";
import type { LogLine } from "./log_line.ts";
import { type Recovery, recoveryFields, recoveryOf, seconds } from "./recovery.ts";
import { targetDigest, type WebhookHealth, WebhookSender, type WebhookTarget } from "./notify/webhook.ts";
import { Intake } from "./source/intake.ts";
import { mendOf, storageFailing } from "./storage_failure.ts";
import { AnomalyStore } from "./store/anomalies.ts";
import { DeadLetterStore } from "./store/dead_letters.ts";
import { FeedbackStore } from "./store/feedback.ts";
import { LateEventStore } from "./store/late_events.ts";
import { Outbox } from "./store/outbox.ts";
import { ResultStore } from "./store/results.ts";
import { assertTogether } from "./together.ts";
import { keyText, sealedKv } from "./store/sealed.ts";
import { RunStore } from "./store/runs.ts";
import { tellingKv } from "./store/telling_kv.ts";

export interface GuardianOptions {
  readonly data: string;
  readonly clock: Clock;
  readonly logLine: LogLine;
  /** For a folder that is made new. */
  readonly partitions: number;
  /** Make the folder where there is none. */
  readonly make?: boolean;
  /** Longest time that a row waits to be archived, ms. */
  readonly archiveIntervalMs?: number;
  /** How long live events may wait to share a commit, ms. */
  readonly lingerMs?: number;
  readonly retention?: Retention;
  /** Between two rounds of compaction and of clearing away what is too old or too much, s. */
  readonly sweepEveryS?: number;
  /** Where confirmed anomalies of the live lane are sent; null or left out: nowhere. */
  readonly webhook?: WebhookTarget | null;
}

/** How long a stop waits for the engine. */
const DRAIN_MS = 60_000;
const TICK_MS = 1_000;
const TRIM_TICKS = 10;
const SWEEP_EVERY_S = 60;

/** State of one part in `/health`: fit, or why not. */
export type PartState = { readonly status: "ok" } | { readonly status: "failing"; readonly reason: string };

export class Guardian {
  readonly #stopping = new AbortController();
  #loops: Promise<void>[] = [];
  #timer: ReturnType<typeof setInterval> | undefined;
  #ticking: Promise<void> | null = null;
  #ticks = 0;
  #fatal: string | null = null;
  readonly #idle: IdleMarks;
  /** What goes on in the shop now. */
  readonly shop: LiveShop;

  private constructor(
    readonly options: GuardianOptions,
    readonly folder: Folder,
    readonly state: Deno.Kv,
    readonly duck: Duck,
    readonly log: KvLog,
    readonly intake: Intake,
    readonly engine: EngineRunner,
    readonly archiver: Archiver,
    readonly anomalies: AnomalyStore,
    readonly deadLetters: DeadLetterStore,
    readonly lateEvents: LateEventStore,
    readonly feedback: FeedbackStore,
    readonly webhook: WebhookSender | null,
    readonly tokens: Tokens,
    /** What the start found and did. */
    private recovered: Recovery,
    /** Stored data that was met damaged. */
    readonly damage: Damage,
    /** Part files that were found whole. */
    readonly whole: WholeFiles,
    /** The file that the log lies in. */
    readonly logFile: Deno.Kv,
  ) {
    this.#idle = new IdleMarks(
      {
        partitions: log.partitions,
        live: (p) => engine.live(p),
        caughtUp: (p) => engine.position(p) === log.end(p),
        lastLive: (p) => intake.lastLive[p],
        mark: (p, time) => intake.mark(p, time),
      },
      options.clock,
    );
    const { clock, logLine } = options;
    this.shop = new LiveShop({ log, anomalies, clock, logLine, verdictOf: (session) => feedback.verdictOf(session) });
  }

  /** Takes the folder and brings everything to where it was. Throws what Folder.take throws, `corrupt` and `storage_failing`. */
  static async open(options: GuardianOptions): Promise<Guardian> {
    const { data, clock, logLine } = options;
    const began = clock.monotonic();
    const folder = await Folder.take(data, options.partitions, options.make);
    const opened: { close(): void }[] = [{ close: () => folder.release() }];
    try {
      const damage = new Damage(logLine);
      const whole = new WholeFiles(clock, (file, wrong) => wrong === null ? damage.mended(file) : damage.tell(file, wrong));
      const logFile = await openKv(paths.log(data), damage);
      opened.push(logFile);
      const state = await openKv(paths.state(data), damage);
      opened.push(state);
      const onLost = (lost: LostOffsets) => damage.tell(lostOffsets(lost), lost.reason);
      const log = await KvLog.open(logFile, folder.partitions, clock, options.retention ?? defaultRetention, onLost);
      await assertTogether(log, state, paths.lake(data));
      const duck = await Duck.open({ lakeFolder: paths.lake(data), name: "archiver" });
      opened.push(duck);
      const files = clock.monotonic();
      const archiver = new Archiver({ log, kv: state, duck, clock, logLine, intervalMs: options.archiveIntervalMs });
      await archiver.recover();
      const lake = clock.monotonic();
      const runsInterrupted = await new RunStore(state).interrupted();
      const target = options.webhook ?? null;
      const outbox = target && await Outbox.open(state, { clock, logLine, target: targetDigest(target) });
      const anomalies = await AnomalyStore.open(state, clock, limits.anomaliesMax, outbox);
      const feedback = await FeedbackStore.open(state, clock);
      anomalies.verdictOf = (session) => feedback.verdictOf(session);
      const lateEvents = await LateEventStore.open(state);
      const deadLetters = await DeadLetterStore.open(state, clock);
      const tokens = await Tokens.open(state, clock);
      const stores = clock.monotonic();
      const engine = await EngineRunner.open(log, state, anomalies, lateEvents, clock, logLine);
      const windows = clock.monotonic();
      const readers: Progress[] = [engine, archiver];
      const intake = await Intake.open(log, state, clock, readers, logLine, options.lingerMs);
      const webhook = target && outbox && new WebhookSender({ target, outbox, anomalies, clock, logLine });
      const recovery = recoveryOf({
        lastEnd: folder.lastEnd,
        engine: engine.recovery,
        intake: intake.recovery,
        lake: archiver.recovery,
        runsInterrupted,
        began,
        ended: { files, lake, stores, engine: windows, identity: clock.monotonic() },
      });
      logLine("info", "recovered", recoveryFields(recovery));
      return new Guardian(
        options,
        folder,
        state,
        duck,
        log,
        intake,
        engine,
        archiver,
        anomalies,
        deadLetters,
        lateEvents,
        feedback,
        webhook,
        tokens,
        recovery,
        damage,
        whole,
        logFile,
      );
    } catch (failure) {
      for (const part of opened.reverse()) part.close();
      if (failure instanceof GuardianError) throw failure;
      throw storageFailing(`open the data folder "${data}"`, failure);
    }
  }

  /** Sets the readers and the housekeeping going. shown: whether somebody looks at what goes on in the shop now. */
  start({ shown = true } = {}): void {
    const { signal } = this.#stopping;
    const watched = (name: string, loop: Promise<void>) =>
      loop.catch((failure) => {
        this.#fatal = `${name}: ${reasonOf(failure)}`;
        this.options.logLine("error", "reader_stopped", { reader: name, reason: reasonOf(failure) });
      });
    this.#loops = [watched("engine", this.engine.run(signal)), watched("archiver", this.archiver.run(signal))];
    if (shown) this.#loops.push(this.shop.run(signal));
    this.#loops.push(this.#tellCaughtUp());
    this.webhook?.start();
    this.#timer = setInterval(() => this.#ticking ??= this.#tick().finally(() => this.#ticking = null), TICK_MS);
  }

  /** Tells once the engine has gone over what lay behind its bookmarks at the start. */
  async #tellCaughtUp(): Promise<void> {
    const { clock, logLine } = this.options;
    const began = clock.monotonic();
    try {
      await this.caughtUp();
    } catch {
      return; // the engine has stopped, and said why
    }
    if (this.#stopping.signal.aborted) return;
    const caughtUp = { ...this.recovery.catch_up, seconds: seconds(clock.monotonic() - began) };
    this.recovered = { ...this.recovered, catch_up: caughtUp };
    if (caughtUp.events > 0) logLine("info", "caught_up", caughtUp);
  }

  /** What the start found and did, and how the engine is catching up. */
  get recovery(): Recovery {
    const { catch_up } = this.recovered;
    if (catch_up.seconds !== null) return this.recovered;
    return { ...this.recovered, catch_up: { ...catch_up, effects_passed_over: this.anomalies.passedOver } };
  }

  async #tick(): Promise<void> {
    this.#ticks++;
    try {
      await this.#idle.tick();
      await this.intake.checkpoint();
      if (this.#ticks % TRIM_TICKS === 0) await this.trim();
      if (this.#ticks % (this.options.sweepEveryS ?? SWEEP_EVERY_S) === 0) await this.#sweep();
    } catch (failure) {
      if (this.#stopping.signal.aborted) return;
      this.options.logLine("error", "housekeeping_failed", { reason: reasonOf(failure) });
    }
  }

  async #sweep(): Promise<void> {
    await this.deadLetters.sweep();
    await this.anomalies.sweep();
    const { state: kv, duck } = this, { clock, logLine } = this.options;
    await compactLake({ kv, duck, clock, logLine });
    await deleteRetired({ kv, duck, clock, logLine });
  }

  /** Drops what of the log nobody needs and the retention does not keep. */
  async trim(): Promise<void> {
    for (let p = 0; p < this.log.partitions; p++) {
      await this.log.trim(p, Math.min(this.engine.needed(p), this.archiver.position(p), this.intake.covered(p)));
    }
  }

  /** Resolves when the engine has stored the effects of everything that is in the log now. */
  async caughtUp(): Promise<void> {
    const ends = Array.from({ length: this.log.partitions }, (_, p) => this.log.end(p));
    while (ends.some((end, p) => this.engine.stored(p) < end)) {
      if (this.#stopping.signal.aborted) return;
      if (this.#fatal !== null) throw new GuardianError("internal", `Cannot go on: ${this.#fatal}`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  /** As `caughtUp`, but gives up while storage fails: what is in the log is not lost, and a restart goes on there. */
  async #drained(): Promise<void> {
    const until = this.options.clock.monotonic() + DRAIN_MS;
    let done = false;
    const caughtUp = this.caughtUp().finally(() => done = true);
    caughtUp.catch(() => {});
    while (!done && this.engine.failing === null && this.options.clock.monotonic() < until) {
      await Promise.race([caughtUp, new Promise((resolve) => setTimeout(resolve, 50))]);
    }
    if (!done) {
      this.options.logLine("warn", "drain_given_up", { reason: this.engine.failing ?? "it took too long", lag_events: this.intake.lag });
    }
  }

  /**
   * Stops gracefully: takes no more, finishes what it took, archives it, writes checkpoints, gives the folder free.
   * `finish` false leaves what is in the log to the next start, as a crash would.
   */
  async stop(finish = true): Promise<void> {
    clearInterval(this.#timer);
    // What is confirmed from here on waits in the outbox for the next start.
    await this.webhook?.stop();
    await this.#ticking;
    await this.intake.close();
    try {
      if (finish && this.#loops.length > 0) {
        await this.#drained();
        if (this.archiver.state.failing === null) await this.archiver.flush();
      }
    } catch (failure) {
      this.options.logLine("error", "drain_failed", { reason: reasonOf(failure) });
    }
    this.#stopping.abort();
    await Promise.all(this.#loops);
    try {
      await this.intake.checkpoint();
      await this.trim();
    } catch (failure) {
      this.options.logLine("error", "last_checkpoint_failed", { reason: reasonOf(failure) });
    }
    this.log.close();
    this.state.close();
    this.duck.close();
    try {
      await this.folder.giveBack();
    } catch (failure) {
      this.options.logLine("warn", "stop_not_noted", { reason: reasonOf(failure) });
    }
  }

  /** Each part's state, and the figures that tell how far the readers are. */
  health(): {
    /** degraded: fit, but some of what is stored is damaged and left out. */
    status: "ok" | "degraded" | "failing";
    damage: { count: number; pieces: Damaged[] };
    parts: Record<"log" | "engine" | "archiver", PartState>;
    lag_events: { engine: number; archiver: number };
    identity: { event_ids: number; span_hours: number; idempotency_keys: number };
    engine: ReturnType<EngineRunner["report"]>;
    recovery: Recovery;
    webhook: WebhookHealth | null;
  } {
    const of = (reason: string | null): PartState => reason === null ? { status: "ok" } : { status: "failing", reason };
    const parts = {
      log: of(this.intake.failing),
      engine: of(this.engine.failing ?? this.#fatal),
      archiver: of(this.archiver.state.failing),
    };
    const behind = (reader: Progress) =>
      Array.from({ length: this.log.partitions }, (_, p) => this.log.end(p) - reader.position(p)).reduce((sum, lag) => sum + lag, 0);
    return {
      status: !Object.values(parts).every(({ status }) => status === "ok") ? "failing" : this.damage.count > 0 ? "degraded" : "ok",
      damage: { count: this.damage.count, pieces: this.damage.list },
      parts,
      lag_events: { engine: behind(this.engine), archiver: behind(this.archiver) },
      identity: this.intake.identities,
      engine: this.engine.report(),
      recovery: this.recovery,
      // A receiver that is down is no fault of this server: it stays fit.
      webhook: this.webhook?.health() ?? null,
    };
  }

  /** Totals since the folder was made. Sessions are counted to within a percent, which `total_sessions_approximate` says. */
  async stats() {
    const { kinds, late, evicted } = this.engine.counters;
    const root = await readRoot(this.state);
    return {
      total_anomalies: this.anomalies.total,
      days_processed: (await Array.fromAsync(new ResultStore(this.state).dates("daily_metrics"))).length,
      total_clicks: kinds[CLICK],
      total_purchases: kinds[PURCHASE],
      total_sessions: this.engine.sessions,
      total_sessions_approximate: true,
      total_events: kinds.reduce((sum, count) => sum + count, 0),
      events_by_kind: Object.fromEntries(kindNames.map((name, kind) => [name, kinds[kind]])),
      late_events: late,
      dead_letters: this.deadLetters.refused,
      evicted_sessions: evicted,
      lake: { files: root.files, rows: root.rows, bytes: root.bytes },
    };
  }
}

async function openKv(path: string, damage: Damage): Promise<Deno.Kv> {
  try {
    return sealedKv(tellingKv(await Deno.openKv(path)), (key, reason) => damage.tell(keyText(key), reason));
  } catch (cause) {
    throw new GuardianError("folder_unusable", `Cannot open "${path}": ${reasonOf(cause)}; ${mendOf(reasonOf(cause))}`, { cause });
  }
}
