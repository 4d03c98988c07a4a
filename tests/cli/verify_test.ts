// `verify` as people run it: over a folder that stands still and one that a server has, without and with --repair.

import assert from "node:assert/strict";
import { lastJson, run, serve } from "../support/process.ts";
import { copyOf, makeShop } from "../damage/shop_folder.ts";

interface Verified {
  readonly ok: boolean;
  readonly files: number;
  readonly rows: number;
  readonly results: number;
  readonly repaired: readonly { file: string | null; what: string }[];
  readonly findings: readonly { file: string | null; problem: string; mend: string }[];
}

/** A folder with damage of three kinds: a part cut short, one gone, and a result with another bit. */
async function damagedShop(): Promise<{ data: string; parts: string[]; result: string }> {
  const data = await makeShop(), lake = `${data}/lake`;
  const parts = filesBelow(lake, "raw_clicks").slice(0, 2), result = filesBelow(lake, "results/sessions")[0];
  await Deno.truncate(`${lake}/${parts[0]}`, 100);
  await Deno.remove(`${lake}/${parts[1]}`);
  const bytes = await Deno.readFile(`${lake}/${result}`);
  bytes[bytes.length >> 1] ^= 4;
  await Deno.writeFile(`${lake}/${result}`, bytes);
  return { data, parts, result };
}

function filesBelow(lake: string, folder: string): string[] {
  return [...Deno.readDirSync(`${lake}/${folder}`)].flatMap(({ name, isDirectory }) =>
    isDirectory ? filesBelow(lake, `${folder}/${name}`) : [`${folder}/${name}`]
  ).sort();
}

function assertPlain({ stdout, stderr }: { stdout: string; stderr: string }): void {
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(stdout + stderr, /[\x1b\r█░]/, "no bar in a pipe");
  assert.doesNotMatch(stdout, /undefined|\[object|\.\./);
}

Deno.test("verify names what is damaged, repairs it on request, and then finds nothing: alone, and by the server that has the folder", async () => {
  const { data, parts, result } = await damagedShop(), served = await copyOf(data), date = /dt=([\d-]+)/.exec(result)![1];
  const server = await serve(served);
  try {
    for (const folder of [data, served]) {
      const named = await run("verify", "--data", folder);
      assertPlain(named);
      assert.equal(named.code, 1, named.stderr);
      const lines = named.stdout.trimEnd().split("\n");
      assert.deepEqual(lines.length, 4, named.stdout);
      assert.match(
        lines[0],
        new RegExp(`^${parts[0]}: It has 100 bytes and is listed with \\d+\\. Run verify --repair: .+ from the log\\.$`),
      );
      assert.match(lines[1], new RegExp(`^${parts[1]}: It is listed and not there\\. Run verify --repair`));
      assert.match(lines[2], new RegExp(`^${result}: Its sha-256 is .+ listed as .+\\. Run that day again: jobs run ${date}\\.$`));
      assert.match(lines[3], /^3 findings in 20 files with 1,100 rows .+ \d+ files of day jobs, 1,100 offsets of the log, \d+ values/);

      const mended = await run("verify", "--data", folder, "--repair");
      assertPlain(mended);
      assert.equal(mended.code, 1, "the result is made anew by its job alone");
      assert.equal(mended.stdout.match(/: Rebuilt from the log as raw_clicks\/\S+\.parquet with \d+ rows/g)?.length, 2, mended.stdout);
      assert.match(mended.stdout, /\n2 repairs, and 1 finding in 20 files with 1,100 rows/);

      assert.equal((await run("jobs", "run", date, "--data", folder)).code, 0);
      const clean = await run("verify", "--data", folder, "--json");
      assert.equal(clean.stdout.trimEnd().split("\n").length, 1);
      assertPlain(clean);
      const { ok, files, rows, results, repaired, findings } = lastJson<Verified>(clean);
      assert.deepEqual([clean.code, ok, files, rows, repaired, findings], [0, true, 20, 1100, [], []]);
      assert.ok(results > 0);
    }
    assert.equal((await (await fetch(`${server.url}/health`)).json()).status, "ok", "what was mended is no longer told");
  } finally {
    await server.end("SIGTERM");
    for (const folder of [data, served]) await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("verify of a server tells how far it is, a line each, and at last what it found", async () => {
  const { data, parts } = await damagedShop(), server = await serve(data);
  try {
    const answer = await fetch(`${server.url}/verify?repair=true&progress=true`, { method: "POST" });
    assert.equal(answer.status, 200);
    const lines = (await answer.text()).trimEnd().split("\n").map((line) => JSON.parse(line));
    const { type, ok, repaired, findings } = lines.pop();
    assert.deepEqual([type, ok, repaired.map(({ file }: { file: string }) => file), findings.length], ["done", false, parts, 1]);
    assert.ok(lines.length > 0 && lines.every(({ type, done, of }) => type === "progress" && done <= of), JSON.stringify(lines));
    const health = await (await fetch(`${server.url}/health`)).json();
    assert.equal(health.status, "degraded", "what is left is told");
    const refused = await fetch(`${server.url}/verify?repair=maybe`, { method: "POST" });
    assert.equal(refused.status, 400);
    await refused.body?.cancel();
  } finally {
    await server.end("SIGTERM");
    await Deno.remove(data, { recursive: true });
  }
});

Deno.test("verify says of a part that cannot be rebuilt why, and what to do", async () => {
  const data = await makeShop();
  try {
    const [first] = filesBelow(`${data}/lake`, "raw_clicks"), path = `${data}/lake/${first}`;
    await Deno.truncate(path, 100);
    await loseLog(data);
    const { code, stdout } = await run("verify", "--data", data, "--repair");
    assert.equal(code, 1);
    assert.match(stdout, new RegExp(`${first}: It has 100 bytes.+It was not rebuilt: .+backup`), stdout);
    assert.equal((await Deno.stat(path)).size, 100, "it stays where it is");
  } finally {
    await Deno.remove(data, { recursive: true });
  }
});

/** Damages every batch of the log. */
async function loseLog(data: string): Promise<void> {
  using kv = await Deno.openKv(`${data}/log.kv`);
  for await (const { key, value } of kv.list<Uint8Array>({ prefix: ["log"] })) {
    const harmed = value.slice();
    harmed[harmed.length >> 1] ^= 1;
    await kv.set(key, harmed);
  }
}
