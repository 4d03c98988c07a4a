import assert from "node:assert/strict";
import { endpoints } from "../../routes/mod.ts";
import type { CallerOut } from "../../routes/session.ts";
import { type Access, type AccessOptions, openAccess } from "../../src/access/access.ts";
import type { Scope } from "../../src/access/credential.ts";
import { frontOf } from "../../src/access/front.ts";
import { Sessions } from "../../src/access/sessions.ts";
import { Tokens } from "../../src/access/tokens.ts";
import { limits } from "../../src/limits.ts";
import { makeApp } from "../../src/web/app.ts";
import { TestClock } from "../support/clock.ts";
import { tell } from "../support/proof.ts";
import { assertProblem, type Lab, withLab } from "../web/lab.ts";

const TOKEN = "a-token-of-the-settings-for-signing-in-0123", HOST = "localhost", OWN = `http://${HOST}`;

interface Ask {
  readonly body?: unknown;
  readonly cookie?: string;
  readonly headers?: Record<string, string>;
  readonly from?: string;
}

interface Doorway {
  readonly lab: Lab;
  readonly clock: TestClock;
  get(path: string, ask?: Ask): Promise<Response>;
  /** From a page of the server itself, unless `headers` say otherwise. */
  post(path: string, ask?: Ask): Promise<Response>;
  make(scopes: Scope[], origins?: string[], expiresAt?: number): Promise<{ text: string; prefix: string }>;
  revoke(prefix: string): Promise<boolean>;
  /** Signs in, and returns what a browser then sends. */
  signIn(token: string): Promise<{ cookie: string; csrf: string }>;
}

const QUICK = { trustedProxies: [], corsOrigins: [], rateLimit: 0, rateLimitPage: 0, rateLimitStranger: 1_000 };

async function withDoorway(
  work: (doorway: Doorway) => Promise<void>,
  settings: Partial<typeof QUICK> = {},
  given: Partial<AccessOptions> = { token: TOKEN },
): Promise<void> {
  await withLab(async (lab) => {
    const clock = new TestClock(), front = frontOf({ ...QUICK, ...settings }, { clock, strictTransport: false });
    const tokens = await Tokens.open(lab.guardian.state, clock), access: Access = openAccess({ front, tokens, ...given });
    const sessions = access.sessions = await Sessions.open(lab.guardian.state, clock, access);
    const app = makeApp({ ...lab.service, access, sessions, front }, endpoints);
    const ask = (method: string, path: string, { body, cookie, headers = {}, from = "192.0.2.1" }: Ask) => {
      const info = { remoteAddr: { transport: "tcp", hostname: from, port: 4711 }, completed: Promise.resolve() };
      const sent = { method, headers: { ...cookie === undefined ? {} : { cookie }, ...headers } };
      const text = body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body);
      return Promise.resolve(app.fetch(new Request(`${OWN}${path}`, { ...sent, body: text }), info as never));
    };
    const post: Doorway["post"] = (path, { headers, ...rest } = {}) =>
      ask("POST", path, { body: {}, ...rest, headers: headers ?? { origin: OWN, "sec-fetch-site": "same-origin" } });
    await work({
      lab,
      clock,
      get: (path, rest = {}) => ask("GET", path, rest),
      post,
      async make(scopes, origins, expiresAt) {
        const order = { name: "anna", scopes, origins: origins ?? null, expiresAt: expiresAt ?? null };
        const { text, token } = await tokens.create(order);
        return { text, prefix: token.prefix };
      },
      revoke: (prefix) => tokens.revoke(prefix),
      async signIn(token) {
        const response = await post("/session", { body: { token } }), { csrf } = await response.json() as CallerOut;
        assert.equal(response.status, 200);
        return { cookie: response.headers.get("set-cookie")!.split(";")[0], csrf: csrf! };
      },
    });
  });
}

const who = async (response: Response): Promise<CallerOut> => (assert.equal(response.status, 200), await response.json());

Deno.test("GET /session says who asks, by every kind of credential", async () => {
  await withDoorway(async ({ get, make, signIn, clock: _ }) => {
    const read = await make(["read"]),
      page = await make(["ingest"], ["https://shop.example"]),
      all = ["ingest", "read", "operate", "admin"];
    const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });
    const none = { kind: "none", sign_in_needed: true, name: null, scopes: [], csrf: null };
    assert.deepEqual(await who(await get("/session")), none);
    assert.deepEqual(await who(await get("/session", bearer("wrong"))), none);
    assert.deepEqual(await who(await get("/session", { cookie: `guardian=${"A".repeat(43)}` })), none);
    const token = { kind: "token", sign_in_needed: false, csrf: null };
    assert.deepEqual(await who(await get("/session", bearer(TOKEN))), { ...token, name: "GUARDIAN_TOKEN", scopes: all });
    assert.deepEqual(await who(await get("/session", bearer(read.text))), { ...token, name: "anna", scopes: ["read"] });
    assert.deepEqual(await who(await get("/session", bearer(page.text))), { ...none, kind: "page_key", scopes: ["ingest"] });
    const { cookie, csrf } = await signIn(read.text);
    assert.deepEqual(await who(await get("/session", { cookie })), { ...token, kind: "session", name: "anna", scopes: ["read"], csrf });
  });
  await withDoorway(
    async ({ get, post }) => {
      const local = { kind: "local", sign_in_needed: false, name: null, scopes: ["ingest", "read", "operate", "admin"], csrf: null };
      assert.deepEqual(await who(await get("/session")), local);
      const answer = await post("/session", { body: { token: "anything" } });
      assert.equal(answer.headers.get("set-cookie"), null);
      assert.deepEqual(await who(answer), local);
    },
    {},
    {},
  );
});

Deno.test("signing in takes a token in force that may read, and nothing else, and tells no token again", async () => {
  await withDoorway(async ({ post, make, revoke, lab, clock }) => {
    const revoked = await make(["admin"]),
      over = await make(["admin"], undefined, clock.now()),
      ingest = await make(["ingest"]),
      page = await make(["ingest"], ["https://shop.example"]);
    await revoke(revoked.prefix);
    const right = [TOKEN, ` ${(await make(["read"])).text}\n`, (await make(["operate"])).text, (await make(["admin"])).text];
    const wrong: [token: unknown, status: number, code: string][] = [
      ["wrong-token-8d1c", 401, "unauthorized"],
      [TOKEN.slice(0, -1), 401, "unauthorized"],
      [revoked.text, 401, "unauthorized"],
      [over.text, 401, "unauthorized"],
      [ingest.text, 403, "forbidden"],
      [page.text, 403, "forbidden"],
      ["", 400, "bad_request"],
      ["x".repeat(limits.signInCharsMax + 1), 400, "bad_request"],
      ["x".repeat(limits.signInCharsMax), 401, "unauthorized"],
      ["x".repeat(limits.signInCharsMax - 1), 401, "unauthorized"],
      [7, 400, "bad_request"],
      [null, 400, "bad_request"],
      [[TOKEN], 400, "bad_request"],
      [undefined, 400, "bad_request"],
    ];
    const answers: string[] = [];
    let address = 1;
    for (const [token, status, code] of wrong) {
      const response = await post("/session", { body: { token }, from: `198.51.100.${address++}` });
      assert.equal(response.headers.get("set-cookie"), null, String(token));
      answers.push(JSON.stringify(await assertProblem(response, status, code)));
    }
    for (const token of right) {
      const response = await post("/session", { body: { token }, from: `198.51.100.${address++}` });
      assert.deepEqual([response.status, response.headers.get("cache-control")], [200, "no-store, no-transform"]);
      assert.match(response.headers.get("set-cookie")!, /^guardian=[\w-]{43}; Path=\/; Max-Age=604800; HttpOnly; SameSite=Strict$/);
      answers.push(await response.text());
    }
    const told = answers.join("\n") + JSON.stringify(lab.lines);
    const secrets = [...wrong.map(([token]) => token), ...right].filter((token) => typeof token === "string" && token.length > 9);
    for (const secret of secrets as string[]) assert.ok(!told.includes(secret.trim()), secret);
    tell("Signing in", { refused: wrong.length, let_in: right.length, secrets_told: 0 });
  });
});

Deno.test("nobody is signed in or out by a page of another site, whatever its request shows", async () => {
  let cells = 0;
  await withDoorway(async ({ post, get, signIn }) => {
    const { cookie, csrf } = await signIn(TOKEN);
    const foreign: Record<string, string>[] = [
      { origin: "https://evil.example" },
      { origin: "null" },
      { origin: "http://localhost:81" },
      { origin: `${OWN}.evil.example` },
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site" },
      { origin: "https://evil.example", "content-type": "text/plain" },
      { origin: "https://evil.example", authorization: `Bearer ${TOKEN}` },
      { origin: "https://evil.example", "x-csrf-token": csrf },
    ];
    for (const headers of foreign) {
      for (const path of ["/session", "/session/end"]) {
        for (const given of [undefined, cookie]) {
          const body = path === "/session" ? { token: TOKEN } : {};
          const response = await post(path, { body, headers, cookie: given });
          assert.equal(response.headers.get("set-cookie"), null, JSON.stringify([path, headers]));
          await assertProblem(response, 403, "cross_site");
          cells++;
        }
      }
    }
    assert.equal((await get("/stats", { cookie })).status, 200, "still signed in");
    assert.equal((await post("/session/end", { cookie, headers: {} })).status, 200, "what is no browser says nothing of a site");
  });
  tell("Signing in and out from other sites", { cells, taken: 0 });
});

Deno.test("session reads by its cookie, orders with its CSRF token alone, and no more than its token may", async () => {
  await withDoorway(async ({ get, post, make, signIn }) => {
    const { text } = await make(["operate"]), { cookie, csrf } = await signIn(text), other = await signIn(text);
    const order = (path: string, headers: Record<string, string>) => post(path, { body: { verdict: "human" }, cookie, headers });
    const feedback = "/sessions/7/feedback", own = { origin: OWN };
    assert.equal((await get("/stats", { cookie })).status, 200);
    await assertProblem(await get("/stats"), 401, "unauthorized");
    const taken = await order(feedback, { ...own, "x-csrf-token": csrf });
    assert.match(String((await assertProblem(taken, 404, "not_found")).detail), /session/, "it came to the endpoint");
    for (
      const headers of [own, { ...own, "x-csrf-token": "" }, { ...own, "x-csrf-token": other.csrf }, { ...own, "x-csrf-token": cookie }]
    ) {
      await assertProblem(await order(feedback, headers as Record<string, string>), 403, "cross_site");
    }
    await assertProblem(await order(feedback, { origin: "https://evil.example", "x-csrf-token": csrf }), 403, "cross_site");
    await assertProblem(await order("/tokens", { ...own, "x-csrf-token": csrf }), 403, "forbidden");
    await assertProblem(await get("/tokens", { cookie }), 403, "forbidden");
    await assertProblem(await get("/stats", { cookie, headers: { authorization: "Bearer wrong" } }), 401, "unauthorized");
  });
});

Deno.test("signing in anew ends the session before it, and signing out ends this one and no other", async () => {
  await withDoorway(async ({ get, post, signIn }) => {
    const first = await signIn(TOKEN), elsewhere = await signIn(TOKEN);
    const again = await post("/session", { body: { token: TOKEN }, cookie: first.cookie });
    const second = again.headers.get("set-cookie")!.split(";")[0];
    assert.notEqual(second, first.cookie);
    assert.equal((await get("/stats", { cookie: first.cookie })).status, 401);
    const wrong = await post("/session", { body: { token: "wrong" }, cookie: second });
    assert.equal(wrong.status, 401);
    assert.equal((await get("/stats", { cookie: second })).status, 200, "a wrong token signs nobody out");
    for (const round of ["signed in", "signed out already"]) {
      const out = await post("/session/end", { cookie: second });
      assert.equal(out.headers.getSetCookie().length, 2, round);
      assert.equal((await who(out)).kind, "none", round);
      assert.equal((await get("/stats", { cookie: second })).status, 401, round);
    }
    assert.equal((await get("/stats", { cookie: elsewhere.cookie })).status, 200);
  });
});

Deno.test("session ends at once when its token is revoked", async () => {
  await withDoorway(async ({ get, make, revoke, signIn }) => {
    const { text, prefix } = await make(["read"]), { cookie } = await signIn(text);
    assert.equal((await get("/stats", { cookie })).status, 200);
    await revoke(prefix);
    await assertProblem(await get("/stats", { cookie }), 401, "unauthorized");
    assert.equal((await who(await get("/session", { cookie }))).sign_in_needed, true);
  });
});

Deno.test("session of the settings' token ends when the settings name another one", async () => {
  await withDoorway(async ({ signIn, lab, clock }) => {
    const { cookie } = await signIn(TOKEN), request = new Request(`${OWN}/stats`, { headers: { cookie } });
    const kindAfter = async (token: string) => {
      const access = openAccess({ token });
      access.sessions = await Sessions.open(lab.guardian.state, clock, access);
      return access.credentialOf(request).kind;
    };
    assert.equal(await kindAfter(`${TOKEN}x`), "none");
    assert.equal(await kindAfter(TOKEN), "session");
  });
});

Deno.test("live feed of a session ends within a second of it, and so does that of a revoked token", async () => {
  await withDoorway(async ({ get, post, make, revoke, signIn, lab }) => {
    const { text, prefix } = await make(["read"]), bearer = { authorization: `Bearer ${text}` };
    const { cookie } = await signIn(TOKEN), other = await signIn(TOKEN);
    const { feed } = lab.service;
    const readers = [];
    for (const ask of [{ cookie }, { headers: bearer }, { cookie: other.cookie }]) {
      readers.push((await get("/live?channels=run", ask)).body!.getReader());
    }
    for (const reader of readers) await reader.read();
    feed.tick();
    assert.equal(feed.clients, 3);
    await post("/session/end", { cookie });
    feed.tick();
    assert.deepEqual([feed.clients, (await readers[0].read()).done], [2, true]);
    await revoke(prefix);
    feed.tick();
    assert.deepEqual([feed.clients, (await readers[1].read()).done], [1, true]);
    await readers[2].cancel();
  });
});

Deno.test("live feed ends within a second of the time until which its token or session is in force, and not before", async () => {
  const { sessionIdleMs, sessionMaxMs } = limits, TOKEN_MS = 60_000;
  const kinds: Record<string, (doorway: Doorway) => Promise<{ ask: Ask; leftMs: number }>> = {
    "token": async ({ make, clock }) => {
      const { text } = await make(["read"], undefined, clock.now() + TOKEN_MS);
      return { ask: { headers: { authorization: `Bearer ${text}` } }, leftMs: TOKEN_MS };
    },
    "session of a token": async ({ make, signIn, clock }) => {
      const { cookie } = await signIn((await make(["read"], undefined, clock.now() + TOKEN_MS)).text);
      return { ask: { cookie }, leftMs: TOKEN_MS };
    },
    "session without a request": async ({ signIn }) => ({ ask: { cookie: (await signIn(TOKEN)).cookie }, leftMs: sessionIdleMs }),
    "session that was always in use": async ({ get, signIn, clock }) => {
      const { cookie } = await signIn(TOKEN), until = clock.now() + sessionMaxMs, stepMs = sessionIdleMs / 2;
      for (; clock.now() + stepMs < until; clock.pass(stepMs)) assert.equal((await get("/session", { cookie })).status, 200);
      return { ask: { cookie }, leftMs: until - clock.now() };
    },
  };
  for (const [kind, begin] of Object.entries(kinds)) {
    await withDoorway(async (doorway) => {
      const { ask, leftMs } = await begin(doorway), { clock, get, lab: { service: { feed } } } = doorway;
      const reader = (await get("/live?channels=run", ask)).body!.getReader();
      await reader.read();
      clock.pass(leftMs - 1);
      feed.tick();
      assert.equal(feed.clients, 1, kind);
      clock.pass(1);
      feed.tick();
      assert.equal(feed.clients, 0, kind);
      for (let part = await reader.read(); !part.done;) part = await reader.read();
      await assertProblem(await get("/live?channels=run", ask), 401, "unauthorized");
    });
  }
  tell("Live feeds that are over by time", { kinds: Object.keys(kinds).length, went_on: 0 });
});

Deno.test("cookie that was planted before signing in is not what somebody is signed in by", async () => {
  await withDoorway(async ({ get, post }) => {
    for (const planted of [`guardian=${"P".repeat(43)}`, `__Host-guardian=${"P".repeat(43)}`]) {
      const response = await post("/session", { body: { token: TOKEN }, cookie: planted });
      const own = response.headers.get("set-cookie")!.split(";")[0];
      assert.ok(!own.includes("PPPP"), own);
      await assertProblem(await get("/stats", { cookie: planted }), 401, "unauthorized");
      assert.equal((await get("/stats", { cookie: own })).status, 200);
    }
  });
});

Deno.test("stranger in a browser is led to the page to sign in from the front door, and whoever else is there is told nothing", async () => {
  const html = { accept: "text/html,application/xhtml+xml,*/*;q=0.8" };
  await withDoorway(async ({ get, make, signIn }) => {
    const { cookie } = await signIn(TOKEN), ingest = { authorization: `Bearer ${(await make(["ingest"])).text}` };
    for (const ask of [{}, { cookie }, { headers: ingest }]) {
      const led = await get("/", { ...ask, headers: { ...("headers" in ask ? ask.headers : {}), ...html } });
      assert.deepEqual([led.status, led.headers.get("location"), await led.text()], [302, "/dashboard", ""]);
    }
    for (const accept of ["", "application/json", "*/*"]) {
      const headers = { accept };
      await assertProblem(await get("/", { headers }), 401, "unauthorized");
      assert.match(await (await get("/", { headers, cookie })).text(), /"version"/);
    }
    await assertProblem(await get("/", { headers: ingest }), 403, "forbidden");
  });
});

Deno.test("tries to sign in are counted by address, right ones too, and wait beyond the limit", async () => {
  await withDoorway(async ({ post, clock }) => {
    const statuses = async (count: number, from: string, token = "wrong") => {
      const seen: number[] = [];
      for (let i = 0; i < count; i++) seen.push((await post("/session", { body: { token }, from })).status);
      return seen;
    };
    const full = limits.signInsAtOnce;
    assert.deepEqual(await statuses(full - 1, "192.0.2.1"), Array(full - 1).fill(401));
    assert.deepEqual(await statuses(2, "192.0.2.1", TOKEN), [200, 429]);
    const late = await post("/session", { body: { token: TOKEN }, from: "192.0.2.1" });
    assert.equal(late.headers.get("retry-after"), String(limits.signInEveryS));
    assert.match(late.headers.get("ratelimit")!, /^"sign-in";r=0;/, "the limit that turned it away, not that of all requests");
    assert.match(String((await assertProblem(late, 429, "rate_limited")).detail), /^Cannot sign in: too many tries /);
    assert.deepEqual(await statuses(1, "192.0.2.2", TOKEN), [200], "nobody else waits");
    clock.pass(limits.signInEveryS * 1000 - 1);
    assert.deepEqual(await statuses(1, "192.0.2.1", TOKEN), [429]);
    clock.pass(1);
    assert.deepEqual(await statuses(2, "192.0.2.1", TOKEN), [200, 429]);
  });
});

Deno.test("page to sign in on is there for strangers with all its files, and no token can be tried out on these", async () => {
  await withDoorway(async ({ get }) => {
    const asset = "/dashboard/assets/none.js",
      statuses = async (count: number, path: string, headers: Record<string, string> = {}) => {
        const seen = new Set<number>();
        for (let i = 0; i < count; i++) seen.add((await get(path, { headers })).status);
        return [...seen];
      };
    assert.deepEqual(await statuses(20, asset), [404]);
    assert.deepEqual(await statuses(4, "/session"), [200]);
    for (const path of ["/session", "/stats", "/dashboard", "/dashboard/assets", "//dashboard/assets/x", "/dashboard/assets/../../stats"]) {
      assert.deepEqual(await statuses(1, path), [429], path);
    }
    assert.deepEqual(await statuses(3, asset, { authorization: "Bearer guess" }), [429]);
    assert.deepEqual(await statuses(1, asset), [404]);
  }, { rateLimitStranger: 4 });
});
