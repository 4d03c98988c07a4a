import assert from "node:assert/strict";
import type { GuardianError } from "../../src/errors.ts";
import { accessFor, checkAccess, isLoopback } from "../../src/web/access.ts";
import { LOOPBACK } from "./lab.ts";

const TOKEN = "0123456789abcdef0123456789abcdef";

/** The code that a request is refused with, or "taken". */
function fate(init: RequestInit & { url?: string }, access = LOOPBACK, open = false): string {
  try {
    checkAccess(new Request(init.url ?? "http://localhost/x", init), access, open);
    return "taken";
  } catch (thrown) {
    return (thrown as GuardianError).code;
  }
}

Deno.test("loopback is told by name and address", () => {
  for (const host of ["localhost", "LOCALHOST", "127.0.0.1", "127.1.2.3", "::1", "[::1]"]) assert.ok(isLoopback(host), host);
  for (const host of ["0.0.0.0", "::", "localhost.example", "127.0.0.1.example", "10.0.0.1", "1270.0.1", ""]) {
    assert.ok(!isLoopback(host), host);
  }
});

Deno.test("server off loopback does not start without a token", () => {
  assert.throws(() => accessFor("0.0.0.0", null), (thrown) => (thrown as GuardianError).code === "invalid_setting");
  assert.deepEqual(accessFor("0.0.0.0", TOKEN), { host: "0.0.0.0", token: TOKEN });
  assert.deepEqual(accessFor("localhost", null), { host: "localhost", token: null });
});

Deno.test("server on loopback answers to loopback names alone", () => {
  for (const host of ["localhost", "localhost:8787", "127.0.0.1:1", "[::1]:8787"]) assert.equal(fate({ headers: { host } }), "taken", host);
  for (const host of ["shop.example", "localhost.shop.example:80", "10.0.0.1:8787"]) {
    assert.equal(fate({ headers: { host } }), "wrong_host", host);
    assert.equal(fate({ headers: { host, authorization: `Bearer ${TOKEN}` } }, { host: "0.0.0.0", token: TOKEN }), "taken", host);
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

Deno.test("token is asked for everywhere but where it is open", () => {
  const access = { host: "0.0.0.0", token: TOKEN };
  assert.equal(fate({}, access), "unauthorized");
  assert.equal(fate({}, access, true), "taken");
  assert.equal(fate({ headers: { authorization: `Bearer ${TOKEN}` } }, access), "taken");
  assert.equal(fate({ headers: { authorization: `bearer ${TOKEN}` } }, access), "taken");
  for (const authorization of [TOKEN, `Basic ${TOKEN}`, "Bearer", `Bearer ${TOKEN}x`, `Bearer ${TOKEN.slice(1)}`]) {
    assert.equal(fate({ headers: { authorization } }, access), "unauthorized", authorization);
  }
});
