// Requests whose host is none, another one, two, or none at all, written byte by byte: the runtime makes the address of a request out of
// what stands there, so a host with a path in it would be taken for the path of the request by whoever looks at the address.
// What holds: such a request is let in nowhere, by no credential and on no server; it is never a failure; a page key stays where it belongs.

import assert from "node:assert/strict";
import { type Front, frontOf } from "../../src/access/front.ts";
import { systemClock } from "../../src/clock.ts";
import { tell } from "../support/proof.ts";
import { ADMIN, type Door, eachOf, withDoor } from "./door.ts";

const PAGE = "https://shop.example", EVENT = '{"session_id":"planted","timestamp":"2014-04-07T10:00:00Z","item_id":7}';
const SOURCE = "ab".repeat(32);

/** Hosts that are none. Each would make the path of an address that is read as a whole look like that for page keys, or break it. */
const hosts = [
  "h\\events#",
  "h/events?x#",
  "h/events#",
  "h/events?",
  "h:80/events?#",
  "127.0.0.1/events#",
  "127.0.0.1\\events?",
  "localhost#",
  "localhost?",
  "h:99999",
  "127.0.0.1:99999",
  "127.0.0.1:",
  "[",
  "[::1",
  "[::zz]",
  "u@127.0.0.1",
  "127.0.0.1@evil.example",
  "127.0.0.1%2fevents%23",
  "127.0.0.1\tx",
  "127.0.0.1, evil.example",
  "127.0.0.1 evil.example",
  "127.0.0.1\x80",
  "",
];
/** Targets in the absolute form, each with a host beside it. */
const absolute = (port: number) => [
  ["http://[/x", "127.0.0.1"],
  ["http://other.example/stats", `127.0.0.1:${port}`],
  [`http://127.0.0.1:${port}/stats`, "other.example"],
  [`http://127.0.0.1:${port}/stats`, ""],
  ["http://other.example/events", "other.example#"],
  [`http://u@127.0.0.1:${port}/stats`, `127.0.0.1:${port}`],
  [`http://127.0.0.1:${port}\\events#/stats`, `127.0.0.1:${port}`],
  [`http://127.0.0.1:${port}?/stats`, `127.0.0.1:${port}`],
  ["http://h:99999/stats", "h:99999"],
];
const orders = ["GET /stats", "GET /health/live", "GET /no/such", "POST /events", `POST /sources/${SOURCE}/end`, "OPTIONS /events"];

interface Sent {
  readonly what: string;
  readonly head: string;
  readonly body: string;
}

/** Every order by every way of naming no host, with every way of showing who sends it. */
function requestsTo(port: number, shown: Readonly<Record<string, readonly string[]>>): Sent[] {
  const lines = (order: string, given: readonly string[]) => {
    const [method] = order.split(" "), length = method === "POST" ? EVENT.length : 0;
    const asks = method === "OPTIONS" ? ["Access-Control-Request-Method: POST"] : [];
    return ["Connection: close", `Content-Length: ${length}`, ...asks, ...given, "", ""];
  };
  const written = (order: string, version: string, named: readonly string[], who: string): Sent => ({
    what: `${order} ${version} ${JSON.stringify(named)} of ${who}`,
    head: [`${order} HTTP/${version}`, ...named, ...lines(order, shown[who])].join("\r\n"),
    body: order.startsWith("POST") ? EVENT : "",
  });
  return Object.keys(shown).flatMap((who) => [
    ...orders.flatMap((order) => [
      ...hosts.map((host) => written(order, "1.1", [`Host: ${host}`], who)),
      written(order, "1.1", [`Host: 127.0.0.1:${port}`, "Host: evil.example"], who),
      written(order, "1.1", [`Host: 127.0.0.1:${port}`, `Host: 127.0.0.1:${port}`], who),
      written(order, "1.1", [], who),
      written(order, "1.0", [], who),
      written(order, "1.0", ["Host: h\\events#"], who),
    ]),
    ...absolute(port).flatMap(([target, host]) =>
      ["GET", "POST"].map((method) => written(`${method} ${target}`, "1.1", [`Host: ${host}`], who))
    ),
  ]);
}

/** Without limits; pages of keys may call, and ask whether they may. */
function frontFor({ tokens }: Door["guardian"]): Front {
  const settings = { trustedProxies: [], corsOrigins: [], rateLimit: 0, rateLimitPage: 0, rateLimitStranger: 0 };
  return frontOf(settings, { clock: systemClock, strictTransport: false, isPageOrigin: (origin) => tokens.isPageOrigin(origin) });
}

/** Sends all of them, and returns how many were refused by the runtime itself. */
async function refuseAll(door: Door, sent: readonly Sent[]): Promise<number> {
  const wrong: string[] = [];
  let unread = 0;
  await eachOf(sent, async ({ what, head, body }) => {
    const answer = await door.raw(head, body), code = /"code":"(\w+)"/.exec(answer.body)?.[1] ?? "";
    if (answer.status === 400 && answer.body === "") unread++;
    else if (code !== "wrong_host") wrong.push(`${what} -> ${answer.status} ${answer.body.slice(0, 150)}`);
  });
  assert.deepEqual(wrong, []);
  return unread;
}

/** A request that is as it should be. */
async function assertTaken(door: Door, headers: readonly string[]): Promise<void> {
  const { status, body } = await door.ask("POST", "/events", headers, EVENT.replace("planted", "honest"));
  assert.equal(status, 202, body);
}

Deno.test("requests are for nobody when they name a host that is none, another one beside it, two or none at all", async () => {
  let requests = 0, unread = 0;
  await withDoor(async (door) => {
    const { text } = await door.guardian.tokens.create({ name: "page", scopes: ["ingest"], origins: [PAGE], expiresAt: null });
    const key = [`Authorization: Bearer ${text}`, `Origin: ${PAGE}`];
    const sent = requestsTo(door.port, { nobody: [], "a page key": key, admin: [`Authorization: Bearer ${ADMIN}`] });
    unread += await refuseAll(door, sent);
    requests += sent.length;
    await assertTaken(door, key);
    const asked = await door.ask("OPTIONS", "/events", [`Origin: ${PAGE}`, "Access-Control-Request-Method: POST"]);
    assert.equal(asked.status, 204, "a page that asks at the right host");
    assert.equal(door.guardian.intake.accepted, 1, "nothing but what was as it should be");
    assert.deepEqual(door.lines.filter((line) => line.includes("request_failed")), []);
  }, { front: frontFor });
  await withDoor(async (door) => {
    const sent = requestsTo(door.port, { anybody: [] });
    unread += await refuseAll(door, sent);
    requests += sent.length;
    await assertTaken(door, []);
    const names = ["localhost", "LOCALHOST.", "127.0.0.1", "127.1.2.3", "[::1]", "[0:0:0:0:0:0:0:1]"];
    for (const host of names.flatMap((name) => [name, `${name}:${door.port}`, `${name}:80`])) {
      assert.equal((await door.ask("GET", "/stats", [`Host: ${host}`])).status, 200, host);
      assert.equal((await door.ask("GET", `http://${host}/stats`, [`Host: ${host}`])).status, 200, `${host}, absolute`);
    }
    assert.equal(door.guardian.intake.accepted, 1);
  }, { open: true });
  tell("Hosts that are none", { requests, refused_by_the_runtime: unread, failures: 0, let_in: 0 });
});

Deno.test("page key reaches nothing but events, whatever its address is made to look like", async () => {
  await withDoor(async (door) => {
    const { text } = await door.guardian.tokens.create({ name: "page", scopes: ["ingest"], origins: [PAGE], expiresAt: null });
    const host = `127.0.0.1:${door.port}`;
    const targets = [
      `/sources/${SOURCE}/end`,
      `/sources/${SOURCE}/end?/events`,
      `/sources/${SOURCE}/end#/../../../events`,
      `/sources/${SOURCE}/shift?last_event_time=1`,
      `/events/../sources/${SOURCE}/end`,
      `/sources/${SOURCE}/dead_letters`,
      `/events?source=${SOURCE}&row=0`,
      `/events?source=${SOURCE}&row=0#`,
      `http://${host}/sources/${SOURCE}/end`,
      `http://${host}/events?source=${SOURCE}&row=0`,
    ];
    const cells = targets.flatMap((target) => {
      const [before, ...after] = target.split("#"), hash = after.length === 0 ? "" : `#${after.join("#")}`;
      const ask = before.includes("?") ? "&" : "?", inQuery = (name: string) => before + ask + `${name}=${text}` + hash;
      const bearer = `Authorization: Bearer ${text}`;
      return [[target, bearer], [inQuery("key")], [inQuery("k%65y")], [inQuery("key"), bearer], [inQuery("k%65y"), bearer]];
    });
    const wrong: string[] = [];
    await eachOf(cells, async ([target, ...headers]) => {
      const { status, body } = await door.ask("POST", target, [...headers, `Origin: ${PAGE}`], EVENT);
      if (![401, 403, 404].includes(status)) wrong.push(`${target} ${headers.length} -> ${status} ${body.slice(0, 150)}`);
    });
    assert.deepEqual(wrong, []);
    assert.equal(door.guardian.intake.accepted, 0);
    assert.ok(!door.lines.some((line) => line.includes(text.slice(-20))), "a key is in no line of the log");
    tell("Page keys elsewhere than they belong", { requests: cells.length, let_in: 0 });
  });
});
