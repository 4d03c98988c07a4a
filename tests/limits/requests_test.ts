// Limits of requests at their edges: bytes and time of bodies, how many are held at one time, turns of the event loop, rows of an answer.
// Time is the test's own: `performance.now` and the timer that looks after bodies are replaced: a case sets the one, and takes the look of the other itself.

import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { limits } from "../../src/limits.ts";
import { giveWay, isTurnOver, standBack } from "../../src/turn.ts";
import { Admission } from "../../src/web/admission.ts";
import { type BodyLimits, readBody } from "../../src/web/body.ts";
import { makeWay, watched } from "../../src/web/slow_bodies.ts";
import { unpacked } from "../../src/web/unpacking.ts";
import { Product } from "../time/product.ts";

const T0 = Date.UTC(2014, 3, 7, 10);
const EDGES = [-1, 0, 1];

interface Hands {
  /** What `performance.now` says, from the start of the work on. */
  now: number;
  /** How often it was asked. */
  asked: number;
  /** The timer that looks after bodies fires. */
  look(): void;
  /** Time passes until `now`, with all the looks that it brings: without them it would be a standstill of the process. */
  pass(now: number): void;
}

/** Between two looks at bodies, ms. */
const LOOK_MS = 250;

/** The look at all bodies, which a timer takes from time to time; here it is taken by hand as well. */
let lookAtBodies = () => {};
const setTimer = globalThis.setInterval;
globalThis.setInterval = ((work: () => void, ms: number) => {
  if (work.name === "lookAtAll") lookAtBodies = work;
  return setTimer(work, ms);
}) as typeof setInterval;

/** Where the clock of the next work begins: it never goes back. */
let base = Math.ceil(performance.now());

/** Runs `work` with a clock of the machine that it sets itself. */
async function byHand(work: (hands: Hands) => Promise<void> | void): Promise<void> {
  const now = performance.now,
    hands: Hands = {
      now: 0,
      asked: 0,
      look: () => lookAtBodies(),
      pass(until) {
        for (; hands.now < until; hands.look()) hands.now = Math.min(until, hands.now + LOOK_MS);
      },
    };
  performance.now = () => (hands.asked++, base + hands.now);
  try {
    await work(hands);
  } finally {
    performance.now = now;
    base += hands.now + 1;
  }
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

async function codeOf(work: Promise<unknown> | (() => unknown)): Promise<string | null> {
  try {
    await (typeof work === "function" ? work() : work);
    return null;
  } catch (failure) {
    return (failure as { code: string }).code;
  }
}

function post(body: BodyInit, headers: HeadersInit = {}): Request {
  return new Request("http://localhost/events", { method: "POST", body, headers });
}

for (const [name, encoding] of [["bodyBytesMax", "identity"], ["bodyBytesMax", "gzip"], ["bodyDecodedBytesMax", "gzip"]] as const) {
  Deno.test(`a body is refused when it is one byte beyond ${name}, as ${encoding}`, async () => {
    for (const by of EDGES) {
      // The sizes of the product for what is sent as it is; unpacked ones are tried small, the product's own by tests/web.
      const whole = encoding === "identity", most = whole ? limits[name] : 10_000;
      const text = new Uint8Array(whole || name === "bodyDecodedBytesMax" ? most + by : 10_000).fill(32);
      const bytes = whole ? text : new Uint8Array(gzipSync(text));
      const given: Partial<BodyLimits> = whole ? {} : name === "bodyBytesMax" ? { sentMax: bytes.length - by } : { decodedMax: most };
      for (const told of [true, false]) {
        using ticket = new Admission().enter();
        const body = told ? bytes : ReadableStream.from([bytes.slice(0, 9), bytes.slice(9)]);
        const headers = { "content-encoding": encoding, ...(told ? { "content-length": String(bytes.length) } : {}) };
        assert.equal(await codeOf(readBody(post(body, headers), ticket, given)), by > 0 ? "body_too_large" : null, `${by} ${told}`);
      }
    }
  });
}

/** What becomes of a body whose last piece came at `pieceAt`, at a look at `lookAt`, ms: why it was given up, or null. */
async function bodyAt(pieceAt: number, lookAt: number): Promise<string | null> {
  let code: string | null = null;
  await byHand(async (hands) => {
    let end = () => {};
    let piece = () => {};
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      start(controller) {
        piece = () => controller.enqueue(new Uint8Array(1));
        end = () => controller.close();
      },
    });
    using ticket = new Admission().enter();
    const read = codeOf(readBody(post(body), ticket));
    for (let turns = 0; turns < 5; turns++) await turn();
    for (hands.pass(Math.min(pieceAt, 10_000));; hands.pass(Math.min(pieceAt, hands.now + 10_000))) {
      piece();
      for (let turns = 0; turns < 5; turns++) await turn();
      hands.look();
      if (hands.now === pieceAt) break;
    }
    hands.pass(lookAt);
    for (let turns = 0; turns < 5; turns++) await turn();
    try {
      end();
    } catch {
      // It was given up, and is closed.
    }
    code = await read;
  });
  return code;
}

Deno.test("a body is given up when its next piece does not come within bodyStallMs", async () => {
  for (const by of EDGES) assert.equal(await bodyAt(7, 7 + limits.bodyStallMs + by), by < 0 ? null : "request_timeout", `${by}`);
});

Deno.test("a body is given up when all of it does not come within bodyReadMs, however steadily it comes", async () => {
  for (const by of EDGES) {
    assert.equal(await bodyAt(limits.bodyReadMs - 10, limits.bodyReadMs + by), by < 0 ? null : "request_timeout", `${by}`);
  }
});

Deno.test("the oldest body makes way for others when it has taken bodyMakesWayMs, whatever it is that there is no room for", async () => {
  const crowds: Record<string, () => unknown> = {
    requests: () => new Admission(0).enter(),
    bytes: () => new Admission(1, 9).enter().hold(10),
    neither: () => makeWay(),
  };
  for (const [what, crowd] of Object.entries(crowds)) {
    for (const by of EDGES) {
      await byHand(async (hands) => {
        const gaveUp: string[] = [];
        const oldest = watched(1e9, 1e9, () => gaveUp.push("oldest"));
        hands.pass(1);
        const next = watched(1e9, 1e9, () => gaveUp.push("next"));
        hands.pass(limits.bodyMakesWayMs + by);
        assert.equal(await codeOf(crowd), what === "neither" ? null : "overloaded");
        assert.deepEqual(gaveUp, by < 0 ? [] : ["oldest"], `${what} ${by}`);
        oldest.end();
        next.end();
      });
    }
  }
});

Deno.test("a body is not given up for a standstill of the process, nor for the time that its piece took here", async () => {
  const { bodyStallMs } = limits;
  for (const by of EDGES) {
    await byHand((hands) => {
      const gaveUp: string[] = [], body = watched(bodyStallMs, 1e9, () => gaveUp.push("it"));
      hands.now += 3_600_000;
      hands.look();
      makeWay();
      assert.deepEqual(gaveUp, []);
      body.piece();
      hands.pass(hands.now + 10 * bodyStallMs);
      makeWay();
      assert.deepEqual(gaveUp, [], "a piece that came is worked on, which is no client's fault");
      body.expects();
      hands.pass(hands.now + bodyStallMs + by);
      assert.deepEqual(gaveUp, by < 0 ? [] : ["it"], `${by}`);
      body.end();
    });
  }
});

Deno.test("unpackedAtOnceMax bodies are unpacked beyond unpackedAheadBytes at one time, and those that wait go on in order", async () => {
  const { unpackedAheadBytes, unpackedAtOnceMax, bodyDecodedBytesMax } = limits;
  const gzip = (bytes: number) => new Uint8Array(gzipSync(new Uint8Array(bytes)));
  for (const by of EDGES) {
    const asked: string[] = [], ended: string[] = [], open = new Set<string>();
    let most = 0;
    const unpack = async (name: string, bytes: number) => {
      let held = 0;
      const ticket = {
        hold(more: number) {
          if (held <= unpackedAheadBytes && held + more > unpackedAheadBytes) asked.push(name);
          // The first chunk beyond is there before its place is.
          else if (held > unpackedAheadBytes) most = Math.max(most, open.add(name).size);
          held += more;
        },
        [Symbol.dispose]: () => {},
      };
      assert.equal((await unpacked(gzip(bytes), ticket, bodyDecodedBytesMax)).bytes.length, bytes);
      open.delete(name);
      ended.push(name);
    };
    const larges = Array.from({ length: unpackedAtOnceMax + 2 }, (_, i) => unpack(`large ${i}`, 32 * unpackedAheadBytes));
    while (asked.length < larges.length) await turn();
    await Promise.all([...larges, unpack("one", unpackedAheadBytes + by)]);
    assert.equal(most, unpackedAtOnceMax);
    assert.equal(asked.includes("one"), by > 0, `${by}`);
    if (by <= 0) assert.notEqual(ended.at(-1), "one", `${by}: it does not wait for those that do`);
    assert.deepEqual(ended.filter((name) => asked.includes(name)), asked, "in order");
  }
});

Deno.test("a body that fails while it is unpacked gives its place to the next one", async () => {
  const { unpackedAheadBytes } = limits, packed = new Uint8Array(gzipSync(new Uint8Array(4 * unpackedAheadBytes)));
  const damaged = packed.slice();
  damaged[damaged.length - 6] ^= 255;
  for (let turns = 0; turns < 3; turns++) {
    using ticket = new Admission().enter();
    const bombs = [1, 2, 3].map(() => codeOf(unpacked(packed, ticket, 2 * unpackedAheadBytes)));
    const codes = await Promise.all([...bombs, codeOf(unpacked(damaged, ticket, 1e9)), codeOf(unpacked(packed, ticket, 1e9))]);
    assert.deepEqual(codes, ["body_too_large", "body_too_large", "body_too_large", "bad_request", null]);
  }
});

Deno.test("a request is turned away when it is one beyond requestsInFlightMax, and let in when one has left", async () => {
  for (const by of EDGES) {
    const admission = new Admission();
    const tickets = Array.from({ length: limits.requestsInFlightMax + by - 1 }, () => admission.requests < 1024 && admission.enter());
    assert.equal(await codeOf(() => admission.enter()), by > 0 ? "overloaded" : null, `${by}`);
    for (const ticket of tickets) if (ticket) ticket[Symbol.dispose]();
    assert.equal(await codeOf(() => admission.enter()), null);
  }
});

Deno.test("a request is turned away when it holds one byte beyond requestBytesInFlightMax, and its share is given back", async () => {
  for (const by of EDGES) {
    const admission = new Admission();
    using others = admission.enter();
    others.hold(limits.requestBytesInFlightMax - 1000);
    {
      using ticket = admission.enter();
      ticket.hold(990);
      assert.equal(await codeOf(() => ticket.hold(10 + by)), by > 0 ? "overloaded" : null, `${by}`);
    }
    assert.deepEqual([admission.requests, admission.bytes], [1, limits.requestBytesInFlightMax - 1000]);
  }
});

Deno.test("work gives way when it has held the event loop for turnMs", async () => {
  for (const by of EDGES) {
    await byHand(async (hands) => {
      await giveWay();
      hands.now += limits.turnMs + by;
      assert.equal(isTurnOver(), by >= 0, `${by}`);
    });
  }
});

Deno.test("work that nobody waits for stands back several turns, and none more once standBackMs have passed", async () => {
  for (const by of EDGES) {
    await byHand(async (hands) => {
      const standing = standBack();
      hands.now += limits.standBackMs + by;
      const before = hands.asked;
      await standing;
      // One look for the end of this turn, one for each turn more, and one as it goes on.
      assert.equal(hands.asked - before, by < 0 ? 8 : 2, `${by}`);
    });
  }
});

Deno.test("a list has pageRowsDefault rows, a session sessionEventsDefault events, when nobody says how many", async () => {
  await Product.with(T0, async (product) => {
    const click = { timestamp: T0 - 1000, item_id: 1 };
    for (const [session, by] of EDGES.entries()) {
      const rows = limits.pageRowsDefault + by, events = limits.sessionEventsDefault + by;
      const had = product.guardian.deadLetters.kept;
      await product.post(Array.from({ length: rows - had }, () => ({})));
      assert.equal(
        (await product.get<unknown[]>("/dead_letters")).length,
        limits.pageRowsDefault + Math.min(by, 0),
        `pageRowsDefault ${by}`,
      );
      await product.post(Array.from({ length: events }, (_, i) => ({ ...click, session_id: session, event_id: `${session} ${i}` })));
      const told = await product.get<{ events: unknown[]; complete: boolean }>(`/sessions/${session}/events`);
      assert.deepEqual([told.events.length, told.complete], [limits.sessionEventsDefault + Math.min(by, 0), by <= 0]);
    }
    for (const by of EDGES) {
      const days = await product.get<unknown[] & { status?: number }>(`/jobs/days?limit=${limits.jobDaysShownMax + by}`);
      assert.equal(days.status ?? days.length, by > 0 ? 400 : limits.jobDaysShownMax + by, `jobDaysShownMax ${by}`);
    }
  });
});
