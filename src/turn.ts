// Turns of the event loop for work that takes long: the archiver's, the engine's and that of the live figures. A piece of such work that
// has held the loop for long gives way, and goes on when requests and timers had theirs. What always holds: of those that gave way one goes on
// in a turn of the loop, in the order in which they came, so that what they take does not add up.
// It must not know what the work is. It looks at the machine's clock, which here decides nothing but who goes first.

import { setImmediate as nextTurn } from "node:timers/promises";
import { limits } from "./limits.ts";
import type { InPieces } from "./pieces.ts";

/** Turns of the loop after which work that nobody waits for goes on: a request needs about as many from its first byte to its answer. */
const TURNS_BACK = 8;

/** No more than there are pieces of such work: each waits here for itself. */
const waiting: (() => void)[] = [];
/** When the turn of the one that went on last began, ms. */
let began = -Infinity;

/** Whether it is time to give way. True at once for work that did not come by way of `giveWay`, as nobody knows what ran before it. */
export function isTurnOver(): boolean {
  return performance.now() - began >= limits.turnMs;
}

/** Resolves when others had their turn. */
export function giveWay(): Promise<void> {
  return new Promise((resolve) => {
    if (waiting.push(resolve) === 1) setImmediate(goOn);
  });
}

/** As `giveWay`, for work that nobody waits for: others had several turns, or a time in which this gets its share however busy they are. */
export async function standBack(): Promise<void> {
  const until = performance.now() + limits.standBackMs;
  for (let turn = 0; turn < TURNS_BACK && performance.now() < until; turn++) await nextTurn();
  await giveWay();
}

/** Does work in pieces, and gives way between them as often as it has to. */
export async function inTurns<T>(work: InPieces<T>, way: () => Promise<void> = giveWay): Promise<T> {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
    if (isTurnOver()) await way();
  }
}

function goOn(): void {
  // The next one is called before this one goes on, which may come back at once.
  const resolve = waiting.shift()!;
  if (waiting.length > 0) setImmediate(goOn);
  began = performance.now();
  resolve();
}
