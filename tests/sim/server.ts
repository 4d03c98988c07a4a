// The product as a process of a simulated world: started whole by `Guardian.open` with its API in front, killed by crashes, started again.
// What always holds: one life at a time owns the data folder; requests under way when it ends are never answered.

import { openDays } from "../../jobs/mod.ts";
import type { Days } from "../../jobs/scheduler.ts";
import { endpoints } from "../../routes/mod.ts";
import { openAccess } from "../../src/access/access.ts";
import { reasonOf } from "../../src/errors.ts";
import { Guardian } from "../../src/guardian.ts";
import type { Retention } from "../../src/log/kv_log.ts";
import { makeApp } from "../../src/web/app.ts";
import { makeService, type Service } from "../../src/web/service.ts";
import type { Server } from "./clients.ts";
import type { Dice } from "./dice.ts";
import type { Disk } from "./disk.ts";
import type { World } from "./world.ts";
import { Life } from "./world.ts";

export interface ServerPlan {
  readonly archiveIntervalMs: number;
  readonly retention: Retention | undefined;
  readonly partitions: number;
  readonly shown: boolean;
  readonly timezone: string;
  /** Chance that a crash is a loss of power. */
  readonly power: number;
}

/** A process that runs. */
export interface Running {
  readonly life: Life;
  readonly guardian: Guardian;
  readonly days: Days;
  readonly service: Service;
  readonly fetch: (request: Request) => Response | Promise<Response>;
}

const DAY_MS = 86_400_000;

export class SimulatedServer implements Server {
  running: Running | null = null;
  /** Log lines of the product that tell of a loss: event and fields. */
  readonly alarms: string[] = [];
  readonly counts = { starts: 0, failedStarts: 0, kills: 0, powerLosses: 0, stops: 0, dropped: 0 };
  /** Told of each process once it is open, before it takes requests. */
  onOpen: (guardian: Guardian) => void = () => {};
  #life: Life | null = null;
  #starting = false;

  constructor(
    private readonly world: World,
    private readonly disk: Disk,
    private readonly dice: Dice,
    private readonly plan: ServerPlan,
  ) {
    world.onCrash = () => this.crash();
  }

  get data(): string {
    return this.disk.path("data");
  }

  answer(path: string, init: RequestInit): Promise<Response> | null {
    const { running } = this;
    if (running === null) return null;
    const { life, fetch } = running;
    const gone = life.died.then(() => {
      throw new Error("connection reset");
    });
    gone.catch(() => {});
    const answer = this.world.within(life, async () => {
      const response = await fetch(new Request(`http://localhost${path}`, init));
      const body = await response.text();
      // What a dead process says is heard by nobody.
      if (life.dead) throw new Error("connection reset");
      return new Response(body, { status: response.status });
    });
    return Promise.race([answer, gone]);
  }

  /** The process dies at once. power: the machine does, too. */
  crash(power = this.dice.chance(this.plan.power)): void {
    const life = this.#life;
    if (life === null) return;
    this.#life = null;
    this.running = null;
    this.world.end(life);
    this.counts[power ? "powerLosses" : "kills"]++;
    this.counts.dropped += this.disk.crash(power).dropped;
  }

  /** Starts the process, again and again until it runs. */
  async start(): Promise<void> {
    if (this.#starting) return;
    this.#starting = true;
    for (let first = true; this.running === null; first = false) {
      if (!first) await this.world.sleep(300 + this.dice.below(3_000));
      await this.#open();
    }
    this.#starting = false;
  }

  async #open(): Promise<void> {
    const { world, plan } = this;
    const life = this.#life = new Life(world.now);
    this.counts.starts++;
    const opening = world.within(life, () =>
      Guardian.open({
        data: this.data,
        clock: world.clockOf(life),
        logLine: (level, event, fields = {}) => this.#line(level, event, fields),
        // Fixed when the folder is made: whatever is asked for later does not count.
        partitions: this.counts.starts === 1 ? plan.partitions : 1 + this.dice.below(4),
        archiveIntervalMs: plan.archiveIntervalMs,
        retention: plan.retention,
      }));
    try {
      const guardian = await Promise.race([opening, life.died.then(() => null)]);
      if (life.dead || guardian === null) return;
      this.onOpen(guardian);
      this.running = world.within(life, () => this.#serve(life, guardian));
    } catch (failure) {
      this.counts.failedStarts++;
      this.#lastFailure = reasonOf(failure);
      if (this.#life === life) {
        world.end(life);
        this.disk.crash(false);
        this.#life = null;
      }
    }
    opening.catch(() => {});
  }

  #lastFailure = "";
  get lastFailure(): string {
    return this.#lastFailure;
  }

  #serve(life: Life, guardian: Guardian): Running {
    const { plan } = this;
    const clock = guardian.options.clock, logLine = guardian.options.logLine;
    guardian.start({ shown: plan.shown });
    const days = openDays(guardian, { timezone: plan.timezone, runAt: "03:00", currency: "EUR" }, { holder: `life ${this.counts.starts}` });
    const access = openAccess();
    const service = makeService({ guardian, days, clock, logLine, access, futureMs: DAY_MS });
    const app = makeApp(service, endpoints);
    return { life, guardian, days, service, fetch: (request) => app.fetch(request) };
  }

  /** Ends the process as an operator does. */
  async stop(finish = true): Promise<void> {
    const { running } = this;
    if (running === null) return;
    const { life, guardian, days, service } = running;
    this.running = null;
    this.counts.stops++;
    const stopping = this.world.within(life, async () => {
      service.feed.close("stopping");
      await days.close();
      await guardian.stop(finish);
    });
    await Promise.race([stopping.catch(() => {}), life.died]);
    if (life.dead) return;
    this.#life = null;
    this.world.end(life);
    this.disk.crash(false);
  }

  #line(level: string, event: string, fields: Record<string, unknown>): void {
    if (Deno.env.get("GUARDIAN_TEST_SIM_LINES") !== undefined) {
      console.error(Math.round(this.world.now), level, event, JSON.stringify(fields));
    }
    // Readers that storage fails while they are told to stop leave the rest to the next start.
    if (event === "reader_stopped" && this.running === null) return;
    if (level === "error" && ALARMING.has(event)) this.alarms.push(`${event} ${JSON.stringify(fields)}`);
  }
}

/** Lines of which each tells of a loss that nothing here may cause. A day may be incomplete for a while, when a file cannot be read. */
const ALARMING = new Set(["archive_intent_lost", "offsets_lost", "reader_stopped"]);
