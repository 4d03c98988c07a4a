import assert from "node:assert/strict";
import { endpoints } from "../../routes/mod.ts";
import { type AccessOptions, openAccess } from "../../src/access/access.ts";
import { type Front, frontOf } from "../../src/access/front.ts";
import { Tokens } from "../../src/access/tokens.ts";
import { systemClock } from "../../src/clock.ts";
import { makeApp } from "../../src/web/app.ts";
import { type Lab, withLab } from "../web/lab.ts";

const TOKEN = "a-token-for-the-tests-of-the-front-0123", SET = "https://admin.example", PAGE = "https://shop.example";
const SETTINGS = { trustedProxies: [], corsOrigins: [SET] as string[], rateLimit: 0, rateLimitPage: 0, rateLimitStranger: 0 };
const event = '{"session_id":1,"timestamp":"2014-04-07T10:00:00Z","item_id":2}';

type Ask = (method: string, path: string, headers?: Record<string, string>, peer?: string) => Promise<Response>;

/** The lab's product behind a front and its own door. */
function behind({ service }: Lab, front: Front, given: Partial<AccessOptions>): Ask {
  const app = makeApp({ ...service, front, access: openAccess({ front, ...given }) }, endpoints);
  return (method, path, headers = {}, hostname = "192.0.2.1") => {
    const body = method === "POST" ? event : undefined;
    const info = { remoteAddr: { transport: "tcp", hostname, port: 4711 }, completed: Promise.resolve() };
    return Promise.resolve(app.fetch(new Request(`http://localhost${path}`, { method, headers, body }), info as never));
  };
}

/** A clock that stands, so that no bucket refills. */
function frontWith(settings: Partial<typeof SETTINGS>, isPageOrigin?: (origin: string) => boolean): Front {
  return frontOf({ ...SETTINGS, ...settings }, { clock: { now: () => 0, monotonic: () => 0 }, strictTransport: false, isPageOrigin });
}

async function statusesOf(count: number, ask: () => Promise<Response>): Promise<string> {
  const counts: Record<number, number> = {};
  for (let i = 0; i < count; i++) {
    const response = await ask();
    await response.body?.cancel();
    counts[response.status] = (counts[response.status] ?? 0) + 1;
  }
  return Object.entries(counts).map(([status, times]) => `${times}x${status}`).join(" ");
}

const bearer = { authorization: `Bearer ${TOKEN}` };

Deno.test("who sends too much is told 429 with when to come back, and nobody else is", async () => {
  await withLab(async (lab) => {
    const ask = behind(lab, frontWith({ rateLimit: 7, rateLimitStranger: 3 }), { token: TOKEN });
    assert.equal(await statusesOf(10, () => ask("GET", "/health")), "3x401 7x429");
    assert.equal(await statusesOf(10, () => ask("GET", "/health", { authorization: "Bearer wrong" })), "10x429");
    const first = await ask("POST", "/events", bearer);
    assert.deepEqual([first.status, first.headers.get("ratelimit-policy"), first.headers.get("ratelimit")], [
      202,
      '"token";q=7;w=1',
      '"token";r=6;t=1',
    ]);
    assert.equal(await statusesOf(6, () => ask("GET", "/health", bearer)), "6x200");
    for (const [method, path] of [["POST", "/events"], ["GET", "/health"], ["GET", "/none"], ["POST", "/health/live"]]) {
      const late = await ask(method, path, bearer);
      assert.deepEqual([late.status, late.headers.get("retry-after"), late.headers.get("ratelimit")], [429, "1", '"token";r=0;t=1'], path);
      assert.equal(late.headers.get("x-content-type-options"), "nosniff");
      assert.equal((await late.json()).code, "rate_limited");
    }
    assert.equal(await statusesOf(5, () => ask("GET", "/health", {}, "192.0.2.2")), "3x401 2x429");
  });
});

Deno.test("clients behind a trusted proxy are counted each for itself, and nobody makes himself another one", async () => {
  await withLab(async (lab) => {
    const ask = behind(lab, frontWith({ rateLimitStranger: 2, trustedProxies: ["10.0.0.1"] as never }), { token: TOKEN });
    for (const client of ["203.0.113.1", "203.0.113.2", "2001:db8::1"]) {
      assert.equal(await statusesOf(4, () => ask("GET", "/health", { "x-forwarded-for": client }, "10.0.0.1")), "2x401 2x429", client);
    }
    let made = 0;
    const spoofing = () => ask("GET", "/health", { "x-forwarded-for": `198.51.100.${made++}` }, "192.0.2.7");
    assert.equal(await statusesOf(50, spoofing), "2x401 48x429");
    const through = () => ask("GET", "/health", { "x-forwarded-for": `198.51.100.${made++}, 203.0.113.9` }, "10.0.0.1");
    assert.equal(await statusesOf(50, through), "2x401 48x429");
  });
});

Deno.test("a server on loopback without tokens limits nobody, and tells no limit", async () => {
  await withLab(async (lab) => {
    const ask = behind(lab, frontWith({ corsOrigins: [], rateLimit: 1, rateLimitPage: 1, rateLimitStranger: 1 }), {});
    assert.equal(await statusesOf(50, () => ask("POST", "/events")), "50x202");
    const { headers } = await ask("GET", "/health/live");
    assert.deepEqual([headers.get("ratelimit"), headers.get("ratelimit-policy")], [null, null]);
  });
});

Deno.test("a page of an origin that is set brings a token, on loopback too, and no other page gets anywhere with it", async () => {
  await withLab(async (lab) => {
    const ask = behind(lab, frontWith({}), { token: TOKEN }), from = (origin: string) => ({ origin, "sec-fetch-site": "cross-site" });
    assert.equal((await ask("POST", "/events", from(SET))).status, 401);
    assert.equal((await ask("GET", "/stats", from(SET))).status, 401);
    const taken = await ask("POST", "/events", { ...from(SET), ...bearer });
    assert.deepEqual([taken.status, taken.headers.get("access-control-allow-origin")], [202, SET]);
    for (const origin of [PAGE, "null", "https://admin.example.evil.example", `${SET}/`, "http://admin.example"]) {
      assert.equal((await ask("POST", "/events", { ...from(origin), ...bearer })).headers.get("access-control-allow-origin"), null, origin);
    }
  });
});

Deno.test("an open server takes orders of no page of another site", async () => {
  await withLab(async (lab) => {
    const ask = behind(lab, frontWith({ corsOrigins: [] }), {});
    for (const origin of [SET, PAGE, "null"]) {
      assert.equal((await ask("POST", "/events", { origin, "sec-fetch-site": "cross-site" })).status, 403, origin);
    }
    assert.equal((await ask("POST", "/events", { "sec-fetch-site": "cross-site" })).status, 403, "without an origin");
    assert.equal((await ask("POST", "/events", { origin: "http://localhost", "sec-fetch-site": "same-origin" })).status, 202);
  });
});

Deno.test("a beacon with a page key gets its events in from its page, within its rate, and nothing else", async () => {
  await withLab(async (lab) => {
    const kv = await Deno.openKv(":memory:");
    try {
      const tokens = await Tokens.open(kv, systemClock);
      const { text } = await tokens.create({ name: "shop", scopes: [], origins: [PAGE], expiresAt: null });
      const ask = behind(lab, frontWith({ rateLimitPage: 5 }, (origin) => tokens.isPageOrigin(origin)), { token: TOKEN, tokens });
      const beacon = (origin: string, key = text) =>
        ask("POST", `/events?key=${key}`, { origin, "content-type": "text/plain;charset=UTF-8", "sec-fetch-site": "cross-site" });
      const taken = await beacon(PAGE);
      assert.deepEqual([taken.status, taken.headers.get("access-control-allow-origin"), taken.headers.get("ratelimit")], [
        202,
        PAGE,
        '"page";r=4;t=1',
      ]);
      assert.equal(taken.headers.get("cross-origin-resource-policy"), "cross-origin");
      assert.equal((await taken.json()).accepted, 1);
      const foreign = await beacon("https://evil.example");
      assert.deepEqual([foreign.status, foreign.headers.get("access-control-allow-origin")], [403, null]);
      assert.equal((await beacon("null")).status, 403);
      assert.equal((await beacon(PAGE, "cgp_aaaaaaaa_" + "A".repeat(43))).status, 401);
      assert.equal(await statusesOf(5, () => beacon(PAGE)), "2x202 3x429");
      await tokens.revoke(text.slice(4, 12));
      const over = await beacon(PAGE);
      assert.deepEqual([over.status, over.headers.get("access-control-allow-origin")], [401, null]);
    } finally {
      kv.close();
    }
  });
});
