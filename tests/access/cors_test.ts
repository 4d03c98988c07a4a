import assert from "node:assert/strict";
import { Cors, tellPage } from "../../src/access/cors.ts";
import { closedFront } from "../../src/access/front.ts";
import { endpoints } from "../../routes/mod.ts";
import { makeApp } from "../../src/web/app.ts";
import { type Lab, withLab } from "../web/lab.ts";
import { tell } from "../support/proof.ts";

const SET = "https://admin.example", PAGE = "https://shop.example";
const cors = new Cors([SET, "null"], (origin) => origin === PAGE || origin === "null");

/** The lab's product behind another front. */
function appOf({ service }: Lab) {
  const app = makeApp({ ...service, front: { ...closedFront, cors } }, endpoints);
  return (path: string, method: string, headers: Record<string, string>) =>
    Promise.resolve(app.fetch(new Request(`http://localhost${path}`, { method, headers, body: method === "POST" ? "[]" : undefined })));
}

function namesOf(response: Response): string[] {
  return [...response.headers.keys()].filter((name) => name.startsWith("access-control-"));
}

function preflight(origin: string, method = "POST") {
  return { origin, "access-control-request-method": method, "access-control-request-headers": "authorization,content-type" };
}

/** What a page may do: everything, send events alone, or nothing. */
const pages: Record<string, "all" | "events" | "nothing"> = {
  [SET]: "all",
  [PAGE]: "events",
  "https://evil.example": "nothing",
  "null": "nothing",
  "http://admin.example": "nothing",
  "https://admin.example:444": "nothing",
  "https://admin.example.evil.example": "nothing",
  "https://ADMIN.example": "nothing",
};
const requests: [method: string, path: string][] = [["GET", "/health"], ["POST", "/events"], ["GET", "/events"], ["POST", "/replays"], [
  "GET",
  "/none",
]];

Deno.test("a page of another site may read what is set for its origin, and nothing else", async () => {
  let cells = 0;
  await withLab(async (lab) => {
    const ask = appOf(lab);
    for (const [origin, allowed] of Object.entries(pages)) {
      for (const [method, path] of requests) {
        for (const isPreflight of [false, true]) {
          const open = allowed === "all" || (allowed === "events" && path === "/events" && (isPreflight || method === "POST"));
          const response = isPreflight ? await ask(path, "OPTIONS", preflight(origin, method)) : await ask(path, method, { origin });
          const what = `${isPreflight ? "preflight of " : ""}${method} ${path} from ${origin}`;
          assert.equal(response.headers.get("access-control-allow-origin"), open ? origin : null, what);
          assert.equal(response.headers.get("access-control-allow-credentials"), null, what);
          assert.equal(response.headers.get("cross-origin-resource-policy"), open && !isPreflight ? "cross-origin" : "same-origin", what);
          assert.match(response.headers.get("vary") ?? "", /\bOrigin\b/, what);
          if (isPreflight) assert.equal(response.status === 204, open, what);
          if (!open) assert.deepEqual(namesOf(response), [], what);
          await response.body?.cancel();
          cells++;
        }
      }
    }
  });
  tell("pages of other sites", { cells, origins: Object.keys(pages).length });
});

Deno.test("a preflight is told methods, headers and how long to remember them", () => {
  const asked = (origin: string) =>
    cors.preflight(new Request("http://localhost/events", { method: "OPTIONS", headers: preflight(origin) }))!.headers;
  assert.equal(asked(SET).get("access-control-allow-methods"), "GET, HEAD, POST");
  assert.equal(asked(PAGE).get("access-control-allow-methods"), "POST");
  for (const name of ["Authorization", "Content-Type", "Idempotency-Key"]) {
    for (const origin of [SET, PAGE]) assert.ok(asked(origin).get("access-control-allow-headers")!.split(", ").includes(name), name);
  }
  assert.equal(asked(SET).get("access-control-max-age"), "600");
  assert.match(asked(SET).get("vary")!, /^Origin, Access-Control-Request-Method, Access-Control-Request-Headers/);
});

Deno.test("OPTIONS that is no preflight is answered as ever", () => {
  for (const headers of [{}, { origin: SET }, { "access-control-request-method": "POST" }] as Record<string, string>[]) {
    assert.equal(cors.preflight(new Request("http://localhost/events", { method: "OPTIONS", headers })), null, JSON.stringify(headers));
  }
  assert.equal(cors.preflight(new Request("http://localhost/events", { headers: preflight(SET) })), null, "GET");
});

Deno.test("a server without origins says nothing of them", async () => {
  await withLab(async ({ fetch }) => {
    const response = await fetch("/health", {});
    assert.deepEqual([namesOf(response), /origin/i.test(response.headers.get("vary") ?? "")], [[], false]);
    for (const origin of [SET, PAGE, "null"]) {
      assert.deepEqual(namesOf(await fetch("/events", { method: "OPTIONS", headers: preflight(origin) })), []);
    }
  });
});

Deno.test("what an answer varies by already is kept", () => {
  const headers = new Headers({ "vary": "Accept-Encoding" });
  tellPage(headers, cors.headersFor(new Request("http://localhost/", { headers: { origin: SET } })));
  assert.equal(headers.get("vary"), "Accept-Encoding, Origin");
  assert.match(headers.get("access-control-expose-headers")!, /RateLimit, RateLimit-Policy, Retry-After/);
});
