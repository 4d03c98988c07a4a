// Which connections have to go, decided from what is seen of them; times and numbers at their limits -1, 0, +1.

import assert from "node:assert/strict";
import { limits } from "../../src/limits.ts";
import { Connections, type Room, type Seen } from "../../src/web/connections.ts";
import { type Phase, UnderWay } from "../../src/web/under_way.ts";

const anyNumber: Room = { all: Infinity, ofOne: Infinity, isProxy: () => false };

/** One look after the other at connections that are named by numbers; what is not told of one stays as it was. */
function lab(room: Room = anyNumber, addressOf: (id: number) => string = (id) => `10.0.0.${id}`) {
  const phases = new Map<string, Phase>(), last = new Map<number, Seen>();
  const connections = new Connections(room, (peer) => phases.get(peer) ?? null);
  return {
    connections,
    phase: (id: number, phase: Phase) => phases.set(`peer ${id}`, phase),
    see(now: number, id: number, told: Partial<Seen> = {}) {
      const seen = { ...(last.get(id) ?? { id, handle: id, received: 0, taken: 0, queued: 0 }), ...told };
      last.set(id, seen);
      return connections.see(seen, () => ({ name: `peer ${id}`, address: addressOf(id), group: addressOf(id) }), now);
    },
    endRound: () => connections.endRound().map(({ id }) => id),
  };
}

Deno.test("a connection that sends no request is cut at requestHeadMs, however many bytes drip in", () => {
  const { requestHeadMs } = limits, { see } = lab();
  see(0, 1);
  see(0, 2);
  for (let now = 1000; now < requestHeadMs - 1; now += 1000) assert.equal(see(now, 2, { received: now }), null);
  assert.deepEqual([see(requestHeadMs - 1, 1), see(requestHeadMs - 1, 2)], [null, null]);
  assert.deepEqual([see(requestHeadMs, 1), see(requestHeadMs + 1, 2)], ["slow_request", "slow_request"]);
});

Deno.test("a connection without a request is cut at connectionIdleMs, counted from its last answer", () => {
  const { connectionIdleMs } = limits, { see } = lab();
  see(0, 1, { received: 100, taken: 50 });
  assert.equal(see(5000, 1, { received: 200, taken: 100 }), null, "another request was answered between the looks");
  assert.equal(see(5000 + connectionIdleMs - 1, 1), null);
  assert.equal(see(5000 + connectionIdleMs, 1), "idle");
});

Deno.test("a request that begins when its connection is nearly idle for too long has requestHeadMs to come", () => {
  const { connectionIdleMs, requestHeadMs } = limits, { see } = lab();
  see(0, 1, { taken: 50 });
  see(1, 1);
  const begins = connectionIdleMs + 1_000_000;
  for (const [bytes, reason] of [[10, "idle"], [1000, "slow_request"]] as const) {
    see(begins, bytes, { taken: 50 });
    const idle = begins + connectionIdleMs;
    assert.equal(see(idle - 1, bytes), null);
    assert.equal(see(idle, bytes, { received: bytes }), null);
    assert.equal(see(idle + requestHeadMs - 1, bytes, { received: bytes + 10 }), null);
    assert.equal(see(idle + requestHeadMs, bytes, { received: bytes + 11 }), reason);
  }
});

Deno.test("a connection that has asked and sends a few bytes, as HTTP/2 does of itself, is kept as long as an idle one, and a head is not", () => {
  const { connectionIdleMs, requestHeadMs } = limits;
  for (const more of [-1, 0, 1]) {
    const { see } = lab();
    see(0, 1, { received: 100, taken: 50 });
    assert.equal(see(1, 1, { received: 100 + 256 + more }), null);
    assert.equal(see(requestHeadMs, 1), null);
    assert.equal(see(requestHeadMs + 1, 1), more < 0 ? null : "slow_request", `${more}`);
    assert.equal(see(connectionIdleMs - 1, 1), null);
    assert.equal(see(connectionIdleMs, 1), more < 0 ? "idle" : null, `${more}: each goes once`);
  }
});

Deno.test("a next request that comes byte by byte is cut, however it spreads them", () => {
  const { connectionIdleMs, requestHeadMs } = limits;
  for (const bytesPerS of [1, 2, 3, 5, 100, 10_000]) {
    const { see } = lab();
    see(0, 1, { received: 100, taken: 50 });
    let now = 0, reason = null;
    while (reason === null && now < 1e6) reason = see(now += 1000, 1, { received: 100 + bytesPerS * now / 1000 });
    assert.ok(reason !== null && now <= connectionIdleMs + requestHeadMs, `${bytesPerS} bytes a second: ${reason} after ${now} ms`);
  }
});

Deno.test("a request that is answered holds its connection for as long as it takes", () => {
  const { see, phase } = lab();
  see(0, 1, { received: 100 });
  phase(1, "answering");
  for (let hour = 1; hour < 100; hour++) assert.equal(see(hour * 3_600_000, 1), null);
  phase(1, null);
  assert.equal(see(360_000_000, 1, { taken: 500 }), null);
  assert.equal(see(360_000_000 + limits.connectionIdleMs, 1), "idle");
});

Deno.test("a client that takes less than answerStallBytes in answerStallMs is cut, and one that takes so many is not", () => {
  const { answerStallMs, answerStallBytes } = limits;
  for (const more of [-1, 0, 1]) {
    const { see } = lab();
    see(0, 1, { queued: 1e6 });
    assert.equal(see(answerStallMs - 1, 1, { taken: answerStallBytes + more, queued: 1e6 }), null);
    assert.equal(see(answerStallMs, 1), more < 0 ? "unread_answer" : null, `${more}`);
    assert.equal(see(2 * answerStallMs, 1), more < 0 ? null : "unread_answer", `${more}: as it takes nothing more, and each goes once`);
  }
});

Deno.test("a client that takes little is not cut when little waits for it", () => {
  const { see, phase } = lab();
  phase(1, "sending");
  // Each time all that waited has been taken, and something else is on its way.
  for (let look = 0; look < 1000; look++) assert.equal(see(look * 1000, 1, { taken: look * 300, queued: 300 }), null);
});

Deno.test("a stream that says nothing is cut at answerSilentMs, and one whose answer is not there yet is not", () => {
  const { answerSilentMs } = limits, { see, phase } = lab();
  for (const id of [1, 2]) see(0, id);
  phase(1, "sending");
  phase(2, "answering");
  assert.equal(see(1, 1, { taken: 100 }), null);
  assert.equal(see(answerSilentMs, 1), null);
  assert.equal(see(answerSilentMs + 1, 1), "unread_answer");
  assert.equal(see(3 * answerSilentMs, 2), null);
  phase(2, "sending");
  assert.equal(see(3 * answerSilentMs + 1, 2), null, "it had no chance to say something before");
});

Deno.test("connections beyond connectionsMax go: those that never asked first, then those that wait, then those that are stuck", () => {
  const most = 4;
  for (const count of [most - 1, most, most + 1]) {
    const { see, endRound, phase, connections } = lab({ ...anyNumber, all: most });
    for (let id = 1; id <= count; id++) see(id, id);
    assert.deepEqual(endRound(), count > most ? [1] : []);
    assert.equal(connections.open, Math.min(count, most));
    if (count !== most) continue;
    phase(1, "answering");
    see(10, 1);
    see(11, 2, { taken: 1, queued: 5 });
    see(12, 3, { taken: 1 });
    see(13, 4);
    for (const id of [5, 6, 7]) see(20 + id, id, { taken: 1 });
    assert.deepEqual(endRound(), [4, 3, 5], "never asked; then the longest wait");
    for (const id of [1, 2, 6, 7]) see(40, id);
    for (const id of [8, 9]) {
      see(40, id);
      phase(id, "answering");
      see(41, id);
    }
    assert.deepEqual(endRound(), [6, 7]);
  }
});

Deno.test("connections beyond connectionsPerAddressMax go, of that address alone", () => {
  for (const more of [-1, 0, 1]) {
    const room = { all: Infinity, ofOne: 3, isProxy: (address: string) => address === "proxy" };
    const { see, endRound } = lab(room, (id) => id > 20 ? "proxy" : id > 10 ? "b" : "a");
    for (let id = 1; id <= 3 + more; id++) see(0, id);
    for (const id of [11, 12, 13, 21, 22, 23, 24, 25]) see(0, id);
    assert.deepEqual(endRound(), more > 0 ? [1] : []);
  }
});

Deno.test("a connection that is gone is forgotten, and what is cut is no longer counted", () => {
  const { see, endRound, connections } = lab();
  see(0, 1);
  see(0, 2);
  endRound();
  assert.equal(connections.open, 2);
  see(limits.requestHeadMs, 1);
  assert.equal(connections.open, 1, "one is cut");
  endRound();
  assert.equal(connections.open, 0, "the other was not there");
});

Deno.test("a request whose handler throws is not under way for ever", async () => {
  const underWay = new UnderWay(),
    failure = new Error("it is broken"),
    info = {
      remoteAddr: { transport: "tcp", hostname: "10.0.0.1", port: 1 },
      completed: Promise.resolve(),
    } as const;
  const handler = underWay.counting(() => {
    throw failure;
  });
  await assert.rejects(async () => await handler(new Request("http://localhost/"), info), failure);
  assert.deepEqual([underWay.size, underWay.phaseOf("10.0.0.1:1")], [0, null]);
});

/** A call of a handler that counts, and what tells that its answer is sent. */
function requestOf(underWay: UnderWay, answer: Promise<Response>, port = 1) {
  const { promise: completed, resolve, reject } = Promise.withResolvers<void>();
  const info = { remoteAddr: { transport: "tcp", hostname: "10.0.0.1", port }, completed } as const;
  const answered = Promise.resolve(underWay.counting(() => answer)(new Request("http://localhost/"), info)).then(() => {}, () => {});
  return { answered, resolve, reject };
}

Deno.test("requests under way are known by their client until their answers are sent or their connection is gone", async () => {
  const underWay = new UnderWay(), peer = "10.0.0.1:1", turn = () => new Promise((resolve) => setImmediate(resolve));
  const first = Promise.withResolvers<Response>(), second = Promise.withResolvers<Response>();
  const a = requestOf(underWay, first.promise), b = requestOf(underWay, second.promise);
  assert.equal(underWay.phaseOf(peer), "answering");
  first.resolve(new Response());
  await a.answered;
  assert.equal(underWay.phaseOf(peer), "answering", "the other one is not answered");
  second.reject(new Error("no answer"));
  await b.answered;
  assert.equal(underWay.phaseOf(peer), "sending");
  a.resolve();
  b.resolve();
  await turn();
  assert.deepEqual([underWay.phaseOf(peer), underWay.size], [null, 0]);
  const third = Promise.withResolvers<Response>(), fourth = Promise.withResolvers<Response>();
  const c = requestOf(underWay, third.promise), d = requestOf(underWay, fourth.promise);
  c.reject(new Error("it is given up"));
  await turn();
  third.resolve(new Response());
  await c.answered;
  assert.equal(underWay.phaseOf(peer), "answering", "the one that was given up is answered, the other one is not");
  d.reject(new Error("the connection is gone"));
  await turn();
  assert.equal(underWay.size, 0, "gone before it was answered");
  fourth.resolve(new Response());
  await d.answered;
  assert.equal(underWay.size, 0);
});
