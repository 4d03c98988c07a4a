// What is one moment, made to go wrong on purpose: writers that are quicker than a look, a server that goes on at each step of a backup, a
// day that is counted anew while its results are copied, and files that are due to be deleted.

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { resultFile } from "../../jobs/mod.ts";
import { backUp, restore } from "../../src/backup/mod.ts";
import { Moment } from "../../src/backup/moment.ts";
import { paths } from "../../src/folder.ts";
import { compactLake, deleteRetired, hold } from "../../src/lake/mod.ts";
import { filesInTree } from "../../src/lake/tree.ts";
import { limits } from "../../src/limits.ts";
import { clicks as clickBatch, labTest } from "../lake/lab.ts";
import { guardian, lastJson, run, serve } from "../support/process.ts";
import { Chain } from "./chain.ts";
import { logOf, paced } from "./folder.ts";
import { clicks, DATE, withData } from "./made.ts";
import { checkMoment, checkResults } from "./restored.ts";

const MOMENTS = 100;
const LOOKS = 100;

/** Counts in `log.kv` and then in `state.kv`, as quickly as it can. */
function countIn(folder: string): void {
  const open = (path: string) => {
    // As long as Deno KV waits for who is just opening the file.
    const database = new DatabaseSync(path, { timeout: 5_000 });
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; CREATE TABLE count (n INTEGER); INSERT INTO count VALUES (0)");
    return database.prepare("UPDATE count SET n = n + 1");
  };
  const log = open(`${folder}/log.kv`), state = open(`${folder}/state.kv`);
  console.log("counting");
  while (true) {
    log.run();
    state.run();
  }
}

Deno.test(`${MOMENTS} moments of two files that are written all the time are each one`, async () => {
  const folder = await Deno.makeTempDir({ prefix: "guardian-backup-" });
  const code = `import { DatabaseSync } from "node:sqlite"; (${countIn})(${JSON.stringify(folder)})`;
  const writer = new Deno.Command(Deno.execPath(), { args: ["eval", "--ext=ts", code], stdout: "piped" }).spawn();
  const reader = writer.stdout.getReader();
  try {
    await reader.read();
    let last = -1, again = 0;
    for (let i = 0; i < MOMENTS || (again === 0 && i < 10 * MOMENTS); i++) {
      using moment = Moment.find(folder);
      const counts: number[] = [];
      for (const file of [moment.log, moment.state]) {
        const copy = `${folder}/copy-${i}-${counts.length}.kv`;
        await file.copyTo(copy, () => {});
        using database = new DatabaseSync(copy);
        counts.push(Number(database.prepare("SELECT n FROM count").get()!.n));
      }
      const [log, state] = counts;
      assert.ok(log === state || log === state + 1, `moment ${i}: ${log} in the log, ${state} in the state`);
      assert.ok(log >= last, "time goes on");
      last = log;
      await Promise.all(counts.map((_, n) => Deno.remove(`${folder}/copy-${i}-${n}.kv`)));
      again += moment.tries - 1;
    }
    assert.ok(again > 0, "some moments were not one at the first look");
  } finally {
    writer.kill("SIGKILL");
    await writer.status;
    await reader.cancel();
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a backup is the moment that it named, however much comes between its steps", async () => {
  const folder = await Deno.makeTempDir({ prefix: "guardian-backup-" }), data = `${folder}/data`;
  try {
    const server = await serve(data), chain = new Chain(server.url);
    const steps: string[] = [];
    try {
      await chain.prepare();
      const going = chain.run();
      going.catch(() => {});
      while (chain.done.judged < 3) await paced(5);
      const before = chain.done;
      let found = before;
      const { sheet } = await backUp({
        data,
        folder: `${folder}/backup`,
        beforeStep: async (step) => {
          steps.push(step);
          // What is done from here on comes after the moment, but for what was on its way.
          if (step === "results") found = chain.done;
          const { judged } = chain.done;
          while (chain.done.judged < judged + 4) await paced(5);
        },
      });
      chain.stop();
      await going;
      await server.end("SIGTERM");
      await restore({ folder: `${folder}/backup`, data: `${folder}/back` });
      await checkMoment(`${folder}/back`, sheet, await logOf(data), before, found);
    } finally {
      chain.stop();
      await server.end("SIGTERM");
    }
    assert.deepEqual(steps, ["moment", "results", "state", "log", "parts", "name"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("results that a job makes anew while they are copied wait for the backup", async () => {
  await withData(async (folder, data) => {
    await Deno.writeTextFile(`${folder}/more.ndjson`, clicks(900));
    lastJson(await run("replay", `${folder}/more.ndjson`, "--data", data, "--json"));
    const file = `${paths.lake(data)}/${resultFile("daily_metrics", DATE)}`;
    const made = (await Deno.stat(file)).ino;
    const ready = () => [...Deno.readDirSync(`${paths.lake(data)}/.tmp`)].filter(({ name }) => name.startsWith("job_")).length >= 3;
    let job: Deno.ChildProcess | null = null;
    await backUp({
      data,
      folder: `${folder}/backup`,
      beforeStep: async (step) => {
        if (step !== "results") return;
        job = guardian(["jobs", "run", DATE, "--data", data]).spawn();
        const placed = async () => (await Deno.stat(file)).ino !== made;
        while (!ready() && !await placed()) await paced(5);
        // One that does not wait has put them in place by then.
        for (let i = 0; i < LOOKS && !await placed(); i++) await paced(5);
      },
    });
    assert.equal((await job!.output()).code, 0, "the job goes on when it may");
    assert.notEqual((await Deno.stat(file)).ino, made);
    await restore({ folder: `${folder}/backup`, data: `${folder}/back` });
    assert.equal(await checkResults(`${folder}/back`), 2);
  });
});

labTest("files that were replaced stay while a backup holds the parts of the lake", async (lab) => {
  const archiver = lab.archiver();
  await archiver.recover();
  for (let i = 0; i < 3; i++) {
    lab.log.append(clickBatch(5));
    await archiver.flush();
  }
  const options = { ...lab, logLine: lab.logLine, force: true };
  await compactLake(options);
  lab.clock.time += limits.retiredKeepMs;
  {
    using _held = await hold(lab.lakeFolder, "parts");
    assert.equal(await deleteRetired(options), 0);
    assert.equal((await filesInTree(lab.lakeFolder)).length, 4);
  }
  assert.equal(await deleteRetired(options), 3);
});
