import assert from "node:assert/strict";
import type { Client } from "../../src/access/client.ts";
import type { Credential } from "../../src/access/credential.ts";
import { RateLimited, RateLimits, type Standing, tellStanding } from "../../src/access/rate.ts";
import { limits } from "../../src/limits.ts";
import { problemResponse } from "../../src/web/problem.ts";
import { tell } from "../support/proof.ts";

class HandClock {
  ms = 1000;
  now = () => this.ms;
  monotonic = () => this.ms;
}

const RATES = { token: 100, page: 4, stranger: 5 };
const nobody: Credential = { kind: "none" };
const token = (id: string): Credential => ({ kind: "token", id, scopes: ["read"] });
const pageKey: Credential = { kind: "page_key", id: "page", origins: ["https://shop.example"] };
const at = (address: string): Client => ({ address, scheme: "http", host: "localhost" });

/** How many of `tries` requests are let in. */
function letIn(tries: number, ask: () => unknown): number {
  let count = 0;
  for (let i = 0; i < tries; i++) {
    try {
      ask();
      count++;
    } catch (thrown) {
      assert.ok(thrown instanceof RateLimited && thrown.code === "rate_limited", String(thrown));
    }
  }
  return count;
}

Deno.test("a bucket lets in what is at once in it, and then as much as its rate", () => {
  const clock = new HandClock(), rates = new RateLimits(RATES, clock);
  const ask = () => rates.admit(nobody, at("192.0.2.1"));
  assert.equal(letIn(50, ask), 5);
  clock.ms += 199;
  assert.equal(letIn(5, ask), 0);
  clock.ms += 1;
  assert.equal(letIn(5, ask), 1);
  clock.ms += 3_600_000;
  assert.equal(letIn(50, ask), 5);
  let over = 0;
  for (let second = 0; second < 100; second++, clock.ms += 1000) over += letIn(20, ask);
  // The first second found the bucket empty.
  assert.equal(over, 99 * 5);
});

Deno.test("each token has its own bucket, and strangers at its address take nothing out of it", () => {
  const rates = new RateLimits(RATES, new HandClock()), here = at("192.0.2.1");
  assert.equal(letIn(50, () => rates.admit(nobody, here)), 5);
  assert.equal(letIn(200, () => rates.admit(token("a"), here)), 100);
  assert.equal(letIn(200, () => rates.admit({ kind: "session", id: "s", scopes: ["read"], csrf: "" }, here)), 100);
  assert.equal(letIn(200, () => rates.admit(token("b"), here)), 100);
  assert.equal(letIn(1, () => rates.admit(token("b"), at("192.0.2.9"))), 0);
});

Deno.test("one address does not use up what a page key has for all", () => {
  const rates = new RateLimits(RATES, new HandClock());
  assert.equal(letIn(1000, () => rates.admit(pageKey, at("192.0.2.1"))), 4);
  assert.equal(letIn(1000, () => rates.admit(pageKey, at("192.0.2.2"))), 4);
  let all = 8;
  for (let i = 0; i < 200; i++) all += letIn(4, () => rates.admit(pageKey, at(`198.51.100.${i}`)));
  assert.equal(all, 100);
});

Deno.test("nobody on this machine is limited, nor where the limit is 0", () => {
  const rates = new RateLimits({ token: 0, page: 0, stranger: 0 }, new HandClock());
  for (const credential of [{ kind: "local" }, token("a"), pageKey, nobody] as Credential[]) {
    assert.equal(letIn(100_000, () => assert.equal(rates.admit(credential, at("192.0.2.1")), null)), 100_000, credential.kind);
  }
  const limited = new RateLimits(RATES, new HandClock());
  assert.equal(letIn(1000, () => limited.admit({ kind: "local" }, at("127.0.0.1"))), 1000);
  assert.equal(rates.size, 0);
});

Deno.test("tries to sign in are counted apart, and fewer", () => {
  const clock = new HandClock(), rates = new RateLimits(RATES, clock), ask = () => rates.admitSignIn(at("2001:db8::1"));
  assert.equal(letIn(100, ask), limits.signInsAtOnce);
  assert.equal(letIn(100, () => rates.admitSignIn(at("2001:db8::ffff"))), 0, "the same /64");
  assert.equal(letIn(1, () => rates.admitSignIn(at("2001:db8:0:1::1"))), 1);
  clock.ms += limits.signInEveryS * 1000;
  assert.equal(letIn(100, ask), 1);
});

Deno.test("a full table locks out nobody whose bucket it has, and lets strangers in no faster", () => {
  const clock = new HandClock(), most = 64, rates = new RateLimits(RATES, clock, most);
  const honest = () => rates.admit(nobody, at("192.0.2.1"));
  assert.equal(letIn(2, honest), 2);
  let hostile = 0;
  // One network of many addresses: each of its addresses would have a bucket of its own if there was room.
  for (let i = 0; i < 20_000; i++) {
    hostile += letIn(1, () => rates.admit(nobody, at(`2001:db8:${(i >> 8).toString(16)}:${(i & 255).toString(16)}::1`)));
  }
  assert.equal(hostile, most - 1 + RATES.stranger, "one each for those with a bucket, and one bucket for the others");
  assert.equal(letIn(9, honest), 3, "what was left");
  assert.equal(letIn(9, () => rates.admit(nobody, at("203.0.113.5"))), RATES.stranger, "a newcomer of another network");
  assert.ok(rates.size <= most + limits.rateSharedBuckets);
  clock.ms += 10_000;
  for (const newcomer of ["203.0.113.6", "203.0.113.7", "203.0.113.8"]) {
    assert.equal(letIn(9, () => rates.admit(nobody, at(newcomer))), RATES.stranger, "buckets that are full again make room");
  }
  tell("rate limits, table full", { let_in: hostile, buckets: rates.size });
});

Deno.test("a table of buckets never has more than its limit, whoever comes", () => {
  const clock = new HandClock(), most = 100, rates = new RateLimits(RATES, clock, most);
  const seed = Number(Deno.env.get("GUARDIAN_TEST_SEED") ?? 7);
  let state = seed, wins = 0;
  const random = (below: number) => (state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff) % below;
  const start = clock.ms;
  for (let i = 0; i < 100_000; i++) {
    clock.ms += random(3);
    wins += letIn(1, () => rates.admit(nobody, at(`10.${random(2)}.${random(8)}.${random(256)}`)));
    if (rates.size > most + limits.rateSharedBuckets) assert.fail(`${rates.size} buckets, seed ${seed}`);
  }
  const seconds = (clock.ms - start) / 1000, bound = (most + 2) * RATES.stranger * (seconds + 1);
  assert.ok(wins <= bound, `${wins} of at most ${bound}, seed ${seed}`);
});

Deno.test("headers tell policy, rest and wait as structured fields", async () => {
  const clock = new HandClock(), rates = new RateLimits({ ...RATES, stranger: 0.5 }, clock);
  const headersOf = (standing: Standing | null) => {
    const headers = new Headers();
    tellStanding(headers, standing!);
    return [headers.get("ratelimit-policy"), headers.get("ratelimit")];
  };
  assert.deepEqual(headersOf(rates.admit(token("a"), at("192.0.2.1"))), ['"token";q=100;w=1', '"token";r=99;t=1']);
  assert.deepEqual(headersOf(rates.admit(nobody, at("192.0.2.1"))), ['"address";q=1;w=2', '"address";r=0;t=2']);
  clock.ms += 500;
  const refused = (() => {
    try {
      rates.admit(nobody, at("192.0.2.1"));
    } catch (thrown) {
      return thrown;
    }
  })();
  const response = problemResponse(refused, new Request("http://localhost/"), () => {});
  assert.equal(response.status, 429);
  assert.deepEqual(["retry-after", "ratelimit-policy", "ratelimit"].map((name) => response.headers.get(name)), [
    "2",
    '"address";q=1;w=2',
    '"address";r=0;t=2',
  ]);
  const problem = await response.json();
  assert.equal(problem.code, "rate_limited");
  assert.match(problem.detail, /^Cannot answer this request: .+; wait for 2 s/);
});

Deno.test("a limit of less than one a second still lets one in at a time", () => {
  const clock = new HandClock(),
    rates = new RateLimits({ ...RATES, stranger: 0.1 }, clock),
    ask = () => rates.admit(nobody, at("192.0.2.1"));
  assert.equal(letIn(5, ask), 1);
  clock.ms += 9_999;
  assert.equal(letIn(5, ask), 0);
  clock.ms += 1;
  assert.equal(letIn(5, ask), 1);
});

Deno.test("wait that the headers tell is until there is one more, and the same as that of a refusal", async () => {
  const clock = new HandClock(), rates = new RateLimits({ ...RATES, stranger: 0.3 }, clock), here = at("192.0.2.1");
  const { signInsAtOnce, signInEveryS } = limits;
  for (let left = signInsAtOnce - 1; left >= 0; left--) {
    assert.equal(rates.admitSignIn(here).limit, `"sign-in";r=${left};t=${signInEveryS}`);
  }
  assert.equal(rates.admit(nobody, here)!.limit, '"address";r=0;t=4');
  for (const ms of [0, 1000, 1500]) {
    clock.ms += ms;
    for (const ask of [() => rates.admitSignIn(here), () => rates.admit(nobody, here)]) {
      let refused: unknown;
      try {
        ask();
      } catch (thrown) {
        refused = thrown;
      }
      const { headers, body } = problemResponse(refused, new Request("http://localhost/"), () => {});
      await body?.cancel();
      // Lists of structured fields: names are strings, and numbers whole.
      assert.match(headers.get("ratelimit-policy")!, /^"[a-z-]+";q=\d{1,15};w=\d{1,15}$/);
      assert.equal(/^"[a-z-]+";r=0;t=(\d{1,15})$/.exec(headers.get("ratelimit")!)?.[1], headers.get("retry-after"));
    }
  }
});
