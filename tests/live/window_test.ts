import assert from "node:assert/strict";
import { CODE, NONE, RowTable } from "../../src/live/row_table.ts";
import { atOnce } from "../../src/pieces.ts";
import { sessionsShown, topProducts, totals } from "../../src/live/summary.ts";
import { LiveWindow } from "../../src/live/window.ts";
import { limits } from "../../src/limits.ts";
import { random } from "../engine/oracle.ts";
import { batchOf, CLICK, type LiveEvent, NOW, PURCHASE, randomStream, recount } from "./streams.ts";

function click(time: number, session = "1", item = "7"): LiveEvent {
  return { kind: CLICK, time, session, item };
}

/** Checks every figure of a window against a recount. */
function assertSame(window: LiveWindow, events: readonly LiveEvent[], flagged: ReadonlySet<string>, seed: number): void {
  const counted = atOnce(totals(window));
  for (const [traffic, without] of [["all", new Set<string>()], ["humans", flagged]] as const) {
    const want = recount(events, without), where = `${traffic}, seed ${seed}`;
    assert.deepEqual(counted[traffic], want.totals, where);
    assert.deepEqual(window.rates(traffic), want.rates, where);
    assert.deepEqual([window.newest, window.start], [want.newest, want.start], where);
    const shown = atOnce(sessionsShown(window, traffic, 1e6)).map((session) => ({ ...session, flagged: false }));
    const byId = (a: { session_id: string | number }, b: { session_id: string | number }) =>
      String(a.session_id) < String(b.session_id) ? -1 : 1;
    assert.deepEqual(shown.sort(byId), want.shown.sort(byId), where);
    const top = atOnce(topProducts(window, traffic)),
      ranks = want.products.sort((a, b) => b.clicks - a.clicks || b.purchases - a.purchases);
    assert.deepEqual(
      top.map(({ clicks, purchases }) => [clicks, purchases]),
      ranks.slice(0, 10).map((p) => [p.clicks, p.purchases]),
      where,
    );
    for (const product of top) assert.deepEqual(product, ranks.find(({ item_id }) => item_id === product.item_id), where);
  }
}

Deno.test("a window equals a recount of its events, whoever is flagged and whenever", () => {
  for (let seed = 1; seed <= 12; seed++) {
    const events = randomStream(seed, 300, 3 * 3_600_000), next = random(seed), window = new LiveWindow(), flagged = new Set<string>();
    for (let from = 0; from < events.length;) {
      const to = Math.min(events.length, from + 1 + Math.floor(next() * 200));
      window.add(batchOf(events.slice(from, to)));
      from = to;
      const { session } = events[Math.floor(next() * Math.min(events.length, to + 50))];
      if (flagged.has(session)) flagged.delete(session);
      else flagged.add(session);
      window.setFlagged(session, flagged.has(session));
      if (next() < 0.3 || from === events.length) assertSame(window, events.slice(0, from), flagged, seed);
    }
    assert.equal(window.capped, false);
  }
});

Deno.test("a window equals a recount of its events in any order, one session with a great many items included", () => {
  for (let seed = 1; seed <= 2; seed++) {
    const next = random(seed), crowded = Array.from({ length: 30_000 }, (_, i) => click(NOW + 3_600_000 - i, "7", String(i)));
    const events = [...randomStream(seed, 300, 3_600_000), ...crowded].map((event) => ({ event, at: next() })).sort((a, b) => a.at - b.at)
      .map(({ event }) => event);
    const window = new LiveWindow();
    for (let from = 0; from < events.length; from += 5000) window.add(batchOf(events.slice(from, from + 5000)));
    window.add(batchOf(crowded));
    const all = [...events, ...crowded];
    assertSame(window, all, new Set(), seed);
    window.setFlagged("7", true);
    // A part of what it did leaves the window.
    const later = click(NOW + 3_600_000 + 29 * 60_000 + 35_000);
    window.add(batchOf([later]));
    assertSame(window, [...all, later], new Set(["7"]), seed);
  }
});

Deno.test("a window that passes batches over has the rates of all whole, and else the figures of what it looked at", () => {
  for (let seed = 1; seed <= 8; seed++) {
    const events = randomStream(seed, 300, 2 * 3_600_000), next = random(seed), window = new LiveWindow();
    events.push(click(Math.max(...events.map(({ time }) => time)) + 5_000));
    const looked: LiveEvent[] = [], passed: LiveEvent[] = [];
    for (let from = 0; from < events.length;) {
      const to = Math.min(events.length, from + 1 + Math.floor(next() * 50)), part = events.slice(from, to), isPassed = next() < 0.5;
      from = to;
      (isPassed && to < events.length ? passed : looked).push(...part);
      if (isPassed && to < events.length) window.passOver(batchOf(part));
      else window.add(batchOf(part));
    }
    const where = `seed ${seed}`,
      whole = recount(events, new Set()),
      want = recount(looked, new Set()),
      { all, humans } = atOnce(totals(window));
    assert.deepEqual(window.rates("all"), whole.rates, where);
    assert.deepEqual(window.rates("humans"), want.rates, where);
    const { clicks, page_views, add_to_carts, searches, purchases } = whole.totals;
    assert.deepEqual(all, { ...want.totals, clicks, page_views, add_to_carts, searches, purchases }, where);
    assert.deepEqual(humans, want.totals, where);
    const missing = passed.filter(({ time }) => time >= whole.start), lastMissing = Math.max(...missing.map(({ time }) => time));
    const until = new Date((Math.floor(lastMissing / 10_000) + 180) * 10_000).toISOString();
    assert.deepEqual(window.gap, { events: missing.length, unread_events: 0, until }, where);
  }
});

Deno.test("a window is whole again when the last event that it lacks is half an hour old, and not before", () => {
  const window = new LiveWindow();
  assert.equal(window.gap, null);
  window.leaveUnread(7);
  assert.deepEqual(window.gap, { events: 7, unread_events: 7, until: null });
  window.passOver(batchOf([click(NOW), click(NOW + 10_000)]));
  const until = NOW + 10_000 + 1_800_000;
  assert.deepEqual(window.gap, { events: 9, unread_events: 7, until: new Date(until).toISOString() });
  window.add(batchOf([click(until - 1)]));
  assert.deepEqual(window.gap, { events: 8, unread_events: 7, until: new Date(until).toISOString() });
  window.add(batchOf([click(until)]));
  assert.equal(window.gap, null);
});

Deno.test("a window equals a recount when cells that left it are freed a few at a time, and sessions are flagged meanwhile", () => {
  for (let seed = 1; seed <= 6; seed++) {
    // Many cells in each bucket, so that those of one are not freed at once.
    const events = [0, 1, 2, 3].flatMap((i) =>
      randomStream(seed + i, 600, 1).map((event) => ({ ...event, time: NOW + (event.time - NOW) / 100 + i * 900_000 }))
    )
      .map((event) => ({ ...event, time: Math.floor(event.time) }));
    const next = random(seed), window = new LiveWindow(20_000), flagged = new Set<string>();
    let left = 0;
    for (let from = 0; from < events.length;) {
      const to = Math.min(events.length, from + 1 + Math.floor(next() * 300));
      window.add(batchOf(events.slice(from, to)));
      from = to;
      if (window.tables.isLeaving) left++;
      window.tables.free(Math.floor(next() * 100));
      const { session } = events[Math.floor(next() * to)];
      if (flagged.has(session)) flagged.delete(session);
      else flagged.add(session);
      window.setFlagged(session, flagged.has(session));
      if (next() < 0.1 || from === events.length) assertSame(window, events.slice(0, from), flagged, seed);
    }
    assert.ok(left > 0, `seed ${seed}`);
  }
});

Deno.test("a window that is full drops its oldest seconds, and its figures stay exact", () => {
  for (let seed = 1; seed <= 6; seed++) {
    const events = randomStream(seed, 200, 1_500_000), window = new LiveWindow(300), kept: LiveEvent[] = [];
    for (const event of events) {
      window.add(batchOf([event]));
      if (event.time >= window.start) kept.push(event);
    }
    assert.equal(window.capped, true);
    const rest = kept.filter(({ time }) => time >= window.start), counted = atOnce(totals(window)).all;
    assert.ok(rest.length > 50, `seed ${seed}`);
    assert.equal(counted.sessions, new Set(rest.map(({ session }) => session)).size, `seed ${seed}`);
    assert.equal(counted.clicks, events.filter(({ time, kind }) => time >= window.start && kind === CLICK).length, `seed ${seed}`);
    assert.deepEqual(window.rates("all"), recount(events, new Set()).rates, `rates are whole, seed ${seed}`);
  }
});

Deno.test("a window takes exactly as many cells as it may hold", () => {
  const add = (cells: number) => {
    const window = new LiveWindow(10);
    window.add(batchOf(Array.from({ length: cells }, (_, i) => click(NOW + i * 10_000, "1", String(i)))));
    return { capped: window.capped, clicks: atOnce(totals(window)).all.clicks };
  };
  assert.deepEqual(add(9), { capped: false, clicks: 9 });
  assert.deepEqual(add(10), { capped: false, clicks: 10 });
  assert.deepEqual(add(11), { capped: true, clicks: 10 });
});

Deno.test("a window says that it lacks events when its last seconds alone are too many", () => {
  const window = new LiveWindow(10);
  window.add(batchOf(Array.from({ length: 25 }, (_, i) => click(NOW + i, String(i)))));
  assert.deepEqual([window.capped, atOnce(totals(window)).all.sessions, window.rates("all").at(-1)!.clicks], [true, 10, 25]);
  for (let i = 1; i <= 180; i++) window.add(batchOf([click(NOW + i * 10_000)]));
  assert.equal(window.capped, true, "as long as the room is scarce");
  assert.equal(atOnce(totals(window)).all.sessions, 1);
});

Deno.test("a window ends with the bucket of its newest event, 30 minutes long", () => {
  const clicksOf = (...times: number[]) => {
    const window = new LiveWindow();
    window.add(batchOf(times.map((time) => click(time))));
    return atOnce(totals(window)).all.clicks;
  };
  const start = NOW - 179 * 10_000;
  assert.deepEqual([clicksOf(start - 1, NOW), clicksOf(start, NOW), clicksOf(start, NOW + 9_999), clicksOf(start, NOW + 10_000)], [
    1,
    2,
    2,
    1,
  ]);
  assert.equal(clicksOf(NOW, start - 1), 1, "an event that comes too late for it changes nothing");
});

Deno.test("an event counts as at most so far ahead of its arrival", () => {
  const newestOf = (time: number) => {
    const window = new LiveWindow();
    window.add(batchOf([click(time)], NOW));
    return window.newest;
  };
  const { liveAheadMs } = limits;
  assert.deepEqual([-1, 0, 1, 1e9].map((by) => newestOf(NOW + liveAheadMs + by) - NOW - liveAheadMs), [-1, 0, 0, 0]);
});

Deno.test("a window without events has figures of nothing", () => {
  const window = new LiveWindow();
  window.setFlagged("1", true);
  const { all } = atOnce(totals(window));
  assert.deepEqual([all.sessions, all.conversion_rate, all.avg_session_duration_s, all.clicks], [0, null, null, 0]);
  assert.deepEqual([window.rates("all"), atOnce(topProducts(window, "all")), atOnce(sessionsShown(window, "all")), window.capped], [
    [],
    [],
    [],
    false,
  ]);
});

Deno.test("what comes in a second is counted over the last ten whole ones", () => {
  const window = new LiveWindow(),
    batch = (arrival: number, count: number) => batchOf(Array.from({ length: count }, () => click(arrival)), arrival);
  window.add(batch(NOW, 30));
  window.add(batch(NOW + 500, 10));
  window.add(batch(NOW + 1_000, 20));
  const at = [0, 1, 2, 10, 11, 12].map((seconds) => window.eventsPerSecond(NOW + seconds * 1000));
  assert.deepEqual(at, [0, 4, 6, 6, 2, 0]);
});

Deno.test("the sessions shown are the same ones while they are there, at most as many as asked for", () => {
  const window = new LiveWindow(), ids = Array.from({ length: 2000 }, (_, i) => i % 2 === 0 ? String(i) : `v${i}`);
  window.add(batchOf(ids.map((session) => click(NOW, session))));
  const before = atOnce(sessionsShown(window, "all", 100)).map(({ session_id }) => session_id);
  assert.equal(new Set(before).size, 100);
  window.add(batchOf(Array.from({ length: 500 }, (_, i) => ({ ...click(NOW, `w${i}`), kind: PURCHASE }))));
  const after = atOnce(sessionsShown(window, "all", 100)).map(({ session_id }) => session_id);
  assert.ok(before.filter((session) => after.includes(session)).length > 60);
  assert.deepEqual([99, 100, 101].map((most) => atOnce(sessionsShown(window, "all", most)).length), [99, 100, 101]);
});

Deno.test("words that the window does not hold are forgotten, and those that it holds are not", () => {
  const window = new LiveWindow(), many = limits.liveWordsMax + 10;
  window.add(batchOf([click(NOW, "first of all", "shoes")]));
  for (let from = 0; from < many; from += 4096) {
    window.add(batchOf(Array.from({ length: 4096 }, (_, i) => click(NOW + 1_000_000, `v${from + i}`))));
  }
  assert.equal(atOnce(topProducts(window, "all"))[1].item_id, "shoes");
  window.add(batchOf([click(NOW + 1_000_000, "first of all", "shoes")]));
  assert.deepEqual(atOnce(topProducts(window, "all"))[1], { item_id: "shoes", clicks: 2, purchases: 0 });
});

Deno.test("rows of codes are found and keep what they hold until they are needed no more, whatever shares their places", () => {
  const HELD = 1, table = new RowTable(0, (rows, at) => rows[at + HELD] > 0), held = new Map<number, number>(), next = random(5);
  for (let i = 1; i <= 200_000; i++) {
    const code = Math.floor(next() * 3000) * (i % 2 === 0 ? 1 : 2 ** 18) | 0;
    if (code === NONE) continue;
    const known = table.find(code), was = held.get(code) ?? 0;
    assert.equal(known === NONE ? 0 : table.rows[known + HELD], was);
    const at = table.place(code);
    assert.deepEqual([table.rows[at + CODE], table.rows[at + HELD]], [code, was]);
    table.rows[at + HELD] = next() < 0.5 ? i : 0;
    held.set(code, table.rows[at + HELD]);
  }
  const alive = [...held].filter(([, value]) => value > 0), found: [number, number][] = [];
  atOnce(table.purge());
  atOnce(table.forEach((rows, at) => found.push([rows[at], rows[at + HELD]])));
  const byCode = (a: [number, number], b: [number, number]) => a[0] - b[0];
  assert.deepEqual(found.sort(byCode), alive.sort(byCode));
});
