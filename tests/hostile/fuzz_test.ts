// Requests made from the API's own description, good ones and bad ones, against a real server that asks for a token, and against one that
// asks for nothing. What always holds: none is answered with a 5xx, and each answer is one that the description has, in its status, media
// type, headers and schema; a server that asks for a token lets nobody in without one.
// Needs schemathesis, a Python program: fuzz_requirements.txt. Everyday runs leave it out; GUARDIAN_TEST_FUZZ_S says for how many seconds it
// goes on, and GUARDIAN_TEST_FUZZ_TOOL where its `st` is. What is not checked, and why, is in fuzz.toml.

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { guardian } from "../support/process.ts";
import { tell } from "../support/proof.ts";

const seconds = Number(Deno.env.get("GUARDIAN_TEST_FUZZ_S") ?? 0), tool = Deno.env.get("GUARDIAN_TEST_FUZZ_TOOL") ?? "st";
const seed = Number(Deno.env.get("GUARDIAN_TEST_SEED") ?? Math.floor(Math.random() * 1e9));
const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const TOKEN = `fuzz-${crypto.randomUUID()}-${crypto.randomUUID()}`, AUTHORIZATION = `Bearer ${TOKEN}`;
/** Beyond its time the tool shrinks what it found, and reports. */
const REPORT_S = 240;

/** A way into the server, and its share of the time. */
interface Door {
  readonly name: string;
  readonly env: Record<string, string>;
  readonly headers: Record<string, string>;
  readonly share: number;
}

const doors: readonly Door[] = [
  { name: "that asks for a token", env: { GUARDIAN_TOKEN: TOKEN }, headers: { Authorization: AUTHORIZATION }, share: 2 / 3 },
  { name: "that asks for nothing", env: {}, headers: {}, share: 1 / 3 },
];

/** A server with a bot, a purchase, a refused line and a counted day, so that most reads have something to show. */
async function filledServer(
  { env, headers: credential }: Door,
  data: string,
): Promise<{ url: string; child: Deno.ChildProcess; ended: Promise<string> }> {
  // Strangers are let ask as often as they like here: what is looked at is what they are told, and not for how long.
  const child = guardian(["serve", "--data", data, "--port", "0", "--rate-limit-stranger", "1000000"], { env }).spawn();
  const ended = new Response(child.stderr).text(), reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let said = "";
  while (!said.includes("\n")) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`The server ended before it listened: ${await ended}`);
    said += value;
  }
  void (async () => {
    while (!(await reader.read()).done);
  })();
  const url = /listening on (http:\S+)/.exec(said)![1];
  const start = Date.UTC(2014, 3, 7, 10);
  const events = [
    ...Array.from({ length: 120 }, (_, i) => ({ session_id: 11, timestamp: start + i * 50, item_id: i % 5, category: "S" })),
    ...Array.from({ length: 20 }, (_, i) => ({ session_id: 1000 + i, timestamp: start + 600_000, item_id: 7 })),
    { type: "purchase", session_id: 9, timestamp: start + 1000, item_id: 3, price: 5, quantity: 2 },
    { nonsense: true },
  ];
  const post = async (path: string, body: unknown) => {
    const headers = { ...credential, "Content-Type": "application/json" };
    const response = await fetch(url + path, { method: "POST", headers, body: JSON.stringify(body) });
    const answer = await response.text();
    assert.ok(response.ok, `${path}: ${response.status} ${answer}`);
  };
  try {
    await post("/events", events);
    await post("/jobs/summary/runs?wait=true", { date: "2014-04-07" });
  } catch (failure) {
    child.kill("SIGTERM");
    throw failure;
  }
  return { url, child, ended };
}

for (const door of doors) {
  Deno.test({
    name: `API answers as it is described when requests to a server ${door.name} are made from its description`,
    ignore: seconds === 0,
    fn: () => fuzz(door),
  });
}

async function fuzz(door: Door): Promise<void> {
  const { name, headers, share } = door, time = Math.ceil(seconds * share);
  console.log(`fuzz of a server ${name}: seed ${seed}, ${time} s`);
  const folder = await Deno.makeTempDir({ prefix: "guardian-fuzz-" });
  const { url, child, ended } = await filledServer(door, join(folder, "data")).catch(async (failure) => {
    await Deno.remove(folder, { recursive: true });
    throw failure;
  });
  try {
    const config = join(folder, "fuzz.toml"), own = await Deno.readTextFile(here("fuzz.toml"));
    await Deno.writeTextFile(config, own.replace("HOOKS", here("fuzz_hooks.py")));
    const described = await (await fetch(`${url}/openapi.json`, { headers })).json() as { paths: Record<string, Record<string, object>> };
    const operations = Object.values(described.paths).flatMap((path) => Object.values(path));
    // The description tells what is needed where anything is.
    if (!("Authorization" in headers)) { for (const operation of operations) Object.assign(operation, { security: [] }); }
    await Deno.writeTextFile(join(folder, "openapi.json"), JSON.stringify(described));
    const args = [
      ...["--config-file", config, "run", join(folder, "openapi.json"), "--url", url],
      ...Object.entries(headers).flatMap(([header, value]) => ["-H", `${header}: ${value}`]),
      ...["--max-time", String(time), "--seed", String(seed), "--continue-on-failure", "--no-color", "--request-timeout", "30"],
      ...["--suppress-health-check", "all", "--warnings", "off", "--generation-database", "none"],
      ...["--phases", "examples,coverage,fuzzing"],
    ];
    const signal = AbortSignal.timeout((time + REPORT_S) * 1000);
    const { code, stdout, stderr } = await new Deno.Command(tool, { args, cwd: folder, signal }).output();
    const report = new TextDecoder().decode(stdout);
    const health = await fetch(`${url}/health`, { headers });
    await health.text();
    assert.equal(code, 0, `seed ${seed}: ${report.slice(-20_000)}${new TextDecoder().decode(stderr).slice(-2000)}`);
    assert.equal(health.status, 200);
    const [, requests] = /(\d+) generated/.exec(report)!, [, tested] = /Tested: +(\d+)/.exec(report)!;
    assert.equal(Number(tested), operations.length - 1, "all operations but the feed are tested");
    console.log(`fuzz of a server ${name}: ${requests} requests to ${tested} operations, none answered wrongly`);
    tell(`fuzz of a server ${name}`, { seconds: time, operations: Number(tested), requests: Number(requests), failures: 0, seed });
  } finally {
    child.kill("SIGTERM");
    const { code } = await child.status, log = await ended;
    await Deno.remove(folder, { recursive: true });
    assert.equal(code, 0);
    assert.doesNotMatch(log, /request_failed/);
    assert.ok(!log.includes(TOKEN));
  }
}
