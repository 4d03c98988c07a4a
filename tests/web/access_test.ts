import assert from "node:assert/strict";
import { type Access, type AccessOptions, openAccess, requireWayIn } from "../../src/access/access.ts";
import { TrustedProxies } from "../../src/access/client.ts";
import { Cors } from "../../src/access/cors.ts";
import type { Credential, Need } from "../../src/access/credential.ts";
import { closedFront } from "../../src/access/front.ts";
import { isLoopback } from "../../src/access/hosts.ts";
import { loadSettings } from "../../src/config.ts";
import { GuardianError } from "../../src/errors.ts";
import { limits } from "../../src/limits.ts";

const TOKEN = "0123456789abcdef0123456789abcdef";

/** The code that something is refused with, or "taken". */
function codeOf(work: () => void): string {
  try {
    work();
    return "taken";
  } catch (thrown) {
    assert.ok(thrown instanceof GuardianError, String(thrown));
    assert.ok(!thrown.message.includes(TOKEN));
    return thrown.code;
  }
}

function fate(init: RequestInit & { url?: string }, access: Access = openAccess(), needs: Need = "read"): string {
  const request = new Request(init.url ?? "http://localhost/x", init);
  return codeOf(() => access.check(request, access.enter(request, undefined), { needs, path: "/x" }));
}

const guarded = openAccess({ host: "0.0.0.0", token: TOKEN });

Deno.test("loopback is told by name and address", () => {
  for (const host of ["localhost", "LOCALHOST", "127.0.0.1", "127.1.2.3", "::1", "[::1]"]) assert.ok(isLoopback(host), host);
  for (const host of ["0.0.0.0", "::", "localhost.example", "127.0.0.1.example", "10.0.0.1", "1270.0.1", ""]) {
    assert.ok(!isLoopback(host), host);
  }
});

Deno.test("server that others could reach does not start without a way in, and says how to make one", () => {
  const proxies = { ...closedFront, trustedProxies: TrustedProxies.of(["10.0.0.1"])! };
  const ways: [string, Partial<AccessOptions>, boolean][] = [
    ["loopback", {}, true],
    ["elsewhere", { host: "0.0.0.0" }, false],
    ["loopback with a host", { allowedHosts: ["guardian.example"] }, false],
    ["loopback with a proxy", { front: proxies }, false],
    ["loopback with an origin", { front: { ...closedFront, cors: new Cors(["https://shop.example"]) } }, false],
    ["elsewhere with a token", { host: "0.0.0.0", token: TOKEN }, true],
  ];
  for (const [what, given, starts] of ways) {
    const options = { host: "127.0.0.1", token: null, allowedHosts: [], front: closedFront, ...given };
    for (const tokens of [null, { anyActive: false }]) {
      assert.equal(codeOf(() => requireWayIn(options, tokens)), starts ? "taken" : "invalid_setting", what);
    }
    assert.equal(codeOf(() => requireWayIn(options, { anyActive: true })), "taken", what);
    assert.equal(openAccess(given).isOpen, what === "loopback", what);
    if (starts) continue;
    assert.throws(() => requireWayIn(options, null), /tokens create --name .* --scope .*GUARDIAN_TOKEN=\$\(openssl rand -base64 32\)/);
  }
});

Deno.test("server on loopback answers to loopback names alone, and to those that are set", () => {
  const named = openAccess({ token: TOKEN, allowedHosts: ["Guardian.example"] }), authorization = `Bearer ${TOKEN}`;
  for (const host of ["localhost", "localhost:8787", "127.0.0.1:1", "[::1]:8787"]) assert.equal(fate({ headers: { host } }), "taken", host);
  for (const host of ["guardian.example", "GUARDIAN.example:80", "guardian.example."]) {
    assert.equal(fate({ headers: { host } }), "wrong_host", host);
    assert.equal(fate({ headers: { host, authorization } }, named), "taken", host);
  }
  for (const host of ["shop.example", "localhost.shop.example:80", "10.0.0.1:8787", "guardian.example.shop.example"]) {
    assert.equal(fate({ headers: { host } }), "wrong_host", host);
    assert.equal(fate({ headers: { host, authorization } }, named), "wrong_host", host);
    assert.equal(fate({ headers: { host, authorization } }, guarded), "taken", host);
  }
});

Deno.test("pages of other sites may not send anything to a server without a token", () => {
  const post = (headers: Record<string, string>) => fate({ method: "POST", headers: { host: "localhost:8787", ...headers } });
  assert.equal(post({}), "taken");
  assert.equal(post({ origin: "http://localhost:8787" }), "taken");
  assert.equal(post({ "sec-fetch-site": "same-origin" }), "taken");
  for (const origin of ["https://shop.example", "http://localhost:9999", "null"]) assert.equal(post({ origin }), "cross_site", origin);
  assert.equal(post({ "sec-fetch-site": "cross-site" }), "cross_site");
  assert.equal(fate({ headers: { origin: "https://shop.example" } }), "taken");
});

Deno.test("a page of the server is told from others however a proxy writes the host that it was asked for", () => {
  const access = openAccess({ host: "0.0.0.0", token: TOKEN });
  const signIn = (host: string, origin: string, site: string | null = null) =>
    fate({ method: "POST", headers: { host, origin, ...site === null ? {} : { "sec-fetch-site": site } } }, access, "nothing");
  const same = [
    ["guardian.example:443", "https://guardian.example"],
    ["guardian.example:80", "http://guardian.example"],
    ["Guardian.example", "https://guardian.example"],
    ["guardian.example:8443", "https://guardian.example:8443"],
    ["[FD00::7]:443", "https://[fd00::7]"],
  ];
  for (const [host, origin] of same) assert.equal(signIn(host, origin), "taken", host);
  const other = [
    ["guardian.example", "https://guardian.example:8443"],
    ["guardian.example:80", "https://guardian.example"],
    ["guardian.example:443", "http://guardian.example"],
    ["guardian.example", "https://shop.guardian.example"],
    ["guardian.example", "null"],
  ];
  for (const [host, origin] of other) {
    assert.equal(signIn(host, origin), "cross_site", origin);
    for (const site of ["cross-site", "same-site", "none", "Same-Origin, cross-site"]) {
      assert.equal(signIn(host, origin, site), "cross_site", origin);
    }
    // The browser knows what it was asked for, and no page can speak in its place.
    assert.equal(signIn(host, origin, "same-origin"), "taken", origin);
  }
});

Deno.test("token is asked for everywhere but where nothing is needed", () => {
  assert.equal(fate({}, guarded), "unauthorized");
  assert.equal(fate({}, guarded, "nothing"), "taken");
  for (const authorization of [`Bearer ${TOKEN}`, `bearer ${TOKEN}`]) {
    assert.equal(fate({ headers: { authorization } }, guarded, "admin"), "taken");
  }
  for (
    const authorization of [
      TOKEN,
      `Basic ${TOKEN}`,
      "Bearer",
      "Bearer ",
      `Bearer ${TOKEN}x`,
      `Bearer ${TOKEN.slice(1)}`,
      `Bearer ${TOKEN} x`,
    ]
  ) {
    assert.equal(fate({ headers: { authorization } }, guarded), "unauthorized", authorization);
  }
});

Deno.test("owner's secret lets commands of this machine in, and nobody where there is none", () => {
  const secret = "cgo_" + "s".repeat(43), headers = { authorization: `Bearer ${secret}` };
  assert.equal(fate({ headers }, openAccess({ host: "0.0.0.0", ownerSecret: secret }), "admin"), "taken");
  assert.equal(fate({ headers }, guarded), "unauthorized");
});

Deno.test("orders of a session bring its CSRF token from a page of the server, and reads need neither", () => {
  const session: Credential = { kind: "session", id: "s", scopes: ["operate"], csrf: "right" };
  const access = openAccess({ host: "0.0.0.0", token: TOKEN, sessions: { credentialOf: () => session, holds: () => true } });
  const host = "guardian.example", own = { host, origin: `http://${host}`, "x-csrf-token": "right" };
  const post = (headers: Record<string, string>, needs: Need = "operate") => fate({ method: "POST", headers }, access, needs);
  assert.equal(post(own), "taken");
  assert.equal(fate({ headers: { host } }, access), "taken");
  assert.equal(post({ host, origin: own.origin }), "cross_site");
  assert.equal(post({ ...own, "x-csrf-token": "wrong" }), "cross_site");
  assert.equal(post({ ...own, origin: "https://shop.example" }), "cross_site");
  assert.equal(post({ host, "x-csrf-token": "right", "sec-fetch-site": "cross-site" }), "cross_site");
  assert.equal(post(own, "admin"), "forbidden");
  assert.equal(post({ host, origin: own.origin }, "nothing"), "taken");
  assert.equal(
    post({ ...own, authorization: "Bearer wrong" }),
    "unauthorized",
    "a header that is wrong is not made up for by a cookie",
  );
});

Deno.test("hosts of the settings are names without ports, and no more than the limit", () => {
  const load = (allowedHosts: string) => codeOf(() => loadSettings({ flags: { allowedHosts }, environment: {}, readFile: () => "{}" }));
  const many = (count: number) => Array.from({ length: count }, (_, n) => `h${n}.example`).join(",");
  for (const fine of ["guardian.example", "a.example, [::1]", many(limits.allowedHostsMax)]) assert.equal(load(fine), "taken", fine);
  for (const wrong of ["guardian.example:80", "https://guardian.example", "*", many(limits.allowedHostsMax + 1)]) {
    assert.equal(load(wrong), "invalid_setting", wrong);
  }
});
