// Every route against every kind of credential in every spelling of its path, over a real server. What each route needs is written here once
// more in plain words, by hand: a route that is not in the table fails the test, and so does one that asks for less than the table says.
// What holds: nobody gets in by a spelling who would not by the plain path; who may, gets in; what is kept is shown to nobody else.
// GUARDIAN_TEST_SPELLINGS: spellings of each path that every credential tries; the plain one is always tried.

import assert from "node:assert/strict";
import { endpoints } from "../../routes/mod.ts";
import type { Scope } from "../../src/access/credential.ts";
import { limits } from "../../src/limits.ts";
import { tell } from "../support/proof.ts";
import { ADMIN, type Answer, type Door, eachOf, type SignedIn, withDoor } from "./door.ts";

type Who = "everybody" | "reader" | "operator" | "sender" | "administrator";

/** Who may call what: a route that is not here is unknown to the test, which then fails. */
const table: Readonly<Record<Who, string>> = {
  everybody: `GET /, GET /health/live, GET /dashboard, GET /dashboard/{page}, GET /dashboard/assets/{asset}, GET /session, POST /session,
    POST /session/end`,
  reader:
    `GET /health, GET /health/ready, GET /stats, GET /sample, GET /anomalies, GET /anomalies/types, GET /anomalies/timeline, GET /anomalies/{session_id},
    GET /rules, GET /blocklist, GET /sessions/{session_id}/events, GET /dead_letters, GET /late_events, GET /live, GET /live/figures,
    GET /metrics/daily, GET /metrics/daily/{date}, GET /metrics/funnel/{date}, GET /metrics/summary, GET /items/popular/{date},
    GET /items/categories/{date}, GET /items/trending, GET /jobs, GET /jobs/days, GET /jobs/runs, GET /export/{table}, GET /openapi.json,
    GET /definitions, GET /docs, GET /docs/{file}, GET /redoc`,
  operator:
    `POST /sample/clear, POST /sessions/{session_id}/feedback, POST /dead_letters/replay, POST /jobs/{job}/runs, POST /jobs/backfill,
    POST /verify`,
  sender:
    `POST /events, GET /sources/{source}, POST /sources/{source}/end, POST /sources/{source}/shift, POST /sources/{source}/dead_letters`,
  administrator: `GET /tokens, POST /tokens, POST /tokens/{prefix}/revoke`,
};
const whoMay = new Map(Object.entries(table).flatMap(([who, routes]) => routes.split(",").map((route) => [route.trim(), who as Who])));
const needOf: Readonly<Record<Who, string>> = {
  everybody: "nothing",
  reader: "read",
  operator: "operate",
  sender: "ingest",
  administrator: "admin",
};

const PAGE = "https://shop.example", MARKER = "marker-81d2f0c4", INTRUDER = "intruder-3c9a";
const PROBE = "no_such_parameter=1";
const event = (session: string) => JSON.stringify({ session_id: session, timestamp: Date.UTC(2014, 3, 7, 10), item_id: 7 });

/** headers: what it shows. may: what it is let in to. */
interface Kind {
  readonly name: string;
  readonly headers: readonly string[];
  readonly query?: string;
  readonly may: (route: string, who: Who) => boolean;
}

const nobody = (_route: string, who: Who) => who === "everybody";
const anyOf = (...whos: Who[]) => (_route: string, who: Who) => who === "everybody" || whos.includes(who);
const all = anyOf("reader", "operator", "sender", "administrator");
/** From a page of another site: nobody is signed in or out by one, though these are for everybody. */
const elsewhere = (may: Kind["may"]): Kind["may"] => (route, who) => may(route, who) && !/^POST \/session(\/end)?$/.test(route);
const pageOnly = (route: string, who: Who) => who === "everybody" || route === "POST /events";

async function kindsOf(door: Door): Promise<Kind[]> {
  const { guardian: { tokens } } = door;
  const make = async (scopes: Scope[], origins: string[] | null = null, expiresAt: number | null = null) =>
    await tokens.create({ name: MARKER, scopes, origins, expiresAt });
  const [ingest, read, operate, admin, revoked] = await Promise.all(
    (["ingest", "read", "operate", "admin", "admin"] as const).map((scope) => make([scope])),
  );
  const expired = await make(["admin"], null, Date.now() - 1), page = await make(["ingest"], [PAGE]);
  await tokens.revoke(revoked.token.prefix);
  const bearer = (text: string) => [`Authorization: Bearer ${text}`];
  return [
    { name: "none", headers: [], may: nobody },
    { name: "garbage", headers: bearer("garbage"), may: nobody },
    { name: "wrong scheme", headers: [`Authorization: Basic ${btoa(`admin:${ADMIN}`)}`], may: nobody },
    { name: "token without scheme", headers: [`Authorization: ${ADMIN}`], may: nobody },
    { name: "malformed bearer", headers: [`Authorization: Bearer ${ADMIN} x`], may: nobody },
    { name: "empty bearer", headers: ["Authorization: Bearer "], may: nobody },
    { name: "two headers", headers: [...bearer("garbage"), ...bearer(ADMIN)], may: nobody },
    { name: "nearly right", headers: bearer(admin.text.slice(0, -1) + (admin.text.endsWith("A") ? "B" : "A")), may: nobody },
    { name: "revoked", headers: bearer(revoked.text), may: nobody },
    { name: "expired", headers: bearer(expired.text), may: nobody },
    { name: "token in the address", headers: [], query: `key=${admin.text}`, may: nobody },
    { name: "ingest", headers: bearer(ingest.text), may: anyOf("sender") },
    { name: "read", headers: bearer(read.text), may: anyOf("reader") },
    { name: "operate", headers: bearer(operate.text), may: anyOf("reader", "operator") },
    { name: "admin", headers: bearer(admin.text), may: all },
    { name: "settings' token", headers: bearer(ADMIN), may: all },
    { name: "page key, its page", headers: [...bearer(page.text), `Origin: ${PAGE}`], may: elsewhere(pageOnly) },
    { name: "page key in the address", headers: [`Origin: ${PAGE}`], query: `key=${page.text}`, may: elsewhere(pageOnly) },
    { name: "page key, other page", headers: [...bearer(page.text), "Origin: https://evil.example"], may: elsewhere(nobody) },
    { name: "page key, no page", headers: bearer(page.text), may: nobody },
    ...await sessionKindsOf(door, { read: read.token.prefix, operate: operate.token.prefix, ingest: ingest.token.prefix }),
  ];
}

/** Sessions in force and out of it. Those that are over by time come last: the next one to begin would clear them away. */
async function sessionKindsOf(door: Door, of: Readonly<Record<"read" | "operate" | "ingest", string>>): Promise<Kind[]> {
  const { guardian: { tokens }, port } = door, own = `Origin: http://127.0.0.1:${port}`;
  const reading = (may: Kind["may"]): Kind["may"] => (route, who) => nobody(route, who) || (route.startsWith("GET ") && may(route, who));
  const begun = async (token = "GUARDIAN_TOKEN", past?: Parameters<Door["signIn"]>[1]) => {
    const made = await door.signIn(token, past);
    assert.ok(made);
    return made;
  };
  const shown = ({ cookie, csrf }: SignedIn) => [`Cookie: ${cookie}`, own, `X-CSRF-Token: ${csrf}`];
  const admin = await begun(), other = await begun(), { cookie, csrf } = admin, signed = `Cookie: ${cookie}`;
  const ended = await begun();
  await door.ask("POST", "/session/end", [`Cookie: ${ended.cookie}`, own]);
  const revoked = await tokens.create({ name: MARKER, scopes: ["admin"], origins: null, expiresAt: null });
  const ofRevoked = await begun(revoked.token.prefix);
  await tokens.revoke(revoked.token.prefix);
  const [name, id] = cookie.split("=");
  return [
    { name: "session", headers: shown(admin), may: all },
    { name: "session of a reader", headers: shown(await begun(of.read)), may: anyOf("reader") },
    { name: "session of an operator", headers: shown(await begun(of.operate)), may: anyOf("reader", "operator") },
    { name: "session of a sender", headers: shown(await begun(of.ingest)), may: anyOf("sender") },
    { name: "session without CSRF", headers: [signed, own], may: reading(all) },
    { name: "session, wrong CSRF", headers: [signed, own, "X-CSRF-Token: wrong"], may: reading(all) },
    { name: "session, CSRF of another one", headers: [signed, own, `X-CSRF-Token: ${other.csrf}`], may: reading(all) },
    {
      name: "session, other site",
      headers: [signed, "Origin: https://evil.example", `X-CSRF-Token: ${csrf}`],
      may: elsewhere(reading(all)),
    },
    { name: "session beside a wrong token", headers: [...shown(admin), "Authorization: Bearer garbage"], may: nobody },
    { name: "session in the address", headers: [own, `X-CSRF-Token: ${csrf}`], query: cookie, may: nobody },
    { name: "session as a token", headers: [own, `Authorization: Bearer ${id}`], may: nobody },
    { name: "made-up session", headers: shown({ cookie: `${name}=${"A".repeat(43)}`, csrf }), may: nobody },
    { name: "session by the other name", headers: shown({ cookie: `__Host-${cookie}`, csrf }), may: nobody },
    { name: "ended session", headers: shown(ended), may: nobody },
    { name: "session of a revoked token", headers: shown(ofRevoked), may: nobody },
    { name: "session of an expired token", headers: shown(await ofExpired(door)), may: nobody },
    {
      name: "session unused for long",
      headers: shown(await begun(undefined, { ageMs: limits.sessionIdleMs, isBusy: false })),
      may: nobody,
    },
    { name: "session that is old", headers: shown(await begun(undefined, { ageMs: limits.sessionMaxMs, isBusy: true })), may: nobody },
  ];
}

/** A session whose token is over by now. */
async function ofExpired({ guardian: { tokens }, signIn }: Door): Promise<SignedIn> {
  for (let aheadMs = 100;; aheadMs *= 2) {
    const expiresAt = Date.now() + aheadMs;
    const made = await tokens.create({ name: MARKER, scopes: ["admin"], origins: null, expiresAt });
    const begun = await signIn(made.token.prefix);
    // Null: it was over before that, on a machine that has much to do.
    if (begun === null) continue;
    while (Date.now() < expiresAt) await new Promise((resolve) => setTimeout(resolve, 10));
    return begun;
  }
}

/** The method and target that a plain path becomes. */
type Spelling = (method: string, path: string, port: number) => readonly [method: string, target: string, ...headers: string[]];

const otherCase = (text: string) => text.replaceAll(/[a-z]/g, (char) => char.toUpperCase());
const spellings: Readonly<Record<string, Spelling>> = {
  "plain": (method, path) => [method, path],
  "double slash": (method, path) => [method, "/" + path],
  "dot segments": (method, path) => [method, "/health/live/../.." + path],
  "encoded dot segments": (method, path) => [method, "/health/live/%2e%2e/%2E%2e" + path],
  "encoded letter": (method, path) => [method, path.replace(/[a-z]/, (char) => "%" + char.charCodeAt(0).toString(16))],
  "encoded slash": (method, path) => [method, "/%2f" + path.slice(1)],
  "backslash": (method, path) => [method, "/health\\..\\" + path.slice(1)],
  "other case": (method, path) => [method, otherCase(path)],
  "trailing slash": (method, path) => [method, path + "/"],
  "path parameter": (method, path) => [method, path + ";x=/health/live"],
  "open path in the query": (method, path) => [method, path + "?/health/live"],
  "fragment": (method, path) => [method, path + "#/health/live"],
  "NUL": (method, path) => [method, path + "%00"],
  "HEAD": (method, path) => [method === "GET" ? "HEAD" : method, path],
  "OPTIONS": (_method, path) => ["OPTIONS", path],
  "other method": (method, path) => [method === "GET" ? "POST" : "GET", path],
  "lower-case method": (method, path) => [method.toLowerCase(), path],
  "method override": (method, path) => [method === "GET" ? "POST" : "GET", path, `X-HTTP-Method-Override: ${method}`],
  "rewritten": (_method, path) => ["GET", "/health/live", `X-Original-URL: ${path}`, `X-Rewrite-URL: ${path}`],
  "absolute form": (method, path, port) => [method, `http://127.0.0.1:${port}${path}`],
};
const dose = Number(Deno.env.get("GUARDIAN_TEST_SPELLINGS") ?? 1);

/** A path that a route has. */
const pathOf = (path: string) =>
  path.replace("{date}", "2014-04-07").replace("{table}", "daily_metrics").replace("{file}", "swagger-ui.css").replace(/\{\w+\}/, MARKER);

Deno.test("routes need what the plain table says of them, each of them", () => {
  const told = Object.fromEntries(endpoints.map(({ method, path, needs }) => [`${method.toUpperCase()} ${path}`, needs]));
  const wanted = Object.fromEntries(
    Object.keys(told).map((route) => [route, whoMay.has(route) ? needOf[whoMay.get(route)!] : "(not in the table)"]),
  );
  assert.deepEqual(told, wanted);
});

Deno.test("routes let in who may and nobody else when a path is spelled in any way", async () => {
  await withDoor(async (door) => {
    await door.ask("POST", "/events", [`Authorization: Bearer ${ADMIN}`], `{"${MARKER}": 1}\n`);
    const kinds = await kindsOf(door), wrong: string[] = [];
    const counts = { requests: 0, of_who_may: 0, of_who_may_not: 0 };
    const cells = endpoints.flatMap(({ method, path }, at) =>
      kinds.flatMap((kind, of) =>
        Object.entries(spellings).filter((_, i) => i === 0 || (i + at + of) % Object.keys(spellings).length < dose)
          .map(([spelled, spell]) => ({ route: `${method.toUpperCase()} ${path}`, kind, spelled, spell }))
      )
    );
    await eachOf(cells, async ({ route, kind, spelled, spell }) => {
      const [method, path] = route.split(" "), [sentMethod, target, ...headers] = spell(method, pathOf(path), door.port);
      // Another method of the same path may be a route of its own.
      const other = `${sentMethod} ${path}`, meant = whoMay.has(other) ? other : route;
      const who = whoMay.get(meant) ?? "administrator", isIn = kind.may(meant, who);
      // Who may is not to start a job or a stream by it: the door comes before the parameters, which then refuse.
      const query = [kind.query ?? "", isIn && meant !== "POST /events" ? PROBE : ""].filter((part) => part !== "").join("&");
      const [bare, fragment = ""] = target.split(/(?=#)/);
      const whole = (query === "" ? bare : bare + (bare.includes("?") ? "&" : "?") + query) + fragment;
      const answer = await door.ask(
        sentMethod,
        whole,
        [...kind.headers, ...headers],
        method === "POST" ? event(isIn ? "guest" : INTRUDER) : "",
      );
      counts.requests++;
      const fault = faultOf(answer, isIn, spelled, kind.may === nobody);
      if (fault !== null) {
        wrong.push(`${kind.name}: ${spelled}: ${sentMethod} ${whole} -> ${answer.status}: ${fault}: ${answer.body.slice(0, 150)}`);
      } else if (isIn) counts.of_who_may++;
      else counts.of_who_may_not++;
    });
    assert.deepEqual(wrong, []);
    const admin = [`Authorization: Bearer ${ADMIN}`];
    assert.match((await door.ask("GET", "/dead_letters", admin)).body, new RegExp(MARKER), "who may sees what is kept");
    assert.doesNotMatch((await door.ask("GET", `/sessions/${INTRUDER}/events`, admin)).body, /item_id/, "nothing was taken of an intruder");
    tell("Routes x credentials x spellings of the path", {
      routes: endpoints.length,
      credentials: kinds.length,
      spellings: new Set(cells.map(({ spelled }) => spelled)).size,
      ...counts,
      wrongly_let_in: wrong.length,
    });
  });
});

/** What is wrong with an answer, or null. */
function faultOf({ status, head, body }: Answer, isIn: boolean, spelled: string, isStranger: boolean): string | null {
  if (status === 0 || status >= 500) return "no answer, or a failure";
  if (isIn) return spelled === "plain" && (status === 401 || status === 403) ? "refused who may" : null;
  if (`${head}${body}`.includes(`"${MARKER}"`) || body.includes(`{\\"${MARKER}`)) return "shows what is kept";
  if (isStranger && (status === 404 || status === 405)) return "tells a stranger what there is";
  // Another path or method may be for whoever asks: what is there for everybody, or that there is nothing.
  if (spelled === "plain" || spelled === "absolute form") return status === 401 || status === 403 ? null : "let in who may not";
  if (spelled === "rewritten") return body.includes(MARKER) ? "shows what is kept" : null;
  return status >= 400 ? null : "let in who may not";
}
