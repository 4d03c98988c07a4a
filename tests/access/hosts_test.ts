import assert from "node:assert/strict";
import { type Access, openAccess } from "../../src/access/access.ts";
import { hostOf, Hosts, isLoopback, isSoundHost, reachable } from "../../src/access/hosts.ts";
import { loadSettings } from "../../src/config.ts";
import { GuardianError } from "../../src/errors.ts";
import { limits } from "../../src/limits.ts";
import { problemResponse } from "../../src/web/problem.ts";
import { tell } from "../support/proof.ts";

const TOKEN = "a-token-for-the-tests-of-the-hosts-0123";
const connection: Deno.ServeHandlerInfo = {
  remoteAddr: { transport: "tcp", hostname: "127.0.0.1", port: 4711 },
  completed: Promise.resolve(),
};

/** A request as the runtime makes it of what came in: its address is not looked at. */
function asSent(url: string, headers: Record<string, string> = {}): Request {
  return { url, headers: new Headers(headers), method: "GET" } as Request;
}

/** The code that something is refused with, or what it gives. */
function codeOf<T>(work: () => T): T | string {
  try {
    return work();
  } catch (thrown) {
    assert.ok(thrown instanceof GuardianError, String(thrown));
    return thrown.code;
  }
}

const sound = ["localhost", "LOCALHOST:8787", "127.0.0.1", "guardian.example.", "a_b.example:1", "[::1]", "[2001:db8::1]:65535", "x:0"];
const unsound = [
  "",
  " ",
  "h/events",
  "h\\events#",
  "h/events?x#",
  "h#",
  "h?",
  "h:99999",
  "h:65536",
  "h:",
  "h:80:80",
  "h:a",
  "[",
  "[]",
  "[::1",
  "[::zz]",
  "[1]",
  "::1",
  "u@h",
  "u:p@h",
  "h%2f",
  "h\tx",
  "a b",
  "a,b",
  "h\u0000",
  "h\u0080x",
  "hé",
  "999.1.1.1",
  "1.2.3.4.5",
];

Deno.test("a host is a name or an address with a port that there is, and nothing else", () => {
  // Twice: what is remembered is what was found.
  for (let time = 0; time < 2; time++) {
    for (const host of sound) assert.ok(isSoundHost(host), host);
    for (const host of unsound) assert.ok(!isSoundHost(host), JSON.stringify(host));
  }
  for (let n = 0; n < 3 * limits.hostsKnownMax; n++) assert.ok(isSoundHost(`h${n}.example`) && !isSoundHost(`h${n}.example#`));
  tell("Hosts of requests", { sound: sound.length, unsound: unsound.length });
});

Deno.test("a request that names no host, what is none, or two is for nobody", () => {
  const of = (url: string, headers?: Record<string, string>) => codeOf(() => hostOf(asSent(url, headers), connection));
  for (const host of sound) {
    assert.equal(of(`http://${host}/events`, { host }), host);
    // HTTP/2 names it in the address alone.
    assert.equal(of(`https://${host}/events`), host);
  }
  for (const host of unsound) {
    if (/^[\t\x20-\xff]*$/.test(host)) assert.equal(of(`http://${host}/events`, { host }), "wrong_host", host);
    if (!host.includes("/")) assert.equal(of(`https://${host}/events`), "wrong_host", host);
  }
  assert.equal(of("http://localhost:8787/events"), "wrong_host", "no host: the runtime makes this one up");
  assert.equal(of("http://localhost:8787/events", { host: "" }), "wrong_host");
  for (const other of ["other", "a.evil.example", "a:81", "A", "a@other", "[", "a\\", "a?"]) {
    assert.equal(of(`http://${other}/events`, { host: "a" }), "wrong_host", other);
  }
  assert.equal(of("http://a", { host: "a" }), "wrong_host", "CONNECT has no path");
});

Deno.test("a call within the process names whatever host it likes, when it is one", () => {
  assert.equal(hostOf(asSent("http://localhost/x", { host: "guardian.example" }), undefined), "guardian.example");
  assert.equal(hostOf(asSent("http://localhost:8787/x"), undefined), "localhost:8787");
  assert.equal(codeOf(() => hostOf(asSent("http://localhost/x", { host: "[" }), undefined)), "wrong_host");
});

Deno.test("names of a host are one, however they are written", () => {
  const hosts = new Hosts("127.0.0.1", ["Guardian.Example.", "[2001:DB8:0::0:1]", "10.0.0.7"]);
  const check = (host: string) => codeOf(() => hosts.check(host)) ?? "taken";
  for (
    const host of [
      "guardian.example",
      "GUARDIAN.EXAMPLE.:8787",
      "[2001:db8::1]",
      "[2001:0db8:0:0::1]:8787",
      "10.0.0.7:1",
      "[::ffff:10.0.0.7]",
      "[::FFFF:a00:7]",
      "[0:0:0:0:0:0:0:1]:8787",
      "[::ffff:127.0.0.1]",
      "localhost.",
    ]
  ) assert.equal(check(host), "taken", host);
  for (const host of ["guardian.example..", "example", "[2001:db8::2]", "[2001:db8::1:1]", "10.0.0.70", "[::2]", "[::]", "0.0.0.0"]) {
    assert.equal(check(host), "wrong_host", host);
  }
  assert.equal(codeOf(() => new Hosts("0:0::0:1", []).check("evil.example")), "wrong_host", "bound to loopback by another spelling");
});

Deno.test("a server that listens everywhere is reached on this machine, however that is written", () => {
  for (const host of ["0.0.0.0", "::ffff:0.0.0.0", "::ffff:0:0"]) assert.equal(reachable(host), "127.0.0.1", host);
  for (const host of ["::", "[::]", "::0", "0::", "0::0", "0:0:0:0:0:0:0:0", "[0000:0::0]"]) assert.equal(reachable(host), "::1", host);
  for (const host of ["127.0.0.1", "localhost", "::1", "[::1]", "10.0.0.7", "guardian.example", "2001:db8::"]) {
    assert.equal(reachable(host), host);
  }
  for (const host of ["::", "::0", "0:0:0:0:0:0:0:0", "::ffff:0:0"]) assert.ok(!isLoopback(host), host);
  for (const host of ["0:0:0:0:0:0:0:1", "[::ffff:127.9.9.9]", "::FFFF:7f00:1"]) assert.ok(isLoopback(host), host);
});

function fate(access: Access, headers: Record<string, string>, url = "http://localhost/x"): string {
  const request = new Request(url, { headers });
  return codeOf(() => access.check(request, access.enter(request, undefined), { needs: "read", path: "/x" })) ?? "taken";
}

Deno.test("an open server lets nobody in who comes through a proxy, and says what to set", () => {
  const told = {
    "x-forwarded-for": "203.0.113.7",
    "X-Forwarded-Host": "guardian.example",
    "X-Forwarded-Proto": "https",
    "Forwarded": "for=203.0.113.7",
    "X-Real-IP": "203.0.113.7",
    "Via": "1.1 proxy",
  };
  assert.equal(fate(openAccess(), {}), "taken");
  for (const [name, value] of Object.entries(told)) {
    assert.equal(fate(openAccess(), { [name]: value }), "forbidden", name);
    assert.equal(fate(openAccess(), { [name]: "" }), "forbidden", `${name}, empty`);
    const closed = openAccess({ token: TOKEN });
    assert.equal(fate(closed, { [name]: value, authorization: `Bearer ${TOKEN}` }), "taken", name);
    assert.equal(fate(closed, { [name]: value }), "unauthorized", name);
  }
  const request = new Request("http://localhost/x", { headers: { via: "1.1 proxy" } });
  assert.throws(() => openAccess().enter(request, undefined), /GUARDIAN_TOKEN.*--trusted-proxies/);
});

Deno.test("a failure whose request has no address that can be read is told as any other, without the query", async () => {
  for (const url of ["http://h:99999/x?key=cgp_secret", "http://localhost/x?key=cgp_secret"]) {
    const lines: unknown[] = [], request = { url, method: "GET", headers: new Headers() } as Request;
    const response = problemResponse(new Error("inside"), request, (...line) => lines.push(line));
    assert.equal(response.status, 500);
    assert.equal((await response.json()).code, "internal");
    assert.ok(lines.length === 1 && !JSON.stringify(lines).includes("cgp_secret"), JSON.stringify(lines));
  }
});

Deno.test("token of the settings is what a header can bring, and long enough", () => {
  const load = (token: string) =>
    codeOf(() => loadSettings({ flags: {}, environment: { GUARDIAN_TOKEN: token }, readFile: () => "{}" }).token ?? "none");
  const of = (length: number) => "~!0aZ+/=".repeat(length).slice(0, length);
  for (const fine of [of(32), of(limits.signInCharsMax)]) assert.equal(load(fine), fine);
  for (
    const wrong of [of(31), of(limits.signInCharsMax + 1), `${of(31)} `, ` ${of(40)}`, `${of(20)} ${of(20)}`, `${of(40)}\n`, `${of(40)}é`]
  ) {
    assert.equal(load(wrong), "invalid_setting", JSON.stringify(wrong).slice(0, 60));
  }
  assert.throws(
    () => loadSettings({ flags: {}, environment: { GUARDIAN_TOKEN: `${of(40)}\u00e9` }, readFile: () => "{}" }),
    (thrown: Error) => /printable ASCII characters without spaces/.test(thrown.message) && !thrown.message.includes(of(8)),
  );
});
