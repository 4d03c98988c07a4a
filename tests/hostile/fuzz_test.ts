// Requests made from the API's own description, good ones and bad ones, against a real server that asks for a token. What always holds: none
// is answered with a 5xx, and each answer is one that the description has, in its status, media type, headers and schema.
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

/** A server with a bot, a purchase, a refused line and a counted day, so that most reads have something to show. */
async function filledServer(data: string): Promise<{ url: string; child: Deno.ChildProcess; ended: Promise<string> }> {
  // Strangers are let ask as often as they like here: what is looked at is what they are told, and not for how long.
  const child = guardian(["serve", "--data", data, "--port", "0", "--rate-limit-stranger", "1000000"], { env: { GUARDIAN_TOKEN: TOKEN } })
    .spawn();
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
    const headers = { "Authorization": AUTHORIZATION, "Content-Type": "application/json" };
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

Deno.test({
  name: "API answers as it is described when requests are made from its description",
  ignore: seconds === 0,
  async fn() {
    console.log(`fuzz of the API: seed ${seed}, ${seconds} s`);
    const folder = await Deno.makeTempDir({ prefix: "guardian-fuzz-" });
    const { url, child, ended } = await filledServer(join(folder, "data"));
    try {
      const config = join(folder, "fuzz.toml");
      await Deno.writeTextFile(config, (await Deno.readTextFile(here("fuzz.toml"))).replace("HOOKS", here("fuzz_hooks.py")));
      const described = await (await fetch(`${url}/openapi.json`, { headers: { Authorization: AUTHORIZATION } })).text();
      await Deno.writeTextFile(join(folder, "openapi.json"), described);
      const args = [
        ...["--config-file", config, "run", join(folder, "openapi.json"), "--url", url, "-H", `Authorization: ${AUTHORIZATION}`],
        ...["--max-time", String(seconds), "--seed", String(seed), "--continue-on-failure", "--no-color", "--request-timeout", "30"],
        ...[
          "--suppress-health-check",
          "all",
          "--warnings",
          "off",
          "--generation-database",
          "none",
          "--phases",
          "examples,coverage,fuzzing",
        ],
      ];
      const signal = AbortSignal.timeout((seconds + REPORT_S) * 1000);
      const { code, stdout, stderr } = await new Deno.Command(tool, { args, cwd: folder, signal }).output();
      const report = new TextDecoder().decode(stdout);
      const health = await fetch(`${url}/health`, { headers: { Authorization: AUTHORIZATION } });
      await health.text();
      assert.equal(code, 0, `seed ${seed}: ${report.slice(-20_000)}${new TextDecoder().decode(stderr).slice(-2000)}`);
      assert.equal(health.status, 200);
      const [, requests] = /(\d+) generated/.exec(report)!, [, tested] = /Tested: +(\d+)/.exec(report)!;
      const operations = Object.values(JSON.parse(described).paths as object).flatMap((path) => Object.keys(path)).length;
      assert.equal(Number(tested), operations - 1, "all operations but the feed are tested");
      tell("schema-driven fuzz", { seconds, operations: Number(tested), requests: Number(requests), failures: 0, seed });
    } finally {
      child.kill("SIGTERM");
      const { code } = await child.status, log = await ended;
      await Deno.remove(folder, { recursive: true });
      assert.equal(code, 0);
      assert.doesNotMatch(log, /request_failed/);
      assert.ok(!log.includes(TOKEN));
    }
  },
});
