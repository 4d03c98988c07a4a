import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { fileURLToPath } from "node:url";
import { GuardianError } from "../../src/errors.ts";
import { checkCertificate } from "../../src/cli/doctor.ts";
import { isPlainForOthers, readTls, type Tls } from "../../src/cli/tls.ts";
import { run, serve } from "../support/process.ts";

/**
 * A certificate of localhost and 127.0.0.1 that is good for a hundred years, signed by itself; its key opens nothing anywhere. Both made by
 * openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500 -subj /CN=localhost
 *   -addext basicConstraints=critical,CA:FALSE -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout localhost.key -out localhost.crt
 */
const fileOf = (name: string) => fileURLToPath(new URL(`certificates/${name}`, import.meta.url));
const CERT = fileOf("localhost.crt"), KEY = fileOf("localhost.key");

async function refused(tlsCert: string | null, tlsKey: string | null): Promise<string> {
  const thrown = await readTls({ tlsCert, tlsKey }).then(() => null, (thrown) => thrown);
  assert.ok(thrown instanceof GuardianError && thrown.code === "invalid_setting", String(thrown));
  return thrown.message;
}

Deno.test("certificate and key are taken when they belong together", async () => {
  assert.equal(await readTls({ tlsCert: null, tlsKey: null }), null);
  const tls = await readTls({ tlsCert: CERT, tlsKey: KEY });
  assert.ok(tls !== null && tls.validUntil > Date.UTC(2100, 0, 1) && tls.cert.includes("BEGIN CERTIFICATE"));
});

Deno.test("certificate and key are refused with what is wrong, and without a word of the key", async () => {
  const folder = await Deno.makeTempDir({ prefix: "guardian-tls-" });
  try {
    const other = `${folder}/other.key`, rubbish = `${folder}/rubbish.key`, body = "c2VjcmV0IG9mIHRoZSBrZXk=";
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    await Deno.writeTextFile(other, privateKey.export({ type: "pkcs8", format: "pem" }) as string);
    await Deno.writeTextFile(rubbish, `-----BEGIN PRIVATE KEY-----\n${body}\n-----END PRIVATE KEY-----\n`);
    assert.match(await refused(CERT, null), /--tls-cert is set without --tls-key; name both, or neither/);
    assert.match(await refused(null, KEY), /--tls-key is set without --tls-cert/);
    assert.match(await refused(`${folder}/none`, KEY), /none" cannot be read/);
    assert.match(await refused(CERT, `${folder}/none`), /none" cannot be read/);
    assert.match(await refused(KEY, KEY), /localhost.key" holds no certificate/);
    assert.match(await refused(CERT, CERT), /localhost.crt" holds no private key/);
    assert.match(await refused(CERT, other), /does not belong to the certificate/);
    const message = await refused(CERT, rubbish);
    assert.match(message, /rubbish.key" holds no private key/);
    assert.doesNotMatch(message, new RegExp(body));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("doctor says when a certificate is about to end", () => {
  const now = Date.UTC(2026, 0, 1), clock = { now: () => now, monotonic: () => 0 }, fortnight = 14 * 86_400_000;
  for (const [left, ok] of [[fortnight + 1, true], [fortnight, true], [fortnight - 1, false], [-1, false]] as const) {
    assert.equal(checkCertificate(now + left, clock).ok, ok, String(left));
  }
});

Deno.test("server that others reach without HTTPS says so at its start, and no other one", async () => {
  const tls = {} as Tls, proxy = ["10.0.0.1"];
  for (
    const [host, trustedProxies, has, said] of [
      ["0.0.0.0", [], null, true],
      ["192.0.2.7", [], null, true],
      ["0.0.0.0", proxy, null, false],
      ["0.0.0.0", [], tls, false],
      ["127.0.0.1", [], null, false],
      ["::1", [], null, false],
    ] as const
  ) assert.equal(isPlainForOthers({ host, trustedProxies: [...trustedProxies] }, has), said, host);
  const data = await Deno.makeTempDir({ prefix: "guardian-tls-" });
  try {
    assert.equal((await run("tokens", "create", "--name", "admin", "--scope", "admin", "--data", data)).code, 0);
    const server = await serve(data, "--host", "0.0.0.0");
    await server.end("SIGTERM");
    assert.match(server.logged(), /"level":"warn","event":"plain_http".*--tls-cert and --tls-key/);
  } finally {
    await Deno.remove(data, { recursive: true });
  }
});

Deno.test("serve answers by HTTPS alone on its port, and commands of this machine still reach it", async () => {
  const data = await Deno.makeTempDir({ prefix: "guardian-tls-" });
  const client = Deno.createHttpClient({ caCerts: [await Deno.readTextFile(CERT)] });
  try {
    const server = await serve(data, "--tls-cert", CERT, "--tls-key", KEY);
    try {
      assert.match(server.url, /^https:\/\/127\.0\.0\.1:\d+$/);
      const response = await fetch(`${server.url}/health`, { client });
      assert.deepEqual([response.status, (await response.json()).status], [200, "ok"]);
      // Browsers would keep to it for every other server on this machine.
      assert.equal(response.headers.get("strict-transport-security"), null);
      const sent = await fetch(`${server.url}/events`, {
        client,
        method: "POST",
        body: '{"session_id":1,"timestamp":"2014-04-07T10:00:00Z","item_id":2}',
      });
      assert.equal((await sent.json()).accepted, 1);
      await assert.rejects(async () => await (await fetch(`${server.url.replace("https:", "http:")}/health`)).text(), TypeError);
      await assert.rejects(() => fetch(`${server.url}/health`), TypeError, "nobody has signed it");
      const listed = await run("anomalies", "--data", data, "--json");
      assert.equal(listed.code, 0, listed.stderr);
      const examined = await run("doctor", "--data", data, "--port", new URL(server.url).port, "--tls-cert", CERT, "--tls-key", KEY);
      assert.match(examined.stdout, /ok +tls +The certificate and its key fit, and are valid until 2\d{3}-/);
      assert.match(examined.stdout, /ok +port +\d+ is the one that the running server listens on/);
      assert.ok(examined.stdout.includes(`answers at ${server.url}`), examined.stdout);
      assert.match(examined.stdout, /ok +server +Version/);
    } finally {
      assert.equal(await server.end("SIGTERM"), 0);
    }
  } finally {
    client.close();
    await Deno.remove(data, { recursive: true });
  }
});

Deno.test("serve does not start with a certificate and no key", async () => {
  const { code, stderr } = await run("serve", "--port", "0", "--tls-cert", CERT);
  assert.deepEqual([code, /^Cannot serve HTTPS: --tls-cert is set without --tls-key/.test(stderr)], [78, true], stderr);
});
