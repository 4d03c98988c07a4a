import assert from "node:assert/strict";
import type { Anomaly, FeedbackVerdict } from "../../src/detect/anomaly.ts";
import { LIVE, markBatch } from "../../src/event/batch.ts";
import { LiveAnomalies } from "../../src/live/anomalies.ts";
import { Budget } from "../../src/live/budget.ts";
import { liveBriefSchema, liveFiguresSchema } from "../../src/live/figures.ts";
import { LiveShop } from "../../src/live/shop.ts";
import { limits } from "../../src/limits.ts";
import type { AnomalyChange, AnomalyQuery } from "../../src/store/anomalies.ts";
import { FakeLog } from "../lake/fake_log.ts";
import { TestClock } from "../support/clock.ts";
import { batchOf, CLICK, type LiveEvent, NOW } from "./streams.ts";

function clicks(session: string, count: number, time = NOW): LiveEvent[] {
  return Array.from({ length: count }, (_, i) => ({ kind: CLICK, time: time + i, session, item: "shoes" }));
}

function anomaly(session_id: string | number, given: Partial<Anomaly> = {}): Anomaly {
  return {
    anomaly_id: `of ${session_id}`,
    session_id,
    anomaly_type: "HIGH_FREQUENCY",
    severity: "high",
    status: "confirmed",
    window_start: new Date(NOW).toISOString(),
    lane: LIVE,
    ...given,
  } as Anomaly;
}

class FakeStore {
  readonly stored: Anomaly[] = [];
  readonly queries: AnomalyQuery[] = [];
  #listener: ((change: AnomalyChange) => void) | null = null;

  subscribe(listener: (change: AnomalyChange) => void): () => void {
    this.#listener = listener;
    return () => this.#listener = null;
  }
  change(anomaly: Anomaly): void {
    this.#listener!({ feed: 1, anomaly });
  }
  get isHeard(): boolean {
    return this.#listener !== null;
  }
  list(query: AnomalyQuery) {
    this.queries.push(query);
    const from = query.after === undefined ? 0 : query.after[0], to = Math.min(from + 2, this.stored.length);
    return Promise.resolve({ items: this.stored.slice(from, to), next: to < this.stored.length ? [to, ""] as const : null });
  }
}

interface ShopLab {
  readonly log: FakeLog;
  readonly store: FakeStore;
  readonly clock: TestClock;
  readonly verdicts: Map<string, FeedbackVerdict>;
  readonly lines: string[];
  /** A shop that runs until the test ends. */
  open(most?: { startEvents: number; lagEvents: number; cells: number; perSecondEvents?: number; burstEvents?: number }): LiveShop;
}

async function withShop(work: (lab: ShopLab) => Promise<void>): Promise<void> {
  const log = new FakeLog(2), store = new FakeStore(), clock = new TestClock(NOW), verdicts = new Map<string, FeedbackVerdict>();
  log.now = NOW;
  const lines: string[] = [], stop = new AbortController(), running: Promise<void>[] = [];
  const open: ShopLab["open"] = (most = { startEvents: 100, lagEvents: 1000, cells: 1000 }) => {
    const logLine = (_level: string, event: string) => lines.push(event);
    const shop = new LiveShop({ log, anomalies: store, clock, logLine, verdictOf: (session) => verdicts.get(session) ?? null }, most);
    running.push(shop.run(stop.signal));
    return shop;
  };
  try {
    await work({ log, store, clock, verdicts, lines, open });
  } finally {
    stop.abort();
    await Promise.all(running);
  }
  assert.equal(store.isHeard, false, "a shop that has stopped listens no more");
}

Deno.test("a shop reads back from the end at start, then follows, and passes other lanes over", async () => {
  await withShop(async ({ log, clock, open }) => {
    log.append(batchOf(clicks("old", 60)), batchOf(clicks("1", 80)), { ...batchOf(clicks("replayed", 20)), lane: "replay" });
    const shop = open();
    await shop.caughtUp();
    // 160 events, of which the last 100 count: 80 live ones of session 1.
    assert.deepEqual(
      [(await shop.figures("all")).clicks, (await shop.figures("all")).sessions, (await shop.figures("all")).skipped_events],
      [80, 1, 0],
    );
    log.append(markBatch("time_mark", LIVE, 0, NOW + 1e6), batchOf(clicks("2", 5), 0, 0, 1));
    await shop.caughtUp();
    clock.pass(1000);
    assert.deepEqual([(await shop.figures("all")).clicks, (await shop.figures("all")).sessions], [85, 2]);
    assert.ok(liveFiguresSchema.safeParse(await shop.figures("all")).success);
    assert.ok(liveBriefSchema.safeParse(await shop.brief()).success);
  });
});

Deno.test("a shop takes exactly so many events from before its start, within a batch too", async () => {
  for (const [startEvents, want] of [[0, 0], [1, 1], [59, 59], [60, 60], [61, 60]]) {
    await withShop(async ({ log, open }) => {
      log.append(batchOf(clicks("1", 60)));
      const shop = open({ startEvents, lagEvents: 1000, cells: 1000 });
      await shop.caughtUp();
      assert.equal((await shop.figures("all")).clicks, want);
    });
  }
});

Deno.test("a shop that is too far behind goes on at the end, and tells what it skipped", async () => {
  for (const [count, skipped] of [[99, 0], [100, 0], [101, 101]]) {
    await withShop(async ({ log, open }) => {
      log.append(batchOf(clicks("1", count)));
      const shop = open({ startEvents: 1000, lagEvents: 100, cells: 1000 });
      await shop.caughtUp();
      assert.deepEqual([(await shop.figures("all")).clicks, (await shop.figures("all")).skipped_events], [count - skipped, skipped]);
    });
  }
});

Deno.test("a shop looks at as many events as it may, passes whole batches over beyond that, and says what it lacks", async () => {
  await withShop(async ({ log, clock, open }) => {
    log.append(batchOf(clicks("before", 50)));
    const shop = open({ startEvents: 1000, lagEvents: 1000, cells: 1000, perSecondEvents: 5, burstEvents: 10 });
    await shop.caughtUp();
    const send = async (session: string, count: number) => {
      log.now = clock.now();
      log.append(batchOf(clicks(session, count)));
      await shop.caughtUp();
    };
    await send("1", 9);
    await send("2", 2); // only one more is allowed
    await send("3", 1);
    await send("4", 1);
    clock.pass(1000);
    const { all, humans, skipped_events, gap, events_per_s } = await shop.brief(), until = new Date(NOW + 1_800_000).toISOString();
    assert.deepEqual([all.clicks, all.sessions, humans.clicks, skipped_events], [63, 3, 60, 3], "what is read back does not count");
    assert.deepEqual([gap, events_per_s], [{ events: 3, unread_events: 0, until }, 6.3]);
    assert.ok(liveBriefSchema.safeParse(await shop.brief()).success);
    await send("5", 6);
    await send("6", 5);
    clock.pass(1000);
    assert.deepEqual([(await shop.brief()).all.sessions, (await shop.brief()).skipped_events, (await shop.brief()).gap?.events], [4, 9, 9]);
    log.now = NOW + 1_800_000;
    log.append(batchOf(clicks("7", 1, log.now)));
    await shop.caughtUp();
    clock.pass(1000);
    assert.deepEqual(
      [(await shop.brief()).all.sessions, (await shop.brief()).skipped_events, (await shop.brief()).gap],
      [1, 9, null],
      "it lacks nothing any more",
    );
  });
});

Deno.test("a shop that passes batches over does not read those that it is far behind with", async () => {
  for (const [behind, unread] of [[10, 0], [11, 11]]) {
    await withShop(async ({ log, clock, open }) => {
      const shop = open({ startEvents: 0, lagEvents: 1000, cells: 1000, perSecondEvents: 1, burstEvents: 10 });
      for (const [session, count] of [["1", 10], ["2", 1], ["3", behind]] as const) {
        if (session === "3") log.append(batchOf(clicks(session, 5)), batchOf(clicks(session, behind - 5)));
        else log.append(batchOf(clicks(session, count)));
        await shop.caughtUp();
      }
      clock.pass(1000);
      assert.deepEqual([(await shop.brief()).gap?.events, (await shop.brief()).gap?.unread_events], [1 + behind, unread]);
      assert.equal((await shop.brief()).all.clicks, 11 + behind - unread);
    });
  }
});

Deno.test("a budget allows its burst at once, and what the time allows from then on", () => {
  const allowed = [9, 10, 11].map((events) => new Budget(100, 10).take(events, 0));
  assert.deepEqual(allowed, [true, true, false]);
  const budget = new Budget(100, 10);
  assert.ok(budget.take(10, 5000));
  assert.deepEqual([[1, 5009], [1, 5010], [1, 5010], [5, 5060], [11, 9000], [10, 9000]].map(([events, now]) => budget.take(events, now)), [
    false,
    true,
    false,
    true,
    false,
    true,
  ]);
  assert.ok(limits.livePerSecondEventsMax < limits.liveBurstEventsMax);
});

Deno.test("a shop goes on where the log begins when what it was to read is trimmed, before it asks or while it reads", async () => {
  await withShop(async ({ log, open }) => {
    log.append(batchOf(clicks("1", 10)), batchOf(clicks("2", 10), 0, 0, 1), batchOf(clicks("3", 10), 0, 0, 1));
    const shop = open();
    log.trim(1, 10); // it is reading the other partition
    await shop.caughtUp();
    assert.equal((await shop.figures("all")).sessions, 2);
    assert.equal((await shop.figures("all")).skipped_events, 10);
  });
  await withShop(async ({ log, open, lines }) => {
    log.append(batchOf(clicks("1", 10)), batchOf(clicks("2", 10)));
    const read = log.read.bind(log);
    log.read = (partition, from) => {
      if (from > 0) return read(partition, from);
      log.trim(0, 10);
      return Promise.reject(new Error("offset 0 of partition 0 is still in the log"));
    };
    const shop = open();
    await shop.caughtUp();
    assert.deepEqual([
      (await shop.figures("all")).sessions,
      (await shop.figures("all")).skipped_events,
      (await shop.figures("all")).failing,
    ], [1, 10, null]);
    assert.deepEqual(lines, []);
  });
});

Deno.test("a shop that cannot read says why, throws nothing, and stops when it is told to", async () => {
  await withShop(async ({ log, clock, lines, open }) => {
    const failed = Promise.withResolvers<void>();
    log.read = () => {
      failed.resolve();
      return Promise.reject(new Error("the disk is gone"));
    };
    log.append(batchOf(clicks("1", 1)));
    const shop = open();
    await failed.promise;
    while (lines.length === 0) await Promise.resolve();
    assert.equal((await shop.figures("all")).failing, "the disk is gone");
    clock.pass(1000);
    assert.deepEqual([(await shop.brief()).failing, (await shop.brief()).all.clicks, lines], ["the disk is gone", 0, [
      "live_figures_failing",
    ]]);
  });
});

Deno.test("figures are counted at most once a second", async () => {
  await withShop(async ({ log, clock, open }) => {
    const shop = open(), read = async () => [(await shop.figures("all")).clicks, (await shop.brief()).all.clicks];
    assert.deepEqual(await read(), [0, 0]);
    log.append(batchOf(clicks("1", 3)));
    await shop.caughtUp();
    clock.pass(999);
    assert.deepEqual(await read(), [0, 0]);
    clock.pass(1);
    assert.deepEqual(await read(), [3, 3]);
    assert.equal(await shop.figures("all"), await shop.figures("all"), "one answer for all who ask");
  });
});

Deno.test("figures are of one moment: what is appended or flagged while they are counted is in the next ones", async () => {
  await withShop(async ({ log, store, clock, open }) => {
    log.append(batchOf(clicks("1", 3)));
    const shop = open();
    await shop.caughtUp();
    const counting = shop.figures("humans"), beside = shop.brief();
    log.append(batchOf(clicks("2", 4)));
    store.change(anomaly("1"));
    for (const { clicks, sessions } of [await counting, (await beside).humans]) assert.deepEqual([clicks, sessions], [3, 1]);
    await shop.caughtUp();
    clock.pass(1000);
    const { clicks: after, sessions } = await shop.figures("humans");
    assert.deepEqual([after, sessions], [4, 1]);
  });
});

Deno.test("sessions are flagged by what is stored at start, by every change, and by what a person says", async () => {
  await withShop(async ({ log, store, clock, verdicts, open }) => {
    for (const session of ["1", "2", "3", "v4", "5"]) log.append(batchOf(clicks(session, 2)));
    store.stored.push(anomaly(1), anomaly("v4", { status: "provisional" }), anomaly(5, { lane: "replay" }));
    const shop = open();
    await shop.caughtUp();
    const flagged = async () => {
      clock.pass(1000);
      return (await shop.figures("all")).sessions_shown.filter(({ flagged }) => flagged).map(({ session_id }) => session_id).sort();
    };
    while (store.queries.length < 2) await Promise.resolve(); // the second page
    await Promise.resolve();
    assert.deepEqual(await flagged(), [1, "v4"]);
    assert.equal(store.queries[0].since, NOW + 1 - 24 * 3_600_000);
    store.change(anomaly(2));
    store.change(anomaly("v4", { status: "retracted" }));
    store.change(anomaly("later"));
    assert.deepEqual(await flagged(), [1, 2]);
    log.append(batchOf(clicks("later", 7)));
    await shop.caughtUp();
    assert.deepEqual(await flagged(), [1, 2, "later"]);
    assert.deepEqual([(await shop.figures("humans")).sessions, (await shop.figures("humans")).clicks, (await shop.figures("all")).clicks], [
      3,
      6,
      17,
    ]);
    for (const [session, verdict] of [["1", "human"], ["v4", "bot"], ["3", "bot"]] as const) {
      verdicts.set(session, verdict);
      shop.judged(session);
    }
    assert.deepEqual(await flagged(), [2, "later", "v4"], "a session without any anomaly is none of its business");
    verdicts.clear();
    for (const session of ["1", "v4"]) shop.judged(session);
    assert.deepEqual(await flagged(), [1, 2, "later"]);
  });
});

Deno.test("the last hour has the live anomalies whose window started in it, without retracted ones", () => {
  const noted = new LiveAnomalies(() => {}, () => null);
  const put = (id: string, ago: number, given: Partial<Anomaly> = {}) =>
    noted.put(anomaly(id, { window_start: new Date(NOW - ago).toISOString(), ...given }));
  put("edge", 3_600_000);
  put("in", 3_600_000 - 1);
  put("now", 0, { status: "provisional", severity: "low", anomaly_type: "BOT_LIKE" });
  put("ahead", -1);
  put("gone", 5, { status: "retracted" });
  put("replayed", 5, { lane: "replay" });
  assert.deepEqual(noted.lastHour(NOW), {
    total: 2,
    provisional: 1,
    by_type: { HIGH_FREQUENCY: 1, BOT_LIKE: 1 },
    by_severity: { low: 1, medium: 0, high: 1, critical: 0 },
  });
  put("now", 0, { status: "retracted" });
  assert.equal(noted.lastHour(NOW).total, 1);
  assert.equal(noted.lastHour(-Infinity).total, 0);
});

Deno.test("of too many anomalies the oldest are forgotten, and their sessions count as people", () => {
  for (const [count, want] of [[2, []], [3, []], [4, ["0"]]] as const) {
    const flagged = new Set<string>(), let_go: string[] = [];
    const noted = new LiveAnomalies((session, is) => is ? flagged.add(session) : let_go.push(session), () => null, 3);
    for (let i = 0; i < count; i++) noted.put(anomaly(i));
    assert.deepEqual(let_go, want);
    assert.equal(noted.lastHour(NOW).total, Math.min(count, 3));
  }
  assert.ok(limits.liveAnomaliesMax > 3);
});

Deno.test("what was heard of an anomaly is newer than what was read of it", () => {
  const told: boolean[] = [], noted = new LiveAnomalies((_, flagged) => told.push(flagged), () => null);
  noted.put(anomaly(1, { status: "retracted" }));
  noted.putOld([anomaly(1)]);
  assert.deepEqual(told, [false]);
});

Deno.test("what was read of anomalies is forgotten from the oldest on, and what was heard meanwhile after all of it", () => {
  const let_go: string[] = [], noted = new LiveAnomalies((session, is) => is || let_go.push(session), () => null, 4);
  noted.put(anomaly(9));
  noted.putOld([8, 7, 6, 5].map((n) => anomaly(n)));
  assert.deepEqual([let_go, noted.lastHour(NOW).total], [[], 4], "the oldest finds no room");
  for (let n = 10; n < 14; n++) noted.put(anomaly(n));
  assert.deepEqual(let_go, ["6", "7", "8", "9"]);
});
