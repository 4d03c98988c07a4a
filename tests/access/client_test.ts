import assert from "node:assert/strict";
import { addressKey, canonicalAddress, networkKey } from "../../src/access/addresses.ts";
import { clientOf, TrustedProxies } from "../../src/access/client.ts";
import { limits } from "../../src/limits.ts";
import { tell } from "../support/proof.ts";

function from(hostname: string): Deno.ServeHandlerInfo {
  return { remoteAddr: { transport: "tcp", hostname, port: 4711 }, completed: Promise.resolve() };
}

function proxies(...texts: string[]): TrustedProxies {
  const made = TrustedProxies.of(texts);
  assert.ok(made !== null, String(texts));
  return made;
}

function addressBehind(peer: string, forwarded: string, trusted: TrustedProxies): string {
  const request = new Request("http://shop.example/", { headers: { "x-forwarded-for": forwarded } });
  return clientOf(request, from(peer), { trustedProxies: trusted }).address;
}

Deno.test("a client is its connection's address, and the host that it names", () => {
  const request = new Request("https://localhost:8787/events", { headers: { host: "localhost:8787" } });
  assert.deepEqual(clientOf(request, from("192.0.2.1"), { trustedProxies: TrustedProxies.none }), {
    address: "192.0.2.1",
    scheme: "https",
    host: "localhost:8787",
  });
  assert.equal(clientOf(new Request("http://a.example:1/"), undefined, { trustedProxies: TrustedProxies.none }).host, "a.example:1");
  assert.equal(clientOf(request, undefined, { trustedProxies: TrustedProxies.none }).address, "local");
});

Deno.test("a client is not believed what a proxy would say, where none is trusted or it is none", () => {
  const headers = { host: "localhost", "x-forwarded-for": "10.0.0.9", "x-forwarded-proto": "https", "x-forwarded-host": "inside.example" };
  const request = new Request("http://localhost/", { headers });
  for (const trustedProxies of [TrustedProxies.none, proxies("10.0.0.0/8"), proxies("192.0.2.2", "2001:db8::/32")]) {
    assert.deepEqual(clientOf(request, from("192.0.2.1"), { trustedProxies }), { address: "192.0.2.1", scheme: "http", host: "localhost" });
  }
});

Deno.test("a client behind a trusted proxy is the first from the right that is none", () => {
  const trusted = proxies("10.0.0.0/8", "2001:db8:1::/48");
  const cases: [forwarded: string, address: string][] = [
    ["203.0.113.7", "203.0.113.7"],
    // What a client has put there itself stands left of what proxies saw.
    ["10.0.0.1, 203.0.113.7", "203.0.113.7"],
    ["198.51.100.1,203.0.113.7,10.2.3.4", "203.0.113.7"],
    ["203.0.113.7, 2001:db8:1::5", "203.0.113.7"],
    ["10.1.1.1, 10.2.2.2", "10.1.1.1"],
    ["203.0.113.7:1234", "203.0.113.7"],
    ["[2001:DB8::0:1]:1234", "2001:db8::1"],
    ["2001:db8::1", "2001:db8::1"],
    ["::ffff:203.0.113.7", "203.0.113.7"],
    ["203.0.113.7, unknown", "10.9.9.9"],
    ["203.0.113.7, unknown, 10.2.2.2", "10.2.2.2"],
    ["", "10.9.9.9"],
    [",", "10.9.9.9"],
    ["203.0.113.7,", "10.9.9.9"],
    ["127.0.0.1.", "10.9.9.9"],
    ["0x7f.1", "10.9.9.9"],
    ["010.0.0.1", "10.9.9.9"],
  ];
  for (const [forwarded, address] of cases) assert.equal(addressBehind("10.9.9.9", forwarded, trusted), address, forwarded);
  assert.equal(addressBehind("::ffff:10.9.9.9", "203.0.113.7", trusted), "203.0.113.7");
  tell("clients behind proxies", { lists_of_proxies_read: cases.length + 1 });
});

Deno.test("a list of proxies is read so far and no further", () => {
  const trusted = proxies("10.0.0.0/8");
  for (const extra of [-1, 0, 1]) {
    const hops = Array.from({ length: limits.forwardedHopsMax - 1 + extra }, (_, i) => `10.0.0.${i}`);
    assert.equal(addressBehind("10.9.9.9", ["203.0.113.7", ...hops].join(), trusted), extra < 1 ? "203.0.113.7" : hops[0]);
  }
});

Deno.test("scheme and host of a client come from a trusted proxy, where they can be ones", () => {
  const trustedProxies = proxies("10.0.0.1");
  const told = (headers: Record<string, string>) => {
    const { scheme, host } = clientOf(new Request("http://in:81/", { headers: { host: "in:81", ...headers } }), from("10.0.0.1"), {
      trustedProxies,
    });
    return `${scheme}://${host}`;
  };
  assert.equal(told({}), "http://in:81");
  assert.equal(told({ "x-forwarded-proto": "HTTPS", "x-forwarded-host": "shop.example" }), "https://shop.example");
  assert.equal(
    told({ "x-forwarded-proto": "http, https", "x-forwarded-host": "evil.example, shop.example:8443" }),
    "https://shop.example:8443",
  );
  assert.equal(told({ "x-forwarded-proto": "ftp", "x-forwarded-host": "a b" }), "http://in:81");
  for (const host of ["user@evil.example", "evil.example:99999", "evil.example/x", "[", "evil.example#"]) {
    assert.equal(told({ "x-forwarded-host": host }), "http://in:81", host);
  }
  for (const extra of [0, 1]) {
    const host = "h".repeat(limits.forwardedHostCharsMax + extra);
    assert.equal(told({ "x-forwarded-host": host }), `http://${extra === 0 ? host : "in:81"}`);
  }
});

Deno.test("ranges of proxies hold what is in them, to the bit", () => {
  const cases: [range: string, inside: string[], outside: string[]][] = [
    ["192.0.2.128/25", ["192.0.2.128", "192.0.2.255", "::ffff:192.0.2.200"], ["192.0.2.127", "192.0.3.0", "2001:db8::1"]],
    ["0.0.0.0/0", ["0.0.0.0", "255.255.255.255"], ["::1", "2001:db8::1"]],
    ["10.0.0.7", ["10.0.0.7"], ["10.0.0.6", "10.0.0.8"]],
    ["2001:db8:8000::/33", ["2001:db8:8000::", "2001:db8:ffff::1"], ["2001:db8:7fff::1", "2001:db9:8000::"]],
    ["::/0", ["::1", "10.0.0.1"], []],
    ["fe80::1/128", ["fe80::1", "FE80:0:0:0:0:0:0:1"], ["fe80::2"]],
  ];
  for (const [range, inside, outside] of cases) {
    for (const address of inside) assert.ok(proxies(range).has(address), `${address} in ${range}`);
    for (const address of [...outside, "", "local", "x"]) assert.ok(!proxies(range).has(address), `${address} not in ${range}`);
  }
  for (
    const bad of ["", "10.0.0", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/8/8", "10.0.0.256", "host", "*", "1::2::3", "fe80::1%lo"]
  ) {
    assert.equal(TrustedProxies.of([bad]), null, bad);
  }
});

Deno.test("an address has one way of writing, and counts as what one customer has", () => {
  assert.deepEqual(
    ["2001:DB8:0:0::1", "::FFFF:1.2.3.4", "1:2:3:4:5:6:7:8", "::", "1:2:3:4:5:6:7", "1.2.3", "1::2:3:4:5:6:7:8"].map(canonicalAddress),
    [
      "2001:db8::1",
      "1.2.3.4",
      "1:2:3:4:5:6:7:8",
      "::",
      null,
      null,
      null,
    ],
  );
  assert.equal(addressKey("2001:db8:1:2:3::4"), addressKey("2001:db8:1:2:ffff::9"));
  assert.notEqual(addressKey("2001:db8:1:2::4"), addressKey("2001:db8:1:3::4"));
  assert.equal(addressKey("::ffff:1.2.3.4"), addressKey("1.2.3.4"));
  assert.notEqual(addressKey("1.2.3.4"), addressKey("1.2.3.5"));
  assert.equal(networkKey("1.2.3.4"), networkKey("1.2.200.1"));
  assert.notEqual(networkKey("2001:db8::1"), networkKey("2001:db9::1"));
});
