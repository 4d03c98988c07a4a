// The list of anomalies in the dashboard: which news go into it, where, and what holds while a person is among its rows.

import assert from "node:assert/strict";
import { clicksOf, itemRows } from "../../static/pages/anomalies/clicks.ts";
import { type Filters, fits, listPath, PAGE_ROWS, pathOfOne, spanOf } from "../../static/pages/anomalies/filters.ts";
import { afterAnswer, afterNews, afterVerdict, type Circumstances, noRows, shownAll } from "../../static/pages/anomalies/live_list.ts";
import type { Anomaly } from "../../static/shell/answers.ts";

const START = Date.parse("2026-11-22T10:00:00.000Z");

function anomaly(second: number, more: Partial<Anomaly> = {}): Anomaly {
  const window_start = new Date(START + second * 1000).toISOString();
  return {
    anomaly_id: `a${second}`,
    session_id: second,
    anomaly_type: "HIGH_FREQUENCY",
    click_count: 50,
    unique_items: 3,
    unique_items_capped: false,
    window_start,
    window_end: new Date(START + second * 1000 + 10_000).toISOString(),
    detected_at: window_start,
    event_time: window_start,
    status: "confirmed",
    rule_version: 1,
    severity: "low",
    score: 50,
    reason: "50 clicks within 10 seconds",
    lane: "live",
    evidence: [],
    feedback: null,
    ...more,
  };
}

const first: Circumstances = { still: false, newestPage: true, hasOlder: false, fits: () => true };
const listOf = (...seconds: number[]) => afterAnswer(noRows, seconds.map((second) => anomaly(second)), { still: false });
const ids = (rows: readonly Anomaly[]) => rows.map(({ anomaly_id }) => anomaly_id);
const full = () => listOf(...Array.from({ length: PAGE_ROWS }, (_, i) => 1000 - i));

Deno.test("list puts news in order of their windows when nobody is among the rows", () => {
  const list = afterNews(listOf(30, 10), [anomaly(20), anomaly(40)], first);
  assert.deepEqual(ids(list.rows), ["a40", "a30", "a20", "a10"]);
});

Deno.test("list sorts windows that begin together as the API does, by id from the last", () => {
  const news = [anomaly(10, { anomaly_id: "b" }), anomaly(10, { anomaly_id: "c" }), anomaly(10, { anomaly_id: "Z" })];
  assert.deepEqual(ids(afterNews(listOf(10), news, first).rows), ["c", "b", "a10", "Z"]);
});

Deno.test("list changes the row of an anomaly that is shown, and no other", () => {
  const before = listOf(30, 20, 10);
  const list = afterNews(before, [anomaly(20, { status: "retracted" })], first);
  assert.deepEqual(list.rows.map(({ status }) => status), ["confirmed", "retracted", "confirmed"]);
  assert.equal(list.rows[0], before.rows[0]);
  assert.equal(list.rows[2], before.rows[2]);
});

Deno.test("list keeps what is decided when news were overtaken", () => {
  const shown = afterAnswer(noRows, [anomaly(20, { status: "confirmed" }), anomaly(10, { status: "provisional", click_count: 70 })], first);
  const late = [anomaly(20, { status: "provisional" }), anomaly(10, { status: "provisional", click_count: 60 })];
  assert.deepEqual(afterNews(shown, late, first).rows, shown.rows);
});

Deno.test("list leaves out news that do not fit what is chosen", () => {
  const list = afterNews(listOf(10), [anomaly(20), anomaly(30, { severity: "high" })], {
    ...first,
    fits: ({ severity }) => severity === "high",
  });
  assert.deepEqual(ids(list.rows), ["a30", "a10"]);
});

Deno.test("list takes no new rows on an older page", () => {
  const list = afterNews(listOf(10), [anomaly(20), anomaly(10, { feedback: "bot" })], { ...first, newestPage: false });
  assert.deepEqual(list.rows.map(({ anomaly_id, feedback }) => [anomaly_id, feedback]), [["a10", "bot"]]);
});

Deno.test("list leaves to older pages what is older than its last row", () => {
  assert.deepEqual(ids(afterNews(listOf(10), [anomaly(5)], { ...first, hasOlder: true }).rows), ["a10"]);
  assert.deepEqual(ids(afterNews(listOf(10), [anomaly(5)], first).rows), ["a10", "a5"]);
});

Deno.test("list has a page of rows at the most, and counts those that went out", () => {
  const list = afterNews(full(), [anomaly(2000), anomaly(2001), anomaly(2002)], first);
  assert.equal(list.rows.length, PAGE_ROWS);
  assert.equal(list.pushedOut, 3);
  assert.deepEqual(ids(list.rows).slice(0, 2), ["a2002", "a2001"]);
});

Deno.test("list holds new rows back, and changes shown ones in place, when a person is among them", () => {
  const list = afterNews(listOf(30, 10), [anomaly(40), anomaly(20), anomaly(10, { click_count: 99 })], { ...first, still: true });
  assert.deepEqual(ids(list.rows), ["a30", "a10"]);
  assert.equal(list.rows[1].click_count, 99);
  assert.deepEqual(ids(list.held), ["a40", "a20"]);
});

Deno.test("list holds no more back than a page of rows: the newest", () => {
  const news = Array.from({ length: PAGE_ROWS + 5 }, (_, i) => anomaly(100 + i));
  const list = afterNews(listOf(10), news, { ...first, still: true });
  assert.equal(list.held.length, PAGE_ROWS);
  assert.equal(list.held[0].anomaly_id, `a${100 + PAGE_ROWS + 4}`);
});

Deno.test("list drops from what it holds back an anomaly that fits no more", () => {
  const notRetracted = { ...first, still: true, fits: ({ status }: Anomaly) => status !== "retracted" };
  const holding = afterNews(listOf(10), [anomaly(20, { status: "provisional" })], notRetracted);
  assert.equal(holding.held.length, 1);
  assert.equal(afterNews(holding, [anomaly(20, { status: "retracted" })], notRetracted).held.length, 0);
});

Deno.test("list shows what was held when told to, and with the next news once nobody is among the rows", () => {
  const holding = afterNews(listOf(10), [anomaly(20)], { ...first, still: true });
  assert.deepEqual(ids(shownAll(holding).rows), ["a20", "a10"]);
  assert.deepEqual(shownAll(holding).held, []);
  assert.deepEqual(ids(afterNews(holding, [anomaly(30)], first).rows), ["a30", "a20", "a10"]);
});

Deno.test("list is what the server answers when nobody is among the rows, with the same objects for what is the same", () => {
  const before = listOf(30, 20, 10);
  const list = afterAnswer(before, [anomaly(40), anomaly(30), anomaly(20, { status: "retracted" })], { still: false });
  assert.deepEqual(ids(list.rows), ["a40", "a30", "a20"]);
  assert.equal(list.rows[1], before.rows[0]);
  assert.equal(list.rows[2].status, "retracted");
});

Deno.test("list keeps its rows when an answer comes while a person is among them", () => {
  const list = afterAnswer(listOf(30, 10), [anomaly(40), anomaly(30, { feedback: "human" })], { still: true });
  assert.deepEqual(list.rows.map(({ anomaly_id, feedback }) => [anomaly_id, feedback]), [["a30", "human"], ["a10", null]]);
  assert.deepEqual(ids(list.held), ["a40"]);
});

Deno.test("list keeps nothing of another shop, wherever a person is", () => {
  assert.deepEqual(ids(afterAnswer(listOf(30, 10), [anomaly(5)], { still: true }).rows), ["a5"]);
  assert.deepEqual(afterAnswer(listOf(30, 10), [], { still: true }).rows, []);
});

Deno.test("list shows a verdict on all rows of its session, those held back too", () => {
  const holding = afterNews(afterAnswer(noRows, [anomaly(20, { session_id: 7 }), anomaly(10, { session_id: "8" })], first), [
    anomaly(30, { session_id: "7" }),
  ], { ...first, still: true });
  const list = afterVerdict(holding, "7", "human");
  assert.deepEqual(list.rows.map(({ feedback }) => feedback), ["human", null]);
  assert.deepEqual(list.held.map(({ feedback }) => feedback), ["human"]);
});

const all: Filters = { type: null, severity: null, status: null, session: null, from: null, to: null };

Deno.test("filters ask for whole local days of the shop", () => {
  const days = { from: "2026-10-25", to: "2026-10-25" };
  assert.deepEqual(spanOf(days, "Europe/Berlin"), { since: "2026-10-24T22:00:00.000Z", until: "2026-10-25T23:00:00.000Z" });
  assert.deepEqual(spanOf({ from: null, to: "2026-12-31" }, "UTC"), { since: null, until: "2027-01-01T00:00:00.000Z" });
});

Deno.test("filters become a request in which any session id stays what it is", () => {
  const path = listPath({ ...all, session: "a&b=<c> ü", severity: "high" }, "UTC", "next");
  const query = new URL(path, "http://localhost").searchParams;
  assert.deepEqual([...query], [["limit", String(PAGE_ROWS)], ["severity", "high"], ["session_id", "a&b=<c> ü"], ["cursor", "next"]]);
});

Deno.test("filters let through what the API would: each choice at its edge", () => {
  const one = anomaly(0, { session_id: 11 });
  const cases: [Partial<Filters>, boolean][] = [
    [{}, true],
    [{ type: "BOT_LIKE" }, false],
    [{ type: "HIGH_FREQUENCY" }, true],
    [{ severity: "high" }, false],
    [{ status: "retracted" }, false],
    [{ status: "all" }, true],
    [{ session: "11" }, true],
    [{ session: "1" }, false],
    [{ from: "2026-11-22", to: "2026-11-22" }, true],
    [{ to: "2026-11-21" }, false],
    [{ from: "2026-11-23" }, false],
  ];
  for (const [choice, expected] of cases) assert.equal(fits(one, { ...all, ...choice }, "UTC"), expected, JSON.stringify(choice));
  const retracted = anomaly(0, { status: "retracted" });
  assert.equal(fits(retracted, all, "UTC"), false);
  assert.equal(fits(retracted, { ...all, status: "all" }, "UTC"), true);
  assert.equal(fits(anomaly(0, { window_start: "2026-11-23T00:00:00.000Z" }), { ...all, to: "2026-11-22" }, "UTC"), false);
  assert.equal(fits(anomaly(0, { window_start: "2026-11-22T23:59:59.999Z" }), { ...all, to: "2026-11-22" }, "UTC"), true);
});

Deno.test("one anomaly is looked for by its session, and by its window where that is known", () => {
  const query = (path: string) => Object.fromEntries(new URL(path, "http://localhost").searchParams);
  assert.deepEqual(query(pathOfOne("11", null)), { limit: "1000", status: "all", session_id: "11" });
  assert.deepEqual(query(pathOfOne("11", "2026-11-22T10:00:00.000Z")), {
    limit: "1000",
    status: "all",
    session_id: "11",
    since: "2026-11-22T10:00:00.000Z",
    until: "2026-11-22T10:00:00.001Z",
  });
  assert.deepEqual(query(pathOfOne("11", "nonsense")), { limit: "1000", status: "all", session_id: "11" });
});

const happened = (second: number, item_id: number | string | null, kind = "click") => ({
  timestamp: new Date(START + second * 1000).toISOString(),
  kind,
  item_id,
  partition: 0,
  offset: second,
});

Deno.test("clicks are told apart from other events, sorted, and know whether they are in the window", () => {
  const clicks = clicksOf([happened(10, 1), happened(0, 1), happened(5, 1, "purchase"), happened(9, 2)], START, START + 10_000);
  assert.deepEqual(clicks.map(({ offset, inWindow }) => [offset, inWindow]), [[0, true], [9, true], [10, false]]);
});

Deno.test("items have a row each, the busiest first, and the least clicked share the last when there are many", () => {
  const few = itemRows(clicksOf([happened(1, 7), happened(2, "7"), happened(3, "7"), happened(4, null)], START, START + 9_000));
  assert.deepEqual(few.map(({ label, clicks }) => [label, clicks]), [["7", 2], ["7", 1], ["no item", 1]]);
  const nine = Array.from({ length: 9 }, (_, i) => Array.from({ length: 9 - i }, (_, j) => happened(i * 10 + j, i))).flat();
  const rows = itemRows(clicksOf(nine, START, START + 9_000));
  assert.equal(rows.length, 8);
  assert.deepEqual(rows[7], { label: "2 others", ids: ["7", "8"], clicks: 3, others: true });
  assert.equal(rows.reduce((sum, { clicks }) => sum + clicks, 0), nine.length);
});
