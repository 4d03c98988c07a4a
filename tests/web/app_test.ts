import assert from "node:assert/strict";
import { openAccess } from "../../src/access/access.ts";
import { VERSION } from "../../src/version.ts";
import { assertProblem, withLab } from "./lab.ts";

const TOKEN = "0123456789abcdef0123456789abcdef";

Deno.test("API refuses what nobody reads, by name", async () => {
  await withLab(async ({ fetch }) => {
    const table: [path: string, method: string, status: number, code: string, says: RegExp][] = [
      ["/anomalies?limti=1", "GET", 400, "invalid_parameter", /"limti".*did you mean "limit"/],
      ["/stats?x=1", "GET", 400, "invalid_parameter", /"x".*takes none/],
      ["/anomalies?limit=1&limit=2", "GET", 400, "invalid_parameter", /"limit" twice/],
      ["/anomalies?limit=0", "GET", 400, "invalid_parameter", /"limit" as "0": it must be a whole number from 1 to 1000/],
      ["/anomalies?limit=1001", "GET", 400, "invalid_parameter", /1001/],
      ["/anomalies?limit=1e2", "GET", 400, "invalid_parameter", /1e2/],
      ["/anomalies?limit=", "GET", 400, "invalid_parameter", /as ""/],
      ["/anomalies?anomaly_type=BOT", "GET", 400, "invalid_parameter", /HIGH_FREQUENCY, BOT_LIKE/],
      ["/anomalies?status=any", "GET", 400, "invalid_parameter", /one of/],
      ["/anomalies?severity=worst", "GET", 400, "invalid_parameter", /one of low/],
      ["/anomalies?order=up", "GET", 400, "invalid_parameter", /window, detected/],
      ["/anomalies?since=yesterday", "GET", 400, "invalid_parameter", /time zone/],
      ["/anomalies?since=2014-04-07T10:00:00", "GET", 400, "invalid_parameter", /time zone/],
      ["/anomalies?since=2014-04-08T00:00:00Z&until=2014-04-07T00:00:00Z", "GET", 400, "invalid_parameter", /earlier/],
      ["/anomalies?cursor=abc", "GET", 400, "invalid_parameter", /cursor/],
      ["/anomalies?session_id=", "GET", 400, "invalid_parameter", /empty/],
      ["/anomalies?format=ndjson&limit=3", "GET", 400, "invalid_parameter", /"limit" with format=ndjson/],
      ["/anomalies/timeline?hours=0", "GET", 400, "invalid_parameter", /1 to 744/],
      ["/anomalies/timeline?hours=745", "GET", 400, "invalid_parameter", /1 to 744/],
      ["/anomalies/none", "GET", 404, "not_found", /session "none"/],
      ["/dead_letters?code=bad", "GET", 400, "invalid_parameter", /one of not_json/],
      ["/late_events?cursor=e30", "GET", 400, "invalid_parameter", /cursor/],
      ["/sources/xyz", "GET", 400, "invalid_parameter", /64 hex/],
      [`/sources/${"0".repeat(64)}`, "GET", 404, "not_found", /source/],
      ["/anomalis", "GET", 404, "not_found", /did you mean \/anomalies/],
      ["/nothing/at/all", "GET", 404, "not_found", /openapi/],
      ["/anomalies", "DELETE", 405, "method_not_allowed", /GET, HEAD/],
      ["/events", "GET", 405, "method_not_allowed", /POST/],
    ];
    for (const [path, method, status, code, says] of table) {
      const problem = await assertProblem(await fetch(path, { method }), status, code);
      assert.match(String(problem.detail), says, path);
    }
  });
});

Deno.test("API takes limits at their edges", async () => {
  await withLab(async ({ fetch }) => {
    for (const path of ["/anomalies?limit=1", "/anomalies?limit=1000", "/anomalies/timeline?hours=1", "/anomalies/timeline?hours=744"]) {
      const response = await fetch(path);
      assert.equal(response.status, 200, path);
      await response.body?.cancel();
    }
  });
});

Deno.test("API says what it is, to programs and to browsers", async () => {
  await withLab(async ({ fetch }) => {
    assert.deepEqual(await (await fetch("/")).json(), {
      message: "Clickstream Guardian names bots in a stream of clicks",
      version: VERSION,
      docs: "/docs",
      redoc: "/redoc",
    });
    const browser = { Accept: "text/html,application/xhtml+xml,*/*;q=0.8" };
    const led = await fetch("/", { headers: browser });
    assert.deepEqual([led.status, led.headers.get("location"), led.headers.get("vary")], [302, "/dashboard", "Accept"]);
    for (const path of ["/docs", "/redoc"]) {
      const page = await fetch(path, { headers: browser });
      assert.equal(page.headers.get("content-type"), "text/html; charset=utf-8", path);
      assert.match(page.headers.get("content-security-policy") ?? "", /default-src 'none'/);
      assert.match(await page.text(), /<(h1|title)>Clickstream Guardian/);
    }
    const head = await fetch("/stats", { method: "HEAD" });
    assert.deepEqual([head.status, await head.text(), head.headers.get("x-content-type-options")], [200, "", "nosniff"]);
  });
});

Deno.test("API is healthy, live and ready until it shuts down", async () => {
  await withLab(async ({ fetch, service }) => {
    const health = await (await fetch("/health")).json();
    assert.deepEqual([health.status, health.database, health.version], ["ok", "ok", VERSION]);
    assert.equal((await fetch("/health/ready")).status, 200);
    service.draining = true;
    const refused = await fetch("/stats");
    assert.equal(refused.headers.get("retry-after"), "5");
    await assertProblem(refused, 503, "shutting_down");
    assert.deepEqual((await (await fetch("/health")).json()).status, "stopping");
    assert.equal((await fetch("/health/ready")).status, 503);
    assert.equal((await fetch("/health/live")).status, 200);
  });
});

Deno.test("API asks for the token everywhere but for /health/live", async () => {
  await withLab(async ({ fetch }) => {
    for (const path of ["/", "/health", "/health/ready", "/stats", "/openapi.json", "/nothing"]) {
      const refused = await fetch(path);
      assert.match(refused.headers.get("www-authenticate") ?? "", /^Bearer/);
      await assertProblem(refused, 401, "unauthorized");
    }
    assert.equal((await fetch("/health/live")).status, 200);
    assert.equal((await fetch("/stats", { headers: { Authorization: `Bearer ${TOKEN}` } })).status, 200);
  }, { access: openAccess({ token: TOKEN, host: "0.0.0.0" }) });
});

Deno.test("API tells nothing of what is inside when something goes wrong there", async () => {
  await withLab(async ({ fetch, guardian, lines }) => {
    guardian.stats = () => Promise.reject(new Error("secret place"));
    const problem = await assertProblem(await fetch("/stats"), 500, "internal");
    assert.doesNotMatch(JSON.stringify(problem), /secret/);
    const line = lines.find(({ event }) => event === "request_failed");
    assert.equal(problem.instance, `urn:uuid:${line?.fields.request_id}`);
    assert.equal(line?.fields.reason, "secret place");
  });
});
