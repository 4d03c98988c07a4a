// Each figure of each job against a recount of the raw events, on random shops: ties, midnight, no clicks, no purchases, prices of zero,
// other currencies, flagged sessions, odd ids, and the days on which the clocks change.

import assert from "node:assert";
import { dayAfter, type JobName, jobsPerDay, jobTable, presented, resultTables, runJob, type StoredRow } from "../../jobs/mod.ts";
import { type Traffic, traffics } from "../../src/store/results.ts";
import { Lab } from "../lake/lab.ts";
import { seededRandom } from "../event/random.ts";
import { calendarOf, recountFigures, recountFunnel, recountItems, recountTrending } from "./recount.ts";
import { append, contextOf, oddDays, randomShop, type Shop, type ShopEvent, zones } from "./shop.ts";

const SHOPS_PER_ZONE = Number(Deno.env.get("GUARDIAN_TEST_SHOPS") ?? 80) / 4;
/** Every so often a shop has a week, for the jobs over many days. */
const WEEK_EVERY = 25;
const FIRST_YEAR = 2012;

/** Presented rows of a job by table and traffic, each checked against its schema. */
async function shown(lab: Lab, shop: Shop, job: JobName, date: string, finished?: readonly string[]) {
  const { results } = await runJob(job, date, contextOf(lab, shop), { finished });
  const tables: Record<string, Record<Traffic, Record<string, unknown>[]>> = {};
  for (const { table, rows } of results) {
    const present = (row: StoredRow) => table.schema.strict().parse(presented(table.columns, row));
    tables[table.name] = { all: rows.all.map(present), humans: rows.humans.map(present) };
  }
  return tables;
}

async function checkDay(lab: Lab, shop: Shop, date: string): Promise<boolean> {
  const inDay = eventsByDay(shop).get(date) ?? [];
  const daily = await shown(lab, shop, "daily_metrics", date);
  const met = inDay.some(({ kind }) => kind === 0 || kind === 4);
  if (!met) {
    assert.deepEqual(daily, {});
    return false;
  }
  const funnel = await shown(lab, shop, "session_funnel", date), items = await shown(lab, shop, "popular_items", date);
  const summary = await shown(lab, shop, "summary", date, [date]);
  for (const traffic of traffics) {
    const events = ofTraffic(shop, inDay, traffic);
    assert.deepEqual(daily.daily_metrics[traffic], [{ metric_date: date, ...recountFigures(events, shop.currency) }]);
    assert.deepEqual(funnel.session_funnel[traffic], recountFunnel(events, date));
    const expected = recountItems(events, shop.currency, date);
    assert.deepEqual(items.popular_items[traffic], expected.items);
    assert.deepEqual(items.categories[traffic], expected.categories);
    // Of a single day the summary says what the day does.
    for (const [name, value] of Object.entries(recountFigures(events, shop.currency))) {
      assert.deepEqual(summary.summary[traffic][0][name], value, `summary of one day: ${name}`);
    }
  }
  return true;
}

async function checkWeek(lab: Lab, shop: Shop): Promise<void> {
  const byDay = eventsByDay(shop), finished: string[] = [];
  for (let date = dayAfter(shop.date, -8); date <= shop.date; date = dayAfter(date)) {
    if (byDay.has(date) && await checkDay(lab, shop, date)) finished.push(date);
  }
  if (finished.at(-1) !== shop.date) return;
  const during = (from: number, to: number) => {
    const days = Array.from({ length: to - from + 1 }, (_, i) => dayAfter(shop.date, from + i)).filter((date) => finished.includes(date));
    return days.flatMap((date) => byDay.get(date)!);
  };
  const trending = await shown(lab, shop, "trending", shop.date, finished);
  const summary = await shown(lab, shop, "summary", shop.date, finished);
  for (const traffic of traffics) {
    const recent = ofTraffic(shop, during(-2, 0), traffic), previous = ofTraffic(shop, during(-5, -3), traffic);
    assert.deepEqual(trending.trending[traffic], recountTrending(recent, previous, shop.date));
    const all = ofTraffic(shop, during(-8, 0), traffic).filter(metOnItsDay(shop));
    const { first_date, last_date, days, buying_sessions, exact, ...figures } = summary.summary[traffic][0];
    assert.deepEqual(figures, recountFigures(all, shop.currency));
    assert.deepEqual([first_date, last_date, days, exact], [finished[0], shop.date, finished.length, true]);
    assert.equal(buying_sessions, new Set(all.filter(({ kind }) => kind === 4).map(({ session }) => session)).size);
  }
}

/** Other kinds of events count towards the length of a session on days that it clicked or bought. */
function metOnItsDay(shop: Shop): (event: ShopEvent) => boolean {
  const dateOf = calendarOf(shop.zone);
  const met = new Set(shop.events.filter(({ kind }) => kind === 0 || kind === 4).map(({ session, time }) => `${session} ${dateOf(time)}`));
  return ({ session, time }) => met.has(`${session} ${dateOf(time)}`);
}

function eventsByDay(shop: Shop): Map<string, ShopEvent[]> {
  const dateOf = calendarOf(shop.zone);
  return Map.groupBy(shop.events, ({ time }) => dateOf(time));
}

function ofTraffic(shop: Shop, events: readonly ShopEvent[], traffic: Traffic): ShopEvent[] {
  return events.filter(({ session }) => traffic === "all" || !shop.flagged.includes(session));
}

for (const zone of zones) {
  Deno.test(`day jobs count as a recount does in ${zone}`, async () => {
    const random = seededRandom(`shops in ${zone}`);
    const lab = await Lab.open(2);
    try {
      const archiver = lab.archiver();
      await archiver.recover();
      const shops: Shop[] = [];
      // Shops lie in years and seasons of their own, so that one lake holds them all.
      for (let i = 0; i < SHOPS_PER_ZONE; i++) {
        const days = oddDays(zone, FIRST_YEAR + (i >> 1));
        shops.push(randomShop(random, zone, days[i % 2], i % WEEK_EVERY === 0 ? 7 : 0));
        append(lab, shops[i].events);
      }
      await archiver.flush();
      for (const [i, shop] of shops.entries()) {
        if (i % WEEK_EVERY === 0) await checkWeek(lab, shop);
        else await checkDay(lab, shop, shop.date);
      }
    } finally {
      lab.close();
    }
  });
}

Deno.test("day jobs give a row shape and words for every column", () => {
  const names = jobTable.flatMap(({ tables }) => tables.map(({ name }) => name));
  assert.deepEqual(Object.keys(resultTables), names);
  assert.deepEqual(jobsPerDay, ["daily_metrics", "session_funnel", "popular_items"]);
  for (const { columns, schema } of Object.values(resultTables)) {
    assert.deepEqual(Object.keys(schema.shape), Object.keys(columns));
    for (const { description } of Object.values(columns)) assert.match(description, /^[A-Z(].{10,}$/);
  }
});
