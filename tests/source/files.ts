// What the tests of reading files share: files that last for one test, rows as plain objects, and numbers at random from a printed seed.

import { columnText, type EventColumns } from "../../src/event/batch.ts";
import type { Reject } from "../../src/event/reject.ts";
import { CsvReader } from "../../src/source/csv.ts";
import type { ColumnIndexes } from "../../src/source/layout.ts";
import { type LineOptions, LineReader } from "../../src/source/lines.ts";
import { ColumnBuilder } from "../../src/event/batch.ts";

/** A row by value, without codes. */
export interface Row {
  readonly time: number;
  readonly session: string | null;
  readonly item: string | null;
  readonly category: string | null;
  readonly price: number | null;
  readonly quantity: number | null;
}

/** A folder that is gone after the test. */
export class TestFolder {
  readonly path = Deno.makeTempDirSync();
  #files = 0;

  file(content: string | Uint8Array, name = `${this.#files++}.csv`): string {
    const path = `${this.path}/${name}`;
    if (typeof content === "string") Deno.writeTextFileSync(path, content);
    else Deno.writeFileSync(path, content);
    return path;
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

export function rowsOf(columns: EventColumns): Row[] {
  return Array.from({ length: columns.count }, (_, row) => ({
    time: columns.eventTime[row],
    session: columnText(columns, columns.session, row),
    item: columnText(columns, columns.item, row),
    category: columnText(columns, columns.category, row),
    price: columns.purchase === null ? null : columns.purchase.price[row],
    quantity: columns.purchase === null ? null : columns.purchase.quantity[row],
  }));
}

/** All of a file, in file order. */
export function readAll(
  path: string,
  options: LineOptions & { indexes?: ColumnIndexes; step?: number } = {},
): { rows: Row[]; rejects: Reject[] } {
  const rows: Row[] = [], rejects: Reject[] = [];
  using lines = new LineReader(path, options);
  const csv = new CsvReader(lines, null, (reject) => rejects.push(reject), options.indexes ?? null);
  for (let more = true; more;) {
    const columns = new ColumnBuilder(4);
    more = csv.fill(columns, options.step ?? 1000);
    rows.push(...rowsOf(columns));
  }
  return { rows, rejects };
}

/** Numbers at random; the seed is printed so that a failure can be run again. */
export class Random {
  #state: number;

  constructor(seed = Date.now() % 1_000_000_007) {
    this.#state = seed;
    console.log(`seed ${seed}`);
  }

  /** 0 to `below` - 1. */
  below(below: number): number {
    this.#state = (this.#state + 0x9e3779b9) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) % below;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)];
  }
}

/** The folder with real files, if it is there. */
export function realFile(name: string): string | null {
  const path = new URL(`../../../shared/data/yoochoose/${name}`, import.meta.url).pathname;
  try {
    Deno.statSync(path);
    return path;
  } catch {
    console.log(`left out: there is no ${name} next to the checkout`);
    return null;
  }
}
