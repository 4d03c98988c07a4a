// Long work in pieces: a generator that yields wherever others may have the event loop for a while. Whether they get it is decided by who goes
// through it: `inTurns` of turn.ts, or `atOnce`. What always holds: nobody changes what the work looks at between two pieces. Pure.

/** Work that yields between its pieces, and ends with its result. */
export type InPieces<T> = Generator<void, T, void>;

/** Does all of it without a break: for work that is short, or where nobody waits for anything else. */
export function atOnce<T>(work: InPieces<T>): T {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
  }
}
