// What the tests of the lake share: a lake in a temp folder with a clock to turn, random batches, and the rows that the lake should hold.

import { ColumnBuilder, columnText, LIVE, type PendingBatch, pendingBatch } from "../../src/event/batch.ts";
import { kindNames, PURCHASE } from "../../src/event/kind.ts";
import { Archiver, type ArchiverOptions, Duck, lakeRows, readManifest, type Row, type Table } from "../../src/lake/mod.ts";
import { type LogLine, silent } from "../../src/log_line.ts";
import { FakeLog } from "./fake_log.ts";

export const START = Date.UTC(2014, 3, 7, 22, 30);
const HOUR_MS = 3_600_000;

/** Numbers in [0, 1) from a seed. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function seedOfRun(): number {
  const seed = Math.floor(Math.random() * 2 ** 32);
  console.log(`seed ${seed}`);
  return seed;
}

export class Lab {
  readonly clock = { time: Date.UTC(2024, 0, 2), now: () => this.clock.time, monotonic: () => this.clock.time };
  logLine: LogLine = silent;

  private constructor(readonly folder: string, readonly kv: Deno.Kv, readonly duck: Duck, readonly log: FakeLog) {}

  static async open(partitions = 2): Promise<Lab> {
    const folder = await Deno.makeTempDir({ prefix: "lake_" });
    const duck = await Duck.open({ lakeFolder: `${folder}/lake`, name: "test" });
    return new Lab(folder, await Deno.openKv(":memory:"), duck, new FakeLog(partitions));
  }

  get lakeFolder(): string {
    return this.duck.lakeFolder;
  }

  archiver(options: Partial<ArchiverOptions> = {}): Archiver {
    const { kv, duck, log, clock, logLine } = this;
    return new Archiver({ kv, duck, log, clock, logLine, ...options });
  }

  async rows(table: Table): Promise<Row[]> {
    const rows: Row[] = [];
    for await (const some of lakeRows(this.duck, await readManifest(this.kv), table)) rows.push(...some);
    return rows;
  }

  /** What the tables should hold by what the log was given. */
  expected(table: Table): Row[] {
    const rows: Row[] = [];
    for (const batch of this.log.all()) {
      if (batch.control !== "events") continue;
      for (let row = 0; row < batch.count; row++) {
        if ((batch.kind[row] === PURCHASE) !== (table === "raw_purchases")) continue;
        const text = (column: Uint32Array | undefined) => columnText(batch, column, row);
        const { purchase, visitor, identity } = batch;
        const number = (value: number | undefined) => value === undefined || isNaN(value) || value < 0 ? null : BigInt(value);
        rows.push({
          ...table === "raw_clicks" ? { kind: kindNames[batch.kind[row]] } : {},
          session_id: text(batch.session),
          timestamp: new Date(batch.eventTime[row]),
          item_id: text(batch.item),
          category: text(batch.category),
          ...table === "raw_purchases"
            ? {
              price: purchase === null || isNaN(purchase.price[row]) ? null : purchase.price[row] / 10_000,
              quantity: number(purchase?.quantity[row]),
              order_id: text(purchase?.orderId),
              currency: text(purchase?.currency),
            }
            : {},
          event_id: text(identity?.eventId),
          user_id: text(visitor?.userId),
          ip: text(visitor?.ip),
          user_agent: text(visitor?.userAgent),
          referrer: text(visitor?.referrer),
          platform: text(visitor?.platform),
          page: text(visitor?.page),
          properties: text(batch.properties ?? undefined),
          _partition: batch.partition,
          _offset: BigInt(batch.firstOffset + row),
          _arrival: new Date(batch.arrival),
          _lane: batch.lane,
          _source: text(identity?.source),
          _row: number(identity?.row[row]),
        });
      }
    }
    return rows;
  }

  close(): void {
    this.duck.close();
    this.kv.close();
    Deno.removeSync(this.folder, { recursive: true });
  }
}

/** Runs a test in a lab of its own. */
export function labTest(name: string, test: (lab: Lab) => Promise<void>, partitions = 2): void {
  Deno.test(name, async () => {
    const lab = await Lab.open(partitions);
    try {
      await test(lab);
    } finally {
      lab.close();
    }
  });
}

/** Plain clicks with integer ids, a second apart from `start`. */
export function clicks(count: number, partition = 0, start = START): PendingBatch {
  const columns = new ColumnBuilder();
  for (let i = 0; i < count; i++) columns.push(0, start + 1000 * i, i % 7, 214_500_000 + i, columns.code("0"));
  return pendingBatch(columns, LIVE, partition);
}

const oddTexts = [
  "",
  "'",
  "ä€😀",
  "twelve bytes",
  "thirteen byte",
  "a text that is longer than a descriptor",
  "nul\0in it",
  '"q"',
  "2147483648",
  "007",
];

/** A batch of anything: each group of columns there or not, each value there or not, words short and long, several hours. */
export function anyBatch(random: () => number, partition: number, hours = 4): PendingBatch {
  const below = (n: number) => Math.floor(random() * n);
  const chance = (p: number) => random() < p;
  const columns = new ColumnBuilder();
  const word = () => chance(0.3) ? oddTexts[below(oddTexts.length)] : chance(0.5) ? `word-${below(40)}` : crypto.randomUUID();
  const text = () => columns.code(chance(0.5) ? String(below(2 ** below(32))) : word());
  const maybe = () => chance(0.2) ? 0xffff_ffff : text();
  const has = {
    purchase: chance(0.5),
    visitor: chance(0.4),
    identity: chance(0.4),
    properties: chance(0.3),
    words: chance(0.6),
    kinds: chance(0.6),
  };
  const count = 1 + below(chance(0.1) ? 4096 : 300);
  for (let i = 0; i < count; i++) {
    const kind = has.kinds ? below(has.purchase ? 5 : 4) : 0;
    const id = () => has.words ? text() : below(2 ** 31);
    const row = columns.push(
      kind,
      START + below(hours * HOUR_MS),
      id(),
      chance(0.05) ? 0xffff_ffff : id(),
      has.words ? maybe() : columns.code("0"),
    );
    if (kind === PURCHASE) {
      const purchase = columns.withPurchase();
      purchase.price[row] = chance(0.1) ? 9e15 : below(1e9);
      purchase.quantity[row] = 1 + below(1e9);
      purchase.orderId[row] = maybe();
      purchase.currency[row] = chance(0.5) ? columns.code("EUR") : 0xffff_ffff;
    }
    if (has.visitor && chance(0.8)) {
      const visitor = columns.withVisitor();
      for (const column of Object.values(visitor)) column[row] = maybe();
    }
    if (has.identity) {
      const identity = columns.withIdentity();
      identity.source[row] = columns.code("source-of-a-file-with-a-long-name");
      identity.row[row] = chance(0.2) ? -1 : below(2 ** 40);
      identity.eventId[row] = maybe();
    }
    if (has.properties && chance(0.5)) columns.withProperties()[row] = columns.code(`{"k":"${below(100)}"}`);
  }
  return pendingBatch(columns, chance(0.8) ? LIVE : `replay:${below(3)}:of-a-lane-with-a-long-name`, partition);
}
