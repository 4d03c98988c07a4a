// Items of a day in order of revenue, clicks and purchases: the first of each are there, also where they are last in the other orders.

import assert from "node:assert/strict";
import { limits } from "../../src/limits.ts";
import { closing, withLab } from "./lab.ts";

const DATE = "2014-04-07";
/** Items of each sort: as many as are kept by one figure. */
const EACH = limits.popularItemsMax;

interface Item {
  readonly item_id: string;
  readonly click_count: number;
  readonly purchase_count: number;
  readonly revenue: number;
  readonly rank: number;
}

/** Dear items, bought once each; looked-at items; cheap items, bought twice each; and one dull item that is in no list. */
function shop(): object[] {
  const events: object[] = [];
  const start = Date.parse(`${DATE}T10:00:00Z`);
  const add = (event: object) => events.push({ session_id: `s${events.length}`, timestamp: start + events.length, ...event });
  const buy = (item_id: string, price: number) => add({ kind: "purchase", item_id, price, quantity: 1 });
  for (let i = 0; i < EACH; i++) {
    buy(`dear-${i}`, 1000 + i);
    for (let n = 0; n < 2; n++) add({ item_id: `seen-${i}` });
    for (let n = 0; n < 2; n++) buy(`cheap-${i}`, 0.01);
  }
  add({ item_id: "dull" });
  return events;
}

Deno.test("items of a day are the first by the figure that is asked for", async () => {
  await withLab(async (lab) => {
    await lab.post([...shop(), ...closing(Date.parse(`${DATE}T23:00:00Z`))]);
    await lab.guardian.caughtUp();
    await (await lab.fetch("/jobs/backfill", { method: "POST" })).text();
    const items = async (query = ""): Promise<Item[]> => await (await lab.fetch(`/items/popular/${DATE}${query}`)).json();

    for (const [query, sort] of [["", "dear"], ["?by=revenue", "dear"], ["?by=clicks", "seen"], ["?by=purchases", "cheap"]]) {
      const rows = await items(query);
      assert.equal(rows.length, EACH, query);
      assert.deepEqual(new Set(rows.map(({ item_id }) => String(item_id).split("-")[0])), new Set([sort]), query);
    }
    const byRevenue = await items();
    assert.deepEqual(byRevenue.map(({ rank }) => rank), Array.from({ length: EACH }, (_, i) => i + 1));
    const byClicks = await items("?by=clicks&limit=3");
    assert.deepEqual(byClicks.map(({ item_id, click_count }) => [item_id, click_count]), [["seen-0", 2], ["seen-1", 2], ["seen-10", 2]]);
    assert.ok(byClicks.every(({ rank }) => rank > EACH), "the rank is the place by revenue, whatever the order");
    const byPurchases = await items("?by=purchases&traffic=humans");
    assert.ok(byPurchases.every(({ purchase_count, revenue }) => purchase_count === 2 && revenue === 0.02));

    const refused = await lab.fetch(`/items/popular/${DATE}?by=price`);
    assert.deepEqual([refused.status, (await refused.json()).code], [400, "invalid_parameter"]);
  });
});
