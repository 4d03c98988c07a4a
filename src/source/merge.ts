// Merges sorted runs of a spill into one order. Runs are numbered as their rows stood in the file, so a tie goes to the smaller run.
// What always holds: one batch of each run under way is in memory, and the builder that the rows go to.

import { ColumnBuilder, type EventBatch } from "../event/batch.ts";
import type { Run, Spill } from "./spill.ts";

/** Reads one run, row by row. */
class RunCursor {
  row = 0;
  batch: EventBatch;
  readonly #spill: Spill;
  readonly #to: number;
  #next: number;
  #memo: Uint32Array | null = null;
  #memoFor: ColumnBuilder | null = null;

  /** `number`: the place of the run among those that are merged. */
  constructor(readonly number: number, spill: Spill, run: Run) {
    this.#spill = spill;
    this.#to = run.to;
    ({ batch: this.batch, next: this.#next } = spill.read(run.from));
  }

  get time(): number {
    return this.batch.eventTime[this.row];
  }

  /** Copies the row it is at and goes on; false at the end of the run. */
  take(into: ColumnBuilder): boolean {
    if (this.#memo === null || this.#memoFor !== into) {
      this.#memo = new Uint32Array(this.batch.words.length);
      this.#memoFor = into;
    }
    into.copyRow(this.batch, this.row, this.#memo);
    if (++this.row < this.batch.count) return true;
    if (this.#next >= this.#to) return false;
    ({ batch: this.batch, next: this.#next } = this.#spill.read(this.#next));
    this.row = 0;
    this.#memo = null;
    return true;
  }
}

/** Yields the rows of `runs` in order, in chunks of up to `chunkRows`; `onHeld` gets the rows in memory. */
export function* mergeRuns(
  spill: Spill,
  runs: readonly Run[],
  chunkRows: number,
  onHeld: (rows: number) => void,
): Generator<ColumnBuilder> {
  // A binary heap: the cursor that is next is first.
  const heap: RunCursor[] = [];
  for (const [number, run] of runs.entries()) {
    heap.push(new RunCursor(number, spill, run));
    for (let at = heap.length - 1; at > 0 && before(heap[at], heap[(at - 1) >> 1]); at = (at - 1) >> 1) swap(heap, at, (at - 1) >> 1);
  }
  while (heap.length > 0) {
    const chunk = new ColumnBuilder(chunkRows);
    while (chunk.count < chunkRows && heap.length > 0) {
      if (!heap[0].take(chunk)) {
        const last = heap.pop()!;
        if (heap.length === 0) break;
        heap[0] = last;
      }
      sink(heap);
    }
    onHeld(chunk.count + heap.reduce((rows, cursor) => rows + cursor.batch.count, 0));
    yield chunk;
  }
}

function before(a: RunCursor, b: RunCursor): boolean {
  const left = a.time, right = b.time;
  return left < right || (left === right && a.number < b.number);
}

function swap(heap: RunCursor[], a: number, b: number): void {
  [heap[a], heap[b]] = [heap[b], heap[a]];
}

/** Brings the first cursor to its place. */
function sink(heap: RunCursor[]): void {
  for (let at = 0;;) {
    let least = at;
    for (const child of [2 * at + 1, 2 * at + 2]) if (child < heap.length && before(heap[child], heap[least])) least = child;
    if (least === at) return;
    swap(heap, at, least);
    at = least;
  }
}
