// A server that is killed under load, and wherever else it hurts, loses nothing that it acknowledged and counts nothing twice: in windows, in
// the lake, in the figures of days and in dead letters. Idempotency keys and runs of day jobs outlive it, and it says what it found.
// GUARDIAN_TEST_KILLS: how many kills, in rounds of KILLS_PER_ROUND with a folder each. GUARDIAN_TEST_SEED repeats a run's choices.

import assert from "node:assert/strict";
import type { LastEnd } from "../../src/folder.ts";
import { random } from "../engine/oracle.ts";
import { type JobRun, overlapping } from "./runs.ts";
import { recountFigures, recountFunnel } from "../jobs/recount.ts";
import { tell } from "../support/proof.ts";
import { lastJson, program, run, serve, type Server } from "../support/process.ts";
import { checkDeadLetters, checkLake, checkStats, checkWindows } from "./checks.ts";
import { deaths, die } from "./deaths.ts";
import { Load, SOURCE, type Target } from "./load.ts";
import { SHOP_DATE, soldAs } from "./shop_day.ts";

const KILLS = Number(Deno.env.get("GUARDIAN_TEST_KILLS") ?? 6);
const KILLS_PER_ROUND = 50;
/** A round of so many kills has load for long enough that both rules fire. */
const LONG_KILLS = 6;
const CLIENTS = 3, PARTITIONS = 4;
const FLAGS = ["--archive-interval-s", "0.3"];

/** Sums over all rounds. */
const sums: Record<string, number> = {};

function count(figures: Record<string, number>): void {
  for (const [name, figure] of Object.entries(figures)) sums[name] = (sums[name] ?? 0) + figure;
}

Deno.test(`server that is killed ${KILLS} times has every acknowledged event once in windows, lake and day figures`, async () => {
  const given = Deno.env.get("GUARDIAN_TEST_SEED");
  const seed = given === undefined ? crypto.getRandomValues(new Uint32Array(1))[0] : Number(given);
  const next = random(seed);
  for (let kills = 0, number = 1; kills < KILLS; number++) {
    kills += await round(Math.min(KILLS_PER_ROUND, KILLS - kills), next, `seed ${seed}, round ${number}`);
  }
  tell("killed: server under load", { ...sums, seed });
});

/** Kills a server `most` times or a little more often; then checks everything. Returns the kills. */
async function round(most: number, next: () => number, told: string): Promise<number> {
  const data = await Deno.makeTempDir({ prefix: "guardian-kills-" });
  const target: Target = { url: "", generation: 0 }, load = new Load(target, next);
  let server: Server | null = null, loading: Promise<void> | null = null;
  try {
    server = await serve(data, ...FLAGS);
    target.url = server.url;
    loading = load.run(CLIENTS);
    loading.catch(() => {});
    let kills = 0;
    const first = Math.floor(next() * deaths.length);
    for (let i = 0; kills < most; i++) {
      const death = deaths[(first + i) % deaths.length];
      const dead = await die(death, { server, data, flags: FLAGS, next });
      kills += dead.kills;
      server = await serve(data, ...FLAGS);
      await checkToldRecovery(server, dead.ends, `${told}, ${death}`);
      target.url = server.url;
      target.generation++;
      load.check();
    }
    load.stop();
    await loading;
    await checkAll(server, data, load, told, kills >= LONG_KILLS);
    count({ kills, ...load.figures, events: load.promised.length });
    return kills;
  } finally {
    await server?.end("SIGKILL");
    load.giveUp();
    await loading?.catch(() => {});
    await Deno.remove(data, { recursive: true });
  }
}

/** The server says whether its folder was left in good order, and what it did about that. */
async function checkToldRecovery({ url }: Server, ends: readonly LastEnd[], told: string): Promise<void> {
  const { recovery } = await (await fetch(`${url}/health`)).json();
  assert.ok(ends.includes(recovery.last_end), `${told}: ${recovery.last_end} is none of ${ends.join()}`);
  assert.equal(recovery.lake.offsets_lost, 0, told);
  if (recovery.last_end === "stopped") {
    // A stop leaves nothing to be mended: no half of a file, no run, nothing that the engine has not stored.
    const { flush_finished, compaction_dropped, unfinished_files_removed, unlisted_files_moved } = recovery.lake;
    assert.deepEqual([flush_finished, compaction_dropped, unfinished_files_removed, unlisted_files_moved], [null, false, 0, 0], told);
    assert.deepEqual([recovery.catch_up.events, recovery.runs_interrupted, recovery.identity.checkpoint_torn], [0, 0, false], told);
  }
  count({
    starts: 1,
    flushes_finished: recovery.lake.flush_finished === null ? 0 : 1,
    compactions_dropped: recovery.lake.compaction_dropped ? 1 : 0,
    unfinished_files_removed: recovery.lake.unfinished_files_removed,
    unlisted_files_moved: recovery.lake.unlisted_files_moved,
    checkpoints_torn: recovery.identity.checkpoint_torn ? 1 : 0,
    runs_interrupted: recovery.runs_interrupted,
    events_read_again: recovery.events_read_again + recovery.catch_up.events,
  });
}

async function checkAll(server: Server, data: string, load: Load, told: string, long: boolean): Promise<void> {
  const { url } = server;
  assert.equal((await fetch(`${url}/sources/${SOURCE}/end`, { method: "POST" })).status, 200, told);
  await checkRuns(url, told);
  await (await fetch(`${url}/jobs/backfill`, { method: "POST", body: JSON.stringify({ from: SHOP_DATE, to: SHOP_DATE }) })).text();
  const figures = await figuresOf(url, SHOP_DATE);
  const late = await checkStats(url, load, told);
  assert.equal(await server.end("SIGTERM"), 0, `${told}: SIGTERM ends it in good order`);

  const { rows, ...wrong } = await checkLake(data, load.promised, told);
  const { flagged, ...windows } = await checkWindows(data, PARTITIONS, told, long);
  assert.equal(late, windows.late, `${told}: the counter of late events`);
  const letters = await checkDeadLetters(data, load.refused, told);
  checkFigures(figures, load, flagged, told, long);
  await checkLakeAfterCompaction(data, load, told);
  const verified = await run("verify", "--data", data, "--json");
  assert.equal(verified.code, 0, `${told}: ${verified.stdout}${verified.stderr}`);
  assert.equal(lastJson<{ rows: number }>(verified).rows, rows, told);
  count({ rows_in_the_lake: rows, ...wrong, dead_letters: letters, ...windows });
}

/** No run is lost, none is under way, and no two of a job were at the same time. */
async function checkRuns(url: string, told: string): Promise<void> {
  await (await fetch(`${url}/jobs/daily_metrics/runs?wait=true`, { method: "POST", body: JSON.stringify({ date: SHOP_DATE }) })).text();
  const runs: JobRun[] = await (await fetch(`${url}/jobs/runs?limit=1000`)).json();
  assert.deepEqual(overlapping(runs), [], `${told}: one run at a time`);
  assert.deepEqual(runs.filter(({ state }) => state === "running"), [], `${told}: none is said to be under way`);
  assert.equal(new Set(runs.map(({ number }) => number)).size, runs.length, `${told}: each try is there once`);
  const numbers = runs.map(({ number }) => number!).sort((a, b) => a - b);
  assert.deepEqual(numbers, Array.from(numbers, (_, i) => i + 1), `${told}: and none is missing`);
  const { due } = await (await fetch(`${url}/jobs`)).json();
  assert.ok(
    due === null || due.jobs.every(({ reason }: { reason: string }) => reason !== "interrupted"),
    `${told}: ${JSON.stringify(due)}`,
  );
  count({ runs: runs.length, runs_told_interrupted: runs.filter(({ state }) => state === "interrupted").length });
}

interface DayFigures {
  readonly all: Record<string, unknown>;
  readonly humans: Record<string, unknown>;
  readonly funnel: Record<string, unknown>[];
}

async function figuresOf(url: string, date: string): Promise<DayFigures> {
  const json = async (path: string) => {
    const response = await fetch(`${url}${path}`), body = await response.json();
    assert.equal(response.status, 200, JSON.stringify(body));
    return body;
  };
  return {
    all: await json(`/metrics/daily/${date}`),
    humans: await json(`/metrics/daily/${date}?traffic=humans`),
    funnel: await json(`/metrics/funnel/${date}`),
  };
}

/** Figures of the source's day are those of a recount of what was promised; people are those without a confirmed anomaly. */
function checkFigures({ all, humans, funnel }: DayFigures, load: Load, flagged: ReadonlySet<string>, told: string, long: boolean): void {
  const events = load.promised.filter(({ lane }) => lane === "source").map((event) => ({
    ...event,
    ...soldAs(event.kind, Number(event.item)),
    category: null,
    currency: null,
  }));
  const people = events.filter(({ session }) => !flagged.has(session));
  assert.ok(people.length < events.length || !long, `${told}: some sessions are flagged`);
  const figures = (given: Record<string, unknown>, like: object) =>
    Object.fromEntries(Object.keys(like).map((name) => [name, given[name]]));
  const wantAll = recountFigures(events, ""), wantHumans = recountFigures(people, "");
  assert.deepEqual(figures(all, wantAll), wantAll, `${told}: figures of the day`);
  assert.deepEqual(figures(humans, wantHumans), wantHumans, `${told}: figures of people`);
  const wantFunnel = recountFunnel(events, SHOP_DATE);
  assert.deepEqual(funnel.map((stage, i) => figures(stage, wantFunnel[i])), wantFunnel, `${told}: the funnel`);
}

/** The same rows are there once all files of each hour are one. */
async function checkLakeAfterCompaction(data: string, load: Load, told: string): Promise<void> {
  const { code, stderr } = await program("tests/crash/compacting.ts", [data, "once"]).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  await checkLake(data, load.promised, `${told}, compacted`);
}
