import assert from "node:assert/strict";
import { join } from "node:path";
import { guardian, lastJson, type Output, run, serve } from "../support/process.ts";

const T0 = Date.UTC(2014, 3, 7, 10, 0, 0);

/** Clicks as a file: two bots, one of both kinds, among people; with `bad` lines in front. */
function clickFile(bad: readonly string[] = []): string {
  const rows: [number, number, number][] = [];
  for (let i = 0; i < 60; i++) rows.push([7, T0 + i * 100, i]);
  for (let i = 0; i < 120; i++) rows.push([8, T0 + 60_000 + i * 400, i % 3]);
  for (let i = 0; i < 200; i++) rows.push([100 + i % 20, T0 + i * 1000, i]);
  rows.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const lines = rows.map(([session, time, item]) => `${session},${new Date(time).toISOString()},${item},0`);
  return [lines[0], ...bad, ...lines.slice(1)].join("\n") + "\n";
}

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "guardian-cli-" });
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Checks that a command failed with this exit code and one sentence that matches. */
function assertRefused({ code, stdout, stderr }: Output, exit: number, says: RegExp): void {
  assert.equal(code, exit, stderr);
  assert.equal(stdout, "");
  assert.match(stderr, says);
  assert.match(stderr, /^Cannot [^\n]+\n$/);
}

interface Figures {
  events: number;
  accepted: number;
  rejected: number;
  duplicates: number;
  late: number;
  anomalies: Record<string, number>;
  seconds: number;
}

Deno.test("commands that cannot be read are refused in one sentence", async () => {
  assertRefused(await run("serv"), 2, /unknown command "serv"; did you mean serve\?/);
  assertRefused(await run("serve", "--prot", "1"), 2, /unknown option "--prot"; did you mean --port\?/);
  assertRefused(await run("replay"), 2, /no file is named/);
  assertRefused(await run("scan"), 2, /missing required argument "FILE"/);
  assertRefused(await run("anomalies", "--status", "some"), 2, /confirmed, provisional, retracted, all/);
  assertRefused(await run("replay", "x", "--replay-speed", "0"), 2, /--replay-speed/);
  assertRefused(await run("replay", "x", "--max-events", "-1"), 2, /--max-events/);
  assertRefused(await run("replay", "x", "--rebase", "then"), 2, /"then"/);
});

Deno.test("every command has a help, and there is a version", async () => {
  const { stdout, code } = await run("--help");
  assert.equal(code, 0);
  const commands = ["serve", "dev", "replay", "scan", "anomalies", "verify", "reset", "version"];
  for (const command of commands) assert.match(stdout, new RegExp(`^  ${command} `, "m"));
  for (const command of commands) assert.match((await run(command, "--help")).stdout, /^Usage: deno task start/);
  assert.match((await run("version")).stdout, /^\d+\.\d+\.\d+\n$/);
});

Deno.test("settings that are wrong are refused with exit code 78", async () => {
  await inFolder(async (folder) => {
    const config = join(folder, "guardian.json");
    assertRefused(await run("serve", "--config", config), 78, /Cannot read the settings/);
    await Deno.writeTextFile(config, "{port:");
    assertRefused(await run("serve", "--config", config), 78, /one JSON object/);
    await Deno.writeTextFile(config, '{"prot": 1}');
    assertRefused(await run("serve", "--config", config), 78, /did you mean "port"/);
    assertRefused(await run("serve", "--data", folder, "--port", "70000"), 78, /--port/);
    assertRefused(await run("serve", "--data", join(folder, "d"), "--host", "0.0.0.0"), 78, /GUARDIAN_TOKEN/);
  });
});

Deno.test("input that cannot be read is refused, and nothing is made", async () => {
  await inFolder(async (folder) => {
    const data = join(folder, "data");
    assertRefused(await run("replay", join(folder, "none.dat"), "--data", data), 66, /none\.dat/);
    assertRefused(await run("replay", folder, "--data", data), 66, /Cannot read/);
    assertRefused(await run("scan", folder), 66, /Cannot read/);
    await assert.rejects(Deno.stat(data));
    await Deno.writeTextFile(join(folder, "empty.dat"), "");
    const { code, stderr } = await run("scan", join(folder, "empty.dat"));
    assert.equal(code, 0);
    assert.match(stderr, /empty\.dat" has no lines/);
  });
});

Deno.test("folders that are not ours are left alone", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(join(folder, "letter.txt"), "dear");
    for (const command of [["reset", "--yes"], ["verify"], ["anomalies"]]) {
      assertRefused(await run(...command, "--data", folder), 73, /no data folder of this program/);
      assertRefused(await run(...command, "--data", join(folder, "none")), 73, /no data folder of this program/);
    }
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["letter.txt"]);
    await Deno.writeTextFile(join(folder, "format.json"), '{"format":99,"partitions":4}');
    assertRefused(await run("serve", "--port", "0", "--data", folder), 73, /newer program/);
  });
});

Deno.test("a replay finds the bots, the second one changes nothing, and reset leaves nothing", async () => {
  await inFolder(async (folder) => {
    const file = join(folder, "clicks.dat"), data = join(folder, "data");
    await Deno.writeTextFile(file, clickFile(["1,2", "9,never,3,0"]));
    const first = lastJson<Figures>(await run("replay", file, "--data", data, "--replay-speed", "max", "--json"));
    const found = { HIGH_FREQUENCY: 1, BOT_LIKE: 1 };
    assert.deepEqual({ ...first, seconds: 0 }, {
      events: 382,
      accepted: 380,
      rejected: 2,
      duplicates: 0,
      late: 0,
      anomalies: found,
      seconds: 0,
    });
    const listed = await run("anomalies", "--data", data, "--json");
    const second = lastJson<Figures>(await run("replay", file, "--data", data, "--json"));
    assert.deepEqual([second.accepted, second.duplicates, second.rejected, second.anomalies], [0, 380, 2, found]);
    assert.equal((await run("anomalies", "--data", data, "--json", "--status", "all")).stdout, listed.stdout);

    const scanned = await run("scan", file, "--json");
    const same = (lines: string) =>
      lines.trimEnd().split("\n").map((line) => {
        const { session_id, anomaly_type, window_start, click_count, unique_items, status, anomaly_id } = JSON.parse(line);
        return { session_id, anomaly_type, window_start, click_count, unique_items, status, anomaly_id };
      });
    assert.deepEqual(same(scanned.stdout), same(listed.stdout));
    assert.deepEqual(same(scanned.stdout).map(({ session_id }) => session_id), [7, 8]);
    assert.match(scanned.stderr, /clicks\.dat, line 2.*\n.*line 3[^\n]*\n382 events, 2 rejected; 2 anomalies/);

    const verified = lastJson<{ ok: boolean; rows: number }>(await run("verify", "--data", data, "--json"));
    assert.deepEqual([verified.ok, verified.rows], [true, 380]);
    assertRefused(await run("reset", "--data", data), 2, /--yes/);
    assert.deepEqual([(await run("reset", "--data", data, "--yes")).code, await exists(data)], [0, false]);
  });
});

Deno.test("a damaged lake is found by verify, with exit code 1", async () => {
  await inFolder(async (folder) => {
    const file = join(folder, "clicks.dat"), data = join(folder, "data");
    await Deno.writeTextFile(file, clickFile());
    lastJson(await run("replay", file, "--data", data, "--json"));
    const part = await firstParquet(join(data, "lake"));
    await Deno.writeFile(part, new Uint8Array(10));
    const { code, stdout } = await run("verify", "--data", data);
    assert.equal(code, 1);
    assert.match(stdout, /\.parquet: It has 10 bytes[^\n]*\n1 finding in/);
  });
});

Deno.test("a replay that stops early goes on where it stopped, and closes no window before its end", async () => {
  await inFolder(async (folder) => {
    const file = join(folder, "clicks.dat"), data = join(folder, "data");
    await Deno.writeTextFile(file, clickFile());
    const first = lastJson<Figures>(await run("replay", file, "--data", data, "--max-events", "300", "--rebase", "now", "--json"));
    assert.deepEqual([first.events, first.anomalies.BOT_LIKE], [300, 0]);
    const second = lastJson<Figures>(await run("replay", "--csv-path", file, "--data", data, "--rebase", "now", "--json"));
    assert.deepEqual([second.accepted, second.duplicates, second.anomalies], [80, 300, { HIGH_FREQUENCY: 1, BOT_LIKE: 1 }]);
    const [bot] = (await run("anomalies", "--data", data, "--json")).stdout.split("\n");
    assert.equal(JSON.parse(bot).window_start.slice(0, 10), new Date().toISOString().slice(0, 10));
  });
});

Deno.test("a server says where it listens, keeps its folder to itself, and stops in order", async () => {
  await inFolder(async (folder) => {
    const file = join(folder, "clicks.dat"), data = join(folder, "data");
    await Deno.writeTextFile(file, clickFile(["1,2"]));
    const server = await serve(data);
    try {
      const port = new URL(server.url).port;
      assertRefused(await run("serve", "--data", join(folder, "other"), "--port", port), 69, /port is taken/);
      assertRefused(await run("serve", "--data", data, "--port", "0"), 75, /has it/);
      assertRefused(await run("replay", file, "--data", data), 75, new RegExp(`--url ${server.url}`));
      assertRefused(await run("reset", "--data", data, "--yes"), 75, /has it/);
      const sent = lastJson<Figures>(await run("replay", file, "--url", server.url, "--json"));
      assert.deepEqual([sent.accepted, sent.rejected, sent.anomalies], [380, 1, { HIGH_FREQUENCY: 1, BOT_LIKE: 1 }]);
      const again = lastJson<Figures>(await run("replay", file, "--url", server.url, "--json"));
      assert.deepEqual([again.accepted, again.duplicates], [0, 380]);
      const lines = (await run("anomalies", "--data", data, "--json")).stdout.trimEnd().split("\n");
      assert.deepEqual(lines.map((line) => JSON.parse(line).anomaly_type), ["HIGH_FREQUENCY", "BOT_LIKE"]);
      assert.equal((await run("verify", "--data", data)).code, 0);
    } finally {
      assert.equal(await server.end("SIGTERM"), 0);
    }
    assert.equal((await run("verify", "--data", data)).code, 0);
    assertRefused(await run("replay", file, "--url", server.url), 69, /is it running/);
  });
});

Deno.test("a server with a token lets in who brings it, and commands that may read its folder", async () => {
  await inFolder(async (data) => {
    const token = "0123456789abcdef0123456789abcdef";
    const child = guardian(["serve", "--data", data, "--port", "0", "--host", "0.0.0.0"], { env: { GUARDIAN_TOKEN: token } }).spawn();
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const port = /:(\d+)\n$/.exec((await reader.read()).value ?? "")![1];
    const refused = await fetch(`http://127.0.0.1:${port}/stats`);
    assert.equal(refused.status, 401);
    await refused.body?.cancel();
    assert.equal((await run("anomalies", "--data", data)).code, 0);
    const made = await run("tokens", "create", "--name", "reports", "--scope", "read", "--data", data);
    assert.equal(made.code, 0, made.stderr);
    const asked = () => fetch(`http://127.0.0.1:${port}/stats`, { headers: { Authorization: `Bearer ${made.stdout.trim()}` } });
    const letIn = await asked();
    assert.equal(letIn.status, 200);
    await letIn.body?.cancel();
    assert.equal((await run("tokens", "revoke", made.stdout.slice(3, 11), "--data", data)).code, 0);
    const over = await asked();
    assert.equal(over.status, 401);
    await over.body?.cancel();
    const secret = join(data, "owner_secret");
    await Deno.rename(secret, `${secret}.away`);
    assertRefused(await run("anomalies", "--data", data), 77, /GUARDIAN_TOKEN/);
    const { code } = await guardian(["anomalies", "--data", data], { env: { GUARDIAN_TOKEN: token } }).output();
    assert.equal(code, 0);
    await Deno.rename(`${secret}.away`, secret);
    child.kill("SIGTERM");
    await reader.cancel();
    await child.stderr.cancel();
    assert.equal((await child.status).code, 0);
    await assert.rejects(Deno.stat(secret), Deno.errors.NotFound);
  });
});

Deno.test("tokens are made in a new folder, listed and revoked without a server, and let one start that others can reach", async () => {
  await inFolder(async (folder) => {
    const data = join(folder, "data"),
      made = await run("tokens", "create", "--name", "ops", "--scope", "read,ingest", "--expires", "90d", "--data", data, "--json");
    const { token, prefix, expires_at } = JSON.parse(made.stdout);
    assert.ok(Math.abs(Date.parse(expires_at) - Date.now() - 90 * 86_400_000) < 600_000);
    const listed = await run("tokens", "list", "--data", data);
    assert.match(listed.stdout, new RegExp(`^${prefix}  read,ingest .* not used yet  ops\n$`));
    assert.ok(!listed.stdout.includes(token));
    const child = guardian(["serve", "--data", data, "--port", "0", "--host", "0.0.0.0"]).spawn();
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const port = /:(\d+)\n$/.exec((await reader.read()).value ?? "")![1];
    const answer = await fetch(`http://127.0.0.1:${port}/stats`, { headers: { Authorization: `Bearer ${token}` } });
    assert.equal(answer.status, 200);
    await answer.body?.cancel();
    child.kill("SIGTERM");
    await reader.cancel();
    await child.stderr.cancel();
    assert.equal((await child.status).code, 0);
    assert.equal((await run("tokens", "revoke", prefix, "--data", data)).code, 0);
    assertRefused(await run("tokens", "revoke", prefix, "--data", data), 1, /there is none/);
    assertRefused(
      await run("serve", "--data", data, "--port", "0", "--host", "0.0.0.0", "--log-level", "error"),
      78,
      /tokens create .*GUARDIAN_TOKEN=/,
    );
    assertRefused(await run("tokens", "create", "--name", "x", "--scope", "read", "--expires", "soon", "--data", data), 2, /--expires/);
  });
});

Deno.test("a server that is told to stop finishes the request that it has", async () => {
  await inFolder(async (data) => {
    const server = await serve(data);
    const line = (i: number) => new TextEncoder().encode(`{"session_id":1,"timestamp":${T0 + i},"item_id":${i}}\n`);
    let rest: (() => void) | undefined;
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(line(0));
        rest = () => {
          controller.enqueue(line(1));
          controller.close();
        };
      },
    });
    const answer = fetch(`${server.url}/events`, { method: "POST", body });
    await new Promise((resolve) => setTimeout(resolve, 200));
    const ended = server.end("SIGTERM");
    await new Promise((resolve) => setTimeout(resolve, 200));
    const refused = await fetch(`${server.url}/stats`);
    assert.deepEqual([refused.status, (await refused.json()).code], [503, "shutting_down"]);
    rest!();
    const response = await answer;
    assert.deepEqual([response.status, (await response.json()).accepted], [202, 2]);
    assert.equal(await ended, 0);
  });
});

Deno.test("a server that is told to stop twice stops at once", async () => {
  await inFolder(async (data) => {
    const server = await serve(data);
    const body = new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode("{")) });
    const answer = fetch(`${server.url}/events`, { method: "POST", body }).then((response) => response.body?.cancel(), () => {});
    await new Promise((resolve) => setTimeout(resolve, 200));
    server.child.kill("SIGINT");
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.equal(await server.end("SIGINT"), 130);
    await answer;
  });
});

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

async function firstParquet(folder: string): Promise<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (name.startsWith(".")) continue;
    if (name.endsWith(".parquet")) return join(folder, name);
    if (isDirectory) return await firstParquet(join(folder, name));
  }
  throw new Error(`no Parquet in ${folder}`);
}

Deno.test("a replay into a server that is shifted to today goes on as the same source, and changes nothing the second time", async () => {
  await inFolder(async (folder) => {
    const file = join(folder, "clicks.dat"), data = join(folder, "data");
    await Deno.writeTextFile(file, clickFile());
    const server = await serve(data);
    try {
      const replay = (...args: string[]) => run("replay", file, "--url", server.url, "--rebase", "now", "--json", ...args);
      const first = lastJson<Figures>(await replay("--max-events", "300"));
      assert.deepEqual([first.accepted, first.anomalies.BOT_LIKE], [300, 0]);
      const second = lastJson<Figures>(await replay());
      assert.deepEqual([second.accepted, second.duplicates, second.anomalies], [80, 300, { HIGH_FREQUENCY: 1, BOT_LIKE: 1 }]);
      const third = lastJson<Figures>(await replay());
      assert.deepEqual([third.accepted, third.duplicates, third.anomalies], [0, 380, { HIGH_FREQUENCY: 1, BOT_LIKE: 1 }]);
    } finally {
      await server.end("SIGTERM");
    }
  });
});

Deno.test("a replay with made-up anomalies finds what its ledger lists", async () => {
  await inFolder(async (folder) => {
    const file = join(folder, "clicks.dat"), data = join(folder, "data"), ledger = join(folder, "ledger.ndjson");
    const lines = Array.from(
      { length: 2_000 },
      (_, i) => `${i % 400},${new Date(Date.UTC(2026, 2, 2) + i * 2_000).toISOString()},${i % 90},S\n`,
    );
    await Deno.writeTextFile(file, lines.join(""));
    const args = ["replay", file, "--data", data, "--anomaly-interval", "300", "--ledger", ledger, "--json"];
    const first = lastJson<Figures>(await run(...args));
    const listed = (await Deno.readTextFile(ledger)).trimEnd().split("\n").map((line) => JSON.parse(line));
    assert.ok(listed.length >= 10, `${listed.length} are listed`);
    const key = (record: { session_id: unknown; anomaly_type: string; window_start: string }) =>
      `${record.window_start} ${record.session_id} ${record.anomaly_type}`;
    const found = (await run("anomalies", "--data", data, "--json")).stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
    assert.deepEqual(found.map(key).sort(), listed.map(key).sort());
    const again = lastJson<Figures>(await run(...args));
    assert.deepEqual([again.accepted, again.duplicates, again.anomalies], [0, first.accepted, first.anomalies]);
  });
});
