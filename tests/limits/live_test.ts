// Limits of the live feed and of live figures at their edges, all of them the product's own.

import assert from "node:assert/strict";
import { FIRST_WORD } from "../../src/event/code.ts";
import { limits } from "../../src/limits.ts";
import { LiveAnomalies } from "../../src/live/anomalies.ts";
import { Client } from "../../src/live/client.ts";
import { Feed } from "../../src/live/feed.ts";
import { atOnce } from "../../src/pieces.ts";
import { sessionsShown } from "../../src/live/summary.ts";
import { type Interest, type Update, UpdateRing } from "../../src/live/updates.ts";
import { LiveWindow } from "../../src/live/window.ts";
import { batchOf, CLICK, NOW } from "../live/streams.ts";
import { TestClock } from "../support/clock.ts";

const EDGES = [-1, 0, 1];
const interest: Interest = { channels: new Set(["feedback"]) };

function openFeed(clock = new TestClock()): Feed {
  return new Feed(
    {
      anomalies: { feed: 0, subscribe: () => () => true },
      clock,
      figures: () => Promise.resolve({ at: "" }),
    } as unknown as ConstructorParameters<
      typeof Feed
    >[0],
  );
}

Deno.test("a client of the feed is turned away when it is one beyond liveClientsMax, and let in when one has gone", async () => {
  const feed = openFeed();
  try {
    const streams = Array.from({ length: limits.liveClientsMax - 1 }, () => feed.connect(interest, null));
    for (const by of EDGES.slice(1)) {
      if (by > 0) assert.throws(() => feed.connect(interest, null), { code: "overloaded" });
      else feed.connect(interest, null);
    }
    assert.equal(feed.clients, limits.liveClientsMax);
    await streams[0].cancel();
    feed.connect(interest, null);
  } finally {
    feed.close("stopping");
  }
});

Deno.test("a client gets a heartbeat when it was told nothing for liveHeartbeatMs", async () => {
  for (const by of EDGES) {
    const clock = new TestClock(), feed = openFeed(clock), reader = feed.connect(interest, null).getReader();
    try {
      await reader.read();
      const next = reader.read();
      await Promise.resolve();
      clock.pass(limits.liveHeartbeatMs + by);
      await feed.tick();
      feed.close("stopping");
      const text = new TextDecoder().decode((await next).value);
      assert.equal(text.includes("heartbeat"), by >= 0, `${by} ${text}`);
    } finally {
      feed.close("stopping");
    }
  }
});

const update = (feed: number, bytes: number) => ({ feed, bytes: new Uint8Array(bytes) }) as Update;

Deno.test("the oldest update goes when it is one beyond liveRingUpdatesMax, or one byte beyond liveRingBytesMax", () => {
  for (const by of EDGES) {
    const many = new UpdateRing(0), large = new UpdateRing(0);
    for (let feed = 1; feed <= limits.liveRingUpdatesMax + by; feed++) many.add(update(feed, 1));
    for (let feed = 1; feed <= 16; feed++) large.add(update(feed, limits.liveRingBytesMax / 16 + (feed === 1 ? by : 0)));
    for (const ring of [many, large]) {
      ring.trim();
      assert.equal(ring.oldest, by > 0 ? 2 : 1, `${by}`);
    }
  }
});

Deno.test("a client does not keep up when what waits is one beyond liveQueueUpdatesMax, or one byte beyond liveQueueBytesMax", () => {
  const client = () => new Client({ interest, ring: new UpdateRing(0), next: 1, greeting: [], now: () => 0, onGone: () => {} });
  for (const by of EDGES) {
    const many = client(), large = client();
    for (let i = 1; i < limits.liveQueueUpdatesMax + by; i++) assert.ok(many.push(new Uint8Array(1)));
    assert.equal(many.push(new Uint8Array(1)), by <= 0, `${by}`);
    assert.ok(large.push(new Uint8Array(limits.liveQueueBytesMax - 10)));
    assert.equal(large.push(new Uint8Array(10 + by)), by <= 0, `${by}`);
  }
});

const click = (time: number, session: string, item = "1") => ({ kind: CLICK, time, session, item });

Deno.test("sessions shown in live figures are a sample when they are one beyond liveSessionsShownMax", () => {
  for (const by of EDGES) {
    const window = new LiveWindow();
    window.add(batchOf(Array.from({ length: limits.liveSessionsShownMax + by }, (_, i) => click(NOW, String(i)))));
    assert.equal(atOnce(sessionsShown(window, "all")).length, limits.liveSessionsShownMax + Math.min(by, 0), `${by}`);
  }
});

Deno.test("the window of live figures is shorter, and says so, when it has one cell more than liveCellsMax is to the product", () => {
  for (const by of EDGES) {
    const window = new LiveWindow(100);
    window.add(batchOf([click(NOW, "first")]));
    window.add(batchOf(Array.from({ length: 99 + by }, (_, i) => click(NOW + 20_000, "next", String(i)))));
    assert.deepEqual([window.capped, window.start > NOW], [by > 0, by > 0], `${by}`);
  }
});

Deno.test("ids that the window does not hold are dropped when they are one beyond liveWordsMax", () => {
  for (const by of EDGES) {
    const window = new LiveWindow(), later = NOW + 3_600_000, left = limits.liveWordsMax - 1 + by;
    window.add(batchOf([click(NOW, "the first")]));
    for (let from = 0; from < left; from += 4096) {
      window.add(batchOf(Array.from({ length: Math.min(4096, left - from) }, (_, i) => click(later, `v${from + i}`))));
      while (window.tables.isLeaving) window.tables.free(1000);
    }
    assert.equal(window.crowded, by > 0, `${by}`);
    if (window.crowded) atOnce(window.tidy());
    assert.equal(window.idOf(FIRST_WORD) === "the first", by <= 0, `${by}`);
  }
});

Deno.test("a session is flagged no more when anomalies are one beyond liveAnomaliesMax: that of the oldest", () => {
  for (const by of EDGES) {
    const flagged = new Set<string>(),
      noted = new LiveAnomalies((session, is) => is ? flagged.add(session) : flagged.delete(session), () => null);
    for (let i = 0; i < limits.liveAnomaliesMax + by; i++) {
      noted.put(
        {
          anomaly_id: `a${i}`,
          session_id: `s${i}`,
          anomaly_type: "BOT_LIKE",
          severity: "low",
          status: "confirmed",
          lane: "live",
          window_start: "2026-11-22T08:00:00.000Z",
        } as Parameters<LiveAnomalies["put"]>[0],
      );
    }
    assert.deepEqual([flagged.size, flagged.has("s0")], [limits.liveAnomaliesMax + Math.min(by, 0), by <= 0], `${by}`);
  }
});
