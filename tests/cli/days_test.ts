// Days from the command line: through a folder, through a running server, over a kill, and as files.

import assert from "node:assert";
import { join } from "node:path";
import { guardian, lastJson, type Output, run, serve } from "../support/process.ts";

const DAY_MS = 86_400_000, FIRST = Date.UTC(2014, 3, 1);

async function inFolder(work: (folder: string, data: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "guardian-days-" });
  try {
    await work(folder, join(folder, "data"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const dateOf = (day: number) => new Date(FIRST + day * DAY_MS).toISOString().slice(0, 10);

/** Replays clicks and buys of so many days into a data folder. */
async function fill(folder: string, data: string, days: number): Promise<void> {
  const clicks: string[] = [], buys: string[] = [];
  for (let day = 0; day < days; day++) {
    for (let s = 0; s < 20; s++) {
      const time = (minute: number) => new Date(FIRST + day * DAY_MS + (600 + s) * 60_000 + minute * 60_000).toISOString();
      for (let i = 0; i <= s % 3; i++) clicks.push(`${day * 100 + s},${time(i)},${s % 4},S`);
      if (s % 5 === 0) buys.push(`${day * 100 + s},${time(5)},${s % 4},${s * 10},2`);
    }
  }
  const files = [["clicks.dat", clicks], ["buys.dat", buys]] as const;
  for (const [name, lines] of files) await Deno.writeTextFile(join(folder, name), lines.join("\n") + "\n");
  const { code, stderr } = await run("replay", ...files.map(([name]) => join(folder, name)), "--data", data);
  assert.equal(code, 0, stderr);
}

/** Checks that a command failed with this exit code and one sentence that matches. */
function assertRefused({ code, stdout, stderr }: Output, exit: number, says: RegExp): void {
  assert.deepEqual([code, stdout], [exit, ""], stderr);
  assert.match(stderr, says);
  assert.match(stderr, /^Cannot [^\n]+\n$/);
}

type Row = Record<string, unknown>;
type Outcome = { ok: boolean; days: string[]; succeeded: number; failed: unknown[]; not_run: unknown[] };

/** Figures without the time when they were counted. */
function figures({ finished_at: _, ...row }: Row): Row {
  return row;
}

async function exported(data: string, table: string, format = "json", ...more: string[]): Promise<string> {
  const { code, stdout, stderr } = await run("export", table, "--data", data, "--format", format, "--out", "-", ...more);
  assert.equal(code, 0, stderr);
  return stdout;
}

Deno.test("days are counted through a folder, and shown, and written as files", async () => {
  await inFolder(async (folder, data) => {
    await fill(folder, data, 3);
    const listed = await run("jobs", "list", "--data", data);
    assert.match(listed.stdout, /daily_metrics +never ran/);
    assert.match(listed.stdout, /Due now: 2014-04-01: daily_metrics \(first\)/);
    const counted = await run("jobs", "backfill", "--data", data);
    assert.deepEqual([counted.code, counted.stdout], [0, "3 days (2014-04-01 to 2014-04-03): 11 runs succeeded.\n"], counted.stderr);

    const day = lastJson<Row>(await run("metrics", dateOf(1), "--data", data, "--json"));
    assert.deepEqual(
      [day.metric_date, day.total_clicks, day.total_purchases, day.unique_sessions, day.total_revenue, day.state],
      [dateOf(1), 39, 4, 20, 600, "finished"],
    );
    const shown = await run("metrics", dateOf(1), "--data", data, "--traffic", "humans");
    assert.match(shown.stdout, /^2014-04-02, flagged sessions left out: finished/);
    assert.match(shown.stdout, /total_revenue +600\n/);
    assert.match(shown.stdout, /Purchase +4 sessions, 20%/);

    const runs = await run("jobs", "runs", "--data", data, "--job", "summary");
    assert.match(runs.stdout, /^ +11 {2}2014-04-03 {2}summary +succeeded +\d+ ms, 2 rows\n$/);
    const again = lastJson<Outcome>(await run("jobs", "run", dateOf(0), "--data", data, "--json"));
    assert.deepEqual([again.ok, again.days, again.succeeded], [true, [dateOf(0)], 5]);
    const one = lastJson<Row>(await run("jobs", "run", dateOf(0), "--job", "session_funnel", "--data", data, "--json"));
    assert.deepEqual([one.job, one.state, one.rows], ["session_funnel", "succeeded", 6]);

    const rows = JSON.parse(await exported(data, "daily_metrics")) as Row[];
    assert.deepEqual(
      rows.map(({ traffic, metric_date }) => `${traffic} ${metric_date}`),
      [0, 1, 2].flatMap((d) => [`all ${dateOf(d)}`, `humans ${dateOf(d)}`]),
    );
    const some = (await exported(data, "daily_metrics", "ndjson", "--from", dateOf(1), "--to", dateOf(1))).trimEnd().split("\n");
    assert.deepEqual(some.map((line) => JSON.parse(line)), rows.slice(2, 4));
    assert.equal((await exported(data, "raw_purchases", "csv")).trimEnd().split("\n").length, 1 + 12);
    const out = join(folder, "clicks.parquet");
    assert.equal((await run("export", "raw_clicks", "--data", data, "--out", out)).code, 0);
    assert.deepEqual(new TextDecoder().decode((await Deno.readFile(out)).subarray(0, 4)), "PAR1");
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), ["buys.dat", "clicks.dat", "clicks.parquet", "data"]);
  });
});

Deno.test("commands about days refuse what cannot be, in one sentence", async () => {
  await inFolder(async (folder, data) => {
    assertRefused(await run("jobs", "backfill", "--data", data), 73, /no data folder/);
    await fill(folder, data, 1);
    const tomorrow = new Date(Date.now() + DAY_MS).toISOString().slice(0, 10);
    const table: [args: string[], exit: number, says: RegExp][] = [
      [["jobs", "run", "2014-02-30"], 2, /a day such as 2014-04-07/],
      [["jobs", "run", tomorrow], 2, /has not ended in UTC/],
      [["jobs", "run", "2013-01-01"], 1, /no events of that day/],
      [["jobs", "run", dateOf(0), "--job", "counting"], 2, /one of daily_metrics/],
      [["jobs", "run"], 2, /missing required argument "DATE"/],
      [["jobs", "backfill", "--from", dateOf(3), "--to", dateOf(0)], 2, /the first is after the last/],
      [["jobs", "backfill", "--form", dateOf(3)], 2, /did you mean --from\?/],
      [["jobs", "runs", "--limit", "0"], 2, /from 1 to 1000/],
      [["jobs", "runs", "--state", "lost"], 2, /one of waiting/],
      [["metrics", dateOf(0)], 1, /not counted yet/],
      [["metrics", "2013-01-01"], 1, /no event of that day/],
      [["metrics", dateOf(0), "--traffic", "bots"], 2, /all, humans/],
      [["export", "everything", "--out", "-"], 2, /one of anomalies/],
      [["export", "raw_clicks"], 2, /--out/],
      [["export", "raw_clicks", "--format", "xml", "--out", "-"], 2, /parquet, csv, json/],
      [["export", "raw_clicks", "--out", join(folder, "none", "x")], 73, /name another file with --out/],
      [["jobs", "list", "--timezone", "Mars/Olympus"], 78, /--timezone: it must be an IANA time zone/],
      [["jobs", "list", "--timezone", "+01:00"], 78, /--timezone/],
      [["jobs", "list", "--run-at", "24:00"], 78, /--run-at: it must be a time of day/],
      [["jobs", "list", "--currency", "euro"], 78, /--currency: it must be an ISO 4217 code/],
    ];
    for (const [args, exit, says] of table) assertRefused(await run(...args, "--data", data), exit, says);
  });
});

Deno.test("days are counted through the server that has the folder, to the same figures", async () => {
  await inFolder(async (folder, data) => {
    await fill(folder, data, 2);
    assert.equal((await run("jobs", "backfill", "--data", data)).code, 0);
    const before = JSON.parse(await exported(data, "daily_metrics")) as Row[];
    const day = lastJson<Row>(await run("metrics", dateOf(0), "--data", data, "--json"));
    const server = await serve(data);
    try {
      const outcome = lastJson<Outcome>(await run("jobs", "backfill", "--data", data, "--json"));
      assert.deepEqual([outcome.ok, outcome.days, outcome.succeeded], [true, [dateOf(0), dateOf(1)], 8]);
      assert.deepEqual(JSON.parse(await exported(data, "daily_metrics")), before);
      const served = await (await fetch(`${server.url}/metrics/daily/${dateOf(0)}`)).json();
      assert.deepEqual(figures(served), figures(day));
      assertRefused(await run("metrics", "2013-01-01", "--data", data), 1, /Cannot ask the server at .*no event of that day/);
      const stats = await (await fetch(`${server.url}/stats`)).json();
      assert.equal(stats.days_processed, 2);
    } finally {
      assert.equal(await server.end("SIGTERM"), 0);
    }
  });
});

Deno.test("a server catches up the days that it missed when it starts, and stops in good order meanwhile", async () => {
  await inFolder(async (folder, data) => {
    await fill(folder, data, 20);
    const first = await serve(data);
    assert.equal(await first.end("SIGTERM"), 0, "in the middle of it");
    const second = await serve(data);
    try {
      const until = Date.now() + 60_000;
      for (;;) {
        const { due } = await (await fetch(`${second.url}/jobs`)).json();
        if (due === null) break;
        assert.ok(Date.now() < until, JSON.stringify(due));
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      const days = await (await fetch(`${second.url}/metrics/daily`)).json() as Row[];
      assert.deepEqual(days.map(({ metric_date }) => metric_date), Array.from({ length: 20 }, (_, i) => dateOf(19 - i)));
      assert.deepEqual(new Set(days.map(({ state }) => state)), new Set(["finished"]));
      const runs = await (await fetch(`${second.url}/jobs/runs?job=daily_metrics&state=succeeded`)).json() as Row[];
      assert.equal(runs.length, 20, "each day once");
      assert.deepEqual(new Set(runs.map(({ trigger }) => trigger)), new Set(["schedule"]));
    } finally {
      assert.equal(await second.end("SIGTERM"), 0);
    }
  });
});

Deno.test("a backfill that is killed leaves each result once when it runs again", async () => {
  const DAYS = 12, KILLS = Number(Deno.env.get("GUARDIAN_TEST_KILLS") ?? 3);
  const seed = crypto.getRandomValues(new Uint32Array(1))[0];
  await inFolder(async (folder, data) => {
    await fill(folder, data, DAYS);
    for (let kill = 0; kill < KILLS; kill++) {
      const child = guardian(["jobs", "backfill", "--data", data]).spawn();
      const drained = Promise.all([child.stdout.cancel(), child.stderr.cancel()]);
      await new Promise((resolve) => setTimeout(resolve, 400 + ((seed >>> kill) % 16) * 80));
      try {
        child.kill("SIGKILL");
      } catch {
        // it was faster
      }
      await Promise.all([child.status, drained]);
    }
    const outcome = lastJson<Outcome>(await run("jobs", "backfill", "--data", data, "--json"));
    assert.deepEqual([outcome.ok, outcome.days.length, outcome.succeeded], [true, DAYS, 3 * DAYS + 2], `seed ${seed}`);
    const all = JSON.parse(await exported(data, "daily_metrics")) as Row[];
    assert.deepEqual(
      all.filter(({ traffic }) => traffic === "all").map((
        { metric_date, total_clicks, total_revenue },
      ) => [metric_date, total_clicks, total_revenue]),
      Array.from({ length: DAYS }, (_, day) => [dateOf(day), 39, 600]),
    );
    for (const [table, rows] of [["session_funnel", 6 * DAYS], ["popular_items", 8 * DAYS], ["summary", 2]] as const) {
      assert.equal((JSON.parse(await exported(data, table)) as Row[]).length, rows, `${table}, seed ${seed}`);
    }
    assert.equal((await run("jobs", "runs", "--state", "running", "--data", data)).stdout, "");
    assert.match((await run("jobs", "list", "--data", data)).stdout, /Nothing is due\./);
    assert.deepEqual([...Deno.readDirSync(join(data, "lake", ".tmp"))], []);
    assert.equal(lastJson<{ ok: boolean }>(await run("verify", "--data", data, "--json")).ok, true);
  });
});
