// Real files of a shop, as they came: the lake holds what the file holds, by value; a second replay changes nothing.

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { lastJson, run } from "../support/process.ts";
import { lakeLines } from "../support/lake.ts";

const shared = fileURLToPath(new URL("../../../shared/data/yoochoose", import.meta.url));
const files = ["clicks-head-1000.dat", "clicks-2014-09-raw.dat"];

async function present(): Promise<boolean> {
  try {
    return (await Deno.stat(shared)).isDirectory;
  } catch {
    return false;
  }
}

const ignore = !(await present());
if (ignore) console.log("tests/source/yoochoose: passed over, for the real files are not beside this folder");

for (const name of files) {
  Deno.test({
    name: `replay keeps every row of ${name} by value, and a second one changes nothing`,
    ignore,
    async fn() {
      const data = await Deno.makeTempDir();
      try {
        const path = `${shared}/${name}`;
        // A row with a cut time or too few columns is no row; the last line of the second file may be cut.
        const rows = (await Deno.readTextFile(path)).split("\n").map((line) => line.split(",")).filter(([, time, item, category]) =>
          /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(time ?? "") && item && category !== undefined
        );
        const want = rows.map(([session, time, item, category]) =>
          `session_id=${session} timestamp=${time} item_id=${item} category=${category}`
        ).sort();
        const first = lastJson<Record<string, unknown>>(await run("replay", path, "--data", data, "--replay-speed", "max", "--json"));
        assert.equal(first.accepted, want.length);
        const held = async () =>
          (await lakeLines(data, "raw_clicks")).map((line) => /session_id=\S+ timestamp=\S+ item_id=\S+ category=\S+/.exec(line)![0])
            .sort();
        assert.deepEqual(await held(), want);
        const second = lastJson<Record<string, unknown>>(await run("replay", path, "--data", data, "--replay-speed", "max", "--json"));
        assert.deepEqual([second.accepted, second.duplicates, second.anomalies], [0, want.length, first.anomalies]);
        assert.deepEqual(await held(), want);
      } finally {
        await Deno.remove(data, { recursive: true });
      }
    },
  });
}
