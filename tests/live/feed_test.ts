import assert from "node:assert/strict";
import type { Anomaly } from "../../src/detect/anomaly.ts";
import { GuardianError } from "../../src/errors.ts";
import { limits } from "../../src/limits.ts";
import { Feed } from "../../src/live/feed.ts";
import type { LiveBrief } from "../../src/live/figures.ts";
import { channels, type Interest } from "../../src/live/updates.ts";
import type { AnomalyChange } from "../../src/store/anomalies.ts";
import { TestClock } from "../support/clock.ts";

const everything: Interest = { channels: new Set(channels) };
const anomaliesAlone: Interest = { channels: new Set(["anomaly"] as const) };

interface Told {
  readonly id: number | null;
  readonly event: string;
  readonly data: Record<string, unknown>;
}

/** A feed whose store and figures the test plays, and which is closed afterwards. */
async function withFeed(
  work: (lab: {
    feed: Feed;
    clock: TestClock;
    /** Makes the anomaly of the next number, or of a given one. */
    change(given?: Partial<Anomaly>, number?: number): void;
    figures(events_per_s: number): void;
  }) => Promise<void> | void,
  { newest = 0, most = {} }: { newest?: number; most?: ConstructorParameters<typeof Feed>[1] } = {},
): Promise<void> {
  const clock = new TestClock(), listeners = new Set<(change: AnomalyChange) => void>();
  let feedNumber = newest, rate = 0;
  const anomalies = {
    get feed() {
      return feedNumber;
    },
    subscribe(listener: (change: AnomalyChange) => void) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const figures = () => Promise.resolve({ at: new Date(clock.now()).toISOString(), events_per_s: rate } as LiveBrief);
  const feed = new Feed({ anomalies, clock, figures }, most);
  const change = (given: Partial<Anomaly> = {}, number = feedNumber + 1) => {
    feedNumber = number;
    const anomaly = { session_id: number, anomaly_type: "BOT_LIKE", severity: "low", ...given } as Anomaly;
    for (const listener of [...listeners]) listener({ feed: number, anomaly });
  };
  try {
    await work({ feed, clock, change, figures: (given) => rate = given });
  } finally {
    feed.close("stopping");
    assert.equal(listeners.size, 0, "a closed feed listens no more");
    assert.equal(feed.clients, 0);
  }
}

/** What is in some bytes of a stream. */
function toldIn(text: string): Told[] {
  return text.split("\n\n").filter((block) => block.includes("event: ")).map((block) => {
    const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(block)?.[1];
    const id = field("id");
    return { id: id === undefined ? null : Number(id), event: field("event")!, data: JSON.parse(field("data")!) };
  });
}

/** Reads until nothing more is there: what comes at once. */
class Reader {
  readonly #reader;
  #waiting: Promise<ReadableStreamReadResult<Uint8Array>> | null = null;
  hasEnded = false;

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader();
  }

  async read(): Promise<Told[]> {
    const told: Told[] = [], nothing = Symbol();
    while (!this.hasEnded) {
      this.#waiting ??= this.#reader.read();
      // What is there resolves within a few turns of the microtask queue, all of which come before an immediate.
      const result = await Promise.race([this.#waiting, new Promise<typeof nothing>((resolve) => setImmediate(() => resolve(nothing)))]);
      if (result === nothing) return told;
      this.#waiting = null;
      const { value, done } = result as ReadableStreamReadResult<Uint8Array>;
      if (done) this.hasEnded = true;
      else told.push(...toldIn(new TextDecoder().decode(value)));
    }
    return told;
  }

  cancel(): Promise<void> {
    return this.#reader.cancel();
  }
}

const ids = (told: readonly Told[]) => told.filter(({ event }) => event === "anomaly").map(({ id }) => id);
const events = (told: readonly Told[]) => told.map(({ event }) => event);

Deno.test("a client is greeted with where the feed is, and then told of every change by number", async () => {
  await withFeed(async ({ feed, clock, change }) => {
    const reader = new Reader(feed.connect(anomaliesAlone, null));
    const server_time = new Date(clock.now()).toISOString();
    const [hello, ...rest] = await reader.read();
    assert.deepEqual(hello, { id: 41, event: "hello", data: { feed: 41, resumed: false, missed: 0, server_time } });
    assert.deepEqual(rest, []);
    change({ reason: "ä\nb" });
    change();
    const told = await reader.read();
    assert.deepEqual(ids(told), [42, 43]);
    assert.deepEqual(told[0].data, { session_id: 42, anomaly_type: "BOT_LIKE", severity: "low", reason: "ä\nb" });
  }, { newest: 41 });
});

Deno.test("a client that comes back gets all that it missed, up to the edge of what is kept", async () => {
  await withFeed(async ({ feed, change }) => {
    for (let i = 0; i < 8; i++) change(); // 101 to 108, of which the last 5 stay
    const answers = [];
    for (const last of [0, 100, 101, 102, 103, 104, 107, 108, 109]) {
      const told = await new Reader(feed.connect(anomaliesAlone, last)).read();
      const reload = told.find(({ event }) => event === "reload")?.data.reason;
      answers.push([last, told[0].data.resumed, told[0].data.missed, told[0].id, reload ?? null, ids(told).join()]);
    }
    assert.deepEqual(answers, [
      [0, false, 108, 108, "too_old", ""],
      [100, false, 8, 108, "too_old", ""],
      [101, false, 7, 108, "too_old", ""],
      [102, false, 6, 108, "too_old", ""],
      [103, true, 5, null, null, "104,105,106,107,108"],
      [104, true, 4, null, null, "105,106,107,108"],
      [107, true, 1, null, null, "108"],
      [108, true, 0, null, null, ""],
      [109, false, null, 108, "unknown_number", ""],
    ]);
  }, { newest: 100, most: { ring: { updates: 5, bytes: 1e6 } } });
});

Deno.test("what is kept for clients that come back is bounded in bytes too", async () => {
  const kept = async (bytes: number) => {
    let found = 0;
    await withFeed(async ({ feed, change }) => {
      for (let i = 0; i < 9; i++) change({ reason: "x".repeat(100) });
      const told = await new Reader(feed.connect(anomaliesAlone, 0)).read();
      for (let last = 9; last >= 0; last--) {
        if ((await new Reader(feed.connect(anomaliesAlone, last)).read())[0].data.resumed) found = 9 - last;
      }
      assert.equal(events(told).includes("reload"), found < 9);
    }, { most: { ring: { updates: 100, bytes } } });
    return found;
  };
  const text = 'id: 1\nevent: anomaly\ndata: {"session_id":1,"anomaly_type":"BOT_LIKE","severity":"low","reason":""}\n\n';
  const one = text.length + 100;
  assert.deepEqual([await kept(3 * one - 1), await kept(3 * one), await kept(3 * one + 1), await kept(1)], [2, 3, 3, 1]);
});

Deno.test("nothing is missed or doubled between what is replayed and what is new", async () => {
  await withFeed(async ({ feed, change }) => {
    for (let i = 0; i < 300; i++) change({ reason: "x".repeat(1000) }); // more than one chunk
    const reader = new Reader(feed.connect(anomaliesAlone, 100));
    change();
    const told = [...await reader.read()];
    change();
    told.push(...await reader.read());
    assert.deepEqual(ids(told), Array.from({ length: 202 }, (_, i) => 101 + i));
  });
});

Deno.test("filters hold for what is replayed and for what is new", async () => {
  await withFeed(async ({ feed, change }) => {
    const make = () => {
      change({ severity: "high" });
      change({ anomaly_type: "HIGH_FREQUENCY" });
      change({ session_id: "x/1" });
    };
    make();
    const wanted: [Interest, number[]][] = [
      [{ ...anomaliesAlone, severity: "high" }, [1, 4]],
      [{ ...anomaliesAlone, type: "HIGH_FREQUENCY" }, [2, 5]],
      [{ ...anomaliesAlone, session: "x/1" }, [3, 6]],
      [{ ...anomaliesAlone, session: "x/1", severity: "high" }, []],
      [{ channels: new Set(["run"] as const) }, []],
      [everything, [1, 2, 3, 4, 5, 6]],
    ];
    const readers = wanted.map(([interest]) => new Reader(feed.connect(interest, 0)));
    const before = await Promise.all(readers.map((reader) => reader.read()));
    make();
    const after = await Promise.all(readers.map((reader) => reader.read()));
    assert.deepEqual(readers.map((_, i) => ids([...before[i], ...after[i]])), wanted.map(([, want]) => want));
  });
});

Deno.test("updates without a number reach those who want them, and move no id", async () => {
  await withFeed(async ({ feed }) => {
    const of = (...names: (typeof channels)[number][]) => new Reader(feed.connect({ channels: new Set(names), session: "7" }, null));
    const readers = [of("run"), of("feedback"), of("anomaly"), of("figures")];
    for (const reader of readers) await reader.read();
    feed.publish("run", { number: 1 });
    feed.publish("feedback", { session_id: 7, verdict: "bot" });
    feed.publish("feedback", { session_id: 8, verdict: "bot" });
    feed.publish("sample", { state: "off" });
    const told = await Promise.all(readers.map((reader) => reader.read()));
    assert.deepEqual(told.map(events), [["run", "sample"], ["feedback", "sample"], ["sample"], ["sample"]]);
    assert.deepEqual(told.flat().filter(({ id }) => id !== null), []);
    assert.deepEqual(told[1][0].data, { session_id: 7, verdict: "bot" });
  });
});

Deno.test("figures come at first, and again when they have changed", async () => {
  await withFeed(async ({ feed, clock, figures }) => {
    const reader = new Reader(feed.connect({ channels: new Set(["figures"] as const) }, null));
    const rates = async () => (await reader.read()).filter(({ event }) => event === "figures").map(({ data }) => data.events_per_s);
    await feed.tick();
    assert.deepEqual(await rates(), [0, 0]);
    clock.pass(1000);
    await feed.tick();
    assert.deepEqual(await rates(), [], "only the clock has gone on");
    figures(5);
    await feed.tick();
    assert.deepEqual(await rates(), [5]);
  });
});

Deno.test("a heartbeat comes after 30 s of silence, and says how far the client is", async () => {
  await withFeed(async ({ feed, clock, change }) => {
    const quiet = new Reader(feed.connect({ ...anomaliesAlone, session: "nobody" }, null)),
      busy = new Reader(feed.connect(anomaliesAlone, null));
    const both = async () => {
      await feed.tick();
      return [await quiet.read(), await busy.read()];
    };
    await both();
    clock.pass(limits.liveHeartbeatMs - 1);
    assert.deepEqual(await both(), [[], []]);
    change();
    await busy.read();
    clock.pass(1);
    assert.deepEqual(await both(), [[{ id: 1, event: "heartbeat", data: {} }], []]);
    assert.deepEqual(await both(), [[], []]);
    clock.pass(limits.liveHeartbeatMs);
    assert.deepEqual((await both()).map(events), [["heartbeat"], ["heartbeat"]]);
  });
});

Deno.test("a client that does not read is dropped when its queue is full, and the others get everything", async () => {
  await withFeed(async ({ feed }) => {
    const stalled = feed.connect(everything, null), reader = new Reader(feed.connect({ channels: new Set(["run"] as const) }, null));
    const seen = [await reader.read()];
    const left = [];
    for (let i = 0; i < 6; i++) {
      feed.publish("run", { number: i });
      seen.push(await reader.read());
      left.push([feed.clients, feed.dropped]);
    }
    // The figures that it was to get at first take a place too.
    assert.deepEqual(left, [[2, 0], [2, 0], [2, 0], [2, 0], [1, 1], [1, 1]]);
    assert.deepEqual(seen.slice(1).flat().map(({ data }) => data.number), [0, 1, 2, 3, 4, 5]);
    const dropped = new Reader(stalled);
    assert.deepEqual([await dropped.read(), dropped.hasEnded], [[], true]);
  }, { most: { queue: { updates: 5, bytes: 1e6 } } });
});

Deno.test("a client's queue takes exactly as many updates, and bytes, as it may", async () => {
  const one = "event: run\ndata: {}\n\n".length;
  for (const queue of [{ updates: 5, bytes: 1e6 }, { updates: 1e6, bytes: 5 * one }]) {
    for (const count of [4, 5, 6]) {
      await withFeed(async ({ feed }) => {
        const stream = feed.connect({ channels: new Set(["run"] as const) }, null);
        for (let i = 0; i < count; i++) feed.publish("run", {});
        assert.deepEqual([feed.clients, feed.dropped], count > 5 ? [0, 1] : [1, 0]);
        if (count > 5) return;
        assert.deepEqual(events(await new Reader(stream).read()), ["hello", ...new Array(count).fill("run")]);
      }, { most: { queue } });
    }
  }
});

Deno.test("a client that does not read is dropped when what it has not got is no longer kept", async () => {
  await withFeed(({ feed, change }) => {
    feed.connect(anomaliesAlone, null);
    feed.connect({ channels: new Set(["run"] as const) }, null);
    const left = [];
    for (let i = 0; i < 5; i++) {
      change();
      left.push(feed.clients);
    }
    assert.deepEqual(left, [2, 2, 2, 1, 1]);
  }, { most: { ring: { updates: 3, bytes: 1e6 } } });
});

Deno.test("a feed has at most so many clients, and room again once one has gone", async () => {
  await withFeed(async ({ feed }) => {
    const first = new Reader(feed.connect(everything, null));
    feed.connect(everything, null);
    assert.throws(() => feed.connect(everything, null), (error: unknown) => {
      assert.ok(error instanceof GuardianError);
      return error.code === "overloaded" && error.retryAfterS! > 0;
    });
    await first.cancel();
    assert.equal(feed.clients, 1);
    feed.connect(everything, null);
  }, { most: { clients: 2 } });
});

Deno.test("clients are told to load anew when numbers are missing, and go on from there", async () => {
  await withFeed(async ({ feed, change }) => {
    const reader = new Reader(feed.connect(anomaliesAlone, null));
    change();
    await reader.read();
    change({}, 5);
    change();
    const told = await reader.read();
    assert.deepEqual(ids(told), [5, 6]);
    assert.deepEqual(told.find(({ event }) => event === "reload")?.data, { reason: "gap" });
    assert.deepEqual(events(await new Reader(feed.connect(anomaliesAlone, 3)).read()), ["hello", "reload"]);
    assert.deepEqual(ids(await new Reader(feed.connect(anomaliesAlone, 4)).read()), [5, 6]);
  });
});

Deno.test("a feed that closes says goodbye after all that waits, and takes nobody in", async () => {
  await withFeed(async ({ feed, change }) => {
    const waiting = new Reader(feed.connect(anomaliesAlone, null)), late = feed.connect(anomaliesAlone, 0);
    await waiting.read();
    change();
    feed.close("switched");
    const told = await waiting.read();
    assert.deepEqual([events(told), told.at(-1)!.data, waiting.hasEnded], [["anomaly", "bye"], { reason: "switched" }, true]);
    assert.deepEqual(events(await new Reader(late).read()), ["hello", "anomaly", "bye"]);
    assert.throws(() => feed.connect(everything, null), { code: "shutting_down" });
    feed.publish("run", {});
  });
});
