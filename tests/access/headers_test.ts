import assert from "node:assert/strict";
import { endpoints } from "../../routes/mod.ts";
import { headersOfAll } from "../../src/access/headers.ts";
import { closedFront } from "../../src/access/front.ts";
import { makeApp } from "../../src/web/app.ts";
import { tell } from "../support/proof.ts";
import { withLab } from "../web/lab.ts";

/** Whether a policy lets a script run that stands in the page, or that is made of a text. */
function letsInlineScript(policy: string): boolean {
  const directives = new Map(policy.split(";").map((one) => one.trim().split(/\s+/)).map(([name, ...values]) => [name, values]));
  const sources = directives.get("script-src") ?? directives.get("default-src");
  return sources === undefined || sources.some((source) => /unsafe|\*|^https?:|^data:|^blob:|nonce|sha/.test(source));
}

Deno.test("every answer of every endpoint cannot be framed, sniffed or read by another site, and no page lets inline script run", async () => {
  let answers = 0, pages = 0;
  await withLab(async ({ fetch }) => {
    const paths = [...new Set(endpoints.map(({ path }) => path.replaceAll(/\{[^{}]+\}/g, "1")))];
    for (const path of [...paths, "/docs/docs.js", "/docs/swagger-ui.css", "/nothing/here", "/%ff", "//"]) {
      if (path === "/live") continue; // its answer has no end; the same code sets its headers
      for (const method of ["GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE"]) {
        const response = await fetch(path, { method, body: method === "POST" || method === "PUT" ? "{" : undefined });
        const what = `${method} ${path}: ${response.status}`;
        const header = (name: string) => response.headers.get(name);
        assert.equal(header("x-content-type-options"), "nosniff", what);
        assert.equal(header("x-frame-options"), "DENY", what);
        assert.match(header("referrer-policy") ?? "", /^(no-referrer|same-origin)$/, what);
        assert.equal(header("cross-origin-opener-policy"), "same-origin", what);
        assert.equal(header("cross-origin-resource-policy"), "same-origin", what);
        assert.equal(header("strict-transport-security"), null, what);
        const policy = header("content-security-policy") ?? "";
        assert.match(policy, /frame-ancestors 'none'/, what);
        assert.match(policy, /base-uri 'none'/, what);
        assert.ok(!letsInlineScript(policy), `${what}: ${policy}`);
        if (header("content-type")?.startsWith("text/html")) {
          pages++;
          const html = await response.text();
          assert.doesNotMatch(html, /<script(?![^>]*\bsrc=)[^>]*>|\son\w+\s*=|javascript:/i, what);
        } else await response.body?.cancel();
        answers++;
      }
    }
  });
  assert.ok(pages >= 2, `${pages} pages`);
  tell("headers of answers", { answers, pages });
});

Deno.test("what an endpoint says of its own answers stands", async () => {
  await withLab(async ({ fetch }) => {
    const response = await fetch("/docs");
    assert.match(response.headers.get("content-security-policy")!, /script-src 'self'/);
    await response.body?.cancel();
  });
});

Deno.test("a policy that lets inline script run is seen by the check", () => {
  for (
    const policy of [
      "",
      "script-src 'self' 'unsafe-inline'",
      "default-src *",
      "script-src https:",
      "default-src 'none'; script-src 'unsafe-eval'",
    ]
  ) {
    assert.ok(letsInlineScript(policy), policy);
  }
});

Deno.test("a refused request has the same headers, by either way to an endpoint", async () => {
  await withLab(async ({ fetch }) => {
    for (const query of ["", "?source=x"]) {
      const response = await fetch(`/events${query}`, { method: "POST", body: "[]", headers: { origin: "https://evil.example" } });
      assert.equal(response.status, 403);
      for (const [name, value] of headersOfAll(false)) assert.equal(response.headers.get(name), value, name);
    }
  });
});

Deno.test("answers that are sent by the short way have the same headers, and tell browsers to stay with HTTPS where it is served", async () => {
  await withLab(async ({ service }) => {
    const app = makeApp({ ...service, front: { ...closedFront, headers: headersOfAll(true) } }, endpoints);
    for (const [path, method] of [["/events", "POST"], ["/health/live", "GET"], ["/none", "GET"]]) {
      const response = await app.fetch(new Request(`http://localhost${path}`, { method, body: method === "POST" ? "[]" : undefined }));
      for (const [name, value] of headersOfAll(true)) assert.equal(response.headers.get(name), value, `${path} ${name}`);
      await response.body?.cancel();
    }
  });
});
