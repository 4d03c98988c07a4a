// The stages of a run: events come in under faults, then all is calm; hours pass for compaction and day jobs; the power goes once more. What
// always holds: a stage ends when the product says that nothing is left to do, and what it never says ends the run as a fault.

import { decode } from "../../src/event/codec.ts";
import type { Clients } from "./clients.ts";
import type { Dice } from "./dice.ts";
import { compare } from "./judge.ts";
import type { Ledger } from "./ledger.ts";
import type { Plan } from "./plan.ts";
import type { SimulatedServer } from "./server.ts";
import type { World } from "./world.ts";

const HOUR_MS = 3_600_000;
const QUIET_MS = 30 * 60_000;

export class Stages {
  readonly faults: string[] = [];
  #ended = false;

  constructor(
    private readonly world: World,
    private readonly server: SimulatedServer,
    private readonly clients: Clients,
    private readonly ledger: Ledger,
    private readonly plan: Plan,
    private readonly dice: Dice,
  ) {}

  /** All that the clients have is sent, under faults; then storage and network are calm, and all windows close. */
  async toQuiet(): Promise<void> {
    const { world, server, clients, ledger, plan } = this;
    server.onOpen = (guardian) => {
      guardian.anomalies.subscribe(({ feed, anomaly }) => ledger.told(feed, `${anomaly.anomaly_id} ${anomaly.status}`));
    };
    world.faults.plan = plan.faults;
    this.#watch(this.#keepRunning(), "the keeper");
    if (plan.jumps) this.#watch(this.#jump(), "the clock");
    if (plan.stops) this.#watch(this.#stopNowAndThen(), "the operator");
    clients.start();
    await this.#goOn(() => clients.done || world.now > 14 * 60_000, "the clients to be done");
    world.faults.plan = { ...plan.faults, errors: 0, crashEvery: 0, lostCommits: 0, outages: 0 };
    clients.calm();
    this.#ended = true;
    await this.#goOn(() => clients.done, "the last clients to be done");
    await this.#quiet();
  }

  /** The power goes once more, then all of the log is in the lake, and the process ends. */
  async onceMore(): Promise<void> {
    const { server } = this;
    await this.#flush();
    server.crash(true);
    await this.#quiet();
    await this.#flush();
    this.#countersAreSane();
    let stopped = false;
    server.stop().then(() => stopped = true);
    await this.#goOn(() => stopped, "the process to stop");
  }

  /** Hours pass, so that hours are compacted, replaced files deleted, and the days before have ended. */
  async daysLater(): Promise<void> {
    const { world, server } = this;
    await this.#flush();
    world.wallOffset += 5 * HOUR_MS;
    world.faults.plan = { ...this.plan.faults, outages: 0, crashEvery: this.plan.faults.crashEvery === 0 ? 0 : 150 };
    for (let tick = 0; tick < 6; tick++) {
      await this.#quiet();
      let done = false;
      const { running } = server;
      Promise.race([world.within(running!.life, () => running!.days.tick()), running!.life.died]).then(() => done = true);
      await this.#goOn(() => done, "the day jobs");
      const until = world.now + 30_000;
      await this.#goOn(() => world.now >= until, "half a minute");
      world.wallOffset += HOUR_MS;
      if (tick === 2) world.faults.plan = { ...this.plan.faults, errors: 0, crashEvery: 0, lostCommits: 0, outages: 0 };
    }
  }

  async #keepRunning(): Promise<void> {
    for (;;) {
      if (this.server.running === null && !this.#stopping) await this.server.start();
      await this.world.sleep(100 + this.dice.below(1_000));
    }
  }

  async #jump(): Promise<void> {
    while (!this.#ended) {
      await this.world.sleep(this.dice.below(300_000));
      if (this.#ended) return;
      this.world.wallOffset += this.dice.pick([-HOUR_MS, HOUR_MS, 90_000, -20_000, this.dice.below(10_000)]);
      this.world.counts.jumps++;
    }
  }

  #stopping = false;

  async #stopNowAndThen(): Promise<void> {
    while (!this.#ended) {
      await this.world.sleep(60_000 + this.dice.below(400_000));
      if (this.#ended) return;
      this.#stopping = true;
      await this.server.stop(this.dice.chance(0.7));
      this.#stopping = false;
    }
  }

  /** Everything that is in the log has had its effects, and no window of the live lane is open. */
  async #quiet(): Promise<void> {
    await this.#goOn(() => {
      const { running } = this.server;
      if (running === null) return false;
      const { engine, log } = running.guardian;
      return each(log.partitions).every((p) => engine.stored(p) === log.end(p) && !engine.live(p).open);
    }, "quiet");
  }

  async #flush(): Promise<void> {
    for (let done = false; !done;) {
      await this.#quiet();
      const { running } = this.server;
      let ended = false;
      const flushing = this.world.within(running!.life, () => running!.guardian.archiver.flush()).then(() => done = true, () => {});
      Promise.race([flushing, running!.life.died]).then(() => ended = true);
      await this.#goOn(() => ended, "the archiver");
      if (!done) await this.#goOn(after(this.world, 2_000), "a while");
    }
  }

  #countersAreSane(): void {
    const { engine, log, archiver } = this.server.running!.guardian;
    const fault = (what: string) => void this.faults.push(what);
    for (const p of each(log.partitions)) {
      compare(`the archiver's position in partition ${p}`, archiver.position(p), log.end(p), fault);
      compare(`the engine's position in partition ${p}`, engine.position(p), log.end(p), fault);
    }
    const { kinds, evicted } = engine.counters;
    const events = this.ledger.batches.flat().length === 0 ? 0 : kinds.reduce((sum, count) => sum + count, 0);
    const marks = this.marks();
    compare("events that the engine counted", events + marks, each(log.partitions).reduce((sum, p) => sum + log.end(p), 0), fault);
    compare("clicks that the engine forgot", evicted, 0, fault);
  }

  /** Marks in the log: batches of one entry that are no events. */
  marks(): number {
    return this.ledger.batches.flat().filter((bytes) => decode(bytes).control !== "events").length;
  }

  #watch(task: Promise<void>, name: string): void {
    task.catch((failure) => this.faults.push(`${name}: ${failure}`));
  }

  #goOn(done: () => boolean, what: string): Promise<void> {
    return this.world.goOn(done, what, this.world.faults.plan.crashEvery > 0 ? 4 * HOUR_MS : QUIET_MS + HOUR_MS);
  }
}

function after(world: World, ms: number): () => boolean {
  const until = world.now + ms;
  world.sleep(ms);
  return () => world.now >= until;
}

function each(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}
