// What `backup` and `restore` refuse, what they name, what is left when they are cut short, and that nobody is held up for ever.

import assert from "node:assert/strict";
import { resultFile } from "../../jobs/mod.ts";
import { backUp, readSheet, restore, SHEET, type Sheet } from "../../src/backup/mod.ts";
import { sheetText } from "../../src/backup/sheet.ts";
import type { BackupOut } from "../../src/cli/backup.ts";
import { Folder, paths } from "../../src/folder.ts";
import { hold, ifFree, whenFree } from "../../src/lake/hold.ts";
import { makeClicks, writeCsv } from "../../bench/clicks.ts";
import { lakeLines } from "../support/lake.ts";
import { guardian, lastJson, run, serve } from "../support/process.ts";
import { filesBelow, lakeOf, logOf, paced } from "./folder.ts";
import { clicks, DATE, firstPart, flip, withData } from "./made.ts";

interface Summary {
  readonly events: number;
  readonly accepted: number;
  readonly duplicates: number;
  readonly anomalies: Record<string, number>;
}

async function exists(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(() => true, () => false);
}

Deno.test("a backup of a folder that nobody has is restored to the same files, and leaves both as they are", async () => {
  await withData(async (folder, data) => {
    const backup = `${folder}/backup`, back = `${folder}/back`;
    const out = lastJson<BackupOut>(await run("backup", backup, "--data", data, "--json"));
    assert.deepEqual([out.ok, out.damaged, out.partitions.reduce((sum, { end }) => sum + end, 0) >= 600], [true, [], true]);
    const sheet = await readSheet(backup);
    assert.deepEqual(filesBelow(backup), [SHEET, ...sheet.files.map(({ path }) => path)].sort(), "nothing but what it lists");
    assert.ok(sheet.files.some(({ path }) => path === `lake/${resultFile("daily_metrics", DATE)}`));
    const { code, stdout } = await run("restore", backup, "--data", back);
    assert.equal(code, 0);
    assert.match(stdout, /is what was backed up at 20.*: \d+ files with [\d.]+ [kM]B/);
    assert.deepEqual(filesBelow(back), ["lock", ...sheet.files.map(({ path }) => path)].sort());
    assert.deepEqual(await logOf(back), await logOf(data));
    const lakes = await Promise.all([lakeOf(back), lakeOf(data)]);
    assert.deepEqual([lakes[0].rows, lakes[0].verified.findings], [lakes[1].rows, []]);
    const shown = async (where: string) => (await run("metrics", DATE, "--data", where, "--json")).stdout;
    assert.equal(await shown(back), await shown(data));
    assert.equal((await run("export", "daily_metrics", "--data", back, "--format", "csv", "--out", "-")).code, 0);
  });
});

Deno.test("places that are taken are refused in one sentence, and stay as they are", async () => {
  await withData(async (folder, data) => {
    const refused = async (exit: number, says: RegExp, ...args: string[]) => {
      const { code, stderr, stdout } = await run(...args);
      assert.deepEqual([code, stdout], [exit, ""], stderr);
      assert.match(stderr, says);
      assert.match(stderr, /^Cannot [^\n]+; [^\n]+\n$/);
    };
    await Deno.mkdir(`${folder}/full`);
    await Deno.writeTextFile(`${folder}/full/letter.txt`, "dear");
    await refused(73, /it is not empty; name another folder/, "backup", `${folder}/full`, "--data", data);
    await refused(73, /it is a file/, "backup", `${folder}/full/letter.txt`, "--data", data);
    await refused(73, /lies within the data folder/, "backup", `${data}/backup`, "--data", data);
    await refused(73, /no data folder of this program/, "backup", `${folder}/backup`, "--data", `${folder}/full`);
    assert.ok(!await exists(`${data}/backup`) && !await exists(`${data}/backup.part`));
    assert.equal((await run("backup", `${folder}/backup`, "--data", data)).code, 0);
    await refused(66, /has no backup\.json/, "restore", `${folder}/full`, "--data", `${folder}/back`);
    await refused(73, /it is not empty; name another with --data/, "restore", `${folder}/backup`, "--data", `${folder}/full`);
    await refused(73, /it is not empty/, "restore", `${folder}/backup`, "--data", data);
    assert.ok(!await exists(`${folder}/back`));
    const server = await serve(`${folder}/other`);
    try {
      await refused(75, /process \d+ has it; stop that first/, "restore", `${folder}/backup`, "--data", `${folder}/other`);
    } finally {
      await server.end("SIGTERM");
    }
    assert.deepEqual(filesBelow(`${folder}/full`), ["letter.txt"]);
  });
});

Deno.test("a part that is damaged in the data folder is named, and the backup has all the rest", async () => {
  await withData(async (folder, data) => {
    const part = firstPart(paths.lake(data));
    await flip(`${data}/lake/${part}`, 100);
    const first = await run("backup", `${folder}/one`, "--data", data, "--json");
    assert.equal(first.code, 1);
    const { damaged } = lastJson<BackupOut>(first);
    assert.deepEqual(damaged.map(({ path }) => path), [`lake/${part}`]);
    assert.match(damaged[0].problem, /^Its sha-256 is [0-9a-f]+ and listed as [0-9a-f]+$/);
    await Deno.remove(`${data}/lake/${part}`);
    const second = await run("backup", `${folder}/two`, "--data", data);
    assert.equal(second.code, 1);
    assert.match(second.stderr, new RegExp(`^lake/${part}: It is listed and not there`));
    const back = await run("restore", `${folder}/two`, "--data", `${folder}/back`, "--json");
    assert.equal(back.code, 1);
    const named = lastJson<{ damaged: { path: string }[]; left_out: unknown[] }>(back);
    assert.deepEqual([named.damaged.map(({ path }) => path), named.left_out], [[`lake/${part}`], []]);
    assert.deepEqual(await logOf(`${folder}/back`), await logOf(data), "all the rest is there");
  });
});

Deno.test("a backup that is damaged anywhere is refused and named, and nothing is put in place", async () => {
  await withData(async (folder, data) => {
    const backup = `${folder}/backup`, back = `${folder}/back`;
    const { sheet } = await backUp({ data, folder: backup });
    for (const { path, bytes } of sheet.files) {
      const whole = await Deno.readFile(`${backup}/${path}`);
      const harms: (() => Promise<void>)[] = [
        () => flip(`${backup}/${path}`, Math.floor(bytes / 2)),
        () => Deno.truncate(`${backup}/${path}`, bytes - 1),
        () => Deno.remove(`${backup}/${path}`),
      ];
      for (const harm of harms) {
        await harm();
        await assert.rejects(restore({ folder: backup, data: back }), (error: { code: string; message: string }) => {
          assert.equal(error.code, "corrupt");
          assert.ok(error.message.startsWith(`Cannot restore "${backup}": 1 of its files damaged: ${path} (`), error.message);
          return true;
        });
        assert.deepEqual(filesBelow(back), ["lock"]);
        await Deno.writeFile(`${backup}/${path}`, whole);
      }
    }
    const part = `lake/${firstPart(`${backup}/lake`)}`, bytes = (await Deno.readFile(`${backup}/${part}`)).slice();
    await flip(`${backup}/${part}`, 50);
    const { code, stdout } = await run("restore", backup, "--data", back, "--leave-out-damaged", "--json");
    assert.equal(code, 1);
    assert.deepEqual(JSON.parse(stdout).left_out.map(({ path }: { path: string }) => path), [part]);
    assert.ok(!await exists(`${back}/${part}`));
    await Deno.writeFile(`${backup}/${part}`, bytes);
    await flip(`${backup}/state.kv`, -9);
    await assert.rejects(restore({ folder: backup, data: `${folder}/none`, leaveOutDamaged: true }), { code: "corrupt" });
  });
});

Deno.test("a sheet that was changed, or leads out of the folder, or is of a newer program is refused", async () => {
  await withData(async (folder, data) => {
    const backup = `${folder}/backup`, back = `${folder}/back`, path = `${backup}/${SHEET}`;
    const { sheet } = await backUp({ data, folder: backup });
    const text = await Deno.readTextFile(path);
    const refused = async (changed: string, code: string) => {
      await Deno.writeTextFile(path, changed);
      await assert.rejects(restore({ folder: backup, data: back }), { code });
      assert.ok(!await exists(back));
    };
    for (let at = 0; at < text.length; at += 1 + Math.floor(text.length / 60)) {
      const changed = text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ 1) + text.slice(at + 1);
      await refused(changed, "corrupt");
      await refused(text.slice(0, at), "corrupt");
    }
    for (const out of ["../../etc/x", "/etc/x", "lake/../../x", "lake/.hold_parts", "lake//x", "lock", "sample/x", "lake/a\\b"]) {
      const files: Sheet["files"] = [...sheet.files, { path: out, bytes: 0, sha256: "0".repeat(64) }];
      await refused(sheetText({ ...sheet, files }), "corrupt");
    }
    await refused(sheetText({ ...sheet, folder_format: 99 }), "newer_format");
    await refused(sheetText({ ...sheet, format: 2 } as unknown as Sheet), "newer_format");
    await Deno.writeTextFile(path, sheetText({ ...sheet, files: sheet.files.filter(({ path }) => path !== "format.json") }));
    await assert.rejects(restore({ folder: backup, data: back }), /format\.json \(It is not in the backup\)/);
    assert.deepEqual(filesBelow(back), ["lock"]);
  });
});

Deno.test("a backup that fails or is killed at any step leaves no folder of its name, and the next one is whole", async () => {
  await withData(async (folder, data) => {
    const backup = `${folder}/backup`;
    for (const step of ["moment", "results", "state", "log", "parts", "name"] as const) {
      const fail = (now: string) => {
        if (now === step) throw new Error("the disk is full");
      };
      await assert.rejects(backUp({ data, folder: backup, beforeStep: fail }), /Cannot make a backup of .*: the disk is full; see whether/);
      assert.ok(!await exists(backup) && !await exists(`${backup}.part`), step);
    }
    const child = guardian(["backup", backup, "--data", data]).spawn();
    while (!await exists(`${backup}.part/format.json`) && !await exists(backup)) await paced(1);
    child.kill("SIGKILL");
    const { code } = await child.output();
    assert.ok(await exists(backup) === (code === 0), "it is there if it was done");
    if (code !== 0) await assert.rejects(restore({ folder: `${backup}.part`, data: `${folder}/back` }), { code: "input_unreadable" });
    else await Deno.remove(backup, { recursive: true });
    await backUp({ data, folder: backup });
    assert.ok(!await exists(`${backup}.part`));
    // As when it is killed between the removal of its mark and its name.
    await Deno.rename(backup, `${backup}.part`);
    await backUp({ data, folder: backup });
    assert.ok(!await exists(`${backup}.part`));
    await restore({ folder: backup, data: `${folder}/back` });
    assert.deepEqual(await logOf(`${folder}/back`), await logOf(data));
  });
});

Deno.test("a restore that is cut short leaves a folder that nothing but another restore takes", async () => {
  await withData(async (folder, data) => {
    const backup = `${folder}/backup`, back = `${folder}/back`;
    await backUp({ data, folder: backup });
    for (const step of ["place", "format"] as const) {
      const stop = (now: string) => {
        if (now === step) throw new Error("killed");
      };
      await assert.rejects(restore({ folder: backup, data: back, beforeStep: stop }), /killed/);
      await assert.rejects(Folder.take(back, 4), {
        code: "folder_unusable",
        message: /a restore into it did not come to its end; run that again/,
      });
      assert.ok(!await exists(paths.format(back)));
    }
    await restore({ folder: backup, data: back });
    assert.deepEqual(filesBelow(back).filter((path) => path.startsWith("restoring")), []);
    assert.deepEqual(await logOf(back), await logOf(data));
    await assert.rejects(restore({ folder: backup, data: back }), { code: "folder_unusable" });
  });
});

Deno.test("a log that lost its end, so that the state is ahead of it, is named", async () => {
  await withData(async (folder, data) => {
    await backUp({ data, folder: `${folder}/before` });
    await Deno.writeTextFile(`${folder}/more.ndjson`, clicks(900));
    lastJson(await run("replay", `${folder}/more.ndjson`, "--data", data, "--json"));
    await Deno.copyFile(`${folder}/before/log.kv`, paths.log(data));
    const { sheet } = await backUp({ data, folder: `${folder}/after` });
    assert.match(sheet.damaged[0].problem, /^Partition \d ends at offset \d+, and \d+ was read already$/);
    assert.equal(sheet.damaged[0].path, "log.kv");
  });
});

Deno.test("a replay whose folder is backed up half-way goes on in the restored folder where it stood", async () => {
  await withData(async (folder) => {
    const file = `${folder}/clicks.csv`, calm = `${folder}/calm`, half = `${folder}/half`, back = `${folder}/back`;
    await writeCsv(makeClicks(40_000, 1_500, 6 * 3_600_000), file);
    const replay = (data: string) => ["replay", file, "--data", data, "--json"];
    const want = lastJson<Summary>(await run(...replay(calm)));
    const child = guardian(replay(half)).spawn();
    const held = async () => {
      const { partitions } = (await backUp({ data: half, folder: `${folder}/backup` })).sheet;
      return partitions.reduce((sum, { end }) => sum + end, 0);
    };
    let had = 0;
    while (had === 0) {
      await paced(20);
      if (await exists(`${folder}/backup`)) await Deno.remove(`${folder}/backup`, { recursive: true });
      had = await held().catch(() => 0); // the folder is being made
    }
    assert.equal((await child.output()).code, 0, "the replay is not disturbed");
    await restore({ folder: `${folder}/backup`, data: back });
    const last = lastJson<Summary>(await run(...replay(back)));
    assert.equal(last.accepted + last.duplicates, want.accepted);
    assert.ok(last.duplicates > 0 && last.duplicates <= had, JSON.stringify({ had, last }));
    assert.deepEqual([last.events, last.anomalies], [want.events, want.anomalies]);
    assert.deepEqual(await lakeLines(back, "raw_clicks"), await lakeLines(calm, "raw_clicks"));
    assert.deepEqual((await lakeOf(back)).verified.findings, []);
  });
});

Deno.test("the lake is held still, and changed, with a lock file of another user that may only be read", async () => {
  const lake = await Deno.makeTempDir(), { open } = Deno;
  try {
    (await hold(lake, "parts"))[Symbol.dispose]();
    // As the system does for all users but root.
    Deno.open = (path, options) => options?.write ? Promise.reject(new Deno.errors.PermissionDenied("not yours")) : open(path, options);
    {
      using _held = await hold(lake, "parts");
      assert.equal(await ifFree(lake, "parts", () => Promise.resolve()), false);
    }
    assert.equal(await ifFree(lake, "parts", () => Promise.resolve()), true);
  } finally {
    Deno.open = open;
    await Deno.remove(lake, { recursive: true });
  }
});

Deno.test("what a backup holds still stays until the backup ends, and no longer when it is killed", async () => {
  const lake = await Deno.makeTempDir();
  try {
    let deleted = 0;
    const remove = () => ifFree(lake, "parts", () => Promise.resolve(void deleted++));
    const holder = new Deno.Command(Deno.execPath(), {
      args: [
        "eval",
        `import { hold } from ${JSON.stringify(new URL("../../src/lake/hold.ts", import.meta.url).href)};
        await hold(${JSON.stringify(lake)}, "parts"); await hold(${
          JSON.stringify(lake)
        }, "results"); console.log("held"); setInterval(() => {}, 1e6);`,
      ],
      stdout: "piped",
    }).spawn();
    const reader = holder.stdout.getReader();
    await reader.read();
    {
      using _ours = await hold(lake, "parts");
      assert.equal(await remove(), false, "two may hold at a time");
    }
    assert.equal(await remove(), false);
    let looks = 0, placed = false;
    const placing = whenFree(lake, "results", () => Promise.resolve(void (placed = true)), () => void looks++);
    while (looks < 2 && !placed) await paced(5);
    assert.equal(placed, false);
    const stopped = whenFree(lake, "results", () => Promise.resolve(), () => {
      throw new Error("stopped");
    });
    await assert.rejects(stopped, /stopped/, "who waits can be stopped");
    holder.kill("SIGKILL");
    await holder.status;
    await reader.cancel();
    await placing;
    assert.equal(await remove(), true);
    assert.deepEqual([deleted, placed], [1, true]);
  } finally {
    await Deno.remove(lake, { recursive: true });
  }
});
