import assert from "node:assert/strict";
import { join } from "node:path";
import type { Clock } from "../../src/clock.ts";
import { Feed } from "../../src/cli/feed.ts";
import { generateCommand, type GenerateFlags } from "../../src/cli/generate.ts";
import type { Shell } from "../../src/cli/shell.ts";
import { loadSettings } from "../../src/config.ts";
import { GuardianError } from "../../src/errors.ts";
import { ColumnBuilder } from "../../src/event/batch.ts";
import { parseBody } from "../../src/event/parse.ts";
import { SampleShop } from "../../src/sample/mod.ts";
import { prescan } from "../../src/source/prescan.ts";
import { rowsOf } from "../event/rows.ts";
import { TestClock } from "../support/clock.ts";

const T0 = Date.UTC(2026, 2, 5, 12), DAY = 86_400_000, SLOT = 600_000;

interface Ran {
  readonly code: number;
  readonly out: string[];
  readonly err: string[];
}

/** Runs the command with a shell of its own. `wait` gets the function that a signal would call. */
async function generate(flags: GenerateFlags, clock: Clock = new TestClock(T0), wait?: (stop: () => void) => void): Promise<Ran> {
  const out: string[] = [], err: string[] = [];
  let stop = () => {};
  const shell: Shell = {
    environment: {},
    errorColumns: null,
    out: (line) => out.push(line),
    outBytes: () => assert.fail("bytes are not for this command"),
    err: (line) => err.push(line),
    ask: () => null,
    onStop: (handle) => {
      stop = () => handle("SIGINT");
      return () => {};
    },
    exitNow: (code) => assert.fail(`left with ${code}`),
  };
  const settings = loadSettings({ flags: {}, environment: {}, readFile: () => "{}" });
  const waited = () => {
    wait?.(stop);
    return Promise.resolve();
  };
  const code = await generateCommand(flags, settings, shell, clock, waited);
  return { code, out, err };
}

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "guardian-generate-" });
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function rowsOfNdjson(text: string): ReturnType<typeof rowsOf> {
  const into = new ColumnBuilder();
  parseBody(new TextEncoder().encode(text), into, (reject) => assert.fail(reject.message), { now: 0, futureMs: null });
  return rowsOf(into);
}

function rowsOfShop(shop: SampleShop, from: number, to: number): ReturnType<typeof rowsOf> {
  return [...shop.chunks(from, to, { eventIds: true })].flatMap(({ columns }) => rowsOf(columns));
}

Deno.test("generate writes the days that it is asked for, as NDJSON, up to the last whole ten minutes", async () => {
  await inFolder(async (folder) => {
    const out = join(folder, "events"), shop = new SampleShop({ seed: 5, visitorsPerDay: 800, botShare: 0.1 });
    const flags = { days: "0.5", visitors: "800", seed: "5", bots: "0.1", json: true } as const;
    const { code, out: said } = await generate({ ...flags, out }, new TestClock(T0 + SLOT - 1));
    const rows = rowsOfNdjson(Deno.readTextFileSync(out));
    assert.deepEqual(rows, rowsOfShop(shop, T0 - DAY / 2, T0));
    const { seconds, ...figures } = JSON.parse(said[0]);
    const from = new Date(T0 - DAY / 2).toISOString(), until = new Date(T0).toISOString();
    assert.deepEqual([code, figures], [0, { events: rows.length, accepted: rows.length, duplicates: 0, rejected: 0, from, until }]);
    assert.ok(seconds >= 0);
    const piped = await generate(flags, new TestClock(T0));
    assert.deepEqual(rowsOfNdjson(piped.out.join("\n")), rows);
    assert.match(piped.err[0], /^\{"events":/);
  });
});

Deno.test("generate writes clicks and buys as CSV that replay reads, and the truth of its bots", async () => {
  await inFolder(async (folder) => {
    const out = join(folder, "clicks.csv"), truth = join(folder, "truth");
    const { code } = await generate({ days: "1", visitors: "2000", until: "2026-03-05T00:00:00Z", format: "csv", out, truth });
    const from = Date.UTC(2026, 2, 4), rows = rowsOfShop(new SampleShop({ visitorsPerDay: 2000 }), from, from + DAY);
    assert.equal(code, 0);
    const clicks = prescan(out), buys = prescan(`${out}.buys.csv`);
    assert.deepEqual([clicks.rows, clicks.rejected, clicks.displacementMs], [rows.filter(({ kind }) => kind === "click").length, 0, 0]);
    assert.deepEqual([buys.rows, buys.rejected], [rows.filter(({ kind }) => kind === "purchase").length, 0]);
    assert.match(Deno.readTextFileSync(`${out}.buys.csv`), /^\d{13},2026-03-04T[\d:.]{12}Z,2145\d{5},\d+(\.\d+)?,\d+\n/);
    const sessions = Deno.readTextFileSync(truth).trimEnd().split("\n").map((line) => JSON.parse(line));
    const shop = new SampleShop({ visitorsPerDay: 2000 });
    assert.deepEqual(sessions.map(({ session_id }) => session_id), [...shop.bots(from, from + DAY)].map(({ session }) => session));
    for (const { session_id, kind } of sessions) assert.equal(shop.truthOf(session_id), kind);
  });
});

/** A server that answers as `answer` says, and what it got. */
async function withServer(
  answer: (body: string, key: string, request: number) => Response | Promise<Response>,
  work: (url: string, got: { key: string; body: string }[]) => Promise<void>,
): Promise<void> {
  const got: { key: string; body: string }[] = [];
  let requests = 0;
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (request) => {
    assert.equal(new URL(request.url).pathname, "/events");
    const body = await request.text(), key = request.headers.get("idempotency-key")!;
    got.push({ key, body });
    return await answer(body, key, ++requests);
  });
  try {
    await work(`http://127.0.0.1:${server.addr.port}`, got);
  } finally {
    await server.shutdown();
  }
}

const taken = (body: string) =>
  Response.json({ accepted: body.trimEnd().split("\n").length, duplicates: 0, rejected: 0, errors: [] }, { status: 202 });

Deno.test("generate feeds a server in requests with keys, the same in a second run, and repeats one that was turned away", async () => {
  await withServer(
    (body, _key, request) =>
      request === 2 ? Response.json({ detail: "full" }, { status: 429, headers: { "Retry-After": "1" } }) : taken(body),
    async (url, got) => {
      const flags = { days: "1", visitors: "1000", url, json: true } as const;
      const { code, out } = await generate(flags);
      assert.equal(code, 0);
      assert.deepEqual(got[2], got[1]);
      const first = got.splice(0).filter((_, at) => at !== 1);
      assert.equal(new Set(first.map(({ key }) => key)).size, first.length);
      const rows = rowsOfShop(new SampleShop({ visitorsPerDay: 1000 }), T0 - DAY, T0);
      assert.deepEqual(first.flatMap(({ body }) => rowsOfNdjson(body)), rows);
      assert.equal(JSON.parse(out[0]).accepted, rows.length);
      await generate(flags);
      assert.deepEqual(got, first);
    },
  );
});

Deno.test("generate goes on in real time behind the past without a seam, until it is stopped", async () => {
  await withServer(taken, async (url, got) => {
    const clock = new TestClock(T0 + 1234);
    let ticks = 0;
    const { code } = await generate({ days: "0.25", visitors: "50000", url, live: true }, clock, (stop) => {
      if (++ticks === 4) stop();
      // A clock that is set back makes nothing twice.
      clock.pass(ticks === 2 ? -5000 : 60_000);
    });
    assert.equal(code, 0);
    const rows = got.flatMap(({ body }) => rowsOfNdjson(body)), until = T0 + 1234 + 60_000 + 60_000 - 5000;
    assert.deepEqual(rows, rowsOfShop(new SampleShop({ visitorsPerDay: 50_000 }), T0 - DAY / 4, until));
  });
});

Deno.test("generate says why a server does not take its events", async () => {
  const failing = (answer: () => Response, says: RegExp) =>
    withServer(answer, (url) => assert.rejects(generate({ days: "0.1", url }), { name: "GuardianError", message: says }));
  await failing(() => Response.json({ detail: "no such thing" }, { status: 404 }), /it answered 404: no such thing/);
  await failing(() => new Response("", { status: 401 }), /it wants a token; set GUARDIAN_TOKEN/);
  await failing(() => Response.json({}), /the answer of .* has no counts; is it the right address\?/);
});

Deno.test("a feed gives up on a server that stays away for a minute", async () => {
  const clock = new TestClock(), options = { url: "http://localhost:1", token: null, clock, signal: new AbortController().signal };
  let tries = 0;
  const away = () => {
    tries++;
    return Promise.reject(new TypeError("refused"));
  };
  const sleep = (ms: number) => Promise.resolve(clock.pass(ms));
  await assert.rejects(new Feed({ ...options, sleep, fetch: away }).send("{}\n", "k"), {
    code: "server_unreachable",
    message: "Cannot send events to http://localhost:1/events: it does not answer (refused); is it running?",
  });
  assert.ok(tries > 5 && clock.passed > 40_000 && clock.passed <= 60_000);
});

Deno.test("generate refuses what it cannot do, and writes over no file", async () => {
  await inFolder(async (folder) => {
    const out = join(folder, "there");
    Deno.writeTextFileSync(out, "precious");
    const refused = (flags: GenerateFlags, says: RegExp) =>
      assert.rejects(generate(flags), (thrown) => {
        assert.ok(thrown instanceof GuardianError && thrown.code === "usage", String(thrown));
        assert.match(thrown.message, says);
        return true;
      });
    await refused({ out }, /there already; name another file/);
    await refused({ truth: out }, /there already/);
    await refused({ out: join(folder, "none", "x") }, /^Cannot write /);
    assert.equal(Deno.readTextFileSync(out), "precious");
    await refused({ days: "x" }, /Cannot use "x" for --days: it must be a number of 0 or more, such as 3/);
    await refused({ days: "3661" }, /3660 is the most/);
    await refused({ visitors: "0" }, /give a whole number from 1/);
    await refused({ bots: "2" }, /a share from 0 to 1/);
    await refused({ seed: "-1" }, /--seed/);
    await refused({ until: "yesterday" }, /is not a date/);
    await refused({ until: "2026-03-05T00:00:00Z", live: true }, /leave out --until or --live/);
    await refused({ format: "xml" }, /ndjson and csv/);
    await refused({ format: "csv" }, /clicks and buys are two files/);
    await refused({ url: "http://localhost:1", out }, /leave out --url/);
    await refused({ url: "localhost" }, /not a URL/);
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["there"]);
  });
});
