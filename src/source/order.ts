// The permutation that brings rows into event-time order, rows of one time staying as they are. Nearly sorted rows are nearly free.
// What always holds: the order is the one of (event time, row), by whichever way it is found.

/** Bits of an exact integer in a double. */
const EXACT_BITS = 53;

/** Memory to find orders in, used again and again: fresh memory costs as much as the work. */
export class OrderScratch {
  kept = new Uint32Array(0);
  dropped = new Uint32Array(0);
  order = new Uint32Array(0);

  /** Makes room for `count` rows. */
  fit(count: number): this {
    if (count > this.kept.length) {
      this.kept = new Uint32Array(count);
      this.dropped = new Uint32Array(count);
      this.order = new Uint32Array(count);
    }
    return this;
  }
}

/**
 * The rows 0 to `count` - 1 by (time, row); null when they are in order as they stand. scratch: where the order is found; it lasts until the
 * next one is.
 */
export function timeOrder(times: Float64Array, count: number, scratch = new OrderScratch()): Uint32Array | null {
  let row = 1;
  while (row < count && times[row] >= times[row - 1]) row++;
  if (row >= count) return null;
  const { kept, dropped } = split(times, count, row, scratch.fit(count));
  sortByTime(times, dropped);
  return merge(times, kept, dropped, scratch.order.subarray(0, count));
}

/**
 * Splits rows into those in ascending order and the others, both by row; the first `sorted` rows ascend already. A single row that is
 * far ahead of its time is dropped itself, so that it does not drive out all that follow.
 */
function split(
  times: Float64Array,
  count: number,
  sorted: number,
  { kept, dropped }: OrderScratch,
): { kept: Uint32Array; dropped: Uint32Array } {
  for (let row = 0; row < sorted; row++) kept[row] = row;
  let keptCount = sorted, droppedCount = 0, unordered = false;
  for (let row = sorted; row < count; row++) {
    const time = times[row];
    if (time >= times[kept[keptCount - 1]]) {
      kept[keptCount++] = row;
    } else if (keptCount > 1 && time >= times[kept[keptCount - 2]] && row < count - 1 && times[row + 1] < times[kept[keptCount - 1]]) {
      // The row before stands alone against this one and the next: it goes instead. Its number is smaller than those after it.
      const ahead = kept[keptCount - 1];
      if (droppedCount > 0 && dropped[droppedCount - 1] > ahead) unordered = true;
      dropped[droppedCount++] = ahead;
      kept[keptCount - 1] = row;
    } else {
      dropped[droppedCount++] = row;
    }
  }
  const rest = dropped.subarray(0, droppedCount);
  if (unordered) rest.sort();
  return { kept: kept.subarray(0, keptCount), dropped: rest };
}

/** Sorts `rows`, which are in ascending order, by (time, row). */
function sortByTime(times: Float64Array, rows: Uint32Array): void {
  const { length } = rows;
  if (length < 2) return;
  let least = Infinity, most = -Infinity;
  for (const row of rows) {
    least = Math.min(least, times[row]);
    most = Math.max(most, times[row]);
  }
  // Time and place in one double that sorts by itself, several times as fast as comparing rows by a function.
  const places = 2 ** Math.ceil(Math.log2(length));
  if ((most - least + 1) * places > 2 ** EXACT_BITS) {
    rows.sort((a, b) => times[a] - times[b] || a - b);
    return;
  }
  const keys = new Float64Array(length);
  for (let place = 0; place < length; place++) keys[place] = (times[rows[place]] - least) * places + place;
  keys.sort();
  const given = rows.slice();
  for (let place = 0; place < length; place++) rows[place] = given[keys[place] % places];
}

/** One order out of two, in `order`. Rows of one time go by their number. */
function merge(times: Float64Array, left: Uint32Array, right: Uint32Array, order: Uint32Array): Uint32Array {
  let to = 0, from = 0;
  for (const row of right) {
    const time = times[row];
    while (from < left.length && (times[left[from]] < time || (times[left[from]] === time && left[from] < row))) order[to++] = left[from++];
    order[to++] = row;
  }
  order.set(left.subarray(from), to);
  return order;
}

/** How many of `order`'s rows (all rows in turn for null) are at `time` or before it. */
export function countUntil(times: Float64Array, count: number, order: Uint32Array | null, time: number): number {
  let low = 0, high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (times[order === null ? middle : order[middle]] <= time) low = middle + 1;
    else high = middle;
  }
  return low;
}
