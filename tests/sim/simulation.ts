// One seed from its first dice to its judgement: a product over simulated storage, clock and network, with faults; then all is calm, the power
// goes once more, and what is there is compared with what was promised. The same seed makes the same run, but for what DuckDB's threads do.

import { reasonOf } from "../../src/errors.ts";
import { openValue } from "../../src/store/sealed.ts";
import { hookIo } from "../support/io_hooks.ts";
import { Clients } from "./clients.ts";
import { Course } from "./course.ts";
import { judgeDays } from "./days.ts";
import { Dice } from "./dice.ts";
import { Disk } from "./disk.ts";
import { judge } from "./judge.ts";
import { Ledger } from "./ledger.ts";
import { KvFile, type Mutation, openMemoryKv } from "./memory_kv.ts";
import { hookNative } from "./native.ts";
import { planOf } from "./plan.ts";
import { SimulatedServer } from "./server.ts";
import { Stages } from "./stages.ts";
import { makeTraffic } from "./traffic.ts";
import { World } from "./world.ts";

export interface SimulationOptions {
  readonly seed: number;
  readonly events: number;
  /** Compaction and day jobs too, which need DuckDB. */
  readonly days?: boolean;
}

export interface Simulated {
  /** What was found wrong; empty when all is as it should be. */
  readonly faults: readonly string[];
  /** Hash of all that went on, in its order. */
  readonly course: string;
  /** What happened, by name. */
  readonly counts: Readonly<Record<string, number>>;
}

/** What nobody handled is told so often at the most. */
const FAULTS_MOST = 20;

/** Runs one seed. Never throws for what the product does. */
export async function simulate({ seed, events, days = false }: SimulationOptions): Promise<Simulated> {
  const dice = new Dice(Math.imul(seed + 1, 0x9e3779b1));
  const start = Date.UTC(2026, 2, 10, 23, 45) + dice.below(14 * 60_000);
  const plan = planOf(dice.fork());
  const world = new World(dice.fork(), start);
  const disk = new Disk(dice.fork());
  const ledger = new Ledger(), log = new KvFile("log.kv", openValue), state = new KvFile("state.kv", openValue);
  const course = new Course();
  world.onCall = ({ kind, path }, fault) => {
    // Files that are being written are numbered by the module, which outlives the processes here.
    course.note(`${world.now} ${kind} ${path.slice(disk.root.length).replace(/part_\d+/, "part")} ${fault}`);
  };
  log.onCommit = (mutations) => {
    ledger.log(mutations);
    course.commit(log.name, mutations);
    world.faults.landed(kindOf(log, mutations));
  };
  state.onCommit = (mutations) => {
    ledger.state(mutations);
    course.commit(state.name, mutations);
    world.faults.landed(kindOf(state, mutations));
  };
  const server = new SimulatedServer(world, disk, dice.fork(), plan.server);
  const clients = new Clients(world, dice.fork(), server, plan.network, makeTraffic(dice.fork(), events, start));
  disk.install();
  using _hooks = hookIo({
    under: disk.root,
    before: (call) => world.before(call),
    after: (call) => {
      disk.after(call);
      world.after(call);
    },
    openKv: async (path) => await openMemoryKv(path.endsWith(log.name) ? log : state),
  });
  using _native = hookNative(world);
  world.install();
  const faults: string[] = [];
  const counted: Record<string, number> = {};
  const unhandled = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    // A process that has ended handles nothing any more; one that runs would end by it.
    if (!isOfTheDead(event.reason) && faults.length < FAULTS_MOST) faults.push(`nobody handled: ${reasonOf(event.reason)}`);
  };
  addEventListener("unhandledrejection", unhandled);
  try {
    const run = new Stages(world, server, clients, ledger, plan, dice.fork());
    await run.toQuiet();
    if (days) await run.daysLater();
    await run.onceMore();
    faults.push(...run.faults);
    const judged = await judge({ clients, ledger, log, state, lakeFolder: disk.path("data", "lake") });
    faults.push(...judged.faults, ...server.alarms);
    if (days) faults.push(...judgeDays({ state, rows: judged.rows, timezone: plan.server.timezone, now: world.wall() }));
    Object.assign(counted, { events, rows: judged.rows.length, anomalies: judged.anomalies });
  } catch (failure) {
    faults.push(
      failure instanceof Error ? failure.stack ?? failure.message : String(failure),
      `last failure of a start: ${server.lastFailure}; last answer: ${clients.lastAnswer}; running: ${server.running !== null}`,
    );
  } finally {
    server.crash(false);
    await new Promise((resolve) => setTimeout(resolve, 0));
    removeEventListener("unhandledrejection", unhandled);
    world.uninstall();
    disk.uninstall();
    disk.dispose();
  }
  return {
    faults,
    course: course.hash,
    counts: { ...counted, calls: world.calls, ...world.counts, ...world.faults.counts, ...server.counts, ...clients.counts },
  };
}

function isOfTheDead(reason: unknown): boolean {
  return reason instanceof Error && (reason.message.includes("the process has ended") || isOfTheDead(reason.cause));
}

/** What a commit is of: the file, and the first word of its first key. */
function kindOf({ name }: KvFile, [{ key }]: readonly Mutation[]): string {
  return `${name} ${String(key[0])}`;
}

/** Whether a seed of a suite has compaction and day jobs too: they are dear. */
export function hasDays(seed: number): boolean {
  return seed % 10 === 7;
}
