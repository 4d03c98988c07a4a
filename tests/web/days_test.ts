// Counted days over the API: figures against a recount of the events, what each problem says, how days stand, exports, and the pages of the docs.

import assert from "node:assert";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { jobTable, presented, resultTables } from "../../jobs/mod.ts";
import { endpoints } from "../../routes/mod.ts";
import { paths } from "../../src/folder.ts";
import { allParts, Duck, readManifest } from "../../src/lake/mod.ts";
import { limits } from "../../src/limits.ts";
import { assertProblem, closing, type Lab, withLab } from "./lab.ts";

type Json = Record<string, unknown>;

const DAYS = ["2014-04-05", "2014-04-06", "2014-04-07"] as const;
const at = (date: string, time: string) => `${date}T${time}Z`;

interface Sent {
  readonly session_id: number | string;
  readonly timestamp: string;
  readonly item_id: number | string;
  readonly kind?: string;
  readonly category?: string;
  readonly price?: number;
  readonly quantity?: number;
  readonly currency?: string;
}

/** Three days: people who look and buy, in two currencies, and on the second day a bot. */
function shop(): Sent[] {
  const events: Sent[] = [];
  for (const [d, date] of DAYS.entries()) {
    for (let s = 0; s < 24; s++) {
      const session_id = `${date}-${s}`;
      for (let i = 0; i <= s % 4; i++) {
        events.push({ session_id, timestamp: at(date, `1${s % 10}:0${i}:00.000`), item_id: (s + i) % 5, category: s % 2 ? "S" : "7" });
      }
      if (s % 3 === 0) {
        const price = s === 0 ? 0 : 10.0001 * (d + 1);
        const currency = s === 9 ? { currency: "USD" } : s === 6 ? { currency: "EUR" } : {};
        const timestamp = at(date, `1${s % 10}:30:00.500`);
        events.push({ kind: "purchase", session_id, timestamp, item_id: s % 5, price, quantity: s, ...currency });
      }
    }
  }
  for (let i = 0; i < 60; i++) events.push({ session_id: "bot", timestamp: at(DAYS[1], `09:00:00.${100 + i}`), item_id: i, category: "S" });
  return events.sort((a, b) => Date.parse(a.timestamp) - Date.parse(b.timestamp)); // in order, or the bot would be late
}

/** The figures of a day, counted event by event. */
function recount(date: string, events: readonly Sent[]): Json {
  const today = events.filter(({ timestamp }) => timestamp.startsWith(date));
  const bought = today.filter(({ kind }) => kind === "purchase"), clicked = today.filter(({ kind }) => kind === undefined);
  const sessions = Map.groupBy(today, ({ session_id }) => session_id);
  const buyers = new Set(bought.map(({ session_id }) => session_id)).size;
  const seconds = [...sessions.values()].map((own) => {
    const times = own.map(({ timestamp }) => Date.parse(timestamp));
    return (Math.max(...times) - Math.min(...times)) / 1000;
  });
  const ours = bought.filter(({ currency }) => currency === undefined || currency === "EUR");
  const revenue = ours.reduce((sum, { price, quantity }) => sum + Math.round(price! * 10_000) * quantity!, 0) / 10_000;
  const to = (value: number, digits: number) => Math.round(value * 10 ** digits) / 10 ** digits;
  return {
    metric_date: date,
    total_clicks: clicked.length,
    total_purchases: bought.length,
    unique_sessions: sessions.size,
    unique_items: new Set(today.map(({ item_id }) => item_id)).size,
    conversion_rate: to(buyers / sessions.size, 6),
    avg_session_duration_sec: to(seconds.reduce((sum, one) => sum + one, 0) / sessions.size, 3),
    avg_clicks_per_session: to(clicked.length / sessions.size, 6),
    total_revenue: revenue,
    avg_order_value: to(revenue / bought.length, 6),
    avg_basket_value: to(revenue / buyers, 6),
    purchases_without_price: bought.filter(({ price }) => price === 0).length,
    purchases_other_currency: bought.length - ours.length,
  };
}

/** A lab with the shop in its lake, counted unless told otherwise. */
async function withShop(
  work: (lab: Lab, events: readonly Sent[]) => Promise<void>,
  { counted = true, timezone = "UTC" } = {},
): Promise<void> {
  await withLab(async (lab) => {
    const events = shop();
    await lab.post([...events, ...closing(Date.parse(at("2014-04-09", "00:00:00")))]);
    await lab.guardian.caughtUp();
    if (counted) assert.equal((await lastLine(await lab.fetch("/jobs/backfill", { method: "POST" }))).ok, true);
    await work(lab, events);
  }, { timezone });
}

async function lastLine(response: Response): Promise<Json> {
  const lines = (await response.text()).trimEnd().split("\n");
  return JSON.parse(lines[lines.length - 1]);
}

async function json<T = Json>({ fetch }: Lab, path: string): Promise<T> {
  const response = await fetch(path);
  const body = await response.json();
  assert.equal(response.status, 200, `${path}: ${JSON.stringify(body)}`);
  return body;
}

const dayRun = (lab: Lab, job: string, body: unknown, query = "") =>
  lab.fetch(`/jobs/${job}/runs${query}`, { method: "POST", body: JSON.stringify(body) });

/** Rows of a Parquet file, as the API would show those of a table. */
async function parquetRows(lab: Lab, table: string, bytes: Uint8Array): Promise<Json[]> {
  const lakeFolder = paths.lake(lab.guardian.options.data);
  const file = join(lakeFolder, ".tmp", `test_${crypto.randomUUID()}.parquet`);
  await Deno.writeFile(file, bytes);
  const duck = await Duck.open({ lakeFolder, name: "test" });
  try {
    const { columns } = resultTables[table];
    const casts = Object.entries(columns).map(([name, { type }]) =>
      `${name}::${type === "count" || type === "fraction" ? "DOUBLE" : type === "boolean" ? "BOOLEAN" : "VARCHAR"} AS ${name}`
    );
    const rows = await duck.rows(`SELECT traffic, ${casts.join(", ")} FROM read_parquet('${file}')`);
    return rows.map((row) => ({ traffic: row.traffic, ...presented(columns, row as never) }));
  } finally {
    duck.close();
    await Deno.remove(file);
  }
}

Deno.test("figures of days are those of a recount, and humans lack the bot", async () => {
  await withShop(async (lab, events) => {
    const page = await json<Json[]>(lab, "/metrics/daily");
    const { length } = DAYS;
    assert.deepEqual(page.slice(1, 1 + length).map(({ metric_date }) => metric_date), [...DAYS].reverse());
    for (const date of DAYS) {
      for (const [traffic, counted] of [["all", events], ["humans", events.filter(({ session_id }) => session_id !== "bot")]] as const) {
        const { traffic: of, state, finished_at, ...figures } = await json(lab, `/metrics/daily/${date}?traffic=${traffic}`);
        assert.deepEqual([of, state], [traffic, "finished"]);
        assert.match(String(finished_at), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
        assert.deepEqual(figures, recount(date, counted), `${date} ${traffic}`);
      }
    }
    const stats = await json(lab, "/stats");
    assert.equal(stats.days_processed, length + 1);
  });
});

Deno.test("figures of every table equal those of the exported Parquet", async () => {
  await withShop(async (lab) => {
    const places: Record<string, string> = {
      daily_metrics: "/metrics/daily/{date}",
      session_funnel: "/metrics/funnel/{date}",
      popular_items: "/items/popular/{date}",
      categories: "/items/categories/{date}",
      trending: "/items/trending?limit=100",
      summary: "/metrics/summary",
    };
    assert.deepEqual(Object.keys(places).sort(), Object.keys(resultTables).sort());
    for (const [table, place] of Object.entries(places)) {
      const exported = await lab.fetch(`/export/${table}?format=parquet`);
      assert.equal(exported.headers.get("content-type"), "application/vnd.apache.parquet");
      const rows = await parquetRows(lab, table, await exported.bytes());
      for (const traffic of ["all", "humans"]) {
        for (const date of place.includes("{date}") ? DAYS : [null]) {
          const path = place.replace("{date}", date ?? "") + (place.includes("?") ? "&" : "?") + `traffic=${traffic}`;
          const answer = await json<Json | Json[]>(lab, path);
          const shown = [answer].flat().map((row) =>
            Object.fromEntries(Object.keys(resultTables[table].columns).map((name) => [name, row[name]]))
          );
          const expected = rows.filter((row) => row.traffic === traffic && (date === null || row.metric_date === date))
            .map(({ traffic: _, ...row }) => row);
          assert.ok(shown.length > 0, path);
          assert.deepEqual(shown, expected, path);
        }
      }
    }
  });
});

Deno.test("problems of days say what is wrong, and why there are no figures", async () => {
  await withShop(async (lab) => {
    const tomorrow = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10), today = new Date().toISOString().slice(0, 10);
    const table: [path: string, status: number, code: string, reason: string | undefined, says: RegExp][] = [];
    for (const path of ["/metrics/daily/", "/metrics/funnel/", "/items/popular/", "/items/categories/"]) {
      table.push(
        [`${path}2014-02-30`, 400, "invalid_parameter", undefined, /"date" as "2014-02-30": it must be a day such as/],
        [`${path}yesterday`, 400, "invalid_parameter", undefined, /it must be a day/],
        [`${path}2014-4-7`, 400, "invalid_parameter", undefined, /it must be a day/],
        [`${path}0000-01-01`, 400, "invalid_parameter", undefined, /it must be a day/],
        [`${path}9999-12-31`, 400, "invalid_parameter", undefined, /it must be a day/],
        [`${path}9998-12-31`, 404, "not_found", "future", /has not ended in UTC/],
        [`${path}1970-01-01`, 404, "not_found", "no_data", /no event of that day/],
        [`${path}${today}`, 404, "not_found", "future", /has not ended/],
        [`${path}${tomorrow}`, 404, "not_found", "future", /has not ended/],
        [`${path}2014-04-07?traffic=bots`, 400, "invalid_parameter", undefined, /one of all, humans/],
        [`${path}2014-04-07?x=1`, 400, "invalid_parameter", undefined, /"x"/],
      );
    }
    table.push(
      ["/metrics/daily?limit=0", 400, "invalid_parameter", undefined, /1 to 1000/],
      ["/metrics/daily?limit=1000000000", 400, "invalid_parameter", undefined, /1 to 1000/],
      ["/metrics/daily?strat_date=2014-04-07", 400, "invalid_parameter", undefined, /did you mean "start_date"/],
      ["/metrics/daily?start_date=2014-04-08&end_date=2014-04-07", 400, "invalid_parameter", undefined, /not be the later/],
      ["/metrics/daily?start_date=2014-13-01", 400, "invalid_parameter", undefined, /"start_date"/],
      ["/metrics/daily?cursor=abc", 400, "invalid_parameter", undefined, /cursor/],
      [`/metrics/daily?cursor=${btoa('["metrics-daily","never"]').replaceAll("=", "")}`, 400, "invalid_parameter", undefined, /cursor/],
      ["/metrics/summary?date=2014-04-07", 400, "invalid_parameter", undefined, /"date"/],
      ["/items/trending?limit=0", 400, "invalid_parameter", undefined, /1 to 100/],
      ["/items/trending?limit=101", 400, "invalid_parameter", undefined, /1 to 100/],
      [`/items/popular/${DAYS[0]}?limit=${limits.popularItemsMax + 1}`, 400, "invalid_parameter", undefined, /1 to 100/],
      [`/items/popular/${DAYS[0]}?limit=0`, 400, "invalid_parameter", undefined, /1 to 100/],
      [`/items/categories/${DAYS[0]}?limit=${limits.categoriesMax + 1}`, 400, "invalid_parameter", undefined, /1 to 20/],
      ["/jobs?x=1", 400, "invalid_parameter", undefined, /takes none/],
      ["/jobs/runs?job=daily", 400, "invalid_parameter", undefined, /one of daily_metrics/],
      ["/jobs/runs?state=lost", 400, "invalid_parameter", undefined, /one of waiting/],
      ["/jobs/runs?date=2014-02-30", 400, "invalid_parameter", undefined, /"date"/],
      ["/jobs/runs?limit=0", 400, "invalid_parameter", undefined, /1 to 1000/],
      ["/jobs/runs?cursor=e30", 400, "invalid_parameter", undefined, /cursor/],
      ["/export/nothing", 400, "invalid_parameter", undefined, /one of anomalies/],
      ["/export/summary?format=xml", 400, "invalid_parameter", undefined, /one of parquet/],
      ["/export/summary?start_date=2014-04-08&end_date=2014-04-07", 400, "invalid_parameter", undefined, /not be the later/],
      ["/docs/secret.js", 400, "invalid_parameter", undefined, /one of swagger-ui.css/],
    );
    for (const [path, status, code, reason, says] of table) {
      const response = await lab.fetch(path);
      const problem = await response.json();
      assert.deepEqual([response.status, problem.code, problem.reason], [status, code, reason], path);
      assert.match(problem.detail, says, path);
    }
    const posts: [path: string, body: string, status: number, code: string, says: RegExp][] = [
      ["/jobs/daily_metrics/runs", "{}", 400, "bad_request", /"date" in the body/],
      ["/jobs/daily_metrics/runs", "oops", 400, "bad_request", /not JSON/],
      ["/jobs/daily_metrics/runs", "[]", 400, "bad_request", /no JSON object/],
      ["/jobs/daily_metrics/runs", '{"date":"2014-02-30"}', 400, "bad_request", /a day such as/],
      ["/jobs/daily_metrics/runs", '{"date":20140407}', 400, "bad_request", /a day such as/],
      ["/jobs/daily_metrics/runs", '{"dat":"2014-04-07"}', 400, "bad_request", /did you mean "date"/],
      ["/jobs/daily_metrics/runs", `{"date":"${tomorrow}"}`, 400, "bad_request", /has not ended/],
      ["/jobs/daily_metrics/runs", '{"date":"2013-04-07"}', 404, "not_found", /no event of that day/],
      ["/jobs/trending/runs", '{"date":"2013-04-07"}', 404, "not_found", /no event of that day/],
      ["/jobs/nothing/runs", '{"date":"2014-04-07"}', 400, "invalid_parameter", /one of daily_metrics/],
      ["/jobs/backfill", '{"from":"2014-04-08","to":"2014-04-07"}', 400, "bad_request", /the first is after the last/],
      ["/jobs/backfill", `{"to":"${tomorrow}"}`, 400, "invalid_parameter", /has not ended/],
      ["/jobs/backfill", '{"from":"2013-04-07","to":"2013-04-07"}', 404, "not_found", /no events of that day/],
    ];
    for (const [path, body, status, code, says] of posts) {
      const problem = await assertProblem(await lab.fetch(path, { method: "POST", body }), status, code);
      assert.match(String(problem.detail), says, path);
    }
  });
});

Deno.test("what was never counted says so", async () => {
  await withShop(async (lab) => {
    assert.equal((await json<Json>(lab, "/jobs")).due, null, "the lake has nothing yet");
    await lab.guardian.archiver.flush();
    for (const path of [`/metrics/daily/${DAYS[0]}`, `/items/popular/${DAYS[0]}`, "/metrics/summary", "/items/trending"]) {
      const response = await lab.fetch(path);
      assert.deepEqual([response.status, (await response.json()).reason], [404, "not_run"], path);
    }
    assert.deepEqual(await json(lab, "/metrics/daily"), []);
    const { due, jobs } = await json<{ due: { date: string; jobs: Json[] }; jobs: Json[] }>(lab, "/jobs");
    assert.deepEqual(jobs.map(({ job, last_run }) => [job, last_run]), jobTable.map(({ name }) => [name, null]));
    assert.deepEqual([due.date, due.jobs.length, due.jobs[0]], [DAYS[0], 3, { job: "daily_metrics", reason: "first" }]);
  }, { counted: false });
  await withLab(async (lab) => {
    for (const path of ["/metrics/summary", "/items/trending"]) assert.equal((await (await lab.fetch(path)).json()).reason, "no_data");
    assert.deepEqual(await (await lab.fetch("/export/raw_clicks")).json(), []);
    assert.deepEqual(await (await lab.fetch("/export/daily_metrics")).json(), []);
  });
});

Deno.test("days are paged by the Link header, within their range", async () => {
  await withShop(async (lab) => {
    const seen: unknown[] = [];
    let path: string | undefined = `/metrics/daily?start_date=${DAYS[0]}&end_date=${DAYS[2]}&limit=1`;
    for (let pages = 0; path !== undefined; pages++) {
      assert.ok(pages < 4);
      const response: Response = await lab.fetch(path);
      const [row] = await response.json();
      seen.push(row.metric_date);
      path = /<(.+)>; rel="next"/.exec(response.headers.get("link") ?? "")?.[1];
    }
    assert.deepEqual(seen, [...DAYS].reverse());
    const one = await json<Json[]>(lab, `/metrics/daily?start_date=${DAYS[1]}&end_date=${DAYS[1]}`);
    assert.deepEqual(one.map(({ metric_date }) => metric_date), [DAYS[1]]);
    assert.deepEqual(await json(lab, "/metrics/daily?start_date=2030-01-01"), []);
    const [cursor] = /cursor=\w+/.exec((await lab.fetch("/metrics/daily?limit=3")).headers.get("link")!)!;
    assert.deepEqual(await json(lab, `/metrics/daily?start_date=2014-04-08&${cursor}`), []);
    assert.equal((await json<Json[]>(lab, `/items/popular/${DAYS[1]}?limit=2`)).length, 2);
  });
});

Deno.test("a finished day is not sent twice to who has it, and a late event makes it stale until it is counted again", async () => {
  await withShop(async (lab) => {
    const places = [`/metrics/daily/${DAYS[0]}`, `/metrics/funnel/${DAYS[0]}`, `/items/popular/${DAYS[0]}`, `/items/categories/${DAYS[0]}`];
    for (const path of [...places, "/metrics/summary", "/items/trending", "/metrics/daily"]) {
      const response = await lab.fetch(path);
      const etag = response.headers.get("etag")!;
      await response.body?.cancel();
      assert.match(etag ?? "", /^"[\w-]{27}"$/, path);
      for (const given of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
        const again = await lab.fetch(path, { headers: { "If-None-Match": given } });
        assert.deepEqual([again.status, await again.text(), again.headers.get("etag")], [304, "", etag], `${path} ${given}`);
      }
      const other = await lab.fetch(path, { headers: { "If-None-Match": '"other"' } });
      assert.equal(other.status, 200);
      await other.body?.cancel();
    }
    const before = (await lab.fetch(places[0])).headers.get("etag");
    await lab.post([{ session_id: "late", timestamp: at(DAYS[0], "12:00:00"), item_id: 1 }]);
    await lab.guardian.archiver.flush();
    const stale = await lab.fetch(places[0], { headers: { "If-None-Match": before! } });
    assert.deepEqual([stale.status, stale.headers.get("etag"), (await stale.json()).state], [200, null, "stale"]);
    const funnel = await lab.fetch(places[1]);
    assert.deepEqual([funnel.headers.get("day-state"), funnel.headers.get("day"), funnel.headers.get("etag")], ["stale", DAYS[0], null]);
    assert.equal((await json(lab, `/metrics/daily/${DAYS[1]}`)).state, "finished");
    assert.equal((await dayRun(lab, "daily_metrics", { date: DAYS[0] }, "?wait=true")).status, 200);
    const after = await lab.fetch(places[0]);
    assert.equal((await after.json()).state, "finished");
    assert.notEqual(after.headers.get("etag"), before);
    assert.equal((await json(lab, "/metrics/summary")).state, "stale");
  });
});

Deno.test("a run by hand is taken, brings what it needs and what depends on it, and is in the record", async () => {
  await withShop(async (lab) => {
    const taken = await dayRun(lab, "popular_items", { date: DAYS[1] });
    const run = await taken.json();
    assert.equal(taken.status, 202);
    assert.deepEqual([run.job, run.date, run.trigger, taken.headers.get("location")], [
      "popular_items",
      DAYS[1],
      "hand",
      `/jobs/runs?job=popular_items&date=${DAYS[1]}`,
    ]);
    const waited = await dayRun(lab, "daily_metrics", { date: DAYS[1] }, "?wait=true");
    const ended = await waited.json();
    assert.deepEqual([waited.status, ended.state, ended.tries, ended.rows], [200, "succeeded", 1, 2]);
    const runs = await json<Json[]>(lab, "/jobs/runs");
    assert.deepEqual(runs.map(({ job }) => job), ["popular_items", "session_funnel", "daily_metrics", "popular_items", "daily_metrics"]);
    assert.deepEqual(runs.map(({ state }) => state), Array(5).fill("succeeded"));
    const picked = await json<Json[]>(lab, `/jobs/runs?job=daily_metrics&date=${DAYS[1]}&state=succeeded&limit=1`);
    assert.deepEqual(picked, [ended]);
    const first = await lab.fetch("/jobs/runs?limit=2"), link = /<(.+)>/.exec(first.headers.get("link")!)![1];
    assert.deepEqual([...await first.json(), ...(await json<Json[]>(lab, link))], runs.slice(0, 4));
    assert.deepEqual(await json(lab, "/jobs/runs?state=failed"), []);
    assert.equal((await json(lab, `/metrics/daily/${DAYS[1]}`)).state, "finished");
  }, { counted: false });
});

Deno.test("a backfill tells how far it is, and runs the days asked for alone", async () => {
  await withShop(async (lab) => {
    const body = JSON.stringify({ from: DAYS[0], to: DAYS[1] });
    const response = await lab.fetch("/jobs/backfill", { method: "POST", body });
    assert.equal(response.headers.get("content-type"), "application/x-ndjson");
    const lines = (await response.text()).trimEnd().split("\n").map((line) => JSON.parse(line));
    const progress = { type: "progress", of: 2 };
    assert.deepEqual(lines, [
      { ...progress, done: 0, date: DAYS[0] },
      { ...progress, done: 1, date: DAYS[1] },
      { ...progress, done: 2, date: DAYS[1] },
      { type: "done", ok: true, days: [DAYS[0], DAYS[1]], succeeded: 8, failed: [], not_run: [] },
    ]);
    assert.equal((await lab.fetch(`/metrics/daily/${DAYS[2]}`)).status, 404);
  }, { counted: false });
});

Deno.test("a backfill stops after the day at work when its client goes away", async () => {
  await withShop(async (lab) => {
    const response = await lab.fetch("/jobs/backfill", { method: "POST" });
    const reader = response.body!.getReader();
    assert.match(new TextDecoder().decode((await reader.read()).value), /"done":0,"of":4/);
    await reader.cancel();
    await lab.service.days.runJob("daily_metrics", DAYS[2]); // its turn comes when the backfill has ended
    const days = await json<Json[]>(lab, "/metrics/daily");
    assert.deepEqual(days.map(({ metric_date }) => metric_date), [DAYS[2], DAYS[0]]);
  }, { counted: false });
});

Deno.test("a backfill cut off by a stop is not taken for done", async () => {
  await withShop(async (lab) => {
    const response = await lab.fetch("/jobs/backfill", { method: "POST" });
    await lab.service.days.close();
    const { ok, not_run, failed } = await lastLine(response) as { ok: boolean; not_run: Json[]; failed: Json[] };
    assert.equal(ok, false);
    assert.ok(not_run.length + failed.length >= 9);
  }, { counted: false });
});

Deno.test("a day whose files are damaged is incomplete, and one whose jobs failed is partial", async () => {
  await withShop(async (lab) => {
    const lake = paths.lake(lab.guardian.options.data);
    const [part] = allParts(await readManifest(lab.guardian.state, (dt) => dt === DAYS[0])).filter(({ table }) => table === "raw_clicks");
    await Deno.writeTextFile(join(lake, part.file), "not parquet");
    const outcome = await lastLine(
      await lab.fetch("/jobs/backfill", { method: "POST", body: JSON.stringify({ from: DAYS[0], to: DAYS[0] }) }),
    );
    assert.equal(outcome.ok, true);
    assert.equal((await json(lab, `/metrics/daily/${DAYS[0]}`)).state, "incomplete");
    const [run] = await json<Json[]>(lab, `/jobs/runs?job=daily_metrics&date=${DAYS[0]}&limit=1`);
    assert.deepEqual(run.left_out, [part.file]);

    await Deno.remove(join(lake, `results/sessions/dt=${DAYS[2]}/sessions.parquet`));
    const failed = await (await dayRun(lab, "session_funnel", { date: DAYS[2] }, "?wait=true")).json();
    assert.equal(failed.state, "waiting");
    assert.match(failed.error, /the tables of 2014-04-07 are not in the lake folder/);
    assert.equal((await json(lab, `/metrics/daily/${DAYS[2]}`)).state, "partial");
  });
});

Deno.test("days are those of the time zone", async () => {
  await withLab(async (lab) => {
    await lab.post([{ session_id: 1, timestamp: "2014-04-07T18:14:59.999Z", item_id: 1 }, {
      session_id: 1,
      timestamp: "2014-04-07T18:15:00.000Z",
      item_id: 2,
    }]);
    assert.equal((await lastLine(await lab.fetch("/jobs/backfill", { method: "POST" }))).ok, true);
    const days = await json<Json[]>(lab, "/metrics/daily");
    assert.deepEqual(days.map(({ metric_date, total_clicks }) => [metric_date, total_clicks]), [["2014-04-08", 1], ["2014-04-07", 1]]);
    assert.deepEqual(await json<{ timezone: string }>(lab, "/jobs").then(({ timezone }) => timezone), "Asia/Kathmandu");
    const rows = await json<Json[]>(lab, "/export/raw_clicks?start_date=2014-04-08&end_date=2014-04-08");
    assert.deepEqual(rows.map(({ timestamp, session_id, item_id }) => [timestamp, session_id, item_id]), [[
      "2014-04-07T18:15:00.000Z",
      1,
      2,
    ]]);
  }, { timezone: "Asia/Kathmandu" });
});

Deno.test("answers about days hold to their schemas, and tell nothing besides", async () => {
  await withShop(async (lab) => {
    const named: Record<string, string> = { date: DAYS[1], job: "daily_metrics", table: "anomalies", file: "docs.js" };
    const mine = endpoints.filter(({ path }) => /^\/(metrics|items|jobs|export)/.test(path));
    assert.equal(mine.length, 13);
    for (const { method, path, answers } of mine) {
      for (const traffic of path.startsWith("/metrics") || path.startsWith("/items") ? ["all", "humans"] : [null]) {
        const place = path.replace(/\{(.+?)\}/, (_, name) => named[name]) + (traffic === null ? "" : `?traffic=${traffic}`);
        const body = method === "post" ? JSON.stringify(path.includes("{job}") ? { date: DAYS[1] } : {}) : undefined;
        const response = await lab.fetch(place, { method: method.toUpperCase(), body });
        const type = response.headers.get("content-type")!.split(";")[0];
        const answer = answers[response.status]?.find(({ mediaType = "application/json" }) => mediaType === type);
        assert.ok(answer, `${place}: ${response.status} ${type}`);
        const given = type === "application/json" ? await response.json() : await response.text();
        assert.deepEqual(answer.schema!.parse(given), given, place);
      }
      for (const { example, schema } of Object.values(answers).flat()) {
        if (example !== undefined) assert.deepEqual(schema!.parse(example), example, path);
      }
    }
  });
});

Deno.test("exports have the same rows in every format, and nothing that a spreadsheet would run", async () => {
  await withLab(async (lab) => {
    const ids = ["=1+1", "+1", "-1", "@SUM(1)", "plain", "007", "42", 'quote"d'];
    await lab.post(ids.map((session_id, i) => ({ session_id, timestamp: at(DAYS[0], `10:00:0${i}`), item_id: "x", page: "a,b\nc" })));
    await lab.guardian.archiver.flush();
    const rows = await json<Json[]>(lab, "/export/raw_clicks");
    const bySession = (all: Json[]) => all.map(({ session_id }) => session_id).sort();
    assert.deepEqual(bySession(rows), bySession(ids.map((session_id) => ({ session_id: session_id === "42" ? 42 : session_id }))));
    const lines = (await (await lab.fetch("/export/raw_clicks?format=ndjson")).text()).trimEnd().split("\n");
    assert.deepEqual(lines.map((line) => JSON.parse(line)), rows);
    const csv = await (await lab.fetch("/export/raw_clicks?format=csv")).text();
    for (const id of ids) {
      const cell = /^[=+@-]/.test(id) ? `'${id}` : id;
      assert.ok(csv.includes(`click,${cell.includes('"') ? '"quote""d"' : cell},`), id);
    }
    assert.doesNotMatch(csv, /(^|,|\n)[=+@-]/);
    const parquet = await (await lab.fetch("/export/raw_clicks?format=parquet")).bytes();
    assert.equal(new TextDecoder().decode(parquet.subarray(0, 4)), "PAR1");
    const left = [...Deno.readDirSync(join(paths.lake(lab.guardian.options.data), ".tmp"))].map(({ name }) => name);
    assert.deepEqual(left.filter((name) => name.startsWith("export")), []);
  });
  await withShop(async (lab) => {
    const [anomaly, ...more] = await json<Json[]>(lab, "/export/anomalies");
    assert.deepEqual([anomaly.session_id, anomaly.anomaly_type, more.length], ["bot", "HIGH_FREQUENCY", 0]);
    const [listed] = await json<Json[]>(lab, "/anomalies");
    assert.deepEqual(anomaly, listed);
    assert.deepEqual(await json(lab, "/export/anomalies?end_date=2014-04-05"), []);
  });
});

Deno.test("pages of the docs bring all they need from here, under a policy without scripts in the page", async () => {
  await withLab(async ({ fetch }) => {
    for (const [path, scripts] of [["/docs", 2], ["/redoc", 0]] as const) {
      const response = await fetch(path);
      const html = await response.text();
      const policy = response.headers.get("content-security-policy")!;
      assert.match(policy, /default-src 'none'/);
      assert.doesNotMatch(policy, /script-src[^;]*unsafe|https?:/);
      assert.doesNotMatch(html, /<script(?![^>]*\bsrc=)|\son\w+=|(src|href)="(https?:)?\/\//);
      const assets = [...html.matchAll(/<(?:script|link)[^>]*(?:src|href)="([^"]+)"/g)].map(([, to]) => to).filter((to) => to !== "data:,");
      assert.equal(assets.filter((to) => to.endsWith(".js")).length, scripts);
      for (const asset of assets) {
        const file = await fetch(asset);
        const text = await file.text();
        assert.deepEqual([file.status, text.length > 100], [200, true], asset);
        assert.match(file.headers.get("content-type")!, asset.endsWith(".css") ? /^text\/css/ : /^text\/javascript/);
        const again = await fetch(asset, { headers: { "If-None-Match": file.headers.get("etag")! } });
        assert.equal(again.status, 304);
        if (asset.endsWith(".css")) assert.doesNotMatch(text, /url\(["']?(https?:)?\/\//, "the style sheet asks nothing of another server");
      }
    }
  });
});

Deno.test("the plain page tells every column of the figures", async () => {
  await withLab(async ({ fetch }) => {
    const html = await (await fetch("/redoc")).text();
    for (const { columns } of Object.values(resultTables)) {
      for (const [name, { description }] of Object.entries(columns)) {
        const shown = html.split(`<code>${name}</code>`).slice(1).some((text) => text.slice(0, 600).includes(description));
        assert.ok(shown, `${name}: ${description}`);
      }
    }
  });
});

Deno.test("the page about days tells every column as it is defined", async () => {
  const page = await Deno.readTextFile(fileURLToPath(new URL("../../docs/days.md", import.meta.url)));
  for (const { tables } of jobTable) {
    for (const { name, description, columns } of tables) {
      const section = page.split("\n## ").find((text) => text.startsWith(`\`${name}\``));
      assert.ok(section, `docs/days.md has a part about ${name}`);
      assert.ok(section.replaceAll(/\s+/g, " ").includes(description), `${name}: ${description}`);
      const rows = [...section.matchAll(/^\|(.+)\|$/gm)].map(([, row]) => row.split("|").map((cell) => cell.trim())).slice(2);
      assert.deepEqual(
        rows,
        Object.entries(columns).map(([column, { unit, description }]) => [`\`${column}\``, unit ?? "", description]),
        name,
      );
    }
  }
});
