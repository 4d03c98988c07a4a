import assert from "node:assert/strict";
import { environmentName, fileName, flagName, loadSettings, type SettingName, settings } from "../../src/config.ts";
import { GuardianError } from "../../src/errors.ts";

function load(flags: Record<string, string>, environment: Record<string, string>, file?: string) {
  const readFile = (path: string) => {
    if (file === undefined) throw new Deno.errors.NotFound(`no ${path}`);
    return file;
  };
  return loadSettings({ flags, environment, readFile });
}

function refused(run: () => unknown): string {
  let thrown: unknown;
  try {
    run();
  } catch (caught) {
    thrown = caught;
  }
  assert.ok(thrown instanceof GuardianError, "it was taken");
  assert.deepEqual([thrown.code, thrown.kind.exit], ["invalid_setting", 78]);
  return thrown.message;
}

Deno.test("settings have their defaults, and each has a description and fits its own check", () => {
  const loaded = load({}, {});
  for (const [name, setting] of Object.entries(settings)) {
    assert.equal(loaded[name as SettingName], setting.default, name);
    assert.ok(setting.description.length > 10 && setting.schema.safeParse(setting.default).success, name);
  }
});

Deno.test("a flag wins over the environment, that over the file", () => {
  const file = JSON.stringify({ port: 1, future_hours: 1, log_keep_mib: 1 });
  const environment = { GUARDIAN_PORT: "2", GUARDIAN_FUTURE_HOURS: "2.5", PORT: "9", GUARDIAN_TEST_STREAMS: "5" };
  const { port, futureHours, logKeepMib } = load({ port: "3" }, environment, file);
  assert.deepEqual([port, futureHours, logKeepMib], [3, 2.5, 1]);
});

Deno.test("names of a setting come from the table", () => {
  assert.deepEqual([fileName("logKeepHours"), flagName("logKeepHours"), environmentName("logKeepHours")], [
    "log_keep_hours",
    "--log-keep-hours",
    "GUARDIAN_LOG_KEEP_HOURS",
  ]);
});

Deno.test("an unknown setting is refused with the nearest name", () => {
  assert.match(refused(() => load({}, { GUARDIAN_PROT: "1" })), /GUARDIAN_PROT.*did you mean "GUARDIAN_PORT"/);
  assert.match(refused(() => load({}, {}, '{"futur_hours": 1}')), /"futur_hours".*did you mean "future_hours"/);
  assert.match(refused(() => load({}, {}, '{"colour": 1}')), /known are data, host/);
});

Deno.test("a setting is held to its bounds", () => {
  for (const port of ["0", "65535"]) assert.equal(load({ port }, {}).port, Number(port));
  for (const port of ["-1", "65536", "1.5", "x", ""]) assert.match(refused(() => load({ port }, {})), /--port: it must be a whole number/);
  assert.match(refused(() => load({}, {}, '{"port": "80"}')), /"port" in/);
  for (const count of ["1", "64"]) assert.equal(load({ partitions: count }, {}).partitions, Number(count));
  for (const count of ["0", "65"]) refused(() => load({ partitions: count }, {}));
  assert.match(refused(() => load({ logLevel: "loud" }, {})), /one of debug, info, warn, error/);
  refused(() => load({ data: "" }, {}));
});

Deno.test("a token is never shown", () => {
  const token = "x".repeat(31);
  assert.doesNotMatch(refused(() => load({}, { GUARDIAN_TOKEN: token })), new RegExp(token));
  for (const length of [32, 33]) assert.equal(load({}, { GUARDIAN_TOKEN: "x".repeat(length) }).token?.length, length);
});

Deno.test("a file that cannot be read is refused, unless nobody asked for it", () => {
  assert.match(refused(() => load({ config: "gone.json" }, {})), /Cannot read the settings in "gone.json"/);
  assert.match(refused(() => load({}, { GUARDIAN_CONFIG: "gone.json" })), /gone.json/);
  assert.match(refused(() => load({}, {}, "{")), /one JSON object/);
  assert.match(refused(() => load({}, {}, "[]")), /no JSON object/);
});

Deno.test("lists come with commas, from the file as arrays too, and each of them is checked", () => {
  assert.deepEqual(load({ trustedProxies: "10.0.0.0/8, fd00::/8," }, {}).trustedProxies, ["10.0.0.0/8", "fd00::/8"]);
  assert.deepEqual(load({}, { GUARDIAN_CORS_ORIGINS: "https://a.example,http://b.example:8080" }).corsOrigins.length, 2);
  assert.deepEqual(load({}, {}, '{"cors_origins": ["https://a.example"]}').corsOrigins, ["https://a.example"]);
  assert.deepEqual(load({ trustedProxies: "" }, {}).trustedProxies, []);
  for (const list of ["*", "10.0.0.0/33", "10.0.0.0/8;10.1.0.0/16", "proxy"]) {
    assert.match(refused(() => load({ trustedProxies: list }, {})), /--trusted-proxies: it must be up to 256 addresses/);
  }
  for (
    const list of [
      "*",
      "null",
      "https://a.example/",
      "https://A.example",
      "a.example",
      "https://*.example",
      "file:///",
      "https://a.example:443",
    ]
  ) {
    assert.match(refused(() => load({ corsOrigins: list }, {})), /--cors-origins: it must be up to 64 origins/, list);
  }
  for (const [name, most, one] of [["trustedProxies", 256, "10.0.0.1"], ["corsOrigins", 64, "https://a.example"]] as const) {
    for (const count of [most - 1, most]) assert.equal(load({ [name]: Array(count).fill(one).join() }, {})[name].length, count);
    refused(() => load({ [name]: Array(most + 1).fill(one).join() }, {}));
  }
});

Deno.test("a webhook's URL has no user in it, and one that is refused is not repeated", () => {
  for (const url of ["https://shop.example/hooks/1?key=2", "http://127.0.0.1:9/", "http://intranet"]) {
    assert.equal(load({ webhookUrl: url }, {}).webhookUrl, url);
  }
  for (const url of ["https://me:hunter2@shop.example/", "https://me@shop.example/", "ftp://shop.example/", "shop.example", ""]) {
    const message = refused(() => load({ webhookUrl: url }, {}));
    assert.match(message, /--webhook-url: it must be an http or https URL without user and password/);
    assert.doesNotMatch(message, /hunter2|me@/);
  }
});

Deno.test("a webhook's secret is held to its form, and never shown", () => {
  const secret = (bytes: number) => `whsec_${btoa("x".repeat(bytes))}`;
  for (const bytes of [24, 64]) assert.equal(load({}, { GUARDIAN_WEBHOOK_SECRET: secret(bytes) }).webhookSecret, secret(bytes));
  for (const wrong of [secret(23), secret(65), secret(32).slice(6), "whsec_no base64 at all, is it"]) {
    const message = refused(() => load({}, { GUARDIAN_WEBHOOK_SECRET: wrong }));
    assert.match(message, /GUARDIAN_WEBHOOK_SECRET: it must be whsec_.*openssl rand -base64 32/);
    assert.ok(!message.includes(wrong));
  }
});
