// Files that pages save: they have what is shown, under the names that the API has, and pictures are pictures.

import assert from "node:assert/strict";
import { parse } from "csv-parse/sync";
import { labTests } from "./lab.ts";
import { pagePaths, settled, tableOf } from "./reading.ts";
import { savedBy } from "./saving.ts";

const PNG = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

const test = labTests({ visitorsPerDay: 600, days: 2 });

type Row = Record<string, string>;

test("a table as CSV and as JSON has the rows that are shown, in the order that is shown, with the figures of the API", async ({ open, get }) => {
  const page = await open("/dashboard/items?by=clicks&traffic=humans");
  await settled(page);
  const region = page.getByRole("region", { name: /^Items of/ });
  const name = (await region.locator("caption").textContent())!,
    date = (await get<{ metric_date: string }[]>("/metrics/daily?limit=1"))[0].metric_date;
  await region.getByRole("columnheader", { name: /^Purchases/ }).getByRole("button", { name: /^Purchases$/ }).click();
  const shown = (await tableOf(region.locator("table"))).slice(1).map((row) => row[0]);
  const csv = await savedBy(page, page.getByRole("button", { name: `${name} as CSV` }));
  const rows = parse(csv.text, { columns: true }) as Row[];
  assert.deepEqual(rows.map(({ item_id }) => item_id), shown);
  const items = await get<Record<string, unknown>[]>(`/items/popular/${date}?by=clicks&traffic=humans`);
  for (const item of items) {
    const row = rows.find(({ item_id }) => item_id === String(item.item_id))!;
    for (const [field, value] of Object.entries(row)) assert.equal(value, item[field] === null ? "" : String(item[field]), field);
  }
  const json = await savedBy(page, page.getByRole("button", { name: `${name} as JSON` }));
  assert.deepEqual(JSON.parse(json.text).map(({ item_id }: { item_id: number }) => String(item_id)), shown);
  assert.deepEqual([csv.name, json.name], [`items_by_clicks_${date}.csv`, `items_by_clicks_${date}.json`]);
});

test("every chart is saved as a picture and as the table behind it", async ({ open, visit }) => {
  let charts = 0;
  const page = await open(pagePaths[0]);
  for (const path of pagePaths) {
    await visit(page, path);
    await settled(page);
    for (const figure of await page.locator("figure.chart").all()) {
      const picture = figure.getByRole("button", { name: /PNG picture$/ });
      if (await picture.count() === 0) continue; // nothing to draw
      await figure.scrollIntoViewIfNeeded();
      await figure.locator("canvas").first().waitFor();
      const png = await savedBy(page, picture);
      assert.ok(png.name.endsWith(".png"));
      assert.deepEqual([...png.bytes.subarray(0, 8)], PNG, png.name);
      const [width, height] = [16, 20].map((at) => new DataView(png.bytes.buffer).getUint32(at));
      assert.ok(width > 200 && height > 80, `${png.name}: ${width} x ${height}`);
      const csv = await savedBy(page, figure.getByRole("button", { name: /as CSV$/ }));
      await figure.getByRole("button", { name: /as a table$/ }).click();
      const table = await tableOf(figure.locator("table"));
      assert.equal(parse(csv.text).length, table.length, csv.name);
      charts++;
    }
  }
  assert.ok(charts >= 12, `${charts} charts`);
});

test("the blocklist is saved with the sessions that the API has in it", async ({ open, get, url }) => {
  const page = await open("/dashboard/anomalies");
  await settled(page);
  const saved = await savedBy(page, page.getByRole("link", { name: /one session a line/ }));
  assert.equal(saved.text, await (await fetch(`${url}/blocklist?format=lines`)).text());
  assert.ok(saved.text.includes(String((await get<{ session_id: number }[]>("/anomalies?status=confirmed&limit=1"))[0].session_id)));
});
