// Fails one call to storage, or every call from one on, below a folder: the n-th of all that a run makes, whatever it is for.
// What always holds: while it is not armed, calls are neither counted nor failed, so a script can look at what there is.

import { hookIo, type IoCall, type IoKind } from "../support/io_hooks.ts";

/**
 * at: which call of this kind fails, from 1; 0: none. Counted by kind, as the order of calls of different parts is not always the same. on:
 * and every call after it, of any kind. landed: it took effect, and its answer is lost.
 */
export interface Fault {
  readonly kind: IoKind;
  readonly at: number;
  readonly on: boolean;
  readonly landed: boolean;
  /** Only what takes room in the lake fails, as on a full disk; KV goes on, as it has some left. */
  readonly room?: boolean;
}

export const NO_FAULT: Fault = { kind: "open", at: 0, on: false, landed: false };

/** What each call says when it fails: as the operating system, or SQLite, would. */
export const REASON = "No space left on device (os error 28)",
  REASON_KV = "database or disk is full",
  REASON_LOST = "Input/output error (os error 5)";

export class NthCall implements Disposable {
  /** Kinds of the calls made while armed, in order. */
  readonly kinds: IoKind[] = [];
  /** Calls that failed. */
  failed = 0;
  armed = false;
  /** Calls that had been made when storage was mended while the server ran. */
  mendedAt = 0;
  #ofKind = 0;
  #met = false;
  readonly #hooked: Disposable;
  readonly #setTimeout = globalThis.setTimeout;

  constructor(under: string, readonly fault: Fault) {
    const due = new WeakSet<IoCall>();
    this.#hooked = hookIo({
      under,
      before: (call) => {
        if (!this.armed) return;
        this.kinds.push(call.kind);
        const isIt = call.kind === this.fault.kind && ++this.#ofKind === this.fault.at;
        if (!(isIt || (this.fault.on && this.#met))) return;
        this.#met = true;
        if (this.fault.room && !takesRoom(call.kind)) return;
        if (this.fault.landed) return void due.add(call);
        this.failed++;
        throw failureOf(call);
      },
      after: (call) => {
        if (!due.has(call)) return;
        this.failed++;
        throw Object.assign(new Error(REASON_LOST), { code: "EIO" });
      },
    });
    // Waits between two tries are as short as can be: how long they are is no matter here.
    globalThis.setTimeout =
      ((handler: () => void, ms = 0, ...values: never[]) =>
        this.#setTimeout(() => (handler as (...values: never[]) => void)(...values), Math.min(ms, 2))) as typeof setTimeout;
  }

  [Symbol.dispose](): void {
    globalThis.setTimeout = this.#setTimeout;
    this.#hooked[Symbol.dispose]();
  }
}

/** Whether a call may fail for want of room. */
export function takesRoom(kind: IoKind): boolean {
  return !kind.startsWith("kv_") && kind !== "read" && kind !== "remove";
}

function failureOf({ kind }: IoCall): Error {
  return kind.startsWith("kv_") ? new TypeError(REASON_KV) : Object.assign(new Error(REASON), { code: "ENOSPC" });
}
