// What is secret, looked for wherever the product writes or tells: its log at the most talkative level, every answer, the list of processes,
// the data folder, a backup, an export. It is looked for as it is, and as base64, base64url and hex of its bytes.
// A secret that is found where it belongs, as in the answer that makes a token, shows that looking would find it.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { endpoints } from "../../routes/mod.ts";
import { exportTables } from "../../src/web/table_export.ts";
import { guardian, type Output } from "../support/process.ts";
import { tell } from "../support/proof.ts";

/** Bytes of a secret that make a finding: whatever shows this much of it shows too much. */
const TELLING_BYTES = 24;
const encoder = new TextEncoder();

/** Ways in which a secret could stand somewhere: as it is, and as its bytes are written elsewhere. */
function formsOf(secret: string): Buffer[] {
  const forms = new Set<string>();
  for (const text of [secret, ...secret.startsWith("whsec_") ? [secret.slice("whsec_".length)] : []]) {
    const whole = Buffer.from(text);
    forms.add(text).add(encodeURIComponent(text)).add(whole.toString("hex")).add(whole.toString("hex").toUpperCase());
    // In base64 a text looks different by its place within what was encoded.
    for (let skip = 0; skip < 3; skip++) {
      const part = whole.subarray((3 - skip) % 3), even = part.subarray(0, part.length - part.length % 3);
      forms.add(even.toString("base64")).add(even.toString("base64url"));
    }
  }
  return [...forms].filter((form) => form.length >= TELLING_BYTES).map((form) => Buffer.from(form));
}

/** Secrets by what they are; what was looked at is counted. */
class Secrets {
  readonly #forms = new Map<string, Buffer[]>();
  places = 0;
  bytes = 0;

  add(what: string, secret: string): void {
    assert.ok(secret.length >= TELLING_BYTES, what);
    this.#forms.set(what, formsOf(secret));
  }

  get count(): number {
    return this.#forms.size;
  }

  /** What is found in some bytes. */
  in(bytes: Uint8Array): string[] {
    const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    return [...this.#forms].filter(([, forms]) => forms.some((form) => whole.includes(form))).map(([what]) => what);
  }

  absent(where: string, content: string | Uint8Array): void {
    const bytes = typeof content === "string" ? encoder.encode(content) : content;
    assert.deepEqual(this.in(bytes), [], `secrets in ${where}`);
    this.places++;
    this.bytes += bytes.length;
  }

  async absentBelow(where: string, folder: string): Promise<void> {
    let files = 0;
    for await (const { path, bytes } of filesBelow(folder)) {
      this.absent(`${where}: ${path}`, bytes);
      files++;
    }
    assert.ok(files > 0, `${where} has files`);
  }
}

async function* filesBelow(folder: string): AsyncGenerator<{ path: string; bytes: Uint8Array }> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (isDirectory) yield* filesBelow(path);
    else yield { path, bytes: await Deno.readFile(path) };
  }
}

const random = (bytes: number) => Buffer.from(crypto.getRandomValues(new Uint8Array(bytes)));
const TOKEN = random(36).toString("base64url"), WEBHOOK_SECRET = `whsec_${random(32).toString("base64")}`;
const KEY = random(24).toString("hex"), GUESS = random(36).toString("base64url");
const env = { GUARDIAN_TOKEN: TOKEN, GUARDIAN_WEBHOOK_SECRET: WEBHOOK_SECRET };

interface Running {
  readonly url: string;
  readonly pid: number;
  readonly end: () => Promise<Output>;
}

/** A server that tells all it has to tell, with a webhook that nobody takes. */
async function start(data: string): Promise<Running> {
  const args = ["serve", "--data", data, "--port", "0", "--log-level", "debug", "--webhook-url", "http://127.0.0.1:9/hook"];
  const child = guardian(args, { env }).spawn();
  const stderr = new Response(child.stderr).text(), reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let stdout = "";
  const more = async () => {
    const { value, done } = await reader.read();
    stdout += value ?? "";
    return !done;
  };
  while (!stdout.includes("\n") && await more());
  const url = /listening on (http:\S+)/.exec(stdout)?.[1];
  if (url === undefined) throw new Error(`The server ended before it listened: ${await stderr}`);
  const end = async () => {
    child.kill("SIGTERM");
    while (await more());
    const { code } = await child.status;
    return { code, stdout, stderr: await stderr };
  };
  return { url, pid: child.pid, end };
}

async function command(...args: string[]): Promise<Output> {
  const { code, stdout, stderr } = await guardian(args, { env }).output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

Deno.test("no secret is told anywhere when everything is asked, refused, logged, backed up and exported", async () => {
  const folder = await Deno.makeTempDir({ prefix: "guardian-secrets-" }), data = join(folder, "data");
  const secrets = new Secrets();
  for (const [what, secret] of Object.entries({ TOKEN, WEBHOOK_SECRET, KEY, GUESS })) secrets.add(what, secret);
  for (const form of formsOf(TOKEN)) {
    assert.deepEqual(secrets.in(Buffer.concat([Buffer.from("x"), form])), ["TOKEN"], "what is there is found");
  }
  let server: Running | null = await start(data);
  try {
    const { url, pid } = server, bearer = { Authorization: `Bearer ${TOKEN}` };
    const say = async (path: string, init: RequestInit = {}) => {
      const response = await fetch(url + path, { ...init, redirect: "manual" });
      const told = [...response.headers].map((pair) => pair.join(": ")).join("\n");
      return { status: response.status, headers: told, body: new Uint8Array(await response.arrayBuffer()) };
    };
    const look = async (path: string, init: RequestInit = {}) => {
      const { status, headers, body } = await say(path, init);
      secrets.absent(`${path} (headers)`, headers);
      secrets.absent(path, body);
      return status;
    };
    await made(secrets, say, bearer);

    // A bot and a refused line, with a key; then the same key with another body, and a body that nobody can read.
    const start = Math.floor(Date.now() / 10_000) * 10_000 - 600_000, keyed = { ...bearer, "Idempotency-Key": KEY };
    const clicks = Array.from({ length: 60 }, (_, i) => ({ session_id: "bot", timestamp: start + i * 20, item_id: 7 }));
    const later = Array.from({ length: 20 }, (_, i) => ({ session_id: i, timestamp: start + 300_000, item_id: 7 }));
    const post = (headers: Record<string, string>, body: string) => look("/events", { method: "POST", headers, body });
    assert.equal(await post(keyed, JSON.stringify([...clicks, ...later, { nonsense: true }])), 202);
    assert.equal(await post(keyed, JSON.stringify(later)), 422);
    assert.equal(await post({ ...bearer, "Content-Encoding": "gzip" }, "x"), 400);

    // Everything is asked with the token, with a wrong one, with the right one in the wrong place, and with none.
    const named: Record<string, string> = { session_id: "bot", date: "2014-04-07", job: "summary", table: "anomalies", file: "docs.js" };
    for (const { method, path } of endpoints.filter(({ path }) => path !== "/live")) {
      const place = path.replaceAll(/\{(.+?)\}/g, (_, name) => named[name] ?? "ab".repeat(32)), body = method === "get" ? undefined : "{";
      const ways = [bearer, { Authorization: `Bearer ${GUESS}` }, { Authorization: `Basic ${btoa(`:${TOKEN}`)}` }, {
        Cookie: `token=${TOKEN}`,
      }, {}];
      for (const headers of ways) await look(place, { method: method.toUpperCase(), headers: headers as Record<string, string>, body });
    }
    for (const table of exportTables) await look(`/export/${table}?format=csv`, { headers: bearer });
    assert.equal(await look("/nowhere", { headers: bearer }), 404);
    for (const file of ["cmdline", "comm", "stat", "status"]) {
      secrets.absent(
        `/proc/PID/${file}`,
        await new Deno.Command("cat", { args: [`/proc/${pid}/${file}`] }).output().then(({ stdout }) => stdout),
      );
    }
    const ps = await new Deno.Command("ps", { args: ["-eo", "pid,comm,args"] }).output();
    secrets.absent("the list of processes", ps.stdout);

    const backup = await command("backup", join(folder, "backup"), "--data", data);
    assert.equal(backup.code, 0, backup.stderr);
    const out = await server.end();
    server = null;
    assert.equal(out.code, 0, out.stderr);
    assert.match(out.stderr, /"level":"info"/, "the log has something in it");
    secrets.absent("the log", out.stderr);
    secrets.absent("stdout", out.stdout);
    for (
      const args of [["doctor"], ["--help"], ["serve", "--help"], ["export", "anomalies", "--out", "-"], ["serve", "--host", ""], ["serv"]]
    ) {
      const { stdout, stderr } = await command(...args, ...args.includes("--help") || args[0] === "serv" ? [] : ["--data", data]);
      secrets.absent(args.join(" "), stdout + stderr);
    }
    await secrets.absentBelow("the data folder", data);
    await secrets.absentBelow("the backup", join(folder, "backup"));
    tell("secrets", { secrets: secrets.count, places_looked_at: secrets.places, bytes_looked_at: secrets.bytes, found: 0 });
  } finally {
    await server?.end();
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a secret that is refused is not repeated when the setting is wrong", async () => {
  const short = "short-but-secret-token-of-28", wrong = `whsec_${"!".repeat(30)}`;
  for (const env of [{ GUARDIAN_TOKEN: short }, { GUARDIAN_WEBHOOK_SECRET: wrong }] as Record<string, string>[]) {
    const { code, stdout, stderr } = await guardian(["serve", "--data", "/nowhere/at/all", "--port", "0"], { env }).output();
    const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    assert.equal(code, 78, said);
    for (const secret of Object.values(env)) assert.ok(!said.includes(secret), said);
  }
});

type Say = (path: string, init?: RequestInit) => Promise<{ status: number; headers: string; body: Uint8Array }>;

/** Makes a token and a page key, and signs in: what is secret of them is told once, in the answer that makes it. */
async function made(secrets: Secrets, say: Say, bearer: Record<string, string>): Promise<void> {
  const json = { ...bearer, "Content-Type": "application/json" }, has = (path: string) => endpoints.some((each) => each.path === path);
  const orders = [{ name: "reader", scopes: ["read"] }, { name: "shop page", scopes: ["ingest"], origins: ["https://shop.example"] }];
  for (const order of has("/tokens") ? orders : []) {
    const { status, body } = await say("/tokens", { method: "POST", headers: json, body: JSON.stringify(order) });
    const told = new TextDecoder().decode(body), text = /"(cgp?_[a-z2-7]{8}_[A-Za-z0-9_-]{43})"/.exec(told)?.[1];
    assert.ok(text !== undefined, `${status} ${told}`);
    secrets.add(order.name, text);
    secrets.add(`${order.name}, without its prefix`, text.split("_").slice(2).join("_"));
    assert.ok(secrets.in(body).includes(order.name));
  }
  if (!has("/session")) return;
  const signedIn = await say("/session", { method: "POST", headers: json, body: JSON.stringify({ token: TOKEN }) });
  const told = new TextDecoder().decode(signedIn.body), cookie = /set-cookie: [^=]+=([^;\n]+)/i.exec(signedIn.headers)?.[1];
  assert.ok(cookie !== undefined, `${signedIn.status} ${told}`);
  secrets.add("session", cookie);
  const csrf = /"csrf(?:_token)?":"([^"]+)"/.exec(told)?.[1];
  assert.ok(csrf !== undefined, told);
  secrets.add("csrf", csrf);
}
