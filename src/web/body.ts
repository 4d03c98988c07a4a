// Reads the body of a request whole, unpacked where it is gzip. What always holds: no more bytes are kept than a body may have, however
// small it was on the way; a packed body that breaks off gives what could be unpacked.

import { GuardianError, reasonOf } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Ticket } from "./admission.ts";
import { KeptPieces } from "./kept_pieces.ts";
import { type Watched, watched } from "./slow_bodies.ts";
import { type Body, tooLarge, unpacked } from "./unpacking.ts";

/** Bodies up to this length mostly come in one piece, and are taken as they come. */
const PIECE_BYTES = 16 * 1024;
/** Longer ones up to this length are read into one buffer, which is there before they are: so long that those of all requests have room. */
const WHOLE_BYTES_MAX = limits.requestBytesInFlightMax / limits.requestsInFlightMax;

export type { Body };

/** Bytes that a body may have, as sent and unpacked; ms in which its next piece has to come, and all of it. */
export interface BodyLimits {
  readonly sentMax: number;
  readonly decodedMax: number;
  readonly stallMs: number;
  readonly readMs: number;
}

const defaultLimits: BodyLimits = {
  sentMax: limits.bodyBytesMax,
  decodedMax: limits.bodyDecodedBytesMax,
  stallMs: limits.bodyStallMs,
  readMs: limits.bodyReadMs,
};

/**
 * The body of a request; its bytes are counted on `ticket`. Throws `body_too_large`, `unsupported_media_type`, `overloaded`, and
 * `bad_request` for one that cannot be unpacked or did not arrive.
 */
export async function readBody(request: Request, ticket: Ticket, given: Partial<BodyLimits> = {}): Promise<Body> {
  const bounds = { ...defaultLimits, ...given }, { sentMax, decodedMax } = bounds;
  const encoding = request.headers.get("content-encoding")?.trim().toLowerCase() || "identity";
  if (encoding !== "identity" && encoding !== "gzip" && encoding !== "x-gzip") {
    throw new GuardianError(
      "unsupported_media_type",
      `Cannot unpack a body of the encoding "${encoding.slice(0, 100)}": send it as gzip, or as it is`,
    );
  }
  const length = Number(request.headers.get("content-length"));
  if (length > sentMax) throw tooLarge(sentMax, "");
  const { body } = request;
  if (body === null) return { bytes: new Uint8Array(0), truncated: false };
  const reader = length > PIECE_BYTES && length <= WHOLE_BYTES_MAX ? wholeReader(body) : null;
  const sent = reader !== null ? await readWhole(reader, length, bounds, ticket) : await gather(body, bounds, ticket);
  // Only now, as nobody's slow body should have a place among those that are unpacked.
  return encoding === "identity" ? { bytes: sent, truncated: false } : await unpacked(sent, ticket, decodedMax);
}

/** A reader that fills a buffer of ours, or null: not every body has one. */
function wholeReader(body: ReadableStream<Uint8Array>): ReadableStreamBYOBReader | null {
  try {
    return body.getReader({ mode: "byob" });
  } catch {
    return null;
  }
}

/** A body of known length, straight into one buffer. It is read to its end: the server has most work with one that is not. */
async function readWhole(reader: ReadableStreamBYOBReader, length: number, bounds: BodyLimits, ticket: Ticket): Promise<Uint8Array> {
  const pieces = new Pieces(reader, bounds);
  try {
    ticket.hold(length);
    let buffer = new Uint8Array(length + 1), at = 0;
    for (;;) {
      const { done, value } = await pieces.next(() => reader.read(buffer.subarray(at)));
      // The buffer changes hands with each read.
      if (value !== undefined) buffer = new Uint8Array(value.buffer);
      if (done) return buffer.subarray(0, at);
      at += value.length;
      if (at > length) throw new GuardianError("bad_request", "Cannot read the body: it is longer than its Content-Length says");
    }
  } finally {
    pieces.end();
  }
}

/** A body of any length, as it comes. */
async function gather(body: ReadableStream<Uint8Array>, bounds: BodyLimits, ticket: Ticket): Promise<Uint8Array> {
  const kept = new KeptPieces(), reader = body.getReader(), pieces = new Pieces(reader, bounds), read = () => reader.read();
  try {
    for (;;) {
      const { done, value } = await pieces.next(read);
      if (done) return kept.joined();
      if (kept.bytes + value.length > bounds.sentMax) throw tooLarge(bounds.sentMax, "");
      ticket.hold(value.length);
      kept.add(value);
    }
  } finally {
    pieces.end();
  }
}

/** The pieces of a body, each within its time. */
class Pieces {
  readonly #watch: Watched;
  #done = false;

  constructor(private readonly reader: ReadableStreamDefaultReader<Uint8Array> | ReadableStreamBYOBReader, bounds: BodyLimits) {
    this.#watch = watched(bounds.stallMs, bounds.readMs, () => this.#cancel());
  }

  /** What a read gives. Throws when the piece did not come, or not in time. */
  async next<T extends { done: boolean }>(read: () => Promise<T>): Promise<T> {
    let piece: T;
    this.#watch.expects();
    try {
      piece = await read();
    } catch (cause) {
      throw new GuardianError("bad_request", `Cannot read the body: it did not arrive whole (${reasonOf(cause)}); send it again`, {
        cause,
      });
    }
    const { gaveUp } = this.#watch;
    if (gaveUp !== null) throw new GuardianError("request_timeout", `Cannot read the body: ${gaveUp}; send it in smaller parts`);
    this.#watch.piece();
    this.#done = piece.done;
    return piece;
  }

  end(): void {
    this.#watch.end();
    if (!this.#done) this.#cancel();
  }

  #cancel(): void {
    this.reader.cancel().catch(() => {});
  }
}
