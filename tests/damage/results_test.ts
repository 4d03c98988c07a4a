// Files of day jobs, cut short, with flipped bits and gone: `verify` names them, no job and no export reads them, and running the day again
// makes them whole.

import assert from "node:assert/strict";
import { runJob } from "../../jobs/mod.ts";
import { verifyLake } from "../../src/lake/mod.ts";
import { expectResult, wrongWithResult } from "../../src/lake/result_sums.ts";
import { limits } from "../../src/limits.ts";
import { rawKv } from "../../src/store/sealed.ts";
import { stateKeys } from "../../src/store/keys.ts";
import { tell } from "../support/proof.ts";
import { DAYS, flips, makeShop, openShop, randomFrom, type Shop, truncations } from "./shop_folder.ts";

const SEED = 20_140_410;

Deno.test("a file of day jobs that is damaged is named, read by nothing, and made whole by running its day again", async () => {
  const random = randomFrom(SEED), data = await makeShop(), shop = await openShop(data, false);
  const { state: kv, duck: { lakeFolder } } = shop.guardian, [date, other] = DAYS;
  let named = 0, refused = 0;
  try {
    const files = (await Array.fromAsync(kv.list({ prefix: stateKeys.allResultSums() }))).map(({ key }) => String(key[1]))
      .filter((file) => file.includes(`dt=${date}`));
    assert.ok(["sessions", "items", "daily_metrics", "summary"].every((table) => files.some((file) => file.includes(`/${table}/`))));
    for (const file of files) {
      const path = `${lakeFolder}/${file}`, whole = await Deno.readFile(path), table = file.split("/")[1];
      for (const harm of [...truncations(2), ...flips(4, random), null]) {
        const what = harm?.(whole.length), told = `${file}: ${what?.what ?? "gone"}`;
        if (what === undefined) await Deno.remove(path);
        else await Deno.writeFile(path, what.apply(whole));
        const { findings } = await verifyLake(optionsOf(shop));
        assert.deepEqual(findings.map(({ file }) => file), [file], told);
        const ofMany = table === "summary" || table === "trending";
        assert.equal(findings[0].mend, `Run that day again: jobs run ${date}${ofMany ? ` --job ${table}` : ""}`);
        named++;
        if (table === "sessions" || table === "items") {
          const code = what === undefined ? "not_found" : "corrupt";
          await assert.rejects(
            runJob("session_funnel", date, shop.service.days.context),
            ({ code: is, message }: Error & { code: string }) => is === code && message.includes("run daily_metrics for it again"),
            told,
          );
        } else {
          const answer = await shop.fetch(`/export/${table}?format=ndjson&start_date=${date}&end_date=${date}`);
          assert.notEqual(answer.status, 200, told);
          assert.match(await answer.text(), /run that day again/, told);
        }
        refused++;
        await Deno.writeFile(path, whole);
      }
    }
    for (const file of files) {
      const path = `${lakeFolder}/${file}`, whole = await Deno.readFile(path);
      await Deno.writeFile(path, flips(1, random)[0](whole.length).apply(whole));
    }
    const goesOn = await shop.fetch(`/export/daily_metrics?format=ndjson&start_date=${other}&end_date=${other}`);
    assert.equal(goesOn.status, 200, "the other day goes on");
    await goesOn.body?.cancel();
    const { runs } = await shop.service.days.runDay(date);
    assert.ok(runs.every(({ state }) => state === "succeeded"), JSON.stringify(runs));
    for (const job of ["trending", "summary"] as const) {
      const { state } = await shop.service.days.runJob(job, date);
      assert.equal(state, "succeeded");
    }
    const left = (await verifyLake(optionsOf(shop))).findings.map(({ file }) => file);
    assert.deepEqual(left, [], "whole again");
  } finally {
    await shop.close();
    await Deno.remove(data, { recursive: true });
  }
  tell("files damaged: results of day jobs", { damages: named, named_by_verify: named, readers_that_refused: refused, served_as_good: 0 });
});

Deno.test("a file of day jobs is whole at every moment of being replaced, and one whose sum was never kept is taken as it is", async () => {
  const folder = await Deno.makeTempDir({ prefix: "guardian-damage-" });
  using kv = await Deno.openKv(":memory:");
  const file = "results/summary/dt=2014-04-07/summary.parquet", path = `${folder}/${file}`, aside = `${folder}/aside`;
  await Deno.mkdir(`${folder}/results/summary/dt=2014-04-07`, { recursive: true });
  const wrong = () => wrongWithResult(kv, folder, file);
  try {
    await Deno.writeTextFile(path, "before there were sums");
    assert.equal(await wrong(), null);
    await Deno.writeTextFile(aside, "first");
    const first = await expectResult(kv, aside, file);
    await Deno.rename(aside, path);
    assert.equal(await wrong(), null, "in place, and not told");
    await first();
    await Deno.writeTextFile(aside, "second");
    const second = await expectResult(kv, aside, file);
    assert.equal(await wrong(), null, "the first, until the second is in place");
    await Deno.rename(aside, path);
    assert.equal(await wrong(), null);
    await second();
    await Deno.writeTextFile(path, "first");
    assert.match(await wrong() ?? "", /has 5 bytes and is listed with 6/, "the first has had its time");
    await Deno.writeTextFile(path, "Second");
    assert.match(await wrong() ?? "", /sha-256/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("sums of tries that ended early are kept up to resultSumsMax", async () => {
  const folder = await Deno.makeTempDir({ prefix: "guardian-damage-" });
  using kv = await Deno.openKv(":memory:");
  const file = "placed";
  try {
    const tryOf = async (text: string) => {
      await Deno.writeTextFile(`${folder}/aside`, text);
      await expectResult(kv, `${folder}/aside`, file);
    };
    await Deno.writeTextFile(`${folder}/${file}`, "0");
    for (let i = 0; i < limits.resultSumsMax; i++) await tryOf(String(i));
    assert.equal(await wrongWithResult(kv, folder, file), null, "at the limit");
    await tryOf("one more");
    assert.notEqual(await wrongWithResult(kv, folder, file), null, "the oldest has gone");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a damaged sum of a file of day jobs is named, and its file read by nothing until its day is run again", async () => {
  const data = await makeShop(), shop = await openShop(data, false), [date] = DAYS;
  const { state: kv } = shop.guardian, raw = rawKv(kv), key = stateKeys.resultSums(`results/sessions/dt=${date}/sessions.parquet`);
  try {
    const harmed = (await raw.get<Uint8Array>(key)).value!.slice();
    harmed[harmed.length - 1] ^= 1;
    await raw.set(key, harmed);
    const { findings } = await verifyLake(optionsOf(shop));
    assert.deepEqual(findings.map(({ mend }) => mend), [`Run that day again: jobs run ${date}`]);
    await assert.rejects(runJob("session_funnel", date, shop.service.days.context), { code: "corrupt" });
    await shop.service.days.runDay(date);
    assert.deepEqual((await verifyLake(optionsOf(shop))).findings, []);
  } finally {
    await shop.close();
    await Deno.remove(data, { recursive: true });
  }
});

function optionsOf({ guardian: { state: kv, duck, log, logFile } }: Shop) {
  return { kv, duck, log, logFile };
}
