// Which connections have to go: those whose request does not come, that nobody uses, whose answers are not taken, and those that are too many.
// The runtime's server keeps each one for ever. Pure: what is seen of a connection comes in with the time of the look, and what is to be cut
// comes out. What always holds: a request that is being answered is never the reason, but where more connections are there than may be and
// all others are gone. It must not know sockets.

import { limits } from "../limits.ts";
import type { Phase } from "./under_way.ts";

/**
 * Fewer bytes than this, once a connection has asked, need not be a request: HTTP/2 answers what it is told of an answer with frames of its own,
 * and TLS has messages too. As a request they have until the connection has been idle for too long.
 */
const HEAD_BYTES = 256;

/** Why a connection was cut. */
export type CutReason = "slow_request" | "idle" | "unread_answer" | "too_many";

/** What is told of connections. guarded: whether they are looked at; requests: clients with one under way; connections_cut: since the start. */
export interface ConnectionFigures {
  readonly guarded: boolean;
  readonly open: number;
  readonly requests: number;
  readonly connections_cut: Readonly<Record<CutReason, number>>;
}

/** A connection at one look. id: no other ever has it; handle: what it is cut by. received, taken: bytes that came from its client, and that its client has, since it began. queued: not taken yet. */
export interface Seen {
  readonly id: number;
  readonly handle: number;
  readonly received: number;
  readonly taken: number;
  readonly queued: number;
}

/** Whose connection it is. name: `address:port`, as requests have it. group: the addresses that count as one. */
export interface Peer {
  readonly name: string;
  readonly address: string;
  readonly group: string;
}

/** How many connections there may be, and how many of one group. isProxy: whether an address speaks for many, and may have as many as all. */
export interface Room {
  readonly all: number;
  readonly ofOne: number;
  readonly isProxy: (address: string) => boolean;
}

interface Connection {
  readonly id: number;
  handle: number;
  readonly peer: Peer;
  /** It has sent a whole request once. */
  hasAsked: boolean;
  /** Since when no request of it is under way, and what had come from it by then. */
  waitsSince: number;
  receivedThen: number;
  /** When the first bytes were seen that came since then, and when so many that they are its next request. */
  bytesSince: number | null;
  headSince: number | null;
  taken: number;
  takenAt: number;
  /** Since when what it has to take by `until` bytes is not taken. */
  stall: { readonly since: number; readonly until: number } | null;
  phase: Phase;
  isCut: boolean;
  round: number;
}

export class Connections {
  readonly #all = new Map<number, Connection>();
  #round = 0;

  constructor(
    private readonly room: Room,
    /** How far the requests of a peer are right now. */
    private readonly phaseOf: (peer: string) => Phase,
    private readonly most = limits,
  ) {}

  /** Connections that were there at the last look, and are not cut. */
  get open(): number {
    let open = 0;
    for (const { isCut } of this.#all.values()) if (!isCut) open++;
    return open;
  }

  /** Takes in what is seen of a connection. Returns why it has to go, once; or null. peerOf: asked for a new one alone. */
  see(seen: Seen, peerOf: () => Peer, now: number): CutReason | null {
    let one = this.#all.get(seen.id);
    if (one === undefined) this.#all.set(seen.id, one = connectionOf(seen, peerOf(), now));
    one.round = this.#round;
    one.handle = seen.handle;
    if (one.isCut) return null;
    const reason = this.#judge(one, seen, now);
    one.isCut = reason !== null;
    return reason;
  }

  /** Ends a look at all connections: what was not seen is gone. Returns those that are too many, which have to go. */
  endRound(): { readonly id: number; readonly handle: number }[] {
    const kept: Connection[] = [];
    for (const one of this.#all.values()) {
      if (one.round !== this.#round) this.#all.delete(one.id);
      else if (!one.isCut) kept.push(one);
    }
    this.#round++;
    const { all, ofOne, isProxy } = this.room, gone: Connection[] = [];
    const cut = (ones: Connection[]) => {
      for (const one of ones) one.isCut = true;
      gone.push(...ones);
    };
    const single = ofOne === Infinity ? [] : kept.filter(({ peer }) => !isProxy(peer.address));
    for (const ones of Map.groupBy(single, ({ peer }) => peer.group).values()) cut(beyond(ones, ofOne));
    cut(beyond(kept.filter(({ isCut }) => !isCut), all));
    return gone;
  }

  #judge(one: Connection, seen: Seen, now: number): CutReason | null {
    const { most } = this, { received, taken, queued } = seen;
    const hasTaken = taken > one.taken, phase = one.phase = this.phaseOf(one.peer.name);
    if (hasTaken || phase === "answering") one.takenAt = now;
    one.taken = taken;
    if (queued === 0) one.stall = null;
    else if (one.stall === null || taken >= one.stall.until) {
      one.stall = { since: now, until: taken + Math.min(queued, most.answerStallBytes) };
    } else if (now - one.stall.since >= most.answerStallMs) return "unread_answer";
    if (phase !== null || hasTaken || queued > 0) {
      one.hasAsked = true;
      one.waitsSince = now;
      one.receivedThen = received;
      one.bytesSince = one.headSince = null;
      // Streams say something now and then; with HTTP/2 an answer that is not taken waits where no queue of the system shows it.
      return phase === "sending" && queued === 0 && now - one.takenAt >= most.answerSilentMs ? "unread_answer" : null;
    }
    if (!one.hasAsked) return now - one.waitsSince >= most.requestHeadMs ? "slow_request" : null;
    const came = received - one.receivedThen, isIdle = now - one.waitsSince >= most.connectionIdleMs;
    if (came === 0) return isIdle ? "idle" : null;
    one.bytesSince ??= now;
    // A request may have begun a moment ago.
    if (came < HEAD_BYTES) return isIdle && now - one.bytesSince >= most.requestHeadMs ? "idle" : null;
    one.headSince ??= now;
    return now - one.headSince >= most.requestHeadMs ? "slow_request" : null;
  }
}

function connectionOf({ id, handle, received, taken }: Seen, peer: Peer, now: number): Connection {
  const state = { hasAsked: taken > 0, waitsSince: now, receivedThen: received, bytesSince: null, headSince: null, taken, takenAt: now };
  return { id, handle, peer, ...state, stall: null, phase: null, isCut: false, round: 0 };
}

/** Those that go first where only `most` may stay: who never asked, who waits, whose answer is stuck, who is answered; the oldest of each. */
function beyond(connections: readonly Connection[], most: number): Connection[] {
  if (connections.length <= most) return [];
  return connections.toSorted((a, b) => rankOf(a) - rankOf(b) || a.waitsSince - b.waitsSince || a.id - b.id).slice(
    0,
    connections.length - most,
  );
}

function rankOf({ hasAsked, phase, stall }: Connection): number {
  if (!hasAsked) return 0;
  return phase === null && stall === null ? 1 : phase !== "answering" && stall !== null ? 2 : 3;
}
