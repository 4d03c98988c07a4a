import assert from "node:assert/strict";
import { endpoints } from "../../routes/mod.ts";
import { kindOf } from "../../src/errors.ts";
import { smallBundle } from "../dashboard/small_bundle.ts";
import { clicks, closing, withLab } from "./lab.ts";

type Json = Record<string, unknown>;

const { default: document } = await (async () => {
  let text = "";
  await withLab(async ({ fetch }) => {
    text = await (await fetch("/openapi.json")).text();
  });
  return {
    default: JSON.parse(text) as { openapi: string; paths: Record<string, Record<string, Json>>; components: Record<string, Json> },
  };
})();

/** Every object within a value, with the way to it. */
function* objectsIn(value: unknown, path = ""): Generator<[string, Json]> {
  if (typeof value !== "object" || value === null) return;
  yield [path, value as Json];
  for (const [name, inner] of Object.entries(value)) yield* objectsIn(inner, `${path}/${name}`);
}

Deno.test("OpenAPI describes every route, and no other", () => {
  const described = Object.entries(document.paths).flatMap(([path, item]) => Object.keys(item).map((method) => `${method} ${path}`));
  assert.deepEqual(described.sort(), endpoints.map(({ method, path }) => `${method} ${path}`).sort());
  assert.equal(document.openapi, "3.1.0");
});

Deno.test("OpenAPI describes every operation, parameter, answer and problem", () => {
  const ids = new Set<unknown>();
  for (const { method, path, problems } of endpoints) {
    const operation = document.paths[path][method];
    const where = `${method} ${path}`;
    assert.ok(operation.summary && operation.description && operation.operationId, where);
    assert.ok(!ids.has(operation.operationId), where);
    ids.add(operation.operationId);
    const parameters = (operation.parameters ?? []) as { name: string; in: string; description?: string; schema: Json }[];
    for (const parameter of parameters) {
      assert.ok(parameter.description || parameter.schema.description, `${where} ${parameter.name}`);
      if (parameter.name !== "cursor") assert.ok(parameter.schema.example !== undefined, `${where} ${parameter.name} has no example`);
    }
    const named = [...path.matchAll(/\{(.+?)\}/g)].map(([, name]) => name);
    assert.deepEqual(parameters.filter((parameter) => parameter.in === "path").map(({ name }) => name), named, where);
    const responses = operation.responses as Record<string, { description: string; content?: Record<string, { examples?: Json }> }>;
    for (const [status, { description }] of Object.entries(responses)) assert.ok(description, `${where} ${status}`);
    for (const code of problems) {
      const told = responses[kindOf(code).status]?.content?.["application/problem+json"]?.examples;
      assert.ok(told && code in told, `${where} ${code}`);
    }
  }
});

Deno.test("OpenAPI tells who is let in, and what an answer says of tokens and limits", () => {
  for (const { method, path, needs } of endpoints) {
    const { security, responses } = document.paths[path][method] as {
      security: Record<string, string[]>[];
      responses: Record<string, { headers?: Json }>;
    };
    const where = `${method} ${path}`, headersOf = (status: string) => Object.keys(responses[status].headers ?? {});
    const named = security.flatMap((some) => Object.values(some).flat());
    assert.deepEqual([...new Set(named)], needs === "nothing" ? [] : [needs], where);
    for (const name of ["RateLimit", "RateLimit-Policy", "Retry-After"]) assert.ok(headersOf("429").includes(name), `${where} ${name}`);
    if (needs !== "nothing") assert.deepEqual([headersOf("401"), "403" in responses], [["WWW-Authenticate"], true], where);
    assert.equal("408" in responses, "413" in responses, `${where} reads a body, and may have to wait for it`);
    const taken = Object.keys(responses).filter((status) => status < "400" && status !== "304");
    for (const status of taken) assert.ok(headersOf(status).includes("RateLimit"), `${where} ${status}`);
  }
});

Deno.test("OpenAPI says of each order that it has no other members, as they are refused", () => {
  const orders = endpoints.filter(({ method, path }) => method === "post" && path !== "/events").flatMap(({ path }) => {
    const { requestBody } = document.paths[path].post as { requestBody?: { content: Record<string, { schema: Json }> } };
    const schema = requestBody?.content["application/json"].schema;
    if (schema === undefined) return [];
    const name = String(schema.$ref ?? "").split("/").at(-1)!, schemas = document.components.schemas as Record<string, Json>;
    assert.equal((schemas[name] ?? schema).additionalProperties, false, path);
    return [path];
  });
  assert.ok(orders.length >= 7, orders.join());
});

Deno.test("a body that OpenAPI requires is missed where it is not sent, also on a server that asks for nothing", async () => {
  const missed: string[] = [];
  await withLab(async ({ fetch }) => {
    for (const { path, config } of endpoints) {
      if (config.request?.body?.required !== true) continue;
      const asked = path.replace("{source}", "a".repeat(64)).replace(/\{[^{}]+\}/g, "summary");
      const response = await fetch(asked, { method: "POST" });
      assert.equal(response.status, 400, `${path}: ${await response.text()}`);
      missed.push(path);
    }
  });
  assert.ok(missed.includes("/session") && missed.includes("/events"), missed.join());
});

Deno.test("OpenAPI refers to what is there", () => {
  for (const [path, { $ref }] of objectsIn(document)) {
    if (typeof $ref !== "string") continue;
    const target = $ref.replace("#/", "").split("/").reduce<unknown>((at, name) => (at as Json | undefined)?.[name], document);
    assert.ok(target, `${path} refers to ${$ref}`);
  }
});

Deno.test("answers are as their schemas say", async () => {
  await using bundle = await smallBundle();
  await withLab(async (lab) => {
    await lab.post(clicks("bot", 120, undefined, 50).map((click) => ({ ...click, category: "S" })));
    await lab.post(closing());
    await lab.post([...clicks("late", 1), { nonsense: true }]);
    const lately = Math.floor(Date.now() / 10_000) * 10_000 - 120_000; // for the blocklist
    await lab.post([...clicks("fresh bot", 60, lately), ...closing(lately + 90_000)]);
    await lab.guardian.archiver.flush();
    await lab.guardian.caughtUp();
    await lab.service.days.runDay("2014-04-07");
    const source = "cd".repeat(32);
    await lab.post(clicks(1, 2), {}, `?source=${source}&row=0`);
    await lab.guardian.intake.checkpoint();
    const bodies: Record<string, string> = {
      "/tokens": JSON.stringify({ name: "new", scopes: ["ingest"] }),
      "/session": JSON.stringify({ token: "any" }),
      "/events": JSON.stringify([...clicks(1, 2), {}]),
      "/jobs/{job}/runs": JSON.stringify({ date: "2014-04-07" }),
      "/sessions/{session_id}/feedback": JSON.stringify({ verdict: "bot" }),
      "/sources/{source}/dead_letters": JSON.stringify({ name: "f", rejects: [] }),
    };
    const queries: Record<string, string> = { "/sources/{source}/shift": "?last_event_time=1411992000000" };
    const { token: { prefix } } = await lab.guardian.tokens.create({ name: "t", scopes: ["read"], origins: null, expiresAt: null });
    for (const { method, path, answers } of endpoints) {
      const named: Record<string, string> = {
        source,
        session_id: "bot",
        date: "2014-04-07",
        job: "summary",
        table: "anomalies",
        file: "docs.js",
        page: "anomalies",
        prefix,
        asset: bundle.named("main.js"),
      };
      const place = path.replace(/\{(.+?)\}/, (_, name) => named[name]) + (queries[path] ?? "");
      const response = await lab.fetch(place, { method: method.toUpperCase(), body: method === "post" ? bodies[path] ?? "{}" : undefined });
      const type = response.headers.get("content-type")?.split(";")[0];
      const answer = answers[response.status]?.find(({ mediaType = "application/json" }) => mediaType === type);
      assert.ok(answer, `${method} ${path} answered ${response.status} ${type}`);
      const body = type === "application/json"
        ? await response.json()
        : type === "text/event-stream"
        ? await firstOf(response.body!)
        : await response.text();
      const result = answer.schema!.safeParse(body);
      assert.ok(result.success, `${method} ${path}: ${result.error?.message}`);
      if (Array.isArray(body)) assert.ok(body.length > 0, `${path} has something to show`);
    }
  }, bundle);
});

/** The beginning of a stream that has no end. */
async function firstOf(body: ReadableStream<Uint8Array>): Promise<string> {
  const reader = body.getReader();
  const { value } = await reader.read();
  await reader.cancel();
  return new TextDecoder().decode(value);
}

Deno.test("examples are as their schemas say", () => {
  for (const { path, answers } of endpoints) {
    for (const { schema, example } of Object.values(answers).flat()) {
      if (example !== undefined) assert.ok(schema!.safeParse(example).success, path);
    }
  }
});
