// The world of a simulated product: one virtual clock, one queue of all that waits (timers, calls to storage, what clients do next), and the
// dice of one seed that decide what goes on next and what fails. Processes are lives: a life ends by a crash, and what it still does fails.
// What always holds: within a life the product meets this clock, these timers and this storage alone; the harness itself is never hooked.
// It must not know what is stored, nor what is right.

import { AsyncLocalStorage } from "node:async_hooks";
import type { Clock } from "../../src/clock.ts";
import type { IoCall } from "../support/io_hooks.ts";
import type { Dice } from "./dice.ts";
import { type Fault, Faults } from "./faults.ts";

/** A process: from its start to its crash. startedAt: ms of the world's monotonic clock. */
export class Life {
  dead = false;
  readonly died: Promise<void>;
  #die!: () => void;

  constructor(readonly startedAt: number) {
    this.died = new Promise((resolve) => this.#die = resolve);
  }

  end(): void {
    this.dead = true;
    this.#die();
  }
}

interface Waiting {
  readonly at: number;
  readonly life: Life | null;
  /** Goes on; `call` is null for timers. */
  readonly call: IoCall | null;
  readonly go: () => void;
  readonly fail: (error: Error) => void;
  readonly everyMs: number | null;
  readonly id: number;
}

/** Turns of the real event loop without any news after which nothing more comes of itself: work that stands back takes nine. */
const IDLE_TURNS = 12;
/** Steps of the clock in one stage of a run; a stage that takes more waits for what never comes. */
const ADVANCES_MOST = 60_000;
/** Turns, all but one of them a real ms, that count as one of those while native code is at work. */
const PATIENCE = 2;
/** Virtual ids of timers lie above all real ones. */
const FIRST_ID = 1e12;

const real = {
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  setInterval: globalThis.setInterval,
  clearInterval: globalThis.clearInterval,
  setImmediate: globalThis.setImmediate,
};

export class SimulatedError extends Error {}

export class World {
  /** Virtual ms since the world began; never goes back. */
  now = 0;
  /** Wall clock minus `now`. */
  wallOffset: number;
  readonly faults: Faults;
  /** Called when the process is to die at a call of storage. */
  onCrash: () => void = () => {};
  /** Told of each call of storage that goes on, and how it fails. */
  onCall: (call: IoCall, fault: Fault | null) => void = () => {};
  /** Calls into native code that nobody here sees, under way. */
  outside = 0;
  /** How many work with native code between calls of storage: then the clock moves only after a while without news. */
  patient = 0;
  calls = 0;
  counts = { crashes: 0, jumps: 0 };
  readonly lives = new AsyncLocalStorage<Life | undefined>();
  #waiting: Waiting[] = [];
  /** Calls that may go on now. */
  #ready: Waiting[] = [];
  #nextId = FIRST_ID;
  #advances = 0;
  #restores: (() => void)[] = [];

  constructor(private readonly dice: Dice, wallStart: number) {
    this.faults = new Faults(dice);
    this.wallOffset = wallStart;
  }

  wall(): number {
    return Math.floor(this.now + this.wallOffset);
  }

  /** The clock that a process gets. */
  clockOf(life: Life): Clock {
    return { now: () => this.wall(), monotonic: () => this.now - life.startedAt };
  }

  /** Runs `work` as part of a life. */
  within<T>(life: Life, work: () => T): T {
    return this.lives.run(life, work);
  }

  /** Runs `work` as part of no life, also after what it waits for; `AsyncLocalStorage.exit` holds only until then. */
  outOfLife<T>(work: () => T): T {
    return this.lives.run(undefined, work);
  }

  /** For the harness: resolves after some virtual ms. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve, reject) =>
      this.#add({ at: this.now + ms, life: null, call: null, go: resolve, fail: reject, everyMs: null })
    );
  }

  /** Hook before a call of storage. */
  before(call: IoCall): void | Promise<void> {
    const life = this.lives.getStore();
    if (life === undefined) return;
    if (life.dead) throw new SimulatedError("the process has ended");
    const at = this.now + this.faults.delay();
    return new Promise((go, fail) => {
      this.#add({ at, life, call, go, fail, everyMs: null });
    });
  }

  /** Hook after a call of storage took effect. */
  after(call: IoCall): void {
    const fault = this.faults.afterwards(call);
    if (fault === "crash_after") this.#crash();
    if (this.lives.getStore()?.dead) throw new SimulatedError("the process has ended");
    if (fault !== "after") return;
    throw new SimulatedError(`the answer was lost (${call.kind})`);
  }

  /** A life ends now: all that it waits for fails, and its timers never fire. */
  end(life: Life): void {
    life.end();
    const own = [...this.#ready, ...this.#waiting].filter((each) => each.life === life);
    this.#ready = this.#ready.filter((each) => each.life !== life);
    this.#waiting = this.#waiting.filter((each) => each.life !== life);
    for (const { call, fail } of own) if (call !== null) fail(new SimulatedError("the process has ended"));
  }

  /** Lets the world go on until `done`. Throws when nothing is left that could bring that about, or after `mostMs` of virtual time. */
  async goOn(done: () => boolean, what: string, mostMs = 6 * 3_600_000): Promise<void> {
    const until = this.now + mostMs, advances = this.#advances + ADVANCES_MOST;
    for (let idle = 0, spins = 0; !done();) {
      await new Promise((resolve) => real.setImmediate(resolve));
      if (this.#ready.length > 0) {
        this.#grant(this.#ready.splice(this.dice.below(this.#ready.length), 1)[0]);
        idle = 0;
      } else if (this.outside > 0) {
        if (++spins % 64 === 0) await new Promise((resolve) => real.setTimeout(resolve, 0));
        idle = 0;
      } else if (this.patient > 0 && ++spins % PATIENCE !== 0) {
        await new Promise((resolve) => real.setTimeout(resolve, 1));
      } else if (++idle >= IDLE_TURNS) {
        if (this.#advances++ > advances) throw new Error(`The world goes round in circles while waiting for: ${what}`);
        this.#advance(what, until);
        idle = 0;
      }
    }
  }

  #add(waiting: Omit<Waiting, "id">): number {
    const id = this.#nextId++;
    (waiting.at <= this.now && waiting.call !== null ? this.#ready : this.#waiting).push({ ...waiting, id });
    return id;
  }

  /** Moves the clock to what comes next, and lets it happen. */
  #advance(what: string, until: number): void {
    let next = Infinity;
    for (const { at } of this.#waiting) if (at < next) next = at;
    if (next > until) throw new Error(`The world stands still, or takes too long, while waiting for: ${what}`);
    this.now = Math.max(this.now, next);
    const due = this.#waiting.filter(({ at }) => at <= this.now);
    this.#waiting = this.#waiting.filter(({ at }) => at > this.now);
    due.sort((a, b) => a.at - b.at || a.id - b.id);
    for (const each of due) {
      if (each.call !== null) this.#ready.push(each);
      else {
        if (each.everyMs !== null) this.#waiting.push({ ...each, at: this.now + each.everyMs });
        if (each.life === null) each.go();
        else this.lives.run(each.life, each.go);
      }
    }
  }

  #grant({ call, life, go, fail }: Waiting): void {
    this.calls++;
    const fault = this.faults.of(call!, this.now);
    this.onCall(call!, fault);
    if (life!.dead) return fail(new SimulatedError("the process has ended"));
    if (fault === "crash_before") {
      fail(new SimulatedError("the process has ended"));
      return this.#crash();
    }
    if (fault === "before") return fail(new SimulatedError(`input/output error (${call!.kind})`));
    go();
  }

  #crash(): void {
    this.counts.crashes++;
    this.onCrash();
  }

  /** Puts this clock and these timers in the place of the machine's, for code that runs within a life. */
  install(): void {
    // deno-lint-ignore no-this-alias -- a timer's own `this` is another
    const world = this;
    const replace = (owner: object, name: string, value: unknown) => {
      const was = Object.getOwnPropertyDescriptor(owner, name);
      Object.defineProperty(owner, name, { value, configurable: true, writable: true });
      this.#restores.push(() => was === undefined ? Reflect.deleteProperty(owner, name) : Object.defineProperty(owner, name, was));
    };
    const timer = (repeats: boolean, original: (...all: never[]) => unknown) =>
      function (this: unknown, callback: (...all: unknown[]) => void, ms = 0, ...values: unknown[]): unknown {
        const life = world.lives.getStore();
        if (life === undefined) return original(...[callback, ms, ...values] as never[]);
        if (life.dead) return world.#nextId++;
        const wait = Math.max(1, ms);
        const go = () => callback(...values);
        return world.#add({ at: world.now + wait, life, call: null, go, fail: () => {}, everyMs: repeats ? wait : null });
      };
    const clear = (original: (id?: number) => void) => (id?: number) => {
      if (typeof id === "number" && id >= FIRST_ID) world.#waiting = world.#waiting.filter((each) => each.id !== id);
      else original(id);
    };
    replace(globalThis, "setTimeout", timer(false, real.setTimeout as never));
    replace(globalThis, "setInterval", timer(true, real.setInterval as never));
    replace(globalThis, "clearTimeout", clear(real.clearTimeout as never));
    replace(globalThis, "clearInterval", clear(real.clearInterval as never));
    const now = performance.now.bind(performance);
    replace(performance, "now", () => world.lives.getStore() === undefined ? now() : world.now);
    const uuid = crypto.randomUUID.bind(crypto), values = crypto.getRandomValues.bind(crypto);
    replace(crypto, "randomUUID", () => world.lives.getStore() === undefined ? uuid() : world.dice.uuid());
    replace(
      crypto,
      "getRandomValues",
      (array: Uint32Array<ArrayBuffer>) =>
        world.lives.getStore() === undefined ? values(array) : array.fill(0).map(() => world.dice.below(2 ** 32)),
    );
  }

  uninstall(): void {
    for (const restore of this.#restores.reverse()) restore();
    this.#restores = [];
  }
}
