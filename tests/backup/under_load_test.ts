// Backups of a real server under load, by a process of their own: each is restored elsewhere and compared with what the server's own log
// says in the end, and with naive recounts. GUARDIAN_TEST_BACKUPS: how many.

import assert from "node:assert/strict";
import { readSheet, restore, type Sheet } from "../../src/backup/mod.ts";
import type { BackupOut } from "../../src/cli/backup.ts";
import { Load } from "../crash/load.ts";
import { SHOP_DATE } from "../crash/shop_day.ts";
import { random } from "../engine/oracle.ts";
import { lastJson, run, serve } from "../support/process.ts";
import { tell } from "../support/proof.ts";
import { Chain, type Done } from "./chain.ts";
import { type Entry, logOf, paced } from "./folder.ts";
import { checkGoesOn, checkMoment, checkResults } from "./restored.ts";

const BACKUPS = Number(Deno.env.get("GUARDIAN_TEST_BACKUPS") ?? 2);

interface Taken {
  readonly data: string;
  readonly sheet: Sheet;
  readonly before: Done;
  readonly after: Done;
  /** How many events of other clients had been answered before. */
  readonly promised: number;
}

/** Counts the day of the source again and again, so that files of results change all the time. */
async function countDays(url: string, signal: AbortSignal): Promise<number> {
  let runs = 0;
  while (!signal.aborted) {
    const body = JSON.stringify({ date: SHOP_DATE });
    const response = await fetch(`${url}/jobs/daily_metrics/runs?wait=true`, {
      method: "POST",
      body,
      headers: { "content-type": "application/json" },
    });
    if (response.status === 200 && (await response.json()).state === "succeeded") runs++;
    else await response.body?.cancel();
    await paced(20);
  }
  return runs;
}

Deno.test(`${BACKUPS} backups of a server under load are each the moment that they name, and go on from there`, async () => {
  const seed = crypto.getRandomValues(new Uint32Array(1))[0], next = random(seed), told = `seed ${seed}`;
  const folder = await Deno.makeTempDir({ prefix: "guardian-backup-" });
  try {
    const data = `${folder}/data`, server = await serve(data, "--archive-interval-s", "1");
    const load = new Load({ url: server.url, generation: 0 }, next), chain = new Chain(server.url), counting = new AbortController();
    const taken: Taken[] = [];
    let runs = 0;
    try {
      await chain.prepare();
      const going = Promise.all([load.run(2), chain.run()]);
      going.catch(() => {});
      const counted = countDays(server.url, counting.signal);
      for (let i = 0; i < BACKUPS; i++) {
        await paced(100 + next() * 400);
        const before = chain.done, promised = load.promised.length;
        const out = lastJson<BackupOut>(await run("backup", `${folder}/backup-${i}`, "--data", data, "--json"));
        const after = chain.done;
        assert.deepEqual([out.ok, out.damaged], [true, []], told);
        const sheet = await readSheet(`${folder}/backup-${i}`);
        assert.equal(sheet.moment, out.moment);
        taken.push({ data: `${folder}/restored-${i}`, sheet, before, after, promised });
        if (i > 0) await restore({ folder: `${folder}/backup-${i}`, data: taken[i].data });
      }
      load.stop();
      chain.stop();
      await going;
      counting.abort();
      runs = await counted;
    } finally {
      assert.equal(await server.end("SIGTERM"), 0, told);
    }
    const restored = lastJson<{ ok: boolean; moment: string }>(
      await run("restore", `${folder}/backup-0`, "--data", taken[0].data, "--json"),
    );
    assert.deepEqual([restored.ok, restored.moment], [true, taken[0].sheet.moment]);

    const original = await logOf(data);
    const figures = { events: 0, anomalies: 0, figures: 0, results: 0 };
    for (const { data, sheet, before, after, promised } of taken) {
      const log = await checkMoment(data, sheet, original, before, after);
      figures.events += log.flat().length;
      checkPromised(log, load, promised);
      figures.results += await checkResults(data);
      const { anomalies, figures: ofDay } = await checkGoesOn(data, told);
      figures.anomalies += anomalies;
      figures.figures += ofDay;
    }
    assert.ok(runs > 0 && figures.anomalies > 0 && figures.results > 0, JSON.stringify({ runs, figures }));
    await checkTakenUp(taken[taken.length - 1], chain);
    tell("backup while running, restored elsewhere", {
      backups: taken.length,
      events_compared: figures.events,
      anomalies_compared: figures.anomalies,
      figures_of_days_compared: figures.figures,
      results_compared: figures.results,
      differences: 0,
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** What clients had been promised before the backup began is in it. */
function checkPromised(log: readonly Entry[][], load: Load, promised: number): void {
  const left = new Map<string, number>();
  for (const { event } of log.flat()) {
    if (event === null) continue;
    const key = `${event.session}|${event.time}|${event.item}`;
    left.set(key, (left.get(key) ?? 0) + 1);
  }
  for (const { session, time, item } of load.promised.slice(0, promised)) {
    const key = `${session}|${time}|${item}`;
    assert.ok((left.get(key) ?? 0) > 0, `promised before the backup: ${key}`);
    left.set(key, left.get(key)! - 1);
  }
}

/** A client that sends everything again, with its keys, to a server over the restored folder: what that has is a duplicate, the rest is taken. */
async function checkTakenUp({ data }: Taken, chain: Chain): Promise<void> {
  const has = (await logOf(data)).flat().filter(({ event }) => event?.session === "chain").length;
  const server = await serve(data);
  try {
    let duplicates = 0, accepted = 0;
    for (let number = 0; number < chain.done.events; number++) {
      const answer = await chain.send(number, server.url);
      duplicates += answer.duplicates;
      accepted += answer.accepted;
    }
    assert.deepEqual([duplicates, accepted], [has, chain.done.events - has]);
  } finally {
    assert.equal(await server.end("SIGTERM"), 0);
  }
  assert.equal((await logOf(data)).flat().filter(({ event }) => event?.session === "chain").length, chain.done.events);
}
