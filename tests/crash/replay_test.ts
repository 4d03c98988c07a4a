// A replay that is killed again and again ends where one that was left alone ends: the same anomalies, the same rows in the lake.

import assert from "node:assert/strict";
import { makeClicks, writeCsv } from "../../bench/clicks.ts";
import { guardian, lastJson, run } from "../support/process.ts";
import { lakeLines } from "../support/lake.ts";
import { random } from "../engine/oracle.ts";
import { tell } from "../support/proof.ts";

const KILLS = Number(Deno.env.get("GUARDIAN_TEST_REPLAY_KILLS") ?? 6);

interface Summary {
  events: number;
  accepted: number;
  rejected: number;
  duplicates: number;
  late: number;
  anomalies: Record<string, number>;
}

/** Anomalies without what a wall clock decides. */
async function anomalies(data: string): Promise<string[]> {
  const { code, stdout, stderr } = await run("anomalies", "--data", data, "--json", "--status", "all");
  assert.equal(code, 0, stderr);
  return stdout.trimEnd().split("\n").map((line) => {
    const { detected_at: _detected, ...rest } = JSON.parse(line);
    return JSON.stringify(rest);
  });
}

/** Kills before a folder's replay is left to come to its end. */
const KILLS_PER_FOLDER = 3;

Deno.test(`replay that is killed ${KILLS} times has the same anomalies and the same lake as one that was not`, async () => {
  const seed = crypto.getRandomValues(new Uint32Array(1))[0];
  const next = random(seed);
  const folder = await Deno.makeTempDir();
  try {
    const file = `${folder}/clicks.csv`, calm = `${folder}/calm`;
    await writeCsv(makeClicks(400_000, 8_000, 6 * 3_600_000), file);
    const replay = (data: string) => ["replay", file, "--data", data, "--replay-speed", "max", "--json"];
    const started = performance.now();
    const want = lastJson<Summary>(await run(...replay(calm)));
    const wholeMs = performance.now() - started;
    assert.equal(want.accepted, 400_000);
    assert.ok(want.anomalies.HIGH_FREQUENCY > 20 && want.anomalies.BOT_LIKE > 20, JSON.stringify(want));
    const rows = await lakeLines(calm, "raw_clicks"), found = await anomalies(calm);

    let deaths = 0;
    for (let trial = 0; trial * KILLS_PER_FOLDER < KILLS; trial++) {
      const killed = `${folder}/killed-${trial}`;
      for (let i = 0; i < KILLS_PER_FOLDER; i++) {
        const child = guardian(replay(killed)).spawn();
        const timer = setTimeout(() => child.kill("SIGKILL"), wholeMs * (0.15 + 0.75 * next()));
        const { signal } = await child.output();
        clearTimeout(timer);
        if (signal === "SIGKILL") deaths++;
      }
      const last = lastJson<Summary>(await run(...replay(killed)));
      const told = `seed ${seed}, folder ${trial}`;
      assert.equal(last.accepted + last.duplicates, want.accepted, told);
      assert.deepEqual([last.events, last.anomalies], [want.events, want.anomalies], told);
      assert.deepEqual(await lakeLines(killed, "raw_clicks"), rows, told);
      assert.deepEqual(await anomalies(killed), found, told);
      const again = lastJson<Summary>(await run(...replay(killed)));
      assert.deepEqual(
        [again.accepted, again.duplicates, again.anomalies],
        [0, want.accepted, want.anomalies],
        `${told}: a second run changes nothing`,
      );
      const { code, stdout } = await run("verify", "--data", killed, "--json");
      assert.equal(code, 0, stdout);
      await Deno.remove(killed, { recursive: true });
    }
    assert.ok(deaths >= KILLS / 3, `${deaths} of ${KILLS} runs died before their end`);
    tell("killed: replay", { runs: KILLS, killed: deaths, rows_of_each: want.accepted, anomalies_of_each: found.length, seed });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
