// The blocklist: who is on it and for how long, at the edges of time and number, in each format; and over the API with verdicts.

import assert from "node:assert/strict";
import type { FeedbackVerdict } from "../../src/detect/anomaly.ts";
import { limits } from "../../src/limits.ts";
import type { AnomalyFacts } from "../../src/store/anomalies.ts";
import { type Blocked, blocklistCsv, blocklistLines, blocklistOf, type BlocklistOrder, blocklistSpan } from "../../src/web/blocklist.ts";
import { clicks, closing, type Lab, withLab } from "./lab.ts";

const NOW = Date.UTC(2026, 0, 2, 12), HOUR = 3_600_000;

function facts(session: string, end: number, given: Partial<AnomalyFacts> = {}): AnomalyFacts {
  const plain = { type: "HIGH_FREQUENCY", status: "confirmed", severity: "low", score: 54, reason: `seen ${end}` } as const;
  return { session, start: end - 10_000, end, ...plain, ...given };
}

/** The list of anomalies, which are given in any order. */
function listOf(some: readonly AnomalyFacts[], given: Partial<BlocklistOrder> = {}, verdicts: Record<string, FeedbackVerdict> = {}) {
  const order = { now: NOW, hours: 24, limit: limits.blocklistMax, ...given }, { since, until } = blocklistSpan(order);
  const found = some.filter(({ start }) => start >= since && start < until).toSorted((a, b) => b.start - a.start);
  async function* all() {
    yield* await Promise.resolve(found);
  }
  return blocklistOf(all(), (session) => verdicts[session] ?? null, order);
}

const names = (sessions: readonly Blocked[]) => sessions.map(({ session_id }) => session_id);

Deno.test("blocklist has one entry a session, with what was found of it and how long it stays", async () => {
  const { sessions, cut } = await listOf([
    facts("7", NOW - HOUR, { severity: "high", score: 80 }),
    facts("7", NOW - 2 * HOUR, { type: "BOT_LIKE", start: NOW - 2 * HOUR - 60_000, score: 60 }),
    facts("x", NOW - 30 * 60_000),
    facts("7", NOW - 23 * HOUR),
  ]);
  assert.equal(cut, false);
  assert.deepEqual(names(sessions), ["x", 7]);
  assert.deepEqual(sessions[1], {
    session_id: 7,
    anomaly_types: ["HIGH_FREQUENCY", "BOT_LIKE"],
    anomalies: 3,
    severity: "high",
    score: 80,
    first_seen: new Date(NOW - 23 * HOUR - 10_000).toISOString(),
    last_seen: new Date(NOW - HOUR).toISOString(),
    reason: `seen ${NOW - HOUR}`,
    verdict: null,
    expires_at: new Date(NOW + 23 * HOUR).toISOString(),
    ttl_s: 23 * 3600,
  });
});

Deno.test("blocklist ends where its hours end, and has nothing of what is to come", async () => {
  for (const hours of [1, 24, limits.blocklistHoursMax]) {
    const edge = NOW - hours * HOUR;
    const { sessions } = await listOf([
      facts("at the edge", edge),
      facts("within", edge + 1),
      facts("long window", edge + 1, { start: edge + 1 - 60_000 }),
      facts("years ago", Date.UTC(2014, 3, 7)),
      facts("tomorrow", NOW + 24 * HOUR),
    ], { hours });
    assert.deepEqual(names(sessions), ["long window", "within"], `${hours} hours`);
    assert.deepEqual(sessions.map(({ ttl_s }) => ttl_s), [1, 1]);
  }
});

Deno.test("blocklist follows what people say before what rules say", async () => {
  const some = [
    facts("human", NOW - HOUR),
    facts("bot", NOW - HOUR, { status: "retracted" }),
    facts("open", NOW + 5_000, { status: "provisional" }),
    facts("unsaid", NOW - HOUR, { status: "provisional" }),
    facts("gone", NOW - HOUR, { status: "retracted" }),
    facts("found", NOW - HOUR),
  ];
  const verdicts = { human: "human", bot: "bot", open: "bot" } as const;
  const { sessions } = await listOf(some, {}, verdicts);
  assert.deepEqual(sessions.map(({ session_id, verdict }) => [session_id, verdict]), [["open", "bot"], ["bot", "bot"], ["found", null]]);
  const severe = await listOf([...some, facts("severe", NOW - HOUR, { severity: "high" })], { minSeverity: "medium" }, verdicts);
  assert.deepEqual(names(severe.sessions), ["open", "bot", "severe"]);
});

Deno.test("blocklist is the newest sessions at its limit -1, 0, +1, and says when it is cut", async () => {
  const some = Array.from({ length: 5 }, (_, i) => facts(`s${i}`, NOW - i * 60_000));
  for (const [limit, cut] of [[4, true], [5, false], [6, false]] as const) {
    const list = await listOf(some, { limit });
    assert.deepEqual([names(list.sessions), list.cut], [["s0", "s1", "s2", "s3", "s4"].slice(0, limit), cut]);
  }
  for (const more of [-1, 0, 1]) {
    const many = Array.from({ length: limits.blocklistMax + more }, (_, i) => facts(`s${i}`, NOW - i));
    const { sessions, cut } = await listOf([...many, facts("s0", NOW - HOUR)]);
    assert.deepEqual([sessions.length, cut], [limits.blocklistMax + Math.min(more, 0), more > 0], `${more}`);
    assert.equal(sessions[0].anomalies, 2, "sessions that are on it are counted on");
    const one = Array.from({ length: limits.blocklistScanMax + more }, (_, i) => facts("one", NOW - i));
    const scanned = await listOf(one);
    assert.deepEqual([scanned.sessions[0].anomalies, scanned.cut], [limits.blocklistScanMax + Math.min(more, 0), more > 0]);
  }
});

Deno.test("blocklist in CSV is safe to open, and its lines hold what is one line", async () => {
  const ids = ["=1+1", "@SUM(A1)", "-2", 'quo"te', "com,ma", "two\nlines", "tab\tin", "plain", "12", "ä €", "line\u2028end", "\u001b[2J"];
  const { sessions } = await listOf(ids.map((id, i) => facts(id, NOW - i * 60_000)));
  const csv = blocklistCsv(sessions);
  assert.ok(csv.startsWith("session_id,anomaly_types,anomalies,severity,score,first_seen,last_seen,reason,verdict,expires_at,ttl_s\r\n"));
  for (const text of ["'=1+1,", "'@SUM(A1),", "'-2,", '"quo""te",', '"com,ma",', '"two\nlines",', "plain,", "12,"]) {
    assert.ok(csv.includes(`\r\n${text}HIGH_FREQUENCY,1,low,54,`), text);
  }
  assert.deepEqual(blocklistLines(sessions), { text: '=1+1\n@SUM(A1)\n-2\nquo"te\ncom,ma\nplain\n12\nä €\n', leftOut: 4 });
});

/** Bots of a minute ago, and one of years ago. */
async function withBots(work: (lab: Lab) => Promise<void>): Promise<void> {
  await withLab(async (lab) => {
    const ago = Math.floor((Date.now() - 180_000) / 60_000) * 60_000;
    await lab.post(clicks("old", 60));
    await lab.post([...clicks("bot", 60, ago), ...clicks(12, 400, ago + 10_000, 20)].sort((a, b) => stamp(a) - stamp(b)));
    await lab.post(closing(ago + 100_000));
    await lab.guardian.caughtUp();
    await work(lab);
  });
}

const stamp = (event: object) => (event as { timestamp: number }).timestamp;

Deno.test("blocklist comes as JSON, CSV and lines, by parameter and by Accept", async () => {
  await withBots(async (lab) => {
    const get = async (query: string, accept?: string) => {
      const response = await lab.fetch(`/blocklist${query}`, accept === undefined ? {} : { headers: { accept } });
      assert.equal(response.headers.get("vary"), "Accept");
      assert.equal(response.headers.get("cache-control"), "no-store");
      assert.match(response.headers.get("blocklist-generated-at")!, /^\d{4}-.+Z$/);
      return { type: response.headers.get("content-type"), headers: response.headers, text: await response.text() };
    };
    const json = await get("");
    assert.deepEqual(names(JSON.parse(json.text)).toSorted(), [12, "bot"]);
    for (const accept of ["*/*", "application/json", "text/html,application/xhtml+xml,*/*;q=0.8", "image/png"]) {
      assert.equal((await get("", accept)).type, "application/json", accept);
    }
    for (const [query, accept] of [["?format=csv", "application/json"], ["", "text/csv"], ["", "text/plain;q=0.1, text/csv"]]) {
      const { type, text } = await get(query, accept);
      assert.deepEqual([type, text.split("\r\n").length], ["text/csv; charset=utf-8", 4], query + accept);
    }
    for (const [query, accept] of [["?format=lines", undefined], ["", "text/plain"]]) {
      const { type, text, headers } = await get(query!, accept);
      assert.deepEqual([type, text.split("\n").toSorted()], ["text/plain; charset=utf-8", ["", "12", "bot"]]);
      assert.equal(headers.get("blocklist-left-out"), "0");
    }
    assert.deepEqual(names(JSON.parse((await get("?min_severity=critical")).text)), [12]);
    assert.equal(json.headers.get("blocklist-truncated"), null);
    const one = await get("?limit=1");
    assert.deepEqual([JSON.parse(one.text).length, one.headers.get("blocklist-truncated")], [1, "true"]);
    for (const query of ["hours=0", "hours=721", "limit=0", "limit=10001", "format=xml", "min_severity=huge", "hour=1"]) {
      assert.equal((await lab.fetch(`/blocklist?${query}`)).status, 400, query);
    }
  });
});

Deno.test("a verdict takes a session off the blocklist, and brings it back", async () => {
  await withBots(async (lab) => {
    const listed = async () => names(await (await lab.fetch("/blocklist?limit=10")).json()).map(String).toSorted();
    const say = (session: string, verdict: string | null) =>
      lab.fetch(`/sessions/${session}/feedback`, { method: "POST", body: JSON.stringify({ verdict }) });
    assert.equal((await say("bot", "human")).status, 200);
    assert.deepEqual(await listed(), ["12"]);
    await say("bot", "bot");
    await say("12", "human");
    assert.deepEqual(await listed(), ["bot"]);
    await say("old", "bot");
    assert.deepEqual(await listed(), ["bot"], "what was years ago stays there");
    await say("12", null);
    assert.deepEqual(await listed(), ["12", "bot"]);
  });
});
