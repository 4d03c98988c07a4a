// Pages of other sites in a browser that has a credential, or none: every kind of origin x method x content type x credential, against rules
// in plain words. What holds: a page that is not allowed reads no answer and changes nothing by what a browser adds of itself; no answer
// allows every origin, or cookies from another.

import assert from "node:assert/strict";
import { frontOf } from "../../src/access/front.ts";
import { systemClock } from "../../src/clock.ts";
import { tell } from "../support/proof.ts";
import { ADMIN, type Answer, type Door, eachOf, withDoor } from "./door.ts";

const ALLOWED = "https://allowed.example", PAGE = "https://shop.example";
const NO_LIMITS = { rateLimit: 0, rateLimitPage: 0, rateLimitStranger: 0 };
const types = ["application/json", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"];
const sends = [{ method: "GET", type: null }, { method: "OPTIONS", type: null }, ...types.map((type) => ({ method: "POST", type }))];
const targets = ["/stats", "/events", "/sample/clear"];
type Shown = "none" | "local" | "token" | "session" | "session without CSRF" | "page key";

interface Cell {
  readonly origin: string;
  readonly method: string;
  readonly type: string | null;
  readonly target: string;
  readonly shown: Shown;
}

/** Kinds of origin, each with its header lines. */
function originsOf(port: number): Record<string, string[]> {
  return {
    own: [`Origin: http://127.0.0.1:${port}`],
    absent: [],
    other: ["Origin: https://evil.example"],
    "other port": ["Origin: http://127.0.0.1:1"],
    null: ["Origin: null"],
    "begins like an allowed one": [`Origin: ${ALLOWED}.evil.example`],
    allowed: [`Origin: ${ALLOWED}`],
    "of the page key": [`Origin: ${PAGE}`],
    "told by the browser alone": ["Sec-Fetch-Site: cross-site"],
  };
}

/** A server that allows an origin is no open one any more. */
function hasOrigins(origin: string, shown: Shown): boolean {
  return origin === "allowed" && shown !== "local";
}

/** Whether a browser may show the page an answer. */
function mayRead({ origin, method, target, shown }: Cell): boolean {
  return hasOrigins(origin, shown) || (origin === "of the page key" && target === "/events" && method === "POST");
}

/** Whether a request is let in. */
function mayIn({ origin, method, target, shown }: Cell): boolean {
  const home = origin === "own" || origin === "absent";
  switch (shown) {
    case "none":
      return false;
    case "token":
      return true;
    case "local":
      return method === "GET" || home;
    case "session":
      return method === "GET" || home;
    case "session without CSRF":
      return method === "GET";
    case "page key":
      return method === "POST" && target === "/events" && origin === "of the page key";
  }
}

/** What is wrong with the answer to a page that asks whether it may send what is no plain form. */
function faultOfPreflight({ origin, target, shown }: Cell, { status, head }: Answer): string | null {
  const isGranted = hasOrigins(origin, shown) || (origin === "of the page key" && target === "/events");
  return isGranted === (status === 204 && /^access-control-allow-methods:/im.test(head)) ? null : "preflight";
}

async function faultsOf(door: Door, credentials: Readonly<Partial<Record<Shown, string[]>>>): Promise<{ cells: number; let_in: number }> {
  const origins = originsOf(door.port), wrong: string[] = [];
  const cells = Object.keys(origins).flatMap((origin) =>
    sends.flatMap((send) =>
      targets.flatMap((target) => (Object.keys(credentials) as Shown[]).map((shown) => ({ origin, ...send, target, shown })))
    )
  ).filter(({ method, target }) => method === "OPTIONS" || (method === "GET") === (target === "/stats"));
  let letIn = 0;
  await eachOf(cells, async (cell) => {
    const { origin, method, type, target, shown } = cell;
    const asked = ["Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization"];
    // What a browser asks before has no credential along.
    const headers = [
      ...origins[origin],
      ...(method === "OPTIONS" ? asked : credentials[shown]!),
      ...(type === null ? [] : [`Content-Type: ${type}`]),
    ];
    const answer = await door.ask(method, target + (target === "/events" ? "" : "?no_such_parameter=1"), headers),
      { status, head } = answer;
    const readable = /^access-control-allow-origin: *(.*)$/im.exec(head)?.[1].trim() ?? null;
    const isIn = status !== 401 && status !== 403;
    const fault = status === 0 || status >= 500 || readable === "*" || /^access-control-allow-credentials/im.test(head)
      ? "never"
      : method === "OPTIONS"
      ? faultOfPreflight(cell, answer)
      : (readable !== null) !== mayRead(cell) || (readable !== null && !origins[origin][0].endsWith(` ${readable}`))
      ? "readable"
      : isIn !== mayIn(cell)
      ? "let in"
      : null;
    if (fault !== null) wrong.push(`${JSON.stringify(cell)} -> ${status} ${readable}: ${fault}`);
    if (method !== "OPTIONS" && isIn) letIn++;
  });
  assert.deepEqual(wrong, []);
  return { cells: cells.length, let_in: letIn };
}

Deno.test("pages of other sites read and change nothing when they are not allowed to", async () => {
  const front = ({ guardian: { tokens } }: Pick<Door, "guardian">, corsOrigins: string[]) =>
    frontOf({ ...NO_LIMITS, trustedProxies: [], corsOrigins }, {
      clock: systemClock,
      strictTransport: false,
      isPageOrigin: (origin) => tokens.isPageOrigin(origin),
    });
  let cells = 0, letIn = 0;
  await withDoor(async (door) => {
    const key = await door.guardian.tokens.create({ name: "page", scopes: ["ingest"], origins: [PAGE], expiresAt: null });
    const { cookie, csrf } = (await door.signIn("GUARDIAN_TOKEN"))!, signedIn = `Cookie: ${cookie}`;
    const counted = await faultsOf(door, {
      none: [],
      token: [`Authorization: Bearer ${ADMIN}`],
      session: [signedIn, `X-CSRF-Token: ${csrf}`],
      "session without CSRF": [signedIn],
      "page key": [`Authorization: Bearer ${key.text}`],
    });
    cells += counted.cells;
    letIn += counted.let_in;
  }, { front: (guardian) => front({ guardian }, [ALLOWED]) });
  await withDoor(async (door) => {
    await door.guardian.tokens.create({ name: "page", scopes: ["ingest"], origins: [PAGE], expiresAt: null });
    const counted = await faultsOf(door, { local: [] });
    cells += counted.cells;
    letIn += counted.let_in;
  }, { front: (guardian) => front({ guardian }, []), open: true });
  tell("Pages of other sites", { cells, let_in: letIn, wrongly_let_in: 0, wrongly_readable: 0 });
});
