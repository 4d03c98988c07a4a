// Unpacks bodies that are gzip. What always holds: no more than `unpackedAtOnceMax` of them are unpacked beyond their first
// `unpackedAheadBytes` at one time, as some KiB become many MiB, and the others wait in order; none waits for its client here, for a body is
// there whole before; the event loop is given away in between. It must not know where a body comes from.

import { constants, createGunzip } from "node:zlib";
import { GuardianError, reasonOf } from "../errors.ts";
import { limits } from "../limits.ts";
import { giveWay, isTurnOver } from "../turn.ts";
import type { Ticket } from "./admission.ts";
import { GrownBytes } from "./grown_bytes.ts";
import { KeptPieces } from "./kept_pieces.ts";

/** truncated: the body was packed and broke off. */
export interface Body {
  readonly bytes: Uint8Array;
  readonly truncated: boolean;
}

/** Bodies that are unpacked beyond what each may without a place, and those that wait for one: fewer than there are requests with a body. */
const places = { taken: 0, waiting: [] as (() => void)[] };

/** A packed body as it was. Throws `body_too_large` beyond `most` bytes, `overloaded`, and `bad_request` for one that cannot be unpacked. */
export async function unpacked(sent: Uint8Array, ticket: Ticket, most: number): Promise<Body> {
  using kept = new Kept(most);
  const until = performance.now() + limits.turnMs, gunzip = createGunzip();
  let failure: unknown = null;
  const goOnAfter = (ready: Promise<void>) => {
    gunzip.pause();
    ready.then(() => gunzip.resume());
  };
  const ended = new Promise<void>((resolve) => {
    gunzip.on("end", resolve);
    gunzip.on("close", resolve);
    gunzip.on("error", (thrown: unknown) => {
      failure ??= thrown;
      resolve();
    });
  });
  gunzip.on("data", (chunk: Uint8Array) => {
    if (failure !== null) return;
    try {
      if (kept.bytes + chunk.length > most) throw tooLarge(most, " once unpacked");
      ticket.hold(chunk.length);
      // No Buffer, whose `slice` shares what others take for a copy.
      kept.add(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length));
      if (kept.needsPlace) goOnAfter(kept.takePlace());
      else if (performance.now() >= until && isTurnOver()) goOnAfter(giveWay());
    } catch (thrown) {
      failure = thrown;
      gunzip.destroy();
    }
  });
  try {
    await Promise.race([new Promise<void>((resolve) => gunzip.write(sent, () => resolve())), ended]);
    // Only a flush brings out what was unpacked of a stream that breaks off.
    if (failure === null) {
      await Promise.race([new Promise<void>((resolve) => gunzip.flush(constants.Z_SYNC_FLUSH, () => resolve())), ended]);
      gunzip.end();
      await ended;
    }
  } finally {
    gunzip.destroy();
  }
  const isTruncated = (failure as { code?: string } | null)?.code === "Z_BUF_ERROR";
  if (failure === null || isTruncated) return { bytes: kept.handOver(), truncated: isTruncated };
  if (failure instanceof GuardianError) throw failure;
  throw new GuardianError("bad_request", `Cannot unpack the body: it is not gzip, or damaged (${reasonOf(failure)}); send it again`, {
    cause: failure,
  });
}

/** What is unpacked of one body: the first bytes as they come, all of it in memory that can be given back at once when there is a place. */
class Kept implements Disposable {
  readonly #first = new KeptPieces();
  #all: GrownBytes | null = null;
  #isOver = false;

  bytes = 0;

  constructor(private readonly most: number) {}

  get needsPlace(): boolean {
    return this.#all === null && this.bytes > limits.unpackedAheadBytes;
  }

  add(chunk: Uint8Array): void {
    this.bytes += chunk.length;
    (this.#all ?? this.#first).add(chunk);
  }

  async takePlace(): Promise<void> {
    await freePlace();
    // It may have failed meanwhile.
    if (this.#isOver) return leavePlace();
    this.#all = new GrownBytes(this.most);
    this.#all.add(this.#first.joined());
  }

  handOver(): Uint8Array {
    return this.#all?.handOver() ?? this.#first.joined();
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    if (this.#all === null) return;
    this.#all.drop();
    leavePlace();
  }
}

/** Resolves when a place is there, which is then taken. */
function freePlace(): Promise<void> {
  if (places.taken < limits.unpackedAtOnceMax) {
    places.taken++;
    return Promise.resolve();
  }
  return new Promise((resolve) => places.waiting.push(resolve));
}

/** Gives a place to the one that has waited the longest. */
function leavePlace(): void {
  const next = places.waiting.shift();
  if (next === undefined) places.taken--;
  else next();
}

export function tooLarge(most: number, how: string): GuardianError {
  return new GuardianError(
    "body_too_large",
    `Cannot take this body: it has more than ${most} bytes${how}; send it in parts, or a file with the command "replay"`,
  );
}
