// A replay that is killed again and again ends where one that was left alone ends: the same anomalies, the same rows in the lake.

import assert from "node:assert/strict";
import { makeClicks, writeCsv } from "../../bench/clicks.ts";
import { guardian, lastJson, run } from "../support/process.ts";
import { lakeLines } from "../support/lake.ts";
import { random } from "../engine/oracle.ts";

const KILLS = Number(Deno.env.get("GUARDIAN_TEST_KILLS") ?? 6);

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

Deno.test(`replay that is killed ${KILLS} times has the same anomalies and the same lake as one that was not`, async () => {
  const seed = crypto.getRandomValues(new Uint32Array(1))[0];
  const next = random(seed);
  const folder = await Deno.makeTempDir();
  try {
    const file = `${folder}/clicks.csv`, calm = `${folder}/calm`, killed = `${folder}/killed`;
    const clicks = makeClicks(400_000, 8_000, 6 * 3_600_000);
    await writeCsv(clicks, file);
    const want = lastJson<Summary>(await run("replay", file, "--data", calm, "--replay-speed", "max", "--json"));
    assert.equal(want.accepted, 400_000);
    assert.ok(want.anomalies.HIGH_FREQUENCY > 20 && want.anomalies.BOT_LIKE > 20, JSON.stringify(want));

    let deaths = 0;
    for (let i = 0; i < KILLS; i++) {
      const child = guardian(["replay", file, "--data", killed, "--replay-speed", "max", "--json"]).spawn();
      const timer = setTimeout(() => child.kill("SIGKILL"), 300 + next() * 1_500);
      const { signal } = await child.output();
      clearTimeout(timer);
      if (signal === "SIGKILL") deaths++;
    }
    const last = lastJson<Summary>(await run("replay", file, "--data", killed, "--replay-speed", "max", "--json"));
    assert.equal(last.events, want.events, `seed ${seed}`);
    assert.equal(last.accepted + last.duplicates, want.accepted, `seed ${seed}`);
    assert.ok(deaths > 0, "at least one run has to die before its end");
    assert.deepEqual(last.anomalies, want.anomalies, `seed ${seed}`);
    assert.deepEqual(await lakeLines(killed, "raw_clicks"), await lakeLines(calm, "raw_clicks"), `seed ${seed}`);

    // Offsets and the order of partitions may differ, for chunks are cut elsewhere; what was found may not.
    const plain = (lines: string[]) =>
      lines.map((line) => ({ ...JSON.parse(line), evidence: undefined })).map((record) => JSON.stringify(record));
    assert.deepEqual(plain(await anomalies(killed)), plain(await anomalies(calm)), `seed ${seed}`);

    const again = lastJson<Summary>(await run("replay", file, "--data", killed, "--replay-speed", "max", "--json"));
    assert.deepEqual(
      [again.accepted, again.duplicates, again.anomalies],
      [0, want.accepted, want.anomalies],
      "a second run changes nothing",
    );
    const { code, stdout } = await run("verify", "--data", killed, "--json");
    assert.equal(code, 0, stdout);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
