// `scan` and `replay` over ten million generated clicks give exactly the firings that a batch query over the whole file gives.
// Needs the file and the answer: GUARDIAN_TEST_PEERS names their folder; without it the tests say so and are passed over.

import assert from "node:assert/strict";
import { lastJson, run } from "../support/process.ts";

const folder = Deno.env.get("GUARDIAN_TEST_PEERS");
const ignore = folder === undefined;
if (ignore) console.log("tests/peers: passed over, for GUARDIAN_TEST_PEERS does not name a folder with clicks_10m.csv and oracle_10m.csv");

interface Firing {
  anomaly_type: string;
  session_id: number | string;
  window_start: string;
  click_count: number;
  unique_items: number;
  status: string;
}

/** Firings as the answer has them: rule, session, window start in ms, clicks, and distinct items where the rule counts them. */
function lines(ndjson: string): string[] {
  return ndjson.trimEnd().split("\n").map((line) => {
    const { anomaly_type, session_id, window_start, click_count, unique_items, status } = JSON.parse(line) as Firing;
    assert.equal(status, "confirmed");
    return `${anomaly_type},${session_id},${Date.parse(window_start)},${click_count},${anomaly_type === "BOT_LIKE" ? unique_items : ""}`;
  }).sort();
}

async function answer(): Promise<string[]> {
  return (await Deno.readTextFile(`${folder}/oracle_10m.csv`)).replaceAll('"', "").trimEnd().split("\n").sort();
}

Deno.test({
  name: "scan finds exactly the firings in ten million clicks",
  ignore,
  async fn() {
    const { code, stdout, stderr } = await run("scan", `${folder}/clicks_10m.csv`, "--json");
    assert.equal(code, 0, stderr);
    assert.deepEqual(lines(stdout), await answer());
  },
});

Deno.test({
  name: "replay finds exactly the firings in ten million clicks, and keeps every row",
  ignore,
  async fn() {
    const data = await Deno.makeTempDir();
    try {
      const summary = lastJson<{ accepted: number; late: number }>(
        await run("replay", `${folder}/clicks_10m.csv`, "--data", data, "--replay-speed", "max", "--json"),
      );
      assert.deepEqual([summary.accepted, summary.late], [10_000_000, 0]);
      assert.deepEqual(lines((await run("anomalies", "--data", data, "--json")).stdout), await answer());
      const { code, stdout } = await run("verify", "--data", data, "--json");
      assert.equal(code, 0, stdout);
    } finally {
      await Deno.remove(data, { recursive: true });
    }
  },
});
