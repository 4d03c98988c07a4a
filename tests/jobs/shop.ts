// Random shops for the tests of day jobs: events around one local day, with everything that makes counting hard, and the lake that has them.

import { ColumnBuilder, LIVE, pendingBatch } from "../../src/event/batch.ts";
import { ABSENT } from "../../src/event/code.ts";
import { CLICK, PURCHASE } from "../../src/event/kind.ts";
import { silent } from "../../src/log_line.ts";
import { dayAfter, type JobContext, Zone } from "../../jobs/mod.ts";
import type { Lab } from "../lake/lab.ts";

/** An event as a test has it. price in 1/10,000. */
export interface ShopEvent {
  readonly kind: number;
  readonly time: number;
  readonly session: string;
  readonly item: string | null;
  readonly category: string | null;
  readonly price: number;
  readonly quantity: number;
  readonly currency: string | null;
}

export interface Shop {
  readonly zone: string;
  readonly date: string;
  readonly currency: string;
  readonly events: readonly ShopEvent[];
  readonly flagged: readonly string[];
}

export const zones = ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns"] as const;

const MINUTE = 60_000, HOUR = 60 * MINUTE;
const oddIds = [
  "007",
  "9007199254740991",
  "9007199254740992",
  "9007199254740993",
  "0",
  "-1",
  "ä",
  "😀",
  "\ufffd",
  "Z",
  "a",
  "10x",
  "it's",
  "1.5",
  "nul\0in it",
];

/** A shop around `date`; `daysBefore` more days have events too. */
export function randomShop(random: () => number, zone: string, date: string, daysBefore = 0): Shop {
  const below = (n: number) => Math.floor(random() * n);
  const chance = (p: number) => random() < p;
  const pick = <T>(from: readonly T[]) => from[below(from.length)];
  const idsLike = (count: number) => {
    const style = below(3);
    return Array.from(
      { length: count },
      (_, i) => style === 0 ? String(below(2 * count)) : style === 1 ? `${pick(oddIds)}` : `w${i % 7}-${i}`,
    );
  };
  const sessions = idsLike(1 + below(40)), items = idsLike(1 + below(chance(0.2) ? 300 : 12));
  const categories = chance(0.1) ? [null] : [null, "0", "S", "2", "10", "12", "2089000001", "é"].slice(0, 1 + below(8));
  const prices = chance(0.3) ? [0] : [0, 100_000, 100_000, 1, 3_333, below(1e9), 9e15];
  const currencies = pick([[null], ["EUR"], [null, "EUR", "USD"], ["USD"], ["eur", "EUR", "CHF"]]);
  const has = { clicks: chance(0.9), purchases: chance(0.8), others: chance(0.4) };
  const span = new Zone(zone).spanOf(date);
  const anchors = [span.start, span.end, span.start + 2 * HOUR, span.start + 12 * HOUR];
  const time = () => {
    const back = daysBefore === 0 ? 0 : below(daysBefore + 1);
    const at = pick(anchors) + (below(2 * 40 * MINUTE) - 40 * MINUTE) - back * 24 * HOUR;
    return chance(0.1) ? pick([span.start, span.start - 1, span.end, span.end - 1]) : at;
  };
  const events: ShopEvent[] = [];
  const count = below(chance(0.1) ? 3 : 500);
  for (let i = 0; i < count; i++) {
    const kind = chance(0.2) ? PURCHASE : chance(0.8) ? CLICK : 1 + below(3);
    if (kind === PURCHASE ? !has.purchases : kind === CLICK ? !has.clicks : !has.others) continue;
    events.push({
      kind,
      time: time(),
      session: pick(sessions),
      item: kind === CLICK || kind === PURCHASE ? pick(items) : chance(0.5) ? pick(items) : null,
      category: pick(categories),
      price: pick(prices),
      quantity: below(4),
      currency: pick(currencies),
    });
  }
  return { zone, date, currency: "EUR", events, flagged: chance(0.3) ? [] : sessions.filter(() => chance(0.3)) };
}

/** Appends the events to a lab's log, in batches over its partitions. */
export function append(lab: Lab, events: readonly ShopEvent[]): void {
  for (let partition = 0; partition < lab.log.partitions; partition++) {
    const mine = events.filter((_, i) => i % lab.log.partitions === partition);
    if (mine.length === 0) continue;
    const columns = new ColumnBuilder();
    const code = (text: string | null) => text === null ? ABSENT : columns.code(text);
    for (const event of mine) {
      const row = columns.push(event.kind, event.time, code(event.session), code(event.item), code(event.category));
      if (event.kind !== PURCHASE) continue;
      const purchase = columns.withPurchase();
      purchase.price[row] = event.price;
      purchase.quantity[row] = event.quantity;
      purchase.currency[row] = code(event.currency);
    }
    lab.log.append(pendingBatch(columns, LIVE, partition));
  }
}

/** A context over a lab: its flagged sessions are those given, whatever the day. */
export function contextOf(lab: Lab, shop: Pick<Shop, "zone" | "currency" | "flagged">, given: Partial<JobContext> = {}): JobContext {
  const archiver = lab.archiver();
  return {
    kv: lab.kv,
    lakeFolder: lab.lakeFolder,
    clock: lab.clock,
    logLine: silent,
    settings: { timezone: shop.zone, runAt: "03:00", currency: shop.currency },
    flagged: {
      changes: () => Promise.resolve(new Map()),
      async *sessions() {
        yield await Promise.resolve(shop.flagged);
        yield shop.flagged.slice(0, 2);
      },
    },
    flush: () => archiver.flush(),
    ...given,
  };
}

/** Days on which the clocks of a zone change in a year, or two plain days where they do not. */
export function oddDays(zone: string, year: number): string[] {
  const local = new Zone(zone);
  const days: string[] = [];
  for (let date = `${year}-01-02`; date < `${year}-12-31`; date = dayAfter(date)) {
    const { start, end } = local.spanOf(date);
    if (end - start !== 24 * HOUR) days.push(date);
  }
  return days.length > 0 ? days : [`${year}-03-01`, `${year}-12-30`];
}
