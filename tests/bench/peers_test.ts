import assert from "node:assert/strict";
import { expectedFirings, makeClicks, writeCsv } from "../../bench/clicks.ts";
import { benchPeers } from "../../bench/peers.ts";

Deno.test("contenders find what a recount finds when clicks lie across windows and out of order", async () => {
  const clicks = makeClicks(40_000, 400, 600_000), path = await Deno.makeTempFile({ suffix: ".csv" });
  await writeCsv(clicks, path);
  const file = { name: "test", path, clicks: clicks.count, firings: expectedFirings(clicks) };
  assert.ok(file.firings.HIGH_FREQUENCY > 0 && file.firings.BOT_LIKE > 0);
  // It throws where one of them differs.
  assert.equal((await benchPeers(file, 1)).length, 4);
  await Deno.remove(path);
});
