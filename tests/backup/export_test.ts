// Exports of tables whose files are damaged: the file is named, and nothing is written in the place of the table.

import assert from "node:assert/strict";
import { resultFile } from "../../jobs/mod.ts";
import { paths } from "../../src/folder.ts";
import { lastJson, run } from "../support/process.ts";
import { filesBelow } from "./folder.ts";
import { DATE, firstPart, flip, withData } from "./made.ts";

Deno.test("an export of a damaged file names it, with the exit code of failing storage, and leaves what was there", async () => {
  await withData(async (folder, data) => {
    const out = `${folder}/table.csv`;
    const refused = async (table: string, file: string) => {
      await Deno.writeTextFile(out, "before");
      const { code, stdout, stderr } = await run("export", table, "--data", data, "--format", "csv", "--out", out);
      assert.deepEqual([code, stdout], [74, ""], stderr);
      assert.match(stderr, new RegExp(`^Cannot export ${table}: its file ${file} is [^\\n]+; [^\\n]+\\n$`));
      assert.equal(await Deno.readTextFile(out), "before");
      assert.deepEqual(filesBelow(folder).filter((path) => path.startsWith("table.csv.")), []);
    };
    const part = firstPart(paths.lake(data)), result = resultFile("daily_metrics", DATE);
    const bytes = await Deno.readFile(`${data}/lake/${part}`);
    await flip(`${data}/lake/${part}`, 40);
    await refused("raw_clicks", part);
    await Deno.remove(`${data}/lake/${part}`);
    await refused("raw_clicks", part);
    await Deno.writeFile(`${data}/lake/${part}`, bytes);
    await Deno.truncate(`${data}/lake/${result}`, 200);
    await refused("daily_metrics", result);
    const whole = await run("export", "raw_clicks", "--data", data, "--format", "ndjson", "--out", out, "--json");
    const told = lastJson<{ table: string; format: string; bytes: number }>(whole);
    const text = await Deno.readTextFile(out);
    assert.deepEqual([told.table, told.format, told.bytes], ["raw_clicks", "ndjson", text.length]);
    assert.equal(text.trimEnd().split("\n").length, 600);
  });
});
