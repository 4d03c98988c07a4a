import assert from "node:assert/strict";
import { type Access, openAccess } from "../../src/access/access.ts";
import type { Credential } from "../../src/access/credential.ts";
import { makeOwnerSecret, readOwnerSecret, removeOwnerSecret } from "../../src/access/owner.ts";
import { type TokenOrder, Tokens } from "../../src/access/tokens.ts";
import { paths } from "../../src/folder.ts";
import { limits } from "../../src/limits.ts";
import { stateKeys } from "../../src/store/keys.ts";
import { sealedKv } from "../../src/store/sealed.ts";
import { assertProblem, withLab } from "../web/lab.ts";

const ORIGIN = "https://shop.example";
const order = (given: Partial<TokenOrder> = {}): TokenOrder => ({ name: "t", scopes: ["read"], origins: null, expiresAt: null, ...given });

/** A store over a file in memory, with a clock that stands until it is set. */
async function withStore(work: (lab: { tokens: Tokens; kv: Deno.Kv; now: { at: number }; again(): Promise<Tokens> }) => Promise<void>) {
  using file = await Deno.openKv(":memory:");
  const kv = sealedKv(file), now = { at: 1_800_000_000_000 };
  const clock = { now: () => now.at, monotonic: () => now.at };
  const again = () => Tokens.open(kv, clock);
  await work({ tokens: await again(), kv, now, again });
}

Deno.test("token lets in from when it is made until it is revoked, over a restart too", async () => {
  await withStore(async ({ tokens, again }) => {
    const { text, token } = await tokens.create(order({ scopes: ["ingest", "read"] }));
    assert.match(text, /^cg_[a-z2-7]{8}_[A-Za-z0-9_-]{43}$/);
    assert.deepEqual(tokens.verify(text)?.scopes, ["ingest", "read"]);
    assert.equal((await again()).verify(text)?.prefix, token.prefix);
    const revoking = tokens.revoke(token.prefix);
    assert.equal(await revoking, true);
    assert.equal(tokens.verify(text), null);
    assert.equal(tokens.active(token.prefix), null);
    assert.deepEqual((await again()).list(), []);
    assert.equal(await tokens.revoke(token.prefix), false);
  });
});

Deno.test("token's text is nowhere in the store", async () => {
  await withStore(async ({ tokens, kv }) => {
    const { text } = await tokens.create(order()), secret = text.slice(-43);
    const stored: string[] = [];
    for await (const { key, value } of kv.list({ prefix: [] })) stored.push(JSON.stringify([key, value]));
    assert.equal(stored.length, 1);
    assert.ok(!stored[0].includes(secret), "not in the store");
    assert.ok(!JSON.stringify(tokens.list()).includes(secret), "not in the list");
  });
});

Deno.test("text that differs in any one character is no token", async () => {
  await withStore(async ({ tokens }) => {
    const { text } = await tokens.create(order());
    for (let c = 0; c < text.length; c++) {
      const other = text.slice(0, c) + (text[c] === "a" ? "b" : "a") + text.slice(c + 1);
      assert.equal(tokens.verify(other), null, other);
    }
    for (const other of ["", "cg_", text + "a", text.slice(0, -1), ` ${text}`, text.replace("cg_", "cgp_")]) {
      assert.equal(tokens.verify(other), null);
    }
    assert.ok(tokens.verify(text));
  });
});

Deno.test("token ends at its time, to the millisecond", async () => {
  await withStore(async ({ tokens, now }) => {
    const { text } = await tokens.create(order({ expiresAt: now.at + 1000 }));
    now.at += 999;
    assert.ok(tokens.verify(text) && tokens.anyActive);
    now.at += 1;
    assert.ok(!tokens.verify(text) && !tokens.anyActive);
    assert.equal(tokens.list().length, 1);
  });
});

Deno.test("last use is written once a minute at the most, and never brings a revoked token back", async () => {
  await withStore(async ({ tokens, kv, now, again }) => {
    const { text, token: { prefix } } = await tokens.create(order());
    const written = async () => (await kv.get<number>(stateKeys.tokenUse(prefix))).value;
    const first = now.at;
    tokens.verify(text);
    assert.equal(await written(), first);
    now.at += 59_999;
    tokens.verify(text);
    assert.equal(await written(), first);
    assert.equal(tokens.list()[0].lastUsedAt, now.at);
    now.at += 1;
    tokens.verify(text);
    assert.equal(await written(), now.at);
    await tokens.revoke(prefix);
    await kv.set(stateKeys.tokenUse(prefix), now.at); // one that was on its way
    assert.deepEqual((await again()).list(), []);
    assert.equal(await written(), null);
  });
});

Deno.test("damaged token lets nobody in", async () => {
  using file = await Deno.openKv(":memory:");
  const kv = sealedKv(file), clock = { now: () => 1, monotonic: () => 1 };
  const { text, token: { prefix } } = await (await Tokens.open(kv, clock)).create(order());
  const { value } = await file.get<Uint8Array>(stateKeys.token(prefix));
  value![20] ^= 1;
  await file.set(stateKeys.token(prefix), value);
  assert.equal((await Tokens.open(kv, clock)).verify(text), null);
});

Deno.test("token that cannot be revoked on disk is over for this process, and can be revoked again", async () => {
  using file = await Deno.openKv(":memory:");
  let failing = false;
  const kv = new Proxy(sealedKv(file), {
    get(target, name) {
      if (failing && name === "atomic") throw new Error("disk I/O error");
      const member = target[name as keyof Deno.Kv];
      return typeof member === "function" ? (member as () => void).bind(target) : member;
    },
  });
  const tokens = await Tokens.open(kv, { now: () => 1, monotonic: () => 1 });
  const { text, token: { prefix } } = await tokens.create(order());
  failing = true;
  await assert.rejects(tokens.revoke(prefix));
  assert.equal(tokens.verify(text), null);
  failing = false;
  assert.equal(await tokens.revoke(prefix), true);
});

Deno.test("tokens are no more than the limit, also when many are asked for at once", async () => {
  await withStore(async ({ tokens }) => {
    for (let n = 0; n < limits.tokensMax - 1; n++) await tokens.create(order());
    const asked = await Promise.allSettled([tokens.create(order()), tokens.create(order())]);
    assert.deepEqual(asked.map(({ status }) => status), ["fulfilled", "rejected"]);
    assert.equal(tokens.list().length, limits.tokensMax);
    await tokens.revoke(tokens.list()[0].prefix);
    await tokens.create(order());
  });
});

Deno.test("page's origin is known while a key for it is in force", async () => {
  await withStore(async ({ tokens, now }) => {
    const { token } = await tokens.create(order({ scopes: ["ingest"], origins: [ORIGIN] }));
    await tokens.create(order({ scopes: ["ingest"], origins: ["https://other.example"], expiresAt: now.at + 1 }));
    assert.ok(tokens.isPageOrigin(ORIGIN) && tokens.isPageOrigin("https://other.example") && !tokens.isPageOrigin("https://no.example"));
    now.at += 1;
    assert.ok(!tokens.isPageOrigin("https://other.example"));
    assert.ok(!tokens.anyActive, "a page key lets nobody look after the server");
    await tokens.revoke(token.prefix);
    assert.ok(!tokens.isPageOrigin(ORIGIN));
  });
});

Deno.test("owner's secret is anew at each start, for its user alone, and gone at the stop", async () => {
  const data = await Deno.makeTempDir({ prefix: "guardian-owner-" });
  try {
    assert.equal(await readOwnerSecret(data), null);
    const first = await makeOwnerSecret(data), second = await makeOwnerSecret(data);
    assert.notEqual(first, second);
    assert.equal(await readOwnerSecret(data), second);
    if (Deno.build.os !== "windows") assert.equal((await Deno.stat(paths.ownerSecret(data))).mode! & 0o777, 0o600);
    await removeOwnerSecret(data);
    assert.equal(await readOwnerSecret(data), null);
  } finally {
    await Deno.remove(data, { recursive: true });
  }
});

const OWNER = "cgo_" + "o".repeat(43);
const bearer = (text: string) => ({ Authorization: `Bearer ${text}` });
const line = '{"session_id":1,"timestamp":1400000000000,"item_id":2}';

/** A product whose door knows its tokens, as that of a server does. */
function withDoor(
  work: (lab: Parameters<Parameters<typeof withLab>[0]>[0], made: (given?: Partial<TokenOrder>) => Promise<string>) => Promise<void>,
) {
  let held: Tokens | null = null;
  const tokens = { verify: (text: string) => held!.verify(text) } as Tokens;
  const access: Access = openAccess({ host: "0.0.0.0", ownerSecret: OWNER, tokens });
  return withLab(async (lab) => {
    held = lab.guardian.tokens;
    await work(lab, async (given) => (await held!.create(order(given))).text);
  }, { access });
}

Deno.test("scopes let in to what they are for", async () => {
  await withDoor(async ({ fetch }, made) => {
    const orders: [string, RequestInit][] = [
      ["/events", { method: "POST", body: line }],
      ["/stats", {}],
      ["/sample/clear", { method: "POST" }],
      ["/tokens", {}],
    ];
    const allowed = { ingest: "1000", read: "0100", operate: "0110", admin: "1111" };
    for (const [scope, expected] of Object.entries(allowed)) {
      const text = await made({ scopes: [scope as "read"] });
      for (const [i, [path, init]] of orders.entries()) {
        const answer = await fetch(path, { ...init, headers: bearer(text) });
        if (expected[i] === "1") assert.ok(answer.ok, `${scope} ${path} ${answer.status}`);
        else await assertProblem(answer.clone(), 403, "forbidden");
        await answer.body?.cancel();
        await assertProblem(await fetch(path, init), 401, "unauthorized");
      }
    }
  });
});

Deno.test("token does what its scope allows however the path is spelled", async () => {
  await withDoor(async ({ fetch }, made) => {
    const headers = bearer(await made({ scopes: ["read"] }));
    for (
      const path of ["/tokens", "/%74okens", "/t%6fkens", "//tokens", "/tokens/", "/TOKENS", "/./tokens", "/stats/../tokens", "/%2e/tokens"]
    ) {
      for (const method of ["GET", "HEAD", "POST"]) {
        const answer = await fetch(path, { method, headers });
        assert.ok([403, 404, 405].includes(answer.status), `${method} ${path} ${answer.status}`);
        await answer.body?.cancel();
      }
    }
  });
});

Deno.test("strangers are not told what there is", async () => {
  await withDoor(async ({ fetch }) => {
    for (
      const [method, path] of [["GET", "/nothing"], ["PUT", "/stats"], ["OPTIONS", "/stats"], ["HEAD", "/stats"], ["POST", "/health/live"]]
    ) {
      assert.equal((await fetch(path, { method })).status, 401, `${method} ${path}`);
    }
    assert.equal((await fetch("/health/live")).status, 200);
  });
});

Deno.test("page key appends from pages of its origins, and nothing else", async () => {
  await withDoor(async ({ fetch, guardian }, made) => {
    const key = await made({ scopes: ["ingest"], origins: [ORIGIN] });
    assert.match(key, /^cgp_/);
    const post = (query: string, headers: Record<string, string>, path = "/events") =>
      fetch(path + query, { method: "POST", body: line, headers });
    assert.equal((await post("", { ...bearer(key), Origin: ORIGIN })).status, 202);
    assert.equal((await post(`?key=${key}`, { Origin: ORIGIN })).status, 202);
    for (const origin of ["https://evil.example", "null", `${ORIGIN}.evil.example`, "http://shop.example"]) {
      await assertProblem(await post(`?key=${key}`, { Origin: origin }), 403, "forbidden");
    }
    await assertProblem(await post(`?key=${key}`, {}), 403, "forbidden");
    await assertProblem(await post(`?key=${key}&source=${"ab".repeat(32)}&row=0`, { Origin: ORIGIN }), 403, "forbidden");
    await assertProblem(await post("", { ...bearer(key), Origin: ORIGIN }, `/sources/${"ab".repeat(32)}/end`), 403, "forbidden");
    await assertProblem(await fetch("/stats", { headers: { ...bearer(key), Origin: ORIGIN } }), 403, "forbidden");
    await assertProblem(await fetch(`/stats?key=${key}`, { headers: { Origin: ORIGIN } }), 401, "unauthorized");
    await assertProblem(await post(`?key=${await made({ scopes: ["ingest"] })}`, { Origin: ORIGIN }), 401, "unauthorized");
    await guardian.tokens.revoke(key.slice(4, 12));
    await assertProblem(await post(`?key=${key}`, { Origin: ORIGIN }), 401, "unauthorized");
  });
});

Deno.test("what is shown and is not valid is not made up for by anything else that is", () => {
  const key = "cgp_abcdefgh_" + "k".repeat(43), session: Credential = { kind: "session", id: "s", scopes: ["admin"], csrf: "" };
  const tokens = { verify: (text: string) => text === key ? { prefix: "abcdefgh", scopes: ["ingest"], origins: [ORIGIN] } : null };
  const access = openAccess({
    host: "0.0.0.0",
    ownerSecret: OWNER,
    tokens: tokens as unknown as Tokens,
    sessions: { credentialOf: () => session, holds: () => true },
  });
  const kindOf = (headers: Record<string, string>, query = "") =>
    access.credentialOf(new Request(`http://localhost/events${query}`, { method: "POST", headers })).kind;
  assert.deepEqual([kindOf(bearer(OWNER)), kindOf({}, `?key=${key}`), kindOf({})], ["token", "page_key", "session"]);
  const odd = [
    `Basic ${btoa(`admin:${OWNER}`)}`,
    `Bearer ${OWNER} x`,
    `Bearer ${OWNER}, Bearer ${OWNER}`,
    `Bearer x ${OWNER}`,
    `Bearer${OWNER}`,
    `Token ${OWNER}`,
    "Bearer",
    "Bearer ",
    OWNER,
    "",
  ];
  for (const authorization of odd) {
    for (const query of ["", `?key=${key}`]) assert.equal(kindOf({ authorization }, query), "none", `${authorization} ${query}`);
  }
  for (const query of ["?key=", "?key=x", `?key=x&key=${key}`, `?k%65y=x`, `?key=${OWNER}`, "?x&key"]) {
    assert.equal(kindOf({}, query), "none", query);
  }
});

Deno.test("page key is held to the endpoint that answers, not to what the address of the request looks like", () => {
  const visit = {
    credential: { kind: "page_key", id: "k", origins: [ORIGIN] },
    client: { host: "h", address: "", scheme: "http" },
  } as const;
  const access = openAccess({ host: "0.0.0.0", ownerSecret: OWNER });
  const check = (url: string, path: string | null) =>
    access.check(new Request(url, { method: "POST", headers: { Origin: ORIGIN } }), visit, { needs: "ingest", path });
  check("http://h/events", "/events");
  check("http://h/%65vents", "/events");
  for (const path of ["/sources/{source}/end", "/sources/{source}/dead_letters", null]) {
    assert.throws(() => check("http://h/events", path), { code: "forbidden" }, String(path));
  }
});

Deno.test("tokens are made, listed and revoked over the API, and their text is told once", async () => {
  await withDoor(async ({ fetch, lines }) => {
    const headers = bearer(OWNER);
    const post = (path: string, body: unknown) => fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
    const answer = await post("/tokens", { name: "reports", scopes: ["read", "read"] });
    assert.equal(answer.status, 201);
    assert.match(answer.headers.get("cache-control") ?? "", /no-store/);
    const { token, ...made } = await answer.json();
    assert.deepEqual(made.scopes, ["read"]);
    assert.equal((await fetch("/stats", { headers: bearer(token) })).status, 200);
    const [listed] = await (await fetch("/tokens", { headers })).json();
    assert.deepEqual([listed.prefix, typeof listed.last_used_at, "token" in listed], [made.prefix, "string", false]);
    assert.equal((await post(`/tokens/${made.prefix}/revoke`, {})).status, 200);
    await assertProblem(await fetch("/stats", { headers: bearer(token) }), 401, "unauthorized");
    await assertProblem(await post(`/tokens/${made.prefix}/revoke`, {}), 404, "not_found");
    assert.ok(!JSON.stringify(lines).includes(token.slice(-43)));
  });
});

Deno.test("orders of tokens that make no sense are refused", async () => {
  await withDoor(async ({ fetch, guardian }) => {
    const wrong: object[] = [
      {},
      { name: "", scopes: ["read"] },
      { name: "a\nb", scopes: ["read"] },
      { name: "x".repeat(limits.tokenNameCharsMax + 1), scopes: ["read"] },
      { name: "a", scopes: [] },
      { name: "a", scopes: ["root"] },
      { name: "a", scopes: ["read"], expires_at: "2014-01-01T00:00:00Z" },
      { name: "a", scopes: ["read"], expires_at: "soon" },
      { name: "a", scopes: ["read"], origins: [ORIGIN] },
      { name: "a", scopes: ["ingest"], origins: [] },
      { name: "a", scopes: ["ingest"], origins: ["null"] },
      { name: "a", scopes: ["ingest"], origins: [`${ORIGIN}/`] },
      { name: "a", scopes: ["ingest"], origins: Array.from({ length: limits.tokenOriginsMax + 1 }, (_, n) => `https://s${n}.example`) },
    ];
    for (const body of wrong) {
      const answer = await fetch("/tokens", { method: "POST", headers: bearer(OWNER), body: JSON.stringify(body) });
      await assertProblem(answer, 400, "bad_request");
    }
    assert.deepEqual(guardian.tokens.list(), []);
    const origins = Array.from({ length: limits.tokenOriginsMax }, (_, n) => `https://s${n}.example`);
    const body = JSON.stringify({ name: "x".repeat(limits.tokenNameCharsMax), scopes: ["ingest"], origins });
    assert.equal((await fetch("/tokens", { method: "POST", headers: bearer(OWNER), body })).status, 201);
  });
});
