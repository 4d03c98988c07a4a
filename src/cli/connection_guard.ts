// Guards the server's connections: looks at all of them about once a second, and sooner when file handles become few, and cuts those that
// have to go. What always holds: a look holds the event loop no longer at a time than other work in the background; nobody is cut for a time
// in which this process stood still; where nothing can be looked at, the server serves without it, and says so at start. It must not know
// what is served.

import { reasonOf } from "../errors.ts";
import { limits } from "../limits.ts";
import type { LogLine } from "../log_line.ts";
import { type ConnectionFigures, Connections, type CutReason, type Room } from "../web/connections.ts";
import { OwnTime } from "../web/own_time.ts";
import { UnderWay } from "../web/under_way.ts";
import { Sockets } from "./sockets.ts";

/** Between two looks at all connections, between two at whether handles become few, and between two parts of a look, ms. */
const ROUND_MS = 1_000, ALERT_MS = 100, PART_MS = 4;
/** Handles between two looks at the clock. */
const STEP = 64;
/** Connections may take this share of the handles: the data folder needs some too. */
const HANDLE_SHARE = 0.75;
/** Handles beyond the connections that may be there, after which a look comes at once. */
const SPARE_HANDLES = 1_024;

export interface GuardParts {
  /** What is listened on. */
  readonly ports: () => readonly number[];
  readonly logLine: LogLine;
  /** How many connections one address may have, and which one speaks for many. */
  readonly room: Omit<Room, "all">;
  /** Opens what connections are looked at by. Throws where there is none. */
  readonly openSockets?: () => Sockets;
}

export class ConnectionGuard {
  readonly underWay = new UnderWay();
  readonly #time = new OwnTime(2 * ROUND_MS, performance.now());
  #sockets: Sockets | null = null;
  #connections: Connections | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Open handles at which a look comes at once. */
  #alertAt = Infinity;
  #nextRoundAt = 0;
  /** Handles that the look under way has still to look at: from, and to; none is under way when they are the same. */
  #from = 0;
  #to = 0;
  readonly #cut: Record<CutReason, number> = { slow_request: 0, idle: 0, unread_answer: 0, too_many: 0 };
  /** What had been cut when it was last told. */
  #told = 0;

  constructor(private readonly parts: GuardParts) {}

  get figures(): ConnectionFigures {
    const connections = this.#connections;
    return { guarded: connections !== null, open: connections?.open ?? 0, requests: this.underWay.size, connections_cut: { ...this.#cut } };
  }

  /** Begins to look. */
  start(): void {
    try {
      const sockets = this.#sockets = (this.parts.openSockets ?? Sockets.open)(), { handlesMax } = sockets;
      const all = Math.min(limits.connectionsMax, Math.floor(handlesMax * HANDLE_SHARE));
      this.#time.goOn(performance.now());
      this.#alertAt = all + Math.min(SPARE_HANDLES, Math.floor((handlesMax - all) / 4));
      this.#connections = new Connections({ all, ...this.parts.room }, (peer) => this.underWay.phaseOf(peer));
      this.#later(ROUND_MS);
    } catch (failure) {
      const mend = "let a proxy that ends slow connections stand before the server where others can reach it";
      this.parts.logLine("warn", "connections_unguarded", { reason: reasonOf(failure), mend });
    }
  }

  /** Cuts those that wait for a request, or whose request is not there yet: once no more are taken, they would hold up the end. */
  endWaiting(): void {
    const sockets = this.#sockets, ports = this.parts.ports();
    for (let handle = 0, end = sockets?.handlesEnd ?? 0; handle < end; handle++) {
      sockets!.look(handle, ports, ({ id, queued }, peerOf) => {
        if (queued === 0 && this.underWay.phaseOf(peerOf().name) === null) sockets!.cut(handle, id, false);
      });
    }
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#sockets?.close();
    this.#sockets = null;
  }

  #later(ms: number): void {
    this.#timer = setTimeout(() => this.#look(), ms);
    Deno.unrefTimer(this.#timer);
  }

  #look(): void {
    const sockets = this.#sockets!, began = performance.now(), now = this.#time.at(began);
    if (this.#from === this.#to) {
      if (now < this.#nextRoundAt && sockets.lowestFree() < this.#alertAt) return this.#later(ALERT_MS);
      this.#from = 0;
      this.#to = sockets.handlesEnd;
      this.#nextRoundAt = now + ROUND_MS;
    }
    const ports = this.parts.ports(), connections = this.#connections!;
    while (this.#from < this.#to && performance.now() - began < limits.turnMs) {
      for (const end = Math.min(this.#to, this.#from + STEP); this.#from < end; this.#from++) {
        sockets.look(this.#from, ports, (seen, peerOf) => {
          const reason = connections.see(seen, peerOf, now);
          if (reason !== null) this.#end(reason, seen);
        });
      }
    }
    if (this.#from < this.#to) return this.#later(PART_MS);
    for (const one of connections.endRound()) this.#end("too_many", one);
    this.#tell();
    this.#later(ALERT_MS);
  }

  #end(reason: CutReason, { handle, id }: { handle: number; id: number }): void {
    if (this.#sockets!.cut(handle, id, reason !== "idle")) this.#cut[reason]++;
  }

  /** One line for all that one look cut: a flood of connections makes no flood of lines. Idle ones are nothing to tell. */
  #tell(): void {
    const { idle: _, ...cut } = this.#cut, sum = cut.slow_request + cut.unread_answer + cut.too_many;
    if (sum === this.#told) return;
    this.#told = sum;
    this.parts.logLine("warn", "connections_cut", { ...cut, open: this.#connections!.open });
  }
}
