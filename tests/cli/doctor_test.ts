import assert from "node:assert/strict";
import { join } from "node:path";
import { systemClock } from "../../src/clock.ts";
import { checkClock, checkDeno, doctorCommand, type Finding } from "../../src/cli/doctor.ts";
import type { Shell } from "../../src/cli/shell.ts";
import { ColumnBuilder, LIVE } from "../../src/event/batch.ts";
import { CLICK } from "../../src/event/kind.ts";
import { Guardian } from "../../src/guardian.ts";
import { paths } from "../../src/folder.ts";
import { silent } from "../../src/log_line.ts";
import { TestClock } from "../support/clock.ts";
import { serve } from "../support/process.ts";

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "guardian-doctor-" });
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function shellFor(out: string[]): Shell {
  const never = () => assert.fail("it asks or leaves");
  return {
    environment: {},
    errorColumns: null,
    out: (line) => out.push(line),
    outBytes: never,
    err: never,
    ask: never,
    onStop: never,
    exitNow: never,
  };
}

interface Told {
  readonly code: number;
  readonly findings: Finding[];
  readonly text: string[];
}

/** What doctor says of a data folder, both as JSON and as text. */
async function doctor(data: string, flags: Record<string, string> = {}, clock = systemClock): Promise<Told> {
  const sources = { flags: { data, port: "0", ...flags }, environment: {}, readFile: () => "{}" };
  const json: string[] = [], text: string[] = [];
  const code = await doctorCommand(true, sources, shellFor(json), clock);
  assert.equal(await doctorCommand(false, sources, shellFor(text), clock), code);
  return { code, findings: json.map((line) => JSON.parse(line)), text };
}

/** What is wrong, as `check: sentence`. */
const wrong = ({ findings }: Told) => findings.filter(({ ok }) => !ok).map(({ check, says }) => `${check}: ${says}`);

/** A data folder with clicks in its log and its lake. */
async function filled(data: string, clock = systemClock): Promise<void> {
  const guardian = await Guardian.open({ data, clock, logLine: silent, partitions: 2 });
  guardian.start();
  const columns = new ColumnBuilder();
  for (let i = 0; i < 100; i++) columns.push(CLICK, clock.now() - 100 + i, i, 5, 0);
  await guardian.intake.submit({ columns, lane: LIVE });
  await guardian.stop();
}

async function tree(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    found.push(join(folder, name), ...isDirectory ? await tree(join(folder, name)) : []);
  }
  return found.sort();
}

Deno.test("doctor finds nothing wrong with a folder that is not there, an empty one, and one with data, and leaves nothing behind", async () => {
  await inFolder(async (folder) => {
    const data = join(folder, "data");
    const none = await doctor(data);
    assert.deepEqual([wrong(none), none.code, none.text.at(-1)], [[], 0, "All is well."]);
    assert.deepEqual(await tree(folder), []);
    await Deno.mkdir(data);
    assert.deepEqual(wrong(await doctor(data)), []);
    assert.deepEqual(await tree(folder), [data]);
    await filled(data);
    const before = await tree(folder), well = await doctor(data);
    assert.deepEqual([wrong(well), well.code], [[], 0]);
    assert.deepEqual(await tree(folder), before);
    const checks = well.findings.map(({ check }) => check);
    assert.deepEqual(checks, [
      "deno",
      "settings",
      "time zone",
      "duckdb",
      "data folder",
      "owner",
      "disk",
      "tls",
      "port",
      "access",
      "log",
      "lake",
      "clock",
    ]);
    assert.match(well.findings[10].says, /^It holds 100 events/);
    for (const { mend } of well.findings) assert.equal(mend, null);
  });
});

Deno.test("doctor says of each thing that is wrong how to mend it", async () => {
  await inFolder(async (folder) => {
    const data = join(folder, "data");
    const told = async (says: RegExp, flags: Record<string, string> = {}, clock = systemClock) => {
      const found = await doctor(data, flags, clock);
      assert.equal(found.code, 1);
      assert.ok(wrong(found).some((one) => says.test(one)), JSON.stringify(wrong(found)));
      for (const { ok, mend } of found.findings) assert.equal(ok, mend === null);
      assert.match(found.text.at(-1)!, /^\d things? to mend\.$/);
      assert.ok(found.text.some((line) => line.startsWith("WRONG  ")));
    };
    Deno.writeTextFileSync(data, "");
    await told(/^data folder: .* is a file$/);
    Deno.removeSync(data);
    Deno.mkdirSync(data);
    Deno.writeTextFileSync(join(data, "photo"), "");
    await told(/^data folder: .* holds 1 other thing and no format\.json$/);
    Deno.removeSync(join(data, "photo"));
    Deno.writeTextFileSync(paths.format(data), '{"format":99,"partitions":1}');
    await told(/^data folder: .* has format 99, and up to \d+ is known here$/);
    Deno.writeTextFileSync(paths.format(data), "{");
    await told(/^data folder: .* has a format.json that cannot be read/);
    Deno.removeSync(paths.format(data));

    await filled(data);
    const behind = new TestClock(Date.now() - 3_600_000);
    await told(/^clock: It shows .*: it was ahead then, or is behind now$/, {}, behind);
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    await told(/^port: \d+ on 127\.0\.0\.1 is taken by another program$/, { port: String(taken.addr.port) });
    await told(/^port: Nothing can listen on 192\.0\.2\.1/, { host: "192.0.2.1", port: "8787" });
    const [part] = (await tree(paths.lake(data))).filter((path) => path.endsWith(".parquet"));
    Deno.truncateSync(part, 10);
    await told(/^lake: ".*\.parquet" has 10 bytes and is listed with \d+$/);
    Deno.removeSync(part);
    await told(/^lake: ".*\.parquet" is listed and not there$/);
  });
});

Deno.test("doctor says when the server would not start for want of a token, and changes none", async () => {
  await inFolder(async (folder) => {
    const data = join(folder, "data"), want = /^access: Cannot listen on "(0\.0\.0\.0|127\.0\.0\.1)" without a token/;
    const open: Record<string, string>[] = [{ host: "0.0.0.0" }, { allowedHosts: "guardian.example" }, { trustedProxies: "10.0.0.1" }];
    const told = async () => {
      const all: string[][] = [];
      for (const flags of open) all.push(wrong(await doctor(data, flags)));
      return all;
    };
    const refused = (all: string[][]) => all.forEach(([one], at) => assert.match(one, want, JSON.stringify(open[at])));
    refused(await told());
    assert.deepEqual(wrong(await doctor(data)), []);
    assert.deepEqual(wrong(await doctor(data, { host: "0.0.0.0", token: "0123456789abcdef0123456789abcdef" })), []);
    await filled(data);
    refused(await told());
    const clock = new TestClock(Date.now());
    const order = async (origins: string[] | null, expiresAt: number | null) => {
      const guardian = await Guardian.open({ data, clock, logLine: silent, partitions: 2 });
      await guardian.tokens.create({ name: "x", scopes: ["ingest"], origins, expiresAt });
      await guardian.stop();
    };
    await order(["https://shop.example"], null);
    await order(null, 1);
    refused(await told());
    await order(null, null);
    assert.deepEqual(await told(), [[], [], []]);
  });
});

Deno.test("doctor goes on by the defaults when a setting is not valid", async () => {
  await inFolder(async (folder) => {
    for (const [flags, environment] of [[{}, { GUARDIAN_DATA: folder }], [{ data: folder }, {}]] as const) {
      const out: string[] = [];
      assert.equal(await doctorCommand(true, { flags, environment, readFile: () => '{"prot": 1}' }, shellFor(out)), 1);
      const findings: Finding[] = out.map((line) => JSON.parse(line));
      const [settings] = findings.filter(({ check }) => check === "settings");
      assert.match(settings.says, /did you mean "port"\?; the other checks go by the defaults$/);
      assert.ok(findings.some(({ check, says }) => check === "data folder" && says.includes(folder)));
    }
  });
});

Deno.test("doctor holds Deno's version and the clock at their limits", () => {
  for (const version of ["2.9.0", "2.9.6", "2.10.0", "3.0.0"]) assert.equal(checkDeno(version).ok, true, version);
  for (const version of ["2.8.9", "1.46.3"]) assert.equal(checkDeno(version).ok, false, version);
  const clock = new TestClock();
  for (const [newest, ok] of [[null, true], [clock.wall, true], [clock.wall + 5000, true], [clock.wall + 5001, false]] as const) {
    assert.equal(checkClock(newest, clock).ok, ok, String(newest));
  }
  assert.equal(checkClock(null, new TestClock(Date.UTC(2026, 0, 1) - 1)).ok, false);
});

Deno.test("doctor asks the server of a folder that has one", async () => {
  await inFolder(async (folder) => {
    const data = join(folder, "data"), server = await serve(data);
    try {
      const { port } = new URL(server.url), well = await doctor(data, { port });
      assert.deepEqual([wrong(well), well.code], [[], 0]);
      const says = new Map(well.findings.map(({ check, says }) => [check, says]));
      assert.match(says.get("owner")!, new RegExp(`process ${server.child.pid} is at work on it, and answers at ${server.url}`));
      assert.match(says.get("port")!, /the running server listens on/);
      assert.match(says.get("server")!, /is ok, 0 events behind/);
      const other = await doctor(join(folder, "other"), { port });
      assert.deepEqual(wrong(other), [`port: ${port} on 127.0.0.1 is taken by another server of this program`]);
    } finally {
      await server.end("SIGTERM");
    }
  });
});
