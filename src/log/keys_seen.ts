// Idempotency keys of the last day: which body each came with, and whether all of it is in the log. They are written with the appends
// they belong to, so they are exactly as durable as the events.

import { createHash } from "node:crypto";
import { limits } from "../limits.ts";

/** key, body: hex of the first 128 and 64 bits of their SHA-256. done: every event of the request is in the log. */
export interface KeyNote {
  readonly key: string;
  readonly body: string;
  readonly done: boolean;
  /** Wall clock, ms. */
  readonly time: number;
}

const BODY_DIGITS = 16, HASHED_BYTES = 2 ** 20;

/** Hashes of an Idempotency-Key and its body, as notes hold them. */
export function keyHashes(key: string, body: Uint8Array): { key: string; body: string } {
  return {
    key: keyHash(key),
    body: createHash("sha256").update(body).digest("hex").slice(0, BODY_DIGITS),
  };
}

function keyHash(key: string): string {
  return createHash("sha256").update(key).digest("hex").slice(0, 32);
}

/** As `keyHashes`, for a long body: after each MiB, which takes ms, it waits for `between`. */
export async function keyHashesInTurns(
  key: string,
  body: Uint8Array,
  between: () => Promise<void>,
): Promise<{ key: string; body: string }> {
  const hash = createHash("sha256");
  for (let from = 0; from < body.length; from += HASHED_BYTES) {
    if (from > 0) await between();
    hash.update(body.subarray(from, from + HASHED_BYTES));
  }
  return { key: keyHash(key), body: hash.digest("hex").slice(0, BODY_DIGITS) };
}

const NOTE_BYTES = 16 + 8 + 1 + 8;

/** Packs notes: 33 bytes each. */
export function encodeNotes(notes: readonly KeyNote[]): Uint8Array {
  const bytes = new Uint8Array(notes.length * NOTE_BYTES), view = new DataView(bytes.buffer);
  notes.forEach(({ key, body, done, time }, i) => {
    const at = i * NOTE_BYTES;
    for (let b = 0; b < 16; b++) bytes[at + b] = parseInt(key.slice(2 * b, 2 * b + 2), 16);
    for (let b = 0; b < 8; b++) bytes[at + 16 + b] = parseInt(body.slice(2 * b, 2 * b + 2), 16);
    bytes[at + 24] = done ? 1 : 0;
    view.setFloat64(at + 25, time, true);
  });
  return bytes;
}

/** Unpacks what `encodeNotes` packed. */
export function decodeNotes(bytes: Uint8Array): KeyNote[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const hex = (from: number, to: number) => Array.from(bytes.subarray(from, to), (byte) => byte.toString(16).padStart(2, "0")).join("");
  return Array.from({ length: bytes.length / NOTE_BYTES }, (_, i) => {
    const at = i * NOTE_BYTES;
    return { key: hex(at, at + 16), body: hex(at + 16, at + 24), done: bytes[at + 24] === 1, time: view.getFloat64(at + 25, true) };
  });
}

/** Most notes that fit one value of the log. */
export const NOTES_MAX = Math.floor(limits.kvValueBytesMax / NOTE_BYTES);

export class KeysSeen {
  /** In order of time; a key that comes again moves to the end. */
  readonly #keys = new Map<string, { body: string; done: boolean; time: number; note: number }>();

  constructor(
    private readonly most: number = limits.idempotencyKeysMax,
    private readonly keepMs: number = limits.idempotencyKeysKeepHours * 3_600_000,
  ) {}

  get count(): number {
    return this.#keys.size;
  }

  get(key: string): { body: string; done: boolean } | null {
    return this.#keys.get(key) ?? null;
  }

  /** Takes a note that is in the log under number `note`. */
  add({ key, body, done, time }: KeyNote, note: number): void {
    this.#keys.delete(key);
    this.#keys.set(key, { body, done, time, note });
  }

  /** Forgets what is too old or too much. Returns the forgotten keys, and the number of the oldest note still needed. */
  sweep(now: number): { forgotten: string[]; oldestNote: number } {
    const forgotten: string[] = [];
    for (const [key, { time, note }] of this.#keys) {
      if (time >= now - this.keepMs && this.#keys.size <= this.most) return { forgotten, oldestNote: note };
      this.#keys.delete(key);
      forgotten.push(key);
    }
    return { forgotten, oldestNote: Infinity };
  }
}
