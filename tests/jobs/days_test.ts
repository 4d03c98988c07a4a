// Day jobs over real files: what is written, what a crash leaves, broken files, a lack of memory, and real data.

import assert from "node:assert";
import { Days, type JobContext, jobsPerDay, jobTable, presented, resultFile, resultTables } from "../../jobs/mod.ts";
import { CLICK } from "../../src/event/kind.ts";
import { allParts, readManifest, verifyLake } from "../../src/lake/mod.ts";
import { limits } from "../../src/limits.ts";
import { ResultStore, traffics } from "../../src/store/results.ts";
import { seededRandom } from "../event/random.ts";
import { type Lab, labTest } from "../lake/lab.ts";
import { failingKv, type Faults } from "../support/failing_kv.ts";
import { calendarOf, recountFigures, recountFunnel, recountItems } from "./recount.ts";
import { append, contextOf, randomShop, type Shop, type ShopEvent } from "./shop.ts";

const DATE = "2014-04-07";
const plain = { zone: "UTC", currency: "EUR", flagged: [] };

/** Every result in KV and every file of results, as they are. */
async function everything(lab: Lab): Promise<{ results: unknown[]; files: string[] }> {
  const store = new ResultStore(lab.kv), results: unknown[] = [];
  for (const table of Object.keys(resultTables)) {
    for (const traffic of traffics) {
      for await (const date of store.dates(table, traffic)) {
        results.push([table, date, traffic, (await store.get(table, date, traffic))!.rows]);
      }
    }
  }
  return { results, files: filesBelow(`${lab.lakeFolder}/results`).concat(filesBelow(`${lab.lakeFolder}/.tmp`)) };
}

function filesBelow(folder: string): string[] {
  const found: string[] = [];
  try {
    for (const { name, isDirectory } of Deno.readDirSync(folder)) {
      if (isDirectory) found.push(...filesBelow(`${folder}/${name}`));
      else found.push(`${folder}/${name}`);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return found.sort();
}

/** A lab with the events of a shop on its log: all of them, or those of one day. */
async function withShop(lab: Lab, onlyDay = false): Promise<Shop> {
  await lab.archiver().recover();
  const random = seededRandom("shop");
  let shop: Shop;
  do shop = randomShop(random, "UTC", DATE); while (shop.events.length < 100);
  const dateOf = calendarOf("UTC");
  append(lab, shop.events.filter(({ time }) => !onlyDay || dateOf(time) === DATE));
  return shop;
}

labTest("results are the same in KV, in Parquet and when they are made again", async (lab) => {
  const shop = await withShop(lab);
  const days = new Days(contextOf(lab, shop));
  assert.deepEqual((await days.backfill()).failed, []);
  const before = await everything(lab);
  assert.deepEqual((await days.backfill()).failed, []);
  assert.deepEqual(await everything(lab), before);
  for (const { columns, name } of jobTable.flatMap(({ tables }) => tables)) {
    for await (const date of days.results.dates(name)) {
      const file = `${lab.lakeFolder}/${resultFile(name, date)}`;
      for (const traffic of traffics) {
        const stored = (await days.results.get(name, date, traffic))!.rows.map((row) => presented(columns, row));
        const texts = Object.keys(columns).map((column) => `${column}::VARCHAR AS ${column}`).join(", ");
        const rows = await lab.duck.rows(`SELECT ${texts} FROM '${file}' WHERE traffic = '${traffic}'`);
        const typed = rows.map((row) =>
          Object.fromEntries(
            Object.entries(row).map(([column, value]) => {
              const { type } = columns[column];
              return [
                column,
                value === null || type === "decimal"
                  ? value
                  : type === "count" || type === "fraction"
                  ? Number(value)
                  : type === "boolean"
                  ? value === "true"
                  : value,
              ];
            }),
          )
        );
        assert.deepEqual(typed.map((row) => presented(columns, row as never)), stored, `${name} ${date} ${traffic}`);
      }
    }
  }
  assert.deepEqual((await verifyLake({ kv: lab.kv, duck: lab.duck })).findings, []);
  await lab.archiver().recover();
  assert.deepEqual(await everything(lab), before);
});

for (const step of ["check", "query", "place", "record"] as const) {
  for (const job of jobsPerDay) {
    labTest(`a process killed in ${job} before "${step}" leaves results once when it runs again`, async (lab) => {
      const shop = await withShop(lab, true);
      const faults: Faults = { fail: "no" };
      let at = 0, armed = true;
      const beforeStep: JobContext["beforeStep"] = (now) => {
        if (now === "check") at++;
        if (!armed || jobsPerDay[at - 1] !== job || now !== step) return;
        faults.fail = "before"; // and nothing of the process reaches the store any more
        throw new Error("killed");
      };
      const dying = new Days(contextOf(lab, shop, { kv: failingKv(lab.kv, faults), beforeStep }), { holder: "dying" });
      lab.clock.time = Date.parse(`${DATE}T12:00:00Z`) + 3 * 86_400_000;
      await lab.archiver().flush();
      await dying.tick();
      assert.equal((await dying.runs.get(DATE, job))?.state, "running");
      armed = false;
      lab.clock.time += limits.jobLeaseMs;
      const next = new Days(contextOf(lab, shop), { holder: "next" });
      await next.tick();
      const run = await next.runs.get(DATE, job);
      assert.deepEqual([run?.state, run?.tries], ["succeeded", 2]);
      const after = await everything(lab);
      assert.equal(after.files.some((file) => file.includes(".tmp")), false);
      await next.backfill();
      assert.deepEqual(await everything(lab), after);
    });
  }
}

labTest("a result whose commit answered nothing is there once", async (lab) => {
  const shop = await withShop(lab, true);
  const faults: Faults = { fail: "no" };
  const beforeStep: JobContext["beforeStep"] = (step) => {
    if (step === "record") faults.fail = "after";
  };
  const days = new Days(contextOf(lab, shop, { kv: failingKv(lab.kv, faults), beforeStep }), { holder: "one" });
  await assert.rejects(days.backfill());
  faults.fail = "no";
  lab.clock.time += limits.jobLeaseMs;
  const next = new Days(contextOf(lab, shop), { holder: "next" });
  assert.deepEqual((await next.backfill()).failed, []);
  const after = await everything(lab);
  await next.backfill();
  assert.deepEqual(await everything(lab), after);
});

labTest("a damaged part file is named and left out, and its day is incomplete and stale until it is mended", async (lab) => {
  await lab.archiver().recover();
  const events = Array.from({ length: 200 }, (_, i): ShopEvent => ({
    kind: CLICK,
    time: Date.parse(`${DATE}T09:00:00Z`) + i * 60_000,
    session: String(i % 9),
    item: String(i % 5),
    category: "1",
    price: 0,
    quantity: 0,
    currency: null,
  }));
  append(lab, events);
  const days = new Days(contextOf(lab, plain));
  await days.backfill();
  const parts = allParts(await readManifest(lab.kv));
  const path = `${lab.lakeFolder}/${parts[0].file}`;
  const whole = Deno.readFileSync(path);
  const clicksNow = async () => (await days.results.get("daily_metrics", DATE, "all"))!.rows[0].total_clicks;
  for (const damage of ["bytes", "length", "absence"]) {
    const bytes = Uint8Array.from(whole);
    if (damage === "bytes") bytes[whole.length >> 1] ^= 1;
    if (damage === "absence") Deno.removeSync(path);
    else Deno.writeFileSync(path, damage === "length" ? bytes.subarray(0, 100) : bytes);
    assert.deepEqual((await days.backfill()).failed, []);
    assert.equal(await clicksNow(), 200 - parts[0].rows, damage);
    const { state, stale, leftOut } = await days.status(DATE);
    assert.deepEqual([state, stale, leftOut], ["finished", true, [parts[0].file]]);
    assert.deepEqual((await days.results.get("session_funnel", DATE, "all"))!.meta.leftOut, [parts[0].file]);
  }
  Deno.writeFileSync(path, whole);
  lab.clock.time += limits.jobStaleMs;
  await days.tick();
  assert.equal(await clicksNow(), 200);
  const { stale, leftOut } = await days.status(DATE);
  assert.deepEqual([stale, leftOut], [false, []]);
});

labTest("a lack of memory fails a try with the reason, and the next one is 5 minutes later", async (lab) => {
  await lab.archiver().recover();
  const random = seededRandom("many sessions");
  const times = Array.from({ length: 400_000 }, () => Date.parse(`${DATE}T09:00:00Z`) + Math.floor(random() * 3_600_000));
  const events = times.map((time, i): ShopEvent => ({
    kind: CLICK,
    time,
    session: `session-of-some-length-${i}`,
    item: String(i % 1000),
    category: "1",
    price: 0,
    quantity: 0,
    currency: null,
  }));
  for (let from = 0; from < events.length; from += 4000) append(lab, events.slice(from, from + 4000));
  await lab.archiver().flush();
  const days = new Days(contextOf(lab, plain, { memoryMib: 8 }), { holder: "one" });
  await days.tick();
  const run = await days.runs.get(DATE, "daily_metrics");
  assert.deepEqual([run?.state, run?.tries, run!.retryAt! - run!.ended!], ["waiting", 1, limits.jobRetryMs]);
  assert.match(run!.error!, /^Cannot run daily_metrics for 2014-04-07: DuckDB ran out of its 8 MiB/);
  lab.clock.time += limits.jobRetryMs;
  const roomy = new Days(contextOf(lab, plain, { memoryMib: 64 }), { holder: "two" });
  await roomy.tick();
  assert.equal((await roomy.runs.get(DATE, "daily_metrics"))?.state, "succeeded");
  assert.equal((await roomy.results.get("daily_metrics", DATE, "all"))!.rows[0].unique_sessions, 400_000);
});

labTest("a day whose only events are neither clicks nor purchases is skipped, and so are its dependents", async (lab) => {
  await lab.archiver().recover();
  const view: ShopEvent = {
    kind: 1,
    time: Date.parse(`${DATE}T09:00:00Z`),
    session: "1",
    item: "1",
    category: null,
    price: 0,
    quantity: 0,
    currency: null,
  };
  append(lab, [view]);
  const days = new Days(contextOf(lab, plain));
  const { runs, failed } = await days.backfill();
  assert.deepEqual(runs.map(({ job, state, rows }) => [job, state, rows]), jobsPerDay.map((job) => [job, "skipped", 0]));
  assert.deepEqual(failed, []);
  assert.deepEqual(await everything(lab), { results: [], files: [] });
  assert.equal((await days.status(DATE)).state, "no_data");
});

labTest("summary leaves a session out of humans on the days that it is flagged for, and on no other", async (lab) => {
  await lab.archiver().recover();
  const click = (date: string, time: string, session: string): ShopEvent => ({
    kind: CLICK,
    time: Date.parse(`${date}T${time}Z`),
    session,
    item: date,
    category: null,
    price: 0,
    quantity: 0,
    currency: null,
  });
  append(lab, [
    click(DATE, "09:00:00", "now and then"),
    click("2014-04-10", "10:00:00", "now and then"),
    click("2014-04-10", "10:00:30", "now and then"),
    click("2014-04-14", "09:00:00", "now and then"),
    click("2014-04-10", "11:00:00", "never"),
  ]);
  const flagged: JobContext["flagged"] = {
    changes: () => Promise.resolve(new Map()),
    async *sessions({ start }) {
      yield await Promise.resolve(start === Date.parse("2014-04-09T00:00:00Z") ? [] : ["now and then"]);
    },
  };
  const days = new Days(contextOf(lab, plain, { flagged }));
  assert.deepEqual((await days.backfill()).failed, []);
  const shown = async (traffic: "all" | "humans") => {
    const [row] = (await days.results.get("summary", "2014-04-14", traffic))!.rows;
    const { days: count, total_clicks, unique_sessions, unique_items, avg_session_duration_sec } = row;
    return { count, total_clicks, unique_sessions, unique_items, avg_session_duration_sec };
  };
  assert.deepEqual(await shown("all"), {
    count: 3,
    total_clicks: 5,
    unique_sessions: 2,
    unique_items: 3,
    avg_session_duration_sec: 7 * 86_400 / 2,
  });
  assert.deepEqual(await shown("humans"), { count: 3, total_clicks: 3, unique_sessions: 2, unique_items: 1, avg_session_duration_sec: 15 });
});

labTest("results of a long day fit into pages, and lists go by date", async (lab) => {
  const store = new ResultStore(lab.kv);
  const meta = { run: 1, finished: 0, leftOut: [], flagged: 0 };
  const rows = Array.from({ length: 1000 }, (_, i) => ({ item_id: `${i}`.padStart(250, "é") }));
  for (const date of ["2025-01-01", "2025-01-02", "2025-01-03"]) {
    const { sets } = await store.replacing("popular_items", date, "all", meta, rows);
    assert.ok(sets.length > 1);
    for (const { key, value } of sets) await lab.kv.set(key, value);
  }
  assert.deepEqual((await store.get("popular_items", "2025-01-02", "all"))?.rows, rows);
  const listed = async (query: Parameters<ResultStore["list"]>[2]) =>
    (await store.list("popular_items", "all", query)).map(({ date }) => date);
  assert.deepEqual(await listed({ limit: 2 }), ["2025-01-01", "2025-01-02"]);
  assert.deepEqual(await listed({ limit: 9, newestFirst: true }), ["2025-01-03", "2025-01-02", "2025-01-01"]);
  assert.deepEqual(await listed({ limit: 9, from: "2025-01-02", to: "2025-01-02" }), ["2025-01-02"]);
  const fewer = await store.replacing("popular_items", "2025-01-01", "all", { ...meta, run: 2 }, []);
  assert.equal(fewer.sets.length, 1);
  assert.ok(fewer.deletes.length > 0);
  await assert.rejects(
    store.replacing("popular_items", "2025-01-01", "all", meta, Array.from({ length: 20 }, () => rows).flat()),
    /it takes \d+ pages/,
  );
});

for (const file of ["clicks-head-1000.dat", "clicks-2014-09-raw.dat"]) {
  for (const zone of ["UTC", "Europe/Berlin"]) {
    labTest(`day jobs count ${file} in ${zone} as a recount does`, async (lab) => {
      const text = await readOrNull(new URL(`../../../shared/data/yoochoose/${file}`, import.meta.url));
      if (text === null) return console.log(`skipped: ${file} is not there`);
      await lab.archiver().recover();
      const events = text.split("\n").map((line) => line.trim().split(",")).filter((row) => row.length === 4 && row[3] !== "").map(
        ([session, time, item, category]): ShopEvent => ({
          kind: CLICK,
          time: Date.parse(time),
          session,
          item,
          category,
          price: 0,
          quantity: 0,
          currency: null,
        }),
      );
      for (let from = 0; from < events.length; from += 2000) append(lab, events.slice(from, from + 2000));
      const days = new Days(contextOf(lab, { ...plain, zone }));
      assert.deepEqual((await days.backfill()).failed, []);
      const byDay = Map.groupBy(events, ({ time }) => calendarOf(zone)(time));
      const shown = async (table: string, date: string) =>
        (await days.results.get(table, date, "all"))!.rows.map((row) => presented(resultTables[table].columns, row));
      for (const [date, own] of byDay) {
        const expected = recountItems(own, "EUR", date);
        assert.deepEqual(await shown("daily_metrics", date), [{ metric_date: date, ...recountFigures(own, "EUR") }]);
        assert.deepEqual(await shown("session_funnel", date), recountFunnel(own, date));
        assert.deepEqual(await shown("popular_items", date), expected.items);
        assert.deepEqual(await shown("categories", date), expected.categories);
      }
      const last = [...byDay.keys()].sort().at(-1)!;
      const [{ total_clicks, unique_sessions, unique_items, avg_session_duration_sec, days: count }] = await shown("summary", last);
      const all = recountFigures(events, "EUR");
      assert.deepEqual(
        { total_clicks, unique_sessions, unique_items, avg_session_duration_sec, count },
        {
          total_clicks: all.total_clicks,
          unique_sessions: all.unique_sessions,
          unique_items: all.unique_items,
          avg_session_duration_sec: all.avg_session_duration_sec,
          count: byDay.size,
        },
      );
    });
  }
}

async function readOrNull(url: URL): Promise<string | null> {
  try {
    return await Deno.readTextFile(url);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

labTest("a day that is damaged throughout keeps its figures, and the run that finds it is told as failed", async (lab) => {
  const shop = await withShop(lab);
  const days = new Days(contextOf(lab, shop));
  assert.deepEqual((await days.backfill()).failed, []);
  const before = await everything(lab);
  for (const part of allParts(await readManifest(lab.kv))) await Deno.writeTextFile(`${lab.lakeFolder}/${part.file}`, "damaged");
  const date = shop.date;
  const { failed } = await days.runDay(date);
  assert.deepEqual(failed.map(({ job }) => job), ["daily_metrics"]);
  assert.match(failed[0].error ?? "", /damaged/);
  assert.deepEqual(await everything(lab), before);
  const { state, stale } = await days.status(date);
  assert.deepEqual([state, stale], ["finished", true]);
});

labTest("a stop between two queries ends a job there, and it is run again without counting", async (lab) => {
  const shop = await withShop(lab);
  let closing: Promise<void> | null = null;
  const steps: string[] = [];
  const days: Days = new Days(contextOf(lab, shop, {
    beforeStep(step) {
      steps.push(step);
      if (step === "query") closing ??= days.close();
    },
  }));
  await days.runDay(shop.date).catch(() => {});
  await closing;
  assert.deepEqual(steps, ["check", "query"], "nothing is put in place after the stop");
  const run = (await days.runs.get(shop.date, "daily_metrics"))!;
  assert.deepEqual([run.state, run.tries], ["waiting", 0]);
});
