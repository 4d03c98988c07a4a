import assert from "node:assert/strict";
import { ColumnBuilder, columnText } from "../../src/event/batch.ts";
import { ABSENT, textOf } from "../../src/event/code.ts";
import { ADD_TO_CART, CLICK, PAGE_VIEW, PURCHASE, SEARCH } from "../../src/event/kind.ts";
import { maskIp } from "../../src/event/mask.ts";
import { parseBody } from "../../src/event/parse.ts";
import { limits } from "../../src/limits.ts";
import { busyness, items, SampleShop, type VisitorKind, visitorKinds, VISITORS_PER_DAY_MAX } from "../../src/sample/mod.ts";
import { flatLines } from "../../src/source/flat_lines.ts";
import { type Row, rowsOf } from "../event/rows.ts";

const HOUR = 3_600_000, DAY = 24 * HOUR;
/** A Monday. */
const T0 = Date.UTC(2026, 2, 2);

/** The events of [from, to) with their numbers, one line each. */
function linesOf(shop: SampleShop, from: number, to: number): string[] {
  const lines: string[] = [];
  for (const { firstRow, columns } of shop.chunks(from, to)) {
    flatLines(columns).trimEnd().split("\n").forEach((line, row) => lines.push(`${firstRow + row} ${line}`));
  }
  return lines;
}

function rowsIn(shop: SampleShop, from: number, to: number): Row[] {
  return [...shop.chunks(from, to)].flatMap(({ columns }) => rowsOf(columns));
}

Deno.test("sample shop makes the same events for the same options, and others for others", () => {
  const make = (options: ConstructorParameters<typeof SampleShop>[0]) => linesOf(new SampleShop(options), T0, T0 + HOUR);
  const lines = make({ seed: 3, visitorsPerDay: 5000 });
  assert.ok(lines.length > 500);
  assert.deepEqual(make({ seed: 3, visitorsPerDay: 5000 }), lines);
  for (
    const other of [{ seed: 4, visitorsPerDay: 5000 }, { seed: 3, visitorsPerDay: 5001 }, { seed: 3, visitorsPerDay: 5000, botShare: 0 }]
  ) {
    assert.notDeepEqual(make(other), lines);
    assert.notEqual(new SampleShop(other).id, new SampleShop({ seed: 3, visitorsPerDay: 5000 }).id);
  }
});

Deno.test("sample shop makes a stretch alone as it is within a longer one, wherever it is cut", () => {
  const shop = new SampleShop({ visitorsPerDay: 3000 }), whole = linesOf(shop, T0, T0 + 6 * HOUR);
  for (const cuts of [[HOUR], [3 * HOUR, 5 * HOUR], [1, 77_777, 600_000, 600_001, 4 * HOUR - 1]]) {
    const bounds = [0, ...cuts, 6 * HOUR];
    const pieces = bounds.slice(1).flatMap((to, at) => linesOf(shop, T0 + bounds[at], T0 + to));
    assert.deepEqual(pieces, whole);
  }
  assert.deepEqual(linesOf(shop, T0, T0), []);
});

Deno.test("sample shop's events come in event-time order, and their numbers rise", () => {
  const shop = new SampleShop({ visitorsPerDay: 30_000 });
  let lastTime = T0, lastRow = -1, events = 0;
  for (const { firstRow, columns } of shop.chunks(T0, T0 + 3 * HOUR)) {
    assert.ok(firstRow > lastRow);
    for (let row = 0; row < columns.count; row++) {
      assert.ok(columns.eventTime[row] >= lastTime && columns.eventTime[row] < T0 + 3 * HOUR);
      lastTime = columns.eventTime[row];
    }
    lastRow = firstRow + columns.count - 1;
    events += columns.count;
  }
  assert.ok(events > 5000);
});

Deno.test("sample shop's visitors come by the hour of the day and the day of the week", () => {
  const visitorsPerDay = 20_000, shop = new SampleShop({ visitorsPerDay, botShare: 0 });
  const firstSeen = new Map<string, number>();
  for (const { columns } of shop.chunks(T0 - HOUR, T0 + 7 * DAY)) {
    for (let row = 0; row < columns.count; row++) {
      const session = textOf(columns.words, columns.session[row])!;
      if (!firstSeen.has(session)) firstSeen.set(session, columns.eventTime[row]);
    }
  }
  const byHour = new Array(7 * 24).fill(0);
  // A session that began in the hour before is not one of this week.
  for (const [session, time] of firstSeen) {
    if (time >= T0 && Number(session) >= T0 / 600_000 * 1e6) byHour[Math.floor((time - T0) / HOUR)]++;
  }
  byHour.forEach((visitors, hour) => {
    const expected = visitorsPerDay / 24 * busyness(T0 + hour * HOUR);
    assert.ok(Math.abs(visitors - expected) < 5 * Math.sqrt(expected) + 1, `hour ${hour}: ${visitors}, expected ${expected}`);
  });
  const perDay = byHour.reduce((sum, visitors) => sum + visitors) / 7;
  assert.ok(Math.abs(perDay / visitorsPerDay - 1) < 0.02, `${perDay} a day`);
});

Deno.test("sample shop's visitors do what people in a shop do", () => {
  const shop = new SampleShop({ visitorsPerDay: 20_000, botShare: 0 });
  const kinds = [0, 0, 0, 0, 0], clicksOf = new Map<number, number>();
  const sessions = new Set<string>(), buyers = new Set<string>();
  let free = 0, purchases = 0;
  for (const { columns } of shop.chunks(T0, T0 + DAY)) {
    for (let row = 0; row < columns.count; row++) {
      const session = textOf(columns.words, columns.session[row])!;
      kinds[columns.kind[row]]++;
      sessions.add(session);
      if (columns.kind[row] === CLICK) clicksOf.set(columns.item[row], (clicksOf.get(columns.item[row]) ?? 0) + 1);
      if (columns.kind[row] !== PURCHASE) continue;
      buyers.add(session);
      purchases++;
      if (columns.purchase!.price[row] === 0) free++;
      assert.equal(columnText(columns, columns.purchase!.currency, row), "EUR");
      assert.ok(columns.purchase!.quantity[row] >= 1);
    }
  }
  const between = (what: string, value: number, least: number, most: number) =>
    assert.ok(value >= least && value <= most, `${what} is ${value}, not from ${least} to ${most}`);
  between("the share that buys", buyers.size / sessions.size, 0.04, 0.06);
  between("the share of purchases without a price", free / purchases, 0.1, 0.3);
  between("clicks a session", kinds[CLICK] / sessions.size, 2, 6);
  for (const kind of [PAGE_VIEW, ADD_TO_CART, SEARCH, PURCHASE]) between(`kind ${kind}`, kinds[kind] / sessions.size, 0.03, 3);
  // Zipf: the first tenth of the items has the most of the clicks, and the last ones are clicked too.
  const counts = [...clicksOf.values()].sort((a, b) => b - a);
  between("the first tenth's share", counts.slice(0, items.length / 10).reduce((sum, count) => sum + count) / kinds[CLICK], 0.45, 0.8);
  between("items clicked", clicksOf.size / items.length, 0.8, 1);
});

Deno.test("sample shop's items have names, prices and categories of the known sorts", () => {
  assert.equal(new Set(items.map(({ id }) => id)).size, items.length);
  assert.equal(new Set(items.map(({ name }) => name)).size, items.length);
  const sorts = { missing: 0, special: 0, real: 0, brand: 0 };
  for (const { category, price } of items) {
    assert.ok(Number.isInteger(price) && price > 0 && price < 1000 * 10_000);
    if (category === 0) sorts.missing++;
    else if (category === "S") sorts.special++;
    else if (category <= 12) sorts.real++;
    else if (String(category).length === 10) sorts.brand++;
  }
  assert.ok(Object.values(sorts).every((count) => count > items.length / 20), JSON.stringify(sorts));
  assert.equal(Object.values(sorts).reduce((sum, count) => sum + count), items.length);
});

Deno.test("sample shop's bots are as many as asked for, of five kinds, and known by their sessions", () => {
  const shop = new SampleShop({ visitorsPerDay: 100_000 }), told = new Map<string, VisitorKind>();
  for (const { session, kind } of shop.bots(T0, T0 + DAY)) told.set(String(session), kind);
  const seen = new Map<string, number>();
  for (const { columns } of shop.chunks(T0, T0 + DAY)) {
    for (let row = 0; row < columns.count; row++) {
      const session = textOf(columns.words, columns.session[row])!;
      seen.set(session, (seen.get(session) ?? 0) + 1);
    }
  }
  const kinds = new Map<VisitorKind, number>();
  for (const session of seen.keys()) {
    const kind = shop.truthOf(session)!;
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    assert.equal(told.get(session) ?? "person", kind);
  }
  assert.deepEqual([...told.keys()].filter((session) => !seen.has(session)), []);
  const share = told.size / seen.size;
  assert.ok(share > 0.008 && share < 0.012, `${share} are bots`);
  for (const kind of visitorKinds) assert.ok((kinds.get(kind) ?? 0) > told.size / 20, kind);
  for (const none of ["", "x", -1, 0, 1.5, "01", Number.MAX_SAFE_INTEGER]) assert.equal(shop.truthOf(none), null);
});

Deno.test("sample shop tells all that a bot does, wherever the stretch ends", () => {
  const shop = new SampleShop({ visitorsPerDay: 20_000, botShare: 0.05 });
  const bots = [...shop.bots(T0 + 12 * HOUR, T0 + 13 * HOUR)],
    counts = new Map<string, { events: number; clicks: number; times: number[] }>();
  for (const { columns } of shop.chunks(T0 + 10 * HOUR, T0 + 15 * HOUR)) {
    for (let row = 0; row < columns.count; row++) {
      const session = textOf(columns.words, columns.session[row])!;
      const count = counts.get(session) ?? { events: 0, clicks: 0, times: [] };
      counts.set(session, count);
      count.events++;
      if (columns.kind[row] === CLICK) count.clicks++;
      count.times.push(columns.eventTime[row]);
    }
  }
  assert.ok(bots.length > 5);
  for (const { session, firstTime, lastTime, events, clicks } of bots) {
    const { times, ...count } = counts.get(String(session))!;
    assert.deepEqual({ ...count, firstTime: times[0], lastTime: times.at(-1) }, { events, clicks, firstTime, lastTime });
  }
});

Deno.test("sample shop's events are valid, and reading them gives them again", () => {
  const shop = new SampleShop({ visitorsPerDay: 50_000, botShare: 0.05 });
  for (const eventIds of [false, true]) {
    for (const { columns } of shop.chunks(T0 + 12 * HOUR, T0 + 12.5 * HOUR, { eventIds })) {
      const into = new ColumnBuilder(), body = new TextEncoder().encode(flatLines(columns));
      parseBody(body, into, (reject) => assert.fail(reject.message), { now: 0, futureMs: null });
      assert.deepEqual(rowsOf(into), rowsOf(columns));
      assert.equal(into.identity !== null, eventIds);
      for (let row = 0; row < columns.count; row++) {
        const ip = columnText(columns, columns.visitor!.ip, row)!;
        assert.equal(maskIp(ip), ip);
        assert.equal(columns.item[row] === ABSENT, [PAGE_VIEW, SEARCH].includes(columns.kind[row]));
      }
    }
  }
});

Deno.test("sample shop's event ids are the same in every stretch, and differ from event to event", () => {
  const shop = new SampleShop({ visitorsPerDay: 5000 }),
    idsIn = (from: number, to: number) => {
      return [...shop.chunks(from, to, { eventIds: true })].flatMap(({ columns }) => rowsOf(columns).map(({ eventId }) => eventId));
    };
  const ids = idsIn(T0, T0 + 2 * HOUR);
  assert.equal(new Set(ids).size, ids.length);
  assert.deepEqual([...idsIn(T0, T0 + 12_345), ...idsIn(T0 + 12_345, T0 + 2 * HOUR)], ids);
});

Deno.test("sample shop holds its visitors a day, its seed and its share of bots at -1, 0 and +1", () => {
  for (const visitorsPerDay of [1, 2, VISITORS_PER_DAY_MAX - 1, VISITORS_PER_DAY_MAX]) new SampleShop({ visitorsPerDay });
  for (const visitorsPerDay of [0, -1, 1.5, NaN, VISITORS_PER_DAY_MAX + 1]) {
    assert.throws(() => new SampleShop({ visitorsPerDay }), { code: "usage", message: /^Cannot make a sample shop of / });
  }
  for (const seed of [0, 1, 2 ** 32 - 1]) new SampleShop({ seed });
  for (const seed of [-1, 2 ** 32, 0.5]) assert.throws(() => new SampleShop({ seed }), { code: "usage" });
  for (const botShare of [0, 1]) new SampleShop({ botShare });
  for (const botShare of [-0.1, 1.1, NaN]) assert.throws(() => new SampleShop({ botShare }), { code: "usage" });
});

Deno.test("sample shop refuses times that no event can have, and makes those at the edges", () => {
  const shop = new SampleShop({ visitorsPerDay: 100_000 });
  const edges = [[limits.eventTimeMin, limits.eventTimeMin + 1000], [limits.eventTimeMax - 600_000, limits.eventTimeMax]];
  for (const [from, to] of edges) assert.ok(rowsIn(shop, from, to).length > 0);
  for (const [from, to] of [[limits.eventTimeMin - 1, T0], [T0, limits.eventTimeMax + 1], [T0 + 0.5, T0 + 1000], [NaN, T0]]) {
    assert.throws(() => [...shop.chunks(from, to)], { code: "usage" });
  }
});

Deno.test("sample shop's rows of an hour are the same alone as after days of a run", () => {
  const shop = new SampleShop({ visitorsPerDay: 2000 }), from = T0 + 71 * HOUR;
  const run = linesOf(shop, T0, T0 + 72 * HOUR), alone = linesOf(shop, from, from + HOUR);
  assert.deepEqual(run.slice(run.length - alone.length), alone);
});
